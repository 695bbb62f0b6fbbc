import Foundation
import HSICore

/// A smooth random function of the plane with mean 0 and variance 1: 40 cosine waves with Gaussian frequencies, which
/// approximates a Gaussian random field with correlation `exp(−d²/2ℓ²)`; a fifth of the waves are 3.5 times shorter
/// and give patches a natural outline. It can be evaluated at any pixel, so a scene of any size is made line by line.
///
/// Source: Rahimi, Recht, "Random features for large-scale kernel machines", NIPS 2007.
struct SmoothField: Sendable {
  private static let waves = 40
  private var frequencyY: [Double] = []
  private var phase: [Double] = []
  /// `cos(u·sample)` and `sin(u·sample)`, wave by wave for each sample.
  private var cosine: [Double] = []
  private var sine: [Double] = []
  private let samples: Int

  /// A field over lines of `samples` pixels with correlation length `length` pixels.
  init(samples: Int, length: Double, seed: UInt64, stream: UInt64) {
    self.samples = samples
    var random = CounterRandom(seed: seed, stream: 1 << 61 + stream)
    var frequencyX: [Double] = []
    for wave in 0..<SmoothField.waves {
      let scale = wave % 5 == 4 ? length / 3.5 : length
      frequencyX.append(random.normal() / scale)
      frequencyY.append(random.normal() / scale)
      phase.append(random.uniform(0, 2 * .pi))
    }
    cosine.reserveCapacity(samples * SmoothField.waves)
    sine.reserveCapacity(samples * SmoothField.waves)
    for sample in 0..<samples {
      for u in frequencyX {
        cosine.append(cos(u * Double(sample)))
        sine.append(sin(u * Double(sample)))
      }
    }
  }

  /// The values on a line, for all samples.
  func line(_ line: Int, into values: inout [Double]) {
    let waves = SmoothField.waves
    let norm = (2 / Double(waves)).squareRoot()
    var (a, b): ([Double], [Double]) = ([], [])
    for w in 0..<waves {
      let angle = frequencyY[w] * Double(line) + phase[w]
      a.append(norm * cos(angle))
      b.append(norm * sin(angle))
    }
    cosine.withUnsafeBufferPointer { c in
      sine.withUnsafeBufferPointer { s in
        for sample in 0..<samples {
          var sum = 0.0
          let start = sample * waves
          for w in 0..<waves { sum += a[w] * c[start + w] - b[w] * s[start + w] }
          values[sample] = sum
        }
      }
    }
  }
}
