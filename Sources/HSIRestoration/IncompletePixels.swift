import HSICore
import HSINumerics

/// Coordinates of pixels with missing values in a known subspace, `y_b = μ_b + Σ_i A_bi z_i + n_b`, n_b of the variance ψ_b.
///
/// The estimate of a pixel is `(Aᵀ D A + R)⁻¹ (Aᵀ D (y − μ) + R v)`: D holds 1 / ψ_b where a value is there and 0 elsewhere, R and v
/// are precisions and values of what is known beforehand. The products `A_bi A_bj` of all bands are one matrix, so that the systems
/// of many pixels are one matrix product. Double precision. Cost N m p² + N p³ for m bands.
struct IncompletePixels: Sendable {
  /// Bands that are used, ascending.
  let bands: [Int]
  /// Mean per used band.
  var mean: [Double]
  /// A, used bands × p.
  var loadings: Matrix<Double>
  /// ψ per used band, above 0.
  var variances: [Double]

  /// Pixels that are solved at a time.
  static let lanes = 128

  /// Dimensions of the subspace.
  var rank: Int { loadings.columns }

  /// What is computed for up to `lanes` pixels; all arrays hold `lanes` numbers per row.
  final class Work {
    let lanes = IncompletePixels.lanes
    let order, entries, bands: Int
    /// Weights, bands × lanes; the weighted differences from the mean; those without weights.
    let weights, weighted, differences: UnsafeMutablePointer<Double>
    /// Entries of the systems, later of their inverses; estimates.
    let systems, scratch, estimates: UnsafeMutablePointer<Double>
    private let all: UnsafeMutablePointer<Double>

    init(_ model: IncompletePixels) {
      order = model.rank
      entries = LaneSolver.entries(order)
      bands = model.bands.count
      let count = lanes * (3 * bands + 2 * entries + order)
      all = .allocate(capacity: count)
      all.initialize(repeating: 0, count: count)
      weights = all
      weighted = weights + lanes * bands
      differences = weighted + lanes * bands
      systems = differences + lanes * bands
      scratch = systems + lanes * entries
      estimates = scratch + lanes * entries
    }

    deinit { all.deallocate() }
  }

  /// `A_bi A_bj`, entries × used bands.
  func products() -> [Double] {
    let count = bands.count
    var result = [Double](repeating: 0, count: LaneSolver.entries(rank) * count)
    for i in 0..<rank {
      for j in 0...i {
        let entry = LaneSolver.entry(i, j)
        for b in 0..<count { result[entry * count + b] = loadings[b, i] * loadings[b, j] }
      }
    }
    return result
  }

  /// Estimates of pixels: `work.estimates`, and with `covariances` their covariances in `work.systems`. Unused lanes count as
  /// pixels without any value.
  ///
  /// - Parameters:
  ///   - pixel: where the values of the n-th pixel are.
  ///   - products: see `products()`.
  ///   - prior: precisions R and, for component i of the n-th pixel, the value v.
  func solve(
    _ count: Int, _ pixel: (Int) -> UnsafePointer<Float>, _ products: [Double], _ work: Work, covariances: Bool,
    precisions: [Double], prior: ((Int, Int) -> Double)?
  ) {
    let lanes = work.lanes
    for n in 0..<lanes {
      let values = n < count ? pixel(n) : nil
      for b in 0..<bands.count {
        let value = values?[bands[b]] ?? .nan
        let place = b * lanes + n
        let isThere = value.isFinite
        let weight = isThere ? 1 / variances[b] : 0
        let difference = isThere ? Double(value) - mean[b] : 0
        work.weights[place] = weight
        work.differences[place] = difference
        work.weighted[place] = weight * difference
      }
    }
    BLAS.multiply(products, .none, work.weights, .none, into: work.systems, m: work.entries, n: lanes, k: bands.count)
    BLAS.multiply(
      loadings.values, .transposed, work.weighted, .none, into: work.estimates, m: rank, n: lanes, k: bands.count)
    for i in 0..<rank {
      let diagonal = work.systems + LaneSolver.entry(i, i) * lanes
      for n in 0..<lanes { diagonal[n] += precisions[i] }
      if let prior {
        for n in 0..<count { work.estimates[i * lanes + n] += precisions[i] * prior(i, n) }
      }
    }
    let solver = LaneSolver(order: rank, lanes: lanes)
    solver.factorise(work.systems)
    solver.solve(work.systems, work.estimates)
    if covariances { solver.invert(work.systems, work.scratch) }
  }

  /// Estimates of all pixels of a scene, p × N, and the mean variance of their errors per component, over pixels with values.
  ///
  /// - Parameter prior: values known beforehand, p × N; 0 where nil.
  func estimates(
    _ pixels: PixelMatrix, precisions: [Double], prior: PixelMatrix?, _ context: RunContext
  ) throws -> (components: PixelMatrix, variances: [Double]) {
    let (count, columns, lanes, rank) = (pixels.rows, pixels.columns, IncompletePixels.lanes, rank)
    let result = PixelMatrix(rows: rank, columns: count)
    let products = products()
    // One set of work arrays for a run of pixels.
    let run = 32 * lanes
    let blocks = (count + run - 1) / run
    var sums = [Double](repeating: 0, count: blocks * (rank + 1))
    sums.withUnsafeMutableBufferPointer { sums in
      let (sums, source, target, known) = (sums, pixels.pointer, result.pointer, prior?.pointer)
      Parallel.forEachChunk(of: count, chunk: run) { block, range in
        if context.cancellation.isCancelled { return }
        let work = Work(self)
        for first in stride(from: range.lowerBound, to: range.upperBound, by: lanes) {
          let members = min(lanes, range.upperBound - first)
          solve(
            members, { UnsafePointer(source + (first + $0) * columns) }, products, work, covariances: true,
            precisions: precisions, prior: known.map { known in { i, n in Double(known[i * count + first + n]) } })
          for i in 0..<rank {
            let (values, errors) = (
              work.estimates + i * lanes, work.systems + LaneSolver.entry(i, i) * lanes
            )
            for n in 0..<members {
              target[i * count + first + n] = Float(values[n])
              sums[block * (rank + 1) + i] += errors[n]
            }
          }
          sums[block * (rank + 1) + rank] += Double(members)
        }
      }
    }
    try context.checkCancellation()
    let total = (0...rank).map { i in (0..<blocks).reduce(0) { $0 + sums[$1 * (rank + 1) + i] } }
    return (result, (0..<rank).map { total[$0] / max(total[rank], 1) })
  }

  /// Spectra of components (p × N) at the used bands, the others NaN: N × bands of the scene.
  func reconstruct(_ components: PixelMatrix, bands all: Int) -> PixelMatrix {
    let (count, rank) = (components.columns, components.rows)
    let result = PixelMatrix(rows: count, columns: all)
    var axes = [Float](repeating: 0, count: rank * all)
    var level = [Float](repeating: .nan, count: all)
    for (b, band) in bands.enumerated() {
      level[band] = Float(mean[b])
      for i in 0..<rank { axes[i * all + band] = Float(loadings[b, i]) }
    }
    let (source, target) = (components.pointer, result.pointer)
    Parallel.forEachChunk(of: count, chunk: 1024) { _, range in
      let n = range.count
      let pixels = target + range.lowerBound * all
      for i in 0..<n { for b in 0..<all { pixels[i * all + b] = level[b] } }
      guard rank > 0 else { return }
      withUnsafeTemporaryAllocation(of: Float.self, capacity: n * rank) { work in
        guard let rows = work.baseAddress else { return }
        for j in 0..<rank { for i in 0..<n { rows[i * rank + j] = source[j * count + range.lowerBound + i] } }
        BLAS.multiplyAdd(rows, axes, pixels, m: n, n: all, k: rank, strides: (rank, all, all))
      }
    }
    return result
  }
}
