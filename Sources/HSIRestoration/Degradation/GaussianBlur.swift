import HSICore

/// A Gaussian kernel.
public struct GaussianBlur: Blur {
  public static let description = MethodDescription(
    id: "gaussian-blur", name: "Gaussian blur", task: .degrade,
    citation: "MP-HSIR (multi-prompt hyperspectral image restoration), its degradations",
    cost: "2 N L size²", advice: "Optics out of focus, haze in the light path.",
    parameters: [
      .kernelSize(9),
      ParameterDescription("sigma", nil, in: 0.01...100, "width in pixels; default: 0.3 ((size − 1) / 2 − 1) + 0.8"),
      .mirror,
    ], aliases: ["blur"])

  public let kernel: BlurKernel
  public let settings: [String: Double]
  public let mirrors: Bool

  public init(_ parameters: MethodParameters) throws {
    kernel = try BlurKernel(.gaussian, size: parameters.oddSize(), sigma: parameters["sigma"])
    settings = [
      "sigma": parameters["sigma"] ?? BlurKernel.sigma(size: kernel.size),
      "mirror": parameters.value("mirror").rounded(),
    ]
    mirrors = parameters.value("mirror") >= 0.5
  }
}
