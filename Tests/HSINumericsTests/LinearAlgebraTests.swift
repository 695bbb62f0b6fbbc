import CKernels
import HSICore
import Synchronization
import Testing

@testable import HSINumerics

@Suite struct LinearAlgebraTests {
  private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Double> {
    var generator = CounterRandom(seed: seed)
    return Matrix(rows: rows, columns: columns) { _, _ in generator.normal() }
  }

  private func difference(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Double {
    zip(a.values, b.values).map { abs($0 - $1) }.max() ?? 0
  }

  @Test(arguments: [(3, 4, 5), (1, 7, 1), (16, 16, 16), (33, 2, 9)])
  func productsAgreeWithTheDefinition(m: Int, k: Int, n: Int) {
    let (a, b) = (random(m, k, seed: 1), random(k, n, seed: 2))
    let plain = Matrix<Double>(rows: m, columns: n) { i, j in (0..<k).reduce(0) { $0 + a[i, $1] * b[$1, j] } }
    #expect(difference(a.multiplied(by: b), plain) < 1e-12)
    #expect(difference(a.transposed.multiplied(by: b, .transposed, .none), plain) < 1e-12)
    #expect(difference(a.multiplied(by: b.transposed, .none, .transposed), plain) < 1e-12)
    #expect(difference(a.transposed.multiplied(by: b.transposed, .transposed, .transposed), plain) < 1e-12)
  }

  @Test func eigenvectorsDiagonaliseAndHaveFixedSigns() throws {
    let g = random(12, 9, seed: 3).gram
    let eigen = try g.symmetricEigen()
    #expect(eigen.values == eigen.values.sorted(by: >))
    let rebuilt = Matrix<Double>(rows: 9, columns: 9) { i, j in
      (0..<9).reduce(0) { $0 + eigen.vectors[i, $1] * eigen.values[$1] * eigen.vectors[j, $1] }
    }
    #expect(difference(rebuilt, g) < 1e-11)
    for j in 0..<9 {
      let column = eigen.vectors.column(j)
      #expect(column.max { abs($0) < abs($1) }! > 0)
    }
  }

  @Test func solversInvert() throws {
    let g = random(10, 6, seed: 4).gram
    let x = random(6, 3, seed: 5)
    #expect(difference(try g.solvedPositiveDefinite(g.multiplied(by: x)), x) < 1e-9)
    #expect(difference(try g.inversePositiveDefinite().multiplied(by: g), .identity(6)) < 1e-9)
    #expect(throws: NumericsError.self) {
      try Matrix<Double>(rows: 2, columns: 2, values: [1, 2, 2, 1]).solvedPositiveDefinite(.identity(2))
    }
    let tall = random(10, 4, seed: 6)
    let pinv = try tall.pseudoInverse()
    #expect(difference(pinv.multiplied(by: tall), .identity(4)) < 1e-10)
    let wide = random(3, 7, seed: 8)
    #expect(difference(wide.multiplied(by: try wide.pseudoInverse()), .identity(3)) < 1e-10)
  }

  @Test func determinant() {
    let m = Matrix<Double>(rows: 3, columns: 3, values: [2, 0, 1, 1, 3, 2, 1, 1, 1])
    #expect(abs(m.absoluteDeterminant - 0) < 1e-12)
    #expect(abs(Matrix<Double>(rows: 2, columns: 2, values: [1, 2, 3, 4]).absoluteDeterminant - 2) < 1e-12)
  }

  @Test func assignmentEqualsExhaustiveSearch() {
    for seed in 0..<40 {
      let n = 1 + seed % 5
      let m = n + seed % 2
      let cost = random(n, m, seed: UInt64(100 + seed))
      let found = Assignment.minimumCost(cost)
      #expect(Set(found).count == n)
      let total = found.enumerated().reduce(0) { $0 + cost[$1.offset, $1.element] }
      #expect(abs(total - bestTotal(cost, row: 0, used: [])) < 1e-12)
    }
  }

  private func bestTotal(_ cost: Matrix<Double>, row: Int, used: Set<Int>) -> Double {
    guard row < cost.rows else { return 0 }
    return (0..<cost.columns).filter { !used.contains($0) }
      .map { cost[row, $0] + bestTotal(cost, row: row + 1, used: used.union([$0])) }.min()!
  }
}

@Suite(.serialized) struct SceneStatisticsTests {
  private func scene(pixels count: Int, bands: Int) -> Cube {
    var random = CounterRandom(seed: 11)
    let pixels = PixelMatrix(rows: count, columns: bands)
    for n in 0..<count {
      for b in 0..<bands { pixels[n, b] = Float(1000 + 10 * Double(b) + random.normal()) }
    }
    return Cube(lines: count / 10, samples: 10, pixels: pixels)
  }

  @Test func agreeWithDoublePrecision() throws {
    let cube = scene(pixels: 3000, bands: 6)
    let statistics = try SceneStatistics(cube, RunContext())
    for i in 0..<6 {
      let mean = (0..<3000).reduce(0.0) { $0 + Double(cube.pixels[$1, i]) } / 3000
      #expect(abs(statistics.mean[i] - mean) < 1e-6)
      #expect(statistics.minimum[i] == (0..<3000).map { cube.pixels[$0, i] }.min())
      #expect(statistics.maximum[i] == (0..<3000).map { cube.pixels[$0, i] }.max())
      for j in 0..<6 {
        let meanJ = (0..<3000).reduce(0.0) { $0 + Double(cube.pixels[$1, j]) } / 3000
        let expected =
          (0..<3000).reduce(0.0) {
            $0 + (Double(cube.pixels[$1, i]) - mean) * (Double(cube.pixels[$1, j]) - meanJ)
          } / 3000
        // Values near 1000 with unit variance: the naive single-precision sum would be off by about 1.
        #expect(abs(statistics.covariance[i, j] - expected) < 2e-6)
      }
    }
  }

  @Test func areTheSameForAnyStripHeightAndThreadCount() throws {
    let cube = scene(pixels: 25_000, bands: 5)
    let reference = try SceneStatistics(cube, RunContext())
    for threads in [1, 2, 3] {
      for budget in [20_000, 100_000, 4 << 20] {
        let other = try SceneStatistics(cube, RunContext(threads: threads, memory: MemoryBudget(bytes: budget)))
        #expect(other.covariance == reference.covariance && other.mean == reference.mean)
      }
    }
  }
}

@Suite struct ParallelTests {
  /// Room per thread is made for a number that another task may raise before the items run.
  @Test(arguments: 1...3) func itemsKeepToTheThreadsThereIsRoomFor(_ threads: Int) {
    defer { Parallel.setThreads(RunContext.availableThreads) }
    for _ in 0..<200 {
      Parallel.setThreads(4)
      let slots = Mutex<Set<Int32>>([])
      let done = Mutex(0)
      Parallel.forEach(64, threads: threads) { _ in
        slots.withLock { _ = $0.insert(hsi_pool_thread_index()) }
        done.withLock { $0 += 1 }
      }
      #expect(slots.withLock { $0.allSatisfy { $0 < threads } })
      #expect(done.withLock { $0 } == 64)
    }
  }

  @Test func everyItemRunsOnceAndErrorsComeInOrder() throws {
    let counts = PixelMatrix(rows: 1000, columns: 1)
    Parallel.forEach(1000) { counts.pointer[$0] += 1 }
    #expect(counts.values.allSatisfy { $0 == 1 })
    struct Failure: Error, Equatable { let index: Int }
    #expect(throws: Failure(index: 3)) {
      try Parallel.tryForEach(50) { if $0 >= 3 { throw Failure(index: $0) } }
    }
  }
}
