import HSICore
import HSINumerics

/// A detector that weighs the matched filter of a pixel against its length in white coordinates:
/// a = sᵀ C⁻¹ (x − μ), b = sᵀ C⁻¹ s, q = (x − μ)ᵀ C⁻¹ (x − μ), s = t − μ, N pixels of background.
///
/// A new one says how a², b, q and N make a score. Scores keep the sign of a: a pixel on the other side of the mean than the target does
/// not speak for it. Cost N L² for the background, 2 N L² for the scores.
public protocol LikelihoodRatioDetector: TargetDetector, PixelDetector {
  /// The background that was learnt.
  var ratio: LikelihoodRatio { get }
  /// A detector on a background.
  init(_ ratio: LikelihoodRatio)
  /// The score of a², b, q and N.
  static func score(square: Float, energy: Float, distance: Float, count: Float) -> Float
}

extension LikelihoodRatioDetector {
  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    self.init(try LikelihoodRatio(targets, in: source, parameters, context))
  }

  public var bands: [DetectionBand] { ratio.names.scores(Self.description.id) }
  public var facts: [String: Double] { ratio.facts }
  public var workingBytesPerPixel: Int { ratio.workingBytesPerPixel }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) {
    ratio.score(pixels, into: values, Self.score)
  }
}

/// Targets against the background of a scene, ready for likelihood ratios.
public struct LikelihoodRatio: Sendable {
  /// Names of the targets.
  let names: [String]
  /// What reports say about the background.
  let facts: [String: Double]
  private let count: Float
  private let energies: [Float]
  private let plan: ScorePlan

  init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    let background = try BackgroundParameters.background(of: source, parameters, context)
    let filters = try TargetFilters(targets, background)
    names = filters.names
    facts = background.facts
    count = Float(background.count)
    energies = filters.energies.map { Float($0) }
    plan = background.whitening(values: filters.filters)
  }

  /// Bytes of distances and products per pixel.
  var workingBytesPerPixel: Int { 4 * (2 + energies.count) }

  /// Scores `sign(a) · score(a², b, q, N)`, pixels × targets.
  func score(_ pixels: PixelMatrix, into values: PixelMatrix, _ score: (Float, Float, Float, Float) -> Float) {
    let norms = PixelMatrix(rows: pixels.rows, columns: 2)
    plan.score(pixels, norms: norms, values: values)
    let (out, distances, targets) = (values.pointer, norms.pointer, energies.count)
    for n in 0..<pixels.rows {
      for k in 0..<targets {
        let a = out[n * targets + k]
        let value = score(a * a, energies[k], distances[2 * n + 1], count)
        out[n * targets + k] = a < 0 ? -value : value
      }
    }
  }
}

/// Adaptive coherence (cosine) estimator: the squared cosine between pixel and target in white coordinates, with its sign.
///
///     ACE(x) = (sᵀ C⁻¹ (x − μ))² / (sᵀ C⁻¹ s · (x − μ)ᵀ C⁻¹ (x − μ)),   s = t − μ;   from −1 to 1
///
/// Does not depend on how strong the target is. Source: Kraut, Scharf, Butler, "The adaptive coherence estimator: a uniformly
/// most-powerful-invariant adaptive detection statistic", IEEE Trans. Signal Process. 53(2), 2005.
public struct ACE: LikelihoodRatioDetector {
  public static let description = MethodDescription(
    id: "ace", name: "Adaptive coherence estimator", task: .target,
    citation: "Kraut, Scharf, Butler, IEEE Trans. Signal Process. 53(2), 2005", cost: "2 N L²",
    advice: "Whether a pixel holds a material, however little of it: few false alarms.",
    parameters: [BackgroundParameters.shrinkage, BackgroundParameters.exclude])

  public let ratio: LikelihoodRatio

  public init(_ ratio: LikelihoodRatio) { self.ratio = ratio }

  public static func score(square: Float, energy: Float, distance: Float, count: Float) -> Float {
    distance > 0 ? min(square / (energy * distance), 1) : 0
  }
}

/// Adaptive matched filter: the squared matched filter in units of its own noise, with its sign.
///
///     AMF(x) = (sᵀ C⁻¹ (x − μ))² / (sᵀ C⁻¹ s)
///
/// Source: Robey, Fuhrmann, Kelly, Nitzberg, "A CFAR adaptive matched filter detector", IEEE Trans. Aerosp. Electron. Syst. 28(1), 1992.
public struct AMF: LikelihoodRatioDetector {
  public static let description = MethodDescription(
    id: "amf", name: "Adaptive matched filter", task: .target,
    citation: "Robey, Fuhrmann, Kelly, Nitzberg, IEEE Trans. Aerosp. Electron. Syst. 28(1), 1992",
    cost: "2 N L²", advice: "The matched filter in units of its noise, so that several targets can be compared.",
    parameters: [BackgroundParameters.shrinkage, BackgroundParameters.exclude])

  public let ratio: LikelihoodRatio

  public init(_ ratio: LikelihoodRatio) { self.ratio = ratio }

  public static func score(square: Float, energy: Float, distance: Float, count: Float) -> Float {
    square / energy
  }
}

/// Kelly's generalised likelihood ratio: between the matched filter and the cosine, as the background is known well or not.
///
///     GLRT(x) = (sᵀ C⁻¹ (x − μ))² / (sᵀ C⁻¹ s · (N + (x − μ)ᵀ C⁻¹ (x − μ))),   N pixels of background; from −1 to 1, with the sign
///
/// Source: Kelly, "An adaptive detection algorithm", IEEE Trans. Aerosp. Electron. Syst. 22(2), 1986.
public struct GLRT: LikelihoodRatioDetector {
  public static let description = MethodDescription(
    id: "glrt", name: "Generalised likelihood ratio test", task: .target,
    citation: "Kelly, IEEE Trans. Aerosp. Electron. Syst. 22(2), 1986", cost: "2 N L²",
    advice: "For backgrounds of few pixels.",
    parameters: [BackgroundParameters.shrinkage, BackgroundParameters.exclude], aliases: ["kelly"])

  public let ratio: LikelihoodRatio

  public init(_ ratio: LikelihoodRatio) { self.ratio = ratio }

  public static func score(square: Float, energy: Float, distance: Float, count: Float) -> Float {
    square / (energy * (count + distance))
  }
}
