import HSICore
import HSITransformer
import Testing

@testable import HSIClassification

@Suite struct PatchAugmentationTests {
  private static let patches = Tensor([3, 2, 3, 3, 1], (0..<54).map { Float($0) })

  private func changed(_ augmentation: PatchAugmentation, dark: [Float] = [], stream: UInt64 = 1) -> [Float] {
    var patches = Self.patches.copy()
    augmentation.change(&patches, dark: dark, seed: 5, stream: stream)
    return patches.values
  }

  @Test func nothing() { #expect(changed(.none) == Self.patches.values) }

  /// A factor on the spectra of a patch leaves the dark spectrum where it is and is the same for all values of the patch.
  @Test func gain() {
    var augmentation = PatchAugmentation.none
    augmentation.gain = 0.2
    let dark: [Float] = [-3, 100]
    let values = changed(augmentation, dark: dark)
    for b in 0..<3 {
      let factors = (0..<18).map { i -> Float in
        let origin = dark[i / 9]
        return (values[18 * b + i] - origin) / (Self.patches.values[18 * b + i] - origin)
      }
      for factor in factors { #expect(abs(factor - factors[0]) < 1e-4 && (0.8...1.2).contains(factor)) }
    }
    #expect(values != changed(augmentation, dark: dark, stream: 2) && values == changed(augmentation, dark: dark))
  }

  /// Neighbours become the middle pixel in all components or stay; the middle stays.
  @Test func replacement() {
    var augmentation = PatchAugmentation.none
    augmentation.replaced = 1
    let values = changed(augmentation)
    var replaced = 0
    for b in 0..<3 {
      for i in 0..<9 {
        let pairs = (0..<2).map {
          (values[18 * b + 9 * $0 + i], Self.patches.values[18 * b + 9 * $0 + i], values[18 * b + 9 * $0 + 4])
        }
        let isKept = pairs.allSatisfy { $0.0 == $0.1 }
        #expect(isKept || pairs.allSatisfy { $0.0 == $0.2 })
        if !isKept { replaced += 1 }
      }
    }
    #expect((1...24).contains(replaced))
  }

  @Test func noise() {
    var augmentation = PatchAugmentation.none
    augmentation.noise = 0.5
    var patches = Tensor.zeros([40, 5, 5, 5, 1])
    augmentation.change(&patches, dark: [], seed: 1, stream: 9)
    let values = patches.values.map(Double.init)
    let mean = values.reduce(0, +) / Double(values.count)
    let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
    #expect(abs(mean) < 0.03 && abs(variance.squareRoot() - 0.5) < 0.02)
  }
}
