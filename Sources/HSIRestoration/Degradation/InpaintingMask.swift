import HSICore

/// Takes away single values: each is kept with the probability 1 − ratio, independently of all others.
///
/// What is lost becomes NaN, or the value that stands for 0. Whether a value is lost is a function of seed, line, sample and band.
/// Cost one random number per value.
public struct InpaintingMask: ParameterDegradation, TakingDegradation {
  public static let description = MethodDescription(
    id: "mask", name: "Random missing values", task: .degrade,
    citation: "MP-HSIR (multi-prompt hyperspectral image restoration), its degradations",
    cost: "N L", advice: "The counterpart of inpainting.",
    parameters: [
      ParameterDescription("ratio", 0.7, in: 0...1, "chance of a value to be lost"), .lostAsZero,
    ], aliases: ["inpainting"])

  private let ratio: Double
  private let isZero: Bool

  public init(_ parameters: MethodParameters) throws {
    ratio = parameters.value("ratio")
    isZero = parameters.value("zero") >= 0.5
  }

  private init(ratio: Double, isZero: Bool) { (self.ratio, self.isZero) = (ratio, isZero) }

  public var usesRange: Bool { isZero }
  public var leavingHoles: Self { Self(ratio: ratio, isZero: false) }

  /// The mask of an image.
  public struct Drawn: DrawnDegradation {
    fileprivate let ratio: Double
    fileprivate let lost: Float
    fileprivate let target: DegradationTarget

    public func apply(to pixels: PixelMatrix, positions: [Int32], window: PixelWindow) {
      let (values, bands, samples) = (pixels.pointer, pixels.columns, window.samples)
      StripLines.forEach(positions, window) { line, rows in
        for band in 0..<bands where target.active[band] {
          var random = NoiseStream.mask.random(target.seed, band: band, line: line)
          var drawn = 0
          for row in rows {
            let sample = Int(positions[row]) % samples
            random.skip(sample - drawn)
            drawn = sample + 1
            if random.uniform() < ratio { values[row * bands + band] = lost }
          }
        }
      }
    }

    public var facts: [String: String] {
      ["kind": InpaintingMask.description.id, "ratio": "\(ratio)", "lost": "\(lost)", "seed": "\(target.seed)"]
    }
  }

  public func draw(_ target: DegradationTarget) -> Drawn {
    Drawn(ratio: ratio, lost: isZero ? Float(target.range.low) : .nan, target: target)
  }
}

extension ParameterDescription {
  /// What becomes of what is lost.
  static let lostAsZero = ParameterDescription(
    "zero", 0, in: 0...1, "1: what is lost takes the value that stands for 0; 0: it is missing (NaN)")
}
