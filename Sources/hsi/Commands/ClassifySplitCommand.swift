import ArgumentParser
import HSIKit

/// `hsi classify split`.
struct ClassifySplitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "split",
    abstract: "Divide labelled pixels into those to learn from and those to test on.",
    discussion: """
      Writes a raster: 1 training, 2 validation, 3 test, 4 guard band, 0 no label. By default training pixels are \
      compact blocks and test pixels keep a distance from them (--guard, half the patch of the model); a random \
      split is made too, and says how many test pixels have training pixels in their patch.

      Examples:
        hsi classify split labels.tif --out split.tif
        hsi classify split labels.tif --scheme random --train 5% --seed 1 --out r.tif
        hsi classify split plots.geojson --attribute crop --like scene.tif --out split.tif
        hsi classify split labels.mat --scheme fixed --train 50 --out split.tif
        hsi classify split labels.tif --scheme file --train-map tr.mat \
      --test-map te.mat --out split.tif
      """)

  @Argument(help: "Raster of classes, 0 is no class; or polygons, with --attribute and --like.")
  var labels: InputPath

  @Option(help: "Scene whose pixels polygons lie on.")
  var like: InputPath?

  @Option(help: "The split to write (GeoTIFF, or by extension or --of).")
  var out: OutputPath

  @Option(help: "Published map of training pixels (scheme file).")
  var trainMap: InputPath?

  @Option(help: "Published map of test pixels (scheme file).")
  var testMap: InputPath?

  @OptionGroup(title: "Division") var division: SplitOptions
  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  func run() throws {
    let context = try options.makeContext()
    var job = SplitJob(
      labels: try labelOptions.request(labels), output: out.text, division: try kind())
    job.like = like.map { SceneRequest($0.text) }
    job.patchRadius = division.guardRadius ?? SplitJob.usualRadius
    job.options = ["scheme": division.scheme, "train": division.training, "validation": division.validation]
    job.writing = try output.writing()
    job.records.writesProvenance = !noProv
    try Terminal.show(job.run(context))
  }

  private func kind() throws -> SplitJob.Division {
    guard division.scheme == "file" else {
      guard trainMap == nil, testMap == nil else {
        throw CoreError.invalidParameter(
          name: "--train-map or --test-map", value: "given", requirement: "used with --scheme file")
      }
      return .request(try division.request(defaultGuard: SplitJob.usualRadius))
    }
    guard let trainMap, let testMap else {
      throw CoreError.invalidParameter(
        name: "--scheme", value: "file", requirement: "used with --train-map and --test-map")
    }
    return .maps(training: trainMap.text, test: testMap.text)
  }
}
