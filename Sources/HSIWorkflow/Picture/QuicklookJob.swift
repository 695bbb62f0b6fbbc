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
      return Quicklook.BandChoice(bands: list, reason: "user")
    }
  }
}
