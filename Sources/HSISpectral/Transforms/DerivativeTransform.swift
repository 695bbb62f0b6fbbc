import HSICore
import HSINumerics

/// First differences over wavelength (`SpectralDerivative`).
public struct DerivativeTransform: SpectralTransform {
  public static let description = MethodDescription(
    id: "derivative", name: "First differences over wavelength", task: .transform,
    citation: "F. Tsai and W. Philpot, Remote Sens. Environ. 66, 1998",
    cost: "N L", advice: "Slopes per nm at the middles of bands, without smoothing; savgol smooths as well.")

  public init(_ parameters: MethodParameters) throws {}

  public func fit(_ source: any StripSource, components: Int?, _ context: RunContext) throws -> FittedTransform {
    let weights = try SpectralDerivative.weights(source.metadata.axis)
    return FittedTransform(
      names: [String](repeating: "", count: weights.axis.count), axis: weights.axis,
      summary: "\(weights.axis.count) first differences per nm"
    ) {
      weights.apply($0, into: $1)
      return 0
    }
  }
}

/// Local polynomials (`SavitzkyGolay`).
public struct SavitzkyGolayTransform: SpectralTransform {
  public static let description = MethodDescription(
    id: "savgol", name: "Savitzky–Golay smoothing and derivatives", task: .transform,
    citation: "A. Savitzky and M. J. E. Golay, Analytical Chemistry 36(8), 1964",
    cost: "N L²",
    advice: "Smooth spectra or derivatives per nm, on any spacing of bands; gaps of bad bands are not bridged.",
    parameters: [
      ParameterDescription("window", 9, in: 3...501, "bands of a window, odd"),
      ParameterDescription("degree", 2, in: 0...12, "degree of the polynomials"),
      ParameterDescription("derivative", 0, in: 0...2, "0: smoothing; 1, 2: derivative per nm, per nm²"),
    ], aliases: ["savitzky-golay"])

  private let filter: SavitzkyGolay

  public init(_ parameters: MethodParameters) throws {
    func whole(_ name: String) -> Int { Int(clamping: parameters.value(name).rounded()) }
    filter = try SavitzkyGolay(window: whole("window"), degree: whole("degree"), derivative: whole("derivative"))
  }

  public func fit(_ source: any StripSource, components: Int?, _ context: RunContext) throws -> FittedTransform {
    let weights = try filter.weights(source.metadata.axis)
    let lost = (0..<weights.axis.count).count { weights.weights[$0, $0].isNaN }
    if lost > 0 {
      context.warn(
        "W-ISOLATED-BANDS", "\(lost) bands stand alone between gaps and have no derivative; they are no data")
    }
    let what = ["smoothed spectra", "first derivatives per nm", "second derivatives per nm²"][filter.derivative]
    var fitted = FittedTransform(
      names: [String](repeating: "", count: weights.axis.count), axis: weights.axis,
      summary: "\(what), \(filter.window) bands, degree \(filter.degree)"
    ) {
      weights.apply($0, into: $1)
      return 0
    }
    fitted.keepsQuantity = filter.derivative == 0
    return fitted
  }
}

/// Spectra on one scale (`SpectrumScaling`).
public struct NormaliseTransform: SpectralTransform {
  public static let description = MethodDescription(
    id: "normalise", name: "Spectra on one scale", task: .transform,
    citation: "R. J. Barnes, M. S. Dhanoa and S. J. Lister, Applied Spectroscopy 43(5), 1989 (standard normal variate)",
    cost: "N L", advice: "Takes brightness out of spectra: shadow, relief, distance.",
    parameters: [
      ParameterDescription("kind", 0, in: 0...2, "0: unit length; 1: unit sum; 2: standard normal variate")
    ], aliases: ["normalize"])

  private let scaling: SpectrumScaling

  public init(_ parameters: MethodParameters) throws {
    scaling = SpectrumScaling(rawValue: Int(clamping: parameters.value("kind").rounded())) ?? .unitLength
  }

  public func fit(_ source: any StripSource, components: Int?, _ context: RunContext) throws -> FittedTransform {
    let (axis, scaling) = (source.metadata.axis, scaling)
    let what = ["spectra of unit length", "spectra of unit sum", "standard normal variates"][scaling.rawValue]
    var fitted = FittedTransform(
      names: [String](repeating: "", count: axis.count), axis: axis, summary: what
    ) { scaling.apply($0, into: $1) }
    fitted.undefined = "have a length, sum or deviation of 0 and are no data"
    return fitted
  }
}
