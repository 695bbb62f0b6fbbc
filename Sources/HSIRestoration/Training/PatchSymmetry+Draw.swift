import HSICore
import HSITransformer

extension PatchSymmetry {
  /// The augmentation of a patch in an epoch: uniform over the eight, bands reversed with probability 1/2.
  public init(seed: UInt64, epoch: Int, patch: Int) {
    var random = NoiseStream.augmentation.random(seed, band: epoch, line: patch)
    self = PatchSymmetry.all[random.index(below: 16)]
  }
}
