import HSICore
import HSINumerics
import HSIRaster
import HSIReport
import HSISpectral

extension ProductName {
  /// Spectra on other bands, or transformed, N × bands.
  public static let spectra: ProductName = "spectra"
}

/// Brings a scene to the bands of another instrument.
///
/// ```swift
/// let job = ResampleJob(scene: SceneRequest("scene.hdr"), output: "enmap.tif", target: "enmap")
/// let result = try job.run(RunContext())
/// ```
public struct ResampleJob: Sendable {
  /// The scene.
  public var scene: SceneRequest
  /// The raster to write, float32.
  public var output: String
  /// An instrument of `ResampleTarget.instruments`, or a file of bands or responses.
  public var target: String
  /// Whether bands that are narrower than those of the scene are interpolated, rather than left out.
  public var interpolates = false
  /// How the raster is written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// A scene on other bands.
  public init(scene: SceneRequest, output: String, target: String) {
    (self.scene, self.output, self.target) = (scene, output, target)
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening, of the target and of writing; `SpectralError.inconsistent`, `CoreError.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let target = try ResampleTarget(target, context)
    var sweep = try SceneSweep(
      scene, output: output, options: ["to": self.target, "interpolate": "\(interpolates)"], writing: writing,
      records: records, context)
    sweep.read([target.file].compactMap { $0 })
    try sweep.check()
    let resolution = try BandResolution(
      from: sweep.source.metadata.axis, to: target.bands, interpolating: interpolates, named: target.name)
    resolution.warn(target, owner: "the scene", interpolates: interpolates, context)
    var metadata = sweep.described(resolution.kept.map { target.bandNames[$0] }, sweep.source.metadata.quantity)
    metadata.axis = resolution.weights.axis
    metadata.axis.good = [Bool](repeating: true, count: metadata.axis.count)
    metadata.axis.unit = sweep.source.metadata.axis.unit
    metadata.bandNames = metadata.bandNames.allSatisfy(\.isEmpty) ? [] : metadata.bandNames
    metadata.summary = "simulated bands of \(target.name)" + (metadata.sensor.map { ", from \($0)" } ?? "")
    metadata.sensor = target.name
    let product = RasterProduct(.spectra, path: output, content: "resampled cube", metadata: metadata)
    let result = PixelMatrix(rows: 0, columns: metadata.bands)
    var run = try sweep.runSpectra(product, label: "resampling", context) { strip in
      resolution.weights.apply(strip.pixels, into: result)
      return result
    }
    var outcome = try sweep.finish(&run, main: product)
    let all = target.bandNames.count
    outcome.summary =
      resolution.kept.count == all
      ? "\(all) bands of \(target.name)" : "\(resolution.kept.count) of \(all) bands of \(target.name)"
    return outcome
  }
}
