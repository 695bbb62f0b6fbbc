import Foundation
import HSICore
import HSIRaster
import HSIRestoration

/// Compares a restored scene with the clean one where values were missing, over the bands that are good in both.
///
/// Missing are values that the degraded scene lacks (its no-data value, NaN), those that `missing` adds, and whole bands that it lists
/// as bad or that are 0 throughout.
public struct MissingValueEvaluation: Sendable {
  /// The restored scene; its options are those of the other files too.
  public var restored: SceneRequest
  /// The clean scene that it should equal.
  public var reference: String
  /// The scene that values are missing in; nil where `missing` is a raster.
  public var degraded: String?
  /// Which values are missing beside those that the degraded scene marks.
  public var missing: MissingRequest?
  /// The data values that stand for 0 and 1; nil for the smallest and largest of the reference.
  public var range: DataRange?
  /// How is measured; `range` is set here.
  public var options = RestorationMetrics.Options()

  /// A comparison where a degraded scene lacks values.
  public init(restored: SceneRequest, reference: String, degraded: String?) {
    self.restored = restored
    self.reference = reference
    self.degraded = degraded
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening; `RasterError.inconsistent`, `RestorationError.tooFewPixels`, `CoreError.memory`;
  ///   `CoreError.invalidParameter` where nothing says what was missing, or nothing was.
  public func run(_ context: RunContext) throws -> MissingFigureTable {
    let claim = context.claimThreads()
    defer { claim.release() }
    guard degraded != nil || missing?.file != nil else {
      throw CoreError.invalidParameter(
        name: "\(option: "only missing")", value: "on",
        requirement: "used with \(option: "degraded"), or with a raster for \(option: "missing")")
    }
    let (clean, result) = try (restored.of(reference).open(context), restored.open(context))
    let before = try degraded.map { try restored.of($0).open(context) }
    let bands = try RestorationEvaluation.commonBands([clean.reader, result.reader])
    if let before { _ = try RestorationEvaluation.commonBands([clean.reader, before.reader], needsGood: false) }
    let truth = try clean.source(bands: .list(bands), context)
    let needed = truth.shape.pixels * (truth.shape.bands * 4 + 4) * 3
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "holding 3 scenes of \(truth.shape)", needed: needed, budget: context.memory.bytes)
    }
    let reference = try truth.load(context, label: "reading the reference")
    let image = try incomplete(result, bands, context)
    let holes = try before.map { try incomplete($0, bands, context) } ?? reference.copy()
    try missing?.mark(in: holes, of: before ?? clean, bands: bands, context)
    if let before { markEmptyBands(in: holes, before.metadata.axis.good, bands, reference) }
    var measure = options
    var extent = DataRange.Accumulator()
    extent.add(reference.pixels)
    measure.range = try range ?? extent.range()
    let metrics = try MissingValueMetrics(image, reference: reference, degraded: holes, options: measure)
    guard metrics.values + metrics.left > 0 else {
      throw CoreError.invalidParameter(
        name: "\(option: "only missing")", value: degraded ?? missing?.file ?? "",
        requirement: "used with a scene that lacks values; this one has all of them (zeros: \(option: "missing") zero)")
    }
    return MissingFigureTable(
      metrics: metrics, pixelsLeftOut: reference.count - metrics.pixels, options: measure, bands: bands,
      wavelengths: reference.metadata.axis.wavelengths)
  }

  /// The pixels of a scene with NaN where values are missing.
  private func incomplete(_ opened: OpenScene, _ bands: [Int], _ context: RunContext) throws -> Cube {
    var request = opened.request
    request.nodataPolicy = .values
    let name = URL(fileURLWithPath: opened.path).lastPathComponent
    return try OpenScene(request, opened.reader, context).source(
      bands: .list(bands), acceptsMissingValues: true, context
    ).load(context, label: "reading \(name)")
  }

  /// Bands that the degraded scene lists as bad, and bands of zeros, have no values.
  private func markEmptyBands(in scene: Cube, _ good: [Bool], _ bands: [Int], _ reference: Cube) {
    for (i, band) in bands.enumerated() {
      func isZero(_ cube: Cube) -> Bool {
        (0..<cube.count).allSatisfy { cube.pixels.pointer[$0 * bands.count + i] == 0 }
      }
      guard !good[band] || (isZero(scene) && !isZero(reference)) else { continue }
      for row in 0..<scene.count { scene.pixels.pointer[row * bands.count + i] = .nan }
    }
  }
}

extension Cube {
  /// The same pixels in memory of their own.
  fileprivate func copy() -> Cube {
    let values = PixelMatrix(rows: count, columns: shape.bands)
    values.pointer.update(from: pixels.pointer, count: count * shape.bands)
    return Cube(shape: shape, metadata: metadata, pixels: values, positions: positions)
  }
}

/// Figures of values that were missing, as text and JSON.
public struct MissingFigureTable {
  public let metrics: MissingValueMetrics
  /// Pixels of the reference that one of the other scenes does not hold.
  public let pixelsLeftOut: Int
  public let options: RestorationMetrics.Options
  /// 0-based bands of the files.
  public let bands: [Int]
  public let wavelengths: [Double]?

  /// Tables for people.
  public func text(perBand: Bool) -> String {
    func figure(_ value: Double?, _ format: String) -> String { FigureText.number(value, format) }
    let entire = metrics.bands.count { $0.isEntire }
    var text = "pixels      \(metrics.pixels)"
    text += pixelsLeftOut > 0 ? ", \(pixelsLeftOut) more have no value before or after\n" : "\n"
    text += "values      \(metrics.values + metrics.left) were missing, \(metrics.left) of them still are\n"
    text += "bands       \(entire) of \(bands.count) were missing entirely\n"
    text += "range       \(options.range.low) to \(options.range.high) stand for 0 to 1\n"
    if options.ssimRange != 1 { text += "SSIM range  \(options.ssimRange)\n" }
    text += "\nvalues that were missing\n"
    text += "PSNR dB   " + figure(metrics.psnr, "%.3f") + "\n"
    text += "RMSE      " + figure(metrics.rmse, "%.6f") + "\n"
    if entire > 0 {
      text += "\nbands that were missing entirely\n"
      text += "MPSNR dB  " + figure(metrics.mpsnr, "%.3f") + "\n"
      text += "MSSIM     " + figure(metrics.mssim, "%.5f") + "\n"
    }
    guard perBand else { return text }
    text += "\n  band  wavelength nm      values        left        PSNR        SSIM        RMSE\n"
    for (k, band) in metrics.bands.enumerated() where band.values + band.left > 0 {
      text += FigureText.padded("\(bands[k] + 1)", 6) + FigureText.padded(figure(wavelengths?[k], "%.2f"), 15)
      text += FigureText.padded("\(band.values)", 12) + FigureText.padded("\(band.left)", 12)
      text += figure(band.psnr, "%.3f") + figure(band.ssim, "%.5f") + figure(band.rmse, "%.6f") + "\n"
    }
    return text
  }

  /// The same as one object, bands with missing values included.
  public func json() throws -> String {
    func number(_ value: Double?) -> Any { value.flatMap { $0.isFinite ? $0 : nil } ?? NSNull() }
    let rows = metrics.bands.enumerated().filter { $1.values + $1.left > 0 }.map { k, band -> [String: Any] in
      [
        "band": bands[k] + 1, "wavelength_nm": number(wavelengths?[k]), "values": band.values, "left": band.left,
        "missing_entirely": band.isEntire, "psnr_db": number(band.psnr), "rmse": number(band.rmse),
        "ssim": number(band.ssim),
      ]
    }
    let result: [String: Any] = [
      "only_missing": true, "pixels": metrics.pixels, "pixels_left_out": pixelsLeftOut,
      "values": metrics.values, "left": metrics.left, "psnr_db": number(metrics.psnr), "rmse": number(metrics.rmse),
      "range": [options.range.low, options.range.high], "clamped": options.clamps, "ssim_range": options.ssimRange,
      "missing_bands": [
        "count": metrics.bands.count { $0.isEntire }, "mpsnr_db": number(metrics.mpsnr), "mssim": number(metrics.mssim),
      ],
      "bands": rows,
    ]
    let data = try JSONSerialization.data(withJSONObject: result, options: [.prettyPrinted, .sortedKeys])
    return String(decoding: data, as: UTF8.self)
  }
}

/// Figures in columns.
enum FigureText {
  /// A number of twelve characters; – where there is none.
  static func number(_ value: Double?, _ format: String) -> String {
    guard let value, value.isFinite else { return padded(value == .infinity ? "∞" : "–", 12) }
    return padded(String(format: format, value), 12)
  }

  /// A text at the right end of a column.
  static func padded(_ text: String, _ width: Int) -> String {
    text.count >= width ? text : String(repeating: " ", count: width - text.count) + text
  }
}
