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
  /// Whether `DegradationTarget.range` plays a part; true by default.
  var usesRange: Bool { get }
  /// Why little or nothing of what was asked for will be seen in an image, in words that follow its name; nil by default.
  func caveat(_ target: DegradationTarget) -> String?
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
  public var usesRange: Bool { true }
  public func caveat(_ target: DegradationTarget) -> String? { nil }
}

/// A degradation that takes values away.
public protocol TakingDegradation: StripDegradation {
  /// The same values are lost, and become NaN whatever else takes their place.
  var leavingHoles: Self { get }
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
  /// Makes it from its list of numbers (σ of noise; nil for its defaults) and from values for some of its parameters. A kind has
  /// either the one or the other.
  ///
  /// - Throws: `CoreError.invalidParameter`, `CoreError.unknownParameter`.
  public let make: @Sendable ([Double]?, [String: Double]) throws -> any Degradation

  /// A degradation with a list of numbers.
  public init(_ description: MethodDescription, _ make: @escaping @Sendable ([Double]?) throws -> any Degradation) {
    self.description = description
    self.make = { numbers, values in
      _ = try MethodParameters(values, for: description)
      return try make(numbers)
    }
  }

  /// A degradation with named parameters.
  public init<D: ParameterDegradation>(
    _ description: MethodDescription, parameters make: @escaping @Sendable (MethodParameters) throws -> D
  ) {
    self.description = description
    self.make = { numbers, values in
      guard numbers == nil else {
        throw CoreError.invalidParameter(
          name: description.id, value: (numbers ?? []).map { "\($0)" }.joined(separator: ","),
          requirement: "a value for a parameter by its name"
        )
      }
      return try make(MethodParameters(values, for: description))
    }
  }

  /// A degradation of one kind.
  public init<D: ParameterDegradation>(_ type: D.Type) { self.init(D.description, parameters: { try D($0) }) }
}

/// A degradation that is made from named parameters.
public protocol ParameterDegradation: Degradation {
  /// What users and documents are told.
  static var description: MethodDescription { get }
  /// Takes the checked parameters.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  init(_ parameters: MethodParameters) throws
}

extension ParameterDegradation {
  public var description: MethodDescription { Self.description }

  /// The degradation with values for some parameters and defaults for the rest.
  ///
  /// - Throws: `CoreError.unknownParameter`, `CoreError.invalidParameter`.
  public init(_ values: [String: Double] = [:]) throws {
    try self.init(MethodParameters(values, for: Self.description))
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
    try entry(name).make(numbers, [:])
  }

  /// The degradation of a name or alias with values for some parameters and defaults for the rest.
  ///
  /// - Throws: `CoreError.unknownMethod`, `.unknownParameter`, `.invalidParameter`.
  public func named(_ name: String, _ values: [String: Double]) throws -> any Degradation {
    try entry(name).make(nil, values)
  }
}

/// The register of degradations: a new one is a file and a line here.
public enum Degradations {
  /// All of them.
  public static let all = DegradationRegistry(
    NoiseModel.Kind.allCases.map(DegradationEntry.init) + [
      DegradationEntry(GaussianBlur.self), DegradationEntry(CircleBlur.self), DegradationEntry(SquareBlur.self),
      DegradationEntry(MotionBlur.self), DegradationEntry(Downsampling.self), DegradationEntry(InpaintingMask.self),
      DegradationEntry(MissingBands.self), DegradationEntry(Haze.self), DegradationEntry(PoissonNoise.self),
    ])
}
