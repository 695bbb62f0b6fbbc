import HSIClassification
import HSICore
import HSIRaster

/// A scene, its labels and how they are divided: what training and adapting begin with.
struct TrainingScene {
  let reader: any CubeReader
  let source: FileSource
  /// All valid pixels, or those in the neighbourhoods of labelled ones.
  let scene: Cube
  let labels: LabelMap
  let split: Split
  /// Everything that was read.
  let files: [String]

  /// Loads and divides.
  ///
  /// - Parameters:
  ///   - loadsAll: whether pixels far from all labels are needed too.
  ///   - matching: bands of a model that the scene must serve, and the name of the model; nil for the good bands or those
  ///     that were named.
  ///   - patchRadius: half the side of the neighbourhood that decides about a pixel.
  ///   - contextRadius: pixels on either side of a labelled one that are read; nil for `patchRadius`.
  ///   - needed: bytes of learning beside the scene, given shape, labelled pixels and classes.
  static func load(
    _ opened: OpenScene, labels file: LabelFile, division: LabelDivision, loadsAll: Bool = false,
    matching: (axis: SpectralAxis, model: String)? = nil, patchRadius: Int, contextRadius: Int? = nil,
    _ context: RunContext,
    needed: (CubeShape, Int, Int) -> Int
  ) throws -> TrainingScene {
    let reader = opened.reader
    let window = try opened.window()
    let all = try file.aligned(to: reader, window: window, context)
    var files = opened.reader.files + file.files + opened.selectionFiles
    let (source, offered) = try SceneBands.source(opened, for: matching?.axis, model: matching?.model ?? "", context)
    let wanted = loadsAll ? nil : all.neighbourhood(radius: contextRadius ?? patchRadius)
    let count = wanted?.reduce(0) { $0 + ($1 ? 1 : 0) } ?? source.shape.pixels
    let bytes = count * (offered.shape.bands * 4 + 4) + source.shape.pixels * 8
    let total = bytes + needed(offered.shape, all.labelled, all.classes.count)
    guard total <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "learning from \(offered.shape)", needed: total, budget: context.memory.bytes)
    }
    let scene = try load(offered, wanted, count: count, context)
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
    if let rule = division.rule(patchRadius: patchRadius) {
      split = try rule.split(labels, context)
    } else {
      let (read, splitFiles) = try SplitRaster.read(
        division.files[0], lines: reader.shape.lines, samples: reader.shape.samples, window: window, context)
      split = read
      files += splitFiles
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
    var task = ClassificationTask(
      scene: scene, training: split.pixels(.training, of: labels), validation: split.pixels(.validation, of: labels),
      classes: labels.classes.entries, isTransductive: isTransductive)
    task.resolution = reader.metadata.georeference?.metresPerPixel
    return task
  }
}
