import HSICore
import HSINumerics

/// Reed-Xiaoli detector: the squared Mahalanobis distance from the mean of the scene.
///
///     RX(x) = (x − μ)ᵀ C⁻¹ (x − μ)
///
/// On a normal background it follows χ² with as many degrees of freedom as bands. Source: Reed, Yu, "Adaptive multiple-band CFAR detection
/// of an optical pattern with unknown spectral distribution", IEEE Trans. Acoust. Speech Signal Process. 38(10), 1990.
///
/// ```swift
/// let rx = try RX(in: cube, MethodParameters([:], for: RX.description), RunContext())
/// ```
public struct RX: AnomalyDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "rx", name: "Reed-Xiaoli detector", task: .anomaly,
    citation: "Reed, Yu, IEEE Trans. Acoust. Speech Signal Process. 38(10), 1990", cost: "2 N L²",
    advice: "Pixels unlike the scene as a whole; fast.",
    parameters: [BackgroundParameters.shrinkage, BackgroundParameters.exclude])

  public let bands = [DetectionBand("rx")]
  public let facts: [String: Double]
  public var workingBytesPerPixel: Int { 8 }
  private let plan: ScorePlan

  public init(in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext) throws {
    let background = try BackgroundParameters.background(of: source, parameters, context)
    facts = background.facts
    plan = background.whitening()
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) {
    let norms = PixelMatrix(rows: pixels.rows, columns: 2)
    plan.score(pixels, norms: norms, values: nil)
    for n in 0..<pixels.rows { values[n, 0] = norms[n, 1] }
  }
}
