import Foundation
import HSICore
import HSINumerics

/// Simplex identification by splitting and augmented Lagrangian (SISAL): the smallest simplex around nearly all pixels.
/// It needs no pure pixels.
///
/// In whitened K − 1 principal components with a row of ones, `y`, abundances are `Q y` with `Q = M⁻¹`. Minimises
/// `−log |det Q| + τ/N Σ_n Σ_k max(0, −(Q y_n)_k)` subject to `1ᵀQ = (0 … 0 1)`, that is, abundances that sum to one.
/// Each outer step takes the gradient of the first term and a proximal term `½ μ ‖Q − Q_k‖²`; ADMM on `Z = Q Y` solves
/// the rest, and the step is halved until the objective does not rise.
///
/// τ is per pixel *(ours)*: at the optimum about `(K − 1)/τ` of the pixels lie outside each facet, whatever the size of
/// the scene, so it should be large for clean data and small when outliers abound. Whitening makes `μ = 1` and an ADMM
/// penalty of 3 τ fit every scene *(measured: the result moves by less than 1e-3 rad over a factor of 30)*.
/// Starts from SPA in the scores, vertices moved outward by half. Endmembers are not pixels.
///
/// Two passes over the scene, then `outer · inner` passes over N × K scores in memory; 8 N K bytes.
public struct SISAL: EndmemberExtractor {
  public static let description = MethodDescription(
    id: "sisal", name: "Simplex identification via split augmented Lagrangian (SISAL)", task: .extract,
    citation:
      "J. M. Bioucas-Dias, A variable splitting augmented Lagrangian approach to linear spectral unmixing, "
      + "WHISPERS 2009",
    cost: "N L² + 2 N L K + 4 N K² T, two passes, 8 N K bytes",
    advice: "When no pixel is pure. Outliers must be few: they pull facets outward; lower tau where they do.",
    parameters: [
      ParameterDescription(
        "tau", 200, in: 1e-3...1e9,
        "weight of negative abundances; (K - 1)/tau of the pixels end up outside a facet"),
      ParameterDescription("outer", 40, in: 1...10_000, "most outer steps"),
      ParameterDescription("inner", 10, in: 1...1000, "ADMM iterations per outer step"),
      ParameterDescription("tolerance", 1e-5, in: 0...1, "change of the objective at which outer steps stop"),
    ])

  private let tau: Double
  private let outer, inner: Int
  private let tolerance: Double

  public init(_ parameters: MethodParameters) throws {
    tau = parameters.value("tau")
    outer = Int(parameters.value("outer"))
    inner = Int(parameters.value("inner"))
    tolerance = parameters.value("tolerance")
  }

  public func extract(_ scene: any StripSource, count: Int, _ context: RunContext) throws -> SpectralLibrary {
    let claim = context.claimThreads()
    defer { claim.release() }
    let reader = SceneReader(scene, context)
    let statistics = try reader.statistics()
    try requireExtractable(
      statistics, count: count, limit: scene.shape.bands, reason: "SISAL needs as many bands as endmembers")
    guard count >= 2 else {
      throw CoreError.invalidParameter(
        name: "the number of endmembers", value: "\(count)", requirement: "at least 2")
    }
    try reader.requireMemory(8 * statistics.count * count, purpose: "holding the scores of SISAL")
    let eigen = try statistics.covariance.symmetricEigen()
    try reader.requireDimensions(eigen.values, needed: count - 1, isCentred: true, count: count)
    let scales = eigen.values.prefix(count - 1).map { max($0, 0).squareRoot() }
    guard let smallest = scales.last, let largest = scales.first, smallest > 1e-7 * largest else {
      throw UnmixingError.tooManyEndmembers(
        count: count, limit: 1 + scales.count { $0 > 1e-7 * (scales.first ?? 0) },
        reason: "the pixels vary in fewer directions")
    }
    let axes = eigen.vectors.selecting(columns: Array(0..<(count - 1)))
    let whitening = Matrix<Double>(rows: axes.rows, columns: count - 1) { axes[$0, $1] / scales[$1] }
    let scores = PixelMatrix(rows: statistics.count, columns: count)
    try reader.project(
      whitening, offset: whitening.transposed.multiplied(by: statistics.mean), count: statistics.count,
      into: scores, label: "projection")
    for n in 0..<scores.rows { scores[n, count - 1] = 1 }

    let vertices = try minimise(scores, context).transposed  // vertex per row, last entry 1
    let spread = Matrix<Double>(rows: axes.rows, columns: count - 1) { axes[$0, $1] * scales[$1] }
    var values: [Double] = []
    for k in 0..<count {
      let deviation = spread.multiplied(by: Array(vertices.row(k).dropLast()))
      values += zip(deviation, statistics.mean).map(+)
    }
    return SpectralLibrary(names: endmemberNames(count), axis: scene.metadata.axis, values: values)
  }

  /// The vertices `Q⁻¹`, K × K, one per column.
  private func minimise(_ scores: PixelMatrix, _ context: RunContext) throws -> Matrix<Double> {
    let (count, pixels) = (scores.columns, Double(scores.rows))
    let start = try SISAL.start(scores, context)
    var q = try start.inverse()
    let penalty = 3 * tau
    let gram = SISAL.accumulate(scores) { _, row, weights in
      for k in 0..<count { weights[k] = Double(row[k]) }
    }
    let system = Matrix<Double>(rows: count, columns: count) {
      ($0 == $1 ? 1 : 0) + penalty * gram[$0, $1] / pixels
    }
    let inverse = try system.inversePositiveDefinite()
    let state = PixelMatrix(rows: scores.rows, columns: count)
    SISAL.multiply(scores, q, into: state)
    var objective = SISAL.objective(q, scores, tau)
    for step in 1...outer {
      try context.checkCancellation()
      // −∇(−log |det Q|) = Q⁻ᵀ
      let ascent = try q.inverse().transposed
      var next = q
      var products = SISAL.residualProducts(scores, state, nil, tau / penalty)
      for _ in 0..<inner {
        let right = Matrix<Double>(rows: count, columns: count) {
          q[$0, $1] + ascent[$0, $1] + penalty / pixels * products[$0, $1]
        }
        next = right.multiplied(by: inverse)
        // Back to 1ᵀQ = (0 … 0 1): the same correction for every row, since all share one system.
        for j in 0..<count {
          let excess = (next.column(j).reduce(0, +) - (j == count - 1 ? 1 : 0)) / Double(count)
          for i in 0..<count { next[i, j] -= excess }
        }
        products = SISAL.residualProducts(scores, state, next, tau / penalty)
      }
      var fraction = 1.0
      var accepted = q
      var value = objective
      for _ in 0..<8 {
        let trial = Matrix<Double>(rows: count, columns: count) {
          q[$0, $1] + fraction * (next[$0, $1] - q[$0, $1])
        }
        let candidate = SISAL.objective(trial, scores, tau)
        if candidate <= objective {
          (accepted, value) = (trial, candidate)
          break
        }
        fraction /= 2
      }
      let change = objective - value
      (q, objective) = (accepted, value)
      let isDone = change <= tolerance && step > 3
      context.progress.report(
        phase: "simplex", fraction: isDone ? 1 : Double(step) / Double(outer),
        detail: "objective \(Float(objective))")
      if isDone { break }
    }
    return try q.inverse()
  }

  /// Vertices to start from, one per column: successive projection on the scores, moved outward by half.
  private static func start(_ scores: PixelMatrix, _ context: RunContext) throws -> Matrix<Double> {
    let cube = Cube(lines: 1, samples: scores.rows, pixels: scores)
    let picks = try SPA.picks(SceneReader(cube, RunContext()), count: scores.columns, context)
    let last = scores.columns - 1
    return Matrix(rows: scores.columns, columns: scores.columns) { i, k in
      i == last ? 1 : 1.5 * Double(scores[picks[k], i])
    }
  }

  /// `−log |det Q| + τ/N Σ max(0, −Q y)`; +∞ where Q is singular.
  static func objective(_ q: Matrix<Double>, _ scores: PixelMatrix, _ tau: Double) -> Double {
    let determinant = q.absoluteDeterminant
    guard determinant > 0 else { return .infinity }
    let count = q.columns
    let hinge = accumulate(scores) { _, row, values in
      var negative = 0.0
      for i in 0..<count {
        var sum = 0.0
        for j in 0..<count { sum += q.values[i * count + j] * Double(row[j]) }
        if sum < 0 { negative -= sum }
      }
      for i in 0..<count { values[i] = 0 }
      values[0] = negative
    }
    // The last score is 1, so this entry of Σ values yᵀ is the sum itself.
    return -log(determinant) + tau / Double(scores.rows) * hinge[0, count - 1]
  }

  private static func multiply(_ scores: PixelMatrix, _ q: Matrix<Double>, into state: PixelMatrix) {
    let count = q.columns
    let (y, t) = (scores.pointer, state.pointer)
    Parallel.forEachChunk(of: scores.rows, chunk: 4096) { _, range in
      for n in range {
        for i in 0..<count {
          var sum = 0.0
          for j in 0..<count { sum += q.values[i * count + j] * Double(y[n * count + j]) }
          t[n * count + i] = Float(sum)
        }
      }
    }
  }

  /// With a new Q, `T ← T + Q y − prox(T)` first; then `Σ (2 prox(T) − T) yᵀ`.
  private static func residualProducts(
    _ scores: PixelMatrix, _ state: PixelMatrix, _ q: Matrix<Double>?, _ threshold: Double
  ) -> Matrix<Double> {
    let count = scores.columns
    let limit = Float(threshold)
    let t = state.pointer
    func shrink(_ value: Float) -> Float { value >= 0 ? value : min(value + limit, 0) }
    return accumulate(scores) { n, row, values in
      let entries = t + n * count
      for i in 0..<count {
        if let q {
          var sum = 0.0
          for j in 0..<count { sum += q.values[i * count + j] * Double(row[j]) }
          entries[i] += Float(sum) - shrink(entries[i])
        }
        values[i] = Double(2 * shrink(entries[i]) - entries[i])
      }
    }
  }

  /// `Σ_n v_n y_nᵀ` in double precision for vectors that `vector(n, y_n, v_n)` fills in; split at fixed points.
  private static func accumulate(
    _ scores: PixelMatrix, _ vector: (Int, UnsafePointer<Float>, UnsafeMutablePointer<Double>) -> Void
  ) -> Matrix<Double> {
    let (count, chunk) = (scores.columns, 2048)
    let chunks = (scores.rows + chunk - 1) / chunk
    var partial = [Double](repeating: 0, count: chunks * count * count)
    partial.withUnsafeMutableBufferPointer { partial in
      let (partial, y) = (partial.baseAddress!, scores.pointer)
      Parallel.forEachChunk(of: scores.rows, chunk: chunk) { index, range in
        let sums = partial + index * count * count
        withUnsafeTemporaryAllocation(of: Double.self, capacity: count) { values in
          let values = values.baseAddress!
          for n in range {
            let row = y + n * count
            vector(n, row, values)
            for i in 0..<count { for j in 0..<count { sums[i * count + j] += values[i] * Double(row[j]) } }
          }
        }
      }
    }
    var total = Matrix<Double>(rows: count, columns: count)
    for c in 0..<chunks {
      for i in total.values.indices { total.values[i] += partial[c * count * count + i] }
    }
    return total
  }
}

extension Matrix where Scalar == Double {
  /// Inverse of a small square matrix.
  fileprivate func inverse() throws -> Matrix {
    guard absoluteDeterminant > 0 else {
      throw NumericsError.singular(operation: "inverting a simplex", size: rows)
    }
    return try leastSquares(.identity(rows))
  }
}
