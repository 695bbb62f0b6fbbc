import HSINumerics

/// `min ½ aᵀGa − bᵀa` over `a ≥ 0, Σ a = 1` by an active-set method, in double.
struct SimplexLeastSquares: Sendable {
  private let gram: Matrix<Double>
  private let scale: Double

  /// Prepares for `G = M Mᵀ`.
  init(gram: Matrix<Double>) {
    self.gram = gram
    scale = (0..<gram.rows).reduce(0) { max($0, gram[$1, $1]) }
  }

  /// Solves for one pixel with `b = M y`.
  func solve(_ b: [Double], into a: inout [Double]) {
    let count = b.count
    // Start at the best vertex.
    var best = 0
    for k in 1..<count where gram[k, k] / 2 - b[k] < gram[best, best] / 2 - b[best] { best = k }
    for k in 0..<count { a[k] = k == best ? 1 : 0 }
    var passive = [best]
    for _ in 0..<(10 * count) {
      // Multiplier of every inactive endmember.
      let gradient = (0..<count).map { k in (0..<count).reduce(-b[k]) { $0 + gram[k, $1] * a[$1] } }
      let level = passive.reduce(0) { $0 + gradient[$1] } / Double(passive.count)
      var entering = -1
      var steepest = -1e-12 * scale
      for k in 0..<count where !passive.contains(k) && gradient[k] - level < steepest {
        steepest = gradient[k] - level
        entering = k
      }
      guard entering >= 0 else { return }
      passive.append(entering)
      while true {
        guard let target = equality(passive, b) else {
          passive.removeLast()
          return
        }
        var step = 1.0
        var leaving = -1
        for (i, k) in passive.enumerated() where target[i] <= 0 {
          let ratio = a[k] / max(a[k] - target[i], 1e-300)
          if ratio < step || leaving < 0 {
            step = min(step, ratio)
            leaving = i
          }
        }
        for (i, k) in passive.enumerated() { a[k] += step * (target[i] - a[k]) }
        guard leaving >= 0 else { break }
        a[passive[leaving]] = 0
        passive.remove(at: leaving)
        if passive.count == 1 {
          a[passive[0]] = 1
          break
        }
      }
    }
  }

  /// The minimiser with `Σ a = 1` on the passive set, or nil when singular.
  private func equality(_ passive: [Int], _ b: [Double]) -> [Double]? {
    let n = passive.count
    // Eliminate the first variable: a₀ = 1 − Σ others.
    let p = passive[0]
    let m = n - 1
    guard m > 0 else { return [1] }
    var matrix = [Double](repeating: 0, count: m * m)
    var right = [Double](repeating: 0, count: m)
    for i in 0..<m {
      let q = passive[i + 1]
      right[i] = b[q] - b[p] - gram[q, p] + gram[p, p]
      for j in 0..<m {
        let r = passive[j + 1]
        matrix[i * m + j] = gram[q, r] - gram[q, p] - gram[p, r] + gram[p, p]
      }
    }
    // Cholesky in place.
    for i in 0..<m {
      for j in 0...i {
        var sum = matrix[i * m + j]
        for k in 0..<j { sum -= matrix[i * m + k] * matrix[j * m + k] }
        if i == j {
          guard sum > 1e-14 * scale else { return nil }
          matrix[i * m + i] = sum.squareRoot()
        } else {
          matrix[i * m + j] = sum / matrix[j * m + j]
        }
      }
    }
    for i in 0..<m {
      for k in 0..<i { right[i] -= matrix[i * m + k] * right[k] }
      right[i] /= matrix[i * m + i]
    }
    for i in (0..<m).reversed() {
      for k in (i + 1)..<max(m, i + 1) { right[i] -= matrix[k * m + i] * right[k] }
      right[i] /= matrix[i * m + i]
    }
    return [1 - right.reduce(0, +)] + right
  }
}
