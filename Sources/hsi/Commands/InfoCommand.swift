import ArgumentParser
import HSIKit

/// `hsi info`: what is in a cube, and where each fact comes from.
struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Show size, wavelengths, georeference, nodata and where each fact comes from.",
    discussion: """
      Examples:
        hsi info scene.hdr
        hsi info scene.tif --stats --noise
        hsi info scene.nc --json
        hsi info file.h5//SITE/Reflectance/Reflectance_Data
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Flag(help: "JSON on standard output.")
  var json = false

  @Flag(help: "Read all pixels: valid pixels, and per band minimum, mean, maximum, deviation.")
  var stats = false

  @Flag(help: "Read all pixels: noise per band by inter-band regression.")
  var noise = false

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    let facts = try CubeFacts(
      input.request(scene).open(context), hasStatistics: stats, hasNoise: noise, context)
    try Terminal.output(json ? facts.json() + "\n" : facts.text(spelling: context.spelling))
  }
}
