import Foundation
import HSICore

/// Photon noise: a value x of [0, 1] becomes `Poisson(peak · x) / peak`; x below 0 counts as 0.
///
/// The draw is a function of seed, line, sample and band. Missing values stay missing. Cost about 100 ns per value and thread.
public struct PoissonNoise: ParameterDegradation, StripDegradation {
  public static let description = MethodDescription(
    id: "poisson", name: "Poisson noise", task: .degrade,
    citation: "W. Hörmann, The transformed rejection method for generating Poisson random variables, 1993",
    cost: "N L", advice: "Few photons: noise that grows with the signal.",
    parameters: [ParameterDescription("peak", 10, in: 1e-3...1e9, "photons that stand for 1")])

  private let peak: Double

  public init(_ parameters: MethodParameters) throws { peak = parameters.value("peak") }

  /// The photons of an image.
  public struct Drawn: DrawnDegradation {
    fileprivate let peak: Double
    fileprivate let target: DegradationTarget
    /// Numbers that are set aside for one value; rejection needs more than 64 once in 10¹⁰ values.
    private static let stride = 64

    fileprivate init(peak: Double, target: DegradationTarget) {
      self.peak = peak
      self.target = target
    }

    public func apply(to pixels: PixelMatrix, positions: [Int32], window: PixelWindow) {
      let (values, bands, samples) = (pixels.pointer, pixels.columns, window.samples)
      let (low, width) = (target.range.low, target.range.width)
      StripLines.forEach(positions, window) { line, rows in
        for band in 0..<bands where target.active[band] {
          let stream = NoiseStream.photons.random(target.seed, band: band, line: line)
          for row in rows {
            let value = values[row * bands + band]
            guard value.isFinite else { continue }
            var random = stream
            random.skip(Int(positions[row]) % samples * Drawn.stride)
            let count = random.poisson(peak * max((Double(value) - low) / width, 0))
            values[row * bands + band] = Float(low + width * count / peak)
          }
        }
      }
    }

    public var facts: [String: String] {
      [
        "kind": PoissonNoise.description.id, "peak": "\(peak)", "range": "\(target.range.low),\(target.range.high)",
        "seed": "\(target.seed)",
      ]
    }
  }

  public func draw(_ target: DegradationTarget) -> Drawn { Drawn(peak: peak, target: target) }
}

extension CounterRandom {
  /// A Poisson number of a mean ≥ 0: by inversion below 10, by transformed rejection above.
  mutating func poisson(_ mean: Double) -> Double {
    guard mean > 0 else { return 0 }
    if mean < 10 {
      let draw = uniform()
      var (count, chance) = (0.0, exp(-mean))
      var sum = chance
      // The bound stands for a uniform number next to 1, which rounding may keep above every sum.
      while draw > sum, count < 200 {
        count += 1
        chance *= mean / count
        sum += chance
      }
      return count
    }
    let root = mean.squareRoot()
    let b = 0.931 + 2.53 * root
    let a = -0.059 + 0.02483 * b
    let inverse = 1.1239 + 1.1328 / (b - 3.4)
    let fast = 0.9277 - 3.6224 / (b - 2)
    let logMean = log(mean)
    while true {
      let u = uniform() - 0.5
      let v = uniform()
      let us = 0.5 - abs(u)
      let count = ((2 * a / us + b) * u + mean + 0.43).rounded(.down)
      if us >= 0.07, v <= fast { return count }
      if count < 0 || (us < 0.013 && v > us) { continue }
      if log(v * inverse / (a / (us * us) + b)) <= -mean + count * logMean - lgamma(count + 1) { return count }
    }
  }
}
