import Foundation
import HSICore
import HSINumerics
import HSIRestoration
import Testing

/// Weak spectral features survive refinement: an absorption of one per cent depth in small targets is found as well as before.
@Suite struct WeakFeatureTests {
  static let (lines, samples, bands, depth) = (60, 64, 48, 0.01)

  /// The depth of the absorption in every band.
  static let feature = (0..<bands).map { b in depth * exp(-Double((b - 30) * (b - 30)) / 18) }

  /// Targets of 3 × 3 pixels, a ninth of the scene apart.
  static func isTarget(_ n: Int) -> Bool {
    let (line, sample) = (n / samples, n % samples)
    return line % 12 >= 5 && line % 12 < 8 && sample % 13 >= 5 && sample % 13 < 8
  }

  static func clean() -> Cube {
    let scene = SyntheticScene.clean(lines: lines, samples: samples, bands: bands)
    var values = scene.pixels.values
    for n in 0..<scene.count where isTarget(n) {
      for b in 0..<bands { values[n * bands + b] *= Float(1 - feature[b]) }
    }
    return SyntheticScene.with(scene, values)
  }

  /// Distance between targets and other pixels in a matched filter for the absorption, in standard deviations of the others.
  static func detection(_ scene: Cube) throws -> Double {
    let statistics = try SceneStatistics(scene, RunContext(), precision: .double)
    let largest = (0..<bands).map { statistics.covariance[$0, $0] }.max() ?? 1
    let covariance = Matrix<Double>(rows: bands, columns: bands) {
      statistics.covariance[$0, $1] + ($0 == $1 ? 1e-6 * largest : 0)
    }
    let signature = (0..<bands).map { -statistics.mean[$0] * feature[$0] }
    let filter = try covariance.inversePositiveDefinite().multiplied(by: signature)
    let scores = (0..<scene.count).map { n in
      (0..<bands).reduce(0) { $0 + filter[$1] * (Double(scene.pixels[n, $1]) - statistics.mean[$1]) }
    }
    func moments(_ values: [Double]) -> (mean: Double, deviation: Double) {
      let mean = values.reduce(0, +) / Double(values.count)
      return (mean, (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot())
    }
    let targets = moments(scores.indices.filter(isTarget).map { scores[$0] })
    let others = moments(scores.indices.filter { !isTarget($0) }.map { scores[$0] })
    return (targets.mean - others.mean) / others.deviation
  }

  @Test(arguments: [0.002, 0.004]) func theMatchedFilterKeepsItsDetection(sigma: Double) throws {
    let clean = WeakFeatureTests.clean()
    let noisy = SyntheticScene.noisy(clean, sigma: sigma, seed: 9)
    let found = try ["fasthyde", "fasthyde-nlb"].map { name in
      let result = try Restorers.classical.named(name).restore(noisy, noise: nil, RunContext()).scene
      return (
        detection: try WeakFeatureTests.detection(result),
        angle: try RestorationMetrics(result, reference: clean).sam
      )
    }
    let before = try WeakFeatureTests.detection(noisy)
    #expect(before > 1, "the feature shows in the noisy scene: \(before)")
    #expect(found[1].detection > before && found[1].detection > 0.98 * found[0].detection, "\(before) \(found)")
    #expect(found[1].angle < 1.01 * found[0].angle, "\(found)")
  }
}
