import HSICore

/// A round kernel: `exp(−d² / 2r²)` up to the radius r = ⌊size / 2⌋.
public struct CircleBlur: Blur {
  public static let description = MethodDescription(
    id: "circle-blur", name: "Round blur", task: .degrade,
    citation: "MP-HSIR (multi-prompt hyperspectral image restoration), its degradations",
    cost: "2 N L size²", advice: "A round aperture out of focus.",
    parameters: [.kernelSize(9), .mirror])

  public let kernel: BlurKernel
  public let settings: [String: Double]
  public let mirrors: Bool

  public init(_ parameters: MethodParameters) throws {
    kernel = try BlurKernel(.circle, size: parameters.oddSize())
    settings = ["mirror": parameters.value("mirror").rounded()]
    mirrors = parameters.value("mirror") >= 0.5
  }
}
