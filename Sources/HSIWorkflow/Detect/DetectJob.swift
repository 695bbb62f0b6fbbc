import Foundation
import HSIClassification
import HSICore
import HSIDetection
import HSIRaster
import HSIReport
import HSISpectral

extension ProductName {
  /// 1 where a score is beyond its threshold, N × 1.
  static let detections: ProductName = "detections"
}

/// Finds a material, a gas, or what is unlike the rest of a scene: scores, detections, pictures and reports, as files.
///
/// Works strip by strip within the memory budget where the method allows it. When it throws, nothing is left.
///
/// ```swift
/// var job = DetectJob(scene: SceneRequest("scene.hdr"), output: "score.tif", DetectRequest(.spectra("tarpaulin.csv")))
/// job.falseAlarmRate = 1e-4
/// let result = try job.run(RunContext())
/// ```
public struct DetectJob: Sendable {
  /// Where it is looked.
  public var scene: SceneRequest
  /// The scores, one band per target.
  public var output: String
  /// What is looked for, and how.
  public var request: DetectRequest
  /// Statistics of the whole scene (`StatisticsJob`), in place of a look at its background; nil for that look.
  public var statistics: String?
  /// Share of the background that may be called a target; nil for no threshold.
  public var falseAlarmRate: Double?
  /// Where targets are; nil where nothing is known.
  public var truth: LabelRequest?
  /// Further products.
  public var products = DetectProductRequest()
  /// How rasters are written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// Scores of a scene.
  public init(scene: SceneRequest, output: String, _ request: DetectRequest) {
    (self.scene, self.output, self.request) = (scene, output, request)
  }

  /// Largest false-alarm rate, well inside the tail that is fitted.
  private static let largestRate = 0.05
  /// Value of pixels without a score in the map of detections.
  private static let noScore = 255.0

  /// Does the work.
  ///
  /// - Throws: the errors of opening, of the method and of writing; `DetectionError` for targets, truth and tails that tell nothing;
  ///   `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let description = try request.description()
    let parameters = try MethodParameters(request.values, for: description)
    if let rate = falseAlarmRate, !(rate > 0 && rate <= DetectJob.largestRate) {
      throw CoreError.invalidParameter(
        name: "\(option: "cfar")", value: "\(rate)", requirement: "above 0, and at most \(DetectJob.largestRate)")
    }
    try requireWholeTail()
    if let statistics, request.columnGroup != nil {
      throw CoreError.invalidParameter(
        name: "\(option: "statistics")", value: statistics,
        requirement: "left out with \(option: "columns"): they are those of all columns together")
    }
    var options = ["method": description.id].merging(request.values.mapValues { "\($0)" }) { $1 }
    options["column group"] = request.columnGroup.map { "\($0)" }
    var sweep = try SceneSweep(
      scene, output: output, everything: products.everything, reports: products.reports, options: options,
      writing: writing, records: records, context)
    let comparesUnits = Detectors.target.find(description.id)?.dependsOnUnits ?? false
    let targets = try DetectTargets(
      request, in: sweep.opened, sweep.source, comparesUnits: comparesUnits, context)
    try sweep.use(bands: targets.bands)
    let known = try truth.map { try $0.read(on: sweep.opened.reader, context) }
    sweep.read(request.files + [statistics].compactMap { $0 })
    if let truth { sweep.read([truth.path], digested: false) }
    let detections = falseAlarmRate == nil ? nil : products.detections ?? sweep.paths.stem.raster("detections")
    let quicklook = sweep.paths.file(products.quicklook, "score.png")
    try sweep.writeRaster(detections)
    sweep.plan.writePicture(quicklook, georeference: sweep.source.metadata.georeference)
    try sweep.check()

    let map = try known?.aligned(to: sweep.opened.reader, window: sweep.source.window, context)
    let background: any StripSource =
      try statistics.map {
        try StatisticsSource($0, for: sweep.source, of: sweep.opened.path, method: description.id, context)
      } ?? sweep.source
    let detector = try detector(description, parameters, targets, background, context)
    if let statistics, !(detector is any PixelDetector) {
      throw CoreError.invalidParameter(
        name: "\(option: "statistics")", value: statistics,
        requirement: "left out with \(description.id), which looks at more than a pixel and statistics")
    }
    var facts = DetectFacts(detector, shape: sweep.source.shape, truth: map)
    let scores = RasterProduct(
      .detection, path: output, content: "scores", metadata: sweep.described(detector.bands.map(\.name), .score))
    var (run, threshold, tail) = try write(scores, detections, detector, sweep, &facts, context)
    guard facts.count > 0 else {
      throw DetectionError.tooFewPixels(valid: 0, needed: 1, purpose: "detection")
    }
    if facts.histogram.minimum == facts.histogram.maximum, facts.count > 1 {
      context.warn(
        "W-SAME-SCORE", "all \(facts.count) pixels have the same score: the bands used tell them apart in nothing")
    }
    if tail == nil { tail = TailFit(facts.histogram) }
    let roc = try facts.roc(truth?.path ?? "")
    let outcome = DetectOutcome(
      job: self, description: description, parameters: parameters, targets: targets, detector: detector, sweep: sweep,
      facts: facts, tail: tail, threshold: threshold, roc: roc, context: context)
    if let quicklook {
      try run.write(
        outcome.picture, to: quicklook, georeference: sweep.source.metadata.georeference, step: facts.previews.step,
        content: "picture of the scores")
    }
    var result = try sweep.finish(&run, main: scores) { outputs, provenance in
      RunReport(try outcome.report(outputs: outputs, provenance: provenance)) { try outcome.figures() }
    }
    result.summary = outcome.summary
    return result
  }

  /// A threshold is fitted to the scores of all pixels: those of a window do not tell it for the whole scene.
  private func requireWholeTail() throws {
    guard statistics != nil, let falseAlarmRate else { return }
    if case .whole = scene.area { return }
    throw CoreError.invalidParameter(
      name: "\(option: "cfar")", value: "\(falseAlarmRate)",
      requirement: "left out with \(option: "statistics") and a window, whose scores are not those of the whole scene")
  }

  /// The detector, its background learnt.
  private func detector(
    _ description: MethodDescription, _ parameters: MethodParameters, _ targets: DetectTargets,
    _ source: any StripSource, _ context: RunContext
  ) throws -> any Detector {
    guard let library = targets.library else {
      if let width = request.columnGroup {
        return try Detectors.anomalyByColumns(description.id, in: source, columnsPerGroup: width, parameters, context)
      }
      return try Detectors.anomaly.entry(description.id).init(in: source, parameters, context)
    }
    if case .gas = request.wanted {
      var filter = PlumeFilter(absorption: Array(library[0]))
      filter.set(parameters)
      (filter.byColumn, filter.isLogarithmic) = (request.columnGroup != nil, request.isLogarithmic)
      return filter
    }
    if let width = request.columnGroup {
      return try Detectors.targetByColumns(
        description.id, library, in: source, columnsPerGroup: width, parameters, context)
    }
    return try Detectors.target.entry(description.id).init(library, in: source, parameters, context)
  }

  /// Writes the scores; with a false-alarm rate they are kept until the threshold is known, and the detections are written beside them.
  private func write(
    _ scores: RasterProduct, _ detections: String?, _ detector: any Detector, _ sweep: SceneSweep,
    _ facts: inout DetectFacts, _ context: RunContext
  ) throws -> (RunRecords, DetectionBody.Threshold?, TailFit?) {
    guard let rate = falseAlarmRate, let detections else {
      let run = try sweep.write([scores]) { sink in
        try detector.detect(in: sweep.source, context) { strip in
          guard let values = strip[.detection] else { return }
          facts.add(strip, values)
          try sink.write(strip)
        }
      }
      return (run, nil, nil)
    }
    let shape = sweep.source.shape
    let store = try ScoreStore(
      lines: shape.lines, samples: shape.samples, columns: detector.bands.count, for: output)
    try detector.detect(in: sweep.source, context) { strip in
      guard let values = strip[.detection] else { return }
      facts.add(strip, values)
      try store.write(strip, values)
    }
    guard facts.count >= TailFit.least else {
      throw DetectionError.tooFewPixels(
        valid: facts.count, needed: TailFit.least, purpose: "a threshold by its false-alarm rate")
    }
    guard let tail = TailFit(facts.histogram) else {
      throw DetectionError.noTail
    }
    let limit = Float(tail.threshold(rate: rate))
    var metadata = sweep.described(["detection"], .class)
    metadata.classes = [
      ClassEntry(name: "background", colour: [0, 0, 0]), ClassEntry(name: "detection", colour: [230, 57, 70]),
    ]
    metadata.nodata = [DetectJob.noScore]
    var product = RasterProduct(.detections, path: detections, content: "detections", metadata: metadata)
    product.type = .uint8
    product.interleave = nil
    var found = 0
    let run = try sweep.write([scores, product]) { sink in
      try store.forEach(lines: shape.lines, context) { strip, values in
        var results = strip
        let flags = PixelMatrix(rows: strip.count, columns: 1)
        for n in 0..<strip.count {
          let isFound = facts.rank(values, n).rank > limit
          flags[n, 0] = isFound ? 1 : 0
          if isFound { found += 1 }
        }
        results[.detection] = values
        results[.detections] = flags
        try sink.write(results)
      }
    }
    let expected = rate * Double(facts.count)
    if expected >= 5, Double(found) < expected / 2 {
      context.warn(
        "W-TAIL",
        "\(found) pixels lie beyond the threshold where \(Int(clamping: expected.rounded())) of the background alone were "
          + "expected: the highest scores do not continue the others, as where there are many targets. Look at the best "
          + "pixels, or raise \(option: "cfar")")
    }
    let threshold = DetectionBody.Threshold(
      falseAlarmRate: rate, score: Double(facts.sign * limit), detections: found, expected: expected)
    return (run, threshold, tail)
  }
}
