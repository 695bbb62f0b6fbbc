import Foundation
import HSIClassification
import HSICore
import HSINumerics
import HSIRaster
import HSIReport
import HSISpectral

/// Judges a map (or several) by labels: accuracy, confusion, spectra of classes, as a table and reports.
public struct ClassificationEvaluationJob: Sendable {
  /// A map and the split whose test pixels are judged; all labelled pixels without one.
  public struct Map: Sendable {
    public var path: String
    public var split: String?

    /// A map.
    public init(_ path: String, split: String? = nil) {
      self.path = path
      self.split = split
    }
  }

  /// The maps; the report is about the first one, and gives mean and deviation over all.
  public var maps: [Map]
  /// The labels.
  public var labels: LabelRequest
  /// The scene that was mapped; nil for the one that the provenance of the map names.
  public var scene: String?
  /// The model that mapped it; nil for the one that the provenance of the map names.
  public var model: String?
  /// Probability of the class in the first map; nil for the raster of the name that `hsi classify predict` gives it beside the map,
  /// where it is there.
  public var confidence: String?
  /// Where reports go.
  public var reports = ReportPlaces()
  /// Whether existing files may be replaced.
  public var overwrites = false

  /// Judges one map on all labelled pixels, or on the test pixels of its split.
  public init(map: Map, labels: LabelRequest) {
    maps = [map]
    self.labels = labels
  }

  /// A map beside the labels on its pixels.
  private struct Judged {
    var map: LabelMap
    var labels: LabelMap
    var split: Split?
    var reader: any CubeReader
    var matrix: ConfusionMatrix
    var files: [String]
    var name: String
    var splitName: String?
    var accuracy: Accuracy { Accuracy(matrix) }
  }

  /// Does the work; the text of the result is a table, or the report where it was asked for at `-`.
  ///
  /// - Throws: the errors of opening; `ClassificationError.badLabels`, `.grid`; the errors of writing.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    precondition(!maps.isEmpty, "an evaluation without maps")
    let provenance = Provenance(
      options: ["map": maps[0].path, "labels": labels.path], isClassification: true, context)
    let runs = try maps.map { try judge($0, context) }
    let first = runs[0]
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read(runs.flatMap(\.files))
    if maps[0].split == nil {
      context.warn(
        "W-EVALUATE-ALL",
        "without \(option: "split") all \(first.matrix.total) labelled pixels are judged; the accuracy is too good when the model "
          + "learned from some of them")
    }
    let origin = MapOrigin(maps[0].path, scene: scene, model: model)
    let trained = try origin.model.map { path -> (path: String, value: ClassificationModel) in
      let model = try ClassificationModel.read(path)
      return (path, try origin.adapter.map { try model.adapted(by: $0, model: path) } ?? model)
    }
    let confidence = try reliability(first, context)
    plan.read([origin.scene, origin.model, origin.adapter, confidence?.path].compactMap { $0 })
    for path in [reports.json, reports.html] { plan.write(path) }
    try plan.check()
    var run = RunRecords(plan, provenance, at: nil)
    plan.record(on: &run.provenance)
    run.reports = reports
    let facts = try origin.scene.flatMap { try spectra($0, first, trained?.value, context) }
    var result = try run.finish(context) { outputs, provenance in
      var report = try report(runs, scene: facts, model: trained, outputs: outputs, provenance: provenance)
      report.body.reliability = confidence?.body
      report.body.model?.settings["averaged with"] = origin.companions
      return RunReport(report) {
        try figures(first, origin.scene, confidence?.path, context)
      }
    }
    if reports.json != "-" { result.text = text(runs, confidence) }
    return result
  }

  // MARK: - Judging

  private func judge(_ run: Map, _ context: RunContext) throws -> Judged {
    let map = try LabelRequest(run.path).read(context)
    let names = map.reader.metadata.classes ?? map.classes.byValue
    let truth = try self.labels.read(on: map.reader, known: names, context)
    if self.labels.isVector { try checkNames(truth, names, map: run.path, context) }
    var labels = try truth.aligned(to: map.reader, window: map.reader.shape.window, context)
    var files = truth.files + map.files
    let classes = labels.classes.union(map.classes)
    labels = labels.with(classes)
    let labelled = map.map.with(classes)
    var split: Split?
    if let path = run.split {
      let found = try SplitRaster.read(path, lines: labels.lines, samples: labels.samples, context)
      split = found.split
      files += found.files
    }
    var matrix = ConfusionMatrix(classes: classes.count)
    let (wanted, result) = (labels.indices, labelled.indices)
    for place in wanted.indices where wanted[place] >= 0 {
      if let split, split.roles[place] != .test { continue }
      matrix.add(truth: Int(wanted[place]), result: result[place] >= 0 ? Int(result[place]) : nil)
    }
    guard matrix.total > 0 else {
      throw ClassificationError.badLabels(
        path: run.split ?? self.labels.path,
        reason: "it marks no labelled pixel of \(self.labels.path) as a test pixel",
        advice: "check that split and labels belong together")
    }
    return Judged(
      map: labelled, labels: labels, split: split, reader: map.reader, matrix: matrix, files: files, name: run.path,
      splitName: run.split)
  }

  /// Says which classes of polygons the map has no name for; refuses those of which it has none.
  private func checkNames(
    _ truth: LabelFile, _ known: [ClassEntry], map: String, _ context: RunContext
  ) throws {
    let unknown = zip(truth.classes.values, truth.classes.names).filter { Int($0.0) >= known.count }.map(\.1)
    guard !unknown.isEmpty else { return }
    let list = unknown.joined(separator: ", ")
    guard unknown.count < truth.classes.count else {
      throw ClassificationError.badLabels(
        path: truth.path, reason: "none of its classes (\(list)) is one of \(map)",
        advice: "give the attribute with the names or numbers of the map's classes")
    }
    context.warn(
      "W-LABELS-CLASS", "\(truth.path): \(map) has no class \(list); their pixels count as wrong")
  }

  // MARK: - Reliability

  private struct Believed {
    var path: String
    var value: Reliability
    var body: ClassificationBody.Reliability {
      let width = 1 / Double(Reliability.binCount)
      return .init(
        path: path, expectedCalibrationError: value.expectedCalibrationError,
        bins: value.bins.enumerated().map { n, bin in
          .init(
            from: Double(n) * width, to: Double(n + 1) * width, count: bin.count, confidence: bin.confidence,
            accuracy: bin.accuracy)
        })
    }
  }

  /// Judged pixels by the confidence of the first map; nil where it is not known.
  private func reliability(_ judged: Judged, _ context: RunContext) throws -> Believed? {
    let path: String
    if let confidence {
      path = confidence
    } else {
      path = OutputStem(judged.name).raster("confidence")
      guard FileManager.default.fileExists(atPath: path) else { return nil }
    }
    let reader = try RasterFormats.open(path, context: context)
    guard reader.shape.bands == 1, (reader.shape.lines, reader.shape.samples) == (judged.map.lines, judged.map.samples)
    else {
      throw ClassificationError.badLabels(
        path: path,
        reason:
          "it has \(reader.shape) (lines × samples × bands) but the map \(judged.map.lines) × \(judged.map.samples) × 1",
        advice: "give the confidence of this map with \(option: "confidence")")
    }
    let (wanted, result) = (judged.labels.indices, judged.map.indices)
    var value = Reliability()
    try FileSource(reader, SelectionOptions(), context: context).forEachStrip(context, label: "reading the confidence")
    {
      let base = $0.window.line * judged.map.samples
      for (n, offset) in $0.positions.enumerated() {
        let place = base + Int(offset)
        guard wanted[place] >= 0, result[place] >= 0 else { continue }
        if let split = judged.split, split.roles[place] != .test { continue }
        value.add(confidence: Double($0.pixels[n, 0]), isRight: wanted[place] == result[place])
      }
    }
    guard value.total > 0 else {
      throw ClassificationError.badLabels(
        path: path, reason: "it holds no probability from 0 to 1 at a judged pixel",
        advice: "give the confidence that \(option: "confidence") of hsi classify predict wrote")
    }
    return Believed(path: path, value: value)
  }

  // MARK: - Spectra of classes

  private struct SceneFacts {
    var report: ReportScene
    var channels: [SceneChannel]
    /// Classes × channels; nil for classes without pixels.
    var mean: [[Double]?]
    var deviation: [[Double]?]
  }

  /// Means and deviations of labelled pixels; nil (and a word) where the scene does not fit the map.
  private func spectra(
    _ path: String, _ judged: Judged, _ model: ClassificationModel?, _ context: RunContext
  ) throws -> SceneFacts? {
    let reader: any CubeReader
    do {
      reader = try RasterFormats.open(path, context: context)
    } catch {
      if scene != nil { throw error }
      context.logger.info("the scene of the map, \(path), cannot be read: \(error)")
      return nil
    }
    guard (reader.shape.lines, reader.shape.samples) == (judged.map.lines, judged.map.samples) else {
      context.logger.notice(
        "\(path) has another size than the map: the report goes without spectra and picture of the scene")
      return nil
    }
    let source = try FileSource(reader, SelectionOptions(), context: context)
    let (bands, classes) = (source.shape.bands, judged.labels.classes.count)
    var counts = [Double](repeating: 0, count: classes)
    var sums = [Double](repeating: 0, count: classes * bands)
    var squares = sums
    // Sums of differences from the first spectrum of the class, so that large values lose no digits.
    var origin = [Double](repeating: 0, count: classes * bands)
    let indices = judged.labels.indices
    var valid = 0
    try source.forEachStrip(context, label: "spectra of classes") { strip in
      valid += strip.count
      for (n, place) in strip.positions.enumerated() {
        let index = Int(indices[strip.window.line * source.shape.samples + Int(place)])
        guard index >= 0 else { continue }
        let (row, base) = (strip.pixels.pointer + n * bands, index * bands)
        if counts[index] == 0 { for b in 0..<bands { origin[base + b] = Double(row[b]) } }
        counts[index] += 1
        for b in 0..<bands {
          let value = Double(row[b]) - origin[base + b]
          sums[base + b] += value
          squares[base + b] += value * value
        }
      }
    }
    let used = Set(model.map { BandMatching.match(reader.metadata.axis, to: $0.axis).bands } ?? source.bands)
    func spread(_ values: [Double]) -> [Double] {
      SceneChannel.spread(values, used: source.bands, bands: reader.shape.bands)
    }
    let mean = (0..<classes).map { k in
      counts[k] > 0 ? spread((0..<bands).map { origin[k * bands + $0] + sums[k * bands + $0] / counts[k] }) : nil
    }
    let deviation = (0..<classes).map { k in
      counts[k] > 0
        ? spread(
          (0..<bands).map { b in
            let m = sums[k * bands + b] / counts[k]
            return max(0, squares[k * bands + b] / counts[k] - m * m).squareRoot()
          }) : nil
    }
    let axis = reader.metadata.axis
    return SceneFacts(
      report: ReportScene(
        path: path, format: reader.format, shape: reader.shape, usedBands: used.count, validPixels: valid,
        metadata: reader.metadata),
      channels: (0..<axis.count).map {
        .init(band: $0 + 1, wavelengthNm: axis.wavelengths?[$0], used: used.contains($0))
      }, mean: mean, deviation: deviation)
  }

  // MARK: - Reports

  private func report(
    _ runs: [Judged], scene: SceneFacts?, model: (path: String, value: ClassificationModel)?,
    outputs: [ReportOutput], provenance: Provenance
  ) throws -> ClassificationReport {
    let first = runs[0]
    let accuracy = first.accuracy
    let counts = first.labels.counts
    let roles = Dictionary(
      uniqueKeysWithValues: PixelRole.allCases.map { role in (role, first.split?.counts(role, of: first.labels)) })
    let mapped = first.map.counts
    let areas = AreaEstimate(first.matrix, mapped: mapped)
    let classes = first.labels.classes.values.indices.map { k -> ClassificationBody.Class in
      let entry = first.labels.classes.entries[k]
      let colour = Colour(entry.colour[0], entry.colour[1], entry.colour[2])
      var result = ClassificationBody.Class(
        value: Int(first.labels.classes.values[k]), name: entry.name, colour: colour.hex)
      result.labelled = counts[k]
      result.training = roles[.training]??[k] ?? 0
      result.test = roles[.test]??[k] ?? 0
      result.guardBand = roles[.guardBand]??[k] ?? 0
      result.mapped = mapped[k]
      result.precision = accuracy.classes[k].precision
      result.recall = accuracy.classes[k].recall
      result.f1 = accuracy.classes[k].f1
      (result.area, result.areaError) = (areas?.shares[k], areas?.errors[k])
      result.mean = scene?.mean[k]
      result.deviation = scene?.deviation[k]
      return result
    }
    var body = ClassificationBody(
      labels: labels.path, judged: first.split == nil ? "labelled pixels" : "test pixels", classes: classes,
      confusion: first.matrix.counts, unclassified: first.matrix.unclassified,
      runs: runs.map { run in
        let a = run.accuracy
        return .init(
          map: run.name, split: run.splitName, overall: a.overall, average: a.average, kappa: a.kappa, meanF1: a.meanF1)
      })
    if runs.count > 1 {
      func spread(_ value: (Accuracy) -> Double) -> ClassificationBody.Spread {
        let spread = Spread(runs.map { value($0.accuracy) })
        return .init(mean: spread.mean, deviation: spread.deviation)
      }
      body.spread = [
        "overall": spread(\.overall), "average": spread(\.average), "kappa": spread(\.kappa),
        "mean_f1": spread(\.meanF1),
      ]
    }
    body.overallInterval = Accuracy.interval(right: first.matrix.correct, of: first.matrix.total).map {
      [$0.lowerBound, $0.upperBound]
    }
    body.scene = scene?.report
    if let model { body.model = try ReportModel(model.path, model.value) }
    body.curve = (model?.value.curve ?? []).map {
      .init(epoch: $0.epoch, loss: $0.loss, validationAccuracy: $0.validationAccuracy, rate: $0.rate)
    }
    if let split = first.split, let path = first.splitName {
      let radius = model?.value.classifier.patchRadius
      body.split = .init(
        path: path, scheme: split.facts.scheme, training: split.facts.training, validation: split.facts.validation,
        guardRadius: split.facts.guardRadius, seed: split.facts.seed, patchRadius: radius,
        overlapping: radius.map { split.overlap(radius: $0).overlapping },
        pixels: Dictionary(
          uniqueKeysWithValues: [PixelRole.training, .validation, .test, .guardBand].map { role in
            (role.name, roles[role]??.reduce(0, +) ?? 0)
          }))
    }
    return ClassificationReport(
      of: ReportScene(
        path: maps[0].path, format: first.reader.format, shape: first.reader.shape, usedBands: 1,
        validPixels: first.map.labelled, metadata: first.reader.metadata),
      channels: scene?.channels ?? [], body: body, outputs: outputs, provenance: provenance)
  }

  private func figures(
    _ judged: Judged, _ scenePath: String?, _ confidence: String?, _ context: RunContext
  ) throws -> ClassificationBody.Figures {
    let side = ReportPicture.longestSide
    func picture(_ image: RGBImage) throws -> ReportPicture { try ReportPicture(image, encode: PNG.encode) }
    var figures = ClassificationBody.Figures(
      map: try picture(ClassPicture.image(judged.map, longestSide: side).image),
      labels: try picture(ClassPicture.image(judged.labels, longestSide: side).image),
      judgement: try picture(
        ClassPicture.judgement(judged.map, truth: judged.labels, split: judged.split, longestSide: side).image))
    if let confidence {
      let source = try FileSource(
        RasterFormats.open(confidence, context: context), SelectionOptions(), context: context)
      var preview = PreviewMaps(shape: source.shape, layers: 1, longestSide: side)
      try source.forEachStrip(context, label: "reading the confidence") { strip in
        preview.add(window: strip.window, positions: strip.positions) { n, _ in strip.pixels[n, 0] }
      }
      figures.confidence = try ReportMap(
        preview.layers[0], width: preview.width, height: preview.height, range: 0...1, encode: PNG.encode)
    }
    if let scenePath, let scene = try? SceneRequest(scenePath).open(context) {
      let choice = try SceneColours.choose(scene, context)
      let source = try scene.source(bands: .list(choice.bands), context)
      figures.scene = try picture(try Quicklook.render(source, longestSide: side, context))
      let caption = SceneColours.caption(choice, scene.metadata)
      figures.sceneCaption = caption.prefix(1).uppercased() + caption.dropFirst()
    }
    return figures
  }

  private func text(_ runs: [Judged], _ confidence: Believed?) -> String {
    let (first, accuracy) = (runs[0], runs[0].accuracy)
    func percent(_ value: Double?) -> String { value.map { String(format: "%.2f", 100 * $0) } ?? "–" }
    var text = "judged      \(first.matrix.total) \(first.split == nil ? "labelled pixels" : "test pixels")\n"
    let interval = Accuracy.interval(right: first.matrix.correct, of: first.matrix.total)
    let ends = interval.map { "  (95 % interval \(percent($0.lowerBound)) to \(percent($0.upperBound)) %)" } ?? ""
    text += "OA          \(percent(accuracy.overall)) %\(ends)\nAA          \(percent(accuracy.average)) %\n"
    text += "kappa       \(String(format: "%.4f", accuracy.kappa))\nmean F1     \(percent(accuracy.meanF1)) %\n"
    if let confidence {
      let error = percent(confidence.value.expectedCalibrationError)
      text += "ECE         \(error) % (expected calibration error, confidence in \(confidence.path))\n"
    }
    if runs.count > 1 {
      func spread(_ value: (Accuracy) -> Double) -> Spread { Spread(runs.map { value($0.accuracy) }) }
      let (oa, aa, kappa) = (spread(\.overall), spread(\.average), spread(\.kappa))
      text += "over \(runs.count) maps: OA \(percent(oa.mean)) ± \(percent(oa.deviation)) %, AA \(percent(aa.mean)) ± "
      text += String(format: "%@ %%, kappa %.4f ± %.4f\n", percent(aa.deviation), kappa.mean, kappa.deviation)
    }
    var rows = [["value", "class", "judged", "precision", "recall", "F1"]]
    for (k, figures) in accuracy.classes.enumerated() {
      rows.append(
        ["\(first.labels.classes.values[k])", first.labels.classes.names[k], "\(figures.support)"]
          + [figures.precision, figures.recall, figures.f1].map(percent))
    }
    return text + "\n" + TextTable.text(rows, left: [1])
  }
}

/// The scene and the model behind a map, as its provenance tells.
struct MapOrigin {
  var scene: String?
  var model: String?
  var adapter: String?
  /// The models that it was averaged with, as its provenance lists them.
  var companions: String?

  init(_ map: String, scene: String?, model: String?) {
    self.scene = scene
    self.model = model
    guard let data = FileManager.default.contents(atPath: map + ".prov.json"), data.count <= 16 << 20,
      let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
      let options = object["options"] as? [String: String]
    else { return }
    // What is not there any more is left out without a word; what the user names must be there.
    func existing(_ key: String) -> String? {
      options[key].flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }
    }
    self.scene = scene ?? existing("scene")
    self.model = model ?? existing("model")
    if model == nil, self.model != nil { (adapter, companions) = (existing("adapter"), options["with"]) }
  }
}
