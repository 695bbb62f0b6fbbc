import HSICore
import HSINumerics
import HSISpectral
import HSITransformer

/// A set of bands that scenes are shown with in pre-training, such as that of an instrument.
public struct BandSet: Sendable, Hashable {
  /// What it is called.
  public var name: String
  /// Centres and widths.
  public var axis: SpectralAxis

  /// A named set.
  public init(_ name: String, _ axis: SpectralAxis) { (self.name, self.axis) = (name, axis) }

  /// Evenly spaced bands of one width, in nm.
  public init(_ name: String, from first: Double, to last: Double, count: Int, width: Double) {
    let step = (last - first) / Double(max(count - 1, 1))
    self.init(
      name,
      SpectralAxis(
        wavelengths: (0..<count).map { first + step * Double($0) }, fwhm: [Double](repeating: width, count: count)))
  }
}

/// Draws the bands that a batch of a scene is shown with: those of the scene, or those of an instrument that its bands make up.
///
/// With `k` sets that have at least `least` bands within the scene, the scene's own are drawn with probability 1/2 and each of
/// these with 1/(2k). Values of other sets are those of the scene weighted as `SpectralResampling` has it. Of the bands of the
/// set a share stays (`ChannelSampling`), `most` of them at most; for networks of a fixed number of bands as many as they see, evenly
/// spread from a random one on.
public final class BandSampler {
  /// Bands of a batch and how they come from those of the scene.
  public struct Draw {
    /// In nm, ascending as in the set.
    public var wavelengths: [Double]
    /// Bands of the scene that are the drawn ones, where they are.
    var picked: [Int]?
    /// Bands of the scene × drawn ones, where they are weighted sums.
    var weights: Matrix<Float>?
  }

  private struct Choice {
    let wavelengths: [Double]
    /// Nil for the bands of the scene.
    let weights: Matrix<Double>?
  }

  private let choices: [[Choice]]
  private let dropped: [Double]
  private let most: Int
  private let exactly: Int?

  /// - Parameters:
  ///   - axes: those of the scenes, with wavelengths.
  ///   - dropped: shares of the bands that are left out; see `ChannelSampling`.
  ///   - exactly: bands of every batch; nil for any number.
  public init(
    _ axes: [SpectralAxis], _ sets: [BandSet], dropped: [Double], least: Int = 8, most: Int, exactly: Int? = nil
  ) {
    (self.dropped, self.most, self.exactly) = (dropped, most, exactly)
    choices = axes.map { axis in
      [Choice(wavelengths: axis.wavelengths ?? [], weights: nil)]
        + sets.compactMap { set in
          guard let (kept, weights) = SpectralResampling.weights(from: axis, to: set.axis),
            kept.count >= exactly ?? least
          else { return nil }
          let wavelengths = set.axis.wavelengths ?? []
          return Choice(wavelengths: kept.map { wavelengths[$0] }, weights: weights)
        }
    }
  }

  /// Bands for a batch of a scene.
  public func draw(scene: Int, _ random: inout CounterRandom) -> Draw {
    let list = choices[scene]
    let isOwn = random.uniform() < 0.5 || list.count == 1
    return draw(list[isOwn ? 0 : 1 + random.index(below: list.count - 1)], &random)
  }

  /// The scene's own bands, as many as of a batch.
  public func ownBands(scene: Int, _ random: inout CounterRandom) -> Draw { draw(choices[scene][0], &random) }

  /// Bands of a batch, ascending.
  private func bands(of count: Int, _ random: inout CounterRandom) -> [Int] {
    if let exactly {
      let step = max(count / exactly, 1)
      let first = random.index(below: count - step * (exactly - 1))
      return (0..<exactly).map { first + step * $0 }
    }
    var bands = ChannelSampling.draw(of: count, dropped: dropped, &random)
    while bands.count > most { bands.remove(at: random.index(below: bands.count)) }
    return bands
  }

  private func draw(_ choice: Choice, _ random: inout CounterRandom) -> Draw {
    let bands = bands(of: choice.wavelengths.count, &random)
    let wavelengths = bands.map { choice.wavelengths[$0] }
    guard let weights = choice.weights else { return Draw(wavelengths: wavelengths, picked: bands) }
    return Draw(
      wavelengths: wavelengths,
      weights: Matrix<Float>(rows: weights.rows, columns: bands.count) { Float(weights[$0, bands[$1]]) })
  }
}

extension BandSampler.Draw {
  /// Images `[1, C, side, side]` of a window `[pixels][bands]`.
  func apply(_ window: UnsafePointer<Float>, pixels: Int, bands: Int, to target: UnsafeMutablePointer<Float>) {
    if let picked {
      for (c, band) in picked.enumerated() {
        for n in 0..<pixels { target[c * pixels + n] = window[n * bands + band] }
      }
      return
    }
    guard let weights else { return }
    for c in 0..<weights.columns {
      // Few bands of the scene make up one: the rest weighs nothing.
      let used = (0..<bands).filter { weights[$0, c] != 0 }
      for n in 0..<pixels {
        var sum: Float = 0
        for b in used { sum += window[n * bands + b] * weights[b, c] }
        target[c * pixels + n] = sum
      }
    }
  }
}
