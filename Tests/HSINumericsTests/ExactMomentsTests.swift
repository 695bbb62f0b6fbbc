import CKernels
import HSICore
import HSITestSupport
import Testing

@testable import HSINumerics

/// Sums without rounding.
@Suite(.serialized) struct ExactMomentsTests {
  /// Pixels of many sizes: 24 significant bits at exponents from 2^-20 to 2^12, some 0, some whole numbers.
  private func pixels(_ count: Int, _ bands: Int, seed: UInt64 = 5) -> PixelMatrix {
    var random = CounterRandom(seed: seed)
    return PixelMatrix(
      rows: count, columns: bands,
      values: (0..<(count * bands)).map { index in
        let value = random.normal()
        switch index % 7 {
        case 0: return Float(value)
        case 1: return Float(1000 + value)
        case 2: return Float((value * 100).rounded())
        case 3: return Float(value * 1e-6)
        case 4: return index % 3 == 0 ? 0 : Float(0.3 + 0.01 * value)
        default: return Float(value * 4096)
        }
      })
  }

  private func words(_ pixels: PixelMatrix, _ ranges: [Range<Int>]) -> ExactMoments.Words {
    let moments = ExactMoments(bands: pixels.columns)
    for range in ranges { moments.add(pixels.pointer + range.lowerBound * pixels.columns, count: range.count) }
    return moments.words
  }

  /// Against fractions of whole numbers in Python.
  @Test func areThoseOfExactArithmetic() throws {
    typealias Fixture = ExactMomentsFixture
    let matrix = PixelMatrix(
      rows: Fixture.pixels, columns: Fixture.bands, values: Fixture.values.map(Float.init(bitPattern:)))
    try atEveryKernelLevel { level in
      let moments = ExactMoments(bands: Fixture.bands)
      moments.add(matrix)
      let found = moments.statistics
      #expect(found.count == Fixture.pixels)
      for i in 0..<Fixture.bands {
        #expect(abs(found.mean[i] - Fixture.mean[i]) <= Fixture.mean[i].ulp, "level \(level), mean \(i)")
        for j in 0..<Fixture.bands {
          let expected = Fixture.covariance[i][j]
          // Two roundings of a quotient that is exact before.
          #expect(
            abs(found.covariance[i, j] - expected) <= 4 * expected.ulp, "level \(level), covariance \(i), \(j)")
        }
      }
      let again = try #require(ExactMoments(moments.words))
      #expect(again.words == moments.words && again.statistics.covariance == found.covariance)
    }
  }

  /// No order, division, number of threads or level of kernels changes a bit.
  @Test func dependOnThePixelsAlone() throws {
    defer { Parallel.setThreads(RunContext.availableThreads) }
    let matrix = pixels(2000, 19)
    let whole = words(matrix, [0..<2000])
    atEveryKernelLevel { level in
      for threads in [1, 3] {
        Parallel.setThreads(threads)
        #expect(words(matrix, [0..<2000]) == whole, "level \(level), \(threads) threads")
        #expect(words(matrix, [1999..<2000, 0..<700, 1400..<1999, 700..<1400]) == whole, "level \(level), other order")
      }
    }
    let parts = [0..<1, 1..<513, 513..<1500, 1500..<2000].map { range in
      let moments = ExactMoments(bands: 19)
      moments.add(matrix.pointer + range.lowerBound * 19, count: range.count)
      return moments
    }
    for order in [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]] {
      let merged = ExactMoments(bands: 19)
      for index in order { merged.merge(parts[index]) }
      #expect(merged.words == whole)
    }
    let (left, right) = (ExactMoments(bands: 19), ExactMoments(bands: 19))
    left.merge(parts[2])
    left.merge(parts[0])
    right.merge(parts[3])
    right.merge(parts[1])
    right.merge(left)
    #expect(right.words == whole)
  }

  /// The largest and the smallest numbers of single precision in one band.
  @Test func takeAllSizes() throws {
    let largest = Float.greatestFiniteMagnitude
    let matrix = PixelMatrix(
      rows: 4, columns: 2,
      values: [largest, 1, .leastNonzeroMagnitude, -1, -largest, 1, .leastNonzeroMagnitude, -1])
    let moments = ExactMoments(bands: 2)
    moments.add(matrix)
    let found = moments.statistics
    // What is left of the sum when the largest have gone.
    #expect(found.mean[0] == Double(Float.leastNonzeroMagnitude) / 2 && found.mean[1] == 0)
    #expect(abs(found.covariance[0, 0] - Double(largest) * Double(largest) / 2) <= found.covariance[0, 0].ulp)
    #expect(found.covariance[1, 1] == 1)
    let halves = words(matrix, [2..<4, 0..<2])
    #expect(halves == moments.words)
  }

  @Test func areNoNumbersWhereAValueIsNone() {
    for bad in [Float.nan, .infinity, -.infinity] {
      let moments = ExactMoments(bands: 3)
      moments.add(PixelMatrix(rows: 2, columns: 3, values: [1, 2, 3, 4, bad, 7]))
      let found = moments.statistics
      #expect(found.mean[0] == 2.5 && found.mean[1].isNaN && found.mean[2] == 5)
      #expect(found.covariance[1, 0].isNaN && found.covariance[2, 1].isNaN && found.covariance[0, 2] == 3)
      let other = ExactMoments(bands: 3)
      other.merge(moments)
      #expect(other.statistics.mean[1].isNaN)
    }
  }

  @Test(arguments: [0, 1, 2, 511, 512, 513, 1025]) func takeAnyNumberOfPixels(_ count: Int) throws {
    for bands in [1, 2, 5, 16, 33] {
      let matrix = pixels(count, bands, seed: UInt64(count + bands))
      let moments = ExactMoments(bands: bands)
      moments.add(matrix)
      let found = moments.statistics
      #expect(found.count == count && moments.words.count == count)
      for i in stride(from: 0, to: bands, by: 3) where count > 0 {
        let mean = (0..<count).reduce(0.0) { $0 + Double(matrix[$1, i]) } / Double(count)
        let power = (0..<count).reduce(0.0) { $0 + Double(matrix[$1, i]) * Double(matrix[$1, i]) } / Double(count)
        #expect(abs(found.mean[i] - mean) <= 1e-12 * power.squareRoot())
        #expect(abs(found.covariance[i, i] - (power - mean * mean)) <= 1e-11 * power)
        #expect(found.minimum[i] == (0..<count).map { matrix[$0, i] }.min())
      }
      #expect(try #require(ExactMoments(moments.words)).words == moments.words)
    }
  }

  /// The moments of some bands are those of pixels that have no others.
  @Test func canBeOfSomeBands() {
    let matrix = pixels(300, 7)
    let chosen = [5, 0, 3]
    let part = PixelMatrix(rows: 300, columns: 3, values: (0..<900).map { matrix[$0 / 3, chosen[$0 % 3]] })
    let selected = words(matrix, [0..<300]).selecting(bands: chosen)
    let direct = words(part, [0..<300])
    let (a, b) = (ExactMoments(selected)!.statistics, ExactMoments(direct)!.statistics)
    #expect(a.mean == b.mean && a.covariance == b.covariance && a.minimum == b.minimum)
  }

  @Test func damagedWordsAreRefused() {
    var words = words(pixels(10, 3), [0..<10])
    words.sums.words[0].removeLast()
    #expect(ExactMoments(words) == nil)
    words = self.words(pixels(10, 3), [0..<10])
    words.products.unit = 1000
    #expect(ExactMoments(words) == nil)
    words.products.unit = .min
    #expect(ExactMoments(words) == nil)
    words = self.words(pixels(10, 3), [0..<10])
    words.products.unit = 0
    words.products.words = [[Int64]](repeating: [Int64](repeating: .min, count: 6), count: 12)
    // Large but sound: nothing traps.
    #expect(ExactMoments(words)?.statistics.count == 10)
  }

  /// Differences of neighbours in windows add up to those of the scene.
  @Test(arguments: [(30, 20), (1, 40), (40, 1)]) func windowsCountEveryPairOnce(_ lines: Int, _ samples: Int) throws {
    let all = pixels(lines * samples, 4)
    // Every eleventh pixel is no data.
    let valid = (0..<(lines * samples)).filter { $0 % 11 != 3 }
    func cube(_ window: PixelWindow) -> Cube {
      let places = valid.filter { place in
        let (line, sample) = (place / samples, place % samples)
        return (window.line..<(window.line + window.lines)).contains(line)
          && (window.sample..<(window.sample + window.samples)).contains(sample)
      }
      let matrix = PixelMatrix(rows: places.count, columns: 4, values: places.flatMap { all.row($0) })
      return Cube(
        shape: CubeShape(lines: window.lines, samples: window.samples, bands: 4), metadata: CubeMetadata(bands: 4),
        pixels: matrix,
        positions: places.map {
          Int32(($0 / samples - window.line) * window.samples + $0 % samples - window.sample)
        })
    }
    let shape = CubeShape(lines: lines, samples: samples, bands: 4)
    let step = NeighbourDifferences.step(shape)
    func differences(_ window: PixelWindow, stripLines: Int) throws -> ExactMoments {
      let margin = (lines: min(window.line, step.lines), samples: min(window.sample, step.samples))
      let wide = cube(
        PixelWindow(
          line: window.line - margin.lines, sample: window.sample - margin.samples,
          lines: window.lines + margin.lines, samples: window.samples + margin.samples))
      let sums = NeighbourDifferences(bands: 4, samples: wide.shape.samples, step: step, margin: margin)
      let strip = Strip()
      for line in stride(from: 0, to: wide.shape.lines, by: stripLines) {
        try wide.read(lines: line..<min(line + stripLines, wide.shape.lines), into: strip)
        sums.add(strip)
      }
      return sums.moments
    }
    let whole = try differences(shape.window, stripLines: lines)
    #expect(whole.count > 0)
    let merged = ExactMoments(bands: 4)
    for line in stride(from: 0, to: lines, by: 7) {
      for sample in stride(from: 0, to: samples, by: 9) {
        merged.merge(
          try differences(
            PixelWindow(line: line, sample: sample, lines: min(7, lines - line), samples: min(9, samples - sample)),
            stripLines: 3))
      }
    }
    #expect(merged.words == whole.words)
    let noise = try NeighbourNoise(cube(shape.window), RunContext())
    // Double precision differs by its rounding.
    let exact = NeighbourNoise(differences: merged.statistics).covariance.values
    #expect(noise.pairs == whole.count)
    #expect(zip(noise.covariance.values, exact).allSatisfy { abs($0 - $1) <= 1e-9 * (exact.map(abs).max() ?? 0) })
  }
}
