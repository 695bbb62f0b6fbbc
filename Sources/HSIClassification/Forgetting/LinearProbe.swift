import HSICore
import HSINumerics
import HSITransformer

/// A linear map that tells two kinds of embeddings apart, by least squares with equal weight of both kinds and a little ridge.
struct LinearProbe {
  private let weights: [Double]

  /// - Parameters:
  ///   - embeddings: `[n, width]`.
  ///   - isMember: the kind of each; both occur.
  init(_ embeddings: Tensor, isMember: [Bool]) throws {
    let (count, width) = (embeddings.shape[0], embeddings.shape[1])
    let members = isMember.count { $0 }
    let side = width + 1
    var gram = Matrix<Double>(rows: side, columns: side)
    var right = Matrix<Double>(rows: side, columns: 1)
    var row = [Double](repeating: 1, count: side)
    for n in 0..<count {
      for j in 0..<width { row[j] = Double(embeddings.pointer[n * width + j]) }
      let weight = 0.5 / Double(max(isMember[n] ? members : count - members, 1))
      for i in 0..<side {
        for j in 0..<side { gram[i, j] += weight * row[i] * row[j] }
        right[i, 0] += weight * row[i] * (isMember[n] ? 1 : -1)
      }
    }
    let ridge = 1e-4 * (0..<side).reduce(0) { $0 + gram[$1, $1] } / Double(side) + 1e-12
    for i in 0..<side { gram[i, i] += ridge }
    let solution = try gram.solvedPositiveDefinite(right)
    weights = (0..<side).map { solution[$0, 0] }
  }

  /// Mean of the shares of both kinds that are told rightly; nil where one does not occur.
  func balancedAccuracy(_ embeddings: Tensor, isMember: [Bool]) -> Double? {
    let width = embeddings.shape[1]
    var (right, all) = ([0, 0], [0, 0])
    for (n, isMember) in isMember.enumerated() {
      var value = weights[width]
      for j in 0..<width { value += weights[j] * Double(embeddings.pointer[n * width + j]) }
      let kind = isMember ? 1 : 0
      all[kind] += 1
      if (value > 0) == isMember { right[kind] += 1 }
    }
    guard all[0] > 0, all[1] > 0 else { return nil }
    return 0.5 * (Double(right[0]) / Double(all[0]) + Double(right[1]) / Double(all[1]))
  }
}
