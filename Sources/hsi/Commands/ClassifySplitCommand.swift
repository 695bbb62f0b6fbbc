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
        hsi classify split labels.mat --scheme fixed --train 50 --out split.tif
        hsi classify split labels.tif --scheme file --train-map tr.mat \
      --test-map te.mat --out split.tif
      """)

  @Argument(help: "Raster of classes: 0 is no class.")
  var labels: String

  @Option(help: "The split to write (GeoTIFF, or by extension or --of).")
  var out: String

  @Option(help: "Published map of training pixels (scheme file).")
  var trainMap: String?

  @Option(help: "Published map of test pixels (scheme file).")
  var testMap: String?

  @OptionGroup(title: "Division") var division: SplitOptions
  @OptionGroup(title: "Labels") var labelOptions: LabelOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  func run() throws {
    let context = try options.makeContext()
    var provenance = Provenance(
      options: ["scheme": division.scheme, "train": division.training, "validation": division.validation],
      version: Version.number, libraries: Libraries.ofClassification, context: context)
    let reading = LabelReading(labelOptions, context: context)
    let file = try reading.read(labels)
    var inputs = file.reader.files
    let split: Split
    if division.scheme == "file" {
      guard let trainMap, let testMap else {
        throw CoreError.invalidParameter(
          name: "--scheme", value: "file", requirement: "used with --train-map and --test-map")
      }
      let maps = try [trainMap, testMap].map { try reading.read($0) }
      inputs += maps.flatMap { $0.reader.files }
      guard (maps[0].labels.lines, maps[0].labels.samples) == (file.labels.lines, file.labels.samples) else {
        throw ClassificationError.grid(
          path: trainMap,
          reason: "it has \(maps[0].labels.lines) lines × \(maps[0].labels.samples) samples but the labels "
            + "\(file.labels.lines) × \(file.labels.samples)",
          advice: "pass maps of the grid of the labels")
      }
      split = try PublishedSplit.make(
        training: maps[0].labels, test: maps[1].labels, labels: file.labels, paths: (trainMap, testMap))
    } else {
      guard trainMap == nil, testMap == nil else {
        throw CoreError.invalidParameter(
          name: "--train-map or --test-map", value: "given", requirement: "used with --scheme file")
      }
      split = try division.request(defaultGuard: ClassifySplitCommand.usualRadius).split(file.labels, context)
    }
    split.warnOfOverlap(radius: division.guardRadius ?? ClassifySplitCommand.usualRadius, context)
    provenance.options["guard"] = "\(split.facts.guardRadius)"
    let provenancePath = noProv || out.hasPrefix("/vsi") ? nil : out + ".prov.json"
    try ProductPaths.check(
      [out] + (provenancePath.map { [$0] } ?? []), replaceable: provenancePath, overwrite: output.overwrite,
      inputs: inputs)
    _ = try SplitOptions.write(
      split, like: file.reader.metadata, to: out, options: try output.library(inputs: inputs), context)
    if let provenancePath {
      provenance.addInputs(inputs)
      provenance.finish(context)
      try OutputFile.write(provenance.json(), to: provenancePath, overwrite: true, inputs: inputs)
    }
    try Terminal.output(SplitOptions.table(split, file.labels))
  }

  /// Half the patch of LoLA-SpecViT and of most published patch classifiers, 15 × 15.
  static let usualRadius = 7
}
