import Foundation
import HSICore
import HSINumerics
import HSIUnmixing
import Testing

@Suite(.serialized) struct SceneSimulatorTests {
  private func recipe(_ lines: Int = 40, _ samples: Int = 50, endmembers: Int = 4, bands: Int = 60) throws
    -> SceneRecipe
  {
    var recipe = SceneRecipe(
      lines: lines, samples: samples,
      endmembers: try ParametricSpectra.library(count: endmembers, axis: .avirisLike(bands: bands)))
    recipe.seed = 11
    return recipe
  }

  private func cube(_ source: any StripSource) throws -> Cube { try source.load(RunContext()) }

  @Test func noiseFreeSceneIsTheProductOfEndmembersAndAbundances() throws {
    let scene = try SceneSimulator(recipe().noiseFree)
    let pixels = try cube(scene).pixels
    let abundances = try cube(scene.abundances).pixels
    let library = scene.endmembers
    var worst = 0.0
    for n in 0..<pixels.rows {
      for band in 0..<library.bands {
        let expected = (0..<library.count).reduce(0.0) {
          $0 + Double(abundances[n, $1]) * library.values[$1 * library.bands + band]
        }
        worst = max(worst, abs(expected - Double(pixels[n, band])))
      }
    }
    #expect(worst < 1e-6, "\(worst)")
  }

  @Test(arguments: [1, 3, 8])
  func abundancesAreFractionsWithPureRegions(endmembers: Int) throws {
    let abundances = try cube(SceneSimulator(recipe(endmembers: endmembers)).abundances).pixels
    var pure = [Int](repeating: 0, count: endmembers)
    var mixed = 0
    for n in 0..<abundances.rows {
      let row = abundances.row(n)
      #expect(row.allSatisfy { $0 >= 0 && $0 <= 1 })
      #expect(abs(row.reduce(0.0) { $0 + Double($1) } - 1) < 1e-6)
      for k in 0..<endmembers where row[k] > 0.999 { pure[k] += 1 }
      if (row.max() ?? 0) < 0.9 { mixed += 1 }
    }
    #expect(pure.allSatisfy { $0 > 0 }, "every endmember has pure pixels: \(pure)")
    if endmembers > 1 { #expect(mixed > abundances.rows / 10, "\(mixed)") }
  }

  @Test func purityBoundsTheAbundances() throws {
    var recipe = try recipe()
    recipe.purity = 0.7
    let abundances = try cube(SceneSimulator(recipe).abundances).pixels
    let largest = abundances.values.max() ?? 0
    #expect(abs(largest - 0.7) < 1e-5)
  }

  @Test(arguments: [15.0, 30, 45])
  func noiseHasTheRatioAskedFor(snr: Double) throws {
    var recipe = try recipe(90, 100)
    recipe.snr = snr
    recipe.badBands = 6
    let scene = try SceneSimulator(recipe)
    var quiet = recipe
    quiet.snr = nil
    quiet.badBands = 0
    let noisy = try cube(scene).pixels
    let clean = try cube(SceneSimulator(quiet)).pixels
    let bad = Set(scene.corruptions.map(\.band))
    let wavelengths = scene.metadata.axis.wavelengths ?? []
    let bands = (0..<scene.shape.bands).filter {
      !bad.contains($0) && !SpectralAxis.isInWaterVapour(wavelengths[$0])
    }
    var (signal, noise) = (0.0, 0.0)
    var perBand = [Double](repeating: 0, count: scene.shape.bands)
    for n in 0..<noisy.rows {
      for band in bands {
        let (x, y) = (Double(clean[n, band]), Double(noisy[n, band]))
        signal += x * x
        noise += (y - x) * (y - x)
        perBand[band] += (y - x) * (y - x) / Double(noisy.rows)
      }
    }
    let measured = 10 * log10(signal / noise)
    #expect(abs(measured - snr) < 0.2, "\(measured)")
    for band in bands { #expect(abs(perBand[band].squareRoot() / scene.noise[band] - 1) < 0.06) }
    #expect(scene.noise[0] > 2 * scene.noise[15], "noisier at the blue end")
  }

  @Test func bytesDependOnTheRecipeOnly() throws {
    var recipe = try recipe(23, 31)
    recipe.badBands = 6
    let scene = try SceneSimulator(recipe)
    let threads = Parallel.threads
    defer { Parallel.setThreads(threads) }
    Parallel.setThreads(1)
    let reference = try cube(scene).pixels.values
    Parallel.setThreads(3)
    #expect(try cube(SceneSimulator(recipe)).pixels.values == reference)
    let strip = Strip()
    var pieces: [Float] = []
    for lines in [0..<1, 1..<8, 8..<9, 9..<23] {
      try scene.read(lines: lines, into: strip)
      #expect(strip.window == PixelWindow(line: lines.lowerBound, sample: 0, lines: lines.count, samples: 31))
      pieces += strip.pixels.values
    }
    #expect(pieces == reference)
    recipe.seed += 1
    #expect(try cube(SceneSimulator(recipe)).pixels.values != reference)
  }

  @Test func corruptedChannelsAreWhatTheTruthSays() throws {
    var recipe = try recipe(60, 60)
    recipe.badBands = 12
    let scene = try SceneSimulator(recipe)
    let pixels = try cube(scene).pixels
    var quiet = recipe
    quiet.badBands = 0
    quiet.snr = nil
    let clean = try cube(SceneSimulator(quiet)).pixels
    #expect(scene.corruptions.count == 12 && Set(scene.corruptions.map(\.band)).count == 12)
    #expect(Set(scene.corruptions.map(\.kind)) == Set(CorruptionKind.allCases))
    #expect(scene.truth.corruptedChannels.map(\.band) == scene.corruptions.map { $0.band + 1 })
    #expect(scene.corruptions.allSatisfy { scene.metadata.axis.good[$0.band] })
    let shown = try #require(scene.metadata.defaultRGB)
    #expect(shown.count == 3 && shown.allSatisfy { band in !scene.corruptions.contains { $0.band == band } })
    let bad = Dictionary(uniqueKeysWithValues: scene.corruptions.map { ($0.band, $0.kind) })
    for band in 0..<scene.shape.bands {
      var (error, power, distinct) = (0.0, 0.0, Set<Float>())
      for n in 0..<pixels.rows {
        let x = Double(clean[n, band])
        error += (Double(pixels[n, band]) - x) * (Double(pixels[n, band]) - x)
        power += x * x
        distinct.insert(pixels[n, band])
      }
      let ratio = error / power
      switch bad[band] {
      case .dead?: #expect(distinct == [0])
      case .stuck?: #expect(distinct.count == 1 && (distinct.first ?? 0) > 0)
      case .some: #expect(ratio > 0.1, "band \(band): \(ratio)")
      case nil where scene.metadata.axis.good[band]: #expect(ratio < 0.02, "band \(band): \(ratio)")
      case nil: break
      }
    }
    recipe.flagsBadBands = true
    let flagged = try SceneSimulator(recipe).metadata.axis
    #expect(scene.corruptions.allSatisfy { !flagged.good[$0.band] })
  }

  @Test func parametricSpectraAreDistinctReflectances() throws {
    let library = try ParametricSpectra.library(count: 16, axis: .avirisLike())
    #expect(library.values.allSatisfy { $0 > 0 && $0 <= 1 })
    #expect(Set(library.names).count == 16 && library.names.allSatisfy { $0.contains("-like") })
    #expect(ParametricSpectra.names.count == 12)
    for i in 0..<12 {
      for j in 0..<i {
        let (a, b) = (Array(library[i]), Array(library[j]))
        let dot = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        let norms = (a.reduce(0) { $0 + $1 * $1 } * b.reduce(0) { $0 + $1 * $1 }).squareRoot()
        #expect(acos(min(1, dot / norms)) > 0.07, "\(library.names[i]) and \(library.names[j])")
      }
    }
    let axis = SpectralAxis.avirisLike()
    #expect(axis.count == 224 && axis.wavelengths?.first == 366 && axis.wavelengths?.last == 2496)
    #expect(axis.fwhm?.allSatisfy { $0 == 10 } == true && axis.goodBands.count > 190)
  }

  @Test func impossibleRecipesAreRefused() throws {
    func expectRefusal(_ change: (inout SceneRecipe) -> Void) throws {
      var recipe = try recipe(4, 4, bands: 20)
      change(&recipe)
      #expect(throws: CoreError.self) { try SceneSimulator(recipe) }
    }
    try expectRefusal { $0.lines = 0 }
    try expectRefusal { $0.samples = -1 }
    try expectRefusal { $0.badBands = 21 }
    try expectRefusal { $0.snr = .nan }
    try expectRefusal { $0.purity = 1.1 }
    try expectRefusal { $0.endmembers.values[3] = .nan }
    try expectRefusal { $0.corruptions = [.init(band: 20, kind: .dead)] }
    try expectRefusal { $0.corruptions = [.init(band: 2, kind: .dead), .init(band: 2, kind: .stuck)] }
    #expect(throws: CoreError.self) { try ParametricSpectra.library(count: 0, axis: .avirisLike()) }
    #expect(throws: CoreError.self) { try ParametricSpectra.library(count: 3, axis: SpectralAxis(count: 5)) }
    // One pixel and one band are a scene too.
    _ = try cube(SceneSimulator(recipe(1, 1, endmembers: 1, bands: 1)))
  }
}
