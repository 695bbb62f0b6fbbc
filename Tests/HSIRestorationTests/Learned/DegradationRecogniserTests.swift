import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITransformer
import Testing

@testable import HSIRestoration

@Suite(.serialized) struct DegradationRecogniserTests {
  /// A network whose probabilities are given, whatever it sees.
  private func network(_ probabilities: [Double], bands: Int = 31) throws -> DegradationPredictor {
    var configuration = try #require(DegradationPredictorConfiguration(named: "degradation-predictor-tiny"))
    (configuration.bands, configuration.tasks) = (bands, [.noise, .blur, .haze])
    let network = DegradationPredictor(configuration, seed: 1)
    network.store["head.weight"]?.update { $0.update(repeating: 0) }
    network.store["head.bias"]?.update { for i in $0.indices { $0[i] = Float(log(probabilities[i])) } }
    return network
  }

  @Test(arguments: [5, 31, 60]) func probabilitiesOfAllParts(bands: Int) throws {
    let recogniser = DegradationRecogniser(try network([0.1, 0.7, 0.15, 0.05]), name: "test")
    let seen = try #require(
      try recogniser.recognise(SyntheticScene.clean(lines: 40, samples: 20, bands: bands), RunContext()))
    #expect(seen.views == 6 && seen.classes.map(\.name) == ["noise", "blur", "haze", "nothing"])
    for (found, wanted) in zip(seen.classes, [0.1, 0.7, 0.15, 0.05]) { #expect(abs(found.probability - wanted) < 1e-6) }
    #expect(seen.best.task == .blur && seen.text == "blur 0.70, haze 0.15, noise 0.10")
  }

  @Test func tooLittleToSee() throws {
    let recogniser = DegradationRecogniser(try network([0.1, 0.7, 0.15, 0.05]), name: "test")
    let context = RunContext()
    #expect(try recogniser.recognise(SyntheticScene.clean(lines: 3, samples: 40), context) == nil)
    let constant = SyntheticScene.clean(lines: 20, samples: 20)
    for i in 0..<(constant.count * constant.shape.bands) { constant.pixels.pointer[i] = 0.4 }
    #expect(try recogniser.recognise(constant, context) == nil)
    let holes = SyntheticScene.dropping(SyntheticScene.clean(lines: 20, samples: 20)) { $0 % 5 > 1 }
    #expect(try recogniser.recognise(holes, context) == nil)
    let few = SyntheticScene.dropping(SyntheticScene.clean(lines: 20, samples: 20)) { $0 % 5 == 1 }
    #expect(try recogniser.recognise(few, context) != nil)
  }

  /// What is missing, NaN or not there, has no say, and does not spread.
  @Test func missingPixels() throws {
    let network = DegradationPredictor(
      try #require(DegradationPredictorConfiguration(named: "degradation-predictor-tiny")), seed: 3)
    let recogniser = DegradationRecogniser(network, name: "test")
    let scene = SyntheticScene.clean(lines: 24, samples: 24, bands: 31)
    let dropped = SyntheticScene.dropping(scene) { $0 % 7 == 2 }
    for row in 0..<scene.count where row % 7 == 2 { scene.pixels[row, row % 31] = .nan }
    let (a, b) = try (recogniser.recognise(scene, RunContext()), recogniser.recognise(dropped, RunContext()))
    #expect(a != nil && a == b)
    #expect(try recogniser.recognise(dropped, RunContext(threads: 3)) == b)
    #expect(abs((a?.classes.reduce(0) { $0 + $1.probability } ?? 0) - 1) < 1e-5)
  }

  @Test func noWeights() {
    #expect(throws: TransformerError.self) { try DegradationRecogniser(weights: "/nowhere.safetensors") }
  }

  /// Scale and offset of the numbers do not matter; outliers do not stretch the rest.
  @Test func rangeOfPictures() throws {
    let scene = SyntheticScene.clean(lines: 16, samples: 16, bands: 31)
    func picture(_ cube: Cube) -> PixelMatrix? {
      PredictorImage.picture(cube.pixels, lines: 16, samples: 16, bands: 31, size: 16)
    }
    let plain = try #require(picture(scene)).values
    let scaled = try #require(picture(SyntheticScene.with(scene, scene.pixels.values.map { 500 + 1000 * $0 }))).values
    #expect(zip(plain, scaled).allSatisfy { abs($0 - $1) < 1e-4 })
    var values = scene.pixels.values
    values[7] = 1e6
    let spiked = try #require(picture(SyntheticScene.with(scene, values))).values
    #expect(spiked[7] == 2 && zip(plain, spiked).enumerated().allSatisfy { $0 == 7 || abs($1.0 - $1.1) < 0.02 })
  }

  /// Bilinear interpolation against its definition in double precision; a picture of its own size stays as it is.
  @Test func resizing() {
    let image = PixelMatrix(rows: 5 * 7, columns: 2)
    for i in 0..<70 { image.pointer[i] = Float((i * 37) % 23) }
    let size = 12
    let found = PredictorImage.resized(image, lines: 5, samples: 7, size: size)
    func value(_ y: Double, _ x: Double, _ band: Int) -> Double {
      let (top, left) = (min(Int(y), 4), min(Int(x), 6))
      func at(_ line: Int, _ sample: Int) -> Double {
        Double(image[min(line, 4) * 7 + min(sample, 6), band])
      }
      let (v, u) = (y - Double(top), x - Double(left))
      return (1 - v) * ((1 - u) * at(top, left) + u * at(top, left + 1)) + v
        * ((1 - u) * at(top + 1, left) + u * at(top + 1, left + 1))
    }
    for line in 0..<size {
      for sample in 0..<size {
        let y = min(max((Double(line) + 0.5) * 5 / 12 - 0.5, 0), 4)
        let x = min(max((Double(sample) + 0.5) * 7 / 12 - 0.5, 0), 6)
        for band in 0..<2 { #expect(abs(Double(found[line * size + sample, band]) - value(y, x, band)) < 1e-5) }
      }
    }
    let same = PixelMatrix(rows: 16, columns: 3, values: (0..<48).map { Float($0 * $0 % 11) })
    #expect(PredictorImage.resized(same, lines: 4, samples: 4, size: 4).values == same.values)
  }

  @Test func windowsAndBands() {
    let shape = CubeShape(lines: 200, samples: 50, bands: 1)
    let windows = PredictorImage.windows(shape, size: 64)
    #expect(windows.map(\.line) == [0, 45, 90, 136] && windows.allSatisfy { $0.lines == 64 && $0.samples == 50 })
    #expect(PredictorImage.windows(CubeShape(lines: 4000, samples: 4000, bands: 1), size: 64).count == 16)
    #expect(PredictorImage.bands(of: 9, to: 3) == [0, 4, 8] && PredictorImage.bands(of: 5, to: 1) == [2])
    for count in [31, 32, 60, 224] {
      let chosen = PredictorImage.bands(of: count, to: 31)
      #expect(chosen.first == 0 && chosen.last == count - 1 && Set(chosen).count == 31 && chosen == chosen.sorted())
    }
  }
}
