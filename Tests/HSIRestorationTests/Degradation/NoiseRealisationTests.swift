import Foundation
import HSICore
import HSINumerics
import HSIRestoration
import Testing

@Suite struct NoiseRealisationTests {
  static let shape = CubeShape(lines: 60, samples: 100, bands: 31)

  /// The noise alone, on an image of a constant.
  static func noise(_ realisation: NoiseRealisation, lines: Int, on level: Float = 0.5) -> [[Float]] {
    let count = lines * realisation.samples
    var values = [Float](repeating: level, count: realisation.bands.count * count)
    values.withUnsafeMutableBufferPointer { realisation.add(toPlanes: $0.baseAddress!, lines: lines) }
    return (0..<realisation.bands.count).map { Array(values[($0 * count)..<(($0 + 1) * count)]) }
  }

  static func realisation(_ kind: NoiseModel.Kind, sigmas: [Double]? = nil, seed: UInt64 = 1) throws
    -> NoiseRealisation
  {
    try NoiseRealisation(
      NoiseModel(kind, sigmas: sigmas), bands: shape.bands, samples: shape.samples, seed: seed)
  }

  /// Mean, variance, skewness and kurtosis of the model, to five standard errors.
  @Test func gaussianMoments() throws {
    let noise = try Self.realisation(.gaussian, sigmas: [51])
    let draws = Self.noise(noise, lines: Self.shape.lines, on: 0).joined().map { Double($0) / 0.2 }
    let count = Double(draws.count)
    func moment(_ order: Int) -> Double { draws.reduce(0) { $0 + pow($1, Double(order)) } / count }
    #expect(abs(moment(1)) < 5 / count.squareRoot())
    #expect(abs(moment(2) - 1) < 5 * (2 / count).squareRoot())
    #expect(abs(moment(3)) < 5 * (15 / count).squareRoot())
    #expect(abs(moment(4) - 3) < 5 * (96 / count).squareRoot())
  }

  /// Neighbours in sample, line and band are independent.
  @Test func gaussianIsWhite() throws {
    let noise = try Self.realisation(.gaussian, sigmas: [255])
    let bands = Self.noise(noise, lines: Self.shape.lines, on: 0)
    let values = bands.flatMap { $0 }.map(Double.init)
    let plane = Self.shape.lines * Self.shape.samples
    for lag in [1, 2, Self.shape.samples, plane] {
      let count = values.count - lag
      let correlation = (0..<count).reduce(0.0) { $0 + values[$1] * values[$1 + lag] } / Double(count)
      #expect(abs(correlation) < 5 / Double(count).squareRoot(), "lag \(lag)")
    }
  }

  @Test(arguments: [30.0, 50, 70]) func noisyPSNRIsTheModels(sigma: Double) throws {
    let noise = try Self.realisation(.gaussian, sigmas: [sigma])
    let count = Self.shape.pixels * Self.shape.bands
    let clean = [Float](repeating: 0.4, count: count)
    var noisy = clean
    noisy.withUnsafeMutableBufferPointer { noise.add(toPlanes: $0.baseAddress!, lines: Self.shape.lines) }
    let metrics = try RestorationMetrics(planes: noisy, reference: clean, shape: Self.shape)
    // 10/ln 10 times five standard errors of a mean of squares.
    let error = 4.343 * 5 * (2 / Double(count)).squareRoot()
    #expect(abs(metrics.mpsnr - 20 * log10(255 / sigma)) < 2 * error)
  }

  @Test func blindDrawsOneSigmaPerImage() throws {
    let sigmas = try (0..<400).map { seed in
      let noise = try Self.realisation(.blind, seed: UInt64(seed))
      #expect(Set(noise.bands.map(\.sigma)).count == 1)
      return noise.bands[0].sigma
    }
    #expect(sigmas.allSatisfy { (10..<70).contains($0) })
    // Mean 40, deviation 60/√12 = 17.3, of 400 draws.
    let mean: Double = sigmas.reduce(0, +) / 400
    #expect(abs(mean - 40) < 4.33)
    #expect(sigmas.min()! < 13 && sigmas.max()! > 67)
  }

  @Test func noniidDrawsFromItsListAndNoiseFollows() throws {
    let noise = try Self.realisation(.noniid)
    #expect(Set(noise.bands.map(\.sigma)) == [10, 30, 50, 70])
    for (band, values) in zip(noise.bands, Self.noise(noise, lines: Self.shape.lines, on: 0)) {
      let variance = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)
      let expected = (band.sigma / 255) * (band.sigma / 255)
      #expect(abs(variance / expected - 1) < 5 * (2 / Double(values.count)).squareRoot())
    }
    let list = try Self.realisation(.noniid, sigmas: [5, 7])
    #expect(Set(list.bands.map(\.sigma)) == [5, 7])
  }

  /// σ 0 leaves the structured part alone: every difference from the image is a stripe, with the constant drawn.
  @Test(arguments: 0..<20) func stripes(seed: Int) throws {
    let noise = try Self.realisation(.stripe, sigmas: [0], seed: UInt64(seed))
    #expect(noise.bands.filter { $0.stripes != nil }.count == 10)
    #expect(noise.bands.allSatisfy { $0.deadlines == nil && $0.impulses == nil })
    for (band, values) in zip(noise.bands, Self.noise(noise, lines: 3)) {
      let stripes = band.stripes?.stripes ?? []
      if band.stripes != nil { #expect((5..<15).contains(stripes.count)) }
      var expected = [Float](repeating: 0.5, count: 100)
      for stripe in stripes {
        #expect(expected[stripe.column] == 0.5 && abs(stripe.offset) <= 0.25)
        expected[stripe.column] -= Float(stripe.offset)
      }
      #expect(values == expected + expected + expected)
    }
  }

  @Test(arguments: 0..<20) func deadlines(seed: Int) throws {
    let noise = try Self.realisation(.deadline, sigmas: [0], seed: UInt64(seed))
    #expect(noise.bands.filter { $0.deadlines != nil }.count == 10)
    for (band, values) in zip(noise.bands, Self.noise(noise, lines: 2)) {
      let columns = band.deadlines?.columns ?? []
      if band.deadlines != nil { #expect((5..<15).contains(columns.count)) }
      let expected = (0..<100).map { columns.contains($0) ? Float(0) : 0.5 }
      #expect(values == expected + expected)
      #expect(Set(columns).count == columns.count)
    }
  }

  @Test func impulses() throws {
    let noise = try Self.realisation(.impulse, sigmas: [0])
    #expect(noise.bands.filter { $0.impulses != nil }.count == 10)
    for (band, values) in zip(noise.bands, Self.noise(noise, lines: Self.shape.lines)) {
      let count = Double(values.count)
      let (salt, pepper) = (values.filter { $0 == 1 }.count, values.filter { $0 == 0 }.count)
      #expect(values.allSatisfy { [0, 0.5, 1].contains($0) })
      let share = band.impulses?.share ?? 0
      if band.impulses != nil { #expect([0.1, 0.3, 0.5, 0.7].contains(share)) }
      let hit = Double(salt + pepper)
      #expect(abs(hit / count - share) <= 5 * (share * (1 - share) / count).squareRoot())
      #expect(abs(Double(salt) - hit / 2) <= 2.5 * hit.squareRoot())
    }
  }

  /// Every interval of counts is reached at both ends, over many seeds.
  @Test func countsFillTheirIntervals() throws {
    var (stripes, dead, shares) = (Set<Int>(), Set<Int>(), Set<Double>())
    for seed in 0..<60 {
      let noise = try Self.realisation(.mixture, seed: UInt64(seed))
      stripes.formUnion(noise.bands.compactMap { $0.stripes?.stripes.count })
      dead.formUnion(noise.bands.compactMap { $0.deadlines?.columns.count })
      shares.formUnion(noise.bands.compactMap { $0.impulses?.share })
    }
    #expect(stripes == Set(5..<15) && dead == Set(5..<15) && shares == [0.1, 0.3, 0.5, 0.7])
  }

  @Test(arguments: 0..<10) func mixtureGroupsAreDisjoint(seed: Int) throws {
    let noise = try Self.realisation(.mixture, seed: UInt64(seed))
    let hits = noise.bands.map { ($0.stripes != nil, $0.deadlines != nil, $0.impulses != nil) }
    #expect(hits.filter { $0.0 }.count == 10 && hits.filter { $0.1 }.count == 10)
    #expect(hits.filter { $0.2 }.count == 10)
    #expect(hits.allSatisfy { [$0.0, $0.1, $0.2].filter { $0 }.count <= 1 })
    #expect(noise.bands.allSatisfy { [10, 30, 50, 70].contains($0.sigma) })
  }

  /// Narrow images and few bands: counts as documented, nothing out of bounds.
  @Test(arguments: [1, 2, 5, 6, 7, 10, 19, 20, 21]) func narrow(samples: Int) throws {
    let limits = (samples / 20, max(samples / 20 + 1, samples * 3 / 20))
    let dead = ((samples + 19) / 20, max((samples + 19) / 20 + 1, (samples * 3 + 19) / 20))
    for bands in [1, 2, 3, 9] {
      let noise = NoiseRealisation(try NoiseModel(.mixture), bands: bands, samples: samples, seed: 4)
      #expect(noise.bands.compactMap(\.stripes).count == bands / 3)
      #expect(noise.bands.compactMap(\.deadlines).count == bands / 3)
      for band in noise.bands {
        if let count = band.stripes?.stripes.count { #expect(count >= limits.0 && count < limits.1) }
        if let count = band.deadlines?.columns.count { #expect(count >= dead.0 && count < dead.1) }
      }
      #expect(Self.noise(noise, lines: 2).count == bands)
    }
  }

  /// Planes, pixels, strips of any height, missing pixels and any number of threads: the same values.
  @Test(arguments: [NoiseModel.Kind.gaussian, .mixture]) func resultDependsOnPlaceOnly(kind: NoiseModel.Kind)
    throws
  {
    let (lines, samples, bands) = (9, 24, 7)
    let noise = NoiseRealisation(try NoiseModel(kind), bands: bands, samples: samples, seed: 9)
    let planes = Self.noise(noise, lines: lines)
    let threads = Parallel.threads
    defer { Parallel.setThreads(threads) }
    for (height, count) in [(9, 1), (1, 2), (4, 3)] {
      Parallel.setThreads(count)
      var line = 0
      while line < lines {
        let end = min(lines, line + height)
        let positions = (0..<Int32((end - line) * samples)).filter { $0 % 5 != 3 }
        let pixels = PixelMatrix(rows: positions.count, columns: bands)
        pixels.pointer.update(repeating: 0.5, count: positions.count * bands)
        noise.add(
          to: pixels, positions: positions,
          window: PixelWindow(line: line, sample: 0, lines: end - line, samples: samples))
        for (n, place) in positions.enumerated() {
          for b in 0..<bands { #expect(pixels[n, b] == planes[b][line * samples + Int(place)]) }
        }
        line = end
      }
    }
  }

  @Test func kindsShareTheirGaussianPart() throws {
    let plain = Self.noise(try Self.realisation(.noniid), lines: 2)
    let striped = try Self.realisation(.stripe)
    for (b, values) in Self.noise(striped, lines: 2).enumerated() where striped.bands[b].stripes == nil {
      #expect(values == plain[b])
    }
  }

  /// Another data range is the same noise in another unit; bands that are not active stay as they are.
  @Test func rangeAndActiveBands() throws {
    let model = try NoiseModel(.mixture)
    let active = (0..<12).map { $0 % 4 != 1 }
    let noise = NoiseRealisation(model, bands: 12, samples: 40, seed: 2, active: active)
    #expect(noise.bands.compactMap(\.stripes).count == 3)
    let range = try DataRange(low: 100, high: 900)
    var unit = [Float](repeating: 0.25, count: 12 * 40 * 5)
    var scaled = [Float](repeating: 300, count: unit.count)
    unit.withUnsafeMutableBufferPointer { noise.add(toPlanes: $0.baseAddress!, lines: 5) }
    scaled.withUnsafeMutableBufferPointer { noise.add(toPlanes: $0.baseAddress!, lines: 5, range: range) }
    for i in unit.indices {
      #expect(abs(100 + 800 * unit[i] - scaled[i]) < 2e-3)
      if !active[i / 200] { #expect(unit[i] == 0.25 && scaled[i] == 300) }
    }
  }

  @Test func clippingIsOptional() throws {
    let noise = try Self.realisation(.gaussian, sigmas: [200])
    var values = [Float](repeating: 0.5, count: Self.shape.bands * Self.shape.samples)
    #expect(Self.noise(noise, lines: 1).joined().contains { $0 > 1 || $0 < 0 })
    values.withUnsafeMutableBufferPointer { noise.add(toPlanes: $0.baseAddress!, lines: 1, clips: true) }
    #expect(values.allSatisfy { (0...1).contains($0) } && values.contains(0) && values.contains(1))
  }
}
