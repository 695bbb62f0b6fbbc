import Foundation
import HSICore
import HSINumerics
import HSIRaster
import HSIReport
import HSISpectral

/// Transforms the spectra of a scene: components, continua, derivatives, one scale; or components back to spectra.
///
/// ```swift
/// var job = TransformJob(scene: SceneRequest("scene.hdr"), output: "mnf.tif", .method("mnf"))
/// (job.components, job.model) = (20, "mnf.json")
/// let result = try job.run(RunContext())
/// ```
public struct TransformJob: Sendable {
  /// What is done.
  public enum Work: Sendable {
    /// A method of `Transforms.all`, by name.
    case method(String)
    /// Absorption features within limits in nm.
    case features([ClosedRange<Double>])
    /// Components back to spectra by a file that a fit has left.
    case inverse(String)
  }

  /// The scene.
  public var scene: SceneRequest
  /// The raster to write, float32.
  public var output: String
  /// What is done.
  public var work: Work
  /// Parameters of the method by name.
  public var values: [String: Double] = [:]
  /// At most so many components, from 1; nil for the method's own number.
  public var components: Int?
  /// Where the fitted transform is left; nil for nowhere.
  public var model: String?
  /// Statistics of the whole scene (`StatisticsJob`), in place of a look at it; nil for that look.
  public var statistics: String?
  /// How the raster is written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// A transformed scene.
  public init(scene: SceneRequest, output: String, _ work: Work) {
    (self.scene, self.output, self.work) = (scene, output, work)
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening, of the method and of writing; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    switch work {
    case .inverse(let path): return try invert(path, context)
    case .features(let ranges):
      try requireNothingElse("absorption features")
      return try transform("continuum", ["features": ranges.map(TransformJob.text).joined(separator: ",")], context) {
        try AbsorptionTransform(ranges).fit($0)
      }
    case .method(let name):
      let type = try Transforms.all.entry(name)
      let id = type.description.id
      let method = try type.init(MethodParameters(values, for: type.description))
      if !type.hasComponents { try requireNothingElse(id, allowingValues: true) }
      var options = values.mapValues { "\($0)" }
      options["components"] = components.map { "\($0)" }
      return try transform(id, options, context) { try method.fit($0, components: components, context) }
    }
  }

  private static func text(_ range: ClosedRange<Double>) -> String {
    "\(PlainNumber.rounded(range.lowerBound))-\(PlainNumber.rounded(range.upperBound))"
  }

  /// Refuses what the work has no use for.
  private func requireNothingElse(_ name: String, allowingValues: Bool = false) throws {
    func refuse(_ parameter: String, _ value: String?) throws {
      guard let value else { return }
      throw CoreError.invalidParameter(
        name: parameter, value: value, requirement: "left out: \(name) has no components to choose or save")
    }
    try refuse("\(option: "components")", components.map { "\($0)" })
    try refuse("\(option: "save")", model)
    try refuse("\(option: "statistics")", statistics)
    guard allowingValues || values.isEmpty else {
      throw CoreError.unknownParameter(name: values.keys.min() ?? "", method: name, known: [])
    }
  }

  // MARK: - There

  private func transform(
    _ id: String, _ options: [String: String], _ context: RunContext, fit: (any StripSource) throws -> FittedTransform
  ) throws -> JobResult {
    var sweep = try SceneSweep(
      scene, output: output, options: ["method": id].merging(options) { $1 }, writing: writing, records: records,
      context)
    sweep.plan.write(model)
    sweep.read([statistics].compactMap { $0 })
    try sweep.check()
    let source = sweep.source.metadata
    let fitted = try fit(
      statistics.map { try StatisticsSource($0, for: sweep.source, of: sweep.opened.path, method: id, context) }
        ?? sweep.source)
    guard !fitted.names.isEmpty else {
      throw RasterError.inconsistent(
        path: sweep.opened.path, reason: "its pixels are all equal: there are no components",
        advice: "choose another part of the scene")
    }
    if let components, let linear = fitted.linear, linear.components < components {
      context.warn(
        "W-FEWER-COMPONENTS", "the scene varies in \(linear.components) directions only; there are so many components")
    }
    var metadata = sweep.described(fitted.names, fitted.keepsQuantity ? source.quantity : .unknown)
    if let axis = fitted.axis {
      metadata.axis = axis
      metadata.axis.good = [Bool](repeating: true, count: axis.count)
      let isSame = axis.wavelengths == source.axis.wavelengths && axis.count == source.axis.count
      metadata.bandNames = isSame ? source.bandNames : []
    }
    metadata.summary = "\(id) of \(URL(fileURLWithPath: sweep.opened.path).lastPathComponent)"
    metadata.extra = [HeaderField("HSI_PRODUCT", id)]
    let product = RasterProduct(.spectra, path: output, content: fitted.summary, metadata: metadata)
    let result = PixelMatrix(rows: 0, columns: metadata.bands)
    var (undefined, valid) = (0, 0)
    var run = try sweep.runSpectra(product, label: "transforming", context) { strip in
      undefined += fitted.apply(strip.pixels, result)
      valid += strip.count
      return result
    }
    if undefined > 0 {
      context.warn("W-UNDEFINED-PIXELS", "\(undefined) of \(valid) pixels \(fitted.undefined)")
    }
    if let model, let linear = fitted.linear {
      let file = TransformModel(method: id, transform: linear, axis: source.axis, quantity: source.quantity)
      try run.write(try file.json(), to: model, content: "model of the transform")
    }
    var outcome = try sweep.finish(&run, main: product)
    outcome.summary = fitted.summary
    return outcome
  }

  // MARK: - Back

  private func invert(_ path: String, _ context: RunContext) throws -> JobResult {
    try requireNothingElse("the way back")
    let model = try TransformModel(file: path)
    var sweep = try SceneSweep(
      scene, output: output, excludesZeroSpectra: false, options: ["inverse": path], writing: writing, records: records,
      context)
    sweep.read([path])
    try sweep.check()
    let given = sweep.source.shape.bands
    guard given <= model.transform.components else {
      throw RasterError.inconsistent(
        path: sweep.opened.path,
        reason: "it has \(given) bands, and the transform of \(path) has \(model.transform.components) components",
        advice: "give components as \(option: "method") has written them, all or the first ones")
    }
    let transform = model.transform.truncated(to: given)
    var metadata = sweep.described([String](repeating: "", count: model.axis.count), model.quantity)
    metadata.axis = model.axis
    metadata.bandNames = []
    metadata.summary = "spectra from \(given) of \(model.transform.components) components (\(model.method))"
    let product = RasterProduct(.spectra, path: output, content: "spectra from components", metadata: metadata)
    let result = PixelMatrix(rows: 0, columns: metadata.bands)
    var run = try sweep.runSpectra(product, label: "transforming back", context) { strip in
      transform.invert(strip.pixels, into: result)
      return result
    }
    var outcome = try sweep.finish(&run, main: product)
    outcome.summary =
      "\(model.axis.count) bands from "
      + (given == model.transform.components
        ? "all \(given) components" : "the first \(given) of \(model.transform.components) components")
    return outcome
  }
}
