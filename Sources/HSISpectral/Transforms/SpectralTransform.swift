import HSICore
import HSINumerics

/// A method that makes other spectra, or components, of the spectra of a scene, pixel by pixel.
///
/// ```swift
/// let type = try Transforms.all.entry("mnf")
/// let fitted = try type.init(MethodParameters([:], for: type.description)).fit(scene, components: 10, context)
/// let result = PixelMatrix(rows: 0, columns: fitted.names.count)
/// fitted.apply(scene.pixels, result)
/// ```
public protocol SpectralTransform: Sendable {
  /// What users are told.
  static var description: MethodDescription { get }
  /// Whether there are components, whose number can be chosen, and a way back.
  static var hasComponents: Bool { get }
  /// A method with the given parameters.
  init(_ parameters: MethodParameters) throws
  /// Looks at the scene as far as needed, and returns what can be applied to its pixels.
  ///
  /// - Parameter components: at most so many; nil for the method's own number. Only where `hasComponents`.
  func fit(_ source: any StripSource, components: Int?, _ context: RunContext) throws -> FittedTransform
}

extension SpectralTransform {
  public static var hasComponents: Bool { false }
}

/// A transform that is ready for pixels.
public struct FittedTransform: Sendable {
  /// Names of the bands that come out; empty ones where wavelengths tell them.
  public var names: [String]
  /// Their wavelengths, where they have any.
  public var axis: SpectralAxis?
  /// Whether values stay in the quantity of the scene.
  public var keepsQuantity = false
  /// What can be saved and undone; nil where there is nothing.
  public var linear: LinearTransform?
  /// The figure that matters, for the last line of a run.
  public var summary: String
  /// What it means that pixels are undefined, for a warning; `apply` counts them.
  public var undefined = ""
  /// Values of pixels, which become pixels × bands that come out; returns pixels that have no result.
  public let apply: @Sendable (_ pixels: PixelMatrix, _ output: PixelMatrix) -> Int

  init(
    names: [String], axis: SpectralAxis? = nil, summary: String,
    apply: @escaping @Sendable (PixelMatrix, PixelMatrix) -> Int
  ) {
    (self.names, self.axis, self.summary, self.apply) = (names, axis, summary, apply)
  }

  /// The fit of a linear map.
  init(_ linear: LinearTransform, prefix: String, summary: String) {
    self.init(names: (0..<linear.components).map { "\(prefix) \($0 + 1)" }, summary: summary) {
      linear.apply($0, into: $1)
      return 0
    }
    self.linear = linear
  }
}

/// The methods of `hsi transform`, by name.
public enum Transforms {
  /// All of them.
  public static let all = MethodRegistry<any SpectralTransform.Type>(
    "transform",
    [
      PrincipalComponentTransform.self, NoiseFractionTransform.self, IndependentComponentTransform.self,
      ContinuumTransform.self, DerivativeTransform.self, SavitzkyGolayTransform.self, NormaliseTransform.self,
    ]
  ) { $0.description }
}
