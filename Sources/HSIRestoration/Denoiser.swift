import HSICore

/// Removes noise from a whole cube in memory.
///
/// Contract of every denoiser:
/// - The result has the valid pixels of the scene at the same places, on the same bands and in the same units; any
///   scale of numbers will do.
/// - Missing pixels (those that a `Cube` does not hold) stay missing. A pixel with a NaN or an infinite value is
///   handed on as it is. Where a method needs a full image, both kinds are filled from valid pixels around them for
///   the computation only (`PlaneFilling`), so that they never spread.
/// - A scene without noise or variation (constant, one pixel, nothing valid) comes back unchanged, which the facts say.
/// - The result does not depend on the number of threads; random draws come from the seed of the context.
public protocol Denoiser: Sendable {
  /// What users and documents are told.
  var description: MethodDescription { get }
  /// Bytes needed beside the pixels of the scene, result included.
  func workingBytes(_ shape: CubeShape) -> Int
  /// The restored scene.
  ///
  /// - Parameters:
  ///   - scene: the noisy scene; it is not changed.
  ///   - noise: standard deviations per band where they are known, or nil to estimate them.
  ///   - context: memory budget, progress, cancellation, seed.
  /// - Throws: `CoreError.memory`, `CoreError.cancelled`, `RestorationError`, `NumericsError`.
  func denoise(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> DenoisedScene
}

/// A denoiser that needs no training: one file, one type, one line in `Denoisers`.
///
/// It implements `restore`; `denoise` is made from it.
public protocol ClassicalDenoiser: Denoiser {
  /// What users and documents are told.
  static var description: MethodDescription { get }
  /// Takes the checked parameters.
  init(_ parameters: MethodParameters) throws
  /// Restores a scene all of whose pixels are finite, of at least two pixels, that is not constant.
  ///
  /// - Parameter noise: given or estimated; at least one band has noise.
  func restore(_ scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> DenoisedScene
}

extension ClassicalDenoiser {
  /// The denoiser with values for some parameters and defaults for the rest.
  ///
  /// - Throws: `CoreError.unknownParameter`, `CoreError.invalidParameter`.
  public init(_ values: [String: Double] = [:]) throws {
    let description = Self.description
    try self.init(MethodParameters(values, method: description.id, parameters: description.parameters))
  }

  public var description: MethodDescription { Self.description }
}

/// A restored scene and what was found on the way.
public struct DenoisedScene {
  /// The restored scene: shape, metadata and positions of the noisy one.
  public var scene: Cube
  /// Noise standard deviations per band that the method worked with, where it used any.
  public var noise: NoiseLevels?
  /// Number of spectral components kept, of methods that choose one.
  public var rank: Int?
  /// Figures and choices worth reporting, by name (`outliers`, `stripes`).
  public var facts: [String: Double]
  /// Why the scene was returned unchanged, where it was.
  public var unchanged: String?

  /// A result.
  public init(
    scene: Cube, noise: NoiseLevels? = nil, rank: Int? = nil, facts: [String: Double] = [:],
    unchanged: String? = nil
  ) {
    self.scene = scene
    self.noise = noise
    self.rank = rank
    self.facts = facts
    self.unchanged = unchanged
  }
}

extension ClassicalDenoiser {
  public func denoise(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> DenoisedScene {
    try context.checkCancellation()
    try requireMemory(scene, context)
    if let noise { try noise.check(bands: scene.shape.bands) }
    let finite = scene.finitePixels()
    guard finite.count > 0 else {
      return unchanged(scene, "no pixel has a finite value in every band", context)
    }
    guard finite.count > 1 else { return unchanged(scene, "it has one valid pixel", context) }
    let levels = try noise ?? NoiseLevels.estimate(finite, context)
    guard levels.standardDeviations.contains(where: { $0 > 0 }) else {
      return unchanged(scene, "no noise was found in any band", context)
    }
    var result = try restore(finite, noise: levels, context)
    if finite.count < scene.count { result.scene = scene.replacingFinitePixels(by: result.scene.pixels) }
    return result
  }
}

extension Denoiser {
  /// Throws `CoreError.memory` where scene and work do not fit the budget.
  func requireMemory(_ scene: Cube, _ context: RunContext) throws {
    let needed = scene.count * (scene.shape.bands * 4 + 4) + workingBytes(scene.shape)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "\(description.id) on \(scene.shape)", needed: needed, budget: context.memory.bytes)
    }
  }

  /// The scene as it is, with a warning that says why.
  func unchanged(_ scene: Cube, _ reason: String, _ context: RunContext) -> DenoisedScene {
    context.warn("W-UNCHANGED", "\(description.id) returns the scene unchanged: \(reason)")
    return DenoisedScene(scene: scene, unchanged: reason)
  }
}

extension Cube {
  /// True where every band of valid pixel `index` is finite.
  private func isFinite(_ index: Int) -> Bool {
    // 0 · x is 0 for finite x and NaN otherwise.
    var sum: Float = 0
    for value in pixels.row(index) { sum += 0 * value }
    return sum == 0
  }

  /// The pixels without NaN and infinite values; the cube itself where that is all of them.
  func finitePixels() -> Cube {
    let kept = (0..<count).filter(isFinite)
    guard kept.count < count else { return self }
    let subset = PixelMatrix(rows: kept.count, columns: shape.bands)
    for (row, index) in kept.enumerated() {
      (subset.pointer + row * shape.bands).update(
        from: pixels.pointer + index * shape.bands, count: shape.bands)
    }
    return Cube(shape: shape, metadata: metadata, pixels: subset, positions: kept.map { positions[$0] })
  }

  /// The cube with new values for its finite pixels (in order), the others as they are.
  func replacingFinitePixels(by values: PixelMatrix) -> Cube {
    let result = PixelMatrix(rows: count, columns: shape.bands)
    var row = 0
    for index in 0..<count {
      let finite = isFinite(index)
      let source = finite ? values.pointer + row * shape.bands : pixels.pointer + index * shape.bands
      (result.pointer + index * shape.bands).update(from: source, count: shape.bands)
      if finite { row += 1 }
    }
    return Cube(shape: shape, metadata: metadata, pixels: result, positions: positions)
  }

  /// A cube of the same pixels with new values.
  func replacingPixels(by values: PixelMatrix) -> Cube {
    Cube(shape: shape, metadata: metadata, pixels: values, positions: positions)
  }
}
