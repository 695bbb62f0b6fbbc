import Foundation
import HSICore

/// Takes results in the geometry of a swath, keeps them in a scratch file, and writes them on a map grid at the end.
///
/// Every cell gets the samples of one pixel, unchanged; cells without a pixel become no data.
final class OrthoWriter: CubeWriter {
  let path: String
  /// Size of the swath: what is written to this writer.
  let shape: CubeShape
  var sampleType: SampleType { target.sampleType }
  let blockLines = 1
  private let grid: OrthoGrid
  private let target: any CubeWriter
  private let scratch: ScratchFile
  private let packed = StoredBlock()
  private let fill: [UInt8]
  private let context: RunContext
  private var place: WritingPlace

  private var pixelBytes: Int { shape.bands * sampleType.size }

  /// - Parameter nodata: stored value of cells without a pixel, per band.
  init(_ target: any CubeWriter, grid: OrthoGrid, swath: CubeShape, nodata: [Double?], context: RunContext) throws {
    (self.target, self.grid, self.context) = (target, grid, context)
    path = target.path
    shape = swath
    place = WritingPlace(swath)
    fill = nodata.flatMap { OrthoWriter.bytes($0, target.sampleType) }
    do {
      scratch = try ScratchFile(for: target.path, size: swath.bytes(of: target.sampleType))
    } catch {
      target.discard()
      throw error
    }
  }

  func write(_ block: StoredBlock, lines: Range<Int>, samples: Range<Int>) throws {
    place.advance(lines, samples)
    let pieces = StripPiece.of(
      lines, samples: samples, height: lines.count, bytesPerPixel: pixelBytes, room: 16 << 20)
    for piece in pieces {
      let (count, width) = (piece.lines.count, piece.samples.count)
      packed.prepare(type: sampleType, interleave: .bip, lines: count, samples: width, bands: shape.bands)
      packed.copySamples(
        from: block, first: piece.lines.lowerBound - lines.lowerBound, lines: count, samples: width, bands: shape.bands,
        sample: piece.samples.lowerBound - samples.lowerBound)
      let bytes = UnsafeRawBufferPointer(start: packed.bytes.baseAddress, count: count * width * pixelBytes)
      let first = piece.lines.lowerBound * shape.samples + piece.samples.lowerBound
      // Several lines are whole ones.
      try scratch.write(bytes, at: first * pixelBytes)
    }
  }

  func finish() throws -> [String] {
    guard place.isComplete else {
      discard()
      throw CoreError.cannotWrite(path: path, reason: "only \(place.lines) of \(shape.lines) lines were written")
    }
    do {
      let pixels = try scratch.mapped()
      let height = StripHeight.lines(
        bytesPerLine: grid.samples * pixelBytes, unit: target.blockLines, most: 32 << 20, context)
      let block = StoredBlock()
      for top in stride(from: 0, to: grid.lines, by: height) {
        try context.checkCancellation()
        let bottom = min(grid.lines, top + height)
        block.prepare(
          type: sampleType, interleave: .bip, lines: bottom - top, samples: grid.samples, bands: shape.bands)
        gather(top * grid.samples..<bottom * grid.samples, from: pixels, into: block)
        scratch.releasePages()
        try target.write(block, lines: top..<bottom)
        context.progress.report(phase: "orthorectifying", fraction: Double(bottom) / Double(grid.lines))
      }
      return try target.finish()
    } catch {
      target.discard()
      throw error
    }
  }

  func discard() { target.discard() }

  private func gather(_ cells: Range<Int>, from pixels: UnsafeRawBufferPointer, into block: StoredBlock) {
    guard let source = pixels.baseAddress, let base = block.bytes.baseAddress else { return }
    fill.withUnsafeBytes { fill in
      guard let empty = fill.baseAddress else { return }
      for (place, cell) in cells.enumerated() {
        let pixel = Int(grid.cells[cell])
        (base + place * pixelBytes).copyMemory(
          from: pixel < 0 ? empty : source + pixel * pixelBytes, byteCount: pixelBytes)
      }
    }
  }

  /// A stored value as bytes: NaN or 0 without a value, the nearest number that the type holds.
  private static func bytes(_ value: Double?, _ type: SampleType) -> [UInt8] {
    func raw<T>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
    func whole<T: FixedWidthInteger>(_: T.Type) -> [UInt8] {
      guard let value, !value.isNaN else { return raw(T.zero) }
      return raw(T(exactly: value.rounded()) ?? (value < 0 ? T.min : T.max))
    }
    return switch type {
    case .uint8: whole(UInt8.self)
    case .int8: whole(Int8.self)
    case .uint16: whole(UInt16.self)
    case .int16: whole(Int16.self)
    case .uint32: whole(UInt32.self)
    case .int32: whole(Int32.self)
    case .uint64: whole(UInt64.self)
    case .int64: whole(Int64.self)
    case .float32: raw(Float(value ?? .nan))
    case .float64: raw(value ?? .nan)
    }
  }
}
