import ArgumentParser
import HSIKit

/// `hsi detect`.
struct DetectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detect",
    abstract: "Find a material, a gas, or what is unlike the rest of a scene: scores, a threshold and a report.",
    discussion: """
      A known spectrum, or pixels of the scene that hold it:
        hsi detect scene.tif score.tif --target tarpaulin.csv --cfar 1e-4
        hsi detect scene.hdr score.tif --target-pixels 120,40 --method mf
        hsi detect scene.tif score.tif --target-pixels roofs.geojson --all
      What is unlike the rest:
        hsi detect scene.tif score.tif --anomaly --method local-rx
      A scene with stripes, every four columns with a background of their own:
        hsi detect scene.tif score.tif --target tarpaulin.csv --column-group 4
      A plume, by the absorption of its gas:
        hsi detect scene.tif plume.tif --absorption ch4.csv --columns --wl 2110-2450

      Every spectrum of --target gets a band. --cfar fits the tail of the scores and writes STEM_detections.tif: the \
      pixels beyond the score that this share of the background exceeds. With --truth the report has ROC and AUC. Methods \
      and their parameters: hsi methods.
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The scores to write (float32).")
  var scores: OutputPath

  @Option(help: "Spectra to look for: .sli, CSV or text spectra.")
  var target: InputPath?

  @Option(
    help: ArgumentHelp(
      "Pixels that hold the target, sample and line from 0 (repeatable: their mean), or a file of polygons.",
      valueName: "x,y|file"))
  var targetPixels: [PlacesPath] = []

  @Flag(help: "Look for what is unlike the rest of the scene.")
  var anomaly = false

  @Option(help: "Absorption of a gas per unit of enhancement: wavelengths and values.")
  var absorption: InputPath?

  @Flag(name: .customLong("log"), help: "Look for the gas in the logarithm of the radiance, for strong plumes.")
  var logarithm = false

  @Flag(help: "Every column of a push-broom detector has a background of its own.")
  var columns = false

  @Option(
    help: ArgumentHelp(
      "Neighbouring columns that share a background (default: all; 1 with --columns).", valueName: "count"))
  var columnGroup: Int?

  @Option(
    help: ArgumentHelp(
      "Multiply the spectra by this first: 10000 where the scene holds 0 to 10000 and they 0 to 1.",
      valueName: "factor"))
  var spectraScale: Double?

  @Option(
    name: .shortAndLong, help: "Method (default: ace; rx with --anomaly).",
    completion: NameCompletion.methods(.target, .anomaly))
  var method: String?

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(
    help: ArgumentHelp(
      "Call pixels detections whose score this share of the background exceeds, at most 0.05.", valueName: "rate"))
  var cfar: Double?

  @Option(help: "Where targets are: a raster, 0 is background, or polygons with --attribute.")
  var truth: InputPath?

  @Option(help: "Statistics of the whole scene (hsi statistics), in place of a look at its background.")
  var statistics: WeightsPath?

  @OptionGroup(title: "Truth") var labels: LabelOptions
  @OptionGroup(title: "Products") var products: DetectProductOptions
  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    var request = DetectRequest(try wanted())
    request.method = method
    request.values = try MethodOptions.values(set)
    if let spectraScale {
      guard target != nil else {
        throw CoreError.invalidParameter(
          name: "--spectra-scale", value: "\(spectraScale)", requirement: "used with --target")
      }
      request.spectraScale = spectraScale
    }
    if logarithm, absorption == nil {
      throw CoreError.invalidParameter(name: "--log", value: "given", requirement: "used with --absorption")
    }
    request.isLogarithmic = logarithm
    request.columnGroup = columnGroup ?? (columns ? 1 : nil)
    if let detections = products.detections, cfar == nil {
      throw CoreError.invalidParameter(
        name: "--detections", value: detections.text, requirement: "used with --cfar")
    }
    var job = DetectJob(scene: try input.request(scene), output: scores.text, request)
    job.falseAlarmRate = cfar
    job.statistics = statistics?.text
    job.truth = try truth.map { try labels.request($0) }
    job.products = products.request()
    job.writing = try output.writing()
    job.records = map.records(products.reports.records)
    try Terminal.finish(job.run(context), context)
  }

  private func wanted() throws -> DetectRequest.Wanted {
    let given = [target != nil, !targetPixels.isEmpty, anomaly, absorption != nil].count { $0 }
    guard given == 1 else {
      throw CoreError.invalidParameter(
        name: "what to look for", value: given == 0 ? "not given" : "given more than once",
        requirement: "one of --target, --target-pixels, --anomaly, --absorption")
    }
    if let target { return .spectra(target.text) }
    if let absorption { return .gas(absorption.text) }
    if anomaly { return .anomalies }
    if targetPixels.count == 1, let file = targetPixels[0].file {
      return .pixels(.polygons(file, attribute: truth == nil ? labels.attribute : nil))
    }
    return .pixels(
      .pixels(
        try targetPixels.map { place in
          guard let pixel = place.pixel else {
            throw CoreError.invalidParameter(
              name: "--target-pixels", value: place.text, requirement: "SAMPLE,LINE from 0, or one file of polygons")
          }
          return pixel
        }))
  }
}

/// Which products to write beside the scores.
struct DetectProductOptions: ParsableArguments {
  @Flag(name: .customLong("all"), help: "Write every product beside the scores, named after them.")
  var everything = false

  @Option(help: "Map of the detections (default with --cfar: STEM_detections.tif).")
  var detections: OutputPath?

  @Option(help: "Picture of the scores (.png).")
  var quicklook: OutputPath?

  @OptionGroup var reports: ReportOptions

  /// The same for the job.
  func request() -> DetectProductRequest {
    var request = DetectProductRequest()
    request.everything = everything
    request.detections = detections?.text
    request.quicklook = quicklook?.text
    request.reports = reports.places
    return request
  }
}
