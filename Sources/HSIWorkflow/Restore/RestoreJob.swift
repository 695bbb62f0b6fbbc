import Foundation
import HSICore
import HSINumerics
import HSIRaster
import HSIReport
import HSIRestoration
import HSITransformer

/// Restores a scene: fills what is missing, sharpens, refines the grid, removes haze or noise; metadata are kept, and follow where
/// the grid changes or dead bands come back.
///
/// The scene is held in memory. When the job throws, nothing is left.
///
/// ```swift
/// var job = RestoreJob(scene: SceneRequest("scene.hdr"), output: "whole.tif")
/// job.task = .inpaint
/// job.missing = .mask("clouds.tif")
/// let result = try job.run(RunContext())
/// ```
public struct RestoreJob: Sendable {
  /// What is restored.
  public var scene: SceneRequest
  /// The restored cube, single precision.
  public var output: String
  /// What is wrong with it; by default what the scene shows.
  public var task = RestorationTask.automatic
  /// Name of a method of `Restorers`; nil for that of the task.
  public var method: String?
  /// Parameters of the method that differ from their defaults, by name.
  public var values: [String: Double] = [:]
  /// Weights, of methods with a network.
  public var weights = LearnedWeights()
  /// Weights of the predictor that says what is wrong where nothing else does; nil for those that come with the package, if any. For
  /// the task `automatic` without a method, or with one that is told its task.
  public var predictor: String?
  /// Which values are missing beside those that the file marks; nil for none but these. For methods that fill values.
  public var missing: MissingRequest?
  /// The blur, for methods that undo one; nil to take it from `values`, or to estimate it where they say nothing.
  public var kernel: KernelRequest?
  /// A finer image of the same area whose details the scene takes; the method is one of `Sharpeners` then.
  public var fine: String?
  /// What is known about the noise; nil to estimate it.
  public var noise: NoiseRequest?
  /// Further products.
  public var products = RestoreProductRequest()
  /// How rasters are written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// A restored cube, with defaults for all else.
  public init(scene: SceneRequest, output: String) {
    self.scene = scene
    self.output = output
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening, of the method and of writing; `RestorationError.tooFewPixels`, `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let values = try allValues()
    let opened = try scene.open(context)
    let finer = try fine.map { try FineImage($0, for: opened, task: self.task, context) }
    // A network that is told its task waits for what the scene shows.
    let prompted = try fine == nil && method.map { try Restorers.all.entry($0).description.task == .restore } ?? false
    let named: (any Restorer)? =
      if let finer {
        try finer.restorer(method, values, window: opened.window(), context)
      } else if prompted && task == .automatic {
        nil
      } else {
        try (method ?? task.method).map { try makeRestorer($0, values, for: self.task) }
      }
    let recogniser = try makeRecogniser(isAsked: named == nil && task == .automatic)
    if named == nil, !prompted, !values.isEmpty {
      throw CoreError.invalidParameter(
        name: "\(option: "parameter")", value: values.keys.sorted().joined(separator: " "),
        requirement: "used with \(option: "method")")
    }
    let fills = named.map { !$0.fills.isDisjoint(with: [.values, .bands]) } ?? (task == .automatic)
    if let missing, missing != .nodata, !fills {
      throw CoreError.invalidParameter(
        name: "\(option: "missing")", value: missing.file ?? "zero",
        requirement: "used with a method that fills values; \(named?.description.id ?? task.rawValue) does not")
    }
    if let kernel, !(named is any DeconvolutionRestorer) {
      throw CoreError.invalidParameter(
        name: "\(option: "kernel")", value: kernel.file ?? "a family",
        requirement: "used with a method that undoes a blur; \(named?.description.id ?? task.rawValue) does not")
    }
    if let flags = products.flags, let scale = named?.scale, scale != 1 {
      throw CoreError.invalidParameter(
        name: "\(option: "flags")", value: flags, requirement: "left out here: on another grid every value is new")
    }
    var source = try pixels(of: opened, fills: fills, context)
    var provenance = Provenance(options: values.mapValues { "\($0)" }, context)
    var plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(
      opened.files + [noise?.file, missing?.file, kernel?.file].compactMap { $0 }, digested: records.digestsInputs)
    plan.read(finer?.opened.files ?? [])
    plan.read([weights.path, predictor.map { WeightSearch.locate($0) }].compactMap { $0 }, digested: true)
    plan.record(on: &provenance)
    let grid = try MapProducts.grid(records, opened, window: source.window, context)
    let paths = RestorePaths(restored: output, products, records, keepsGrid: (named?.scale ?? 1) == 1)
    try paths.declare(on: &plan, writing, georeference: source.metadata.georeference)
    try plan.check()
    try named?.requireMemory(for: source.shape, context)
    if let ortho = records.ortho, let scale = named?.scale, scale != 1 {
      throw CoreError.invalidParameter(
        name: "\(option: "ortho")", value: ortho, requirement: "left out here: the result has a grid of its own")
    }

    var before = try load(source, of: opened, fills: fills, context)
    var gaps = MissingValues(before)
    guard gaps.count < before.count * before.shape.bands else {
      throw RestorationError.tooFewPixels(purpose: "restoring a scene of which every value is missing")
    }
    var (task, reason) = (task, "given")
    if finer != nil { task = .superres }
    var recognition: TaskRecognition?
    if task == .automatic {
      recognition = TaskRecognition(missing: gaps, in: before)
      if recognition == nil, named == nil {
        source = try pixels(of: opened, fills: false, context)
        before = try load(source, of: opened, fills: false, context)
        gaps = MissingValues(before)
        let noise = try noiseLevels(source, opened)
        recognition = try TaskRecognition(before, noise: noise, recogniser, context)
      }
      (task, reason) = (recognition?.task ?? .denoise, recognition?.reason ?? "no value is missing")
      context.logger.notice("restoring: \(task == .automatic ? "nothing" : task.rawValue), because \(reason)")
    }
    let noise = try noiseLevels(source, opened)
    var chosen = named
    if let recognition, recognition.isWhole {
      chosen = UntouchedScene(reason: reason)
    } else if chosen == nil, let method = prompted ? method : task.method {
      chosen = try makeRestorer(method, values, for: task)
    }
    let restorer: any Restorer
    var blur: KernelChoice?
    if var sharpening = chosen as? any DeconvolutionRestorer {
      blur = try KernelChoice(kernel, values, sharpening.kernel, scene: before, noise: noise, context)
      sharpening.kernel = blur?.kernel ?? sharpening.kernel
      restorer = sharpening
      reason = blur?.reason ?? reason
      provenance.options["kernel"] = blur?.name
    } else if let chosen {
      restorer = chosen
    } else {
      let choice =
        try recognition?.noise.map {
          try Restorers.automatic(before.shape, noise: $0.levels, evidence: $0.evidence, context)
        }
        ?? Restorers.automatic(for: before, noise: noise, context)
      (restorer, reason) = (choice.denoiser, choice.reason)
    }
    provenance.options["prediction"] = recognition?.prediction?.text
    (provenance.options["task"], provenance.options["method"]) = (task.rawValue, restorer.description.id)
    if named == nil || blur != nil { try restorer.requireMemory(for: source.shape, context) }
    var result = try restorer.restore(before, noise: noise, context)
    result.facts["kernelMargin"] = blur?.margin
    var facts = RestoreFacts(
      opened: opened, source: source, task: task, reason: reason, restorer: restorer, values: values, blur: blur,
      before: before, result: result, gaps: gaps)
    facts.prediction = recognition?.prediction.map { RestoreBody.Prediction($0) }
    if facts.after.count > 0 {
      context.warn(
        "W-VALUES-LEFT",
        "\(facts.after.count) of \(gaps.count) missing values are still missing: too little is known around them")
    }
    if paths.output.reports.isWanted, restorer.fills.contains(.values), gaps.count > 0 {
      facts.heldBack = try HeldBackCheck.run(
        restorer, on: before, missing: gaps, noise: noise, hidesBands: task == .bands, context)
    }
    var run = RunRecords(plan, provenance, paths.output)
    let raster = try write(facts, grid, &run, context)
    if let path = paths.flags { try writeFlags(facts, to: path, grid, &run, context) }
    try writePictures(facts, paths, &run, context)
    var outcome = try run.finish(raster: raster, grid: grid, context) { [facts] outputs, provenance in
      RunReport(facts.report(outputs: outputs, provenance: provenance)) {
        try RestorePictures(facts, longestSide: ReportPicture.longestSide, context).figures()
      }
    }
    outcome.summary = facts.summary
    return outcome
  }

  /// The predictor, where it may be asked: that of the file that was named, or that of the package where there is one.
  private func makeRecogniser(isAsked: Bool) throws -> DegradationRecogniser? {
    if let predictor, !isAsked {
      throw CoreError.invalidParameter(
        name: "\(option: "predictor")", value: predictor,
        requirement: "used with \(option: "task") auto, and without \(option: "method") and \(option: "fine")")
    }
    guard isAsked, predictor != nil || BundledWeights.path(BundledWeights.predictor) != nil else { return nil }
    return try DegradationRecogniser(weights: predictor)
  }

  /// What is known about the noise of the bands that are read.
  private func noiseLevels(_ source: FileSource, _ opened: OpenScene) throws -> NoiseLevels? {
    try noise.map { try GivenNoise.levels($0, bands: source.bands, total: opened.reader.shape.bands) }
  }

  /// A method with the parameters that follow from the task and those that were given.
  private func makeRestorer(
    _ name: String, _ values: [String: Double], for task: RestorationTask
  ) throws -> any Restorer {
    let entry = try Restorers.all.entry(name)
    return try entry.make(task.values(for: entry.description).merging(values) { $1 }, weights)
  }

  /// The parameters that were given, those of a kernel of a family among them.
  private func allValues() throws -> [String: Double] {
    guard case .family(let family)? = kernel else { return values }
    return values.merging(family) { given, _ in given }
  }

  // MARK: - Reading

  /// The pixels that are processed: with their missing values where the method fills these, else as for any method.
  private func pixels(of opened: OpenScene, fills: Bool, _ context: RunContext) throws -> FileSource {
    let bands = Array(Set(try opened.bands(default: fills ? .all : .good))).sorted()
    guard fills else { return try opened.source(bands: .list(bands), context) }
    var request = opened.request
    request.nodataPolicy = .values
    return try OpenScene(request, opened.reader, context).source(
      bands: .list(bands), acceptsMissingValues: true, context)
  }

  /// The pixels in memory, with NaN for what is missing.
  private func load(_ source: FileSource, of opened: OpenScene, fills: Bool, _ context: RunContext) throws -> Cube {
    let cube = try source.load(context)
    guard cube.count > 0 else { throw RestorationError.tooFewPixels(purpose: "restoring") }
    guard fills else { return cube }
    if let missing { try missing.mark(in: cube, of: opened, bands: source.bands, context) }
    if task == .bands || task == .automatic { markBadBands(of: opened, source.bands, in: cube) }
    return cube
  }

  /// Bands that the file lists as bad, and bands of zeros, have no values.
  private func markBadBands(of opened: OpenScene, _ bands: [Int], in scene: Cube) {
    let good = opened.metadata.axis.good
    for (i, band) in bands.enumerated() {
      let isDead = (0..<scene.count).allSatisfy { scene.pixels.pointer[$0 * bands.count + i] == 0 }
      guard isDead || (task == .bands && !good[band]) else { continue }
      for row in 0..<scene.count { scene.pixels.pointer[row * bands.count + i] = .nan }
    }
  }

  // MARK: - Writing

  private func write(
    _ facts: RestoreFacts, _ grid: OrthoGrid?, _ run: inout RunRecords, _ context: RunContext
  ) throws -> MapProducts.Raster {
    let scale = facts.restorer.scale
    return scale == 1 ? try writeUpdate(facts, grid, &run, context) : try writeGrid(facts, scale: scale, &run, context)
  }

  /// The scene with new values in the processed bands; all other samples as they are.
  private func writeUpdate(
    _ facts: RestoreFacts, _ grid: OrthoGrid?, _ run: inout RunRecords, _ context: RunContext
  ) throws -> MapProducts.Raster {
    let reader = facts.opened.reader
    let (window, all) = (facts.source.window, Array(0..<reader.shape.bands))
    var metadata = reader.metadata.cropping(to: window)
    metadata.nodata = metadata.nodata.map { $0.map { Double(Float($0)) } }
    for band in facts.revived { metadata.axis.good[band] = true }
    let shape = CubeShape(lines: window.lines, samples: window.samples, bands: all.count)
    let writer = try RasterFormats.create(
      output, shape: shape, type: .float32, metadata: metadata,
      options: writing.options(interleave: reader.interleave, inputs: run.plan.protected, grid: grid), context: context)
    let outcome = try CubeUpdate.run(
      from: reader, window: window, bands: all, values: facts.result.scene, places: facts.bands, to: writer, context)
    run.outputs += outcome.files.map { ReportOutput(path: $0, content: "restored cube") }
    return MapProducts.Raster(path: output, format: writing.format, shape: shape, type: .float32, metadata: metadata)
  }

  /// The processed bands on another grid, in physical units.
  private func writeGrid(
    _ facts: RestoreFacts, scale: Int, _ run: inout RunRecords, _ context: RunContext
  ) throws -> MapProducts.Raster {
    let cube = facts.result.scene
    let left = facts.opened.reader.shape.bands - facts.bands.count
    if left > 0 {
      let text = "\(left) bands were not processed and are not on the new grid (\(option: "band list") takes them)"
      context.logger.notice("\(context.spelled(text))")
    }
    var metadata = facts.source.metadata.rescaled(by: Double(scale))
    metadata.nodata = writing.nodata(bands: metadata.bands)
    var product = RasterProduct("restored", path: output, content: "restored cube", metadata: metadata)
    product.interleave = facts.opened.reader.interleave
    let sink = ProductSink(
      lines: cube.shape.lines, samples: cube.shape.samples, writing: writing, inputs: run.plan.protected, context)
    try sink.open(product)
    run.outputs += try sink.run { sink in
      try cube.forEachStrip(context, label: "writing") { strip in
        var restored = ProductStrip(window: strip.window, positions: strip.positions)
        restored["restored"] = strip.pixels
        try sink.write(restored)
      }
      return try sink.finish()
    }
    return MapProducts.Raster(
      path: output, format: writing.format, shape: cube.shape, type: .float32, metadata: metadata)
  }

  /// How many values of every pixel were filled, and how many changed.
  private func writeFlags(
    _ facts: RestoreFacts, to path: String, _ grid: OrthoGrid?, _ run: inout RunRecords, _ context: RunContext
  ) throws {
    let window = facts.source.window
    var metadata = facts.source.metadata.replacingBands(names: ["filled values", "changed values"], quantity: .unknown)
    metadata.nodata = [65535, 65535]
    metadata.summary =
      "hsi restore: of the processed bands of a pixel the number that were missing and have a value now, and the number that were known "
      + "and have another value now; 65535: no data"
    var product = RasterProduct("flags", path: path, content: "flags of restored values", metadata: metadata)
    product.type = .uint16
    let sink = ProductSink(
      lines: window.lines, samples: window.samples, writing: writing, inputs: run.plan.protected, grid: grid, context)
    try sink.open(product)
    run.outputs += try sink.run { sink in
      let scene = facts.result.scene
      let flags = Cube(
        shape: CubeShape(lines: window.lines, samples: window.samples, bands: 2), metadata: metadata,
        pixels: facts.flags, positions: scene.positions)
      try flags.forEachStrip(context, label: "writing flags") { strip in
        var marked = ProductStrip(window: strip.window, positions: strip.positions)
        marked["flags"] = strip.pixels
        try sink.write(marked)
      }
      return try sink.finish()
    }
  }

  private func writePictures(
    _ facts: RestoreFacts, _ paths: RestorePaths, _ run: inout RunRecords, _ context: RunContext
  ) throws {
    guard let files = paths.pictures else { return }
    let pictures = try RestorePictures(facts, longestSide: 8192, context)
    let place = facts.source.metadata.georeference
    try run.write(
      pictures.before, to: files.before, georeference: place, step: pictures.steps.before, content: "picture before")
    try run.write(
      pictures.after, to: files.after, georeference: place?.rescaled(by: Double(facts.restorer.scale)),
      step: pictures.steps.after, content: "picture after")
  }
}

/// Which products to write beside the restored cube, and under which names.
public struct RestoreProductRequest: Sendable {
  /// Whether every product that has no name gets one from the stem of the restored cube.
  public var everything = false
  /// A raster of how many values of every pixel were filled, and how many changed; not on another grid.
  public var flags: String?
  /// Base of the pictures BASE_before.png and BASE_after.png.
  public var quicklook: String?
  /// Reports.
  public var reports = ReportPlaces()

  /// The restored cube only.
  public init() {}
}

/// The names of everything that one run of restoring writes.
struct RestorePaths {
  /// The restored cube and the records.
  let output: OutputPaths
  /// Pictures before and after.
  let pictures: (before: String, after: String)?
  /// What was restored, pixel by pixel.
  let flags: String?

  /// - Parameter keepsGrid: whether the result has the pixels of the scene.
  init(restored: String, _ products: RestoreProductRequest, _ records: RecordRequest, keepsGrid: Bool) {
    output = OutputPaths(restored, everything: products.everything, products.reports, records)
    flags = keepsGrid ? output.raster(products.flags, "flags") : nil
    let base = products.quicklook.map { $0.lowercased().hasSuffix(".png") ? String($0.dropLast(4)) : $0 }
    pictures = (base ?? (products.everything ? output.stem.stem : nil)).map { ($0 + "_before.png", $0 + "_after.png") }
  }

  /// Declares every file.
  func declare(on plan: inout OutputPlan, _ writing: RasterWriting, georeference: Georeference?) throws {
    try plan.writeRaster(output.main, writing)
    try plan.writeRaster(flags, writing)
    for picture in [pictures?.before, pictures?.after] { plan.writePicture(picture, georeference: georeference) }
    output.declareRecords(on: &plan)
  }
}
