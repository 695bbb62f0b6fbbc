/// Exact solutions of many small quadratic programs with one Hessian:
/// `min ½ aᵀ G a − bᵀ a` subject to `a ≥ 0` and, if asked for, `1ᵀ a = 1`.
///
/// A primal active-set method per right-hand side. It starts from the solution without `a ≥ 0` (one precomputed
/// inverse; already the answer for most pixels), drops negative entries until the rest is feasible, then adds the
/// variable with the largest multiplier and steps back to feasibility, Lawson–Hanson fashion. Every iterate after the
/// start is feasible and lowers the objective, so it ends at the optimum after finitely many steps.
///
/// The sum constraint is exact, not a heavy row: on `1ᵀa = 1` the problem does not change when `σ 1 1ᵀ` is added to G
/// and `σ 1` to b. With `σ = tr G / K` the Hessian is positive definite for affinely independent endmembers, also for
/// one more than there are bands. Dependent variables never enter together. Double precision throughout.
///
/// Source: Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23; Heinz and Chang, IEEE TGRS 39(3), 2001.
public struct NonnegativeQuadraticProgram: Sendable {
  /// Number of variables K.
  public let count: Int
  /// True when the variables sum to one.
  public let sumToOne: Bool
  private let gram: [Double]
  private let shift: Double
  private let largest: Double
  /// `(G + σ11ᵀ)⁻¹`, or nil where that is singular.
  private let inverse: [Double]?
  /// `(G + σ11ᵀ)⁻¹ 1` and its sum.
  private let ones: [Double]
  private let onesSum: Double

  /// Prepares for a symmetric positive semidefinite G, K × K.
  public init(gram: Matrix<Double>, sumToOne: Bool) {
    precondition(gram.rows == gram.columns && gram.rows > 0)
    let count = gram.rows
    let trace = (0..<count).reduce(0) { $0 + gram[$1, $1] }
    let shift = sumToOne ? max(trace / Double(count), .leastNormalMagnitude) : 0
    let shifted = gram.map { $0 + shift }
    self.count = count
    self.sumToOne = sumToOne
    self.gram = shifted.values
    self.shift = shift
    largest = (0..<count).reduce(0) { max($0, shifted[$1, $1]) }
    // An inverse of an almost singular matrix is a poor start; the subset solves below know better.
    let inverse = try? shifted.inversePositiveDefinite()
    let smallestPivot = inverse.map { inverse in
      (0..<count).reduce(Double.infinity) { min($0, 1 / (inverse[$1, $1] * shifted[$1, $1])) }
    }
    let usable = (smallestPivot ?? 0) > 1e-11 ? inverse : nil
    self.inverse = usable?.values
    ones = usable?.multiplied(by: [Double](repeating: 1, count: count)) ?? []
    onesSum = ones.reduce(0, +)
  }

  /// Solves `pixels` programs one after the other on the calling thread.
  ///
  /// - Parameters:
  ///   - linear: b of every program, `pixels` × K.
  ///   - offset: subtracted from every entry of b.
  ///   - output: a of every program, `pixels` × K; NaN where b is not finite.
  public func solve(
    _ linear: UnsafePointer<Double>, pixels: Int, minus offset: Double = 0,
    into output: UnsafeMutablePointer<Float>
  ) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: count) { solution in
      withWorkspace { workspace in
        for n in 0..<pixels {
          solve(linear + n * count, offset, solution.baseAddress!, workspace)
          let row = output + n * count
          for k in 0..<count { row[k] = Float(solution[k]) }
        }
      }
    }
  }

  /// Solves one program in double precision.
  public func solve(_ linear: [Double]) -> [Double] {
    precondition(linear.count == count)
    return [Double](unsafeUninitializedCapacity: count) { buffer, filled in
      withWorkspace { solve(linear, 0, buffer.baseAddress!, $0) }
      filled = count
    }
  }

  // MARK: - One program

  /// Above this number the signs of the solution without `a ≥ 0` are a poor guess (many spectra are alike), and it is
  /// cheaper to start from nothing.
  private static let warmStartLimit = 10

  /// Scratch of one program: the passive set in `order[0..<size]`, the Cholesky factor of its Hessian (rows of
  /// `count`), and vectors.
  private struct Workspace {
    var factor, linear, trial, ones: UnsafeMutablePointer<Double>
    var order: UnsafeMutablePointer<Int>
    var isPassive, isRejected: UnsafeMutablePointer<Bool>
    /// Multiplier of the sum constraint of the last solve, and of the solution that was accepted last.
    var multiplier, level: UnsafeMutablePointer<Double>
  }

  private func withWorkspace(_ body: (Workspace) -> Void) {
    let k = count
    withUnsafeTemporaryAllocation(of: Double.self, capacity: k * k + 3 * k + 2) { doubles in
      withUnsafeTemporaryAllocation(of: Int.self, capacity: k) { integers in
        withUnsafeTemporaryAllocation(of: Bool.self, capacity: 2 * k) { flags in
          let base = doubles.baseAddress!
          let vectors = base + k * k
          body(
            Workspace(
              factor: base, linear: vectors, trial: vectors + k, ones: vectors + 2 * k,
              order: integers.baseAddress!, isPassive: flags.baseAddress!, isRejected: flags.baseAddress! + k,
              multiplier: vectors + 3 * k, level: vectors + 3 * k + 1)
          )
        }
      }
    }
  }

  private func solve(
    _ given: UnsafePointer<Double>, _ offset: Double, _ a: UnsafeMutablePointer<Double>, _ w: Workspace
  ) {
    let k = count
    var scale = largest
    for i in 0..<k {
      w.linear[i] = given[i] - offset + shift
      scale = max(scale, abs(w.linear[i]))
    }
    guard scale.isFinite, !(0..<k).contains(where: { given[$0].isNaN }) else {
      for i in 0..<k { a[i] = .nan }
      return
    }
    if startsFeasible(a, w) { return }
    var size = dropNegative(a, w)
    let tolerance = 1e-12 * scale
    for i in 0..<k { w.isRejected[i] = false }
    var steps = 0
    while size < k, steps < 10 * k + 10 {
      steps += 1
      guard let entering = bestEntering(a, size, tolerance, w) else { break }
      guard append(entering, size, w) else {
        w.isRejected[entering] = true
        continue
      }
      size += 1
      solvePassive(size, w)
      guard w.trial[size - 1] > 0 else {
        size -= 1
        w.isPassive[entering] = false
        w.isRejected[entering] = true
        continue
      }
      size = stepToFeasible(a, size, w)
      for i in 0..<k { w.isRejected[i] = false }
    }
    if sumToOne { normalise(a) }
  }

  /// Without `a ≥ 0`: true when the solution is feasible. Otherwise marks its positive entries as passive.
  private func startsFeasible(_ a: UnsafeMutablePointer<Double>, _ w: Workspace) -> Bool {
    let k = count
    guard let inverse else {
      for i in 0..<k { w.isPassive[i] = k <= NonnegativeQuadraticProgram.warmStartLimit }
      return false
    }
    var total = 0.0
    inverse.withUnsafeBufferPointer { inverse in
      for i in 0..<k {
        let row = inverse.baseAddress! + i * k
        var sum = 0.0
        for j in 0..<k { sum += row[j] * w.linear[j] }
        a[i] = sum
        total += sum
      }
    }
    var isFeasible = true
    let multiplier = sumToOne ? (total - 1) / onesSum : 0
    for i in 0..<k {
      if sumToOne { a[i] -= multiplier * ones[i] }
      w.isPassive[i] = a[i] > 0
      if a[i] < 0 { isFeasible = false }
    }
    if !isFeasible, k > NonnegativeQuadraticProgram.warmStartLimit {
      for i in 0..<k { w.isPassive[i] = false }
    }
    return isFeasible
  }

  /// Solves on the passive set and drops non-positive entries until none is left; returns its size.
  private func dropNegative(_ a: UnsafeMutablePointer<Double>, _ w: Workspace) -> Int {
    let k = count
    for i in 0..<k { a[i] = 0 }
    while true {
      var size = 0
      for i in 0..<k where w.isPassive[i] {
        w.isPassive[i] = false
        if append(i, size, w) { size += 1 }
      }
      if size == 0 {
        w.level.pointee = 0
        guard sumToOne else { return 0 }
        let best =
          (0..<k).min { gram[$0 * k + $0] / 2 - w.linear[$0] < gram[$1 * k + $1] / 2 - w.linear[$1] } ?? 0
        guard append(best, 0, w) else {
          a[best] = 1
          w.order[0] = best
          w.isPassive[best] = true
          w.level.pointee = w.linear[best] - gram[best * k + best]
          return 1
        }
        size = 1
      }
      solvePassive(size, w)
      var isFeasible = true
      for p in 0..<size where !(w.trial[p] > 0) {
        isFeasible = false
        w.isPassive[w.order[p]] = false
      }
      if isFeasible {
        for p in 0..<size { a[w.order[p]] = w.trial[p] }
        w.level.pointee = w.multiplier.pointee
        return size
      }
    }
  }

  /// The variable outside the passive set with the largest multiplier above the tolerance.
  private func bestEntering(
    _ a: UnsafeMutablePointer<Double>, _ size: Int, _ tolerance: Double, _ w: Workspace
  ) -> Int? {
    let k = count
    return gram.withUnsafeBufferPointer { gram in
      func gradient(_ j: Int) -> Double {
        var sum = w.linear[j]
        for p in 0..<size { sum -= gram[j * k + w.order[p]] * a[w.order[p]] }
        return sum
      }
      var best = tolerance
      var entering: Int?
      for j in 0..<k where !w.isPassive[j] && !w.isRejected[j] {
        let value = gradient(j) - w.level.pointee
        if value > best { (best, entering) = (value, j) }
      }
      return entering
    }
  }

  /// Moves from `a` towards the solution on the passive set, dropping variables that reach zero, until that solution
  /// is feasible; returns the size of the passive set.
  private func stepToFeasible(_ a: UnsafeMutablePointer<Double>, _ initial: Int, _ w: Workspace) -> Int {
    var size = initial
    while size > 0 {
      var step = 1.0
      for p in 0..<size where !(w.trial[p] > 0) {
        let value = a[w.order[p]]
        step = min(step, value / max(value - w.trial[p], .leastNormalMagnitude))
      }
      if step >= 1, (0..<size).allSatisfy({ w.trial[$0] > 0 }) {
        for p in 0..<size { a[w.order[p]] = w.trial[p] }
        w.level.pointee = w.multiplier.pointee
        return size
      }
      var kept = 0
      var first = size
      for p in 0..<size {
        let i = w.order[p]
        let value = a[i] + step * (w.trial[p] - a[i])
        if w.trial[p] <= 0, value <= 1e-15 {
          a[i] = 0
          w.isPassive[i] = false
          first = min(first, p)
        } else {
          a[i] = max(value, 0)
          w.order[kept] = i
          kept += 1
        }
      }
      if kept == size {  // rounding kept every variable: drop the smallest negative one
        let p = (0..<size).min { w.trial[$0] < w.trial[$1] } ?? 0
        a[w.order[p]] = 0
        w.isPassive[w.order[p]] = false
        for q in (p + 1)..<max(size, p + 1) { w.order[q - 1] = w.order[q] }
        first = p
        kept -= 1
      }
      // Rows of the factor before the first dropped variable stay valid.
      size = min(first, kept)
      for p in size..<kept {
        let i = w.order[p]
        w.isPassive[i] = false
        if append(i, size, w) { size += 1 } else { a[i] = 0 }
      }
      if size > 0 { solvePassive(size, w) }
    }
    return 0
  }

  /// Adds variable `i` as entry `size` of the passive set; false (nothing changes) when it depends on the others.
  private func append(_ i: Int, _ size: Int, _ w: Workspace) -> Bool {
    let k = count
    return gram.withUnsafeBufferPointer { gram in
      let row = w.factor + size * k
      let diagonal = gram[i * k + i]
      var pivot = diagonal
      for p in 0..<size {
        let other = w.factor + p * k
        var sum = gram[i * k + w.order[p]]
        for q in 0..<p { sum -= row[q] * other[q] }
        sum /= other[p]
        row[p] = sum
        pivot -= sum * sum
      }
      guard pivot > 1e-14 * diagonal, diagonal > 0 else { return false }
      row[size] = pivot.squareRoot()
      w.order[size] = i
      w.isPassive[i] = true
      return true
    }
  }

  /// Solution on the passive set (with the sum constraint) into `trial`.
  private func solvePassive(_ size: Int, _ w: Workspace) {
    for p in 0..<size { w.trial[p] = w.linear[w.order[p]] }
    backSubstitute(w.trial, size, w)
    w.multiplier.pointee = 0
    guard sumToOne else { return }
    for p in 0..<size { w.ones[p] = 1 }
    backSubstitute(w.ones, size, w)
    var (total, weight) = (0.0, 0.0)
    for p in 0..<size {
      total += w.trial[p]
      weight += w.ones[p]
    }
    let multiplier = (total - 1) / weight
    w.multiplier.pointee = multiplier
    for p in 0..<size { w.trial[p] -= multiplier * w.ones[p] }
  }

  private func backSubstitute(_ x: UnsafeMutablePointer<Double>, _ size: Int, _ w: Workspace) {
    let k = count
    for p in 0..<size {
      var sum = x[p]
      for q in 0..<p { sum -= w.factor[p * k + q] * x[q] }
      x[p] = sum / w.factor[p * k + p]
    }
    for p in (0..<size).reversed() {
      let value = x[p] / w.factor[p * k + p]
      x[p] = value
      for q in 0..<p { x[q] -= w.factor[p * k + q] * value }
    }
  }

  private func normalise(_ a: UnsafeMutablePointer<Double>) {
    var total = 0.0
    for i in 0..<count { total += a[i] }
    guard total > 0, total != 1 else { return }
    for i in 0..<count { a[i] /= total }
  }
}
