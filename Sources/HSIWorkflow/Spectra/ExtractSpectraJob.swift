import Foundation
import HSICore
import HSIRaster
import HSIReport

/// Takes spectra out of a scene, by pixel, polygon or class, and writes them as a library.
///
/// ```swift
/// var job = ExtractSpectraJob(
///   scene: SceneRequest("scene.tif"), output: "crops.sli", of: .polygons("plots.geojson", attribute: "crop"))
/// job.deviations = "crops_deviation.csv"
/// let result = try job.run(RunContext())
/// ```
public struct ExtractSpectraJob: Sendable {
  /// Which pixels are taken.
  public enum Places: Sendable {
    /// These pixels of the file.
    case pixels([PixelPosition])
    /// The pixels inside each polygon, named by an attribute, or numbered.
    case polygons(String, attribute: String?)
    /// The pixels of each class.
    case classes(LabelRequest)
  }

  /// The scene; all bands unless it names some.
  public var scene: SceneRequest
  /// The spectra: CSV for names that end so, else `.sli`, `.hdr` and `.csv`.
  public var output: String
  /// Which pixels.
  public var places: Places
  /// Whether every pixel is a spectrum of its own, in place of the mean over each polygon or class.
  public var takesEveryPixel = false
  /// Where standard deviations (n − 1) are written under the same names; nil for nowhere.
  public var deviations: String?
  /// Whether existing files may be replaced.
  public var overwrites = false

  /// Spectra of a scene.
  public init(scene: SceneRequest, output: String, of places: Places) {
    (self.scene, self.output, self.places) = (scene, output, places)
  }

  /// Does the work; the text of the result is a table of the spectra with their numbers of pixels.
  ///
  /// - Throws: `CoreError.invalidParameter` for pixels outside the image or without data, and deviations of single pixels;
  ///   `RasterError.inconsistent` where no pixel has data; the errors of opening, of polygons and labels, and of writing;
  ///   `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let opened = try scene.open(context)
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read(opened.files + placeFiles)
    for file in SpectraOutput.files(output) + (deviations.map(SpectraOutput.files) ?? []) { plan.write(file) }
    try plan.check()
    var placed = try PlacedPixels(places, in: opened, context)
    if case .pixels = places {
      try requireMeans()
    } else if takesEveryPixel {
      try requireMeans()
      placed.groups = try singles(placed.groups, opened, context)
    }
    let source = try opened.source(bands: scene.bands ?? .all, context)
    let statistics = try placed.measure(source, samples: opened.reader.shape.samples, context)
    let library = try library(placed.groups, statistics, source, context)
    var files = try SpectraOutput.write(library.mean, to: output, overwrite: overwrites, inputs: plan.protected)
    var result = JobResult(outputs: files.map { ReportOutput(path: $0, content: "spectra") })
    if let deviations {
      files = try SpectraOutput.write(library.deviation, to: deviations, overwrite: overwrites, inputs: plan.protected)
      result.outputs += files.map { ReportOutput(path: $0, content: "standard deviations") }
    }
    result.text = TextTable.text(
      [["spectrum", "pixels"]] + zip(library.mean.names, library.counts).map { [$0, "\($1)"] }, left: [0])
    result.summary =
      "\(library.counts.count) \(library.counts.count == 1 ? "spectrum" : "spectra") of \(source.shape.bands) bands from "
      + "\(library.counts.reduce(0, +)) pixels"
    return result
  }

  private var placeFiles: [String] {
    switch places {
    case .pixels: []
    case .polygons(let path, _): [path]
    case .classes(let request): [request.path]
    }
  }

  private func requireMeans() throws {
    guard let deviations else { return }
    throw CoreError.invalidParameter(
      name: "\(option: "deviation")", value: deviations,
      requirement: "left out where every pixel is a spectrum of its own")
  }

  /// Every pixel as a group of its own, named after its group and its place.
  private func singles(_ groups: [PlacedPixels.Group], _ opened: OpenScene, _ context: RunContext) throws
    -> [PlacedPixels.Group]
  {
    let count = groups.reduce(0) { $0 + $1.places.count }
    let bands = opened.reader.shape.bands
    let needed = count * (bands * 40 + 120)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "holding \(count) spectra of \(bands) bands", needed: needed, budget: context.memory.bytes)
    }
    let samples = opened.reader.shape.samples
    return groups.flatMap { group in
      group.places.map { place in
        let pixel = PixelPosition(line: place / samples, sample: place % samples)
        return PlacedPixels.Group(name: "\(group.name) \(pixel.title)", places: [place])
      }
    }
  }

  private struct Result {
    var mean: SpectralLibrary
    var deviation: SpectralLibrary
    var counts: [Int]
  }

  /// The groups that have pixels with data, as libraries.
  private func library(
    _ groups: [PlacedPixels.Group], _ statistics: GroupStatistics, _ source: FileSource, _ context: RunContext
  ) throws -> Result {
    let kept = groups.indices.filter { statistics.counts[$0] > 0 }
    let lost = groups.indices.filter { statistics.counts[$0] == 0 }.map { groups[$0].name }
    if case .pixels = places, let first = lost.first {
      throw CoreError.invalidParameter(
        name: "\(option: "pixel")", value: first, requirement: "a pixel that holds data in \(scene.path)")
    }
    guard !kept.isEmpty else {
      throw RasterError.inconsistent(
        path: scene.path, reason: "no pixel of the polygons or classes holds data in the part that is used",
        advice: "check \(option: "nodata"), \(option: "mask") and \(option: "window")")
    }
    if !lost.isEmpty, !takesEveryPixel {
      context.warn("W-SPECTRA-EMPTY", "no pixel with data: \(lost.joined(separator: ", ")) left out")
    }
    // Deviations are on the channels of the scene: bad ones stay bad.
    let names = kept.map { groups[$0].name }
    let axis = source.metadata.axis
    return Result(
      mean: SpectralLibrary(names: names, axis: axis, values: kept.flatMap { statistics.mean($0) }),
      deviation: SpectralLibrary(names: names, axis: axis, values: kept.flatMap { statistics.deviation($0) }),
      counts: kept.map { statistics.counts[$0] })
  }
}
