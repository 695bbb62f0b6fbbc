import HSICore
import HSINumerics
import HSITransformer

/// A square of a scene that a network sees, and how it is changed before.
public struct WindowCut: Sendable {
  /// First line and sample; beyond the borders lies the mirror image of the scene.
  public var line, sample: Int
  /// How it is turned and mirrored.
  public var symmetry: PatchSymmetry
  /// Factor on all values, and what is added to them.
  public var gain, offset: Float

  /// A square, unchanged by default.
  public init(line: Int, sample: Int, symmetry: PatchSymmetry = .identity, gain: Float = 1, offset: Float = 0) {
    (self.line, self.sample, self.symmetry, self.gain, self.offset) = (line, sample, symmetry, gain, offset)
  }

  /// The square with a place of an image in its middle (behind it, for an even side).
  public init(around place: Int, side: Int, _ shape: CubeShape) {
    self.init(line: place / shape.samples - side / 2, sample: place % shape.samples - side / 2)
  }
}

extension NormalisedScene {
  /// At most so many bands, evenly spread.
  public func evenBands(_ most: Int) -> [Int] {
    let count = min(most, shape.bands)
    return (0..<count).map { (2 * $0 + 1) * shape.bands / (2 * count) }
  }

  /// What a network sees of squares, with some of the bands.
  public func input(_ cuts: [WindowCut], side: Int, bands: [Int]) -> LESSInput {
    let images = Tensor(uninitialised: [cuts.count, bands.count, side, side])
    let (output, pixels, own) = (images.output, side * side, shape.bands)
    Parallel.forEach(cuts.count) { n in
      let cut = cuts[n]
      withUnsafeTemporaryAllocation(of: Float.self, capacity: pixels * own) { window in
        guard let base = window.baseAddress else { return }
        copy(line: cut.line, sample: cut.sample, side: side, cut.symmetry, to: base)
        for (c, band) in bands.enumerated() {
          let target = output + (n * bands.count + c) * pixels
          for p in 0..<pixels {
            let value = base[p * own + band]
            // Missing stays missing.
            target[p] = value == 0 ? 0 : min(max(value * cut.gain + cut.offset, 1e-5), 1)
          }
        }
      }
    }
    let wavelengths = axis.wavelengths ?? []
    return LESSInput(
      Variable(images), wavelengths: bands.map { Float(wavelengths[$0]) }, resolution: resolution)
  }
}
