import Foundation
import HSICore

/// A change of brightness, contrast and colour of a training patch, so that a few scenes stand for many: `y_b = o + g_b x_b`.
///
/// `g_b = a exp(c_b)`, a log-uniform in [0.4, 1.2], c a random curve of three cosines over the bands with amplitudes
/// N(0, 1) · 0.25 / k; o is 0 for every other patch, else uniform in [0, (1 − a)/2]. The noise is added afterwards and
/// does not follow.
struct PatchLight {
  /// o.
  let offset: Float
  /// g, one per band.
  let gains: [Float]

  /// The light of a patch in an epoch.
  init(seed: UInt64, epoch: Int, patch: Int, bands: Int) {
    var random = NoiseStream.light.random(seed, band: epoch, line: patch)
    let contrast = exp(random.uniform(log(0.4), log(1.2)))
    let amplitudes = (1...3).map { 0.25 / Double($0) * random.normal() }
    offset = random.uniform() < 0.5 ? 0 : Float(random.uniform(0, max(0, 0.5 * (1 - contrast))))
    gains = (0..<bands).map { band in
      let place = Double.pi * (Double(band) + 0.5) / Double(bands)
      let curve = amplitudes.enumerated().reduce(0) { $0 + $1.1 * cos(Double($1.0 + 1) * place) }
      return Float(contrast * exp(curve))
    }
  }

  /// Changes `[bands][pixels]` in place.
  func apply(to patch: UnsafeMutablePointer<Float>, pixels: Int) {
    for (band, gain) in gains.enumerated() {
      let plane = patch + band * pixels
      for i in 0..<pixels { plane[i] = offset + gain * plane[i] }
    }
  }
}
