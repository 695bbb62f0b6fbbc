import ArgumentParser
import HSIKit

/// `hsi endmembers`: endmember spectra from a scene.
struct EndmembersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "endmembers",
    abstract: "Extract endmember spectra from a scene.",
    discussion: """
      Examples:
        hsi endmembers scene.hdr endmembers.sli --count 5
        hsi endmembers scene.hdr endmembers.sli --count auto --method nfindr
        hsi endmembers scene.hdr endmembers.csv --count auto --count-method hfc
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "Spectra to write: .sli (with .hdr) or .csv.")
  var spectra: OutputPath

  @Option(name: [.customShort("n"), .long], help: "Number of endmembers, or auto.")
  var count: String

  @Option(name: .shortAndLong, help: "Extractor; see hsi methods.", completion: NameCompletion.methods(.extract))
  var method = "vca"

  @Option(help: "How --count auto counts: held-back, hysime, hfc or nwhfc.", completion: NameCompletion.methods(.count))
  var countMethod = "held-back"

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(help: "Spectral library to name the endmembers by.")
  var library: InputPath?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @Flag(help: "Print names, pixels and map coordinates as JSON.")
  var json = false

  @Flag(help: "Do not leave out channels that the others cannot predict (counting and plain extraction).")
  var keepBadChannels = false

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = EndmembersJob(
      scene: try input.request(scene), output: spectra.text, count: try EndmemberCount.parse(count, least: 1))
    job.method = method
    job.values = try MethodOptions.values(set)
    job.endmembers.counter = countMethod
    job.endmembers.naming = library?.text
    job.keepsBadChannels = keepBadChannels
    job.overwrites = overwrite
    let result = try job.run(context)
    if json { try Terminal.show(result) }
  }
}
