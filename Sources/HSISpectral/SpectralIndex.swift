import Foundation
import HSICore
import HSINumerics

/// A spectral index of the literature: a formula of reflectances at some wavelengths.
public struct SpectralIndex: Sendable {
  /// Name on the command line: `ndvi`.
  public let id: String
  /// Name in the field.
  public let name: String
  /// What it is used for: `greenness`, `water`, `soil and minerals` …
  public let domain: String
  /// Of reflectances from 0 to 1.
  public let formula: IndexFormula
  /// Where it comes from.
  public let reference: String
  /// Other names.
  public let aliases: [String]

  /// An index.
  ///
  /// - Throws: `SpectralError.formula`.
  public init(
    _ id: String, _ name: String, domain: String, _ formula: String, _ reference: String, aliases: [String] = []
  ) throws {
    (self.id, self.name, self.domain, self.reference, self.aliases) = (id, name, domain, reference, aliases)
    self.formula = try IndexFormula(formula)
  }

  /// The same as other registers have it.
  public var description: MethodDescription {
    MethodDescription(
      id: id, name: name, task: .index, citation: reference, cost: "N", advice: domain, aliases: aliases)
  }
}

extension MethodTask {
  /// Spectral indices.
  public static let index = MethodTask(rawValue: "index")
  /// Spectra to other spectra or components.
  public static let transform = MethodTask(rawValue: "transform")
}

/// The bands of a scene that a formula's wavelengths are.
///
/// ```swift
/// let bands = try IndexBands(formula.bands, of: scene.metadata.axis, within: 15, named: "ndvi")
/// ```
public struct IndexBands: Sendable {
  /// 0-based bands of the scene that are needed, ascending.
  public let needed: [Int]
  /// Their sums, `needed` × wavelengths of the formula.
  public let weights: BandWeights
  /// The wavelengths that are used in place of the formula's: nearest centres, or the formula's own where bands are convolved.
  public let used: [Double]

  /// Nearest good bands, or Gaussian responses of a width around the wavelengths.
  ///
  /// - Parameters:
  ///   - wavelengths: of the formula, in nm.
  ///   - distance: farthest that a centre may be from its wavelength, in nm.
  ///   - fwhm: full width at half maximum of the responses in nm; nil for nearest bands. Responses need a good band within `distance` or half
  ///     the width.
  ///   - index: its name, for messages.
  /// - Throws: `SpectralError.noBand`, which tells the nearest one; `.inconsistent` for an axis without wavelengths.
  public init(
    _ wavelengths: [Double], of axis: SpectralAxis, within distance: Double, fwhm: Double? = nil, named index: String
  ) throws {
    let places = try axis.places(for: index)
    let good = axis.goodBands.filter { places[$0].isFinite && places[$0] > 0 }
    let nearest = try wavelengths.map { wanted in
      let band = good.min { (abs(places[$0] - wanted), $0) < (abs(places[$1] - wanted), $1) }
      let reach = max(distance, (fwhm ?? 0) / 2)
      guard let band, abs(places[band] - wanted) <= reach else {
        throw SpectralError.noBand(index: index, wavelength: wanted, nearest: band.map { places[$0] }, within: reach)
      }
      return band
    }
    var columns = nearest.map { [$0: 1.0] }
    if let fwhm {
      let all = try GaussianResponse.weights(
        from: good.map { places[$0] }, to: wavelengths, fwhm: wavelengths.map { _ in fwhm }, named: index)
      columns = wavelengths.indices.map { column in
        var weights: [Int: Double] = [:]
        for (row, band) in good.enumerated() where all[row, column] > 0 { weights[band] = all[row, column] }
        return weights
      }
    }
    let bands = Set(columns.flatMap(\.keys)).sorted()
    used = fwhm == nil ? nearest.map { places[$0] } : wavelengths
    needed = bands
    weights = BandWeights(
      Matrix(rows: bands.count, columns: wavelengths.count) { columns[$1][bands[$0]] ?? 0 },
      axis: SpectralAxis(wavelengths: used))
  }
}
