import CKernels
import HSICore

/// Moments of the differences of pixels and their neighbours above to the left, from strips in the order of the scene.
///
/// A window of a scene counts the pairs whose lower right pixel is in it: it is handed a margin above and to the left, and the pairs of
/// windows that cover a scene are those of the scene.
///
/// ```swift
/// let differences = NeighbourDifferences(bands: scene.shape.bands, samples: scene.shape.samples, step: NeighbourDifferences.step(scene.shape))
/// try scene.forEachStrip(context, label: "noise") { differences.add($0) }
/// let noise = NeighbourNoise(differences: differences.statistics)
/// ```
public final class NeighbourDifferences {
  /// How far up and to the left the neighbour is: 0 or 1 each.
  public let step: (lines: Int, samples: Int)
  /// The exact moments of the differences so far, where the sums are exact.
  public var moments: ExactMoments {
    flush()
    // What is still waiting for a whole block goes in.
    _ = sums.finish()
    guard let exact = sums.exact else { preconditionFailure("moments of sums that are not exact") }
    return exact
  }

  /// Mean and covariance of the differences so far.
  public var statistics: SceneStatistics {
    flush()
    return sums.finish()
  }

  private func flush() {
    if filled > 0 { sums.add(pending.pointer, count: filled) }
    filled = 0
  }

  private let bands: Int
  private let samples: Int
  private let margin: (lines: Int, samples: Int)
  private let sums: StatisticsAccumulator
  private let pending: PixelMatrix
  private var filled = 0
  // The last line of the strip before: its pixels, and their rows by sample.
  private let previous: PixelMatrix
  private var previousRows: [Int32]
  private var line = 0

  /// Memory per pixel of a strip.
  public static let bytesPerPixel = 12
  /// Differences that are computed at a time: whole batches of the accumulator.
  private static let batch = StatisticsAccumulator.blockPixels * StatisticsAccumulator.batch

  /// Nothing yet.
  ///
  /// - Parameters:
  ///   - bands: of the pixels.
  ///   - samples: of the strips, margin included.
  ///   - step: `step` of the shape of the whole scene.
  ///   - margin: lines above and samples to the left that are not of the window.
  ///   - precision: of the sums; exact ones can be merged with those of other windows.
  public init(
    bands: Int, samples: Int, step: (lines: Int, samples: Int), margin: (lines: Int, samples: Int) = (0, 0),
    precision: SceneStatistics.Precision = .exact
  ) {
    (self.bands, self.samples, self.step, self.margin) = (bands, samples, step, margin)
    sums = StatisticsAccumulator(bands: bands, precision: precision)
    pending = PixelMatrix(rows: NeighbourDifferences.batch, columns: bands)
    previous = PixelMatrix(rows: 0, columns: bands)
    previousRows = [Int32](repeating: -1, count: samples)
  }

  /// Where the neighbour is in a scene of this shape: above to the left, or where there is but one line or sample, in the other direction.
  public static func step(_ shape: CubeShape) -> (lines: Int, samples: Int) {
    (shape.lines > 1 ? 1 : 0, shape.samples > 1 ? 1 : 0)
  }

  /// Adds the pairs whose lower right pixel is in the next strip.
  public func add(_ strip: Strip) {
    guard step.lines + step.samples > 0 else { return }
    let (up, left) = step
    let lines = strip.window.lines
    var rows = [Int32](repeating: -1, count: lines * samples)
    for (row, position) in strip.positions.enumerated() { rows[Int(position)] = Int32(row) }
    var above: (first: [Int32], second: [Int32]) = ([], [])
    var inside: (first: [Int32], second: [Int32]) = ([], [])
    for (row, position) in strip.positions.enumerated() {
      let (line, sample) = (Int(position) / samples, Int(position) % samples)
      guard sample >= max(left, margin.samples), self.line + line >= margin.lines else { continue }
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
    line += lines
  }

  private func add(_ pixels: PixelMatrix, _ others: PixelMatrix, _ first: [Int32], _ second: [Int32]) {
    let bands = bands
    var start = 0
    while start < first.count {
      let count = min(first.count - start, NeighbourDifferences.batch - filled)
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
      if filled == NeighbourDifferences.batch {
        sums.add(pending.pointer, count: filled)
        filled = 0
      }
    }
  }
}
