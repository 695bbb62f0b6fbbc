import ArgumentParser
import Foundation
import HSIKit

/// `hsi simulate noise`: a scene with noise of a known model.
struct SimulateNoiseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "noise",
    abstract: "Add noise of a known model to a scene; metadata are kept.",
    discussion: """
      Sigma is on the 0-255 scale: 51 is a fifth of the range of the data, which is from the smallest to the largest \
      value of the scene unless --range gives it. Stripes, dead lines and impulses hit a third of the bands each and \
      come after Gaussian noise that differs from band to band (noniid); mixture has all three in disjoint bands. Bad \
      bands and no-data pixels stay as they are. What was drawn is in OUT.prov.json.

      Examples:
        hsi simulate noise scene.dat noisy.tif --sigma 50 --seed 1
        hsi simulate noise scene.dat noisy.tif --kind mixture --seed 1
        hsi simulate noise scene.dat noisy.tif --kind noniid --sigma 5,10,20
        hsi simulate noise scene.dat noisy.tif --kind blind --sigma 10,70 --range 0,1
      """)

  @Argument(help: "The scene.")
  var scene: String

  @Argument(help: "The noisy scene to write (float32).")
  var destination: String

  @Option(help: "Model: gaussian, blind, noniid, stripe, deadline, impulse or mixture.")
  var kind = "gaussian"

  @Option(
    help: ArgumentHelp(
      "Sigma: a number (gaussian, 50), LOWEST,HIGHEST (blind, 10,70) or a list from which bands draw (10,30,50,70).",
      valueName: "numbers"))
  var sigma: String?

  @Option(help: "Values that stand for 0 and 1: minmax of the scene, or LOW,HIGH.")
  var range = "minmax"

  @Flag(help: "Limit the result to the range.")
  var clip = false

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var provenance = Provenance(version: Version.number, libraries: Libraries.versions, context: context)
    let model = try noiseModel()
    let given = try RangeOption.parse(range)
    let reader = try input.open(scene, context)
    let source = try InputOptions(scene: input).source(reader, bands: .all, context)
    provenance.addInputs(reader.files)
    let record = noProv || destination.hasPrefix("/vsi") ? nil : destination + ".prov.json"
    let writer = try output.resultWriter(
      destination, lines: source.shape.lines, samples: source.shape.samples, metadata: source.metadata,
      interleave: reader.interleave, inputs: reader.files, context)
    do {
      let active = source.metadata.axis.good
      let good = active.indices.filter { active[$0] }
      let range = try given ?? extent(of: source, bands: good, context)
      let noise = NoiseRealisation(
        model, bands: source.shape.bands, samples: source.shape.samples, seed: context.seed, active: active)
      warnIfSmall(noise, bands: good.count, context)
      var count = 0
      try source.forEachStrip(context, label: "adding noise") { strip in
        noise.add(to: strip, range: range, clips: clip)
        count += strip.count
        try writer.write(strip.pixels, of: strip)
      }
      guard count > 0 else { throw RestorationError.tooFewPixels(purpose: "adding noise") }
      _ = try writer.finish()
      provenance.options.merge(NoiseModel.Drawn(noise, range: range, clips: clip).facts) { $1 }
    } catch {
      writer.discard()
      throw error
    }
    provenance.finish(context)
    if let record {
      try OutputFile.write(provenance.json(), to: record, overwrite: true, inputs: reader.files)
    }
  }

  private func noiseModel() throws -> NoiseModel {
    guard let kind = NoiseModel.Kind(rawValue: kind) else {
      throw CoreError.invalidParameter(
        name: "--kind", value: kind,
        requirement: "one of " + NoiseModel.Kind.allCases.map(\.rawValue).joined(separator: ", "))
    }
    guard let sigma else { return try NoiseModel(kind) }
    let parts = sigma.split(separator: ",", omittingEmptySubsequences: false)
    let values = parts.compactMap { Double($0) }
    guard values.count == parts.count else {
      throw CoreError.invalidParameter(
        name: "--sigma", value: sigma, requirement: "a number or numbers with commas")
    }
    return try NoiseModel(kind, sigmas: values)
  }

  private func extent(of source: FileSource, bands: [Int], _ context: RunContext) throws -> DataRange {
    var extent = DataRange.Accumulator()
    try source.forEachStrip(context, label: "range of values") { extent.add($0.pixels, bands: bands) }
    let range = try extent.range()
    context.logger.info("range of values \(range.low) to \(range.high) (source: the scene)")
    return range
  }

  /// Stripes and the like need three bands and some width.
  private func warnIfSmall(_ noise: NoiseRealisation, bands: Int, _ context: RunContext) {
    guard ![.gaussian, .blind, .noniid].contains(noise.model.kind) else { return }
    if bands < 3 {
      context.warn("W-NOISE-SMALL", "\(scene): of \(bands) good bands none is hit by \(kind) noise")
    } else if noise.samples < 20, noise.model.kind != .impulse {
      context.warn(
        "W-NOISE-SMALL", "\(scene): \(noise.samples) samples are few for \(kind) noise, meant for 20 or more")
    }
  }
}
