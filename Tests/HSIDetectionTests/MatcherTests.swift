import Foundation
import HSICore
import HSIDetection
import HSINumerics
import HSITestSupport
import Testing

@Suite struct MatcherTests {
  private static let bands = 60

  /// Spectra with absorptions at known places over sloping continua.
  private func library(_ features: [[(centre: Double, width: Double, depth: Double)]]) -> SpectralLibrary {
    var axis = SpectralAxis(count: MatcherTests.bands)
    axis.wavelengths = (0..<MatcherTests.bands).map { 2000 + 8 * Double($0) }
    let values = features.enumerated().flatMap { index, list -> [Double] in
      (0..<MatcherTests.bands).map { b in
        let wavelength = 2000 + 8 * Double(b)
        return (0.4 + 0.05 * Double(index) + 2e-4 * Double(b))
          * list.reduce(1.0) {
            $0 * (1 - $1.depth * exp(-pow((wavelength - $1.centre) / $1.width, 2)))
          }
      }
    }
    return SpectralLibrary(names: features.indices.map { "m\($0)" }, axis: axis, values: values)
  }

  private var minerals: SpectralLibrary {
    library([[(2200, 25, 0.3)], [(2320, 30, 0.25), (2120, 20, 0.08)], [(2160, 20, 0.2), (2208, 15, 0.35)]])
  }

  private func matcher(
    _ id: String, _ library: SpectralLibrary, _ values: [String: Double] = [:]
  ) throws -> (any SpectralMatcher, LibraryMatching) {
    let type = try SpectralMatchers.all.entry(id)
    let parameters = try MethodParameters(values, for: type.description)
    let matcher = try type.init(library, parameters)
    return (matcher, LibraryMatching(matcher, count: library.count, limit: parameters.value("limit")))
  }

  /// Darker, tilted and diluted spectra are those of the library, and a spectrum without absorption is none.
  @Test(arguments: SpectralMatchers.all.descriptions.map(\.id)) func findsItsOwn(_ id: String) throws {
    let library = minerals
    let pixels = PixelMatrix(rows: 700, columns: MatcherTests.bands)
    for n in 0..<pixels.rows {
      for b in 0..<MatcherTests.bands {
        let own = n % 4 < 3 ? library.values[(n % 4) * MatcherTests.bands + b] : 0.6 + (b % 2 == 0 ? 0.3 : -0.3)
        pixels[n, b] = Float(own * (0.5 + 0.001 * Double(n % 50)))
      }
    }
    let (_, matching) = try matcher(id, library)
    let found = matching.match(pixels)
    #expect(
      (0..<pixels.rows).allSatisfy { found.best[$0] == ($0 % 4 < 3 ? $0 % 4 + 1 : 0) }, "\(id) \(found.best.prefix(8))")
    #expect((0..<pixels.rows).allSatisfy { found.second[$0] != found.best[$0] || found.best[$0] == 0 })
  }

  /// The formula, in double precision, for pixels that are mixtures.
  @Test func featureFitsAreThoseOfTheFormula() throws {
    let library = minerals
    var random = CounterRandom(seed: 8)
    let pixels = PixelMatrix(rows: 40, columns: MatcherTests.bands)
    for n in 0..<pixels.rows {
      let shares = (0..<3).map { _ in random.uniform() }
      for b in 0..<MatcherTests.bands {
        let value = (0..<3).reduce(0) { $0 + shares[$1] * library.values[$1 * MatcherTests.bands + b] }
        pixels[n, b] = Float(value * (1 + 0.005 * random.normal()))
      }
    }
    let made = try FeatureMatcher(library, MethodParameters([:], for: FeatureMatcher.description))
    #expect(made.unusable.isEmpty && Set(made.features.map(\.spectrum)) == [0, 1, 2])
    for k in 0..<3 {
      let own = made.features.filter { $0.spectrum == k }
      #expect(abs(own.reduce(0) { $0 + $1.weight } - 1) < 1e-9)
    }
    #expect(made.features.contains { $0.spectrum == 0 && $0.range.contains(2200) && abs($0.depth - 0.3) < 0.02 })
    let wavelengths = try #require(library.axis.wavelengths)
    let fits = PixelMatrix(rows: 40, columns: 3)
    let depths = PixelMatrix(rows: 40, columns: 3)
    try atEveryKernelLevel { _ in
      made.fit(pixels, fits: fits, depths: depths)
      for n in 0..<40 {
        var (wantedFit, wantedDepth) = ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0])
        for feature in made.features {
          let used = (0..<MatcherTests.bands).filter { feature.range.contains(wavelengths[$0]) }
          func quotient(_ value: (Int) -> Double) -> [Double] {
            let (first, last) = (used[0], used[used.count - 1])
            return used.map { b in
              let t = (wavelengths[b] - wavelengths[first]) / (wavelengths[last] - wavelengths[first])
              return value(b) / ((1 - t) * value(first) + t * value(last))
            }
          }
          let q = quotient { Double(pixels[n, $0]) }
          let l = quotient { library.values[feature.spectrum * MatcherTests.bands + $0] }
          let (mq, ml) = (q.reduce(0, +) / Double(q.count), l.reduce(0, +) / Double(l.count))
          let cross = zip(q, l).reduce(0) { $0 + ($1.0 - mq) * ($1.1 - ml) }
          let (sq, sl) = (q.reduce(0) { $0 + pow($1 - mq, 2) }, l.reduce(0) { $0 + pow($1 - ml, 2) })
          let (slope, square) = (cross / sl, cross * cross / (sq * sl))
          guard slope > 0, slope <= 3, slope * feature.depth >= 0.01 else { continue }
          wantedFit[feature.spectrum] += feature.weight * square
          wantedDepth[feature.spectrum] += feature.weight * slope * feature.depth
        }
        for k in 0..<3 {
          #expect(abs(Double(fits[n, k]) - wantedFit[k]) < 1e-3, "fit \(n) \(k)")
          #expect(abs(Double(depths[n, k]) - wantedDepth[k]) < 1e-3, "depth \(n) \(k)")
        }
      }
    }
  }

  @Test(arguments: SpectralMatchers.all.descriptions.map(\.id)) func hardSpectra(_ id: String) throws {
    let axis = minerals.axis
    let flat = SpectralLibrary(
      names: ["flat"], axis: axis, values: [Double](repeating: 0.5, count: MatcherTests.bands))
    let pixels = PixelMatrix(rows: 3, columns: MatcherTests.bands)
    for b in 0..<MatcherTests.bands {
      pixels[1, b] = -1
      pixels[2, b] = 0.5
    }
    for library in [minerals, flat] {
      do {
        let (_, matching) = try matcher(id, library)
        let found = matching.match(pixels)
        #expect(found.best[0] == 0, "\(id): a pixel of zeros")
        #expect(!found.fit.contains { $0.isInfinite })
      } catch let error as DetectionError {
        #expect(!error.problem.isEmpty && library.count == 1)
      }
    }
    var bare = minerals
    bare.axis.wavelengths = nil
    if id == "features" { #expect(throws: DetectionError.self) { try matcher(id, bare) } }
    var broken = minerals
    broken.values[5] = .nan
    if id != "features" { #expect(throws: DetectionError.self) { try matcher(id, broken) } }
  }

  @Test func correlationIgnoresOffsets() throws {
    let library = minerals
    let pixels = PixelMatrix(rows: 3, columns: MatcherTests.bands)
    for k in 0..<3 {
      for b in 0..<MatcherTests.bands { pixels[k, b] = Float(7 * library.values[k * MatcherTests.bands + b] + 3) }
    }
    let (made, _) = try matcher("correlation", library)
    let fits = PixelMatrix(rows: 3, columns: 3)
    made.fit(pixels, fits: fits, depths: nil)
    for k in 0..<3 {
      #expect(abs(fits[k, k] - 1) < 1e-3)
      let other = (k + 1) % 3
      let (a, b) = (library[k], library[other])
      let (ma, mb) = (a.reduce(0, +) / 60, b.reduce(0, +) / 60)
      let cross = zip(a, b).reduce(0) { $0 + ($1.0 - ma) * ($1.1 - mb) }
      let scale = (a.reduce(0) { $0 + pow($1 - ma, 2) } * b.reduce(0) { $0 + pow($1 - mb, 2) }).squareRoot()
      #expect(abs(Double(fits[k, other]) - cross / scale) < 2e-3)
    }
  }
}
