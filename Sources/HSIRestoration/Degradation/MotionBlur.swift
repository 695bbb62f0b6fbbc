import HSICore

/// A straight line as long as the kernel; its weights may add up to less than 1 (see `BlurKernel`).
public struct MotionBlur: Blur {
  public static let description = MethodDescription(
    id: "motion-blur", name: "Motion blur", task: .degrade,
    citation: "MP-HSIR (multi-prompt hyperspectral image restoration), its degradations",
    cost: "2 N L size²", advice: "A platform that moves during exposure.",
    parameters: [
      .kernelSize(15),
      ParameterDescription(
        "angle", 45, in: -360...360, "degrees from the direction of the samples towards smaller lines"), .mirror,
    ], aliases: ["motion"])

  public let kernel: BlurKernel
  public let settings: [String: Double]
  public let mirrors: Bool

  public init(_ parameters: MethodParameters) throws {
    kernel = try BlurKernel(.motion, size: parameters.oddSize(), angle: parameters.value("angle"))
    settings = ["angle": parameters.value("angle"), "mirror": parameters.value("mirror").rounded()]
    mirrors = parameters.value("mirror") >= 0.5
  }
}
