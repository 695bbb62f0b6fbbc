import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

/// Systems of many pixels at a time against LAPACK, one by one.
@Suite struct LaneSolverTests {
  @Test(arguments: [1, 2, 5]) func solvesAndInverts(_ order: Int) throws {
    let lanes = 3
    var random = CounterRandom(seed: 6)
    let entries = LaneSolver.entries(order)
    let (systems, scratch) = (
      UnsafeMutablePointer<Double>.allocate(capacity: entries * lanes),
      UnsafeMutablePointer<Double>.allocate(capacity: entries * lanes)
    )
    let right = UnsafeMutablePointer<Double>.allocate(capacity: order * lanes)
    defer { for pointer in [systems, scratch, right] { pointer.deallocate() } }
    scratch.initialize(repeating: .nan, count: entries * lanes)
    var expected: [(solution: Matrix<Double>, inverse: Matrix<Double>)] = []
    for n in 0..<lanes {
      let root = Matrix<Double>(rows: order + 2, columns: order) { _, _ in random.normal() }
      let (matrix, vector) = (root.gram, Matrix<Double>(rows: order, columns: 1) { _, _ in random.normal() })
      expected.append((try matrix.solvedPositiveDefinite(vector), try matrix.inversePositiveDefinite()))
      for i in 0..<order {
        right[i * lanes + n] = vector[i, 0]
        for j in 0...i { systems[LaneSolver.entry(i, j) * lanes + n] = matrix[i, j] }
      }
    }
    let solver = LaneSolver(order: order, lanes: lanes)
    solver.factorise(systems)
    solver.solve(systems, right)
    solver.invert(systems, scratch)
    for n in 0..<lanes {
      let scale = expected[n].inverse.values.map { abs($0) }.max() ?? 1
      for i in 0..<order {
        #expect(abs(right[i * lanes + n] - expected[n].solution[i, 0]) < 1e-9 * max(1, scale))
        for j in 0...i {
          #expect(abs(systems[LaneSolver.entry(i, j) * lanes + n] - expected[n].inverse[i, j]) < 1e-9 * max(1, scale))
        }
      }
    }
  }

  @Test(arguments: [Transposition.none, .transposed], [Transposition.none, .transposed])
  func doubleProducts(_ left: Transposition, _ right: Transposition) {
    let a: [Double] = [1, 2, 3, 4, 5, 6]
    let b: [Double] = [1, -1, 2, 0, 3, 1, 2, 5, -2, 1, 0, 4]
    let (x, y) = (
      left == .none ? Matrix(rows: 2, columns: 3, values: a) : Matrix(rows: 3, columns: 2, values: a),
      right == .none ? Matrix(rows: 3, columns: 4, values: b) : Matrix(rows: 4, columns: 3, values: b)
    )
    var c = [Double](repeating: 10, count: 8)
    BLAS.multiply(a, left, b, right, into: &c, m: 2, n: 4, k: 3, beta: 0.5)
    #expect(c == x.multiplied(by: y, left, right).values.map { $0 + 5 })
  }
}
