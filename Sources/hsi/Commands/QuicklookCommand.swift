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
      high variance. Each is stretched between two percentiles of the valid pixels; no-data pixels are transparent.

      Examples:
        hsi quicklook scene.hdr scene.png
        hsi quicklook scene.hdr scene.png --rgb 650,550,470
        hsi quicklook scene.hdr scene.png --bands 30,20,10 --stretch 0.5,99.5
      """)

  @Argument(help: "The cube.")
  var scene: String

  @Argument(help: "The picture (.png).")
  var picture: String

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
    guard picture.lowercased().hasSuffix(".png") else {
      throw CoreError.invalidParameter(
        name: "the picture", value: picture, requirement: "a name that ends in .png")
    }
    guard longestSide >= 1 else {
      throw CoreError.invalidParameter(
        name: "--longest-side", value: "\(longestSide)", requirement: "at least 1")
    }
    let percentiles = try stretchRange()
    let reader = try input.open(scene, context)
    try OutputFile(picture, overwrite: overwrite, inputs: reader.files).discard()
    let all = InputOptions(scene: input)
    let choice = try explicitBands(reader) ?? SceneColours.choose(reader, input: all, context: context)
    let source = try all.source(reader, bands: .list(choice.bands), context)
    let image = try Quicklook.render(source, stretch: percentiles, longestSide: longestSide, context)
    guard stride(from: 3, to: image.pixels.count, by: 4).contains(where: { image.pixels[$0] > 0 }) else {
      throw UnmixingError.tooFewPixels(valid: 0, needed: 1, purpose: "a picture")
    }
    let step = max(1, (source.shape.samples + image.width - 1) / image.width)
    context.logger.info("shown: \(SceneColours.caption(choice, reader.metadata)) (\(choice.reason))")
    _ = try PNG.write(
      image, to: picture, georeference: source.metadata.georeference, step: step, overwrite: overwrite,
      inputs: reader.files)
  }

  private func explicitBands(_ reader: any CubeReader) throws -> Quicklook.BandChoice? {
    if let bands {
      let list = try numbers(bands, "--bands").map { Int($0) }
      guard list.count == 1 || list.count == 3, list.allSatisfy({ (1...reader.shape.bands).contains($0) })
      else {
        throw CoreError.invalidParameter(
          name: "--bands", value: bands, requirement: "one or three bands from 1 to \(reader.shape.bands)")
      }
      return Quicklook.BandChoice(bands: list.map { $0 - 1 }, reason: "user")
    }
    guard let wavelengths else { return nil }
    let wanted = try numbers(wavelengths, "--wl")
    guard wanted.count == 1 || wanted.count == 3 else {
      throw CoreError.invalidParameter(
        name: "--wl", value: wavelengths, requirement: "one or three wavelengths in nm")
    }
    guard let list = Quicklook.nearest(wanted, in: reader.metadata.axis, within: .infinity) else {
      throw RasterError.inconsistent(
        path: scene, reason: "the file has no wavelengths",
        advice: "give --wavelengths, or choose with --bands")
    }
    return Quicklook.BandChoice(bands: list, reason: "user")
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
