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
    // Rows and wanted values times the root of their weight; the last column is the constant.
    let roots = isMember.map { (0.5 / Double(max($0 ? members : count - members, 1))).squareRoot() }
    let rows = Matrix<Double>(rows: count, columns: side) { n, j in
      roots[n] * (j < width ? Double(embeddings.pointer[n * width + j]) : 1)
    }
    let wanted = Matrix<Double>(rows: count, columns: 1) { n, _ in isMember[n] ? roots[n] : -roots[n] }
    var gram = rows.gram
    let right = rows.multiplied(by: wanted, .transposed)
    let ridge = 1e-4 * (0..<side).reduce(0) { $0 + gram[$1, $1] } / Double(side) + 1e-12
    for i in 0..<side { gram[i, i] += ridge }
    let solution = try gram.solvedPositiveDefinite(right)
    weights = (0..<side).map { solution[$0, 0] }
  }

  /// How well forgotten pixels are told from the class that they are most like: the least balanced accuracy of a probe between them and
  /// any one class that stays. Near 0.5 there is a class that they cannot be told from; nil where no class can be tested.
  ///
  /// - Parameters:
  ///   - learned: embeddings and classes that probes are fitted on.
  ///   - tested: those that they are tested on.
  static func recovery(
    of forgotten: Set<Int>, learned: (embeddings: Tensor, labels: [Int]), tested: (embeddings: Tensor, labels: [Int])
  ) throws -> Double? {
    func pair(_ data: (embeddings: Tensor, labels: [Int]), _ other: Int) -> (embeddings: Tensor, isMember: [Bool]) {
      let width = data.embeddings.shape[1]
      let rows = data.labels.indices.filter { forgotten.contains(data.labels[$0]) || data.labels[$0] == other }
      let chosen = Tensor(uninitialised: [rows.count, width])
      for (n, row) in rows.enumerated() {
        (chosen.output + n * width).update(from: data.embeddings.pointer + row * width, count: width)
      }
      return (chosen, rows.map { forgotten.contains(data.labels[$0]) })
    }
    var least: Double?
    for other in Set(learned.labels).subtracting(forgotten).sorted() {
      let (own, foreign) = (pair(learned, other), pair(tested, other))
      guard own.isMember.contains(true), own.isMember.contains(false) else { continue }
      let probe = try LinearProbe(own.embeddings, isMember: own.isMember)
      guard let found = probe.balancedAccuracy(foreign.embeddings, isMember: foreign.isMember) else { continue }
      least = min(least ?? 1, found)
    }
    return least
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
