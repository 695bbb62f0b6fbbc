import HSICore

/// A model of the noise of an image in [0, 1]; standard deviations are on the 0–255 scale (σ = 51 is 0.2).
///
/// Band groups hold `⌊bands / 3⌋` bands; stripes, dead lines and impulses come after non-iid Gaussian noise. Source: the
/// protocol of the hybrid spectral denoising transformer (Lai, Yan, Fu, ICCV 2023), itself that of QRNN3D.
public struct NoiseModel: Hashable, Sendable {
  /// What the noise is made of.
  public enum Kind: String, CaseIterable, Sendable, Codable {
    /// The same Gaussian noise in all bands.
    case gaussian
    /// Gaussian noise whose σ is drawn once per image, uniform between two values.
    case blind
    /// Gaussian noise whose σ is drawn per band from a list.
    case noniid
    /// `noniid`, and stripes in a third of the bands.
    case stripe
    /// `noniid`, and dead columns in a third of the bands.
    case deadline
    /// `noniid`, and salt and pepper in a third of the bands.
    case impulse
    /// `noniid`, and stripes, dead columns and impulses in three disjoint thirds of the bands.
    case mixture
  }

  /// What the noise is made of.
  public let kind: Kind
  /// Standard deviations on the 0–255 scale: one (`gaussian`), lowest and highest (`blind`), or the list from which a
  /// band draws (all others).
  public let sigmas: [Double]
  /// Whether results are limited to the range of the image, where the model draws its own noise (`draw`).
  public var clips = false

  /// The values that a kind uses unless told otherwise: 50; 10 to 70; 10, 30, 50, 70.
  public static func defaultSigmas(_ kind: Kind) -> [Double] {
    switch kind {
    case .gaussian: [50]
    case .blind: [10, 70]
    default: [10, 30, 50, 70]
    }
  }

  /// A model.
  ///
  /// - Parameter sigmas: see `sigmas`; nil for `defaultSigmas`.
  /// - Throws: `CoreError.invalidParameter` for negative or infinite values or a wrong number of them.
  public init(_ kind: Kind, sigmas: [Double]? = nil) throws {
    let values = sigmas ?? NoiseModel.defaultSigmas(kind)
    let text = values.map { "\($0)" }.joined(separator: ",")
    guard values.allSatisfy({ $0.isFinite && $0 >= 0 && $0 <= 1e6 }) else {
      throw CoreError.invalidParameter(name: "sigma", value: text, requirement: "from 0 to 1000000")
    }
    switch kind {
    case .gaussian:
      guard values.count == 1 else {
        throw CoreError.invalidParameter(name: "sigma", value: text, requirement: "one number for gaussian")
      }
    case .blind:
      guard values.count == 2, values[0] <= values[1] else {
        throw CoreError.invalidParameter(
          name: "sigma", value: text, requirement: "LOWEST,HIGHEST for blind")
      }
    default:
      guard (1...1000).contains(values.count) else {
        throw CoreError.invalidParameter(
          name: "sigma", value: text, requirement: "a list of numbers for \(kind.rawValue)")
      }
    }
    self.init(unchecked: kind, sigmas: values)
  }

  /// Gaussian noise of one σ (0–255 scale, not negative).
  static func gaussian(_ sigma: Double) -> NoiseModel { NoiseModel(unchecked: .gaussian, sigmas: [sigma]) }

  /// Gaussian noise whose σ is uniform between two values (0–255 scale, ascending, not negative).
  static func uniform(_ lowest: Double, _ highest: Double) -> NoiseModel {
    NoiseModel(unchecked: .blind, sigmas: [lowest, highest])
  }

  /// Bands that each draw their σ from a list (0–255 scale, not negative).
  static func perBand(_ sigmas: [Double]) -> NoiseModel { NoiseModel(unchecked: .noniid, sigmas: sigmas) }

  /// A kind with its default σ.
  static func standard(_ kind: Kind) -> NoiseModel {
    NoiseModel(unchecked: kind, sigmas: defaultSigmas(kind))
  }

  private init(unchecked kind: Kind, sigmas: [Double]) {
    self.kind = kind
    self.sigmas = sigmas
  }
}
