import ArgumentParser
import HSIKit

/// `hsi simulate`: data with known truth.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Simulate data with known truth.",
    subcommands: [
      SimulateSceneCommand.self, SimulateNoiseCommand.self, SimulateDegradeCommand.self,
      SimulateLabelsCommand.self,
    ])
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
  var destination: OutputPath

  @Option(help: "Lines.")
  var rows = 128

  @Option(help: "Samples.")
  var cols = 128

  @Option(help: "Number of parametric endmembers, or a spectral library.")
  var endmembers = InputPath(argument: "5")

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
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = SimulateSceneJob(recipe: try recipe(context), output: destination.text)
    guard let sampleType = SampleType(rawValue: type.lowercased()) else {
      throw CoreError.invalidParameter(name: "--ot", value: type, requirement: "float32, int16 or uint16")
    }
    job.type = sampleType
    if Int(endmembers.text) == nil { job.sources = [endmembers.text] }
    job.writing = try output.writing()
    _ = try job.run(context)
  }

  private func recipe(_ context: RunContext) throws -> SceneRecipe {
    let spectra: SpectralLibrary
    if let count = Int(endmembers.text) {
      guard (2...10_000).contains(bands) else {
        throw CoreError.invalidParameter(name: "--bands", value: "\(bands)", requirement: "from 2 to 10000")
      }
      spectra = try ParametricSpectra.library(
        count: count, axis: .avirisLike(bands: bands), seed: context.seed)
    } else {
      spectra = try SpectralLibraryFile.read(endmembers.text, context: context)
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
}

extension SceneRecipe.Layout: ExpressibleByArgument {}
