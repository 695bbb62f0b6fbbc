import ArgumentParser
import Foundation
import HSIKit

/// `hsi simulate`: data with known truth.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Simulate data with known truth.",
    subcommands: [SimulateSceneCommand.self, SimulateNoiseCommand.self, SimulateLabelsCommand.self])
}

/// `hsi simulate scene`.
struct SimulateSceneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scene",
    abstract: "Simulate a scene with exact abundances and endmembers beside it.",
    discussion: """
      Writes OUT, the exact abundances STEM_abundances, the endmembers STEM_endmembers (.sli, .hdr, .csv) and \
      STEM_truth.json. Spectra are parametric (they resemble materials but are not measurements) unless a library is \
      given. The bytes depend on the options and the seed only.

      Examples:
        hsi simulate scene scene.dat --rows 128 --cols 128 --endmembers 5 --snr 30
        hsi simulate scene scene.tif --rows 100 --cols 100 --endmembers spectra.sli --bad-bands 20 --flag-bad-bands
        hsi simulate scene clean.dat --layout leaves --endmembers 12 --snr none --variability 0
        hsi simulate scene pure.dat --rows 64 --cols 64 --endmembers 4 --snr none --shadow 0 --relief 0 --variability 0
      """)

  @Argument(help: "The scene to write.")
  var destination: String

  @Option(help: "Lines.")
  var rows = 128

  @Option(help: "Samples.")
  var cols = 128

  @Option(help: "Number of parametric endmembers, or a spectral library.")
  var endmembers = "5"

  @Option(help: "Bands of the AVIRIS-like axis of parametric spectra.")
  var bands = 224

  @Option(help: "Signal-to-noise ratio in dB, or none.")
  var snr = "35"

  @Option(help: "Number of badly corrupted channels (dead, stuck, saturated, striped, noisy).")
  var badBands = 0

  @Flag(help: "List corrupted channels as bad in the header too.")
  var flagBadBands = false

  @Option(help: "Largest abundance that occurs, 1 for pure pixels.")
  var purity = 1.0

  @Option(help: "Depth of shadows, 0 to 1.")
  var shadow: Double?

  @Option(help: "Spread of illumination by relief.")
  var relief: Double?

  @Option(help: "Spectral variability.")
  var variability: Double?

  @Option(help: "Typical size of patches in pixels.")
  var patch: Double?

  @Option(
    help:
      "patches: smooth, with mixed seams; leaves: discs and bars of all sizes with textures, as in photographs."
  )
  var layout = SceneRecipe.Layout.patches

  @Option(help: "Strength of the texture of leaves, 0 to 2.")
  var texture: Double?

  @Option(name: .customLong("ot"), help: "Type of the samples: float32, or int16 or uint16 scaled by 10000.")
  var type = "float32"

  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    let simulator = try SceneSimulator(recipe(context), cancellation: context.cancellation)
    guard let sampleType = SampleType(rawValue: type.lowercased()),
      [.float32, .int16, .uint16].contains(sampleType)
    else {
      throw CoreError.invalidParameter(name: "--ot", value: type, requirement: "float32, int16 or uint16")
    }
    let url = URL(fileURLWithPath: destination)
    let suffix = url.pathExtension.isEmpty ? "" : "." + url.pathExtension
    let stem = String(destination.dropLast(suffix.count))
    let truthPath = stem + "_truth.json"
    try OutputFile(truthPath, overwrite: output.overwrite).discard()
    try SpectraOutput.check(stem + "_endmembers.sli", overwrite: output.overwrite, inputs: [])

    var metadata = simulator.metadata
    if sampleType != .float32 {
      let bands = simulator.shape.bands
      metadata.scale = [Double](repeating: 1e-4, count: bands)
      metadata.nodata = [Double?](repeating: sampleType == .int16 ? -32768 : 65535, count: bands)
    }
    let shape = simulator.shape
    let scene = try RasterFormats.create(
      destination, shape: shape, type: sampleType, metadata: metadata,
      options: output.library(interleave: .bsq, inputs: []), context: context)
    try write(simulator, with: ResultWriter(scene, metadata: metadata), "simulating", context)
    let maps = try output.resultWriter(
      stem + "_abundances" + suffix, lines: shape.lines, samples: shape.samples,
      metadata: simulator.abundances.metadata, inputs: [], context)
    try write(simulator.abundances, with: maps, "abundances", context)
    _ = try SpectraOutput.write(
      simulator.endmembers, to: stem + "_endmembers.sli", overwrite: output.overwrite, inputs: [])
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    try OutputFile.write(encoder.encode(simulator.truth), to: truthPath, overwrite: output.overwrite)
  }

  private func recipe(_ context: RunContext) throws -> SceneRecipe {
    let spectra: SpectralLibrary
    if let count = Int(endmembers) {
      guard (2...10_000).contains(bands) else {
        throw CoreError.invalidParameter(name: "--bands", value: "\(bands)", requirement: "from 2 to 10000")
      }
      spectra = try ParametricSpectra.library(
        count: count, axis: .avirisLike(bands: bands), seed: context.seed)
    } else {
      spectra = try SpectralLibraryFile.read(endmembers, context: context)
    }
    var recipe = SceneRecipe(lines: rows, samples: cols, endmembers: spectra)
    if snr == "none" {
      recipe.snr = nil
    } else {
      guard let value = Double(snr), value.isFinite else {
        throw CoreError.invalidParameter(name: "--snr", value: snr, requirement: "a number in dB, or none")
      }
      recipe.snr = value
    }
    recipe.badBands = badBands
    recipe.flagsBadBands = flagBadBands
    recipe.purity = purity
    recipe.shadow = shadow ?? recipe.shadow
    recipe.relief = relief ?? recipe.relief
    recipe.variability = variability ?? recipe.variability
    recipe.patch = patch
    recipe.layout = layout
    recipe.texture = texture ?? recipe.texture
    recipe.seed = context.seed
    return recipe
  }

  private func write(
    _ source: any StripSource, with writer: ResultWriter, _ label: String, _ context: RunContext
  ) throws {
    do {
      try source.forEachStrip(context, label: label) { try writer.write($0.pixels, of: $0) }
      _ = try writer.finish()
    } catch {
      writer.discard()
      throw error
    }
  }
}

extension SceneRecipe.Layout: ExpressibleByArgument {}
