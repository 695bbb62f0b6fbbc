import ArgumentParser
import Foundation
import HSIKit

/// `hsi unmix`: the main job.
struct UnmixCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unmix",
    abstract: "Unmix a scene: abundances, endmembers, guidance map, channel quality, pictures and a report.",
    discussion: """
      Blind (endmembers unknown), with a number of endmembers or its estimate:
        hsi unmix scene.hdr abundances.tif --count 4
        hsi unmix scene.hdr abundances.tif --count auto --library usgs.sli
      Known endmembers:
        hsi unmix scene.tif abundances.tif --endmembers spectra.sli --method fcls
      Sparse, on a library of many spectra:
        hsi unmix scene.tif abundances.tif --library usgs.sli --set lambda=0.01
      Mixtures of single spectra of a library with classes:
        hsi unmix scene.tif abundances.tif --library roofs.sli --method mesma --classes level_2
      Endmembers from the scene, then least squares:
        hsi unmix scene.tif abundances.tif --count 4 --method fcls --extract vca

      --all writes every product beside ABUNDANCES under its name: endmembers, guidance map, residual, channel \
      quality, pictures, JSON and HTML reports. Methods and their parameters: hsi methods.
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "Abundance maps to write, one band per endmember (GeoTIFF, or ENVI by extension or --of).")
  var abundances: OutputPath

  @Option(name: [.customShort("n"), .long], help: "Number of endmembers, or auto.")
  var count: String?

  @Option(help: "Known endmembers: .sli, CSV or text spectra.")
  var endmembers: InputPath?

  @Option(
    help: "Spectral library: to unmix on (without --count), or to name blind endmembers by (with --count).")
  var library: InputPath?

  @Option(
    help: ArgumentHelp(
      "Multiply known endmembers or the library by this first: 10000 where the scene holds 0 to 10000 and they 0 to 1.",
      valueName: "factor"))
  var spectraScale: Double?

  @Option(
    name: .shortAndLong, help: "Method (default: auto, fcls with --endmembers, sunsal with --library).",
    completion: NameCompletion.methods(.abundance, .sparse, .blind))
  var method: String?

  @Option(
    help: "Extractor of endmembers when an abundance method is used with --count.",
    completion: NameCompletion.methods(.extract))
  var extract = "vca"

  @Option(help: "How --count auto counts: held-back, hysime, hfc or nwhfc.", completion: NameCompletion.methods(.count))
  var countMethod = "held-back"

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Flag(
    inversion: .prefixedNo,
    help:
      "Divide every pixel by its length over the good bands first (scenes with shadow or relief; blind only). Default: as brightness varies with the method auto, otherwise not."
  )
  var normalise: Bool?

  @Option(
    help: ArgumentHelp(
      """
      Standard deviations of the abundances: residual (noise from each pixel's residual), estimated (noise of the scene's bands), a \
      file with one σ per band, or bootstrap:N (mesma: members of the classes drawn again).
      """,
      valueName: "residual|estimated|file|bootstrap:n"))
  var uncertainty: WordOrFilePath?

  @Flag(help: "Do not leave out channels that the others cannot predict (counting and plain extraction).")
  var keepBadChannels = false

  @OptionGroup(title: "Library of classes") var mixture: MixtureOptions
  @OptionGroup(title: "Products") var products: ProductOptions
  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = UnmixJob(scene: try input.request(scene), output: abundances.text, method: try request())
    job.products = try products.request()
    job.writing = try output.writing()
    job.records = map.records(products.reports.records)
    try Terminal.finish(job.run(context), context)
  }

  private func request() throws -> UnmixMethodRequest {
    var values = try MethodOptions.values(set)
    if let level = mixture.maxLevel { values["max_level"] = Double(level) }
    var request = UnmixMethodRequest(try source(), method: method, values: values)
    try mixture.apply(to: &request)
    request.uncertainty = try uncertainty.map { try UncertaintyRequest(parsing: $0.text) }
    request.keepsBadChannels = keepBadChannels
    if let spectraScale {
      guard endmembers != nil || (library != nil && count == nil) else {
        throw CoreError.invalidParameter(
          name: "--spectra-scale", value: "\(spectraScale)",
          requirement: "used with --endmembers, or with --library to unmix on")
      }
      request.spectraScale = spectraScale
    }
    return request
  }

  private func source() throws -> UnmixMethodRequest.Endmembers {
    if let endmembers {
      guard count == nil, library == nil else {
        throw CoreError.invalidParameter(
          name: "--endmembers", value: endmembers.text, requirement: "given without --count and --library")
      }
      return .known(endmembers.text)
    }
    if let count {
      var blind = UnmixMethodRequest.Blind(count: try EndmemberCount.parse(count, least: 2))
      blind.counter = countMethod
      blind.extractor = extract
      blind.naming = library?.text
      blind.usesUnitLength = normalise
      return .blind(blind)
    }
    guard let library else {
      throw CoreError.invalidParameter(
        name: "what to unmix with", value: "not given", requirement: "one of --count, --endmembers, --library"
      )
    }
    return .library(library.text)
  }
}

/// What mixture models need beside a library.
struct MixtureOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Classes of the spectra: a column of the table beside the library (LIB.csv of LIB.sli), a table of names and classes, or name \
      (the letters that the names begin with).
      """,
      valueName: "column|file[:column]|name"))
  var classes: WordOrFilePath?

  @Option(
    help: ArgumentHelp("Most endmembers in a model, shade included (default: 3).", valueName: "level"))
  var maxLevel: Int?

  @Option(
    help: ArgumentHelp(
      "Shade: photometric (zero, default), or a file with one spectrum.", valueName: "photometric|file"))
  var shade: WordOrFilePath?

  /// Hands them to a request of a method that takes them.
  func apply(to request: inout UnmixMethodRequest) throws {
    let isMixture = UnmixingMethods.classMixture.find(request.method) != nil
    if !isMixture {
      for (name, value) in [
        ("--classes", classes?.text), ("--max-level", maxLevel.map(String.init)), ("--shade", shade?.text),
      ] {
        guard let value else { continue }
        throw CoreError.invalidParameter(name: name, value: value, requirement: "used with --method mesma")
      }
    }
    request.classes = classes?.text
    request.shade = shade?.text == "photometric" ? nil : shade?.text
  }
}

/// `--count`: a number, or auto.
enum EndmemberCount {
  /// The number; nil for auto.
  static func parse(_ text: String, least: Int) throws -> Int? {
    if text == "auto" { return nil }
    guard let value = Int(text), value >= least else {
      throw CoreError.invalidParameter(
        name: "--count", value: text, requirement: "a number from \(least), or auto")
    }
    return value
  }
}

/// Which products to write beside the abundances.
struct ProductOptions: ParsableArguments {
  @Flag(name: .customLong("all"), help: "Write every product beside the abundances, named after them.")
  var everything = false

  @Option(
    help: "Endmembers: writes BASE.sli, BASE.hdr and BASE.csv (default for found ones: STEM_endmembers).")
  var endmembersOut: OutputPath?

  @Option(help: "Guidance map of methods that learn one.")
  var guidance: OutputPath?

  @Option(help: "Root-mean-square residual per pixel.")
  var residual: OutputPath?

  @Option(help: "Residual spectra: the bands used, less what the endmembers explain.")
  var residualSpectra: OutputPath?

  @Option(help: "Channel quality of methods that learn it (.csv or .json).")
  var channelQuality: OutputPath?

  @Option(help: "Standard deviations, with --uncertainty (default: STEM_sigma).")
  var sigmaOut: OutputPath?

  @Option(help: "Fraction of shade (mesma).")
  var shadeOut: OutputPath?

  @Option(help: "Number of each pixel's model, and its spectra (mesma).")
  var modelOut: OutputPath?

  @Option(help: "The models by number (mesma; .csv).")
  var modelTable: OutputPath?

  @Option(help: "Abundances divided by their sum, without shade (mesma).")
  var normalised: OutputPath?

  @Option(help: "Colour picture of the scene (.png).")
  var quicklook: OutputPath?

  @Option(help: "Colour composite of the abundances (.png).")
  var composite: OutputPath?

  @Option(
    help: "Extra bands in the abundance file: rmse, sum, shade (1 − sum); comma-separated.",
    completion: .list(["rmse", "sum", "shade"]))
  var add: String?

  @OptionGroup var reports: ReportOptions

  /// The same for the job.
  func request() throws -> UnmixProductRequest {
    var request = UnmixProductRequest()
    request.everything = everything
    request.endmembers = endmembersOut?.text
    request.guidance = guidance?.text
    request.residual = residual?.text
    request.residualSpectra = residualSpectra?.text
    request.channelQuality = channelQuality?.text
    request.sigma = sigmaOut?.text
    request.shade = shadeOut?.text
    request.model = modelOut?.text
    request.modelTable = modelTable?.text
    request.normalised = normalised?.text
    request.quicklook = quicklook?.text
    request.composite = composite?.text
    request.extraBands = try (add ?? "").split(separator: ",").map { try choice("--add", String($0)) }
    request.reports = reports.places
    return request
  }
}
