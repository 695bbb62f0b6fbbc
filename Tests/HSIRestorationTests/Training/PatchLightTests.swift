import Foundation
import HSIRestoration
import Testing

@testable import HSIRestoration

@Suite struct PatchLightTests {
  @Test func gainsAndOffsetsAreAsDescribed() {
    var (offsets, logs) = ([Float](), [Double]())
    for patch in 0..<400 {
      let light = PatchLight(seed: 2, epoch: 3, patch: patch, bands: 31)
      #expect(light.gains.count == 31 && light.gains.allSatisfy { $0 > 0 })
      offsets.append(light.offset)
      // Cosines over all bands sum to zero: the mean logarithm is that of the contrast.
      logs.append(light.gains.reduce(0) { $0 + log(Double($1)) } / 31)
    }
    #expect(logs.allSatisfy { $0 > log(0.4) - 1e-5 && $0 < log(1.2) + 1e-5 })
    let mean = logs.reduce(0, +) / 400
    #expect(abs(mean - (log(0.4) + log(1.2)) / 2) < 0.06, "\(mean)")
    #expect(offsets.allSatisfy { $0 >= 0 && $0 <= 0.3 })
    #expect((140...260).contains(offsets.filter { $0 == 0 }.count))
    let again = PatchLight(seed: 2, epoch: 3, patch: 7, bands: 31)
    #expect(again.gains == PatchLight(seed: 2, epoch: 3, patch: 7, bands: 31).gains)
    #expect(again.gains != PatchLight(seed: 2, epoch: 4, patch: 7, bands: 31).gains)
  }

  /// Training patches get the light after the augmentation, patches for judging (no epoch) none.
  @Test func patchesCarryIt() throws {
    var recipe = TrainingPatchesTests.recipe()
    let scene = TrainingPatchesTests.scene(lines: 16, samples: 16, bands: 4)
    let plain = try TrainingPatches([scene], recipe: recipe, seed: 4)
    recipe.variesLight = true
    let lit = try TrainingPatches([scene], recipe: recipe, seed: 4)
    #expect(TrainingPatchesTests.copy(lit, 1, epoch: nil) == TrainingPatchesTests.copy(plain, 1, epoch: nil))
    let (a, b) = (TrainingPatchesTests.copy(plain, 1, epoch: 2), TrainingPatchesTests.copy(lit, 1, epoch: 2))
    let light = PatchLight(seed: 4, epoch: 2, patch: 1, bands: 4)
    for i in a.indices { #expect(abs(b[i] - (light.offset + light.gains[i / 64] * a[i])) < 1e-6) }
  }

  @Test func theFingerprintSeesOneValue() throws {
    let recipe = TrainingPatchesTests.recipe()
    let scene = TrainingPatchesTests.scene(lines: 16, samples: 16, bands: 4)
    let other = TrainingPatchesTests.scene(lines: 16, samples: 16, bands: 4)
    other.pixels[100, 2] += 1
    let prints = try [scene, scene, other].map { try TrainingPatches([$0], recipe: recipe).fingerprint }
    #expect(prints[0] == prints[1] && prints[0] != prints[2])
  }

  @Test func memoryIsWhatWasSaid() throws {
    let recipe = TrainingPatchesTests.recipe()
    let scene = TrainingPatchesTests.scene(lines: 40, samples: 33, bands: 9)
    let patches = try TrainingPatches([scene], recipe: recipe)
    let pixels = (40 * 33 + 20 * 16) * (4 * 9 + 1)
    let tables = patches.count * (MemoryLayout<TrainingPatches.Place>.stride + 16)
    let said = TrainingPatches.workingBytes(scene.shape, recipe: recipe)
    #expect(said >= pixels + tables && said < 2 * (pixels + tables))
  }
}
