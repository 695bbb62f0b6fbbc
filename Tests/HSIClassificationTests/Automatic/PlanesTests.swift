import CKernels
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIClassification

/// Kernels of planes against plain code, and what is built on them against double precision.
@Suite(.serialized) struct PlanesTests {
  private static func plane(_ lines: Int, _ samples: Int, seed: UInt64, missing: Double = 0) -> [Float] {
    var random = CounterRandom(seed: seed)
    return (0..<(lines * samples)).map { _ in
      let value = Float(random.normal())
      return random.uniform() < missing ? HSI_PLANE_MISSING : value
    }
  }

  private static let sizes = [(1, 1, 1), (1, 9, 2), (7, 1, 3), (11, 19, 2), (5, 33, 7), (20, 8, 1), (3, 3, 5)]

  @Test(arguments: sizes) func windowSums(_ lines: Int, _ samples: Int, _ radius: Int) {
    let values = Self.plane(lines, samples, seed: 3)
    var plain = [Double](repeating: 0, count: values.count)
    for line in 0..<lines {
      for sample in 0..<samples {
        for y in max(0, line - radius)...min(lines - 1, line + radius) {
          for x in max(0, sample - radius)...min(samples - 1, sample + radius) {
            plain[line * samples + sample] += Double(values[y * samples + x])
          }
        }
      }
    }
    atEveryKernelLevel { level in
      var (out, scratch) = (values, values)
      hsi_window_sums(values, lines, samples, radius, &out, &scratch)
      #expect(zip(out, plain).allSatisfy { abs(Double($0) - $1) < 1e-4 }, "level \(level)")
    }
  }

  @Test(arguments: sizes) func openings(_ lines: Int, _ samples: Int, _ radius: Int) {
    let values = Self.plane(lines, samples, seed: 5, missing: 0.15)
    let steps = 4
    func isMissing(_ value: Float) -> Bool { value <= HSI_PLANE_MISSING }
    func around(_ line: Int, _ sample: Int, _ reach: Int, _ isIn: (Int, Int) -> Bool) -> [Int] {
      var places: [Int] = []
      for y in max(0, line - reach)...min(lines - 1, line + reach) {
        for x in max(0, sample - reach)...min(samples - 1, sample + reach)
        where isIn(y - line, x - sample) && !isMissing(values[y * samples + x]) { places.append(y * samples + x) }
      }
      return places
    }
    var marker = values
    for line in 0..<lines {
      for sample in 0..<samples where !isMissing(values[line * samples + sample]) {
        let disc = around(line, sample, radius) { $0 * $0 + $1 * $1 <= radius * radius }
        marker[line * samples + sample] = disc.map { values[$0] }.min() ?? 0
      }
    }
    for _ in 0..<steps {
      let earlier = marker
      for line in 0..<lines {
        for sample in 0..<samples where !isMissing(values[line * samples + sample]) {
          let top = around(line, sample, 1) { _, _ in true }.map { earlier[$0] }.max() ?? 0
          marker[line * samples + sample] = min(top, values[line * samples + sample])
        }
      }
    }
    atEveryKernelLevel { level in
      var (out, scratch) = (values, [Float](repeating: 0, count: 2 * values.count))
      hsi_opening_by_reconstruction(values, lines, samples, radius, steps, &out, &scratch)
      #expect(out == marker, "level \(level)")
    }
  }

  /// A bright structure leaves the openings that are wider than it, a dark one the closings.
  @Test func profileTellsSizes() throws {
    let (lines, samples) = (15, 15)
    let values = PixelMatrix(rows: lines * samples, columns: 1)
    for n in 0..<values.rows {
      let (line, sample) = (n / samples, n % samples)
      values[n, 0] = (6...8).contains(line) && (6...8).contains(sample) ? 1 : line == 2 && sample == 2 ? -1 : 0
    }
    let profile = MorphologicalProfile(components: 1, radii: [1, 2], steps: 6)
    let found = profile.apply(values, (0..<Int32(values.rows)).map { $0 }, lines: lines, samples: samples)
    #expect(found.columns == 5)
    let (bright, dark) = (7 * samples + 7, 2 * samples + 2)
    // Opening by the disc of 1 keeps the square of 3, that of 2 does not; closings fill the single dark pixel.
    #expect((0..<5).map { found[bright, $0] } == [1, 1, 0, 1, 1])
    #expect((0..<5).map { found[dark, $0] } == [-1, -1, -1, 0, 0])
  }

  // MARK: - Smoothing

  /// The filter as its papers have it, in double precision, over the valid pixels.
  private func reference(
    _ p: [[Double]], _ guide: [Double], _ isValid: [Bool], lines: Int, samples: Int, radius: Int, epsilon: Double
  ) -> [[Double]] {
    func window(_ place: Int) -> [Int] {
      let (line, sample) = (place / samples, place % samples)
      return (max(0, line - radius)...min(lines - 1, line + radius)).flatMap { y in
        (max(0, sample - radius)...min(samples - 1, sample + radius)).map { y * samples + $0 }
      }.filter { isValid[$0] }
    }
    func mean(_ places: [Int], _ value: (Int) -> Double) -> Double {
      places.reduce(0) { $0 + value($1) } / Double(places.count)
    }
    let classes = p.first?.count ?? 0
    var result = p
    for c in 0..<classes {
      var (a, b) = ([Double](repeating: 0, count: p.count), [Double](repeating: 0, count: p.count))
      for place in p.indices where isValid[place] {
        let w = window(place)
        let (i, q) = (mean(w) { guide[$0] }, mean(w) { p[$0][c] })
        let variance = mean(w) { (guide[$0] - i) * (guide[$0] - i) }
        a[place] = mean(w) { (guide[$0] - i) * (p[$0][c] - q) } / (variance + epsilon)
        b[place] = q - a[place] * i
      }
      for place in p.indices where isValid[place] {
        let w = window(place)
        result[place][c] = max(0, mean(w) { a[$0] } * guide[place] + mean(w) { b[$0] })
      }
    }
    return result.map { row in row.map { $0 / max(row.reduce(0, +), 1e-300) } }
  }

  @Test(arguments: [1, 2, 3]) func smoothingIsAGuidedFilter(_ radius: Int) throws {
    let (lines, samples, classes, bands) = (13, 11, 3, 5)
    var random = CounterRandom(seed: 9)
    let isValid = (0..<(lines * samples)).map { _ in random.uniform() > 0.1 }
    let positions = isValid.indices.filter { isValid[$0] }.map { Int32($0) }
    let pixels = PixelMatrix(rows: positions.count, columns: bands)
    for n in 0..<(positions.count * bands) { pixels.pointer[n] = Float(random.uniform(100, 900)) }
    let smoothing = try ProbabilitySmoothing(fittedTo: pixels, radius: radius)
    let guide = smoothing.guide(pixels)
    #expect(abs((guide.min() ?? 1)) < 1e-4 && abs((guide.max() ?? 0) - 1) < 1e-4)
    var plain = [[Double]](repeating: [Double](repeating: 0, count: classes), count: lines * samples)
    let probabilities = PixelMatrix(rows: positions.count, columns: classes)
    var dense = [Double](repeating: 0, count: lines * samples)
    for (row, place) in positions.enumerated() {
      let draws = (0..<classes).map { _ in random.uniform() }
      for c in 0..<classes {
        plain[Int(place)][c] = draws[c] / draws.reduce(0, +)
        probabilities[row, c] = Float(plain[Int(place)][c])
      }
      dense[Int(place)] = Double(guide[row])
    }
    let expected = reference(
      plain, dense, isValid, lines: lines, samples: samples, radius: radius, epsilon: Double(smoothing.evenness))
    let found = smoothing.apply(
      probabilities, guide: guide, positions, lines: lines, samples: samples, wanted: 0..<positions.count)
    for (row, place) in positions.enumerated() {
      for c in 0..<classes { #expect(abs(Double(found[row, c]) - expected[Int(place)][c]) < 2e-5) }
    }
    // Some of the pixels are the same bits.
    let part = smoothing.apply(
      probabilities, guide: guide, positions, lines: lines, samples: samples, wanted: 20..<40)
    #expect(part.values == Array(found.values[(20 * classes)..<(40 * classes)]))
  }

  /// Where all agree, nothing changes.
  @Test func certaintyStays() throws {
    let pixels = PixelMatrix(rows: 36, columns: 2, values: (0..<72).map { Float($0 % 7) })
    let smoothing = try ProbabilitySmoothing(fittedTo: pixels)
    let certain = PixelMatrix(rows: 36, columns: 2, values: (0..<72).map { $0 % 2 == 0 ? 1 : 0 })
    let found = smoothing.apply(
      certain, guide: smoothing.guide(pixels), (0..<36).map { $0 }, lines: 6, samples: 6, wanted: 0..<36)
    #expect(zip(found.values, certain.values).allSatisfy { abs($0 - $1) < 1e-5 })
  }
}
