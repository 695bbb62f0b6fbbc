import CKernels
import HSICore

/// Independent components of a scene by FastICA: all at once (symmetric), contrast log cosh.
///
/// On whitened leading principal components `z`, with W orthogonal and `g = tanh`:
///
///     W ← E[g(W z) zᵀ] − diag(E[1 − g(W z)²]) W,   W ← (W Wᵀ)^{−½} W
///
/// until no row turns by more than `1 − |cos| < tolerance`. Means are over the valid pixels, or over evenly spaced ones where there are more
/// than `most`. The start is drawn from `seed` (Philox). Components have unit variance, come by descending share of the scene's variance,
/// and the largest coefficient of the spectrum of each (column of `inverse`) is positive. Cost N p² per iteration, about 6 flops each.
/// Source: A. Hyvärinen, Fast and robust fixed-point algorithms for independent component analysis, IEEE Trans. Neural Networks 10(3), 1999.
public struct IndependentComponents: Sendable {
  /// The map to the components.
  public let transform: LinearTransform
  /// Iterations that were needed.
  public let iterations: Int
  /// Whether they ended before their limit.
  public let converged: Bool

  /// Most pixels that take part.
  public static let most = 1 << 18
  /// Pixels of a partial sum.
  private static let block = 4096

  /// Fits on a scene.
  ///
  /// - Parameters:
  ///   - statistics: of the scene, in double precision.
  ///   - count: at most so many; fewer where the scene has fewer directions in which it varies.
  ///   - limit: most iterations.
  /// - Throws: what reading throws; `NumericsError.singular`; `CoreError.cancelled`.
  public init(
    _ source: any StripSource, _ statistics: SceneStatistics, count: Int, limit: Int = 200, tolerance: Double = 1e-4,
    _ context: RunContext
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    let whitening = try LinearTransform.principalComponents(statistics, count: count, whitened: true)
    let p = whitening.components
    guard p > 0 else {
      (transform, iterations, converged) = (whitening, 0, true)
      return
    }
    let pixels = try IndependentComponents.sample(source, whitening, statistics.count, context)
    let n = pixels.rows
    var weights = try IndependentComponents.decorrelated(
      Matrix(rows: p, columns: p) { row, column in
        var random = CounterRandom(seed: context.seed, stream: UInt64(row * p + column))
        return random.normal()
      })
    var (steps, isDone) = (0, p == 1)
    while steps < limit, !isDone {
      try context.checkCancellation()
      let (products, slopes) = IndependentComponents.moments(pixels, weights)
      let next = try IndependentComponents.decorrelated(
        Matrix(rows: p, columns: p) { (products[$0, $1] - slopes[$0] * weights[$0, $1]) / Double(n) })
      let turn =
        (0..<p).map { k in
          abs(1 - abs((0..<p).reduce(0.0) { $0 + next[k, $1] * weights[k, $1] }))
        }.max() ?? 0
      weights = next
      steps += 1
      isDone = turn < tolerance
      context.progress.report(
        phase: "independent components", fraction: isDone ? 1 : Double(steps) / Double(limit), detail: nil)
    }
    let forward = weights.multiplied(by: whitening.forward)
    let inverse = whitening.inverse.multiplied(by: weights, .none, .transposed)
    let energy = (0..<p).map { k in (0..<inverse.rows).reduce(0.0) { $0 + inverse[$1, k] * inverse[$1, k] } }
    let order = (0..<p).sorted { (-energy[$0], $0) < (-energy[$1], $1) }
    let signs = order.map { k -> Double in
      (0..<inverse.rows).reduce(0.0) { abs(inverse[$1, k]) > abs($0) ? inverse[$1, k] : $0 } < 0 ? -1 : 1
    }
    transform = LinearTransform(
      mean: whitening.mean,
      forward: Matrix(rows: p, columns: forward.columns) { signs[$0] * forward[order[$0], $1] },
      inverse: Matrix(rows: inverse.rows, columns: p) { signs[$1] * inverse[$0, order[$1]] },
      variances: [Double](repeating: 1, count: p))
    (iterations, converged) = (steps, isDone)
  }

  /// The whitened components of evenly spaced pixels.
  private static func sample(
    _ source: any StripSource, _ whitening: LinearTransform, _ count: Int, _ context: RunContext
  ) throws -> PixelMatrix {
    let p = whitening.components
    let step = max(1, (count + most - 1) / most)
    let kept = (count + step - 1) / step
    guard Int.product(kept, p, 8) <= max(context.memory.bytes, 64 << 20) else {
      throw CoreError.memory(
        purpose: "\(p) independent components of \(kept) pixels", needed: Int.product(kept, p, 8),
        budget: context.memory.bytes)
    }
    let result = PixelMatrix(rows: kept, columns: p)
    let scratch = PixelMatrix(rows: 0, columns: p)
    var (seen, filled) = (0, 0)
    try source.forEachStrip(context, label: "whitening", extraBytesPerPixel: 4 * p) { strip in
      whitening.apply(strip.pixels, into: scratch)
      for row in 0..<strip.count {
        if seen % step == 0, filled < kept {
          (result.pointer + filled * p).update(from: scratch.pointer + row * p, count: p)
          filled += 1
        }
        seen += 1
      }
    }
    result.reshape(rows: filled, columns: p)
    return result
  }

  /// `Σ g(W z) zᵀ` and `Σ 1 − g(W z)²`, single precision inside a block, double beyond.
  private static func moments(_ pixels: PixelMatrix, _ weights: Matrix<Double>) -> (Matrix<Double>, [Double]) {
    BLAS.prepare()
    let p = weights.rows
    let w = weights.values.map(Float.init)
    let blocks = (pixels.rows + block - 1) / block
    var products = [Float](repeating: 0, count: blocks * p * p)
    var slopes = [Double](repeating: 0, count: blocks * p)
    let source = pixels.pointer
    products.withUnsafeMutableBufferPointer { products in
      slopes.withUnsafeMutableBufferPointer { slopes in
        guard let products = products.baseAddress, let slopes = slopes.baseAddress else { return }
        Parallel.forEachChunk(of: pixels.rows, chunk: block) { index, rows in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count * p) { work in
            guard let work = work.baseAddress else { return }
            let z = source + rows.lowerBound * p
            Float.multiply(z, .none, w, .transposed, into: work, m: rows.count, n: p, k: p)
            hsi_tanh_rows(work, rows.count, p, slopes + index * p)
            Float.multiply(
              work, .transposed, z, .none, into: products + index * p * p, m: p, n: p, k: rows.count)
          }
        }
      }
    }
    var (total, slope) = (Matrix<Double>(rows: p, columns: p), [Double](repeating: 0, count: p))
    for index in 0..<blocks {
      for i in 0..<(p * p) { total.values[i] += Double(products[index * p * p + i]) }
      for k in 0..<p { slope[k] += slopes[index * p + k] }
    }
    return (total, slope)
  }

  /// `(W Wᵀ)^{−½} W`
  private static func decorrelated(_ weights: Matrix<Double>) throws -> Matrix<Double> {
    let eigen = try weights.multiplied(by: weights, .none, .transposed).symmetricEigen()
    let floor = max(1e-14 * (eigen.values.first ?? 0), .leastNormalMagnitude)
    let scaled = Matrix<Double>(rows: weights.rows, columns: weights.rows) {
      eigen.vectors[$0, $1] / max(eigen.values[$1], floor).squareRoot()
    }
    return scaled.multiplied(by: eigen.vectors, .none, .transposed).multiplied(by: weights)
  }
}
