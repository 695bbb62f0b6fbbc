import HSICore

/// The streams of random numbers that degradations are drawn from: one per purpose, band and line, so that a draw depends on
/// nothing but its place.
enum NoiseStream: UInt64 {
  /// What is common to the image: σ of blind noise, which bands are hit.
  case image = 0x11
  /// σ of a band.
  case sigma = 0x12
  /// Columns and constants of the stripes of a band.
  case stripes = 0x13
  /// Dead columns of a band.
  case deadlines = 0x14
  /// Share of the pixels of a band that impulses hit.
  case impulseShare = 0x15
  /// Gaussian noise of a line of a band.
  case gaussian = 0x16
  /// Impulses of a line of a band.
  case impulses = 0x17
  /// Which flip, rotation and band order a training patch gets.
  case augmentation = 0x18
  /// The order of training patches in an epoch.
  case order = 0x19
  /// The seed of the noise of a training patch.
  case sample = 0x1A
  /// Light and colour of a training patch.
  case light = 0x1B
  /// Which values of a line of a band are lost.
  case mask = 0x1C
  /// Which bands are lost.
  case bands = 0x1D
  /// The lattice of a field of haze.
  case haze = 0x1E
  /// Photons of a line of a band.
  case photons = 0x1F
  /// Task and strength of the degradation of a training sample.
  case degradation = 0x20
  /// What a predictor's training sample suffers from, if anything.
  case condition = 0x21

  /// The generator of a band and line (each below 2²⁴ and 2³²) under a seed.
  func random(_ seed: UInt64, band: Int = 0, line: Int = 0) -> CounterRandom {
    CounterRandom(
      seed: seed,
      stream: rawValue << 56 | (UInt64(band) & 0xFF_FFFF) << 32 | UInt64(UInt32(truncatingIfNeeded: line)))
  }
}

extension CounterRandom {
  /// `count` different numbers below `bound`, in the order drawn; all of them where there are fewer.
  mutating func distinct(_ count: Int, below bound: Int) -> [Int] {
    var all = Array(0..<bound)
    let wanted = min(count, bound)
    for i in 0..<wanted { all.swapAt(i, i + index(below: bound - i)) }
    return Array(all.prefix(wanted))
  }
}
