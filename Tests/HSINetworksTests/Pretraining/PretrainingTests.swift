import Foundation
import HSICore
import HSINumerics
import HSISpectral
import HSITransformer
import Testing

@testable import HSINetworks

/// A small textured scene of some bands, pixels of one corner missing.
private func scene(
  lines: Int = 24, samples: Int = 20, bands: Int = 30, from: Double = 420, to: Double = 1000, gap: Bool = true,
  shift: Double = 0
) -> Cube {
  var positions: [Int32] = []
  var values: [Float] = []
  for place in 0..<(lines * samples) {
    let (y, x) = (place / samples, place % samples)
    if gap, y < 3, x < 4 { continue }
    positions.append(Int32(place))
    let (a, b) = (sin(Double(y) / 3 + shift), cos(Double(x) / 4 + Double(y) / 7))
    for band in 0..<bands {
      let t = Double(band) / Double(bands - 1)
      values.append(Float(0.3 + 0.1 * a * t + 0.08 * b * (1 - t) + 0.02 * sin(9 * t)))
    }
  }
  var metadata = CubeMetadata(bands: bands)
  metadata.axis = SpectralAxis(
    wavelengths: (0..<bands).map { from + (to - from) * Double($0) / Double(bands - 1) },
    fwhm: [Double](repeating: 10, count: bands))
  return Cube(
    shape: CubeShape(lines: lines, samples: samples, bands: bands), metadata: metadata,
    pixels: PixelMatrix(rows: positions.count, columns: bands, values: values), positions: positions)
}

@Suite struct BandNormalisationTests {
  @Test func statisticsOfAScene() throws {
    let cube = scene()
    let found = try BandNormalisation(cube, RunContext())
    #expect(found == BandNormalisation(cube.pixels))
    for band in [0, 11, 29] {
      let values = (0..<cube.count).map { Double(cube.pixels[$0, band]) }
      let mean = values.reduce(0, +) / Double(values.count)
      let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
      #expect(abs(found.means[band] - mean) < 1e-9 && abs(found.deviations[band] - deviation) < 1e-9)
      let value = Float(mean + deviation)
      #expect(abs(Double(found(value, band: band)) - 0.75) < 1e-5)
      #expect(found(Float(mean + 3 * deviation), band: band) == 1 && found(-10, band: band) == 0)
    }
    #expect(
      try BandNormalisation(
        Cube(lines: 1, samples: 1, pixels: PixelMatrix(rows: 1, columns: 1, values: [.nan])), RunContext()
      ).means == [0])
  }

  /// Strips change nothing.
  @Test func stripsDoNotCount() throws {
    let cube = scene(lines: 64, samples: 64, bands: 60)
    var context = RunContext()
    context.memory = MemoryBudget(bytes: 64 << 20)
    #expect(try BandNormalisation(cube, context) == BandNormalisation(cube, RunContext()))
  }

  @Test func otherBands() throws {
    let axis = SpectralAxis(wavelengths: [600, 400, 500])
    let normalisation = BandNormalisation(means: [3, 1, 2], deviations: [0.3, 0.1, 0.2])
    let other = try #require(
      normalisation.interpolated(from: axis, to: SpectralAxis(wavelengths: [450, 600, 900, 300])))
    for (a, b) in zip(other.means, [1.5, 3, 3, 1]) { #expect(abs(a - b) < 1e-12) }
    for (a, b) in zip(other.deviations, [0.15, 0.3, 0.3, 0.1]) { #expect(abs(a - b) < 1e-12) }
    #expect(normalisation.interpolated(from: axis, to: SpectralAxis(count: 2)) == nil)
    #expect(normalisation.distance(to: normalisation) == 0)
    let scaled = BandNormalisation(means: normalisation.means.map { $0 * 2 }, deviations: normalisation.deviations)
    #expect(abs(normalisation.distance(to: scaled) - 10) < 1e-9)
  }
}

@Suite struct SceneWindowTests {
  @Test func valuesMissingPixelsAndMirrors() throws {
    let cube = scene()
    let context = RunContext()
    let folder = FileManager.default.temporaryDirectory.path
    let normalisation = try BandNormalisation(cube, context)
    let kept = try NormalisedScene(cube, resolution: 30, context)
    let scratch = try NormalisedScene(cube, resolution: 30, scratchBeside: folder + "/x.safetensors", context)
    #expect(kept.fingerprint == scratch.fingerprint && kept.resolution == 30)
    let (side, bands) = (6, cube.shape.bands)
    var grid = [Int](repeating: -1, count: cube.shape.pixels)
    for (row, place) in cube.positions.enumerated() { grid[Int(place)] = row }
    for (line, sample, symmetry) in [
      (0, 0, PatchSymmetry.identity), (18, 14, .all[5]), (-3, -2, .identity), (21, 17, .all[2]),
    ] {
      var (a, b) = (
        [Float](repeating: -1, count: side * side * bands), [Float](repeating: -1, count: side * side * bands)
      )
      kept.copy(line: line, sample: sample, side: side, symmetry, to: &a)
      scratch.copy(line: line, sample: sample, side: side, symmetry, to: &b)
      #expect(a == b)
      for row in 0..<side {
        for column in 0..<side {
          let from = symmetry.source(row: row, column: column, size: side)
          func mirror(_ i: Int, _ n: Int) -> Int { i < 0 ? -i : i >= n ? 2 * n - 2 - i : i }
          let (y, x) = (mirror(line + from.row, cube.shape.lines), mirror(sample + from.column, cube.shape.samples))
          let pixel = grid[y * cube.shape.samples + x]
          for band in [0, 13, 29] {
            let value = a[(row * side + column) * bands + band]
            if pixel < 0 {
              #expect(value == 0)
            } else {
              #expect(value > 0 && abs(value - normalisation(cube.pixels[pixel, band], band: band)) < 2e-5)
            }
          }
        }
      }
    }
    #expect(
      kept.missingPixels(line: 0, sample: 0, side: 6) == 12 && kept.missingPixels(line: 10, sample: 3, side: 6) == 0)
  }

  @Test func windowsLieOnValidPixels() throws {
    let kept = try NormalisedScene(scene(), resolution: nil, RunContext())
    let windows = SceneWindows([kept], side: 8)
    // 24 × 20 at steps of 4: 5 × 4 places; the first one lacks 12 of 64, fewer than a quarter.
    #expect(windows.count == 20 && windows.scenes.count == 1)
    let strict = SceneWindows([kept], side: 4)
    // Of 2-pixel steps the corner of 3 × 4 missing pixels takes those with more than 4.
    #expect(
      strict.count == 11 * 9
        - (0..<11).flatMap { y in (0..<9).map { (y * 2, $0 * 2) } }.count {
          kept.missingPixels(line: $0.0, sample: $0.1, side: 4) > 4
        })
    var random = CounterRandom(seed: 1)
    for _ in 0..<200 {
      let drawn = windows.draw(of: 0, &random)
      #expect(kept.missingPixels(line: drawn.line, sample: drawn.sample, side: 8) <= 16)
    }
    #expect(SceneWindows([kept], side: 32).count == 0)
  }

  /// Bands of another instrument are what resampling makes of the scene's.
  @Test func bandsOfOtherInstruments() throws {
    let cube = scene()
    let set = BandSet("other", from: 450, to: 1200, count: 40, width: 25)
    let (bands, weights) = try #require(SpectralResampling.weights(from: cube.metadata.axis, to: set.axis))
    #expect(bands.count > 20 && bands.count < 40 && weights.rows == 30)
    let library = SpectralLibrary(
      names: ["a"], axis: cube.metadata.axis, values: (0..<30).map { Double(cube.pixels[5, $0]) })
    let expected = try SpectralResampling.resample(library, to: set.axis).library.values
    for (k, band) in bands.enumerated() {
      let value = (0..<30).reduce(0.0) { $0 + Double(cube.pixels[5, $1]) * weights[$1, k] }
      #expect(abs(value - expected[band]) < 1e-9)
    }
    let sampler = BandSampler([cube.metadata.axis], [set], dropped: [0.5, 0.8], most: 9)
    var random = CounterRandom(seed: 7)
    var kinds = Set<Bool>()
    for _ in 0..<60 {
      let draw = sampler.draw(scene: 0, &random)
      #expect((4...9).contains(draw.wavelengths.count) && draw.wavelengths == draw.wavelengths.sorted())
      let isOwn = draw.wavelengths.allSatisfy { w in cube.metadata.axis.wavelengths!.contains { abs($0 - w) < 1e-9 } }
      kinds.insert(isOwn)
      var target = [Float](repeating: 0, count: draw.wavelengths.count)
      draw.apply(cube.pixels.pointer + 5 * 30, pixels: 1, bands: 30, to: &target)
      for (wavelength, value) in zip(draw.wavelengths, target) {
        // Spectra here are smooth: either way the value is that of the spectrum at the wavelength.
        let place = (wavelength - 420) / 580 * 29
        let (low, share) = (Int(place), Float(place - Double(Int(place))))
        let truth = (1 - share) * cube.pixels[5, low] + share * cube.pixels[5, min(low + 1, 29)]
        #expect(abs(value - truth) < 5e-3)
      }
    }
    #expect(kinds == [true, false])
  }
}

/// A folder that goes with the test.
private final class Folder {
  private let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  func file(_ name: String) -> String { url.appendingPathComponent(name).path }

  deinit { try? FileManager.default.removeItem(at: url) }
}

@Suite(.serialized) struct PretrainingTests {
  private func request() -> Pretraining<LESSAutoencoder> {
    var request = Pretraining<LESSAutoencoder>("less-tiny")
    (request.epochs, request.windowsPerEpoch, request.batch, request.evaluateEvery) = (3, 16, 4, 4)
    (request.side, request.mostBands) = (8, 8)
    request.bandSets = [BandSet("other", from: 450, to: 950, count: 20, width: 25)]
    return request
  }

  private func model() throws -> Model<LESSAutoencoder> {
    var configuration = try #require(LESSAutoencoderConfiguration(named: "less-tiny"))
    (configuration.encoder.width, configuration.encoder.depth, configuration.encoder.heads) = (32, 1, 1)
    configuration.encoder.channelWidthPerHead = 4
    (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (16, 1, 1)
    try configuration.validate()
    return Model(LESSAutoencoder(configuration, seed: 3), card: Model<LESSAutoencoder>.card("test", configuration))
  }

  private func windows() throws -> (SceneWindows, SceneWindows) {
    let scenes = try [0.0, 1.0].map { try NormalisedScene(scene(shift: $0), resolution: nil, RunContext()) }
    return (SceneWindows([scenes[0]], side: 8), SceneWindows([scenes[1]], side: 8))
  }

  /// Better than at the start; the same bytes in one go, resumed, and on one thread or two.
  @Test func learnsResumesAndDoesNotDependOnThreads() throws {
    let folder = try Folder()
    let (training, judges) = try windows()
    func run(_ name: String, threads: Int = 2, stops: Bool = false) throws -> (score: Double, bytes: [UInt32]) {
      var context = RunContext()
      context.threads = threads
      context.seed = 5
      let out = folder.file("\(name).safetensors")
      let state = folder.file("\(name)_state.safetensors")
      if stops {
        let session = TrainingSession(statePath: state, timeLimit: 0)
        let outcome = try request().run(model(), windows: training, judges: judges, to: out, session, context)
        #expect(!outcome.isComplete)
      }
      let outcome = try request().run(
        model(), windows: training, judges: judges, to: out, TrainingSession(statePath: state, resumes: stops), context)
      #expect(outcome.isComplete && outcome.record.step == 12 && outcome.record.curve.count == 3)
      let trained = try Model<LESSAutoencoder>.read(out).network
      let values = trained.store.parameters.flatMap { $0.value.values }
      return (outcome.record.curve.last?.score ?? 0, values.map(\.bitPattern))
    }
    let first = try run("a")
    #expect(try run("b", threads: 1).bytes == first.bytes)
    #expect(try run("c", stops: true).bytes == first.bytes)
    // Before anything is learnt.
    let untrained = MaskedPretraining(
      try model().network, request(), windows: training, judges: judges, settings: "", RunContext())
    let before = try #require(try untrained.score(RunContext()))
    #expect(first.score > before.value + 1, "\(before.value) → \(first.score)")
  }

  @Test func anotherRunIsNotResumed() throws {
    let folder = try Folder()
    let (training, judges) = try windows()
    let state = folder.file("s.safetensors")
    let context = RunContext()
    try request().run(
      model(), windows: training, judges: judges, to: folder.file("o.safetensors"),
      TrainingSession(statePath: state, timeLimit: 0), context)
    #expect(throws: TransformerError.self) {
      try request().run(
        model(), windows: judges, judges: training, to: folder.file("o.safetensors"),
        TrainingSession(statePath: state, resumes: true), context)
    }
  }

  @Test(arguments: [
    ("side", 7.0), ("side", 2.0), ("epochs", 0), ("batch", 0), ("rate", 0), ("windows", 1), ("evaluate", 0),
    ("drop", 1),
    ("bands", 1),
  ]) func refusals(_ what: String, _ value: Double) throws {
    var request = request()
    switch what {
    case "side": request.side = Int(value)
    case "epochs": request.epochs = Int(value)
    case "batch": request.batch = Int(value)
    case "rate": request.rate = value
    case "windows": request.windowsPerEpoch = Int(value)
    case "evaluate": request.evaluateEvery = Int(value)
    case "drop": request.dropped = [value]
    default: request.mostBands = Int(value)
    }
    #expect(throws: CoreError.self) { try request.check(model().network, axes: [scene().metadata.axis]) }
  }

  /// Too few bands for the share that is hidden.
  @Test func tooFewBands() throws {
    #expect(throws: LESSError.self) {
      try request().check(model().network, axes: [SpectralAxis(wavelengths: [500, 600, 700])])
    }
    try request().check(model().network, axes: [scene().metadata.axis])
  }

  /// SpectralGPT learns by the same task: as many bands as it sees, evenly spread.
  @Test func spectralGPTLearns() throws {
    var configuration = try #require(SpectralGPTConfiguration(named: "spectralgpt-tiny"))
    (configuration.size, configuration.width, configuration.depth, configuration.heads) = (8, 24, 1, 2)
    (configuration.decoderWidth, configuration.decoderDepth, configuration.maskRatio) = (16, 1, 0.5)
    let network = SpectralGPT(configuration, seed: 2)
    let model = Model(network, card: Model<SpectralGPT>.card("test", configuration))
    var request = Pretraining<SpectralGPT>("spectralgpt-tiny")
    (request.epochs, request.windowsPerEpoch, request.batch, request.evaluateEvery) = (4, 16, 4, 16)
    request.base = ("test", model)
    request.bandSets = [BandSet("other", from: 450, to: 950, count: 20, width: 25)]
    let (training, judges) = try windows()
    #expect(request.side(of: network) == 8)
    let folder = try Folder()
    let before = MaskedPretraining(
      SpectralGPT(configuration, seed: 2), request, windows: training, judges: judges, settings: "", RunContext())
    let untrained = try #require(try before.score(RunContext())).value
    let outcome = try request.run(
      model, windows: training, judges: judges, to: folder.file("g.safetensors"), TrainingSession(), RunContext())
    #expect(outcome.record.best ?? 0 > untrained + 1, "\(untrained) → \(outcome.record.best ?? 0)")
    let batch = try #require(training.examples(request.sampler(training), most: 1).first)
    #expect(batch.images.shape == [1, 12, 8, 8] && batch.wavelengths.count == 12)
    var random = CounterRandom(seed: 1)
    let result = network.reconstruction(batch, &random)
    let hidden = result.hidden.values
    #expect(hidden.reduce(0, +) == Float(hidden.count) / 2)
    for i in hidden.indices where hidden[i] == 0 { #expect(result.images.pointer[i] == batch.images.pointer[i]) }
    // Images of other sides and too few bands.
    #expect(throws: CoreError.self) { try network.check(side: 16, bands: 12) }
    #expect(throws: PretrainingError.self) { try network.check(side: 8, bands: 11) }
  }

  /// What was seen stays, what was hidden comes from the network.
  @Test func reconstruction() throws {
    let (training, _) = try windows()
    let batch = try #require(training.examples(request().sampler(training), most: 1).first)
    var random = CounterRandom(seed: 1)
    let result = try model().network.reconstruction(batch, &random)
    #expect(result.images.shape == batch.images.shape && result.hidden.shape == batch.images.shape)
    let hidden = result.hidden.values
    #expect(hidden.contains(0) && hidden.contains(1))
    for i in hidden.indices where hidden[i] == 0 { #expect(result.images.pointer[i] == batch.images.pointer[i]) }
  }
}
