import Foundation
import HSICore

extension NoiseModel: StripDegradation {
  public var description: MethodDescription { kind.description }

  /// Noise drawn for an image of a range of values.
  public struct Drawn: DrawnDegradation {
    /// What was drawn.
    public let noise: NoiseRealisation
    private let range: DataRange
    private let clips: Bool

    /// - Parameter clips: whether results are limited to `range`.
    public init(_ noise: NoiseRealisation, range: DataRange, clips: Bool = false) {
      self.noise = noise
      self.range = range
      self.clips = clips
    }

    public func apply(to pixels: PixelMatrix, positions: [Int32], window: PixelWindow) {
      noise.add(to: pixels, positions: positions, window: window, range: range, clips: clips)
    }

    public var facts: [String: String] {
      var facts = [
        "kind": noise.model.kind.rawValue, "sigma": noise.model.sigmas.map { "\($0)" }.joined(separator: ","),
        "range": "\(range.low),\(range.high)", "clip": "\(clips)",
        "sigma_per_band": noise.bands.map { "\($0.sigma)" }.joined(separator: ","),
      ]
      for (b, band) in noise.bands.enumerated() {
        let name = String(format: "band_%04d_", b + 1)
        if let stripes = band.stripes?.stripes, !stripes.isEmpty {
          facts[name + "stripes"] = stripes.map { "\($0.column + 1):\($0.offset)" }.joined(separator: ",")
        }
        if let columns = band.deadlines?.columns, !columns.isEmpty {
          facts[name + "dead_columns"] = columns.map { "\($0 + 1)" }.joined(separator: ",")
        }
        if let impulses = band.impulses { facts[name + "impulse_share"] = "\(impulses.share)" }
      }
      return facts
    }
  }

  public func draw(_ target: DegradationTarget) -> Drawn {
    let noise = NoiseRealisation(
      self, bands: target.shape.bands, samples: target.shape.samples, seed: target.seed, active: target.active)
    return Drawn(noise, range: target.range, clips: clips)
  }

  /// Stripes and the like need three bands and some width.
  public func caveat(_ target: DegradationTarget) -> String? {
    guard ![.gaussian, .blind, .noniid].contains(kind) else { return nil }
    let bands = target.active.count { $0 }
    if bands < 3 { return "of \(bands) good bands none is hit by \(kind.rawValue) noise" }
    guard target.shape.samples < 20, kind != .impulse else { return nil }
    return "\(target.shape.samples) samples are few for \(kind.rawValue) noise, meant for 20 or more"
  }
}

extension DegradationEntry {
  /// A kind of noise; its numbers are σ on the 0–255 scale.
  init(_ kind: NoiseModel.Kind) {
    self.init(kind.description) { try NoiseModel(kind, sigmas: $0) }
  }
}

extension NoiseModel.Kind {
  /// What users and documents are told.
  public var description: MethodDescription {
    let (name, advice) =
      switch self {
      case .gaussian: ("Gaussian noise", "The same σ in all bands.")
      case .blind: ("Gaussian noise of unknown strength", "One σ per image, uniform between two values.")
      case .noniid: ("Gaussian noise that differs from band to band", "A σ per band, drawn from a list.")
      case .stripe: ("Stripes", "noniid, and stripes in a third of the bands.")
      case .deadline: ("Dead columns", "noniid, and dead columns in a third of the bands.")
      case .impulse: ("Salt and pepper", "noniid, and impulses in a third of the bands.")
      case .mixture:
        ("Mixed noise", "noniid, and stripes, dead columns and impulses in three disjoint thirds of the bands.")
      }
    return MethodDescription(
      id: rawValue, name: name,
      task: .degrade,
      citation: "Z. Lai, C. Yan and Y. Fu, Hybrid spectral denoising transformer with guided attention, ICCV 2023",
      cost: "N L", advice: advice)
  }
}
