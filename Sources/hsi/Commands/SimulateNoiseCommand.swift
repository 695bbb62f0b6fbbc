import ArgumentParser
import HSIKit

/// `hsi simulate noise`: a scene with noise of a known model.
struct SimulateNoiseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "noise",
    abstract: "Add noise of a known model to a scene; metadata are kept.",
    discussion: """
      Sigma is on the 0-255 scale: 51 is a fifth of the range of the data, which is from the smallest to the largest \
      value of the scene unless --range gives it. Stripes, dead lines and impulses hit a third of the bands each and \
      come after Gaussian noise that differs from band to band (noniid); mixture has all three in disjoint bands. Bad \
      bands and no-data pixels stay as they are. What was drawn is in OUT.prov.json.

      Examples:
        hsi simulate noise scene.dat noisy.tif --sigma 50 --seed 1
        hsi simulate noise scene.dat noisy.tif --kind mixture --seed 1
        hsi simulate noise scene.dat noisy.tif --kind noniid --sigma 5,10,20
        hsi simulate noise scene.dat noisy.tif --kind blind --sigma 10,70 --range 0,1
      """)

  @Argument(help: "The scene.")
  var scene: InputPath

  @Argument(help: "The noisy scene to write (float32).")
  var destination: OutputPath

  @Option(
    help: "Model: gaussian, blind, noniid, stripe, deadline, impulse or mixture.",
    completion: NameCompletion.cases(of: NoiseModel.Kind.self))
  var kind = "gaussian"

  @Option(
    help: ArgumentHelp(
      "Sigma: a number (gaussian, 50), LOWEST,HIGHEST (blind, 10,70) or a list from which bands draw (10,30,50,70).",
      valueName: "numbers"))
  var sigma: String?

  @Option(help: "Values that stand for 0 and 1: minmax of the scene, or LOW,HIGH.")
  var range = "minmax"

  @Flag(help: "Limit the result to the range.")
  var clip = false

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    var model = try NoiseModel(choice("--kind", kind), sigmas: SigmaOption.parse(sigma))
    model.clips = clip
    var job = SimulateDegradationJob(scene: try input.request(scene), output: destination.text, degradation: model)
    job.range = try RangeOption.parse(range)
    job.writing = try output.writing()
    job.records.writesProvenance = !noProv
    _ = try job.run(context)
  }
}
