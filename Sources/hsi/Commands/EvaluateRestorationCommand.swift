import ArgumentParser
import Foundation
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
  var clean: String

  @Argument(help: "The clean scene that it should equal.")
  var reference: String

  @Option(help: "The scene before restoration, measured too.")
  var noisy: String?

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
    var measure = RestorationMetrics.Options()
    measure.clamps = clamp
    switch ssimRange {
    case "1": measure.ssimRange = 1
    case "2", "legacy": measure.ssimRange = RestorationMetrics.legacySSIMRange
    default:
      throw CoreError.invalidParameter(name: "--ssim-range", value: ssimRange, requirement: "1 or 2")
    }
    let given = try RangeOption.parse(range)
    let paths = [reference, clean] + (noisy.map { [$0] } ?? [])
    let readers = try paths.map { try input.open($0, context) }
    let bands = try commonBands(readers)
    let cubes = try load(readers, bands: bands, context)
    var extent = DataRange.Accumulator()
    extent.add(cubes[0].pixels)
    measure.range = try given ?? extent.range()
    let restored = try RestorationMetrics(cubes[1], reference: cubes[0], options: measure)
    let before =
      try cubes.count > 2 ? RestorationMetrics(cubes[2], reference: cubes[0], options: measure) : nil
    let evaluation = RestorationEvaluation(
      restored: restored, noisy: before, options: measure, bands: bands,
      wavelengths: cubes[0].metadata.axis.wavelengths)
    try Terminal.output(json ? evaluation.json() + "\n" : evaluation.text(perBand: perBand))
  }

  /// The bands that are good in all files, which must have the same size.
  private func commonBands(_ readers: [any CubeReader]) throws -> [Int] {
    let shape = readers[0].shape
    for reader in readers.dropFirst() where reader.shape != shape {
      throw RasterError.inconsistent(
        path: reader.path,
        reason: "it has \(reader.shape) (lines × samples × bands) but the reference has \(shape)",
        advice: "compare scenes of the same grid and bands")
    }
    let bands = (0..<shape.bands).filter { b in readers.allSatisfy { $0.metadata.axis.good[b] } }
    guard !bands.isEmpty else {
      throw RasterError.inconsistent(
        path: clean, reason: "no band is good in it and in the reference", advice: "check the bad-band lists")
    }
    return bands
  }

  /// The cubes, all with the pixels that are valid in every one.
  private func load(_ readers: [any CubeReader], bands: [Int], _ context: RunContext) throws -> [Cube] {
    let sources = try readers.map {
      try InputOptions(scene: input).source($0, bands: .list(bands), context)
    }
    let needed = sources.reduce(0) { $0 + $1.shape.pixels * ($1.shape.bands * 4 + 4) }
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "holding \(sources.count) scenes of \(sources[0].shape)", needed: needed,
        budget: context.memory.bytes)
    }
    let cubes = try sources.map {
      try $0.load(context, label: "reading \(URL(fileURLWithPath: $0.reader.path).lastPathComponent)")
    }
    var places = Set(cubes[0].positions)
    for cube in cubes.dropFirst() { places.formIntersection(cube.positions) }
    guard !places.isEmpty else {
      throw RestorationError.tooFewPixels(purpose: "a comparison of pixels valid in all files")
    }
    return cubes.map { $0.count == places.count ? $0 : restrict($0, to: places) }
  }

  private func restrict(_ cube: Cube, to places: Set<Int32>) -> Cube {
    let rows = cube.positions.indices.filter { places.contains(cube.positions[$0]) }
    let bands = cube.shape.bands
    let pixels = PixelMatrix(rows: rows.count, columns: bands)
    for (n, row) in rows.enumerated() {
      (pixels.pointer + n * bands).update(from: cube.pixels.pointer + row * bands, count: bands)
    }
    return Cube(
      shape: cube.shape, metadata: cube.metadata, pixels: pixels, positions: rows.map { cube.positions[$0] })
  }
}

/// Figures of a restoration, as text and JSON.
struct RestorationEvaluation {
  var restored: RestorationMetrics
  var noisy: RestorationMetrics?
  var options: RestorationMetrics.Options
  /// 0-based bands of the files.
  var bands: [Int]
  var wavelengths: [Double]?

  private var columns: [RestorationMetrics] { (noisy.map { [$0] } ?? []) + [restored] }

  private func figure(_ value: Double?, _ format: String) -> String {
    guard let value, value.isFinite else {
      return (value == .infinity ? "∞" : "–").leftPadded(to: 12)
    }
    return String(format: format, value).leftPadded(to: 12)
  }

  /// Tables for people.
  func text(perBand: Bool) -> String {
    let names = noisy == nil ? ["restored"] : ["noisy", "restored"]
    var text = "pixels      \(restored.pixels)\n"
    text += "bands       \(bands.count)\n"
    text += "range       \(options.range.low) to \(options.range.high) stand for 0 to 1\n"
    if options.ssimRange != 1 { text += "SSIM range  \(options.ssimRange)\n" }
    text += "\n          " + names.map { $0.leftPadded(to: 12) }.joined() + "\n"
    func row(_ name: String, _ format: String, _ value: (RestorationMetrics) -> Double?) {
      let title = name.padding(toLength: 10, withPad: " ", startingAt: 0)
      text += title + columns.map { figure(value($0), format) }.joined() + "\n"
    }
    row("MPSNR dB", "%.3f") { $0.mpsnr }
    row("MSSIM", "%.5f") { $0.mssim }
    row("SAM rad", "%.5f") { $0.sam }
    row("ERGAS", "%.4f") { $0.ergas }
    row("RMSE", "%.6f") { $0.rmse }
    guard perBand else { return text }
    text += "\n  band  wavelength nm"
    for name in names {
      text += ["PSNR", "SSIM", "RMSE"].map { "\(name == "noisy" ? "noisy " : "")\($0)".leftPadded(to: 12) }
        .joined()
    }
    text += "\n"
    for (k, band) in bands.enumerated() {
      text += "\(band + 1)".leftPadded(to: 6) + figure(wavelengths?[k], "%.2f").leftPadded(to: 15)
      for metrics in columns {
        text += figure(metrics.psnrPerBand[k], "%.3f")
        text += figure(metrics.ssimPerBand.isEmpty ? nil : metrics.ssimPerBand[k], "%.5f")
        text += figure(metrics.rmsePerBand[k], "%.6f")
      }
      text += "\n"
    }
    return text
  }

  /// The same as one object, bands included.
  func json() throws -> String {
    func number(_ value: Double?) -> Any { value.flatMap { $0.isFinite ? $0 : nil } ?? NSNull() }
    func object(_ metrics: RestorationMetrics) -> [String: Any] {
      [
        "mpsnr_db": number(metrics.mpsnr), "mssim": number(metrics.mssim), "sam_rad": number(metrics.sam),
        "ergas": number(metrics.ergas), "rmse": number(metrics.rmse),
        "bands": bands.indices.map { k -> [String: Any] in
          [
            "band": bands[k] + 1, "wavelength_nm": number(wavelengths?[k]),
            "psnr_db": number(metrics.psnrPerBand[k]), "rmse": number(metrics.rmsePerBand[k]),
            "ssim": number(metrics.ssimPerBand.isEmpty ? nil : metrics.ssimPerBand[k]),
          ]
        },
      ]
    }
    var result: [String: Any] = [
      "pixels": restored.pixels, "ssim_windows": restored.windows, "ssim_range": options.ssimRange,
      "range": [options.range.low, options.range.high], "clamped": options.clamps,
      "restored": object(restored),
    ]
    if let noisy { result["noisy"] = object(noisy) }
    let data = try JSONSerialization.data(withJSONObject: result, options: [.prettyPrinted, .sortedKeys])
    return String(decoding: data, as: UTF8.self)
  }
}

extension String {
  /// The text at the right end of a column.
  fileprivate func leftPadded(to width: Int) -> String {
    count >= width ? self : String(repeating: " ", count: width - count) + self
  }
}
