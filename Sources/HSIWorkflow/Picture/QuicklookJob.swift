import HSIClassification
import HSICore
import HSIRaster
import HSIReport
import HSIUnmixing

/// Writes a colour picture of a scene (PNG with world file).
public struct QuicklookJob: Sendable {
  /// What is shown as red, green and blue.
  public enum Colours: Sendable {
    /// The file's own choice, natural colour, infrared, or three bands of high variance.
    case automatic
    /// One or three bands, 0-based.
    case bands([Int])
    /// The good bands nearest to one or three wavelengths in nm.
    case wavelengths([Double])
  }

  /// The scene.
  public var scene: SceneRequest
  /// The picture, a name that ends in `.png`.
  public var output: String
  /// What is shown.
  public var colours = Colours.automatic
  /// Percentiles of the valid pixels that are shown black and white.
  public var stretch = 2.0...98.0
  /// Longest side of the picture in pixels; larger scenes are thinned out.
  public var longestSide = 8192
  /// Whether an existing picture may be replaced.
  public var overwrites = false

  /// A picture of a scene.
  public init(scene: SceneRequest, output: String) {
    self.scene = scene
    self.output = output
  }

  /// Does the work.
  ///
  /// - Throws: `CoreError.invalidParameter`, the errors of opening and writing, `UnmixingError.tooFewPixels`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    guard output.lowercased().hasSuffix(".png") else {
      throw CoreError.invalidParameter(
        name: "the picture", value: output, requirement: "a name that ends in .png")
    }
    guard longestSide >= 1 else {
      throw CoreError.invalidParameter(
        name: "\(option: "longest side")", value: "\(longestSide)", requirement: "at least 1")
    }
    let opened = try scene.open(context)
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read(opened.files)
    plan.writePicture(output, georeference: opened.metadata.georeference)
    try plan.check()
    if case .automatic = colours, opened.reader.shape.bands == 1, opened.metadata.classes != nil {
      return try classMap(opened, plan, context)
    }
    let choice = try explicit(opened) ?? SceneColours.choose(opened, context)
    let source = try opened.source(bands: .list(choice.bands), context)
    let image = try Quicklook.render(source, stretch: stretch, longestSide: longestSide, context)
    guard stride(from: 3, to: image.pixels.count, by: 4).contains(where: { image.pixels[$0] > 0 }) else {
      throw UnmixingError.tooFewPixels(valid: 0, needed: 1, purpose: "a picture")
    }
    let step = max(1, (source.shape.samples + image.width - 1) / image.width)
    context.logger.info("shown: \(SceneColours.caption(choice, opened.metadata)) (\(choice.reason))")
    let files = try PNG.write(
      image, to: output, georeference: source.metadata.georeference, step: step, overwrite: overwrites,
      inputs: plan.protected)
    return JobResult(outputs: files.map { ReportOutput(path: $0, content: "picture") })
  }

  /// A map of classes in its own colours.
  private func classMap(_ opened: OpenScene, _ plan: OutputPlan, _ context: RunContext) throws -> JobResult {
    let source = try opened.source(bands: .all, context)
    let cube = try source.load(context)
    let labels = try LabelMap(
      lines: source.shape.lines, samples: source.shape.samples,
      values: UnsafeBufferPointer(start: cube.pixels.pointer, count: cube.count), positions: cube.positions,
      known: opened.metadata.classes, path: opened.path, palette: ClassRaster.palette)
    let (image, step) = ClassPicture.image(labels, longestSide: longestSide)
    context.logger.info("shown: \(labels.classes.count) classes in their colours")
    let files = try PNG.write(
      image, to: output, georeference: source.metadata.georeference, step: step, overwrite: overwrites,
      inputs: plan.protected)
    return JobResult(outputs: files.map { ReportOutput(path: $0, content: "picture") })
  }

  private func explicit(_ opened: OpenScene) throws -> Quicklook.BandChoice? {
    switch colours {
    case .automatic: return nil
    case .bands(let list):
      let count = opened.reader.shape.bands
      guard list.count == 1 || list.count == 3, list.allSatisfy({ (0..<count).contains($0) }) else {
        throw CoreError.invalidParameter(
          name: "\(option: "bands")", value: list.map { "\($0 + 1)" }.joined(separator: ","),
          requirement: "one or three bands from 1 to \(count)")
      }
      return Quicklook.BandChoice(bands: list, reason: "user")
    case .wavelengths(let wanted):
      guard let list = Quicklook.nearest(wanted, in: opened.metadata.axis, within: .infinity) else {
        throw RasterError.inconsistent(
          path: opened.path, reason: "the file has no wavelengths",
          advice: "give \(option: "wavelengths"), or choose with \(option: "bands")")
      }
      let centres = opened.metadata.axis.wavelengths ?? []
      let good = opened.metadata.axis.goodBands.map { centres[$0] }
      // As far as colours may be from the bands that a file has by default.
      if let far = zip(wanted, list).first(where: { abs(centres[$1] - $0) > Quicklook.tolerance })?.0 {
        throw CoreError.invalidParameter(
          name: "\(option: "wavelength ranges")", value: String(format: "%.6g", far),
          requirement: String(
            format: "within %.0f nm of a good band; they lie between %.6g and %.6g nm", Quicklook.tolerance,
            good.min() ?? 0, good.max() ?? 0))
      }
      return Quicklook.BandChoice(bands: list, reason: "user")
    }
  }
}
