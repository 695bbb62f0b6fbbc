import ArgumentParser
import Foundation
import HSIKit

/// `hsi quicklook`: a colour picture of three bands.
struct QuicklookCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quicklook",
    abstract: "Write a colour picture (PNG with world file) of a scene.",
    discussion: """
      Bands: those given, else the file's own choice, else 650, 550, 470 nm, else 2200, 1650, 850 nm, else three of \
      high variance; a map of classes is shown in its colours. Each is stretched between two percentiles of the valid pixels; no-data pixels are transparent.

      Examples:
        hsi quicklook scene.hdr scene.png
        hsi quicklook scene.hdr scene.png --rgb 650,550,470
        hsi quicklook scene.hdr scene.png --bands 30,20,10 --stretch 0.5,99.5
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The picture (.png).")
  var picture: OutputPath

  @Option(
    name: [.customShort("b"), .customLong("bands")],
    help: "Red, green, blue as 1-based bands, or one band for grey.")
  var bands: String?

  @Option(
    name: [.customLong("wl"), .customLong("rgb")],
    help: "Red, green, blue (or one band) as wavelengths in nm.")
  var wavelengths: String?

  @Option(help: "Lower and upper percentile.")
  var stretch = "2,98"

  @Option(help: "Longest side of the picture in pixels; larger scenes are thinned out.")
  var longestSide = 8192

  @Flag(help: "Replace an existing picture.")
  var overwrite = false

  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = QuicklookJob(scene: try input.request(scene), output: picture.text)
    job.colours = try colours()
    job.stretch = try stretchRange()
    job.longestSide = longestSide
    job.overwrites = overwrite
    _ = try job.run(context)
  }

  private func colours() throws -> QuicklookJob.Colours {
    if let bands {
      return .bands(try numbers(bands, "--bands").map { Int(clamping: max(0, $0)) - 1 })
    }
    guard let wavelengths else { return .automatic }
    let wanted = try numbers(wavelengths, "--wl")
    guard wanted.count == 1 || wanted.count == 3 else {
      throw CoreError.invalidParameter(
        name: "--wl", value: wavelengths, requirement: "one or three wavelengths in nm")
    }
    return .wavelengths(wanted)
  }

  private func stretchRange() throws -> ClosedRange<Double> {
    let values = try numbers(stretch, "--stretch")
    guard values.count == 2, values[0] >= 0, values[1] <= 100, values[0] < values[1] else {
      throw CoreError.invalidParameter(
        name: "--stretch", value: stretch, requirement: "LOW,HIGH within 0 to 100")
    }
    return values[0]...values[1]
  }

  private func numbers(_ text: String, _ option: String) throws -> [Double] {
    let values = text.split(separator: ",").map { Double($0.trimmingCharacters(in: .whitespaces)) }
    guard !values.isEmpty, values.allSatisfy({ $0?.isFinite == true && abs($0!) < 1e9 }) else {
      throw CoreError.invalidParameter(name: option, value: text, requirement: "numbers separated by commas")
    }
    return values.compactMap { $0 }
  }
}
