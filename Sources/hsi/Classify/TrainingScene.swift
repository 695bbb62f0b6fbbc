import HSIKit

/// A scene, its labels and how they are divided: what training and adapting begin with.
struct TrainingScene {
  let reader: any CubeReader
  let source: FileSource
  /// All valid pixels, or those in the neighbourhoods of labelled ones.
  let scene: Cube
  let labels: LabelMap
  let split: Split
  let files: [String]

  /// Where the split comes from.
  enum Division {
    case file(String)
    case request(SplitRequest)
  }

  /// Loads and divides.
  ///
  /// - Parameters:
  ///   - loadsAll: whether pixels far from all labels are needed too.
  ///   - matching: bands of a model that the scene must serve; nil for the good ones or those that were named.
  ///   - needed: bytes of learning beside the scene, given shape, labelled pixels and classes.
  static func load(
    scene path: String, labels labelPath: String, division: Division, loadsAll: Bool = false, matching: SpectralAxis? = nil, model: String = "",
    input: InputOptions, labelOptions: LabelOptions, patchRadius: Int, context: RunContext,
    needed: (CubeShape, Int, Int) -> Int
  ) throws -> TrainingScene {
    let reader = try input.open(path, context)
    let window = try input.scene.window(in: reader)
    let reading = LabelReading(labelOptions, context: context)
    let (all, labelFiles) = try reading.read(labelPath, for: reader, window: window)
    var files = reader.files + labelFiles
    let (source, offered) = try SceneBands.source(
      reader, for: matching, model: model, input: input, context)
    let wanted = loadsAll ? nil : all.neighbourhood(radius: patchRadius)
    let count = wanted?.reduce(0) { $0 + ($1 ? 1 : 0) } ?? source.shape.pixels
    let bytes = count * (offered.shape.bands * 4 + 4) + source.shape.pixels * 8
    let total = bytes + needed(offered.shape, all.labelled, all.classes.count)
    guard total <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "learning from \(offered.shape)", needed: total, budget: context.memory.bytes)
    }
    let scene = try load(offered, wanted, count: count, context)
    if source.zeroSpectra > 0 {
      context.logger.notice("\(source.zeroSpectra) pixels are 0 in all bands and count as no data")
    }
    let valid = all.restricted(to: scene.positions)
    let lost = all.labelled - valid.labelled
    if lost > 0 { context.logger.notice("\(lost) labelled pixels have no data in the scene and are left out") }
    let labels = valid.droppingEmptyClasses
    if labels.classes.count < all.classes.count {
      let gone = all.classes.values.indices.filter { labels.classes.index(of: all.classes.values[$0]) == nil }
      context.warn(
        "W-CLASS-EMPTY",
        "no pixel with data has class \(gone.map { all.classes.names[$0] }.joined(separator: ", ")): left out")
    }
    let split: Split
    switch division {
    case .file(let path):
      let (read, splitFiles) = try reading.split(
        path, lines: reader.shape.lines, samples: reader.shape.samples, window: window)
      split = read
      files += splitFiles
    case .request(let request):
      split = try request.split(labels, context)
    }
    split.warnOfOverlap(radius: patchRadius, context)
    return TrainingScene(
      reader: reader, source: source, scene: scene, labels: labels, split: split, files: files)
  }

  /// The valid pixels of a source that are wanted.
  private static func load(
    _ source: any StripSource, _ wanted: [Bool]?, count: Int, _ context: RunContext
  ) throws -> Cube {
    guard let wanted else { return try source.load(context) }
    let (shape, bands) = (source.shape, source.shape.bands)
    let pixels = PixelMatrix(rows: count, columns: bands)
    var positions: [Int32] = []
    positions.reserveCapacity(count)
    try source.forEachStrip(context, label: "reading") { strip in
      let base = Int32(strip.window.line * shape.samples)
      for (n, place) in strip.positions.enumerated() where wanted[Int(base + place)] {
        (pixels.pointer + positions.count * bands).update(from: strip.pixels.pointer + n * bands, count: bands)
        positions.append(base + place)
      }
    }
    pixels.reshape(rows: positions.count, columns: bands)
    return Cube(shape: shape, metadata: source.metadata, pixels: pixels, positions: positions)
  }

  /// What a classifier learns from.
  func task(isTransductive: Bool) -> ClassificationTask {
    ClassificationTask(
      scene: scene, training: split.pixels(.training, of: labels), validation: split.pixels(.validation, of: labels),
      classes: labels.classes.entries, isTransductive: isTransductive)
  }
}

/// The bands of a scene that a classifier sees.
enum SceneBands {
  /// The pixels of a scene on the bands of a model, or on those that were named (the good ones by default).
  ///
  /// - Returns: the file, and what the model is to be shown: the file itself or a resampled view of it.
  /// - Throws: `ClassificationError.modelMismatch`.
  static func source(
    _ reader: any CubeReader, for axis: SpectralAxis?, model: String, input: InputOptions, _ context: RunContext
  ) throws -> (file: FileSource, offered: any StripSource) {
    guard let axis else {
      let bands = Array(Set(try input.bands(of: reader, default: .good))).sorted()
      let file = try input.source(reader, bands: .list(bands), excludesZeroSpectra: true, context)
      return (file, file)
    }
    guard input.bandList == nil, input.wavelengthRanges == nil else {
      throw CoreError.invalidParameter(
        name: "-b or --wl", value: "given", requirement: "left out: the model says which bands it needs")
    }
    let match = BandMatching.match(reader.metadata.axis, to: axis)
    let file: FileSource
    switch match {
    case .impossible(let reason):
      throw ClassificationError.modelMismatch(
        model: model, reason: reason,
        advice: "use a model of the same sensor and range, or give the wavelengths of the scene with --wavelengths")
    case .same(let bands):
      file = try input.source(reader, bands: .list(bands), excludesZeroSpectra: true, context)
      context.logger.info("the scene has the \(bands.count) bands of the model")
      return (file, file)
    case .assumed(let bands):
      file = try input.source(reader, bands: .list(bands), excludesZeroSpectra: true, context)
      context.warn(
        "W-MODEL-BANDS",
        "model or scene has no wavelengths: their \(bands.count) bands are taken as the same without a check")
      return (file, file)
    case .resampled(let bands, let weights):
      file = try input.source(reader, bands: .list(bands), excludesZeroSpectra: true, context)
      context.warn(
        "W-MODEL-RESAMPLED",
        "the \(bands.count) good bands of the scene are resampled to the \(axis.count) of the model, whose wavelengths differ")
      return (file, ResampledSource(file, weights: weights, axis: axis))
    }
  }
}
