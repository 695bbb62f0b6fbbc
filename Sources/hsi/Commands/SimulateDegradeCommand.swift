import ArgumentParser
import HSIKit

/// `hsi simulate degrade`: a scene made worse in a known way.
struct SimulateDegradeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "degrade",
    abstract: "Blur a scene, make it coarser, hazy or noisy, take values away; metadata follow.",
    discussion: """
      What a kind has to set, and its defaults: hsi methods NAME. Values that are taken away are NaN in the result, where \
      hsi restore finds them. Where the grid becomes coarser the georeference follows; lines and samples that do not fill \
      a pixel are left out, and --truth writes the scene on the part that is left. Bad bands and no-data pixels stay as \
      they are. What was drawn is in OUT.prov.json.

      Examples:
        hsi simulate degrade scene.dat blurred.tif --kind blur --set size=9
        hsi simulate degrade scene.dat moved.tif --kind motion --set angle=30
        hsi simulate degrade scene.dat coarse.tif --kind downsample \\
          --set factor=4 --set area=1 --truth truth.tif
        hsi simulate degrade scene.dat holes.tif --kind mask --set ratio=0.8 \\
          --missing-out holes_mask.tif --seed 1
        hsi simulate degrade scene.dat gaps.tif --kind bands --set ratio=0.2
        hsi simulate degrade scene.dat hazy.tif --kind haze --set strength=0.6
        hsi simulate degrade scene.dat few.tif --kind poisson --range 0,1
      """)

  @Argument(help: "The scene.")
  var scene: InputPath

  @Argument(help: "The degraded scene to write (float32).")
  var destination: OutputPath

  @Option(
    help: ArgumentHelp(
      "blur, circle-blur, square-blur, motion, downsample, mask, bands, haze, poisson, or a kind of noise (hsi simulate noise).",
      valueName: "name"), completion: NameCompletion.methods(.degrade))
  var kind: String

  @Option(
    help: ArgumentHelp("Parameter of the kind, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(help: ArgumentHelp("Sigma of a kind of noise; see hsi simulate noise.", valueName: "numbers"))
  var sigma: String?

  @Option(help: "Values that stand for 0 and 1, of kinds that use them: minmax of the scene, or LOW,HIGH.")
  var range = "minmax"

  @Option(help: "Write the scene on the part that the result covers.")
  var truth: OutputPath?

  @Option(help: "Write a raster that is 1 where a value was taken away (mask, bands), a band per band.")
  var missingOut: OutputPath?

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    let degradation = try Degradations.all.entry(kind).make(SigmaOption.parse(sigma), MethodOptions.values(set))
    var job = SimulateDegradationJob(
      scene: try input.request(scene), output: destination.text, degradation: degradation)
    job.range = try RangeOption.parse(range)
    (job.truth, job.taken) = (truth?.text, missingOut?.text)
    job.writing = try output.writing()
    job.records.writesProvenance = !noProv
    _ = try job.run(context)
  }
}
