import HSICore
import HSINumerics

/// Principal components of the bands (`LinearTransform.principalComponents`).
public struct PrincipalComponentTransform: SpectralTransform {
  public static let hasComponents = true
  public static let description = MethodDescription(
    id: "pca", name: "Principal components", task: .transform,
    citation: "H. Hotelling, J. Educational Psychology 24, 1933",
    cost: "N L² + 9 L³",
    advice: "Few components that hold most of the variance; the way back is exact with all of them.",
    parameters: [
      ParameterDescription("whitened", 0, in: 0...1, "1: components of unit variance; 0: of their own variance")
    ])

  private let isWhitened: Bool

  public init(_ parameters: MethodParameters) throws { isWhitened = parameters.value("whitened") >= 0.5 }

  public func fit(_ source: any StripSource, components: Int?, _ context: RunContext) throws -> FittedTransform {
    let claim = context.claimThreads()
    defer { claim.release() }
    let statistics = try SceneStatistics(source, context, precision: .double)
    try ComponentCount.requirePixels(statistics.count)
    let linear = try LinearTransform.principalComponents(
      statistics, count: components ?? source.shape.bands, whitened: isWhitened)
    let total = (0..<source.shape.bands).reduce(0) { $0 + statistics.covariance[$1, $1] }
    let kept =
      isWhitened
      ? (0..<linear.components).reduce(0.0) { sum, k in
        sum + (0..<linear.bands).reduce(0) { $0 + linear.inverse[$1, k] * linear.inverse[$1, k] }
      } : linear.variances.reduce(0, +)
    let share = total > 0 ? 100 * kept / total : 100
    return FittedTransform(
      linear, prefix: "PC",
      summary: "\(linear.components) principal components with \(ComponentCount.percent(share)) % of the variance")
  }
}

/// What transforms with components share.
enum ComponentCount {
  /// - Throws: `SpectralError.inconsistent` for a scene without two pixels.
  static func requirePixels(_ count: Int) throws {
    guard count > 1 else {
      throw SpectralError.inconsistent(
        name: "components", reason: "they need at least 2 valid pixels, and the scene has \(count)",
        advice: "check \(option: "mask"), \(option: "window") and \(option: "nodata")")
    }
  }

  /// A share in percent: 99.98, and not 100 where it is not.
  static func percent(_ value: Double) -> String {
    let hundredths = (value * 100).rounded(.down) / 100
    return PlainNumber.rounded(value >= 99.99 && value < 100 - 1e-9 ? 99.99 : hundredths)
  }
}
