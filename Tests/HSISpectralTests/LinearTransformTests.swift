import CKernels
import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSISpectral

/// Components against scikit-learn and spectral, the way back, and scenes that have next to nothing.
@Suite(.serialized) struct LinearTransformTests {
  private let fixture = TransformFixture.shared
  private let context = RunContext(threads: 2)

  private func fit(
    _ name: String, _ scene: any StripSource, _ components: Int? = nil, _ values: [String: Double] = [:],
    _ context: RunContext? = nil
  ) throws -> FittedTransform {
    let type = try Transforms.all.entry(name)
    return try type.init(MethodParameters(values, for: type.description)).fit(
      scene, components: components, context ?? self.context)
  }

  @Test func principalComponentsAreThoseOfScikitLearn() throws {
    let linear = try #require(try fit("pca", fixture.cube).linear)
    let unbiased = Double(fixture.lines * fixture.samples) / Double(fixture.lines * fixture.samples - 1)
    for (a, b) in zip(linear.variances, fixture.pcaVariances) { #expect(abs(a * unbiased - b) < 1e-9 * max(b, 1e-3)) }
    for (k, row) in fixture.pcaComponents.enumerated() {
      let own = linear.forward.row(k)
      let sign = zip(own, row).reduce(0) { $0 + $1.0 * $1.1 } < 0 ? -1.0 : 1
      for (a, b) in zip(own, row) { #expect(abs(a - sign * b) < 1e-7) }
      #expect(own.max { abs($0) < abs($1) } ?? 0 > 0)
    }
    let whitened = try #require(try fit("pca", fixture.cube, 4, ["whitened": 1]).linear)
    let result = PixelMatrix(rows: 0, columns: 0)
    whitened.apply(fixture.cube.pixels, into: result)
    for k in 0..<4 {
      let square = (0..<result.rows).reduce(0.0) { $0 + Double(result[$1, k]) * Double(result[$1, k]) }
      #expect(abs(square / Double(result.rows) - 1) < 1e-4)
    }
  }

  @Test func noiseFractionsAreThoseOfSpectral() throws {
    let scene = fixture.cube
    let linear = try #require(try fit("mnf", scene).linear)
    let n = Double(scene.count)
    let pairs = Double((fixture.lines - 1) * (fixture.samples - 1))
    // spectral divides by one less.
    let factor = ((n - 1) / n) / ((pairs - 1) / pairs)
    for (a, b) in zip(linear.variances, fixture.mnfValues) { #expect(abs(a - b * factor) < 1e-6 * b) }
    // The noise of the components is white.
    let noise = try NeighbourNoise(scene, context)
    #expect(noise.pairs == Int(pairs))
    let white = linear.forward.multiplied(by: noise.covariance).multiplied(by: linear.forward, .none, .transposed)
    for i in 0..<white.rows { for j in 0..<white.rows { #expect(abs(white[i, j] - (i == j ? 1 : 0)) < 1e-9) } }
    // Units do not matter.
    let scaled = Cube(
      shape: scene.shape, metadata: scene.metadata,
      pixels: PixelMatrix(rows: scene.count, columns: fixture.bands, values: scene.pixels.values.map { $0 * 8192 }),
      positions: scene.positions)
    let other = try #require(try fit("mnf", scaled).linear)
    for (a, b) in zip(linear.variances, other.variances) { #expect(abs(a - b) < 1e-9 * a) }
    let regression = try #require(try fit("mnf", scene, nil, ["noise": 1]).linear)
    #expect(regression.variances[0] > regression.variances[fixture.bands - 1])
  }

  @Test func independentComponentsFindTheSources() throws {
    let pixels = fixture.mixed.count / 6
    let scene = TransformFixture.cube(pixels / 50, 50, fixture.mixed, SpectralAxis(count: 6))
    let fitted = try fit("ica", scene, 4, ["tolerance": 1e-9, "iterations": 2000])
    let linear = try #require(fitted.linear)
    // Columns of the mixing matrix but for order and sign.
    let reference = (0..<4).map { k in fixture.icaMixing.map { $0[k] } }
    var found = Set<Int>()
    for k in 0..<4 {
      let own = linear.inverse.column(k)
      let angles = reference.map { SpectralDistance.angle(own, $0) }.map { min($0, .pi - $0) }
      let best = angles.indices.min { angles[$0] < angles[$1] } ?? 0
      #expect(angles[best] < 2e-3, "\(angles)")
      found.insert(best)
      #expect(own.max { abs($0) < abs($1) } ?? 0 > 0)
    }
    #expect(found.count == 4)
    let energy = (0..<4).map { k in linear.inverse.column(k).reduce(0) { $0 + $1 * $1 } }
    #expect(energy == energy.sorted(by: >))
    #expect(fitted.summary.contains("4 independent components after"))
    // The same start gives the same bits, another one the same components.
    #expect(try fit("ica", scene, 4, ["tolerance": 1e-9, "iterations": 2000]).linear?.forward == linear.forward)
    var other = RunContext(threads: 2)
    other.seed = 77
    let again = try #require(try fit("ica", scene, 4, ["tolerance": 1e-9, "iterations": 2000], other).linear)
    for (a, b) in zip(again.forward.values, linear.forward.values) { #expect(abs(a - b) < 1e-3) }
    let stopped = RunContext(threads: 2)
    _ = try fit("ica", scene, 4, ["tolerance": 1e-9, "iterations": 1], stopped)
    #expect(stopped.warnings.warnings.map(\.identifier) == ["W-NOT-CONVERGED"])
  }

  @Test(arguments: ["pca", "mnf", "ica"]) func wayBackIsExact(name: String) throws {
    let scene = fixture.cube
    let linear = try #require(try fit(name, scene, fixture.bands).linear)
    #expect(linear.components == fixture.bands)
    let (components, spectra) = (PixelMatrix(rows: 0, columns: 0), PixelMatrix(rows: 0, columns: 0))
    atEveryKernelLevel { level in
      linear.apply(scene.pixels, into: components)
      linear.invert(components, into: spectra)
      let most = zip(scene.pixels.values, spectra.values).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
      #expect(most < 3e-6, "level \(level): \(most)")
    }
    // Products of matrices are the plain ones.
    for k in 0..<linear.components {
      let plain = (0..<fixture.bands).reduce(0.0) {
        $0 + linear.forward[k, $1] * (Double(scene.pixels[7, $1]) - linear.mean[$1])
      }
      #expect(abs(Double(components[7, k]) - plain) < 1e-4 * max(1, abs(plain)))
    }
    // Fewer components: the part of the spectrum in them.
    let few = linear.truncated(to: 3)
    few.apply(scene.pixels, into: components)
    few.invert(components, into: spectra)
    let value = (0..<3).reduce(few.mean[5]) { $0 + few.inverse[5, $1] * Double(components[9, $1]) }
    #expect(components.columns == 3 && abs(Double(spectra[9, 5]) - value) < 1e-6)
  }

  /// Bits do not depend on strips or threads, with holes in the scene.
  @Test(arguments: ["pca", "mnf", "ica"]) func stripsAndThreadsDoNotMatter(name: String) throws {
    let all = fixture.cube
    let kept = (0..<all.count).filter { $0 % 7 != 3 }
    let scene = Cube(
      shape: all.shape, metadata: all.metadata,
      pixels: PixelMatrix(
        rows: kept.count, columns: fixture.bands, values: kept.flatMap { Array(all.pixels.row($0)) }),
      positions: kept.map(Int32.init))
    let reference = try #require(try fit(name, scene, 5).linear)
    for (height, threads) in [(1, 1), (2, 3), (5, 2)] {
      var context = RunContext(threads: threads)
      context.memory = MemoryBudget(bytes: 64 << 20)
      let source = LowStrips(scene, height: height)
      #expect(source.stripLines(context.memory) < fixture.lines)
      let linear = try #require(try fit(name, source, 5, [:], context).linear)
      #expect(linear.forward == reference.forward && linear.inverse == reference.inverse, "\(height) lines")
    }
  }

  /// One line, one sample, one or two pixels, two bands, constant bands, equal bands, fewer pixels than bands.
  @Test func nextToNothing() throws {
    func scene(_ lines: Int, _ samples: Int, _ bands: Int, _ value: (Int, Int) -> Float) -> Cube {
      let axis = SpectralAxis(wavelengths: (0..<bands).map { 500 + 10 * Double($0) })
      let values = (0..<(lines * samples * bands)).map { value($0 / bands, $0 % bands) }
      return TransformFixture.cube(lines, samples, values, axis)
    }
    func noise(_ n: Int, _ b: Int) -> Float {
      var random = CounterRandom(seed: 3, stream: UInt64(n * 1000 + b))
      return Float(random.normal())
    }
    let scenes: [(String, Cube)] = [
      ("one line", scene(1, 40, 5, noise)), ("one sample", scene(40, 1, 5, noise)),
      ("two bands", scene(9, 9, 2, noise)),
      ("one band", scene(9, 9, 1, noise)), ("two pixels", scene(1, 2, 4, noise)), ("one pixel", scene(1, 1, 4, noise)),
      ("constant band", scene(9, 9, 4) { $1 == 2 ? 7 : noise($0, $1) }),
      ("equal bands", scene(9, 9, 4) { noise($0, $1 / 2) }), ("constant", scene(9, 9, 4) { _, _ in 0.25 }),
      ("zeros", scene(9, 9, 4) { _, _ in 0 }), ("fewer pixels than bands", scene(2, 4, 30, noise)),
      (
        "no pixels",
        Cube(
          shape: CubeShape(lines: 3, samples: 3, bands: 4), metadata: scene(3, 3, 4, noise).metadata,
          pixels: PixelMatrix(rows: 0, columns: 4), positions: [])
      ),
    ]
    for (name, cube) in scenes {
      for type in Transforms.all {
        let fitted: FittedTransform
        do {
          fitted = try type.init(MethodParameters([:], for: type.description)).fit(cube, components: nil, context)
        } catch let error as any HSIError {
          #expect(error.category == .input, "\(type.description.id), \(name): \(error)")
          continue
        }
        let result = PixelMatrix(rows: 0, columns: 0)
        _ = fitted.apply(cube.pixels, result)
        #expect(result.columns == fitted.names.count && result.rows == cube.count)
        guard let linear = fitted.linear else { continue }
        #expect(linear.forward.values.allSatisfy(\.isFinite) && linear.inverse.values.allSatisfy(\.isFinite), "\(name)")
        let spectra = PixelMatrix(rows: 0, columns: 0)
        linear.invert(result, into: spectra)
        let most = zip(cube.pixels.values, spectra.values).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        #expect(most < 1e-4, "\(type.description.id), \(name): \(most)")
      }
    }
  }

  @Test func modelsComeBack() throws {
    let scene = fixture.cube
    let linear = try #require(try fit("mnf", scene, 6).linear)
    let model = TransformModel(method: "mnf", transform: linear, axis: scene.metadata.axis, quantity: .reflectance)
    let again = try TransformModel(try model.json(), path: "m.json")
    #expect(again.transform.forward == linear.forward && again.transform.inverse == linear.inverse)
    #expect(again.transform.mean == linear.mean && again.axis == scene.metadata.axis && again.method == "mnf")
    #expect(again.quantity == .reflectance && again.transform.variances == linear.variances)
    let text = String(decoding: try model.json(), as: UTF8.self)
    func problem(_ text: String) -> String {
      do {
        _ = try TransformModel(Data(text.utf8), path: "m.json")
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(problem("").contains("no model of a transform"))
    #expect(problem("[1, 2]").contains("no model of a transform"))
    #expect(problem(String(text.dropLast(40))).contains("no model of a transform"))
    #expect(problem(text.replacing("hsi transform", with: "other")).contains("no model of a transform"))
    #expect(problem(text.replacing("\"version\":1", with: "\"version\":9")).contains("version 9"))
    #expect(problem(text.replacing("\"mean\":[", with: "\"mean\":[0,")).contains("do not fit each other"))
    #expect(problem(text.replacing("\"variances\":[", with: "\"variances\":[1e300,")).contains("do not fit each other"))
    #expect(problem(text.replacing(/"mean":\[[^,]*/, with: "\"mean\":[1e300")).contains("not finite"))
    #expect(throws: SpectralError.self) { try TransformModel(file: "/nonexistent/m.json") }
  }

  @Test func tanhAndItsSlope() {
    atEveryKernelLevel { level in
      for (rows, channels) in [(1, 1), (70, 3), (65, 16), (130, 37)] {
        let values = (0..<(rows * channels)).map { Float(sin(Double($0) * 0.7)) * 6 }
        var own = values
        var slopes = [Double](repeating: -1, count: channels)
        hsi_tanh_rows(&own, rows, channels, &slopes)
        for (a, b) in zip(values, own) { #expect(abs(tanh(Double(a)) - Double(b)) < 3e-7, "level \(level)") }
        for k in 0..<channels {
          let plain = (0..<rows).reduce(0.0) { $0 + 1 - pow(tanh(Double(values[$1 * channels + k])), 2) }
          #expect(abs(plain - slopes[k]) < 1e-6 * Double(rows))
        }
      }
    }
  }
}
