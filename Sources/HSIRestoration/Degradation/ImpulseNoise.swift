import HSICore

/// Salt and pepper: pixels of a band that are 0 or 1, each with half of the share.
public struct ImpulseNoise: Hashable, Sendable {
  /// The chance of a pixel to be hit.
  public let share: Double

  /// Draws the share from {0.1, 0.3, 0.5, 0.7}.
  init(seed: UInt64, band: Int) {
    var random = NoiseStream.impulseShare.random(seed, band: band)
    share = [0.1, 0.3, 0.5, 0.7][random.index(below: 4)]
  }

  /// Fills `out` for one line: 0 not hit, 1 pepper (0), 2 salt (1); a function of seed, band and line.
  func fill(_ out: UnsafeMutableBufferPointer<UInt8>, seed: UInt64, band: Int, line: Int) {
    var random = NoiseStream.impulses.random(seed, band: band, line: line)
    for i in out.indices {
      let draw = random.uniform()
      out[i] = draw < share ? (draw < share / 2 ? 1 : 2) : 0
    }
  }
}
