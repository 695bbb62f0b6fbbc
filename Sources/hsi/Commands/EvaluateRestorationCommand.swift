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

      With --only-missing, values that --degraded lacks (or --missing marks) are judged and no others: PSNR and RMSE over \
      all of them, and MPSNR and MSSIM over the bands that were missing entirely, which are what tables of missing bands \
      hold:
        hsi evaluate restoration whole.tif clean.dat --degraded holes.tif --only-missing
        hsi evaluate restoration whole.tif clean.dat --missing holes.tif --only-missing
      """)

  @Argument(help: "The restored scene.")
  var clean: InputPath

  @Argument(help: "The clean scene that it should equal.")
  var reference: InputPath

  @Option(
    name: [.customLong("noisy"), .customLong("degraded")],
    help: "The scene before restoration: measured too, or with --only-missing told for what it lacks.")
  var noisy: InputPath?

  @Flag(help: "Judge only values that were missing in the scene before restoration.")
  var onlyMissing = false

  @Option(
    help: ArgumentHelp(
      "For --only-missing, missing values beside those that --degraded marks: zero, or a raster that is not 0 where they are.",
      valueName: "raster|zero|nodata"))
  var missing: MissingPath?

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
    if onlyMissing { return try judgeMissing(context) }
    guard missing == nil else {
      throw CoreError.invalidParameter(
        name: "--missing", value: missing?.text ?? "", requirement: "used with --only-missing")
    }
    var evaluation = RestorationEvaluation(restored: try input.request(clean), reference: reference.text)
    evaluation.noisy = noisy?.text
    evaluation.options = try measure()
    evaluation.range = try RangeOption.parse(range)
    let figures = try evaluation.run(context)
    try Terminal.output(json ? figures.json() + "\n" : figures.text(perBand: perBand))
  }

  /// How is measured.
  private func measure() throws -> RestorationMetrics.Options {
    var measure = RestorationMetrics.Options()
    measure.clamps = clamp
    switch ssimRange {
    case "1": measure.ssimRange = 1
    case "2", "legacy": measure.ssimRange = RestorationMetrics.legacySSIMRange
    default:
      throw CoreError.invalidParameter(name: "--ssim-range", value: ssimRange, requirement: "1 or 2")
    }
    return measure
  }

  private func judgeMissing(_ context: RunContext) throws {
    var evaluation = MissingValueEvaluation(
      restored: try input.request(clean), reference: reference.text, degraded: noisy?.text)
    evaluation.missing = missing.map { MissingRequest(parsing: $0.text) }
    evaluation.options = try measure()
    evaluation.range = try RangeOption.parse(range)
    let figures = try evaluation.run(context)
    try Terminal.output(json ? figures.json() + "\n" : figures.text(perBand: perBand))
  }
}
