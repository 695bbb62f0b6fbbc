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
  var scene: InputPath

  @Argument(help: "The restored cube to write (GeoTIFF, or by extension or --of).")
  var destination: OutputPath

  @Option(
    name: .shortAndLong, help: "Method without training, or auto to choose one by the noise.",
    completion: NameCompletion.methods(.denoise, also: ["auto"]))
  var method: String?

  @Option(
    help: "Network: hsdt, or hsdt-s, hsdt-m, hsdt-l for checkpoints that do not say.",
    completion: .list(["hsdt"] + HSDTConfiguration.names.filter { $0 != "hsdt-pnp" }))
  var model: String?

  @Option(help: "Weights of the network: .safetensors, .pth or .pt (default: those that come with hsi).")
  var weights: WeightsPath?

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(
    help: ArgumentHelp(
      "Standard deviation of the noise: a number for all bands, or a file with one per band (default: estimated).",
      valueName: "sigma|file"))
  var noise: InputPath?

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
    var request = try input.request(scene)
    request.bands = try BandChoice.selection(bands: bandList, wavelengths: wavelengthRanges)
    guard ["float32", "same"].contains(ot.lowercased()) else {
      throw CoreError.invalidParameter(name: "--ot", value: ot, requirement: "float32 or same")
    }
    var job = DenoiseJob(scene: request, output: destination.text)
    job.method = try DenoiseMethodRequest(
      method: method, model: model, weights: weights?.text, values: MethodOptions.values(set))
    job.noise = try noise.map { try NoiseRequest(parsing: $0.text) }
    job.dropsBad = dropBad
    job.keepsType = ot.lowercased() == "same"
    job.products = products.request()
    job.writing = try output.writing()
    job.records = map.records(products.reports.records)
    try Terminal.finish(job.run(context), context)
  }
}

/// Which products to write beside the restored cube.
struct DenoiseProductOptions: ParsableArguments {
  @Flag(name: .customLong("all"), help: "Write every product beside the restored cube, named after it.")
  var everything = false

  @Option(help: "What was removed, before less after, in the units of the scene.")
  var residual: OutputPath?

  @Option(help: "Pictures before and after: writes BASE_before.png and BASE_after.png, in the same colours.")
  var quicklook: OutputPath?

  @OptionGroup var reports: ReportOptions

  /// The same for the job.
  func request() -> DenoiseProductRequest {
    var request = DenoiseProductRequest()
    request.everything = everything
    request.residual = residual?.text
    request.quicklook = quicklook?.text
    request.reports = reports.places
    return request
  }
}
