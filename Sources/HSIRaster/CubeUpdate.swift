import Foundation
import HSICore
import HSINumerics
import Synchronization

/// Writes a cube again with new values in some bands of some pixels. Everything else, no-data pixels and other bands,
/// keeps its stored samples: bit by bit where the file keeps its type, else as the same numbers.
public enum CubeUpdate {
  /// What was written.
  public struct Outcome {
    /// Every file.
    public var files: [String]
    /// Values beyond the range of the type, which took its end.
    public var clipped: Int
    /// Values that would have become no data, which took the next stored value.
    public var shifted: Int
  }

  /// Writes strip by strip.
  ///
  /// - Parameters:
  ///   - window: the part of the reader to write; its size is that of the writer.
  ///   - bands: bands of the reader in the order of the writer.
  ///   - values: new values in physical units; its image is the window.
  ///   - places: for every band of `values` its index in `bands`.
  ///   - writer: of the type of the reader, or float32. Stored values are `(value − offset) / scale`; integer types
  ///     round to nearest.
  /// - Throws: the errors of reader and writer, `CoreError.cancelled`; nothing is left then.
  public static func run(
    from reader: any CubeReader, window: PixelWindow, bands: [Int], values: Cube, places: [Int],
    to writer: any CubeWriter, _ context: RunContext
  ) throws -> Outcome {
    let claim = context.claimThreads()
    defer { claim.release() }
    precondition(writer.sampleType == reader.sampleType || writer.sampleType == .float32)
    precondition(values.shape.lines == window.lines && values.shape.samples == window.samples)
    precondition(places.count == values.shape.bands)
    let metadata = reader.metadata.selecting(bands: bands)
    let (samples, type) = (window.samples, writer.sampleType)
    let perLine = samples * bands.count * (reader.sampleType.size + type.size)
    let height = StripHeight.lines(
      bytesPerLine: perLine, unit: max(reader.blockLines, writer.blockLines), context)
    let (stored, target) = (StoredBlock(), StoredBlock())
    let numbers = Conversion(CubeMetadata(bands: bands.count), policy: .any)
    var outcome = Outcome(files: [], clipped: 0, shifted: 0)
    do {
      var (line, next) = (0, 0)
      context.progress.report(phase: "writing", fraction: 0)
      while line < window.lines {
        try context.checkCancellation()
        let end = min(window.lines, line + height)
        let area = PixelWindow(
          line: window.line + line, sample: window.sample, lines: end - line, samples: samples)
        try reader.read(area, bands: bands, into: stored)
        target.prepare(
          type: type, interleave: .bip, lines: end - line, samples: samples, bands: bands.count)
        if stored.type == type {
          target.copySamples(from: stored, lines: end - line, samples: samples, bands: bands.count)
        } else if let base = target.bytes.baseAddress {
          numbers.run(
            stored, lines: end - line, samples: samples, out: base.assumingMemoryBound(to: Float.self),
            valid: nil)
        }
        let first = next
        while next < values.count, Int(values.positions[next]) < end * samples { next += 1 }
        let found = put(
          values, rows: first..<next, places: places, origin: line * samples, into: target,
          width: bands.count,
          metadata: metadata)
        outcome.clipped += found.clipped
        outcome.shifted += found.shifted
        try writer.write(target, lines: line..<end)
        line = end
        context.progress.report(phase: "writing", fraction: Double(line) / Double(window.lines))
      }
      outcome.files = try writer.finish()
      return outcome
    } catch {
      writer.discard()
      throw error
    }
  }

  /// Stores the values of some rows; `origin` is the place of the first pixel of the block.
  private static func put(
    _ values: Cube, rows: Range<Int>, places: [Int], origin: Int, into block: StoredBlock, width: Int,
    metadata: CubeMetadata
  ) -> (clipped: Int, shifted: Int) {
    guard let base = block.bytes.baseAddress else { return (0, 0) }
    func store<T: FixedWidthInteger & Sendable>(_ type: T.Type) -> (clipped: Int, shifted: Int) {
      let samples = base.assumingMemoryBound(to: T.self)
      let nodata = metadata.nodata.map { $0.flatMap { T(exactly: $0) } }
      return each { value, pixel, place, counts in
        guard value.isFinite else { return }
        let rounded = value.rounded(.toNearestOrEven)
        var result: T
        if let exact = T(exactly: rounded) {
          result = exact
        } else {
          result = rounded < 0 ? T.min : T.max
          counts.clipped += 1
        }
        if let nodata = nodata[place], result == nodata {
          result = (value < Double(nodata) && nodata > T.min) || nodata == T.max ? nodata - 1 : nodata + 1
          counts.shifted += 1
        }
        samples[pixel * width + place] = result
      }
    }
    func each(
      _ body: @escaping (Double, Int, Int, inout (clipped: Int, shifted: Int)) -> Void
    ) -> (clipped: Int, shifted: Int) {
      let total = Mutex((clipped: 0, shifted: 0))
      let (scale, offset) = (metadata.scale, metadata.offset)
      Parallel.forEachChunk(of: rows.count, chunk: 2048) { _, range in
        var counts = (clipped: 0, shifted: 0)
        for i in range {
          let row = values.pixels.row(rows.lowerBound + i)
          let pixel = Int(values.positions[rows.lowerBound + i]) - origin
          for (b, place) in places.enumerated() {
            body((Double(row[b]) - offset[place]) / scale[place], pixel, place, &counts)
          }
        }
        total.withLock {
          $0.clipped += counts.clipped
          $0.shifted += counts.shifted
        }
      }
      return total.withLock { $0 }
    }
    func storeFloat<T: BinaryFloatingPoint & Sendable>(_ type: T.Type) -> (clipped: Int, shifted: Int) {
      let samples = base.assumingMemoryBound(to: T.self)
      let nodata = metadata.nodata.map { $0.map { T($0) } }
      return each { value, pixel, place, counts in
        var result = T(value)
        if result == nodata[place] {
          result = result.nextUp
          counts.shifted += 1
        }
        samples[pixel * width + place] = result
      }
    }
    switch block.type {
    case .uint8: return store(UInt8.self)
    case .int8: return store(Int8.self)
    case .uint16: return store(UInt16.self)
    case .int16: return store(Int16.self)
    case .uint32: return store(UInt32.self)
    case .int32: return store(Int32.self)
    case .uint64: return store(UInt64.self)
    case .int64: return store(Int64.self)
    case .float32: return storeFloat(Float.self)
    case .float64: return storeFloat(Double.self)
    }
  }
}
