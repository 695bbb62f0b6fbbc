import HSICore
import HSINumerics
import HSITransformer

/// Random changes of patches in training that their class does not depend on.
public struct PatchAugmentation: Sendable, Codable, Equatable {
  /// Whether every patch is turned and mirrored.
  public var turns = true
  /// Spread of a factor on the spectra of a patch, uniform in 1 ± gain: light and slope.
  public var gain = 0.1
  /// Standard deviation of normal noise on every value, in units of the (whitened) components.
  public var noise = 0.0
  /// Largest share of the neighbours of the middle pixel that are replaced by it; the share is drawn per patch, uniform from 0.
  public var replaced = 0.0

  /// The usual changes.
  public init() {}

  /// No change.
  public static var none: PatchAugmentation {
    var none = PatchAugmentation()
    (none.turns, none.gain, none.noise, none.replaced) = (false, 0, 0, 0)
    return none
  }

  /// One of the eight symmetries for each patch, or nil without turns.
  func orientations(_ count: Int, _ random: inout CounterRandom) -> [Int]? {
    turns ? (0..<count).map { _ in random.index(below: 8) } : nil
  }

  /// Changes the values of patches `[B, K, S, S, 1]`. Every patch has a stream of its own.
  ///
  /// - Parameter dark: the components of a spectrum of zeros, the point that a factor leaves where it is.
  func change(_ patches: inout Tensor, dark: [Float], seed: UInt64, stream: UInt64) {
    guard gain > 0 || noise > 0 || replaced > 0 else { return }
    let (count, components, area) = (patches.shape[0], patches.shape[1], patches.shape[2] * patches.shape[3])
    patches.withMutableValues { values in
      guard let base = values.baseAddress else { return }
      let target = base
      Parallel.forEach(count) { b in
        var random = CounterRandom(seed: seed, stream: (stream << 12) &+ UInt64(b) &+ 0x4348_0000_0000_0000)
        let patch = target + b * components * area
        let factor = Float(random.uniform(1 - gain, 1 + gain))
        let share = random.uniform(0, replaced)
        for i in 0..<area where i != area / 2 && random.uniform() < share {
          for k in 0..<components { patch[k * area + i] = patch[k * area + area / 2] }
        }
        for k in 0..<components {
          let origin = dark.isEmpty ? 0 : dark[k]
          for i in 0..<area {
            let value = origin + factor * (patch[k * area + i] - origin)
            patch[k * area + i] = noise > 0 ? value + Float(noise * random.normal()) : value
          }
        }
      }
    }
  }
}
