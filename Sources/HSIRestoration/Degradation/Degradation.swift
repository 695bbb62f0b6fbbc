import HSICore

/// What a degradation is told about the image that it acts on.
public struct DegradationTarget: Sendable {
  /// The image.
  public var shape: CubeShape
  /// The values that stand for 0 and 1.
  public var range: DataRange
  /// Bands that are touched, one flag per band; the others stay as they are.
  public var active: [Bool]
  /// Seed of all draws.
  public var seed: UInt64

  /// All bands by default.
  public init(_ shape: CubeShape, range: DataRange = .unit, active: [Bool]? = nil, seed: UInt64) {
    precondition(active.map { $0.count == shape.bands } ?? true, "one flag per band")
    self.shape = shape
    self.range = range
    self.active = active ?? [Bool](repeating: true, count: shape.bands)
    self.seed = seed
  }
}

/// Makes a scene worse in a known way: the counterpart of `Restorer`, for simulation, training and judging. One file, one type,
/// one line in `Degradations`.
///
/// Contract of every degradation:
/// - What it does is a function of the scene, its parameters and the seed: neither of threads nor of tiles or strips.
/// - Missing pixels stay missing; values that it takes away become NaN.
/// - Its grid is 1 / `reduction` of that of the scene, remainders at the right and bottom left out; the metadata follow
///   (`CubeMetadata.rescaled`).
/// - The facts say everything that was asked for and drawn, so that the same scene can be made again.
public protocol Degradation: Sendable {
  /// What users and documents are told.
  var description: MethodDescription { get }
  /// Lines of the scene per line of the result, and samples per sample; 1 by default.
  var reduction: Int { get }
  /// The degraded scene; the given one is not changed.
  ///
  /// - Throws: `RestorationError`, `CoreError.memory`, `CoreError.cancelled`.
  func degrade(_ scene: Cube, _ target: DegradationTarget, _ context: RunContext) throws -> DegradedScene
}

/// A degraded scene and what was drawn for it.
public struct DegradedScene {
  /// The scene.
  public var scene: Cube
  /// For the provenance, by name: what was asked for and what was drawn; columns and bands are counted from 1.
  public var facts: [String: String]

  /// A result.
  public init(scene: Cube, facts: [String: String]) {
    self.scene = scene
    self.facts = facts
  }
}

/// A degradation that changes every pixel on its own place, so that scenes of any size can go through it strip by strip.
public protocol StripDegradation: Degradation {
  /// What was drawn for an image.
  associatedtype Drawn: DrawnDegradation
  /// Draws what happens to an image.
  func draw(_ target: DegradationTarget) -> Drawn
}

/// What a `StripDegradation` drew for one image.
public protocol DrawnDegradation: Sendable {
  /// Degrades pixels of some full-width lines of the image in place; see `Strip`.
  func apply(to pixels: PixelMatrix, positions: [Int32], window: PixelWindow)
  /// See `DegradedScene.facts`.
  var facts: [String: String] { get }
}

extension Degradation {
  public var reduction: Int { 1 }
}

extension StripDegradation {
  public func degrade(_ scene: Cube, _ target: DegradationTarget, _ context: RunContext) throws -> DegradedScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    let drawn = draw(target)
    let pixels = PixelMatrix(rows: scene.count, columns: scene.shape.bands)
    pixels.pointer.update(from: scene.pixels.pointer, count: scene.count * scene.shape.bands)
    drawn.apply(to: pixels, positions: scene.positions, window: scene.shape.window)
    return DegradedScene(scene: scene.replacingPixels(by: pixels), facts: drawn.facts)
  }
}

/// A degradation in a register.
public struct DegradationEntry: Sendable {
  /// What users and documents are told.
  public let description: MethodDescription
  /// Makes it from its numbers (σ of noise); nil for its defaults.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  public let make: @Sendable ([Double]?) throws -> any Degradation

  /// A degradation.
  public init(_ description: MethodDescription, _ make: @escaping @Sendable ([Double]?) throws -> any Degradation) {
    self.description = description
    self.make = make
  }
}

extension MethodTask {
  /// Making a scene worse in a known way.
  public static let degrade = MethodTask(rawValue: "degrade")
}

/// Degradations by name.
public typealias DegradationRegistry = MethodRegistry<DegradationEntry>

extension MethodRegistry where Entry == DegradationEntry {
  /// A register of some degradations.
  public init(_ entries: [DegradationEntry]) { self.init("degradation", entries) { $0.description } }

  /// The degradation of a name or alias with its numbers, or its defaults.
  ///
  /// - Throws: `CoreError.unknownMethod`, and `.invalidParameter` for unusable numbers.
  public func named(_ name: String, _ numbers: [Double]? = nil) throws -> any Degradation {
    try entry(name).make(numbers)
  }
}

/// The register of degradations: a new one is a file and a line here.
public enum Degradations {
  /// All of them.
  public static let all = DegradationRegistry(NoiseModel.Kind.allCases.map(DegradationEntry.init))
}
