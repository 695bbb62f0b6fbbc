import ArgumentParser
import HSIKit

/// `hsi spectra extract`.
struct SpectraExtractCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extract",
    abstract: "Take spectra out of a scene: single pixels, means over polygons, means over classes.",
    discussion: """
      One of --pixel, --polygons and --labels says where. Wavelengths, widths and bad bands go along; a name that ends \
      in .csv writes CSV, any other NAME.sli, NAME.hdr and NAME.csv. Prints each spectrum \
      with its number of pixels.

      Examples:
        hsi spectra extract scene.tif soil.sli --pixel 120,40 --pixel 122,41
        hsi spectra extract scene.tif plots.sli --polygons plots.geojson --attribute crop
        hsi spectra extract scene.tif classes.csv --labels labels.tif --deviation spread.csv
        hsi spectra extract scene.tif all.sli --labels plots.gpkg --attribute crop --every
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "Spectra to write: .sli (with .hdr) or .csv.")
  var spectra: OutputPath

  @Option(help: ArgumentHelp("A pixel of the file, sample and line from 0; repeatable.", valueName: "x,y"))
  var pixel: [String] = []

  @Option(help: "Polygons (GeoJSON, GeoPackage, shapefile …): one spectrum for each, named by --attribute.")
  var polygons: InputPath?

  @Option(help: "Raster of classes, or polygons with --attribute: one spectrum for each class.")
  var labels: InputPath?

  @Flag(help: "Every pixel of the polygons or classes is a spectrum of its own, in place of their means.")
  var every = false

  @Option(help: "Write the standard deviations too (.sli or .csv).")
  var deviation: OutputPath?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @Option(name: [.customShort("b"), .customLong("bands")], help: "Bands to take, 1-based, e.g. 1-5,9 (default: all).")
  var bandList: String?

  @Option(name: .customLong("wl"), help: "Wavelengths to take in nm, e.g. 400-900,1000-1300.")
  var wavelengthRanges: String?

  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var request = try input.request(scene)
    request.bands = try BandChoice.selection(bands: bandList, wavelengths: wavelengthRanges)
    var job = ExtractSpectraJob(scene: request, output: spectra.text, of: try places())
    job.takesEveryPixel = every
    job.deviations = deviation?.text
    job.overwrites = overwrite
    try Terminal.finish(job.run(context), context)
  }

  private func places() throws -> ExtractSpectraJob.Places {
    let given = [!pixel.isEmpty, polygons != nil, labels != nil].count { $0 }
    guard given == 1 else {
      throw CoreError.invalidParameter(
        name: "--pixel, --polygons or --labels", value: given == 0 ? "missing" : "given more than once",
        requirement: "one of the three")
    }
    if let polygons { return .polygons(polygons.text, attribute: labelOptions.attribute) }
    if let labels { return .classes(try labelOptions.request(labels)) }
    return .pixels(
      try pixel.map { text in
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).compactMap { Int($0) }
        guard parts.count == 2, parts.allSatisfy({ $0 >= 0 }) else {
          throw CoreError.invalidParameter(name: "--pixel", value: text, requirement: "SAMPLE,LINE from 0")
        }
        return PixelPosition(line: parts[1], sample: parts[0])
      })
  }
}
