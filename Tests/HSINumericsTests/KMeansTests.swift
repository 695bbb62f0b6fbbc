import HSICore
import HSINumerics
import HSITestSupport
import Testing

@Suite struct KMeansTests {
  /// Three clouds that do not touch.
  private func clouds(_ count: Int) -> Cube {
    var random = CounterRandom(seed: 3)
    let pixels = PixelMatrix(rows: count, columns: 5)
    for n in 0..<count {
      for b in 0..<5 {
        pixels[n, b] = Float(1000 + 20 * Double(n % 10 < 6 ? 0 : n % 10 < 9 ? b : -b) + random.normal())
      }
    }
    return Cube(lines: count / 10, samples: 10, pixels: pixels)
  }

  @Test func findsCloudsLargestFirst() throws {
    let cube = clouds(9000)
    let found = try KMeans(cube, count: 3, RunContext())
    #expect(found.counts == [5400, 2700, 900])
    #expect(found.converged)
    #expect(zip(found.losses, found.losses.dropFirst()).allSatisfy { $0 >= $1 - 1e-6 })
    #expect(abs((found.losses.last ?? 0) - 5) < 0.2)
    let labels = found.labels(of: cube.pixels)
    #expect((0..<cube.count).allSatisfy { labels[$0] == ($0 % 10 < 6 ? 0 : $0 % 10 < 9 ? 1 : 2) })
    for b in 0..<5 { #expect(abs(found.centres[1, b] - 1000 - 20 * Double(b)) < 0.2) }
  }

  @Test func sameBitsForThreadsAndStrips() throws {
    let cube = clouds(9000)
    let first = try KMeans(cube, count: 7, RunContext(threads: 1, seed: 4))
    let second = try KMeans(cube, count: 7, RunContext(threads: 3, memory: MemoryBudget(bytes: 1 << 20), seed: 4))
    #expect(first.centres == second.centres && first.losses == second.losses)
  }

  @Test func fewerPixelsThanClusters() throws {
    let pixels = PixelMatrix(rows: 4, columns: 2, values: [1, 1, 1, 1, 2, 2, 2, 2])
    let found = try KMeans(Cube(lines: 2, samples: 2, pixels: pixels), count: 6, RunContext())
    #expect(found.counts.reduce(0, +) == 4 && found.centres.rows == 2 && found.losses.last == 0)
  }

  @Test func kernelsAgreeAtEveryLevel() throws {
    let cube = clouds(1000)
    var all: [[Int]] = []
    try atEveryKernelLevel { _ in all.append(try KMeans(cube, count: 3, RunContext()).counts) }
    #expect(Set(all).count == 1)
  }
}
