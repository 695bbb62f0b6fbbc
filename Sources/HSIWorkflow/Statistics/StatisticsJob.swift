import Foundation
import HSICore
import HSINumerics
import HSIRaster
import HSIReport

/// Looks at a scene, or a window of it, once, and keeps what methods need to know of it as a whole: number of pixels, mean, covariance,
/// extremes, and the differences of neighbours that tell the noise.
///
/// ```swift
/// var job = StatisticsJob(scene: SceneRequest("mosaic.vrt"), output: "left.safetensors")
/// job.scene.area = .pixels(PixelWindow(line: 0, sample: 0, lines: 1000, samples: 1000))
/// let result = try job.run(RunContext())
/// ```
public struct StatisticsJob: Sendable {
  /// The scene; its area is the window that is counted. Pairs of neighbours over its upper and left edges are counted too, so that windows
  /// that cover a scene add up to it.
  public var scene: SceneRequest
  /// The file to write, `.safetensors`.
  public var output: String
  /// Whether existing files may be replaced.
  public var overwrites = false
  /// Provenance.
  public var records = RecordRequest()

  /// Statistics of a scene.
  public init(scene: SceneRequest, output: String) { (self.scene, self.output) = (scene, output) }

  /// Does the work.
  ///
  /// - Throws: the errors of opening, reading and writing; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    var provenance = Provenance(options: ["scene": scene.path], context)
    let opened = try scene.open(context)
    let window = try opened.window()
    let step = NeighbourDifferences.step(opened.reader.shape)
    let margin = (lines: min(window.line, step.lines), samples: min(window.sample, step.samples))
    var request = scene
    request.area = .pixels(
      PixelWindow(
        line: window.line - margin.lines, sample: window.sample - margin.samples, lines: window.lines + margin.lines,
        samples: window.samples + margin.samples))
    let wide = try OpenScene(request, opened.reader, context)
    let source = try wide.source(bands: scene.bands ?? .good, excludesZeroSpectra: true, context)
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read(opened.files, digested: records.digestsInputs)
    plan.write(output)
    let provenancePath = records.provenancePath(of: output)
    plan.write(provenancePath, replaceable: true)
    plan.record(on: &provenance)
    try plan.check()

    let bands = source.shape.bands
    let needed = 2 * ExactMoments.memory(bands: bands)
    guard needed <= max(context.memory.bytes, 64 << 20) else {
      throw CoreError.memory(purpose: "statistics of \(bands) bands", needed: needed, budget: context.memory.bytes)
    }
    let pixels = ExactMoments(bands: bands)
    let differences = NeighbourDifferences(bands: bands, samples: source.shape.samples, step: step, margin: margin)
    let core = PixelMatrix(rows: 0, columns: bands)
    let hasMargin = margin.lines + margin.samples > 0
    var line = 0
    try source.forEachStrip(
      context, label: "statistics",
      extraBytesPerPixel: NeighbourDifferences.bytesPerPixel + (hasMargin ? 4 * bands : 0)
    ) { strip in
      differences.add(strip)
      defer { line += strip.window.lines }
      guard hasMargin else { return pixels.add(strip.pixels) }
      StatisticsJob.select(strip, samples: source.shape.samples, line: line, margin: margin, into: core)
      pixels.add(core)
    }
    let isMasked = scene.mask != nil || scene.cutline != nil
    let file = StatisticsFile(
      axis: source.metadata.axis, quantity: source.metadata.quantity, nodataPolicy: scene.nodataPolicy.rawValue,
      isMasked: isMasked,
      windows: WindowSet(
        id: try StatisticsJob.digest(opened, bands: source.bands, context), lines: opened.reader.shape.lines,
        samples: opened.reader.shape.samples, window: window), pixels: pixels, differences: differences.moments)
    return try StatisticsJob.finish(file, output, plan, provenance, at: provenancePath, context)
  }

  /// The pixels of a strip that are not in the margin.
  private static func select(
    _ strip: Strip, samples: Int, line: Int, margin: (lines: Int, samples: Int), into core: PixelMatrix
  ) {
    let bands = strip.bands
    core.reshape(rows: strip.count, columns: bands)
    var count = 0
    for (row, position) in strip.positions.enumerated() {
      let place = Int(position)
      guard place % samples >= margin.samples, line + place / samples >= margin.lines else { continue }
      (core.pointer + count * bands).update(from: strip.pixels.pointer + row * bands, count: bands)
      count += 1
    }
    core.reshape(rows: count, columns: bands)
  }

  /// What tells a raster from others, however it is named: its size and the pixels of a few places.
  private static func digest(_ scene: OpenScene, bands: [Int], _ context: RunContext) throws -> String {
    let shape = scene.reader.shape
    var digest = SHA256()
    digest.update(Array("\(shape.lines) \(shape.samples) \(bands.count)".utf8))
    let strip = Strip()
    for line in Set((0...4).map { (shape.lines - 1) * $0 / 4 }).sorted() {
      var selection = SelectionOptions()
      let width = min(64, shape.samples)
      selection.window = PixelWindow(
        line: line, sample: (shape.samples - width) / 2, lines: 1, samples: width)
      selection.bands = .list(bands)
      let source = try FileSource(scene.reader, selection, context: context)
      try source.read(lines: 0..<1, into: strip)
      strip.positions.withUnsafeBytes { digest.update(Array($0)) }
      digest.update(
        Array(UnsafeRawBufferPointer(start: strip.pixels.pointer, count: strip.count * bands.count * 4)))
    }
    return String(digest.hexadecimal().prefix(32))
  }

  /// Writes the file and its provenance.
  static func finish(
    _ file: StatisticsFile, _ output: String, _ plan: OutputPlan, _ provenance: Provenance, at path: String?,
    _ context: RunContext
  ) throws -> JobResult {
    if file.count == 0 {
      context.warn("W-NO-PIXELS", "there is no valid pixel: the statistics hold nothing but the window")
    }
    var run = RunRecords(plan, provenance, at: path)
    try file.write(to: output, overwrite: plan.overwrites, inputs: plan.protected)
    run.outputs.append(ReportOutput(path: output, content: "statistics"))
    var result = try run.finish(context)
    result.summary = "\(file.count) pixels and \(file.pairs) pairs of neighbours in \(file.bands) bands"
    return result
  }
}

/// Puts statistics of windows or scenes together; whatever their number and order, the file is the same.
///
/// ```swift
/// let job = StatisticsMergeJob(files: ["left.safetensors", "right.safetensors"], output: "whole.safetensors")
/// let result = try job.run(RunContext())
/// ```
public struct StatisticsMergeJob: Sendable {
  /// Files of statistics.
  public var files: [String]
  /// The file to write.
  public var output: String
  /// Whether existing files may be replaced.
  public var overwrites = false
  /// Provenance.
  public var records = RecordRequest()

  /// Statistics of all files together.
  public init(files: [String], output: String) { (self.files, self.output) = (files, output) }

  /// Does the work.
  ///
  /// - Throws: the errors of reading and writing; `RasterError.inconsistent` for statistics that do not fit together.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    guard !files.isEmpty else {
      throw CoreError.invalidParameter(name: "the statistics", value: "none", requirement: "at least one file")
    }
    var provenance = Provenance(options: [:], context)
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read(files, digested: true)
    plan.write(output)
    let provenancePath = records.provenancePath(of: output)
    plan.write(provenancePath, replaceable: true)
    plan.record(on: &provenance)
    try plan.check()
    let merged = try StatisticsFile.merged(files, context)
    return try StatisticsJob.finish(merged, output, plan, provenance, at: provenancePath, context)
  }
}
