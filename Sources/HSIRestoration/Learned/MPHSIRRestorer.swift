import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// Restores whole scenes with MP-HSIR: normalisation, gaps, coarse grids, bands, tiles, padding, blending.
///
/// Known values are brought to [0, 1]; gaps and coarse grids are given to the network as it was trained on (`MPHSIRInput`). A scene
/// of more bands than the network has is restored in overlapping windows of that many bands, or on resampled bands whose change is
/// carried over (`BandResampling`); one of fewer bands always on resampled ones. Rows and columns are padded by reflection to
/// multiples of 32, and an image whose pass does not fit the memory budget is cut into tiles (`TiledInference`), which changes the
/// result slightly, because channels attend to each other over what is seen at once.
///
/// Where values are missing only these are replaced. A network works on one scene at a time.
public struct MPHSIRRestorer: LearnedRestorer {
  /// How the bands of a scene reach a network that has another number of them.
  public enum BandHandling: Int, Sendable, CaseIterable {
    /// What serves the task better.
    case automatic
    /// Overlapping windows of bands where the scene has more than the network.
    case windows
    /// As many bands as the network has, changes carried over.
    case resampled
  }

  /// The network and its card.
  public let model: MPHSIRModel
  /// What it is asked to undo.
  public let task: MPHSIRTask
  public let scale: Int
  /// See `BandHandling`.
  public var bandHandling = BandHandling.automatic
  /// Whether pixels are means over areas; else the corner pixels of both grids coincide. For `superres`.
  public var usesMeans = true
  /// Tiles and windows of bands: what they share, and the largest edge of a tile.
  public var tiles = TiledInference()

  /// A restorer for a task.
  ///
  /// - Parameter scale: of the grid, for `superres`.
  /// - Throws: `RestorationError.untrainedTask`.
  public init(_ model: MPHSIRModel, task: MPHSIRTask, scale: Int = 2) throws {
    guard model.network.configuration.id(of: task) != nil else {
      throw RestorationError.untrainedTask(
        task: task.rawValue, known: model.network.configuration.knownTasks.map(\.rawValue))
    }
    (self.model, self.task) = (model, task)
    self.scale = task == .superres ? scale : 1
  }

  /// What users and documents are told.
  public static let description = MethodDescription(
    id: "mp-hsir", name: "Multi-prompt universal restoration transformer (MP-HSIR)",
    task: .restore, citation: MPHSIR.citation,
    cost: "0.03 MFLOP per value (width 24) to 0.25 (width 64), twice that with windows of bands",
    advice: "Several degradations with one network, which is told which; needs trained weights.",
    parameters: [
      ParameterDescription(
        "task", 0, in: 0...Double(MPHSIRTask.allCases.count - 1),
        MPHSIRTask.allCases.enumerated().map { "\($0.offset): \($0.element.rawValue)" }.joined(separator: ", ")),
      ParameterDescription("scale", 2, in: 2...8, "pixels per pixel of the scene along either axis, for superres"),
      ParameterDescription(
        "area", 1, in: 0...1, "1: pixels are means over areas, as on the map; 0: corner pixels coincide"),
      ParameterDescription(
        "spectral", 0, in: 0...2, "1: windows of bands; 2: resampled bands; 0: what serves the task better"),
      ParameterDescription(
        "tile", nil, in: 32...65536,
        "largest edge of a tile in pixels; the rule: what the memory budget allows"),
      ParameterDescription("overlap", 32, in: 0...512, "pixels that neighbouring tiles share"),
      ParameterDescription("band_overlap", 16, in: 0...1000, "bands that neighbouring windows of bands share"),
    ])

  /// The networks that it works with, the default first.
  public static let models = MPHSIRConfiguration.names

  public init(_ weights: LearnedWeights, _ values: [String: Double]) throws {
    let parameters = try MethodParameters(values, for: Self.description)
    guard let path = weights.path ?? BundledWeights.path(BundledWeights.restorer) else {
      throw RestorationError.noBundledWeights(name: BundledWeights.restorer)
    }
    let model = try MPHSIR.read(path, named: weights.model)
    try self.init(
      model, task: MPHSIRTask.allCases[try parameters.whole("task")], scale: try parameters.whole("scale"))
    usesMeans = parameters.value("area") >= 0.5
    bandHandling = BandHandling(rawValue: try parameters.whole("spectral")) ?? .automatic
    tiles.tile = parameters["tile"].map { Int($0) }
    tiles.tileOverlap = Int(parameters.value("overlap"))
    tiles.bandOverlap = Int(parameters.value("band_overlap"))
  }

  public var description: MethodDescription { Self.description }

  public var fills: RestorationFill { task == .inpaint || task == .bands ? [.values, .bands] : [] }

  private var configuration: MPHSIRConfiguration { model.network.configuration }
  private var input: MPHSIRInput { configuration.input ?? .published }
  private var grid: CubicResampling.Grid { usesMeans ? .area : .corners }

  /// Whether a scene of so many bands goes through the network on resampled bands.
  private func isResampled(_ bands: Int) -> Bool {
    if bands == configuration.bands { return false }
    if bands < configuration.bands { return true }
    return bandHandling == .resampled || (bandHandling == .automatic && task == .haze)
  }

  /// The image that passes through `TiledInference`.
  private func passed(_ shape: CubeShape) -> CubeShape {
    CubeShape(
      lines: shape.lines * scale, samples: shape.samples * scale,
      bands: isResampled(shape.bands) ? configuration.bands : shape.bands)
  }

  private func map() throws -> MPHSIRImageMap {
    try MPHSIRImageMap(model.network, tasks: [configuration.id(of: task) ?? 0])
  }

  public func workingBytes(_ shape: CubeShape) -> Int {
    let passes = (try? map()).map { tiles.workingBytes($0, passed(shape)) } ?? 0
    return passes + imageBytes(shape)
  }

  /// Bytes beside scene and passes: the image that the network sees, once more on resampled bands, and what the range is estimated on.
  private func imageBytes(_ shape: CubeShape) -> Int {
    let resampled = isResampled(shape.bands) ? 4 * configuration.bands : 0
    return shape.pixels * (scale * scale * (8 * shape.bands + resampled) + 48)
  }

  public func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    if let noise { try noise.check(bands: scene.shape.bands) }
    let missing = fills.isEmpty ? nil : MissingValues(scene)
    if missing?.count == 0 { return unchanged(scene, "no value is missing", context) }
    let finite = scene.finitePixels()
    guard finite.count > 0 || missing != nil else {
      return unchanged(scene, "no pixel has a finite value in every band", context)
    }
    var extent = DataRange.Accumulator()
    extent.add(missing == nil ? finite.pixels : scene.pixels)
    guard let extremes = try? extent.range(), extremes.width > 0 else {
      return unchanged(scene, "all its values are equal", context)
    }
    let range = range(of: finite, extremes: extremes, noise: noise)
    var facts: [String: Double] = ["low": range.low, "high": range.high]
    if let missing {
      facts["missing"] = Double(missing.count)
      facts["missingBands"] = Double(missing.bands.count)
    }
    let seen =
      missing == nil
      ? finite.filledImage() : PromptedImage.filled(scene, input, zero: Float(range.low))
    let image = normalised(
      scale > 1 ? PromptedImage.enlarged(seen, scene.shape, by: scale, grid, input) : seen, range)
    let (restored, passes) = try run(image, scene.shape, held: scene.count * (4 * scene.shape.bands + 4), context)
    facts["passes"] = Double(passes)
    denormalise(restored, range)
    if scale > 1 { facts["scale"] = Double(scale) }
    return RestoredScene(scene: assemble(restored, scene, finite: finite), noise: noise, facts: facts)
  }

  /// What stands for [0, 1].
  private func range(of finite: Cube, extremes: DataRange, noise: NoiseLevels?) -> DataRange {
    guard [.noise, .complex, .poisson].contains(task), finite.count > 0 else { return extremes }
    return NoisyRange.estimate(finite, extremes: extremes, noise: noise).range
  }

  /// The network's image of an image in [0, 1]: a row for every place.
  private func run(
    _ image: PixelMatrix, _ shape: CubeShape, held: Int, _ context: RunContext
  ) throws -> (PixelMatrix, passes: Int) {
    let passed = passed(shape)
    let map = try map()
    guard isResampled(shape.bands) else {
      if shape.bands != configuration.bands {
        context.logger.info(
          "mp-hsir: \(shape.bands) bands in windows of \(configuration.bands) with \(tiles.bandOverlap) shared")
      }
      return try run(map, image, passed, held: held + imageBytes(shape), context)
    }
    context.logger.info("mp-hsir: \(shape.bands) bands on \(configuration.bands), changes carried over")
    let resampling = BandResampling(bands: shape.bands, count: configuration.bands)
    let before = resampling.apply(to: image)
    let (after, passes) = try run(map, before, passed, held: held + imageBytes(shape), context)
    resampling.carry(from: before, to: after, into: image)
    return (image, passes)
  }

  private func run(
    _ map: MPHSIRImageMap, _ image: PixelMatrix, _ shape: CubeShape, held: Int, _ context: RunContext
  ) throws -> (PixelMatrix, passes: Int) {
    let result = PixelMatrix(rows: shape.pixels, columns: shape.bands)
    let rows = (0..<Int32(shape.pixels)).map { $0 }
    let passes = try tiles.run(
      map, shape, into: .init(result, rows: rows), held: held, phase: "restoring", context
    ) { bands, planes in
      let width = shape.bands
      Parallel.forEach(bands.count) { index in
        let from = image.pointer + bands.lowerBound + index
        let to = planes + index * shape.pixels
        for place in 0..<shape.pixels { to[place] = from[place * width] }
      }
    }
    return (result, passes)
  }

  private func normalised(_ pixels: PixelMatrix, _ range: DataRange) -> PixelMatrix {
    let result = PixelMatrix(rows: pixels.rows, columns: pixels.columns)
    let (low, factor) = (Float(range.low), 1 / Float(range.width))
    Parallel.forEachChunk(of: pixels.rows, chunk: 4096) { _, rows in
      for i in (rows.lowerBound * pixels.columns)..<(rows.upperBound * pixels.columns) {
        result.pointer[i] = (pixels.pointer[i] - low) * factor
      }
    }
    return result
  }

  private func denormalise(_ pixels: PixelMatrix, _ range: DataRange) {
    let (low, width) = (Float(range.low), Float(range.width))
    Parallel.forEachChunk(of: pixels.rows, chunk: 4096) { _, rows in
      for i in (rows.lowerBound * pixels.columns)..<(rows.upperBound * pixels.columns) {
        pixels.pointer[i] = low + width * pixels.pointer[i]
      }
    }
  }

  /// The scene with what was restored: pixels of a finer grid, missing values, or all values of finite pixels.
  private func assemble(_ restored: PixelMatrix, _ scene: Cube, finite: Cube) -> Cube {
    if scale > 1 { return FinerPixels.cube(scene, finite, restored, scale: scale) }
    let bands = scene.shape.bands
    let fillsOnly = !fills.isEmpty
    let result = PixelMatrix(rows: scene.count, columns: bands)
    let good = finite.rowOfPlace()
    Parallel.forEachChunk(of: scene.count, chunk: 4096) { _, rows in
      for row in rows {
        let place = Int(scene.positions[row])
        let (old, new) = (scene.pixels.pointer + row * bands, restored.pointer + place * bands)
        let target = result.pointer + row * bands
        if fillsOnly {
          for band in 0..<bands { target[band] = old[band].isFinite ? old[band] : new[band] }
        } else {
          target.update(from: good[place] >= 0 ? new : old, count: bands)
        }
      }
    }
    return scene.replacingPixels(by: result)
  }
}

extension MethodTask {
  /// Undoing any of several degradations.
  public static let restore = MethodTask(rawValue: "restore")
}

extension MethodParameters {
  /// A parameter that is a whole number.
  ///
  /// - Throws: `CoreError.invalidParameter` for others.
  func whole(_ name: String) throws -> Int {
    let value = self.value(name)
    guard let whole = Int(exactly: value) else {
      throw CoreError.invalidParameter(name: name, value: PlainNumber.exact(value), requirement: "a whole number")
    }
    return whole
  }
}
