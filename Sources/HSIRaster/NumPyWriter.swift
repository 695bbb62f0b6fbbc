import Foundation
import HSICore

/// Writes a cube as a NumPy array: `.npy` version 1, axes line, sample, band, this machine's (little-endian) order.
///
/// Metadata are not kept: the format has no place for them.
public final class NumPyWriter: CubeWriter {
  public let path: String
  public let shape: CubeShape
  public let sampleType: SampleType
  public let blockLines = 1
  private let output: OutputFile
  private let bytes: OutputBytes
  private var place: WritingPlace
  private let scratch = StoredBlock()

  /// Creates the file under a temporary name.
  ///
  /// - Throws: `CoreError.outputExists`, `.cannotWrite`, `.diskFull`.
  public init(_ path: String, shape: CubeShape, type: SampleType, overwrite: Bool, inputs: [String] = []) throws {
    self.path = path
    self.shape = shape
    place = WritingPlace(shape)
    sampleType = type
    output = try OutputFile(path, overwrite: overwrite, inputs: inputs)
    bytes = try output.create()
    try bytes.write(NumPyWriter.header(shape, type))
  }

  /// Signature, version 1.0, length, dictionary; padded so that the numbers start at a multiple of 64 bytes.
  static func header(_ shape: CubeShape, _ type: SampleType) -> [UInt8] {
    let codes: [SampleType: String] = [
      .uint8: "|u1", .int8: "|i1", .uint16: "<u2", .int16: "<i2", .uint32: "<u4", .int32: "<i4",
      .uint64: "<u8",
      .int64: "<i8", .float32: "<f4", .float64: "<f8",
    ]
    var text =
      "{'descr': '\(codes[type] ?? "<f4")', 'fortran_order': False, "
      + "'shape': (\(shape.lines), \(shape.samples), \(shape.bands)), }"
    text += String(repeating: " ", count: (64 - (10 + text.utf8.count + 1) % 64) % 64) + "\n"
    let length = text.utf8.count
    return NumPyHeader.signature + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(text.utf8)
  }

  public func write(_ block: StoredBlock, lines: Range<Int>, samples: Range<Int>) throws {
    place.advance(lines, samples)
    precondition(block.type == sampleType, "samples as created")
    let pixel = shape.bands * sampleType.size
    let isReady =
      !block.isByteSwapped
      && (block.lineStride, block.pixelStride, block.bandStride)
        == StoredBlock.strides(
          .bip, size: sampleType.size, lines: lines.count, samples: samples.count, bands: shape.bands)
    if isReady, let base = block.bytes.baseAddress {
      return try put(base, count: lines.count * samples.count * pixel)
    }
    let pieces = StripPiece.of(lines, samples: samples, height: lines.count, bytesPerPixel: pixel, room: 16 << 20)
    for piece in pieces {
      let (count, width) = (piece.lines.count, piece.samples.count)
      scratch.prepare(type: sampleType, interleave: .bip, lines: count, samples: width, bands: shape.bands)
      scratch.copySamples(
        from: block, first: piece.lines.lowerBound - lines.lowerBound, lines: count, samples: width, bands: shape.bands,
        sample: piece.samples.lowerBound - samples.lowerBound)
      if let base = scratch.bytes.baseAddress { try put(base, count: count * width * pixel) }
    }
  }

  private func put(_ base: UnsafeMutableRawPointer, count: Int) throws {
    do {
      try bytes.write(UnsafeRawBufferPointer(start: base, count: count))
    } catch {
      discard()
      throw error
    }
  }

  public func finish() throws -> [String] {
    guard place.isComplete else {
      discard()
      throw RasterError.inputOutput(
        path: path, action: "writing", reason: "\(place.lines) of \(shape.lines) lines were written")
    }
    do {
      try bytes.close()
    } catch {
      output.discard()
      throw error
    }
    try output.commit()
    return [path]
  }

  public func discard() {
    try? bytes.close()
    output.discard()
  }
}
