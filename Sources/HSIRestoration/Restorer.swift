import HSICore

/// What a restorer puts where a scene has nothing.
public struct RestorationFill: OptionSet, Sendable, Hashable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// Missing values (NaN) of bands in valid pixels.
  public static let values = RestorationFill(rawValue: 1)
  /// Bands in which no valid pixel has a value.
  public static let bands = RestorationFill(rawValue: 2)
  /// Pixels that the cube does not hold.
  public static let pixels = RestorationFill(rawValue: 4)
}

/// Makes a whole cube in memory better: removes noise, fills what is missing, refines the grid. One file, one type, one line in
/// `Restorers`.
///
/// Contract of every restorer:
/// - The result has the bands and units of the scene; any scale of numbers will do. Its grid is `scale` times as fine as that
///   of the scene, its metadata are `CubeMetadata.rescaled(by: scale)`.
/// - A missing *value* is a NaN in a valid pixel, a missing band one that is NaN in all of them, a missing *pixel* one that the
///   cube does not hold. Missing pixels stay missing unless `fills` has `.pixels`; the others then become numbers where `fills`
///   says so. Without that a pixel with a NaN or an infinite value is handed on as it is.
/// - Where a method needs a full image, holes are filled from valid pixels around them for the computation only
///   (`PlaneFilling`), so that they never spread.
/// - A scene without anything to restore (constant, one pixel, nothing valid) comes back unchanged, which the facts say.
/// - The result does not depend on the number of threads; random draws come from the seed of the context.
public protocol Restorer: Sendable {
  /// What users and documents are told.
  var description: MethodDescription { get }
  /// What it puts where the scene has nothing; nothing by default. Only a restorer that fills values may be given scenes that were
  /// read with the policy `values`.
  var fills: RestorationFill { get }
  /// Lines of the result per line of the scene, and samples per sample; 1 by default.
  var scale: Int { get }
  /// Bytes needed beside the pixels of the scene, result included.
  func workingBytes(_ shape: CubeShape) -> Int
  /// The restored scene.
  ///
  /// - Parameters:
  ///   - scene: the degraded scene; it is not changed.
  ///   - noise: standard deviations per band where they are known, or nil to estimate them.
  ///   - context: memory budget, progress, cancellation, seed.
  /// - Throws: `CoreError.memory`, `CoreError.cancelled`, `RestorationError`, `NumericsError`.
  func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene
}

extension Restorer {
  public var fills: RestorationFill { [] }
  public var scale: Int { 1 }

  /// The image of the result.
  public func shape(of scene: CubeShape) -> CubeShape {
    CubeShape(lines: scene.lines * scale, samples: scene.samples * scale, bands: scene.bands)
  }
}

/// A restored scene and what was found on the way.
public struct RestoredScene {
  /// The restored scene.
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

extension Restorer {
  /// Throws `CoreError.memory` where scene and work do not fit the budget.
  public func requireMemory(for shape: CubeShape, pixels: Int? = nil, _ context: RunContext) throws {
    let needed = (pixels ?? shape.pixels) * (shape.bands * 4 + 4) + workingBytes(shape)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "\(description.id) on \(shape)", needed: needed, budget: context.memory.bytes)
    }
  }

  /// The scene as it is, with a warning that says why.
  func unchanged(_ scene: Cube, _ reason: String, _ context: RunContext) -> RestoredScene {
    context.warn("W-UNCHANGED", "\(description.id) returns the scene unchanged: \(reason)")
    return RestoredScene(scene: scene, unchanged: reason)
  }
}
