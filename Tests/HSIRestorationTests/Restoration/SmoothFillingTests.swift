import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

@Suite struct SmoothFillingTests {
  /// The normal equations of `Σ (Δu)² + 0.3 Σ |∇u|²`, all at once: matrices of differences, LAPACK.
  @Test(arguments: [[Int](24...26) + [33, 34], [0, 1, 2, 9, 10, 18], [71, 70, 40, 4]])
  func leastOfBendsAndSlopes(_ hole: [Int]) throws {
    let (lines, samples) = (8, 9)
    let count = lines * samples
    var random = CounterRandom(seed: 3)
    let values = (0..<count).map { _ in random.uniform() }
    var laplacian = Matrix<Double>(rows: count, columns: count)
    for a in 0..<count {
      for b in 0..<count {
        let (dy, dx) = (abs(a / samples - b / samples), abs(a % samples - b % samples))
        guard dy + dx == 1 else { continue }
        laplacian[a, a] += 1
        laplacian[a, b] -= 1
      }
    }
    let bends = laplacian.multiplied(by: laplacian)
    func entry(_ a: Int, _ b: Int) -> Double { bends[a, b] + 0.3 * laplacian[a, b] }
    let system = Matrix<Double>(rows: hole.count, columns: hole.count) { entry(hole[$0], hole[$1]) }
    let right = Matrix<Double>(rows: hole.count, columns: 1) { i, _ in
      -(0..<count).filter { !hole.contains($0) }.reduce(0) { $0 + entry(hole[i], $1) * values[$1] }
    }
    let expected = try system.solvedPositiveDefinite(right)
    var plane = values.map(Float.init)
    for place in hole { plane[place] = 0.5 }
    let known = (0..<count).map { !hole.contains($0) }
    SmoothFilling(lines: lines, samples: samples, isKnown: known).fill(&plane)
    for (i, place) in hole.enumerated() { #expect(abs(Double(plane[place]) - expected[i, 0]) < 1e-3) }
    for place in 0..<count where known[place] { #expect(plane[place] == Float(values[place])) }
  }

  /// A slope goes on through a hole; a hole that is everything stays as it is.
  @Test func slopesAndNothing() {
    let slope = (0..<400).map { Float($0 / 20) * 2 - Float($0 % 20) }
    var plane = slope
    let known = (0..<400).map { !(5...12).contains($0 / 20) || !(6...13).contains($0 % 20) }
    for place in 0..<400 where !known[place] { plane[place] = 7 }
    SmoothFilling(lines: 20, samples: 20, isKnown: known).fill(&plane)
    for (a, b) in zip(plane, slope) { #expect(abs(a - b) < 0.02) }
    var nothing: [Float] = [1, 2, 3, 4]
    SmoothFilling(lines: 2, samples: 2, isKnown: [false, false, false, false]).fill(&nothing)
    #expect(nothing == [1, 2, 3, 4])
  }
}
