import Foundation
import HSICore
import HSINumerics

/// Learns a subspace and the noise of every band from pixels with missing values: factor analysis by expectation maximisation.
///
/// It starts from the covariances of the values that are there in pairs of bands. Every round estimates the coordinates of the
/// pixels with their covariances (`IncompletePixels`), then each band by regression on them over the pixels that have it. A regular
/// sample of at most `sample` pixels is used. Cost per round N (m p² + p³). Source: D. B. Rubin and D. T. Thayer, EM algorithms
/// for ML factor analysis, Psychometrika 47(1), 1982.
enum FactorAnalysis {
  /// Most pixels that are used.
  static let sample = 32_768

  /// The largest number of factors that covariances of m bands can tell (Ledermann), at most 16.
  static func mostFactors(bands m: Int) -> Int {
    let bound = (Double(2 * m + 1) - (Double(8 * m + 1)).squareRoot()) / 2
    return min(max(Int(clamping: bound + 1e-9), 1), 16, max(m - 1, 1))
  }

  /// - Parameters:
  ///   - bands: bands that have values, ascending.
  ///   - levels: noise per used band where it is known; else it is estimated.
  ///   - rank: factors, or nil for the number that predicts values held back best.
  /// - Returns: components sorted by their signal in units of noise, of unit variance, and how many are kept.
  static func learn(
    _ scene: Cube, bands: [Int], levels: [Double]?, rank: Int?, rounds: Int, _ context: RunContext
  ) throws -> IncompletePixels {
    let stride = max((scene.count + sample - 1) / sample, 1)
    let rows = Swift.stride(from: 0, to: scene.count, by: stride).map { $0 }
    var start = PairwiseStatistics(scene, rows: rows, bands: bands)
    try context.checkCancellation()
    let scales = start.deviations
    let floors = scales.map { 1e-6 * $0 * $0 }
    let known = levels.map { zip($0, floors).map { max($0 * $0, $1) } }
    let most = try min(rank ?? chosenRank(scene, bands, known, context), max(bands.count - 1, 1))
    var model = try start.model(rank: most, known: known, floors: floors)
    start.release()
    for round in 0..<rounds {
      try context.checkCancellation()
      context.progress.report(phase: "learning the subspace", fraction: Double(round) / Double(rounds))
      try step(&model, scene, rows, known: known, floors: floors, context)
    }
    context.progress.report(phase: "learning the subspace", fraction: 1)
    let observed = Double(start.values) / Double(max(bands.count, 1))
    return try sorted(model, rank: rank, observed: observed)
  }

  /// The number of factors after which values that were held back (one in ten, of at most 4096 pixels) are predicted no better.
  private static func chosenRank(
    _ scene: Cube, _ bands: [Int], _ known: [Double]?, _ context: RunContext
  ) throws -> Int {
    let held = HeldValues(scene, most: 4096, share: 0.1, seed: context.seed)
    let lacking = Set(MissingValues(held.part).bands)
    let used = bands.indices.filter { !lacking.contains(bands[$0]) }
    let most = mostFactors(bands: used.count)
    guard used.count > 1 else { return 1 }
    let (rows, chosen) = (Array(0..<held.part.count), used.map { bands[$0] })
    let start = PairwiseStatistics(held.part, rows: rows, bands: chosen)
    let variances = start.deviations.map { $0 * $0 }
    let (floors, given) = (variances.map { 1e-6 * $0 }, known.map { known in used.map { known[$0] } })
    var (best, least) = (1, Double.infinity)
    let candidates = [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16].filter { $0 <= most }
    for (index, rank) in candidates.enumerated() {
      context.progress.report(phase: "choosing the rank", fraction: Double(index) / Double(candidates.count))
      var model = try start.model(rank: rank, known: given, floors: floors)
      for _ in 0..<12 {
        try context.checkCancellation()
        try step(&model, held.part, rows, known: given, floors: floors, context)
      }
      let (z, _) = try model.estimates(
        held.part.pixels, precisions: [Double](repeating: 1, count: rank), prior: nil, context)
      let error = held.error(of: model.reconstruct(z, bands: scene.shape.bands), scales: chosen, variances)
      // A fiftieth, so that the last grains are not paid for with many components.
      if error < 0.98 * least { (best, least) = (rank, error) }
    }
    context.progress.report(phase: "choosing the rank", fraction: 1)
    return best
  }

  /// One round: estimates of the coordinates of pixels, then regression of every band on them.
  ///
  /// - Parameters:
  ///   - known: variances of the noise that stay as they are, or nil to estimate them.
  ///   - ridge: nil for expectation maximisation, where coordinates have unit variance and the errors of their estimates count;
  ///     else the weight of the squares of coordinates and of loadings in alternating least squares.
  static func step(
    _ model: inout IncompletePixels, _ scene: Cube, _ rows: [Int], known: [Double]?, floors: [Double],
    ridge: Double? = nil, _ context: RunContext
  ) throws {
    let (p, m, lanes) = (model.rank, model.bands.count, IncompletePixels.lanes)
    let entries = LaneSolver.entries(p)
    // Per band: Σ (z zᵀ + C), Σ (y − μ) z, Σ z, Σ (y − μ)², Σ (y − μ), number; over pixels that have it.
    let width = entries + 2 * p + 3
    let run = 16 * lanes
    let blocks = (rows.count + run - 1) / run
    let products = model.products()
    let parts = UnsafeMutablePointer<Double>.allocate(capacity: blocks * m * width)
    parts.initialize(repeating: 0, count: blocks * m * width)
    defer { parts.deallocate() }
    let (source, columns, current) = (scene.pixels.pointer, scene.shape.bands, model)
    Parallel.forEachChunk(of: rows.count, chunk: run) { block, range in
      if context.cancellation.isCancelled { return }
      let work = IncompletePixels.Work(current)
      // Columns of what is summed: width × lanes.
      let terms = UnsafeMutablePointer<Double>.allocate(capacity: width * lanes)
      let sums = UnsafeMutablePointer<Double>.allocate(capacity: m * (entries + p))
      let products2 = UnsafeMutablePointer<Double>.allocate(capacity: m * p)
      sums.initialize(repeating: 0, count: m * (entries + p))
      products2.initialize(repeating: 0, count: m * p)
      defer {
        terms.deallocate()
        sums.deallocate()
        products2.deallocate()
      }
      let part = parts + block * m * width
      for first in Swift.stride(from: range.lowerBound, to: range.upperBound, by: lanes) {
        let members = min(lanes, range.upperBound - first)
        current.solve(
          members, { UnsafePointer(source + rows[first + $0] * columns) }, products, work,
          covariances: ridge == nil, precisions: [Double](repeating: ridge ?? 1, count: p), prior: nil)
        for i in 0..<p {
          let x = work.estimates + i * lanes
          for j in 0...i {
            let (y, e) = (work.estimates + j * lanes, LaneSolver.entry(i, j))
            let covariance = work.systems + e * lanes
            let target = terms + e * lanes
            if ridge == nil {
              for n in 0..<lanes { target[n] = x[n] * y[n] + covariance[n] }
            } else {
              for n in 0..<lanes { target[n] = x[n] * y[n] }
            }
          }
          (terms + (entries + i) * lanes).update(from: x, count: lanes)
        }
        // Weights become 1 where a value is there.
        for i in 0..<(m * lanes) where work.weights[i] != 0 { work.weights[i] = 1 }
        BLAS.multiply(
          work.weights, .none, terms, .transposed, into: sums, m: m, n: entries + p, k: lanes, beta: 1)
        BLAS.multiply(
          work.differences, .none, work.estimates, .transposed, into: products2, m: m, n: p, k: lanes, beta: 1)
        for b in 0..<m {
          let row = part + b * width + entries + 2 * p
          for n in 0..<lanes {
            let difference = work.differences[b * lanes + n]
            row[0] += difference * difference
            row[1] += difference
            row[2] += work.weights[b * lanes + n]
          }
        }
      }
      for b in 0..<m {
        let row = part + b * width
        row.update(from: sums + b * (entries + p), count: entries)
        (row + entries).update(from: products2 + b * p, count: p)
        (row + entries + p).update(from: sums + b * (entries + p) + entries, count: p)
      }
    }
    try context.checkCancellation()
    for block in 1..<max(blocks, 1) {
      for i in 0..<(m * width) { parts[i] += parts[block * m * width + i] }
    }
    for b in 0..<m {
      let row = parts + b * width
      let (squares, sum, count) = (row[width - 3], row[width - 2], row[width - 1])
      guard count > 0 else { continue }
      // Regression on z and a constant.
      var normal = Matrix<Double>(rows: p + 1, columns: p + 1)
      var right = Matrix<Double>(rows: p + 1, columns: 1)
      for i in 0..<p {
        for j in 0...i {
          let value = row[LaneSolver.entry(i, j)]
          normal[i, j] = value
          normal[j, i] = value
        }
        normal[i, p] = row[entries + p + i]
        normal[p, i] = row[entries + p + i]
        right[i, 0] = row[entries + i]
      }
      normal[p, p] = count
      right[p, 0] = sum
      // A ridge far below the noise of the regression keeps bands with few values solvable.
      for i in 0...p { normal[i, i] += 1e-9 * count + 1e-6 + (i < p ? ridge ?? 0 : 0) }
      let solution = try normal.solvedPositiveDefinite(right)
      var explained = 0.0
      for i in 0...p { explained += solution[i, 0] * right[i, 0] }
      for i in 0..<p { model.loadings[b, i] = solution[i, 0] }
      model.mean[b] += solution[p, 0]
      model.variances[b] = known?[b] ?? max((squares - explained) / count, floors[b])
    }
  }

  /// Turns the components so that those with most signal come first, and drops those that are not above noise.
  private static func sorted(_ model: IncompletePixels, rank: Int?, observed: Double) throws -> IncompletePixels {
    let (m, p) = (model.bands.count, model.rank)
    let gram = Matrix<Double>(rows: p, columns: p) { i, j in
      (0..<m).reduce(0) { $0 + model.loadings[$1, i] * model.loadings[$1, j] / model.variances[$1] }
    }
    let eigen = try gram.symmetricEigen()
    let edge = 1 + (Double(m) / max(observed, 1)).squareRoot()
    let significant = eigen.values.prefix { $0 + 1 > edge * edge * 1.01 }.count
    let kept = max(rank.map { min($0, p) } ?? significant, 1)
    var result = model
    result.loadings = model.loadings.multiplied(by: eigen.vectors.selecting(columns: Array(0..<kept)))
    return result
  }
}

/// Means, variances and covariances of pairs of bands over the pixels that have both.
struct PairwiseStatistics {
  private let bands: [Int]
  private let mean: [Double]
  /// Standard deviation per used band; 1 where it is 0.
  let deviations: [Double]
  /// Values that are there.
  let values: Int
  private var products: [Double]
  private var counts: [Double]

  /// Cost 4 N m² flops.
  init(_ scene: Cube, rows: [Int], bands: [Int]) {
    let (m, columns, source) = (bands.count, scene.shape.bands, scene.pixels.pointer)
    var (sums, squares, numbers) = (
      [Double](repeating: 0, count: m), [Double](repeating: 0, count: m), [Double](repeating: 0, count: m)
    )
    for row in rows {
      for b in 0..<m {
        let value = source[row * columns + bands[b]]
        if value.isFinite {
          sums[b] += Double(value)
          numbers[b] += 1
        }
      }
    }
    let mean = zip(sums, numbers).map { $1 > 0 ? $0 / $1 : 0 }
    for row in rows {
      for b in 0..<m {
        let value = source[row * columns + bands[b]]
        if value.isFinite { squares[b] += (Double(value) - mean[b]) * (Double(value) - mean[b]) }
      }
    }
    let deviations = zip(squares, numbers).map { square, number in
      let deviation = number > 0 ? (square / number).squareRoot() : 0
      return deviation > 0 ? deviation : 1
    }
    let block = 1024
    let blocks = (rows.count + block - 1) / block
    // Blocks are added in groups of 8 to bound memory.
    let groups = (blocks + 7) / 8
    let work = UnsafeMutablePointer<Double>.allocate(capacity: max(groups, 1) * 2 * m * m)
    work.initialize(repeating: 0, count: max(groups, 1) * 2 * m * m)
    defer { work.deallocate() }
    Parallel.forEach(groups) { group in
      let buffer = UnsafeMutablePointer<Double>.allocate(capacity: 2 * block * m)
      defer { buffer.deallocate() }
      let (centred, flags) = (buffer, buffer + block * m)
      for index in (group * 8)..<min(blocks, group * 8 + 8) {
        let range = (index * block)..<min(rows.count, (index + 1) * block)
        for (n, place) in range.enumerated() {
          let pixel = source + rows[place] * columns
          for b in 0..<m {
            let value = pixel[bands[b]]
            centred[n * m + b] = value.isFinite ? (Double(value) - mean[b]) / deviations[b] : 0
            flags[n * m + b] = value.isFinite ? 1 : 0
          }
        }
        let target = work + group * 2 * m * m
        BLAS.multiply(centred, .transposed, centred, .none, into: target, m: m, n: m, k: range.count, beta: 1)
        BLAS.multiply(flags, .transposed, flags, .none, into: target + m * m, m: m, n: m, k: range.count, beta: 1)
      }
    }
    for group in 1..<max(groups, 1) {
      for i in 0..<(2 * m * m) { work[i] += work[group * 2 * m * m + i] }
    }
    (self.bands, self.mean, self.deviations) = (bands, mean, deviations)
    values = Int(numbers.reduce(0, +))
    products = Array(UnsafeBufferPointer(start: work, count: m * m))
    counts = Array(UnsafeBufferPointer(start: work + m * m, count: m * m))
  }

  /// Gives the memory of the products back.
  mutating func release() { (products, counts) = ([], []) }

  /// The largest eigenvalue of the correlations.
  func largestEigenvalue() throws -> Double { try correlation.symmetricEigenvalues().max() ?? 1 }

  private var correlation: Matrix<Double> {
    let m = bands.count
    return Matrix(rows: m, columns: m) { i, j in
      counts[i * m + j] > 1 ? products[i * m + j] / counts[i * m + j] : (i == j ? 1 : 0)
    }
  }

  /// The subspace of the leading eigenvectors of the correlations, and a first guess of the noise.
  func model(rank: Int, known: [Double]?, floors: [Double]) throws -> IncompletePixels {
    let m = bands.count
    let eigen = try correlation.symmetricEigen()
    let loadings = Matrix<Double>(rows: m, columns: rank) { b, i in
      deviations[b] * eigen.vectors[b, i] * max(eigen.values[i], 1e-3).squareRoot()
    }
    let variances = (0..<m).map { b in
      known?[b] ?? max(0.01 * deviations[b] * deviations[b], floors[b])
    }
    return IncompletePixels(bands: bands, mean: mean, loadings: loadings, variances: variances)
  }
}
