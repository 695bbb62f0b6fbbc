import HSICore

/// Additive Gaussian noise of one line of one band.
enum GaussianNoise {
  /// Fills `out` with `deviation · N(0, 1)`, a function of seed, band and line.
  static func fill(_ out: UnsafeMutableBufferPointer<Float>, deviation: Double, seed: UInt64, band: Int, line: Int) {
    var random = NoiseStream.gaussian.random(seed, band: band, line: line)
    for i in out.indices { out[i] = Float(deviation * random.normal()) }
  }

  /// The σ (0–255 scale) of a band under a model.
  static func sigma(_ model: NoiseModel, seed: UInt64, band: Int) -> Double {
    switch model.kind {
    case .gaussian: return model.sigmas[0]
    case .blind:
      var random = NoiseStream.image.random(seed, band: 1)
      return random.uniform(model.sigmas[0], model.sigmas[1])
    default:
      var random = NoiseStream.sigma.random(seed, band: band)
      return model.sigmas[random.index(below: model.sigmas.count)]
    }
  }
}
