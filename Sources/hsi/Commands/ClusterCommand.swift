import ArgumentParser
import HSIKit

/// `hsi cluster`.
struct ClusterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster",
    abstract: "Group the pixels of a scene without labels: clusters of similar spectra, or superpixels.",
    discussion: """
      Clusters are numbered from 1, the largest first; 0 is no data. Superpixels are connected groups of similar \
      neighbours.

      Examples:
        hsi cluster scene.tif clusters.tif --count 10 --centres clusters.sli
        hsi cluster scene.tif superpixels.tif --method slic --set compactness=0.3
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The map to write.")
  var map: OutputPath

  @Option(
    name: [.customShort("n"), .long],
    help: "Groups (default: 8 clusters, or superpixels of about 100 pixels).")
  var count: Int?

  @Option(name: .shortAndLong, help: "Method.", completion: NameCompletion.methods(.cluster))
  var method = "kmeans"

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(help: "Mean spectra of the groups (.sli or .csv).")
  var centres: OutputPath?

  @Option(help: "Picture of the map (.png).")
  var quicklook: OutputPath?

  @OptionGroup(title: "Records") var records: RecordOptions

  @OptionGroup(title: "Map") var grid: MapOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    if let count, !(1...1_000_000).contains(count) {
      throw CoreError.invalidParameter(name: "--count", value: "\(count)", requirement: "from 1 to 1000000")
    }
    var job = ClusterJob(scene: try input.request(scene), output: map.text)
    (job.method, job.count, job.values) = (method, count, try MethodOptions.values(set))
    (job.centres, job.quicklook) = (centres?.text, quicklook?.text)
    job.writing = try output.writing()
    job.records = grid.records(records)
    try Terminal.finish(job.run(context), context)
  }
}
