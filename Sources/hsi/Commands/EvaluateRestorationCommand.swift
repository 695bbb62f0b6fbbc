import ArgumentParser
import HSIKit

/// `hsi evaluate restoration`: a restored scene against the clean one.
struct EvaluateRestorationCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restoration",
    abstract: "Compare a restored scene with the clean one: MPSNR, MSSIM, SAM, ERGAS, RMSE.",
    discussion: """
      All figures are of the data with the range of the reference brought to [0, 1], over the pixels that are valid \
      and the bands that are good in all files. SSIM has 7 x 7 windows; published tables may have used --ssim-range 2.

      Examples:
        hsi evaluate restoration restored.tif clean.dat
        hsi evaluate restoration restored.tif clean.dat --noisy noisy.tif
        hsi evaluate restoration restored.tif clean.dat --range 0,1 --per-band
        hsi evaluate restoration restored.tif clean.dat --json
      """)

  @Argument(help: "The restored scene.")
  var clean: InputPath

  @Argument(help: "The clean scene that it should equal.")
  var reference: InputPath

  @Option(help: "The scene before restoration, measured too.")
  var noisy: InputPath?

  @Option(help: "Values that stand for 0 and 1: minmax of the reference, or LOW,HIGH.")
  var range = "minmax"

  @Option(help: "Range in the constants of SSIM: 1, or 2 (legacy: what older libraries assumed).")
  var ssimRange = "1"

  @Flag(help: "Limit the restored (and noisy) values to the range first.")
  var clamp = false

  @Flag(help: "Figures of every band too.")
  var perBand = false

  @Flag(help: "JSON on standard output.")
  var json = false

  @OptionGroup(title: "Input (all files)") var input: SceneOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var evaluation = RestorationEvaluation(restored: try input.request(clean), reference: reference.text)
    evaluation.noisy = noisy?.text
    evaluation.options.clamps = clamp
    switch ssimRange {
    case "1": evaluation.options.ssimRange = 1
    case "2", "legacy": evaluation.options.ssimRange = RestorationMetrics.legacySSIMRange
    default:
      throw CoreError.invalidParameter(name: "--ssim-range", value: ssimRange, requirement: "1 or 2")
    }
    evaluation.range = try RangeOption.parse(range)
    let figures = try evaluation.run(context)
    try Terminal.output(json ? figures.json() + "\n" : figures.text(perBand: perBand))
  }
}
