import CKernels
import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIRestoration

@Suite struct NonLocalBayesTests {
  /// Planes of smooth waves, and the same with noise of unit variance.
  static func waves(_ rank: Int, _ lines: Int, _ samples: Int, strength: Double, seed: UInt64 = 3) -> (
    clean: ComponentPlanes, noisy: ComponentPlanes
  ) {
    let (clean, noisy) = (
      ComponentPlanes(rank: rank, lines: lines, samples: samples),
      ComponentPlanes(rank: rank, lines: lines, samples: samples)
    )
    var random = CounterRandom(seed: seed)
    for j in 0..<rank {
      for line in 0..<lines {
        for sample in 0..<samples {
          let edge = (line / 9 + sample / 11) % 2 == 0 ? 1.0 : -1.0
          let value = strength / Double(j + 1) * (edge + sin(Double(line * (j + 1)) / 5) * cos(Double(sample) / 7))
          clean.plane(j)[line * samples + sample] = Float(value)
          noisy.plane(j)[line * samples + sample] = Float(value + random.normal())
        }
      }
    }
    return (clean, noisy)
  }

  static func error(_ a: ComponentPlanes, _ b: ComponentPlanes) -> Double {
    var sum = 0.0
    for j in 0..<a.rank {
      for i in 0..<a.count { sum += pow(Double(a.plane(j)[i] - b.plane(j)[i]), 2) }
    }
    return sum / Double(a.rank * a.count)
  }

  /// Places of the most similar patches by plain double sums, ascending.
  private func matches(
    _ planes: [UnsafePointer<Float>], _ lines: Int, _ samples: Int, patch: Int, reach: Int, line: Int, sample: Int,
    count: Int
  ) -> [Int] {
    let top = max(0, min(line - reach, lines - patch - 2 * reach))
    let left = max(0, min(sample - reach, samples - patch - 2 * reach))
    var all: [(distance: Double, place: Int)] = []
    for y in top...min(top + 2 * reach, lines - patch) {
      for x in left...min(left + 2 * reach, samples - patch) {
        var distance = 0.0
        for plane in planes {
          for i in 0..<patch {
            for j in 0..<patch {
              distance += pow(
                Double(plane[(y + i) * samples + x + j] - plane[(line + i) * samples + sample + j]), 2)
            }
          }
        }
        all.append((y == line && x == sample ? -1 : distance, y * samples + x))
      }
    }
    return all.sorted { ($0.distance, $0.place) < ($1.distance, $1.place) }.prefix(count).map(\.place).sorted()
  }

  @Test(arguments: [(40, 50, 4, 14, 60), (13, 9, 5, 18, 30), (30, 70, 3, 20, 7), (4, 4, 4, 3, 5), (50, 11, 4, 6, 999)])
  func matchesAreTheNearest(lines: Int, samples: Int, patch: Int, reach: Int, count: Int) {
    let planes = PixelMatrix(rows: 2, columns: lines * samples + Int(HSI_PATCH_MARGIN))
    var random = CounterRandom(seed: 7)
    for i in 0..<(planes.rows * planes.columns) { planes.pointer[i] = Float(random.normal()) }
    let pointers = [UnsafePointer(planes.pointer), UnsafePointer(planes.pointer + planes.columns)]
    let size = hsi_bm3d_size(lines: lines, samples: samples, stride: samples)
    atEveryKernelLevel { _ in
      for (line, sample) in [(0, 0), (lines - patch, samples - patch), ((lines - patch) / 2, (samples - patch) / 3)] {
        var places = [Int32](repeating: -1, count: count)
        let found = hsi_patch_match(pointers.map { Optional($0) }, 2, size, patch, reach, line, sample, count, &places)
        let expected = matches(
          pointers, lines, samples, patch: patch, reach: reach, line: line, sample: sample, count: count)
        #expect(places.prefix(found).map(Int.init) == expected)
      }
    }
  }

  @Test func matchesOfEqualPatchesAndOfNothing() {
    let plane = [Float](repeating: 1, count: 20 * 20 + Int(HSI_PATCH_MARGIN))
    let size = hsi_bm3d_size(lines: 20, samples: 20, stride: 20)
    var places = [Int32](repeating: -1, count: 6)
    plane.withUnsafeBufferPointer { buffer in
      let planes: [UnsafePointer<Float>?] = [buffer.baseAddress]
      // Itself, then the upper ones.
      let found = hsi_patch_match(planes, 1, size, 4, 3, 10, 10, 6, &places)
      #expect(found == 6)
      #expect(places == [147, 148, 149, 150, 151, 210])
      let tooFar = hsi_patch_match(planes, 1, size, 4, 21, 10, 10, 6, &places)
      let tooLarge = hsi_patch_match(planes, 1, size, 21, 3, 0, 0, 6, &places)
      #expect(tooFar == 0 && tooLarge == 0)
    }
  }

  /// Gathering, adding up and the moves between planes and interleaved values, against plain sums in double.
  @Test(arguments: [(9, 13, 3, 4, 7), (6, 5, 1, 5, 1), (30, 21, 6, 3, 40), (8, 8, 5, 1, 3)])
  func groupsAreMovedAndCentred(lines: Int, samples: Int, rank: Int, patch: Int, count: Int) {
    var random = CounterRandom(seed: 11)
    let planes = ComponentPlanes(rank: rank, lines: lines, samples: samples)
    for j in 0..<rank { for i in 0..<planes.count { planes.plane(j)[i] = Float(10 + random.normal()) } }
    let places = (0..<count).map { _ in
      Int32(random.index(below: planes.lines - patch + 1) * samples + random.index(below: samples - patch + 1))
    }
    let size = patch * patch * rank
    /// The value d of a patch.
    func place(_ n: Int, _ d: Int) -> Int { Int(places[n]) + d / rank / patch * samples + d / rank % patch }
    func value(_ n: Int, _ d: Int) -> Double { Double(planes.plane(d % rank)[place(n, d)]) }
    let expectedMeans = (0..<size).map { d in (0..<count).reduce(0.0) { $0 + value($1, d) } / Double(count) }
    atEveryKernelLevel { level in
      var image = [Float](repeating: -1, count: planes.count * rank)
      hsi_planes_interleave(planes.plane(0), planes.stride, rank, 0, 5, &image)
      hsi_planes_interleave(planes.plane(0), planes.stride, rank, 5, planes.count - 5, &image)
      for j in 0..<rank { for i in 0..<planes.count { #expect(image[i * rank + j] == planes.plane(j)[i]) } }
      var rows = [Float](repeating: -7, count: count * size + 1)
      var means = [Float](repeating: -7, count: size + 1)
      let energy = hsi_patch_gather(image, samples, rank, patch, places, count, &rows, &means)
      #expect(rows[count * size] == -7 && means[size] == -7)
      var sum = 0.0
      for d in 0..<size { #expect(abs(Double(means[d]) - expectedMeans[d]) < 1e-5) }
      for n in 0..<count {
        for d in 0..<size {
          let centred = value(n, d) - expectedMeans[d]
          #expect(abs(Double(rows[n * size + d]) - centred) < 2e-5)
          sum += centred * centred
        }
      }
      #expect(abs(Double(energy) - sum) < 1e-4 * (1 + sum))
      // Two groups on top of each other, of different weights.
      var sums = [Float](repeating: 0, count: planes.count * rank)
      var weights = [Float](repeating: 0, count: planes.count)
      hsi_patch_scatter(rows, means, 0.25, samples, rank, patch, places, count, &sums, &weights)
      hsi_patch_scatter(rows, means, 0.5, samples, rank, patch, Array(places.prefix(1)), 1, &sums, &weights)
      var plain = [Double](repeating: 0, count: planes.count)
      for n in 0..<count {
        for d in stride(from: 0, to: size, by: rank) { plain[place(n, d)] += n == 0 ? 0.75 : 0.25 }
      }
      let result = ComponentPlanes(rank: rank, lines: lines, samples: samples)
      hsi_planes_average(sums, weights, rank, 0, 3, result.plane(0), result.stride)
      hsi_planes_average(sums, weights, rank, 3, planes.count - 3, result.plane(0), result.stride)
      for i in 0..<planes.count {
        #expect(abs(Double(weights[i]) - plain[i]) < 1e-4, "level \(level)")
        // Patches as they were: their weighted mean is what they were taken from.
        for j in 0..<rank where plain[i] > 0 { #expect(abs(result.plane(j)[i] - planes.plane(j)[i]) < 5e-5) }
      }
    }
    var (rows, means) = ([Float](repeating: 3, count: 4), [Float](repeating: 3, count: 4))
    let nothing = hsi_patch_gather(planes.plane(0), samples, 1, 2, [], 0, &rows, &means)
    #expect(nothing == 0 && rows + means == [Float](repeating: 3, count: 8))
  }

  /// Sums of Stein's estimate, and steps towards another estimate, against plain sums in double.
  @Test(arguments: [0, 1, 37]) func sumsOfTheRiskAreThoseOfTheFormula(count: Int) {
    var random = CounterRandom(seed: 12)
    let v = (0..<6).map { _ in (0...count).map { _ in Float(random.normal()) } }
    let valid = (0...count).map { UInt8($0 % 3 == 1 ? 0 : 1) }
    var expected = [0.0, 0, 0]
    for i in 0..<count where valid[i] == 1 {
      let (y, b, g, m, f, n) = (
        Double(v[0][i]), Double(v[1][i]), Double(v[2][i]), Double(v[3][i]), Double(v[4][i]), Double(v[5][i])
      )
      expected[0] += (y - g) * (y - g) - 1 + 2 * b * (m - g) / 0.125
      expected[1] += (y - g) * (f - g) - b * ((n - f) - (m - g)) / 0.125
      expected[2] += (f - g) * (f - g)
    }
    atEveryKernelLevel { level in
      var (sums, risk) = ([9.0, 9, 9], [9.0, 9, 9])
      let pointers = v.map { values in
        let copy = UnsafeMutablePointer<Float>.allocate(capacity: values.count)
        copy.initialize(from: values, count: values.count)
        return copy
      }
      defer { for pointer in pointers { pointer.deallocate() } }
      var planes = hsi_sure_planes(
        noisy: pointers[0], direction: pointers[1], estimate: pointers[2], moved: pointers[3], next: pointers[4],
        next_moved: pointers[5])
      hsi_sure_sums(&planes, 0.125, valid, count, &sums)
      planes.next = nil
      planes.next_moved = nil
      hsi_sure_sums(&planes, 0.125, valid, count, &risk)
      for k in 0..<3 {
        #expect(abs(sums[k] - expected[k]) < 1e-9 * (1 + abs(expected[k])), "level \(level)")
        #expect(abs(risk[k] - (k == 0 ? expected[0] : 0)) < 1e-9 * (1 + abs(expected[k])))
      }
      hsi_plane_blend(pointers[2], pointers[4], 0.25, count)
      for i in 0...count {
        let moved = i < count ? Double(v[2][i]) + 0.25 * Double(v[4][i] - v[2][i]) : Double(v[2][i])
        #expect(abs(Double(pointers[2][i]) - moved) < 1e-6)
      }
    }
    var (wide, back) = ([Double](repeating: 5, count: count + 1), [Float](repeating: 5, count: count + 1))
    hsi_widen(v[0], &wide, count)
    hsi_narrow(wide, &back, count)
    #expect(back.prefix(count).elementsEqual(v[0].prefix(count)) && wide[count] == 5 && back[count] == 5)
  }

  /// The formula with plain matrices in double precision, patch by patch.
  @Test(arguments: [(3.0, 3, 1.0), (3.0, 2, 1.5), (400.0, 2, 1.0), (1e5, 2, 1.0)])
  func estimateFollowsTheFormula(strength: Double, rank: Int, inflation: Double) throws {
    let (lines, samples) = (19, 17)
    let (clean, noisy) = NonLocalBayesTests.waves(rank, lines, samples, strength: strength)
    let filter = NonLocalBayes(patch: 4, group: 12, reach: 5, guides: 2, inflation: Float(inflation))
    let result = try filter.estimate(noisy, guide: clean, phase: "", RunContext())
    let guides = (0..<min(2, rank)).map { UnsafePointer(clean.plane($0)) }
    let size = 16 * rank
    var sums = [Double](repeating: 0, count: lines * samples * rank)
    var weights = [Double](repeating: 0, count: lines * samples)
    var seen: Set<Int> = []
    for line in 0...(lines - 4) {
      for sample in 0...(samples - 4) where !seen.contains(line * samples + sample) {
        let places = matches(guides, lines, samples, patch: 4, reach: 5, line: line, sample: sample, count: 12)
        seen.formUnion(places)
        func rows(_ planes: ComponentPlanes) -> Matrix<Double> {
          Matrix(rows: places.count, columns: size) { n, d in
            let (place, j) = (places[n] + d / rank / 4 * samples + d / rank % 4, d % rank)
            return Double(planes.plane(j)[place])
          }
        }
        func means(_ a: Matrix<Double>) -> [Double] {
          (0..<size).map { d in (0..<a.rows).reduce(0) { $0 + a[$1, d] } / Double(a.rows) }
        }
        let (g, n) = (rows(clean), rows(noisy))
        let (guideMean, mean) = (means(g), means(n))
        let guide = Matrix(rows: g.rows, columns: size) { g[$0, $1] - guideMean[$1] }
        let given = Matrix(rows: n.rows, columns: size) { n[$0, $1] - mean[$1] }
        let outer = guide.multiplied(by: guide, .none, .transposed)
        let system = Matrix(rows: g.rows, columns: g.rows) {
          outer[$0, $1] + ($0 == $1 ? Double(g.rows) / inflation : 0)
        }
        let inverse = try system.inversePositiveDefinite()
        let estimate = given.multiplied(by: guide, .none, .transposed).multiplied(by: inverse).multiplied(by: guide)
        let share = outer.multiplied(by: inverse)
        let weight = 1 / (1 + (0..<g.rows).reduce(0) { $0 + share[$1, $1] })
        for (row, place) in places.enumerated() {
          for d in 0..<size {
            let target = place + d / rank / 4 * samples + d / rank % 4
            sums[target * rank + d % rank] += weight * (estimate[row, d] + mean[d])
            if d % rank == 0 { weights[target] += weight }
          }
        }
      }
    }
    for j in 0..<rank {
      for i in 0..<(lines * samples) {
        let expected = sums[i * rank + j] / weights[i]
        // Single precision of the values themselves, and a hundredth of the noise.
        #expect(abs(Double(result.plane(j)[i]) - expected) < 1e-2 + 2e-6 * strength, "\(strength) \(j) \(i)")
      }
    }
  }

  /// The same numbers for any number of threads, on more than one tile.
  @Test func threadsDoNotMatter() throws {
    let (clean, noisy) = NonLocalBayesTests.waves(2, 90, 150, strength: 4)
    var context = RunContext()
    func run(_ threads: Int) throws -> ComponentPlanes {
      context.threads = threads
      let claim = context.claimThreads()
      defer { claim.release() }
      return try NonLocalBayes(group: 20, reach: 6).estimate(noisy, guide: clean, phase: "", context)
    }
    let (one, four) = try (run(1), run(4))
    #expect(NonLocalBayesTests.error(one, four) == 0)
  }

  /// Passes lower the true error where patches repeat, and the estimate of the risk says by how much.
  @Test(arguments: [(70, 64, 40_000, 100), (96, 100, 4_000, 44)])
  func refinementLowersTheError(lines: Int, samples: Int, wholeLimit: Int, window: Int) throws {
    let (clean, noisy) = NonLocalBayesTests.waves(3, lines, samples, strength: 6)
    let filling = PlaneFilling(lines: lines, samples: samples, positions: (0..<Int32(lines * samples)).map { $0 })
    func rows() -> PixelMatrix {
      let result = PixelMatrix(rows: 3, columns: lines * samples)
      for j in 0..<3 {
        (result.pointer + j * lines * samples).update(from: noisy.plane(j), count: lines * samples)
      }
      return result
    }
    let (filtered, refined) = (rows(), rows())
    try BlockMatching().apply(to: filtered, filling, RunContext())
    var refinement = SubspaceRefinement(passes: 2)
    (refinement.wholeLimit, refinement.window) = (wholeLimit, window)
    let outcome = try refinement.apply(to: refined, filling, RunContext()) {
      try BlockMatching().apply(to: $0, $1, $2)
    }
    let before = NonLocalBayesTests.error(ComponentPlanes(filtered, filling), clean)
    let after = NonLocalBayesTests.error(ComponentPlanes(refined, filling), clean)
    #expect(after < 0.9 * before, "\(before) \(after) \(outcome)")
    let (first, last) = try (#require(outcome.risks.first), #require(outcome.risks.last))
    // Windows have borders of their own, where less is found that is alike.
    #expect(abs(first - before) < 0.25 * before && abs(last - after) < 0.25 * before, "\(before) \(after) \(outcome)")
  }

  /// Estimates that are perfect already, or a filter that removes nothing, are not made worse.
  @Test func harmIsRefused() throws {
    let (lines, samples) = (60, 60)
    var random = CounterRandom(seed: 5)
    // Signal as rough as noise: nothing repeats.
    let rows = PixelMatrix(rows: 2, columns: lines * samples)
    for i in 0..<(2 * lines * samples) { rows.pointer[i] = Float(30 * random.normal()) }
    let before = (0..<(2 * lines * samples)).map { rows.pointer[$0] }
    let filling = PlaneFilling(lines: lines, samples: samples, positions: (0..<Int32(lines * samples)).map { $0 })
    let outcome = try SubspaceRefinement(passes: 2).apply(to: rows, filling, RunContext()) { _, _, _ in }
    let change =
      before.indices.reduce(0.0) { $0 + pow(Double(rows.pointer[$1] - before[$1]), 2) } / Double(before.count)
    #expect(change < 0.2, "\(change) \(outcome)")
  }
}
