import CKernels
import Foundation
import HSICore
import HSINumerics

/// Writes rows of results (valid pixels × bands, float32) as full lines of a raster; all other pixels become nodata.
///
/// Values are taken as physical: stored = (value − offset) / scale, rounded to nearest and clipped for integer types.
/// NaN becomes nodata in integer types.
public final class ResultWriter {
  private let writer: any CubeWriter
  private let metadata: CubeMetadata
  private let lines = PixelMatrix(rows: 0, columns: 0)
  private let block = StoredBlock()
  private let nodata: Double

  /// Results of the size of a writer.
  ///
  /// - Parameter metadata: that of the file; its `nodata` fills pixels without result (NaN or 0 where it has none).
  public init(_ writer: any CubeWriter, metadata: CubeMetadata) {
    self.writer = writer
    self.metadata = metadata
    nodata = metadata.nodata.compactMap { $0 }.first ?? (writer.sampleType.isFloatingPoint ? .nan : 0)
  }

  /// Final name.
  public var path: String { writer.path }

  /// Writes the next lines.
  ///
  /// - Parameters:
  ///   - values: `count × bands` results, one row per valid pixel.
  ///   - positions: the places of the rows in the window (`line · samples + sample`), ascending.
  ///   - window: the lines, in the coordinates of the raster.
  public func write(_ values: PixelMatrix, positions: [Int32], window: PixelWindow) throws {
    let bands = writer.shape.bands
    precondition(
      values.columns == bands && values.rows == positions.count, "rows of \(bands) values with positions")
    let count = window.pixels
    var rows = values
    if positions.count != count {
      lines.reshape(rows: count, columns: bands)
      scatter(values, positions, count: count)
      rows = lines
    }
    let type = writer.sampleType
    block.prepare(type: type, interleave: .bip, lines: window.lines, samples: window.samples, bands: bands)
    store(rows, count: count, type: type)
    try writer.write(block, lines: window.line..<(window.line + window.lines))
  }

  /// Writes a strip's worth of results.
  public func write(_ values: PixelMatrix, of strip: Strip) throws {
    try write(values, positions: strip.positions, window: strip.window)
  }

  /// Completes the file.
  ///
  /// - Returns: every file written.
  public func finish() throws -> [String] { try writer.finish() }

  /// Deletes what was written so far.
  public func discard() { writer.discard() }

  private func scatter(_ values: PixelMatrix, _ positions: [Int32], count: Int) {
    let bands = writer.shape.bands
    // Integer types get their nodata from NaN when they are stored.
    let fill = writer.sampleType.isFloatingPoint ? physical(nodata) : .nan
    var next = 0
    for n in 0..<count {
      let target = lines.pointer + n * bands
      if next < positions.count, Int(positions[next]) == n {
        target.update(from: values.pointer + next * bands, count: bands)
        next += 1
      } else {
        target.update(repeating: fill, count: bands)
      }
    }
  }

  /// The value that is stored as `raw` in band 0.
  private func physical(_ raw: Double) -> Float {
    Float(raw * (metadata.scale.first ?? 1) + (metadata.offset.first ?? 0))
  }

  private func store(_ rows: PixelMatrix, count: Int, type: SampleType) {
    guard let base = block.bytes.baseAddress else { return }
    let isPlain = metadata.scale.allSatisfy { $0 == 1 } && metadata.offset.allSatisfy { $0 == 0 }
    metadata.scale.withUnsafeBufferPointer { scale in
      metadata.offset.withUnsafeBufferPointer { offset in
        var job = hsi_write_job()
        job.source = UnsafePointer(rows.pointer)
        job.source_stride = rows.columns
        job.pixels = count
        job.bands = rows.columns
        job.out = base
        job.type = type.kernelType
        job.pixel_stride = block.pixelStride
        job.band_stride = block.bandStride
        job.scale = isPlain ? nil : scale.baseAddress
        job.offset = isPlain ? nil : offset.baseAddress
        job.nan_value = nodata.isNaN ? 0 : nodata
        _ = hsi_convert_from_float(&job)
      }
    }
  }
}
