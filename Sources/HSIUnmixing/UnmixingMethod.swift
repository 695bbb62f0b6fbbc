import HSICore
import HSINumerics

extension MethodTask {
  /// How many endmembers a scene has.
  public static let count = MethodTask(rawValue: "count")
  /// Endmembers picked from, or fitted around, the pixels.
  public static let extract = MethodTask(rawValue: "extract")
  /// Abundances for known endmembers.
  public static let abundance = MethodTask(rawValue: "abundance")
  /// Abundances on a large library, few of which are present.
  public static let sparse = MethodTask(rawValue: "sparse")
  /// Endmembers and abundances together.
  public static let blind = MethodTask(rawValue: "blind")
}

/// A method of any task: one file, one type, one line in `UnmixingMethods`.
public protocol UnmixingMethod: Sendable {
  /// What users and documents are told.
  static var description: MethodDescription { get }
  /// Takes the checked parameters.
  init(_ parameters: MethodParameters) throws
}

extension UnmixingMethod {
  /// The method with values for some parameters and defaults for the rest.
  public init(_ values: [String: Double] = [:]) throws {
    try self.init(MethodParameters(values, for: Self.description))
  }
}

/// The result of counting.
public struct CountEstimate: Sendable {
  /// Number of endmembers.
  public var count: Int
  /// The figures that decided (cost or eigenvalue differences, sorted as the method sorts them).
  public var evidence: [Double]
  /// The noise of the scene in the units of `evidence`, where that is an error.
  public var noise: Double?
  /// Why it is so many, as a clause; nil where the name of the method says it.
  public var reason: String?
  /// What other methods count, by their names.
  public var alternatives: [String: Int]

  /// A count and its evidence.
  public init(
    count: Int, evidence: [Double], noise: Double? = nil, reason: String? = nil, alternatives: [String: Int] = [:]
  ) {
    self.count = count
    self.evidence = evidence
    self.noise = noise
    self.reason = reason
    self.alternatives = alternatives
  }
}

/// Estimates how many endmembers a scene has.
public protocol CountEstimator: UnmixingMethod {
  func count(_ scene: any StripSource, _ context: RunContext) throws -> CountEstimate
}

/// Finds `count` endmembers of a scene. Reads the scene in one or a few passes over strips.
public protocol EndmemberExtractor: UnmixingMethod {
  /// - Returns: `count` spectra on the bands of `scene`; `pixels` are their places in the scene where the method
  ///   picks pixels.
  func extract(_ scene: any StripSource, count: Int, _ context: RunContext) throws -> SpectralLibrary
}

/// Solves for abundances pixel by pixel: an estimator prepared for given endmembers. Thread-safe.
public protocol AbundanceSolver: Sendable {
  /// Abundances of every pixel: `pixels` N × L in, `abundances` N × K out (reshaped by the callee).
  ///
  /// The result of a pixel depends on that pixel alone, to the last bit.
  ///
  /// - Returns: pixels whose iterations met their limit; 0 for methods that end by themselves.
  @discardableResult
  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix) throws -> Int
}

/// Abundances for known endmembers (or library spectra), one pixel at a time: works strip by strip on any size.
public protocol AbundanceEstimator: UnmixingMethod {
  /// Prepares for endmembers on the bands of the scene.
  ///
  /// - Parameters:
  ///   - endmembers: K spectra, no NaN.
  ///   - weights: channel weights `w ≥ 0` of the residual `Σ_l w_l (y_l − m_l a)²`, or nil for all ones.
  func prepare(_ endmembers: SpectralLibrary, weights: [Double]?) throws -> any AbundanceSolver
}

/// Abundances for known endmembers or a library by a method that couples pixels (spatial regularisation, row
/// sparsity): needs the whole scene.
public protocol SceneAbundanceEstimator: UnmixingMethod {
  /// Bytes needed beside the pixels of the scene.
  func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int
  /// Abundances N × K of the valid pixels of `scene`.
  func solve(_ scene: Cube, _ endmembers: SpectralLibrary, _ context: RunContext) throws -> PixelMatrix
}

/// Solves pixels for the endmembers that a blind method found elsewhere. The result of a pixel depends on that pixel
/// alone, to the last bit.
public protocol BlindPixelSolver: Sendable {
  /// Abundances of N pixels into `abundances` (N × K, reshaped), rows divided by their sums.
  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix) throws -> BlindPixels
}

/// What a blind method knows about pixels beside their abundances.
public struct BlindPixels: Sendable {
  /// Guidance map h, of methods that learn one.
  public var guidance: [Float]?
  /// The factor b of every pixel in `y_n ≈ b_n Σ_k a_nk m_k`, where abundances were divided by their sums.
  public var brightness: [Float]?

  /// Maps of N pixels.
  public init(guidance: [Float]? = nil, brightness: [Float]? = nil) {
    self.guidance = guidance
    self.brightness = brightness
  }
}

/// What a blind method returns. Pixels are the valid ones of the scene, in its order.
public struct BlindResult: Sendable {
  /// K spectra on the bands of the scene.
  public var endmembers: SpectralLibrary
  /// N × K, rows sum to one unless the method says otherwise.
  public var abundances: PixelMatrix
  /// Guidance map h per pixel (0…h_max), of methods that learn one.
  public var guidance: [Float]?
  /// The factor b of every pixel in `y_n ≈ b_n Σ_k a_nk m_k`, where abundances were divided by their sums.
  public var brightness: [Float]?
  /// How well the factorisation explains every channel, 1 = as the median channel or better … 0 = not at all
  /// (`min(1, ρ_l / median ρ)`, ρ_l = ‖y_l‖/‖r_l‖), of methods that weigh channels.
  public var channelQuality: [Double]?
  /// Channel weights d of the last iteration, of methods that learn them.
  public var channelWeights: [Double]?
  /// Solves further pixels as the factorisation would have, or nil for weighted FCLS.
  public var pixelSolver: (any BlindPixelSolver)?
  /// Objective before the first and after every iteration.
  public var objective: [Double]
  /// True when the tolerance was met before the iteration limit.
  public var converged: Bool
  /// Figures and choices worth reporting, by name (`lambda0`, `delta0`, rule outcomes).
  public var settings: [String: Double]
  /// What a method that chooses has chosen, as a clause.
  public var choice: String?

  /// A factorisation.
  public init(
    endmembers: SpectralLibrary, abundances: PixelMatrix, guidance: [Float]? = nil,
    brightness: [Float]? = nil,
    channelQuality: [Double]? = nil, channelWeights: [Double]? = nil,
    pixelSolver: (any BlindPixelSolver)? = nil, objective: [Double], converged: Bool,
    settings: [String: Double] = [:], choice: String? = nil
  ) {
    self.choice = choice
    self.brightness = brightness
    self.channelWeights = channelWeights
    self.pixelSolver = pixelSolver
    self.endmembers = endmembers
    self.abundances = abundances
    self.guidance = guidance
    self.channelQuality = channelQuality
    self.objective = objective
    self.converged = converged
    self.settings = settings
  }
}

/// Estimates endmembers and abundances together, with the scene in memory.
public protocol BlindUnmixer: UnmixingMethod {
  /// Bytes needed beside the pixels of the scene.
  func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int
  /// - Parameters:
  ///   - scene: the scene on its good bands; a method that normalises pixels does so on a copy or in place as
  ///     `workingBytes` says.
  ///   - start: the common start of all blind methods (`RobustStart`), or nil to make it.
  func unmix(_ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext) throws -> BlindResult
}

/// Where a factorisation begins: the same for every blind method, so that they can be compared.
public struct BlindStart: Sendable {
  /// M⁰, K × L (row = endmember), all entries > 0.
  public var endmembers: Matrix<Float>
  /// A⁰, N × K, rows sum to one.
  public var abundances: PixelMatrix
  /// Leave-one-out quality of every channel, 0 bad … 1 good.
  public var channelQuality: [Double]
  /// Channels that entered the start.
  public var keptChannels: [Bool]
  /// Channels that are not corrupted (`ChannelHealth.healthy`).
  public var healthyChannels: [Bool]
  /// Prior purity s/h_max of every pixel, 0…1.
  public var purity: [Float]
  /// Weights of the edges to the right and lower neighbour of every valid pixel (0 where there is none).
  public var rightWeight: [Float]
  public var downWeight: [Float]
  /// Whether the pixels were divided by their length beforehand; the rule for δ₀ depends on it.
  public var unitLength: Bool

  /// A complete start.
  public init(
    endmembers: Matrix<Float>, abundances: PixelMatrix, channelQuality: [Double], keptChannels: [Bool],
    healthyChannels: [Bool]? = nil, purity: [Float], rightWeight: [Float], downWeight: [Float], unitLength: Bool = false
  ) {
    self.unitLength = unitLength
    self.endmembers = endmembers
    self.abundances = abundances
    self.channelQuality = channelQuality
    self.keptChannels = keptChannels
    self.healthyChannels = healthyChannels ?? keptChannels
    self.purity = purity
    self.rightWeight = rightWeight
    self.downWeight = downWeight
  }
}
