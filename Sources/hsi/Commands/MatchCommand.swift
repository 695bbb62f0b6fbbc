import ArgumentParser
import HSIKit

/// `hsi match`.
struct MatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "match",
    abstract: "Find for every pixel the spectrum of a library that it is most like: a map of minerals, and a report.",
    discussion: """
      By absorption features (minerals), or by the whole spectrum:
        hsi match scene.hdr minerals.tif --library usgs.sli --all
        hsi match scene.tif map.tif --library lib.csv --method sam --set limit=0.08
        hsi match scene.hdr clays.tif --library usgs.sli --select kaol --wl 2000-2400

      Values are the numbers of the spectra in the library, 0 where none is near enough (--set limit=). Spectra are \
      brought to the bands of the scene first. Prints the spectra that were found. Methods and their parameters: hsi \
      methods.
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The map to write.")
  var map: OutputPath

  @Option(help: "Spectra to compare with: .sli, CSV or text spectra, or a folder of them.")
  var library: InputPath

  @Option(
    name: .shortAndLong, help: "How pixels and spectra are compared.", completion: NameCompletion.methods(.match))
  var method = "features"

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(help: ArgumentHelp("Only spectra whose names hold one of these.", valueName: "part,part"))
  var select: String?

  @OptionGroup(title: "Products") var products: MatchProductOptions
  @OptionGroup(title: "Map") var grid: MapOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = MatchJob(scene: try input.request(scene), output: map.text, library: library.text)
    job.method = method
    job.values = try MethodOptions.values(set)
    job.selected = (select ?? "").split(separator: ",").map(String.init)
    job.products = products.request()
    job.writing = try output.writing()
    job.records = grid.records(products.reports.records)
    try Terminal.finish(job.run(context), context)
  }
}

/// Which products to write beside the map.
struct MatchProductOptions: ParsableArguments {
  @Flag(name: .customLong("all"), help: "Write every product beside the map, named after it.")
  var everything = false

  @Option(help: "How well the best spectrum fits.")
  var fit: OutputPath?

  @Option(help: "Depth of the features of the best spectrum (features).")
  var depth: OutputPath?

  @Option(help: "The second best spectrum.")
  var second: OutputPath?

  @Option(help: "Picture of the map (.png).")
  var quicklook: OutputPath?

  @OptionGroup var reports: ReportOptions

  /// The same for the job.
  func request() -> MatchProductRequest {
    var request = MatchProductRequest()
    request.everything = everything
    (request.fit, request.depth, request.second) = (fit?.text, depth?.text, second?.text)
    request.quicklook = quicklook?.text
    request.reports = reports.places
    return request
  }
}
