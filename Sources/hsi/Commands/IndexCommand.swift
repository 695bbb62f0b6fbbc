import ArgumentParser
import HSIKit

/// `hsi index`.
struct IndexCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index",
    abstract: "Spectral indices of a scene by name or formula, one band each.",
    discussion: """
      Which indices the bands of a scene allow:
        hsi index scene.hdr --list
      By name, and by formula (b800 is the value at 800 nm):
        hsi index scene.hdr indices.tif --index ndvi,pri,ndwi-gao
        hsi index scene.hdr ratio.tif --index "(b800-b670)/(b800+b670)"
        hsi index scene.hdr two.tif --index "ndvi,clay=b1650/b2215" --fwhm 20

      Formulas have numbers, + - * / ^, parentheses, and sqrt, log, exp, abs, min, max. The nearest good band stands for a \
      wavelength if it is within --within nm; --fwhm averages the bands around it by a Gaussian. Values that are no \
      numbers are no data.
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The raster to write (float32; GeoTIFF, or by extension or --of); not with --list.")
  var destination: OutputPath?

  @Option(name: .shortAndLong, help: ArgumentHelp("Indices or formulas, separated by commas.", valueName: "list"))
  var index: String?

  @Flag(help: "Show which indices the bands allow, with their formulas.")
  var list = false

  @Option(help: ArgumentHelp("Farthest that a band may be from its wavelength, in nm.", valueName: "nm"))
  var within = 15.0

  @Option(
    help: ArgumentHelp("Full width of Gaussian bands around the wavelengths (default: nearest bands).", valueName: "nm")
  )
  var fwhm: Double?

  @OptionGroup(title: "Records") var records: RecordOptions
  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    for (name, value) in [("--within", within), ("--fwhm", fwhm ?? 1)] {
      guard value.isFinite, value > 0, value <= 1e5 else {
        throw CoreError.invalidParameter(name: name, value: "\(value)", requirement: "a number of nm above 0")
      }
    }
    let request = try input.request(scene)
    if list {
      guard destination == nil, index == nil else {
        throw CoreError.invalidParameter(name: "--list", value: "given", requirement: "used without OUT and --index")
      }
      let opened = try request.open(context)
      let axis = opened.metadata.axis.selecting(try opened.bands(default: .good))
      try Terminal.output(IndexList(axis, within: within, fwhm: fwhm).text)
      return
    }
    guard let destination, let index else {
      throw CoreError.invalidParameter(
        name: destination == nil ? "the raster to write" : "--index", value: "not given",
        requirement: "given, or --list to see what the bands allow")
    }
    var job = IndexJob(scene: request, output: destination.text, try IndexRequest.list(index))
    (job.distance, job.fwhm) = (within, fwhm)
    job.writing = try output.writing()
    job.records = map.records(records)
    try Terminal.finish(job.run(context), context)
  }
}
