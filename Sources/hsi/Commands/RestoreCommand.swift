import ArgumentParser
import Foundation
import HSIKit

/// `hsi restore`: fill, sharpen, refine, dehaze, denoise.
struct RestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Fill missing values and dead bands, deblur, refine the grid, remove haze or noise; metadata are kept.",
    discussion: """
      What is wrong follows from the scene (missing values, bands without data, bad columns, what a predictor sees, \
      else noise):
        hsi restore scene.hdr whole.tif
        hsi restore scene.hdr whole.tif --predictor predictor.safetensors
      Values under a mask, and those that are zero:
        hsi restore scene.tif whole.tif --task inpaint --missing clouds.tif --html whole.html
        hsi restore scene.tif whole.tif --task inpaint --missing zero
      Bands that the file lists as bad:
        hsi restore scene.hdr all-bands.dat --task bands
      A grid twice as fine:
        hsi restore scene.tif fine.tif --task superres --scale 2
      The grid and the details of a finer image:
        hsi restore scene.tif fine.tif --task superres --fine pan.tif --method gsa
      A blur that is known, in weights, or estimated:
        hsi restore scene.tif sharp.tif --task deblur --kernel gaussian:9
        hsi restore scene.tif sharp.tif --task deblur --kernel weights.csv
        hsi restore scene.tif sharp.tif --task deblur

      Missing are no-data values, NaN, and what --missing adds. Values that are known and need no repair keep their \
      samples where the method only fills. The output has the numbers of the file as single precision; on another grid \
      it has physical units. With --report, --html or --all some known values are hidden, restored and compared, which \
      tells how far the filled ones can be trusted. Methods and their parameters: hsi methods.
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The restored cube to write (GeoTIFF, or by extension or --of).")
  var destination: OutputPath

  @Option(
    help:
      "What is wrong: auto, denoise, complex (noise), inpaint, bands, deblur, motion, superres, dehaze or poisson.",
    completion: NameCompletion.cases(of: RestorationTask.self))
  var task = "auto"

  @Option(
    name: .shortAndLong, help: "Method by name (default: that of the task).",
    completion: NameCompletion.methods(.denoise, .inpaint, .deblur, .superResolve, .dehaze, .removePhotonNoise))
  var method: String?

  @Option(
    help: "Network instead of a method: mp-hsir, or one of its members for files that do not say what they are.",
    completion: .list(["mp-hsir"] + MPHSIRConfiguration.names))
  var model: String?

  @Option(help: "Weights of a method with a network (default: those that come with hsi).")
  var weights: WeightsPath?

  @Option(
    help: "Weights of the network that says what is wrong, for --task auto (default: those that come with hsi, if any)."
  )
  var predictor: WeightsPath?

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(help: ArgumentHelp("Lines of the result per line of the scene, for superres.", valueName: "2|4|8"))
  var scale: Int?

  @Option(
    help:
      "Finer image of the same area (panchromatic or multispectral) whose details the scene takes: gsa, sfim or cnmf, for superres."
  )
  var fine: InputPath?

  @Option(
    help: ArgumentHelp(
      "Blur to undo, for deblur: gaussian, box or round with a size in pixels, motion with size and angle in degrees, or a text file of weights (default: estimated).",
      valueName: "gaussian:9|motion:15,45|file"))
  var kernel: KernelPath?

  @Option(
    help: ArgumentHelp(
      "Missing values beside those that the file marks: zero, or a raster that is not 0 where they are (one band, or one per band).",
      valueName: "raster|zero|nodata"))
  var missing: MissingPath?

  @Option(
    help: ArgumentHelp(
      "Standard deviation of the noise: a number for all bands, or a file with one per band (default: estimated).",
      valueName: "sigma|file"))
  var noise: InputPath?

  @Option(
    name: [.customShort("b"), .customLong("bands")],
    help: "Bands to process, 1-based, e.g. 1-5,9 (default: all; for denoise the good ones).")
  var bandList: String?

  @Option(name: .customLong("wl"), help: "Wavelengths to process in nm, e.g. 400-900,1000-1300.")
  var wavelengthRanges: String?

  @OptionGroup(title: "Products") var products: RestoreProductOptions
  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    var request = try input.request(scene)
    request.bands = try BandChoice.selection(bands: bandList, wavelengths: wavelengthRanges)
    var job = RestoreJob(scene: request, output: destination.text)
    job.task = try choice("--task", task)
    job.method = try network() ?? method
    if let model, MPHSIRConfiguration.names.contains(model) { job.weights.model = model }
    job.weights.path = weights?.text
    job.predictor = predictor?.text
    job.values = try MethodOptions.values(set)
    if let scale {
      guard scale >= 2 else {
        throw CoreError.invalidParameter(name: "--scale", value: "\(scale)", requirement: "2, 4 or 8")
      }
      job.values["scale"] = Double(scale)
    }
    job.kernel = try kernel.map { try KernelRequest(parsing: $0.text) }
    job.fine = fine?.text
    job.missing = missing.map { MissingRequest(parsing: $0.text) }
    job.noise = try noise.map { try NoiseRequest(parsing: $0.text) }
    job.products = products.request()
    job.writing = try output.writing()
    job.records = map.records(products.reports.records)
    try Terminal.finish(job.run(context), context)
  }

  /// `--model` as a method.
  private func network() throws -> String? {
    guard let model else { return nil }
    guard method == nil else {
      throw CoreError.invalidParameter(name: "--method", value: method ?? "", requirement: "given without --model")
    }
    guard let entry = Restorers.all.entries.first(where: { $0.description.id == model || $0.models.contains(model) }),
      !entry.models.isEmpty
    else {
      throw TransformerError.unknownModel(
        name: model,
        known: Restorers.all.entries.filter { !$0.models.isEmpty }.flatMap { [$0.description.id] + $0.models })
    }
    return entry.description.id
  }
}

/// Which products to write beside the restored cube.
struct RestoreProductOptions: ParsableArguments {
  @Flag(name: .customLong("all"), help: "Write every product beside the restored cube, named after it.")
  var everything = false

  @Option(help: "Pictures before and after: writes BASE_before.png and BASE_after.png, in the same colours.")
  var quicklook: OutputPath?

  @Option(help: "Raster of how many values of every pixel were filled, and how many changed.")
  var flags: OutputPath?

  @OptionGroup var reports: ReportOptions

  /// The same for the job.
  func request() -> RestoreProductRequest {
    var request = RestoreProductRequest()
    request.everything = everything
    request.flags = flags?.text
    request.quicklook = quicklook?.text
    request.reports = reports.places
    return request
  }
}
