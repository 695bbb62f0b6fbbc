import HSICore

/// A kernel of equal weights.
public struct SquareBlur: Blur {
  public static let description = MethodDescription(
    id: "square-blur", name: "Box blur", task: .degrade,
    citation: "MP-HSIR (multi-prompt hyperspectral image restoration), its degradations",
    cost: "2 N L size²", advice: "Large square detector elements.",
    parameters: [.kernelSize(9), .mirror])

  public let kernel: BlurKernel
  public let settings: [String: Double]
  public let mirrors: Bool

  public init(_ parameters: MethodParameters) throws {
    kernel = try BlurKernel(.square, size: parameters.oddSize())
    settings = ["mirror": parameters.value("mirror").rounded()]
    mirrors = parameters.value("mirror") >= 0.5
  }
}
