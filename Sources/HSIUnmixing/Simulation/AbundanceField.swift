import Foundation
import HSICore

/// How the endmembers of a simulated scene lie in the plane.
protocol AbundanceLayout: Sendable {
  /// Abundances of a line, samples × endmembers.
  func line(_ line: Int, into abundances: UnsafeMutablePointer<Float>)
  /// Light of the samples of a line where the layout has one, with a texture of the given strength.
  func light(_ line: Int, texture: Double) -> [Double]?
}

/// Abundance maps that look like land: each endmember rules a few patches, with mixed seams between them.
///
/// Every endmember has a smooth random field `f_k` and, at a place of its own, a bump that guarantees it a pure
/// region. `p = softmax(τ f)`; abundances below a small floor are cut to exactly 0 and the rest is scaled to sum
/// one, so the inside of patches is exactly pure. With a purity below 1 everything is drawn to the centre of the
/// simplex until no abundance exceeds it.
struct AbundanceField: AbundanceLayout {
  let endmembers: Int
  let samples: Int
  private let fields: [SmoothField]
  private let bumps: [(line: Double, sample: Double)]
  private let radius: Double
  private let sharpness: Double
  private let shrinkage: Double
  private let floor: Double

  init(
    endmembers: Int, lines: Int, samples: Int, patch: Double, sharpness: Double, purity: Double, seed: UInt64,
    cancellation: CancellationFlag
  ) throws {
    self.endmembers = endmembers
    self.samples = samples
    self.sharpness = sharpness
    fields = try (0..<endmembers).map {
      if cancellation.isCancelled { throw CoreError.cancelled }
      return SmoothField(samples: samples, length: patch, seed: seed, stream: UInt64($0))
    }
    floor = min(0.04, 0.4 / Double(endmembers))
    let centre = 1 / Double(endmembers)
    shrinkage = endmembers > 1 ? min(1, max(0, (purity - centre) / (1 - centre))) : 1
    radius = 0.45 * patch
    var random = CounterRandom(seed: seed, stream: 1 << 62)
    var places: [(line: Double, sample: Double)] = []
    for _ in 0..<endmembers {
      // The best of 20 places: far from the others.
      var best: (place: (line: Double, sample: Double), distance: Double)?
      for _ in 0..<20 {
        let place = (
          line: random.uniform(0, Double(lines)), sample: random.uniform(0, Double(samples))
        )
        let distance =
          places.map { hypot($0.line - place.line, $0.sample - place.sample) }.min() ?? 0
        if best == nil || distance > best!.distance { best = (place, distance) }
      }
      if let best { places.append((best.place.line.rounded(.down), best.place.sample.rounded(.down))) }
    }
    bumps = places
  }

  func light(_ line: Int, texture: Double) -> [Double]? { nil }

  func line(_ line: Int, into abundances: UnsafeMutablePointer<Float>) {
    var values = [Double](repeating: 0, count: samples)
    var all = [Double](repeating: 0, count: samples * endmembers)
    for k in 0..<endmembers {
      fields[k].line(line, into: &values)
      let bump = bumps[k]
      for sample in 0..<samples {
        let d =
          ((Double(line) - bump.line) * (Double(line) - bump.line)
            + (Double(sample) - bump.sample) * (Double(sample) - bump.sample)) / (radius * radius)
        let height = d < 40 ? 4 * exp(-0.5 * d) : 0
        all[sample * endmembers + k] = sharpness * (values[sample] + height)
      }
    }
    for sample in 0..<samples {
      let row = (sample * endmembers)..<((sample + 1) * endmembers)
      let largest = all[row].max() ?? 0
      var sum = 0.0
      for i in row {
        all[i] = exp(all[i] - largest)
        sum += all[i]
      }
      var kept = 0.0
      for i in row {
        all[i] = max(0, all[i] / sum - floor)
        kept += all[i]
      }
      for (k, i) in row.enumerated() {
        abundances[sample * endmembers + k] = Float(
          shrinkage * all[i] / kept + (1 - shrinkage) / Double(endmembers))
      }
    }
  }
}
