import ArgumentParser
import Foundation
import HSIKit

/// `hsi denoise`: noise removal.
struct DenoiseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "denoise",
    abstract: "Remove noise from a scene; metadata are kept, and a report says what was removed.",
    discussion: """
      A method chosen from the noise that is found:
        hsi denoise scene.hdr clean.tif
      A method by name, with parameters:
        hsi denoise scene.tif clean.tif --method hyres --set rank=12
      A trained network:
        hsi denoise scene.tif clean.tif --model hsdt --weights hsdt_s.safetensors

      Bands that are not processed (bad ones, or those that -b or --wl leave out) and no-data pixels keep their \
      samples. Noise levels are per band and in the units of the scene. --all writes every product beside OUT under \
      its name: what was removed, pictures before and after, JSON and HTML reports. Methods and their parameters: hsi \
      methods.
      """)

  @Argument(help: "The cube.")
  var scene: String

  @Argument(help: "The restored cube to write (GeoTIFF, or by extension or --of).")
  var destination: String

  @Option(name: .shortAndLong, help: "Method without training, or auto to choose one by the noise.")
  var method: String?

  @Option(help: "Network: hsdt, or hsdt-s, hsdt-m, hsdt-l for checkpoints that do not say.")
  var model: String?

  @Option(help: "Weights of the network: .safetensors, .pth or .pt (default: those that come with hsi).")
  var weights: String?

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(
    help: ArgumentHelp(
      "Standard deviation of the noise: a number for all bands, or a file with one per band (default: estimated).",
      valueName: "sigma|file"))
  var noise: String?

  @Option(
    name: [.customShort("b"), .customLong("bands")],
    help: "Bands to process, 1-based, e.g. 1-5,9 (default: the good ones).")
  var bandList: String?

  @Option(name: .customLong("wl"), help: "Wavelengths to process in nm, e.g. 400-900,1000-1300.")
  var wavelengthRanges: String?

  @Flag(help: "Leave out bands that are not processed, rather than copy them.")
  var dropBad = false

  @Option(help: "Type of the samples: float32, or same as in the scene (rounded and clipped).")
  var ot = "float32"

  @OptionGroup(title: "Products") var products: DenoiseProductOptions
  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var bands = InputOptions(scene: input)
    bands.bandList = bandList
    bands.wavelengthRanges = wavelengthRanges
    guard ["float32", "same"].contains(ot.lowercased()) else {
      throw CoreError.invalidParameter(name: "--ot", value: ot, requirement: "float32 or same")
    }
    let job = DenoiseJob(
      request: try request(), scenePath: scene, outputPath: destination, noise: noise, dropsBad: dropBad,
      keepsType: ot.lowercased() == "same", input: bands, output: output, products: products, map: map,
      context: context
    )
    try job.run()
  }

  private func request() throws -> DenoiseRequest {
    let values = try MethodOptions.values(set)
    let isNetwork = method.map { NetworkDenoising.names.contains($0.lowercased()) } ?? false
    if let method, !isNetwork {
      guard model == nil, weights == nil else {
        throw CoreError.invalidParameter(
          name: "--method", value: method, requirement: "given without --model and --weights")
      }
      if method.lowercased() == "auto" { return try automatic(values) }
      return DenoiseRequest(kind: .classical(method), values: values)
    }
    if isNetwork || model != nil || weights != nil {
      let name = (model ?? method ?? "hsdt").lowercased()
      guard NetworkDenoising.names.contains(name) else {
        throw TransformerError.unknownModel(name: name, known: NetworkDenoising.names)
      }
      return DenoiseRequest(kind: .network(name, weights: weights), values: values)
    }
    return try automatic(values)
  }

  private func automatic(_ values: [String: Double]) throws -> DenoiseRequest {
    guard values.isEmpty else {
      throw CoreError.invalidParameter(
        name: "--set", value: set.joined(separator: " "), requirement: "used with --method or --model")
    }
    return DenoiseRequest(kind: .automatic, values: values)
  }
}

/// What a user asked `hsi denoise` to do.
struct DenoiseRequest {
  enum Kind {
    /// The method follows from the noise.
    case automatic
    /// A method that needs no training.
    case classical(String)
    /// A network, with a file of weights or the bundled ones.
    case network(String, weights: String?)
  }

  var kind: Kind
  var values: [String: Double]
}

/// Which products to write beside the restored cube.
struct DenoiseProductOptions: ParsableArguments {
  @Flag(name: .customLong("all"), help: "Write every product beside the restored cube, named after it.")
  var everything = false

  @Option(help: "What was removed, before less after, in the units of the scene.")
  var residual: String?

  @Option(help: "Pictures before and after: writes BASE_before.png and BASE_after.png, in the same colours.")
  var quicklook: String?

  @Option(help: "JSON report; - for standard output.")
  var report: String?

  @Option(help: "Self-contained HTML report.")
  var html: String?

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  @Flag(help: "Record the SHA-256 of all data that are read, not of headers only.")
  var hash = false
}
