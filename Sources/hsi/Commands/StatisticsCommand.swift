import ArgumentParser
import HSIKit

/// `hsi statistics`: what methods need to know of a scene as a whole.
struct StatisticsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "statistics",
    abstract: "Keep mean, covariance, noise and extremes of a scene, for windows that are worked on elsewhere.",
    discussion: """
      Examples:
        hsi statistics scene.hdr scene.safetensors
        hsi statistics mosaic.vrt left.safetensors --window 0,0,2048,8192
        hsi statistics merge left.safetensors right.safetensors whole.safetensors
        hsi transform mosaic.vrt piece.tif --method mnf --statistics whole.safetensors --window 0,0,2048,2048

      Sums are exact: any division of a scene into windows, merged in any order, gives the same bytes.
      """,
    subcommands: [StatisticsSceneCommand.self, StatisticsMergeCommand.self],
    defaultSubcommand: StatisticsSceneCommand.self)
}

/// `hsi statistics SCENE OUT`.
struct StatisticsSceneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scene", abstract: "Look at a scene, or a window of it, once (the word scene may be left out).",
    discussion: """
      The file is taken by --statistics of transform and detect, in place of a look at the whole scene. Differences of neighbours \
      over the upper and left edges of a window count, so that windows add up to the scene.

      Examples:
        hsi statistics scene.hdr scene.safetensors
        hsi statistics scene.hdr part.safetensors --window 0,512,2048,512
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The statistics to write (.safetensors).")
  var destination: OutputPath

  @Flag(help: "Replace an existing output.")
  var overwrite = false

  @OptionGroup(title: "Records") var records: RecordOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = StatisticsJob(scene: try input.request(scene), output: destination.text)
    job.overwrites = overwrite
    job.records = records.request
    try Terminal.finish(job.run(context), context)
  }
}

/// `hsi statistics merge`.
struct StatisticsMergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Put the statistics of windows or scenes together, without rounding.",
    discussion: """
      Windows of one scene must not overlap; all files must be of the same bands in the same units.

      Examples:
        hsi statistics merge left.safetensors right.safetensors whole.safetensors
        hsi statistics merge part*.safetensors whole.safetensors
      """)

  @Argument(help: "Files of statistics, and last the one to write.")
  var files: [InputPath]

  @Flag(help: "Replace an existing output.")
  var overwrite = false

  @OptionGroup(title: "Records") var records: RecordOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    guard files.count >= 2, let last = files.last else {
      throw CoreError.invalidParameter(
        name: "the files", value: "\(files.count)", requirement: "one or more to read, and last the one to write")
    }
    var job = StatisticsMergeJob(files: files.dropLast().map(\.text), output: last.text)
    job.overwrites = overwrite
    job.records = records.request
    try Terminal.finish(job.run(context), context)
  }
}
