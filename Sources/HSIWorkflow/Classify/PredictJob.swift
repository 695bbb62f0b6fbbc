import Foundation
import HSIClassification
import HSICore
import HSIRaster
import HSIReport

/// Which products to write beside the map, and under which names.
public struct PredictProductRequest: Sendable {
  /// Whether every product that has no name gets one from the stem of the map.
  public var everything = false
  /// Probabilities of all classes, one band each.
  public var probabilities: String?
  /// Probability of the class in the map.
  public var confidence: String?
  /// Entropy of the probabilities, from 0 to 1.
  public var entropy: String?
  /// How far the class in the map is ahead of the next one.
  public var margin: String?
  /// Picture of the map (`.png`).
  public var quicklook: String?
  /// Reports.
  public var reports = ReportPlaces()

  /// The map only.
  public init() {}
}

/// The names of everything that one prediction writes.
struct PredictPaths {
  /// The map and the records.
  let output: OutputPaths
  let probabilities: String?
  let confidence: String?
  let entropy: String?
  let margin: String?
  let quicklook: String?

  init(map: String, _ products: PredictProductRequest, _ records: RecordRequest) {
    output = OutputPaths(map, everything: products.everything, products.reports, records)
    probabilities = output.raster(products.probabilities, "prob")
    confidence = output.raster(products.confidence, "confidence")
    entropy = output.raster(products.entropy, "entropy")
    margin = output.raster(products.margin, "margin")
    quicklook = output.file(products.quicklook, "map.png")
  }

  /// Declares every file.
  func declare(on plan: inout OutputPlan, _ writing: RasterWriting, georeference: Georeference?) throws {
    for raster in [output.main, probabilities, confidence, entropy, margin] { try plan.writeRaster(raster, writing) }
    plan.writePicture(quicklook, georeference: georeference)
    output.declareRecords(on: &plan)
  }
}

/// Maps the classes of a scene with a trained model: map, probabilities, picture and reports, as files.
///
/// Works strip by strip within the memory budget. When the job throws, nothing is left.
public struct PredictJob: Sendable {
  /// What is mapped.
  public var scene: SceneRequest
  /// The map.
  public var output: String
  /// The model file.
  public var model: String
  /// An adapter for the model.
  public var adapter: String?
  /// Model files of the same classes whose probabilities are averaged with those of the model.
  public var companions: [String] = []
  /// Further products.
  public var products = PredictProductRequest()
  /// How rasters are written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// A map of a scene by a model file.
  public init(scene: SceneRequest, output: String, model: String) {
    self.scene = scene
    self.output = output
    self.model = model
  }

  /// Does the work; the text of the result is a table of the classes.
  ///
  /// - Throws: the errors of opening, of the model and of writing; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    var trained = try ClassificationModel.read(model)
    if let adapter { trained = try trained.adapted(by: adapter, model: model) }
    var provenance = Provenance(
      options: ["scene": scene.path, "model": model], isClassification: true, context)
    if let adapter { provenance.options["adapter"] = adapter }
    if !companions.isEmpty { provenance.options["with"] = companions.joined(separator: ", ") }
    var request = ClassPrediction(scene, trained, named: model)
    request.companions = try companions.map { (try ClassificationModel.read($0), $0) }
    let prediction = try OpenPrediction(request, context)
    var plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(prediction.opened.files, digested: records.digestsInputs)
    plan.read([model, adapter].compactMap { $0 } + companions, digested: true)
    plan.record(on: &provenance)
    let paths = PredictPaths(map: output, products, records)
    try paths.declare(on: &plan, writing, georeference: prediction.metadata.georeference)
    try plan.check()
    let grid = try MapProducts.grid(records, prediction.opened, window: prediction.file.window, context)

    let shape = prediction.source.shape
    let sink = ProductSink(
      lines: shape.lines, samples: shape.samples, writing: writing, inputs: plan.protected, grid: grid, context)
    let mapMetadata = try open(prediction, paths, sink)
    var run = RunRecords(plan, provenance, paths.output)
    var facts = PredictFacts(prediction, hasPicture: paths.quicklook != nil, hasPage: paths.output.reports.html != nil)
    run.outputs = try sink.run { sink in
      facts.counts = try prediction.run(context) { strip in
        try sink.write(strip)
        facts.add(strip)
      }
      return try sink.finish()
    }
    facts.warnOfOneClass(context)
    if let path = paths.quicklook, let picture = facts.picture {
      try run.write(
        picture.image, to: path, georeference: prediction.metadata.georeference, step: picture.step,
        content: "picture of the map")
    }
    let raster = MapProducts.Raster(
      path: output, format: writing.format, shape: CubeShape(lines: shape.lines, samples: shape.samples, bands: 1),
      type: trained.classes.sampleType, metadata: mapMetadata)
    var result = try run.finish(raster: raster, grid: grid, context) { [facts] outputs, provenance in
      RunReport(try facts.report(model: model, companions: companions, outputs: outputs, provenance: provenance)) {
        try facts.figures(context)
      }
    }
    if result.text == nil { result.text = facts.table }
    result.summary = "\(trained.classifier.id), \(facts.summary)"
    return result
  }

  /// Opens the rasters that were asked for; returns the metadata of the map.
  private func open(_ prediction: OpenPrediction, _ paths: PredictPaths, _ sink: ProductSink) throws -> CubeMetadata {
    let (metadata, classes) = (prediction.metadata, prediction.model.classes)
    var described = metadata.replacingBands(names: ["class"], quantity: .class)
    described.classes = classes.byValue
    described.nodata = [0]
    var map = RasterProduct(.classMap, path: paths.output.main, content: "classes", metadata: described)
    map.type = classes.sampleType
    map.interleave = nil
    try sink.open(map)
    func open(_ name: ProductName, _ path: String?, _ names: [String]) throws {
      guard let path else { return }
      var described = metadata.replacingBands(names: names, quantity: .probability)
      if name == .entropy || name == .margin { described.quantity = .score }
      described.nodata = writing.nodata(bands: names.count)
      try sink.open(RasterProduct(name, path: path, content: name.rawValue, metadata: described))
    }
    try open(.probabilities, paths.probabilities, classes.names.map { "prob: \($0)" })
    try open(.confidence, paths.confidence, ["confidence"])
    try open(.entropy, paths.entropy, ["entropy"])
    try open(.margin, paths.margin, ["margin"])
    return described
  }
}

/// What is known about a map: what table, pictures and reports are made from.
private struct PredictFacts {
  let prediction: OpenPrediction
  /// Pixels of every class.
  var counts: [Int] = []
  private var confidences: [Double]
  /// The map in the size of the picture.
  private var large: PreviewMaps?
  /// Map and confidence in the size of the page.
  private var small: PreviewMaps?

  init(_ prediction: OpenPrediction, hasPicture: Bool, hasPage: Bool) {
    self.prediction = prediction
    confidences = [Double](repeating: 0, count: prediction.model.classes.count)
    let shape = prediction.source.shape
    if hasPicture { large = PreviewMaps(shape: shape, layers: 1, longestSide: 8192) }
    if hasPage { small = PreviewMaps(shape: shape, layers: 2, longestSide: ReportPicture.longestSide) }
  }

  private var classes: ClassTable { prediction.model.classes }

  mutating func add(_ strip: ProductStrip) {
    guard let values = strip[.classMap], let best = strip[.confidence] else { return }
    for n in 0..<strip.count {
      if let index = classes.index(of: UInt16(values[n, 0])) { confidences[index] += Double(best[n, 0]) }
    }
    large?.add(window: strip.window, positions: strip.positions) { n, _ in values[n, 0] }
    small?.add(window: strip.window, positions: strip.positions) { n, layer in
      layer == 0 ? values[n, 0] : best[n, 0]
    }
  }

  /// The map in the colours of its classes, and scene pixels per picture pixel.
  var picture: (image: RGBImage, step: Int)? { large.map { (image(of: $0), $0.step) } }

  private func image(of preview: PreviewMaps) -> RGBImage {
    let ids = preview.layers[0].map { $0.isFinite ? UInt16($0) : 0 }
    let shown = LabelMap(lines: preview.height, samples: preview.width, ids: ids)
    return ClassPicture.image(
      shown.with(classes.union(shown.classes)), longestSide: max(preview.width, preview.height)
    ).image
  }

  /// Says that all of many pixels are of one class, which units or bands of another kind than the model's make of any scene.
  func warnOfOneClass(_ context: RunContext) {
    let total = counts.reduce(0, +)
    guard total >= 100, counts.count > 1, let only = counts.firstIndex(of: total) else { return }
    context.warn(
      "W-ONE-CLASS",
      "all \(total) pixels have one class, \(classes.names[only]): if that cannot be, compare the units of the scene "
        + "(\(option: "scene scale")) and its bands with those that the model was trained on")
  }

  /// `5 classes on 1200 pixels, mean confidence 93 %`.
  var summary: String {
    let total = counts.reduce(0, +)
    let mean = 100 * confidences.reduce(0, +) / Double(max(1, total))
    return "\(counts.count { $0 > 0 }) of \(counts.count) classes on \(total) pixels, mean confidence "
      + String(format: "%.0f %%", mean)
  }

  /// Pixels of every class, for people.
  var table: String {
    let total = counts.reduce(0, +)
    var rows = [["value", "class", "pixels", "share"]]
    for (index, count) in counts.enumerated() {
      rows.append(
        [
          "\(classes.values[index])", classes.names[index], "\(count)",
          String(format: "%.1f %%", 100 * Double(count) / Double(max(1, total))),
        ])
    }
    return TextTable.text(rows, left: [1])
  }

  func report(
    model: String, companions: [String], outputs: [ReportOutput], provenance: Provenance
  ) throws -> PredictionReport {
    let total = counts.reduce(0, +)
    let entries = classes.values.indices.map { k in
      let colour = classes.entries[k].colour
      return PredictionBody.Class(
        value: Int(classes.values[k]), name: classes.names[k], colour: Colour(colour[0], colour[1], colour[2]).hex,
        pixels: counts[k], share: Double(counts[k]) / Double(max(1, total)),
        confidence: counts[k] > 0 ? confidences[k] / Double(counts[k]) : nil)
    }
    let (opened, window) = (prediction.opened, prediction.file.window)
    var described = try ReportModel(model, prediction.model)
    if !companions.isEmpty { described.settings["averaged with"] = companions.joined(separator: ", ") }
    return PredictionReport(
      of: ReportScene(
        path: opened.path, format: opened.reader.format,
        shape: CubeShape(lines: window.lines, samples: window.samples, bands: opened.reader.shape.bands),
        usedBands: prediction.file.bands.count, validPixels: total, metadata: opened.metadata, window: window),
      body: PredictionBody(
        model: described, classes: entries,
        confidence: confidences.reduce(0, +) / Double(max(1, total))),
      outputs: outputs, provenance: provenance)
  }

  func figures(_ context: RunContext) throws -> PredictionBody.Figures {
    let side = ReportPicture.longestSide
    let opened = prediction.opened
    let choice = try SceneColours.choose(opened, context)
    let scene = try Quicklook.render(
      try opened.source(bands: .list(choice.bands), context), longestSide: side, context)
    let caption = SceneColours.caption(choice, opened.metadata)
    var figures = PredictionBody.Figures(
      scene: try ReportPicture(scene, encode: PNG.encode),
      sceneCaption: caption.prefix(1).uppercased() + caption.dropFirst())
    if let small {
      figures.map = try ReportPicture(image(of: small), encode: PNG.encode)
      figures.confidence = try ReportMap(
        small.layers[1], width: small.width, height: small.height, range: 0...1, encode: PNG.encode)
    }
    return figures
  }
}

extension ReportModel {
  /// What a report says about a model file.
  init(_ path: String, _ model: ClassificationModel) throws {
    let description = try Classifiers.entry(model.classifier.id).description
    var settings = model.classifier.configuration.merging(model.card.configuration ?? [:]) { own, _ in own }
    settings = settings.filter { $0.value.count <= 200 }
    settings["training"] = model.card.training
    settings["training data"] = model.card.trainingData
    settings["features"] = model.card.normalisation
    self.init(
      path: path, id: description.id, name: description.name, citation: description.citation, settings: settings)
  }
}
