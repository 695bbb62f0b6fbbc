/// Small positive definite systems of many pixels at a time: entry e of the matrix of pixel n stands at `e · lanes + n`, so that
/// every step is one loop over pixels.
///
/// Matrices are lower triangles, row by row: entry (i, j), j ≤ i, is number `i (i + 1) / 2 + j`. Double precision. Cost p³ / 3
/// flops per pixel for the factor, 2 p³ / 3 more for the inverse.
struct LaneSolver {
  typealias Values = UnsafeMutablePointer<Double>

  /// Unknowns.
  let order: Int
  /// Pixels at a time.
  let lanes: Int

  /// Entries of a triangle.
  static func entries(_ order: Int) -> Int { order * (order + 1) / 2 }
  /// Number of an entry, j ≤ i.
  @inline(__always) static func entry(_ i: Int, _ j: Int) -> Int { i * (i + 1) / 2 + j }

  @inline(__always) private func at(_ base: Values, _ i: Int, _ j: Int) -> Values {
    base + LaneSolver.entry(i, j) * lanes
  }

  /// Replaces matrices by their Cholesky factors L, A = L Lᵀ, the diagonal by its inverse.
  func factorise(_ a: Values) {
    for j in 0..<order {
      let diagonal = at(a, j, j)
      for k in 0..<j {
        let left = at(a, j, k)
        for n in 0..<lanes { diagonal[n] -= left[n] * left[n] }
      }
      for n in 0..<lanes { diagonal[n] = 1 / max(diagonal[n], 1e-300).squareRoot() }
      for i in (j + 1)..<max(order, j + 1) {
        let target = at(a, i, j)
        for k in 0..<j {
          let (x, y) = (at(a, i, k), at(a, j, k))
          for n in 0..<lanes { target[n] -= x[n] * y[n] }
        }
        for n in 0..<lanes { target[n] *= diagonal[n] }
      }
    }
  }

  /// Solves A x = b in place, A factorised; unknown i of pixel n at `i · lanes + n`.
  func solve(_ factor: Values, _ b: Values) {
    for i in 0..<order {
      let target = b + i * lanes
      for k in 0..<i {
        let (x, y) = (at(factor, i, k), b + k * lanes)
        for n in 0..<lanes { target[n] -= x[n] * y[n] }
      }
      let diagonal = at(factor, i, i)
      for n in 0..<lanes { target[n] *= diagonal[n] }
    }
    for i in stride(from: order - 1, through: 0, by: -1) {
      let target = b + i * lanes
      for k in (i + 1)..<max(order, i + 1) {
        let (x, y) = (at(factor, k, i), b + k * lanes)
        for n in 0..<lanes { target[n] -= x[n] * y[n] }
      }
      let diagonal = at(factor, i, i)
      for n in 0..<lanes { target[n] *= diagonal[n] }
    }
  }

  /// Replaces the factor of A by A⁻¹; `scratch` holds as much.
  func invert(_ factor: Values, _ scratch: Values) {
    // M = L⁻¹ in the scratch: m_jj = 1 / l_jj, m_ij = −Σ_{j ≤ k < i} l_ik m_kj / l_ii.
    for j in 0..<order {
      at(scratch, j, j).update(from: at(factor, j, j), count: lanes)
      for i in (j + 1)..<max(order, j + 1) {
        let (target, diagonal) = (at(scratch, i, j), at(factor, i, i))
        target.update(repeating: 0, count: lanes)
        for k in j..<i {
          let (x, y) = (at(factor, i, k), at(scratch, k, j))
          for n in 0..<lanes { target[n] -= x[n] * y[n] }
        }
        for n in 0..<lanes { target[n] *= diagonal[n] }
      }
    }
    // A⁻¹ = Mᵀ M.
    for i in 0..<order {
      for j in 0...i {
        let target = at(factor, i, j)
        target.update(repeating: 0, count: lanes)
        for k in i..<order {
          let (x, y) = (at(scratch, k, i), at(scratch, k, j))
          for n in 0..<lanes { target[n] += x[n] * y[n] }
        }
      }
    }
  }
}
