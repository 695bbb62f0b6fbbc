import CKernels
import HSICore

/// Clusters of pixels around their means (Lloyd's algorithm).
///
///     minimise Σ_n |x_n − c_{label(n)}|²
///
/// Starts with k-means++ draws from a sample of the scene (Arthur, Vassilvitskii, SODA 2007), then alternates nearest centres and means
/// until no centre moves by more than `tolerance` of the mean distance, or for `iterations` rounds. Reads the source once per round; the
/// result does not depend on threads or on how it is cut. A cluster that loses all pixels is put on the sample's pixel that is farthest
/// from its centre. Cost 2 N L k per round. Source: Lloyd, IEEE Trans. Inf. Theory 28(2), 1982.
///
/// ```swift
/// let clusters = try KMeans(cube, count: 8, RunContext())
/// let labels = clusters.labels(of: cube.pixels)     // 0 ..< 8, largest cluster first
/// ```
public struct KMeans: Sendable {
  /// Centres, clusters × bands, the cluster of most pixels first.
  public let centres: Matrix<Double>
  /// Pixels of every cluster in the last round.
  public let counts: [Int]
  /// Mean squared distance of a pixel from its centre, after every round.
  public let losses: [Double]
  /// Whether centres came to rest.
  public let converged: Bool
  private let shift: [Float]

  /// Pixels that starts are drawn from.
  private static let sampleSize = 10_000
  /// Pixels per partial sum.
  private static let block = 4096

  /// Clusters of the valid pixels of a source.
  ///
  /// - Parameters:
  ///   - count: clusters, from 1; fewer come out where there are fewer different pixels.
  ///   - iterations: most rounds.
  ///   - tolerance: movement of centres at which it ends, as a share of the root of the loss.
  /// - Throws: the errors of reading; `CoreError.cancelled`.
  public init(
    _ source: any StripSource, count: Int, iterations: Int = 50, tolerance: Double = 1e-3, _ context: RunContext
  ) throws {
    precondition(count > 0)
    let claim = context.claimThreads()
    defer { claim.release() }
    let bands = source.shape.bands
    let sample = try KMeans.sample(source, context)
    var mean = [Double](repeating: 0, count: bands)
    for n in 0..<sample.rows { for b in 0..<bands { mean[b] += Double(sample[n, b]) } }
    let shift = mean.map { Float($0 / Double(max(sample.rows, 1))) }
    var centres = KMeans.starts(sample, count: count, shift: shift, seed: context.seed)
    var (losses, counts): ([Double], [Int]) = ([], [Int](repeating: 0, count: centres.rows))
    var converged = sample.rows == 0
    var round = 0
    while round < iterations, !converged {
      context.progress.report(phase: "clusters", fraction: Double(round) / Double(iterations))
      let sums = try KMeans.round(source, centres, shift, context)
      let total = sums.counts.reduce(0, +)
      guard total > 0 else { break }
      var moved = 0.0
      var next = centres
      for k in 0..<centres.rows where sums.counts[k] > 0 {
        var step = 0.0
        for b in 0..<bands {
          let value = sums.values[k * bands + b] / Double(sums.counts[k])
          step += (value - centres[k, b]) * (value - centres[k, b])
          next[k, b] = value
        }
        moved = max(moved, step)
      }
      for k in 0..<centres.rows where sums.counts[k] == 0 {
        guard let far = KMeans.farthest(sample, next, shift) else { continue }
        for b in 0..<bands { next[k, b] = Double(sample[far, b]) - Double(shift[b]) }
        moved = .infinity
      }
      let loss = sums.loss / Double(total)
      losses.append(loss)
      counts = sums.counts
      centres = next
      converged = moved <= tolerance * tolerance * loss
      round += 1
    }
    context.progress.report(phase: "clusters", fraction: 1)
    // Names of clusters follow their size.
    let order = (0..<centres.rows).sorted { (counts[$1], $0) < (counts[$0], $1) }
    self.counts = order.map { counts[$0] }
    self.centres = Matrix(rows: order.count, columns: bands) { centres[order[$0], $1] + Double(shift[$1]) }
    (self.losses, self.converged, self.shift) = (losses, converged, shift)
  }

  /// The nearest centre of every pixel.
  public func labels(of pixels: PixelMatrix) -> [Int32] {
    var labels = [Int32](repeating: 0, count: pixels.rows)
    let local = Matrix<Double>(rows: centres.rows, columns: centres.columns) { centres[$0, $1] - Double(shift[$1]) }
    Nearest(local, shift).find(pixels.pointer, count: pixels.rows, &labels, nil)
    return labels
  }

  // MARK: - Rounds

  private struct Sums {
    var values: [Double]
    var counts: [Int]
    var loss: Double
  }

  /// Sums of the pixels of every centre, over blocks that are counted from the first pixel of the scene.
  private static func round(
    _ source: any StripSource, _ centres: Matrix<Double>, _ shift: [Float], _ context: RunContext
  ) throws -> Sums {
    let bands = source.shape.bands
    let nearest = Nearest(centres, shift)
    var sums = Sums(
      values: [Double](repeating: 0, count: centres.rows * bands), counts: [Int](repeating: 0, count: centres.rows),
      loss: 0)
    let pending = PixelMatrix(rows: block, columns: bands)
    var filled = 0
    func flush(_ pixels: UnsafePointer<Float>, _ count: Int) {
      guard count > 0 else { return }
      var labels = [Int32](repeating: 0, count: count)
      var distances = [Float](repeating: 0, count: count)
      nearest.find(pixels, count: count, &labels, &distances)
      let blocks = (count + block - 1) / block
      let width = centres.rows * bands
      var partial = [Double](repeating: 0, count: blocks * width)
      var counts = [Int64](repeating: 0, count: blocks * centres.rows)
      var losses = [Double](repeating: 0, count: blocks)
      partial.withUnsafeMutableBufferPointer { partial in
        counts.withUnsafeMutableBufferPointer { counts in
          losses.withUnsafeMutableBufferPointer { losses in
            labels.withUnsafeBufferPointer { labels in
              let (partial, counts, losses) = (partial.baseAddress!, counts.baseAddress!, losses.baseAddress!)
              let labels = labels.baseAddress!
              Parallel.forEachChunk(of: count, chunk: block) { index, rows in
                hsi_sums_by_label(
                  pixels + rows.lowerBound * bands, bands, rows.count, bands, shift, labels + rows.lowerBound,
                  partial + index * width, counts + index * centres.rows)
                var loss = 0.0
                for n in rows { loss += Double(distances[n]) }
                losses[index] = loss
              }
            }
          }
        }
      }
      for index in 0..<blocks {
        for i in 0..<width { sums.values[i] += partial[index * width + i] }
        for k in 0..<centres.rows { sums.counts[k] += Int(counts[index * centres.rows + k]) }
        sums.loss += losses[index]
      }
    }
    try source.forEachStrip(context, label: "clusters", extraBytesPerPixel: 8) { strip in
      var taken = 0
      if filled > 0 {
        taken = min(strip.count, block - filled)
        (pending.pointer + filled * bands).update(from: strip.pixels.pointer, count: taken * bands)
        filled += taken
        guard filled == block else { return }
        flush(pending.pointer, block)
        filled = 0
      }
      let whole = (strip.count - taken) / block * block
      flush(strip.pixels.pointer + taken * bands, whole)
      taken += whole
      filled = strip.count - taken
      pending.pointer.update(from: strip.pixels.pointer + taken * bands, count: filled * bands)
    }
    flush(pending.pointer, filled)
    return sums
  }

  // MARK: - Starts

  /// Pixels spread evenly over the scene, at most `sampleSize`.
  private static func sample(_ source: any StripSource, _ context: RunContext) throws -> PixelMatrix {
    let bands = source.shape.bands
    let step = max(1, (source.shape.pixels + sampleSize - 1) / sampleSize)
    let sample = PixelMatrix(rows: min(source.shape.pixels, sampleSize), columns: bands)
    var rows = 0
    try source.forEachStrip(context, label: "clusters") { strip in
      let first = strip.window.line * source.shape.samples
      for n in 0..<strip.count where (first + Int(strip.positions[n])) % step == 0 && rows < sampleSize {
        (sample.pointer + rows * bands).update(from: strip.pixels.pointer + n * bands, count: bands)
        rows += 1
      }
    }
    sample.reshape(rows: rows, columns: bands)
    return sample
  }

  /// Centres without the shift: the first at random, each further one with a probability that grows with the squared distance from
  /// those before.
  private static func starts(_ sample: PixelMatrix, count: Int, shift: [Float], seed: UInt64) -> Matrix<Double> {
    let bands = sample.columns
    var random = CounterRandom(seed: seed, stream: 0x6B6D65616E73)
    var chosen: [Int] = []
    var distances = [Float](repeating: .infinity, count: sample.rows)
    while chosen.count < count, sample.rows > 0 {
      var pick = min(sample.rows - 1, Int(clamping: random.uniform() * Double(sample.rows)))
      if !chosen.isEmpty {
        let total = distances.reduce(0.0) { $0 + Double($1) }
        guard total > 0 else { break }
        var rest = random.uniform() * total
        pick = distances.lastIndex { $0 > 0 } ?? 0
        for n in distances.indices where distances[n] > 0 {
          rest -= Double(distances[n])
          if rest <= 0 {
            pick = n
            break
          }
        }
      }
      chosen.append(pick)
      var labels = [Int32](repeating: 0, count: sample.rows)
      var own = [Float](repeating: 0, count: sample.rows)
      let centre = Matrix<Double>(rows: 1, columns: bands) { Double(sample[pick, $1]) - Double(shift[$1]) }
      Nearest(centre, shift).find(sample.pointer, count: sample.rows, &labels, &own)
      for n in distances.indices { distances[n] = min(distances[n], own[n]) }
      distances[pick] = 0
    }
    return Matrix(rows: max(chosen.count, 1), columns: bands) { k, b in
      chosen.isEmpty ? 0 : Double(sample[chosen[k], b]) - Double(shift[b])
    }
  }

  /// The pixel of the sample that is farthest from its centre; nil for none.
  private static func farthest(_ sample: PixelMatrix, _ centres: Matrix<Double>, _ shift: [Float]) -> Int? {
    var labels = [Int32](repeating: 0, count: sample.rows)
    var distances = [Float](repeating: 0, count: sample.rows)
    Nearest(centres, shift).find(sample.pointer, count: sample.rows, &labels, &distances)
    return distances.indices.max { (distances[$0], $1) < (distances[$1], $0) }
  }

  /// Centres ready for the search.
  private struct Nearest {
    let bands: Int
    let count: Int
    let shift: [Float]
    let packed: [Float]
    let norms: [Float]

    /// - Parameter centres: without the shift.
    init(_ centres: Matrix<Double>, _ shift: [Float]) {
      (bands, count, self.shift) = (centres.columns, centres.rows, shift)
      let columns = centres.transposed.values.map { Float($0) }
      var packed = [Float](repeating: 0, count: max(1, hsi_gemm_packed_size(centres.columns, centres.rows)))
      hsi_gemm_pack(columns, centres.rows, centres.columns, centres.rows, &packed)
      self.packed = packed
      norms = (0..<centres.rows).map { k in Float(centres.row(k).reduce(0) { $0 + $1 * $1 }) }
    }

    func find(
      _ pixels: UnsafePointer<Float>, count rows: Int, _ labels: UnsafeMutablePointer<Int32>,
      _ distances: UnsafeMutablePointer<Float>?
    ) {
      let threads = Parallel.threads
      withUnsafeTemporaryAllocation(of: Float.self, capacity: (bands + count) * 256 * threads) { scratch in
        hsi_nearest_centres(
          pixels, bands, rows, bands, shift, packed, norms, count, labels, distances, scratch.baseAddress!,
          Int32(threads))
      }
    }
  }
}
