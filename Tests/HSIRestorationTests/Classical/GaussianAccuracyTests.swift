import Foundation
import HSICore
import HSINumerics
import HSIRestoration
import Testing

/// The order that the literature finds for Gaussian noise: FastHyDe before HyRes before MNF before PCA.
@Suite struct GaussianAccuracyTests {
  @Test func methodsRankAsPublished() throws {
    let clean = SyntheticScene.clean(lines: 64, samples: 72, bands: 24)
    let noisy = SyntheticScene.noisy(clean, sigma: 30.0 / 255)
    let errors = try ["fasthyde", "hyres", "mnf", "pca"].map { name in
      let result = try Restorers.classical.named(name).restore(noisy, noise: nil, RunContext())
      // Three abundances that sum to one; the rule of PCA keeps what is more than noise.
      if name != "pca" { #expect(result.rank == 2, "\(name)") }
      return SyntheticScene.error(result.scene, clean)
    }
    for (better, worse) in zip(errors, errors.dropFirst()) { #expect(better < 1.02 * worse) }
    #expect(errors[0] < 0.7 * errors[1] && errors[1] < 0.7 * errors[2])
    // Projection on two components alone leaves √(2/24) of the noise.
    #expect(errors[0] < 0.4 * 30.0 / 255 * (2.0 / 24).squareRoot())
  }
}
