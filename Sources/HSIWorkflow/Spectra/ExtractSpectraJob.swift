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

  /// The pixels of one spectrum, or of one mean.
  private struct Group {
    var name: String
    /// Places in the file, ascending.
    var places: [Int]
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
    var groups = try groups(opened, context)
    if case .pixels = places {
      try requireMeans()
    } else if takesEveryPixel {
      try requireMeans()
      groups = try singles(groups, opened, context)
    }
    let source = try opened.source(bands: scene.bands ?? .all, context)
    let statistics = try measure(groups, source, opened.reader.shape.samples, context)
    let library = try library(groups, statistics, source, context)
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

  private func groups(_ opened: OpenScene, _ context: RunContext) throws -> [Group] {
    let shape = opened.reader.shape
    let window = try opened.window()
    switch places {
    case .pixels(let positions):
      return try positions.map { pixel in
        let isInside =
          (window.line..<(window.line + window.lines)).contains(pixel.line)
          && (window.sample..<(window.sample + window.samples)).contains(pixel.sample)
        guard isInside else {
          throw CoreError.invalidParameter(
            name: "\(option: "pixel")", value: "\(pixel.sample),\(pixel.line)",
            requirement: "inside the image of \(shape.samples) samples × \(shape.lines) lines"
              + (window == shape.window ? "" : " and its \(option: "window")"))
        }
        return Group(name: pixel.title, places: [pixel.line * shape.samples + pixel.sample])
      }
    case .polygons(let path, let attribute):
      let vectors = try VectorFeatures(path, attribute: attribute, on: opened.reader, context)
      let repeated = Dictionary(grouping: vectors.features.compactMap(\.text)) { $0 }.filter { $1.count > 1 }
      var seen: [String: Int] = [:]
      return vectors.features.compactMap { feature in
        var name = "polygon \(feature.number)"
        if let text = feature.text {
          seen[text, default: 0] += 1
          name = repeated[text] == nil ? text : "\(text) \(seen[text] ?? 1)"
        }
        return feature.places.isEmpty ? nil : Group(name: name, places: feature.places)
      }
    case .classes(let request):
      let labels = try request.read(on: opened.reader, context).aligned(
        to: opened.reader, window: shape.window, context)
      var groups = labels.classes.names.map { Group(name: $0, places: []) }
      for (place, index) in labels.indices.enumerated() where index >= 0 {
        groups[Int(index)].places.append(place)
      }
      return groups
    }
  }

  /// Every pixel as a group of its own, named after its group and its place.
  private func singles(_ groups: [Group], _ opened: OpenScene, _ context: RunContext) throws -> [Group] {
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
        return Group(name: "\(group.name) \(pixel.title)", places: [place])
      }
    }
  }

  /// Adds up the spectra of all groups.
  ///
  /// - Parameter samples: pixels in a line of the file.
  private func measure(
    _ groups: [Group], _ source: FileSource, _ samples: Int, _ context: RunContext
  ) throws -> GroupStatistics {
    // A pixel may belong to several polygons.
    var members = groups.indices.flatMap { index in groups[index].places.map { (place: $0, group: Int32(index)) } }
    members.sort { ($0.place, $0.group) < ($1.place, $1.group) }
    var statistics = GroupStatistics(groups: groups.count, bands: source.shape.bands)
    let window = source.window
    var next = 0
    let strip = Strip()
    let pieces = ExtractSpectraJob.pieces(members.map { $0.place / samples - window.line }, source, context)
    for (index, lines) in pieces.enumerated() {
      try context.checkCancellation()
      context.progress.report(phase: "spectra", fraction: Double(index) / Double(pieces.count))
      try source.read(lines: lines, into: strip)
      for (row, position) in strip.positions.enumerated() {
        let line = window.line + strip.window.line + Int(position) / window.samples
        let place = line * samples + window.sample + Int(position) % window.samples
        while next < members.count, members[next].place < place { next += 1 }
        while next < members.count, members[next].place == place {
          statistics.add(strip.pixels.row(row), to: Int(members[next].group))
          next += 1
        }
      }
    }
    context.progress.report(phase: "spectra", fraction: 1)
    return statistics
  }

  /// The lines to read, in strips: a single pixel of a large scene costs a few lines.
  ///
  /// - Parameter wanted: lines of the window, ascending; those outside do not count.
  private static func pieces(_ wanted: [Int], _ source: FileSource, _ context: RunContext) -> [Range<Int>] {
    let (height, block) = (source.stripLines(context.memory), max(1, source.blockLines))
    var pieces: [Range<Int>] = []
    for line in wanted where (0..<source.shape.lines).contains(line) {
      if let last = pieces.last, line < last.upperBound { continue }
      if let last = pieces.last, line - last.upperBound < block, line + 1 - last.lowerBound <= height {
        pieces[pieces.count - 1] = last.lowerBound..<(line + 1)
      } else {
        pieces.append(line..<(line + 1))
      }
    }
    return pieces
  }

  private struct Result {
    var mean: SpectralLibrary
    var deviation: SpectralLibrary
    var counts: [Int]
  }

  /// The groups that have pixels with data, as libraries.
  private func library(
    _ groups: [Group], _ statistics: GroupStatistics, _ source: FileSource, _ context: RunContext
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

extension PixelPosition {
  /// `x12 y34`, without the commas that separate names in libraries.
  fileprivate var title: String { "x\(sample) y\(line)" }
}
