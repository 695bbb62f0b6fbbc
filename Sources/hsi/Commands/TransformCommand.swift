import ArgumentParser
import HSIKit

/// `hsi transform`.
struct TransformCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transform",
    abstract: "Components, continuum removal, derivatives and scaling of spectra, and the way back from components.",
    discussion: """
      Components, kept for the way back:
        hsi transform scene.hdr mnf.tif --method mnf --components 20 --save mnf.json
        hsi transform mnf.tif smooth.tif --inverse mnf.json
      Spectra without continuum, and the features of two absorptions:
        hsi transform scene.hdr removed.tif --method continuum --wl 2000-2450
        hsi transform scene.hdr clay.tif --features 2100-2250,2250-2400
      Derivatives, and spectra of one length:
        hsi transform scene.hdr slope.tif --method savgol --set derivative=1
        hsi transform scene.hdr unit.tif --method normalise

      Components come in an order and with signs that do not change: by variance (pca), signal over noise (mnf) or share of \
      the variance (ica). Features are depth, position, width, asymmetry and area, five bands each. Methods and their \
      parameters: hsi methods.
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The raster to write (float32; GeoTIFF, or by extension or --of).")
  var destination: OutputPath

  @Option(name: .shortAndLong, help: "What is done.", completion: NameCompletion.methods(.transform))
  var method: String?

  @Option(help: "Most components (default: all; 10 with ica).")
  var components: Int?

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(help: ArgumentHelp("Absorption features within these limits in nm.", valueName: "low-high,…"))
  var features: String?

  @Option(help: ArgumentHelp("Make spectra of components, by a file of --save.", valueName: "model.json"))
  var inverse: WeightsPath?

  @Option(help: ArgumentHelp("Leave the fitted components in a file, for --inverse.", valueName: "model.json"))
  var save: OutputPath?

  @Option(help: "Statistics of the whole scene (hsi statistics), in place of a look at it (pca, mnf).")
  var statistics: WeightsPath?

  @OptionGroup(title: "Records") var records: RecordOptions
  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = TransformJob(scene: try input.request(scene), output: destination.text, try work())
    job.values = try MethodOptions.values(set)
    if let components, components < 1 {
      throw CoreError.invalidParameter(name: "--components", value: "\(components)", requirement: "a number from 1")
    }
    job.components = components
    job.model = save?.text
    job.statistics = statistics?.text
    job.writing = try output.writing()
    job.records = map.records(records)
    try Terminal.finish(job.run(context), context)
  }

  private func work() throws -> TransformJob.Work {
    let given = [method != nil, features != nil, inverse != nil].filter { $0 }.count
    guard given == 1 else {
      throw CoreError.invalidParameter(
        name: "what to do", value: given == 0 ? "not given" : "given \(given) times",
        requirement: "one of --method, --features, --inverse")
    }
    if let method { return .method(method) }
    if let inverse { return .inverse(inverse.text) }
    guard case .wavelengths(let ranges) = try BandSelection.parse(wavelengths: features ?? "") else {
      return .features([])
    }
    return .features(ranges)
  }
}
