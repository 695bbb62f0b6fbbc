import HSICore
import HSINumerics

/// A finer grid by cubic convolution with a = −0.75, band by band.
///
/// Cost 16 N L `scale`².
public struct BicubicInterpolation: SuperResolution {
  public static let description = MethodDescription(
    id: "bicubic", name: "Bicubic interpolation", task: .superResolve,
    citation: "R. G. Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29(6), 1981",
    cost: "16 N L scale²", advice: "The plainest baseline: smooth, nothing invented.",
    parameters: ParameterDescription.superResolution)

  public let scale: Int
  public let usesMeans: Bool

  public init(_ parameters: MethodParameters) throws {
    scale = try parameters.wholeScale()
    usesMeans = parameters.value("area") >= 0.5
  }

  public func refine(
    _ scene: Cube, _ image: PixelMatrix, noise: NoiseLevels?, _ context: RunContext
  ) throws -> (image: PixelMatrix, rank: Int?) {
    (enlarged(image, scene.shape), nil)
  }
}
