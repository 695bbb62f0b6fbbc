import CKernels
import HSICore
import HSINumerics

/// N-FINDR: the simplex of largest volume among the pixels.
///
/// In the K − 1 principal components with a row of ones, single pixels replace vertices as long as `|det|` grows. For
/// vertex k the determinant is linear in the candidate, `|cᵀ(1, x)|` with the cofactors c, so one scan finds the best
/// pixel. Starts from SPA, sweeps all positions, ends when a sweep changes nothing or after 3 K sweeps.
/// Cost K passes for SPA, two more passes, then 2 N K flops per replacement; 4 N K bytes.
public struct NFINDR: EndmemberExtractor {
  public static let description = MethodDescription(
    id: "nfindr", name: "N-FINDR", task: .extract,
    citation:
      "M. E. Winter, N-FINDR: an algorithm for fast autonomous spectral end-member determination, Proc. SPIE 3753, "
      + "1999",
    cost: "N L² + 2 N L K, K + 2 passes, 4 N K bytes",
    advice: "Deterministic; often the best pure-pixel simplex at a few percent more time than SPA.")

  public init(_ parameters: MethodParameters) throws {}

  public func extract(_ scene: any StripSource, count: Int, _ context: RunContext) throws -> SpectralLibrary {
    let claim = context.claimThreads()
    defer { claim.release() }
    let reader = SceneReader(scene, context)
    let statistics = try reader.statistics()
    try requireExtractable(
      statistics, count: count, limit: scene.shape.bands, reason: "N-FINDR needs as many bands as endmembers")
    try reader.requireMemory(4 * statistics.count * max(count, 2), purpose: "holding the scores of N-FINDR")
    let start = try SPA.picks(reader, count: count, context)
    guard count > 1 else { return try reader.library(start) }

    let axes = try statistics.covariance.symmetricEigen().vectors.selecting(columns: Array(0..<(count - 1)))
    let centre = axes.transposed.multiplied(by: statistics.mean)
    let scores = PixelMatrix(rows: statistics.count, columns: count)
    try reader.project(axes, offset: centre, count: statistics.count, into: scores, label: "projection")
    for n in 0..<scores.rows { scores[n, count - 1] = 1 }
    let picks = try NFINDR.maximise(scores, start, context).picks
    return try reader.library(picks)
  }

  /// Replaces vertices by rows of `scores` (N × K, one column of ones) until `|det|` no longer grows.
  static func maximise(
    _ scores: PixelMatrix, _ start: [Int], _ context: RunContext
  ) throws -> (picks: [Int], volume: Double) {
    let count = scores.columns
    var picks = start
    var simplex = Matrix<Double>(rows: count, columns: count) { Double(scores[start[$0], $1]) }
    var volume = simplex.absoluteDeterminant
    for sweep in 0..<(3 * count) {
      var changed = false
      for k in 0..<count {
        try context.checkCancellation()
        let cofactors = simplex.cofactors(ofRow: k)
        var value = 0.0
        let pick = Int(hsi_argmax_abs_projection(scores.pointer, scores.rows, count, cofactors, &value))
        guard abs(value) > volume * (1 + 1e-12), pick != picks[k] else { continue }
        picks[k] = pick
        for j in 0..<count { simplex[k, j] = Double(scores[pick, j]) }
        volume = simplex.absoluteDeterminant
        changed = true
      }
      context.progress.report(
        phase: "simplex", fraction: changed ? Double(sweep + 1) / Double(3 * count) : 1,
        detail: "volume \(volume)")
      if !changed { break }
    }
    return (picks, volume)
  }
}

extension Matrix where Scalar == Double {
  /// The cofactors of the entries of one row: `det = Σ_j self[row, j] · c_j`. Defined for singular matrices too.
  fileprivate func cofactors(ofRow row: Int) -> [Double] {
    let others = (0..<rows).filter { $0 != row }
    return (0..<columns).map { j in
      let minor = selecting(rows: others).selecting(columns: (0..<columns).filter { $0 != j })
      return ((row + j) % 2 == 0 ? 1 : -1) * minor.determinant
    }
  }

  /// Determinant by elimination with row pivoting; 1 for an empty matrix.
  fileprivate var determinant: Double {
    var a = self
    var result = 1.0
    for k in 0..<rows {
      let pivot = (k..<rows).max { abs(a[$0, k]) < abs(a[$1, k]) } ?? k
      if a[pivot, k] == 0 { return 0 }
      if pivot != k {
        result = -result
        for j in k..<columns { a.values.swapAt(k * columns + j, pivot * columns + j) }
      }
      result *= a[k, k]
      for i in (k + 1)..<max(rows, k + 1) {
        let factor = a[i, k] / a[k, k]
        for j in k..<columns { a[i, j] -= factor * a[k, j] }
      }
    }
    return result
  }
}
