import HSICore

/// From decision values to probabilities: a sigmoid per pair of classes, then all pairs together.
enum PairwiseCoupling {
  /// `P(first class | f) = 1 / (1 + exp(a f + b))`.
  struct Sigmoid: Equatable {
    var a: Double
    var b: Double

    /// What decision values are worth where nothing could be fitted.
    static let plain = Sigmoid(a: -1, b: 0)

    /// The probability of the first class.
    func callAsFunction(_ decision: Double) -> Double {
      let z = a * decision + b
      return z >= 0 ? _exponential(-z) / (1 + _exponential(-z)) : 1 / (1 + _exponential(z))
    }

    /// Maximum likelihood with Platt's targets (n₊ + 1)/(n₊ + 2) and 1/(n₋ + 2), by Newton's method with backtracking.
    /// Source: H.-T. Lin, C.-J. Lin, R. C. Weng, A note on Platt's probabilistic outputs for support vector machines,
    /// Machine Learning 68, 2007.
    static func fit(_ decisions: [Double], isFirst: [Bool]) -> Sigmoid {
      let first = Double(isFirst.filter { $0 }.count)
      let second = Double(isFirst.count) - first
      guard first > 0, second > 0 else { return plain }
      let targets = isFirst.map { $0 ? (first + 1) / (first + 2) : 1 / (second + 2) }
      func loss(_ s: Sigmoid) -> Double {
        var sum = 0.0
        for (f, t) in zip(decisions, targets) {
          let z = s.a * f + s.b
          sum += z >= 0 ? t * z + _logarithm(1 + _exponential(-z)) : (t - 1) * z + _logarithm(1 + _exponential(z))
        }
        return sum
      }
      var current = Sigmoid(a: 0, b: _logarithm((second + 1) / (first + 1)))
      var value = loss(current)
      for _ in 0..<100 {
        var (h11, h22, h21, g1, g2) = (1e-12, 1e-12, 0.0, 0.0, 0.0)
        for (f, t) in zip(decisions, targets) {
          let p = current(f)
          let (d1, d2) = (t - p, p * (1 - p))
          h11 += f * f * d2
          h22 += d2
          h21 += f * d2
          g1 += f * d1
          g2 += d1
        }
        if abs(g1) < 1e-5, abs(g2) < 1e-5 { break }
        let determinant = h11 * h22 - h21 * h21
        let (da, db) = (-(h22 * g1 - h21 * g2) / determinant, -(-h21 * g1 + h11 * g2) / determinant)
        let slope = g1 * da + g2 * db
        var step = 1.0
        while step >= 1e-10 {
          let next = Sigmoid(a: current.a + step * da, b: current.b + step * db)
          let found = loss(next)
          if found < value + 1e-4 * step * slope {
            (current, value) = (next, found)
            break
          }
          step /= 2
        }
        if step < 1e-10 { break }
      }
      return current.a.isFinite && current.b.isFinite ? current : plain
    }
  }

  /// Probabilities p of all classes that agree best with those of pairs: minimises Σ_{i≠j} (r_ji p_i − r_ij p_j)².
  /// Source: T.-F. Wu, C.-J. Lin, R. C. Weng, Probability estimates for multi-class classification by pairwise coupling,
  /// JMLR 5, 2004 (second method, their algorithm 2).
  ///
  /// - Parameters:
  ///   - pairs: `r_ij` for i < j in the order of pairs.
  ///   - matrix: classes² of scratch.
  ///   - products: classes of scratch.
  static func couple(
    _ pairs: UnsafePointer<Double>, classes k: Int, matrix q: UnsafeMutablePointer<Double>,
    products: UnsafeMutablePointer<Double>, into p: UnsafeMutablePointer<Double>
  ) {
    // 1e-7 keeps a pair from ruling a class out for good.
    func share(_ i: Int, _ j: Int) -> Double {
      let r = i < j ? pairs[SupportVectors.pair(i, j, k)] : 1 - pairs[SupportVectors.pair(j, i, k)]
      return min(max(r, 1e-7), 1 - 1e-7)
    }
    for i in 0..<k {
      p[i] = 1 / Double(k)
      q[i * k + i] = 0
      for j in 0..<k where j != i {
        let r = share(j, i)
        q[i * k + i] += r * r
        q[i * k + j] = -r * share(i, j)
      }
    }
    let tolerance = 0.005 / Double(k)
    for _ in 0..<max(100, k) {
      var total = 0.0
      for i in 0..<k {
        products[i] = 0
        for j in 0..<k { products[i] += q[i * k + j] * p[j] }
        total += p[i] * products[i]
      }
      var worst = 0.0
      for i in 0..<k { worst = max(worst, abs(products[i] - total)) }
      if worst < tolerance { break }
      for i in 0..<k {
        let difference = (total - products[i]) / q[i * k + i]
        p[i] += difference
        total =
          (total + difference * (difference * q[i * k + i] + 2 * products[i])) / ((1 + difference) * (1 + difference))
        for j in 0..<k {
          products[j] = (products[j] + difference * q[i * k + j]) / (1 + difference)
          p[j] /= 1 + difference
        }
      }
    }
  }
}
