import HSICore
import HSINetworks
import HSINumerics
import HSITestSupport
import HSITransformer
import Testing

@testable import HSIRestoration

/// A small MP-HSIR for tests: 7 bands, multiples of 8 pixels.
enum TinyMPHSIR {
  static let configuration: MPHSIRConfiguration = {
    var configuration = MPHSIRConfiguration()
    (configuration.bands, configuration.channels, configuration.blocks) = (7, 8, [1, 1, 1])
    (configuration.refinement, configuration.heads, configuration.window) = (1, [1, 2, 4], 2)
    (configuration.prompts, configuration.promptSize) = (4, 4)
    (configuration.tasks, configuration.trained) = (MPHSIRTask.allCases.count, MPHSIRTask.allCases)
    configuration.input = .interpolated
    return configuration
  }()

  /// - Parameter isIdentity: true for one that gives back what it gets.
  static func model(isIdentity: Bool = false, _ configuration: MPHSIRConfiguration = configuration) -> MPHSIRModel {
    let network = MPHSIR(configuration, seed: 5)
    if isIdentity {
      for parameter in network.store.parameters where parameter.name == "output.weight" {
        parameter.set(Tensor.zeros(parameter.shape))
      }
    }
    return MPHSIRModel(network, card: MPHSIRModel.card(nil, configuration))
  }
}

@Suite struct MPHSIRRestorerTests {
  private func scene(bands: Int = 7, lines: Int = 11, samples: Int = 13) -> Cube {
    SyntheticScene.noisy(SyntheticScene.clean(lines: lines, samples: samples, bands: bands), sigma: 0.02)
  }

  private func copy(_ cube: Cube) -> Cube {
    Cube(
      shape: cube.shape, metadata: cube.metadata,
      pixels: PixelMatrix(rows: cube.count, columns: cube.shape.bands, values: cube.pixels.values),
      positions: cube.positions)
  }

  /// A network that changes nothing gives the scene back, whatever its bands, by windows and by resampling.
  @Test(arguments: [3, 7, 12, 30]) func nothingChanges(_ bands: Int) throws {
    let scene = scene(bands: bands)
    for handling in MPHSIRRestorer.BandHandling.allCases {
      var restorer = try MPHSIRRestorer(TinyMPHSIR.model(isIdentity: true), task: .blur)
      restorer.bandHandling = handling
      restorer.tiles.bandOverlap = 2
      let result = try restorer.restore(scene, noise: nil, RunContext()).scene
      for i in 0..<(scene.count * bands) {
        #expect(abs(result.pixels.pointer[i] - scene.pixels.pointer[i]) < 2e-6)
      }
    }
  }

  /// Known values keep their bits; the others begin where the interpolation along the wavelength ends.
  @Test(arguments: [MPHSIRTask.inpaint, .bands]) func onlyGapsAreFilled(_ task: MPHSIRTask) throws {
    let holed = copy(scene(bands: 9))
    for row in 0..<holed.count { holed.pixels[row, task == .bands ? 4 : row % 9] = .nan }
    let identity = try MPHSIRRestorer(TinyMPHSIR.model(isIdentity: true), task: task)
    let filled = try identity.restore(holed, noise: nil, RunContext()).scene
    let plain = try SpectralInterpolation(["order": 1]).restore(holed, noise: nil, RunContext()).scene
    let network = try MPHSIRRestorer(TinyMPHSIR.model(), task: task)
    let other = try network.restore(holed, noise: nil, RunContext()).scene
    var changed = 0
    for i in 0..<(holed.count * 9) {
      let old = holed.pixels.pointer[i]
      if old.isFinite {
        #expect(filled.pixels.pointer[i] == old && other.pixels.pointer[i] == old)
      } else {
        #expect(abs(filled.pixels.pointer[i] - plain.pixels.pointer[i]) < 1e-5)
        #expect(other.pixels.pointer[i].isFinite)
        if abs(other.pixels.pointer[i] - filled.pixels.pointer[i]) > 1e-4 { changed += 1 }
      }
    }
    #expect(changed > holed.count / 2)
  }

  /// Published networks see zeros where values are missing: the lowest value of the scene, with a network that changes nothing.
  @Test func publishedInput() throws {
    var configuration = TinyMPHSIR.configuration
    configuration.input = nil
    let holed = copy(scene())
    for row in 0..<holed.count { holed.pixels[row, 3] = .nan }
    let restorer = try MPHSIRRestorer(TinyMPHSIR.model(isIdentity: true, configuration), task: .bands)
    let result = try restorer.restore(holed, noise: nil, RunContext()).scene
    let low = holed.pixels.values.filter(\.isFinite).min() ?? 0
    for row in 0..<holed.count { #expect(abs(result.pixels[row, 3] - low) < 1e-6) }
    let coarse = scene(lines: 4, samples: 5)
    let finer = try MPHSIRRestorer(TinyMPHSIR.model(isIdentity: true, configuration), task: .superres, scale: 4)
    let fine = try finer.restore(coarse, noise: nil, RunContext()).scene
    #expect(fine.shape == CubeShape(lines: 16, samples: 20, bands: 7) && fine.count == 320)
    for row in 0..<320 {
      let (line, sample) = (row / 20 / 4, row % 20 / 4)
      #expect(abs(fine.pixels[row, 2] - coarse.pixels[line * 5 + sample, 2]) < 2e-6)
    }
  }

  @Test func aFinerGridBeginsAtCubicConvolution() throws {
    let coarse = scene(lines: 6, samples: 5)
    for area in [0.0, 1] {
      var restorer = try MPHSIRRestorer(TinyMPHSIR.model(isIdentity: true), task: .superres, scale: 2)
      restorer.usesMeans = area == 1
      let result = try restorer.restore(coarse, noise: nil, RunContext()).scene
      let bicubic = try BicubicInterpolation(["scale": 2, "area": area]).restore(coarse, noise: nil, RunContext()).scene
      #expect(result.shape == bicubic.shape && result.positions == bicubic.positions)
      for i in 0..<(result.count * 7) {
        #expect(abs(result.pixels.pointer[i] - bicubic.pixels.pointer[i]) < 1e-5)
      }
    }
  }

  /// Missing pixels stay missing, values that are not numbers stay where they are, and neither spreads.
  @Test func holes() throws {
    let whole = copy(scene())
    whole.pixels[21, 2] = .nan
    whole.pixels[40, 5] = .infinity
    let rows = (0..<whole.count).filter { $0 % 17 != 3 }
    let pixels = PixelMatrix(rows: rows.count, columns: 7, values: rows.flatMap { Array(whole.pixels.row($0)) })
    let scene = Cube(
      shape: whole.shape, metadata: whole.metadata, pixels: pixels, positions: rows.map { whole.positions[$0] })
    for task in MPHSIRTask.allCases where task != .superres {
      let result = try MPHSIRRestorer(TinyMPHSIR.model(), task: task).restore(scene, noise: nil, RunContext()).scene
      #expect(result.positions == scene.positions)
      let bad = result.pixels.values.count { !$0.isFinite }
      #expect(bad == ([.inpaint, .bands].contains(task) ? 0 : 2), "\(task)")
    }
  }

  @Test func nothingToDo() throws {
    let flat = SyntheticScene.clean(lines: 3, samples: 3, bands: 7)
    for i in 0..<63 { flat.pixels.pointer[i] = 4 }
    let context = RunContext()
    #expect(try MPHSIRRestorer(TinyMPHSIR.model(), task: .blur).restore(flat, noise: nil, context).unchanged != nil)
    #expect(
      try MPHSIRRestorer(TinyMPHSIR.model(), task: .bands).restore(scene(), noise: nil, context).unchanged != nil)
    let lost = copy(scene(lines: 2, samples: 2))
    for i in 0..<28 { lost.pixels.pointer[i] = .nan }
    #expect(try MPHSIRRestorer(TinyMPHSIR.model(), task: .inpaint).restore(lost, noise: nil, context).unchanged != nil)
    #expect(try MPHSIRRestorer(TinyMPHSIR.model(), task: .noise).restore(lost, noise: nil, context).unchanged != nil)
    let one = scene(lines: 1, samples: 1)
    #expect(
      try MPHSIRRestorer(TinyMPHSIR.model(), task: .noise).restore(one, noise: nil, context).scene.pixels.values
        .count { $0.isFinite } == 7)
  }

  @Test func tasksThatWereNotTrained() throws {
    var configuration = TinyMPHSIR.configuration
    (configuration.tasks, configuration.trained) = (6, nil)
    let model = TinyMPHSIR.model(configuration)
    for task in MPHSIRTask.allCases {
      let isKnown = !MPHSIRRestorerTests.unknown.contains(task)
      #expect(((try? MPHSIRRestorer(model, task: task)) != nil) == isKnown, "\(task)")
    }
    #expect(throws: RestorationError.self) { try MPHSIRRestorer(model, task: .haze) }
    #expect(configuration.id(of: .poisson) == 0 && configuration.id(of: .bands) == 5)
    configuration.tasks = 7
    #expect(configuration.id(of: .haze) == 5 && configuration.id(of: .bands) == 6)
    configuration.tasks = 1
    #expect(configuration.knownTasks.isEmpty)
  }

  private static let unknown: [MPHSIRTask] = [.haze, .motion]

  @Test func threadsChangeNothingAndTilesDo() throws {
    let scene = scene(bands: 9, lines: 96, samples: 64)
    var restorer = try MPHSIRRestorer(TinyMPHSIR.model(), task: .complex)
    restorer.tiles.bandOverlap = 3
    let one = try restorer.restore(scene, noise: nil, RunContext(threads: 1)).scene.pixels.values
    let two = try restorer.restore(scene, noise: nil, RunContext(threads: 2)).scene.pixels.values
    #expect(one == two)
    (restorer.tiles.tile, restorer.tiles.tileOverlap) = (64, 32)
    let tiled = try restorer.restore(scene, noise: nil, RunContext()).scene.pixels.values
    #expect(one != tiled)
    // Sums over all tiles bring tiles closer to the whole image.
    restorer.tiles.poolsTiles = false
    let apart = try restorer.restore(scene, noise: nil, RunContext()).scene.pixels.values
    func distance(_ a: [Float]) -> Double { zip(a, one).reduce(0) { $0 + Double(abs($1.0 - $1.1)) } }
    #expect(distance(tiled) < 0.7 * distance(apart), "\(distance(tiled)) against \(distance(apart))")
  }
}

@Suite struct BandResamplingTests {
  /// Weights sum to 1, and what is not changed there is not changed here.
  @Test(arguments: [(5, 7), (12, 7), (7, 7), (100, 31), (1, 7), (9, 1)]) func weightsAndIdentity(
    _ bands: Int, _ count: Int
  ) {
    let resampling = BandResampling(bands: bands, count: count)
    let pixels = PixelMatrix(rows: 3, columns: bands)
    for row in 0..<3 { for b in 0..<bands { pixels[row, b] = Float(row) + 0.25 * Float(b) } }
    let y = resampling.apply(to: pixels)
    for row in 0..<3 {
      #expect(zip(y.row(row), y.row(row).dropFirst()).allSatisfy { $0 <= $1 })
      #expect(y.row(row).allSatisfy { $0 >= pixels[row, 0] && $0 <= pixels[row, bands - 1] })
    }
    let same = PixelMatrix(rows: 3, columns: bands, values: pixels.values)
    resampling.carry(from: y, to: y, into: same)
    #expect(same.values == pixels.values)
    let raised = PixelMatrix(rows: 3, columns: count, values: y.values.map { $0 + 2 })
    resampling.carry(from: y, to: raised, into: same)
    for i in 0..<(3 * bands) { #expect(abs(same.pointer[i] - pixels.pointer[i] - 2) < 1e-5) }
  }

  /// The definition, in double precision.
  @Test func againstTheDefinition() {
    let (bands, count) = (23, 6)
    let resampling = BandResampling(bands: bands, count: count)
    let pixels = PixelMatrix(rows: 1, columns: bands)
    for b in 0..<bands { pixels[0, b] = Float((b * b * 7) % 19) }
    let y = resampling.apply(to: pixels)
    let step = 22.0 / 5
    for i in 0..<count {
      let weights = (0..<bands).map { max(0, 1 - abs(Double($0) - Double(i) * step) / step) }
      let sum = zip(weights, pixels.values).reduce(0) { $0 + $1.0 * Double($1.1) } / weights.reduce(0, +)
      #expect(abs(Double(y[0, i]) - sum) < 1e-4)
    }
  }
}
