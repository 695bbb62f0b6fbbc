import Foundation
import HSICore
import HSIRaster
import HSIRestoration

/// Compares a restored scene with the clean one, over the pixels that are valid and the bands that are good in all files.
public struct RestorationEvaluation: Sendable {
  /// The restored scene; its options are those of the other files too.
  public var restored: SceneRequest
  /// The clean scene that it should equal.
  public var reference: String
  /// The scene before restoration, measured too.
  public var noisy: String?
  /// The data values that stand for 0 and 1; nil for the smallest and largest of the reference.
  public var range: DataRange?
  /// How is measured; `range` is set here.
  public var options = RestorationMetrics.Options()

  /// A comparison of two scenes.
  public init(restored: SceneRequest, reference: String) {
    self.restored = restored
    self.reference = reference
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening; `RasterError.inconsistent`, `RestorationError.tooFewPixels`, `CoreError.memory`.
  public func run(_ context: RunContext) throws -> RestorationFigureTable {
    let claim = context.claimThreads()
    defer { claim.release() }
    var measure = options
    let paths = [reference, restored.path] + (noisy.map { [$0] } ?? [])
    let scenes = try paths.map { try restored.of($0).open(context) }
    let bands = try RestorationEvaluation.commonBands(scenes.map(\.reader))
    let cubes = try load(scenes, bands: bands, context)
    var extent = DataRange.Accumulator()
    extent.add(cubes[0].pixels)
    measure.range = try range ?? extent.range()
    let judged = try RestorationMetrics(cubes[1], reference: cubes[0], options: measure)
    let before = try cubes.count > 2 ? RestorationMetrics(cubes[2], reference: cubes[0], options: measure) : nil
    return RestorationFigureTable(
      restored: judged, noisy: before, options: measure, bands: bands,
      wavelengths: cubes[0].metadata.axis.wavelengths)
  }

  /// The bands that are good in all files, which must have the same size; the first is the reference.
  ///
  /// - Parameter needsGood: whether there must be one.
  static func commonBands(_ readers: [any CubeReader], needsGood: Bool = true) throws -> [Int] {
    let shape = readers[0].shape
    for reader in readers.dropFirst() where reader.shape != shape {
      throw RasterError.inconsistent(
        path: reader.path,
        reason: "it has \(reader.shape) (lines × samples × bands) but the reference has \(shape)",
        advice: "compare scenes of the same grid and bands")
    }
    let bands = (0..<shape.bands).filter { b in readers.allSatisfy { $0.metadata.axis.good[b] } }
    guard !bands.isEmpty || !needsGood else {
      throw RasterError.inconsistent(
        path: readers[1].path, reason: "no band is good in it and in the reference", advice: "check the bad-band lists")
    }
    return bands
  }

  /// The cubes, all with the pixels that are valid in every one.
  private func load(_ scenes: [OpenScene], bands: [Int], _ context: RunContext) throws -> [Cube] {
    let sources = try scenes.map { try $0.source(bands: .list(bands), context) }
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
public struct RestorationFigureTable {
  public let restored: RestorationMetrics
  public let noisy: RestorationMetrics?
  public let options: RestorationMetrics.Options
  /// 0-based bands of the files.
  public let bands: [Int]
  public let wavelengths: [Double]?

  private var columns: [RestorationMetrics] { (noisy.map { [$0] } ?? []) + [restored] }

  private func figure(_ value: Double?, _ format: String) -> String { FigureText.number(value, format) }

  /// Tables for people.
  public func text(perBand: Bool) -> String {
    let names = noisy == nil ? ["restored"] : ["noisy", "restored"]
    var text = "pixels      \(restored.pixels)\n"
    text += "bands       \(bands.count)\n"
    text += "range       \(options.range.low) to \(options.range.high) stand for 0 to 1\n"
    if options.ssimRange != 1 { text += "SSIM range  \(options.ssimRange)\n" }
    text += "\n          " + names.map { FigureText.padded($0, 12) }.joined() + "\n"
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
      text += ["PSNR", "SSIM", "RMSE"].map { FigureText.padded("\(name == "noisy" ? "noisy " : "")\($0)", 12) }
        .joined()
    }
    text += "\n"
    for (k, band) in bands.enumerated() {
      text += FigureText.padded("\(band + 1)", 6) + FigureText.padded(figure(wavelengths?[k], "%.2f"), 15)
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
  public func json() throws -> String {
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
