import HSICore
import HSINumerics

/// What detectors share that weigh the matched filter against the length of the pixel in white coordinates:
/// a = sᵀ C⁻¹ (x − μ), b = sᵀ C⁻¹ s, q = (x − μ)ᵀ C⁻¹ (x − μ). Scores keep the sign of a: a pixel on the other side of the mean than
/// the target does not speak for it.
struct LikelihoodRatio: Sendable {
  let names: [String]
  let facts: [String: Double]
  /// Pixels of the background.
  let count: Double
  private let energies: [Float]
  private let plan: ScorePlan

  init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    let background = try BackgroundParameters.background(of: source, parameters, context)
    let filters = try TargetFilters(targets, background)
    names = filters.names
    facts = background.facts
    count = Double(background.count)
    energies = filters.energies.map { Float($0) }
    plan = background.whitening(values: filters.filters)
  }

  /// Bytes of distances and products per pixel.
  var workingBytesPerPixel: Int { 4 * (2 + energies.count) }

  /// Scores `sign(a) · ratio(a², b, q)`.
  func score(
    _ pixels: PixelMatrix, into values: PixelMatrix,
    _ ratio: (_ square: Float, _ energy: Float, _ distance: Float) -> Float
  ) {
    let norms = PixelMatrix(rows: pixels.rows, columns: 2)
    plan.score(pixels, norms: norms, values: values)
    let (out, distances, targets) = (values.pointer, norms.pointer, energies.count)
    for n in 0..<pixels.rows {
      for k in 0..<targets {
        let a = out[n * targets + k]
        let value = ratio(a * a, energies[k], distances[2 * n + 1])
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
public struct ACE: TargetDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "ace", name: "Adaptive coherence estimator", task: .target,
    citation: "Kraut, Scharf, Butler, IEEE Trans. Signal Process. 53(2), 2005", cost: "2 N L²",
    advice: "Whether a pixel holds a material, however little of it: few false alarms.",
    parameters: [BackgroundParameters.shrinkage, BackgroundParameters.exclude])

  public let bands: [DetectionBand]
  public var facts: [String: Double] { ratio.facts }
  public var workingBytesPerPixel: Int { ratio.workingBytesPerPixel }
  private let ratio: LikelihoodRatio

  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    ratio = try LikelihoodRatio(targets, in: source, parameters, context)
    bands = ratio.names.scores("ace")
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) {
    ratio.score(pixels, into: values) { square, energy, distance in
      distance > 0 ? min(square / (energy * distance), 1) : 0
    }
  }
}

/// Adaptive matched filter: the squared matched filter in units of its own noise, with its sign.
///
///     AMF(x) = (sᵀ C⁻¹ (x − μ))² / (sᵀ C⁻¹ s)
///
/// Source: Robey, Fuhrmann, Kelly, Nitzberg, "A CFAR adaptive matched filter detector", IEEE Trans. Aerosp. Electron. Syst. 28(1), 1992.
public struct AMF: TargetDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "amf", name: "Adaptive matched filter", task: .target,
    citation: "Robey, Fuhrmann, Kelly, Nitzberg, IEEE Trans. Aerosp. Electron. Syst. 28(1), 1992",
    cost: "2 N L²", advice: "The matched filter in units of its noise, so that several targets can be compared.",
    parameters: [BackgroundParameters.shrinkage, BackgroundParameters.exclude])

  public let bands: [DetectionBand]
  public var facts: [String: Double] { ratio.facts }
  public var workingBytesPerPixel: Int { ratio.workingBytesPerPixel }
  private let ratio: LikelihoodRatio

  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    ratio = try LikelihoodRatio(targets, in: source, parameters, context)
    bands = ratio.names.scores("amf")
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) {
    ratio.score(pixels, into: values) { square, energy, _ in square / energy }
  }
}

/// Kelly's generalised likelihood ratio: between the matched filter and the cosine, as the background is known well or not.
///
///     GLRT(x) = (sᵀ C⁻¹ (x − μ))² / (sᵀ C⁻¹ s · (N + (x − μ)ᵀ C⁻¹ (x − μ))),   N pixels of background; from −1 to 1, with the sign
///
/// Source: Kelly, "An adaptive detection algorithm", IEEE Trans. Aerosp. Electron. Syst. 22(2), 1986.
public struct GLRT: TargetDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "glrt", name: "Generalised likelihood ratio test", task: .target,
    citation: "Kelly, IEEE Trans. Aerosp. Electron. Syst. 22(2), 1986", cost: "2 N L²",
    advice: "For backgrounds of few pixels.",
    parameters: [BackgroundParameters.shrinkage, BackgroundParameters.exclude], aliases: ["kelly"])

  public let bands: [DetectionBand]
  public var facts: [String: Double] { ratio.facts }
  public var workingBytesPerPixel: Int { ratio.workingBytesPerPixel }
  private let ratio: LikelihoodRatio

  public init(
    _ targets: SpectralLibrary, in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext
  ) throws {
    ratio = try LikelihoodRatio(targets, in: source, parameters, context)
    bands = ratio.names.scores("glrt")
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) {
    let count = Float(ratio.count)
    ratio.score(pixels, into: values) { square, energy, distance in square / (energy * (count + distance)) }
  }
}
