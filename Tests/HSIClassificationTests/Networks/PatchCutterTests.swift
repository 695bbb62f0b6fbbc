import Foundation
import HSICore
import HSINetworks
import HSITestSupport
import HSITransformer
import Testing

@testable import HSIClassification

@Suite struct PatchCutterTests {
  /// Zero padding, order of patches and standardisation of the reference implementation.
  @Test func patchesOfTheReference() throws {
    let url = try #require(
      Bundle.module.url(forResource: "preprocess", withExtension: "safetensors", subdirectory: "Fixtures"))
    let fixture = try Fixture(url)
    let scores = PixelMatrix(rows: 154, columns: 6, values: fixture["out.scores"].floats)
    let image = FeatureImage(lines: 14, samples: 11, values: scores, positions: (0..<154).map { Int32($0) }[...])
    let places = fixture["in.gt"].ints.enumerated().filter { $0.element > 0 }.map(\.offset).prefix(40)
    for (standardisation, name) in [
      (PatchStandardisation.none, "out.patches_first40"), (.patch, "out.patches_normalised_first40"),
    ] {
      let patches = PatchCutter(side: 7, standardisation: standardisation).patches(image, Array(places))
      let reference = fixture[name]
      #expect(patches.shape.dropLast() == reference.shape[...])
      let error = zip(patches.values, reference.values).reduce(0.0) { max($0, abs(Double($1.0) - $1.1)) }
      #expect(error < 1e-5, "\(name)")
    }
  }

  /// All eight orientations are different symmetries, and the first is none.
  @Test func orientations() {
    let values = PixelMatrix(rows: 25, columns: 1, values: (0..<25).map { Float($0) })
    let image = FeatureImage(lines: 5, samples: 5, values: values, positions: (0..<25).map { Int32($0) }[...])
    let cutter = PatchCutter(side: 3, standardisation: .none)
    let all = cutter.patches(image, [Int](repeating: 12, count: 8), orientations: Array(0..<8)).values
    let patches = (0..<8).map { Array(all[(9 * $0)..<(9 * $0 + 9)]) }
    #expect(patches[0] == [6, 7, 8, 11, 12, 13, 16, 17, 18])
    #expect(patches[1] == [6, 11, 16, 7, 12, 17, 8, 13, 18])
    #expect(patches[2] == [16, 17, 18, 11, 12, 13, 6, 7, 8])
    #expect(Set(patches.map { $0.map { "\($0)" }.joined() }).count == 8)
    for patch in patches { #expect(patch.sorted() == patches[0] && patch[4] == 12) }
  }

  /// Missing pixels and places outside are zero.
  @Test func missingPixels() {
    let values = PixelMatrix(rows: 3, columns: 2, values: [1, 2, 3, 4, 5, 6])
    let image = FeatureImage(lines: 2, samples: 2, values: values, positions: [10, 11, 13], firstLine: 5)
    let patch = PatchCutter(side: 3, standardisation: .none).patches(image, [0]).values
    #expect(patch == [0, 0, 0, 0, 1, 3, 0, 0, 5, 0, 0, 0, 0, 2, 4, 0, 0, 6])
  }
}
