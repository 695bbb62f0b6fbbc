import CKernels
import HSICore

/// Covariance of the noise from differences of neighbouring pixels.
///
/// With d the difference of a pixel and the one above and to the left of it (to the left where the scene has one line, above where it has one
/// sample), `N = cov(d) / 2` over all pairs of valid pixels: neighbours see almost the same ground, so that mostly noise differs. Reads the
/// scene once; cost N L² flops. Source: A. A. Green et al., IEEE TGRS 26(1), 1988 (shift differences).
public struct NeighbourNoise: Sendable {
  /// `cov(d) / 2`, L × L (pairs in the denominator).
  public let covariance: Matrix<Double>
  /// Number of pairs.
  public let pairs: Int

  /// Differences that are computed at a time: whole batches of the accumulator.
  private static let batch = StatisticsAccumulator.blockPixels * StatisticsAccumulator.batch

  /// Estimates from a scene.
  ///
  /// - Throws: what reading throws; `CoreError.cancelled`, `.memory`.
  public init(_ source: any StripSource, _ context: RunContext) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (bands, samples) = (source.shape.bands, source.shape.samples)
    let needed = StatisticsAccumulator.bytes(bands: bands, precision: .double)
    guard needed <= Double(max(context.memory.bytes, 64 << 20)) else {
      throw CoreError.memory(
        purpose: "noise of \(bands) bands", needed: Int(clamping: min(needed, 5e18)), budget: context.memory.bytes)
    }
    let (up, left) = (source.shape.lines > 1 ? 1 : 0, samples > 1 ? 1 : 0)
    let accumulator = StatisticsAccumulator(bands: bands, precision: .double)
    let pending = PixelMatrix(rows: NeighbourNoise.batch, columns: bands)
    var filled = 0
    // The last line of the strip before: its pixels, and their rows by sample.
    let previous = PixelMatrix(rows: 0, columns: bands)
    var previousRows = [Int32](repeating: -1, count: samples)
    func add(_ pixels: PixelMatrix, _ others: PixelMatrix, _ first: [Int32], _ second: [Int32]) {
      var start = 0
      while start < first.count {
        let count = min(first.count - start, NeighbourNoise.batch - filled)
        let (a, b, target) = (pixels.pointer, others.pointer, pending.pointer + filled * bands)
        first.withUnsafeBufferPointer { first in
          second.withUnsafeBufferPointer { second in
            guard let p = first.baseAddress, let q = second.baseAddress else { return }
            Parallel.forEachChunk(of: count, chunk: 512) { _, rows in
              hsi_row_differences(
                a, b, bands, bands, p + start + rows.lowerBound, q + start + rows.lowerBound, rows.count,
                target + rows.lowerBound * bands)
            }
          }
        }
        filled += count
        start += count
        if filled == NeighbourNoise.batch {
          accumulator.add(pending.pointer, count: filled)
          filled = 0
        }
      }
    }
    guard up + left > 0 else {
      (covariance, pairs) = (Matrix(rows: bands, columns: bands), 0)
      return
    }
    try source.forEachStrip(context, label: "noise", extraBytesPerPixel: 12) { strip in
      let lines = strip.window.lines
      var rows = [Int32](repeating: -1, count: lines * samples)
      for (row, position) in strip.positions.enumerated() { rows[Int(position)] = Int32(row) }
      var above: (first: [Int32], second: [Int32]) = ([], [])
      var inside: (first: [Int32], second: [Int32]) = ([], [])
      for (row, position) in strip.positions.enumerated() {
        let (line, sample) = (Int(position) / samples, Int(position) % samples)
        guard sample >= left else { continue }
        if line >= up {
          let other = rows[(line - up) * samples + sample - left]
          if other >= 0 {
            inside.first.append(Int32(row))
            inside.second.append(other)
          }
        } else {
          let other = previousRows[sample - left]
          if other >= 0 {
            above.first.append(Int32(row))
            above.second.append(other)
          }
        }
      }
      add(strip.pixels, previous, above.first, above.second)
      add(strip.pixels, strip.pixels, inside.first, inside.second)
      // What the next strip needs of this one.
      let last = (lines - 1) * samples
      let start = strip.positions.firstIndex { Int($0) >= last } ?? strip.count
      previous.reshape(rows: strip.count - start, columns: bands)
      previous.pointer.update(from: strip.pixels.pointer + start * bands, count: (strip.count - start) * bands)
      for sample in 0..<samples {
        let row = rows[last + sample]
        previousRows[sample] = row < 0 ? -1 : row - Int32(start)
      }
    }
    accumulator.add(pending.pointer, count: filled)
    let statistics = accumulator.finish()
    covariance = statistics.covariance.map { $0 / 2 }
    pairs = statistics.count
  }
}
