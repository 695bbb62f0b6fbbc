import HSICore
import HSINumerics

/// Spectra without their continuum (`ContinuumRemoval`).
public struct ContinuumTransform: SpectralTransform {
  public static let description = MethodDescription(
    id: "continuum", name: "Continuum removal", task: .transform,
    citation: "R. N. Clark and T. L. Roush, J. Geophys. Res. 89, 1984",
    cost: "N L", advice: "Absorption features of minerals, plants and gases, whatever the brightness.",
    parameters: [
      ParameterDescription(
        "form", 0, in: 0...3,
        "0: spectrum / continuum; 1: band depth, 1 less that; 2: continuum − spectrum; 3: the continuum")
    ], aliases: ["continuum-removal"])

  private let form: ContinuumRemoval.Form

  public init(_ parameters: MethodParameters) throws {
    form = ContinuumRemoval.Form(rawValue: Int(clamping: parameters.value("form").rounded())) ?? .quotient
  }

  public func fit(_ source: any StripSource, components: Int?, _ context: RunContext) throws -> FittedTransform {
    let axis = source.metadata.axis
    let (continuum, form) = (try ContinuumRemoval(axis), form)
    let names = ["spectrum / continuum", "band depth", "continuum − spectrum", "continuum"]
    var fitted = FittedTransform(
      names: [String](repeating: "", count: axis.count), axis: axis, summary: names[form.rawValue]
    ) { continuum.apply($0, form: form, into: $1) }
    fitted.keepsQuantity = form == .difference || form == .hull
    fitted.undefined = "have a continuum that is not above 0 everywhere; their values there are no data"
    return fitted
  }
}

/// Absorption features within limits (`AbsorptionFeatures`), as a transform of a scene.
public struct AbsorptionTransform: Sendable {
  /// Limits in nm.
  public let ranges: [ClosedRange<Double>]

  /// Features within limits in nm.
  public init(_ ranges: [ClosedRange<Double>]) { self.ranges = ranges }

  /// The features of the bands of a scene.
  ///
  /// - Throws: `SpectralError.inconsistent`.
  public func fit(_ source: any StripSource) throws -> FittedTransform {
    let features = try AbsorptionFeatures(source.metadata.axis, ranges)
    var fitted = FittedTransform(
      names: features.names, summary: ranges.count == 1 ? "1 absorption feature" : "\(ranges.count) absorption features"
    ) { features.apply($0, into: $1) }
    fitted.undefined = "have a continuum that is not above 0 within the limits of a feature; it is no data there"
    return fitted
  }
}
