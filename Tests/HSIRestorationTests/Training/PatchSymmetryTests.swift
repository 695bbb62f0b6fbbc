import HSIRestoration
import HSITransformer
import Testing

@Suite struct PatchSymmetryTests {
  static let (bands, size) = (3, 4)
  static let patch = (0..<(bands * size * size)).map { Float($0) }

  static func apply(_ symmetry: PatchSymmetry, _ patch: [Float]) -> [Float] {
    var result = [Float](repeating: -1, count: patch.count)
    result.withUnsafeMutableBufferPointer {
      symmetry.apply(patch, to: $0.baseAddress!, bands: bands, size: size)
    }
    return result
  }

  @Test func sixteenDifferentResults() {
    #expect(Set(PatchSymmetry.all.map { Self.apply($0, Self.patch) }).count == 16)
    #expect(Self.apply(.identity, Self.patch) == Self.patch)
    for symmetry in PatchSymmetry.all {
      #expect(Self.apply(symmetry, Self.patch).sorted() == Self.patch)
    }
  }

  @Test func everyOneHasItsInverse() {
    for symmetry in PatchSymmetry.all {
      #expect(Self.apply(symmetry.inverse, Self.apply(symmetry, Self.patch)) == Self.patch)
      #expect(symmetry.followed(by: symmetry.inverse) == .identity)
    }
  }

  /// Composition on patches is composition of the group, for all pairs.
  @Test func theyFormAGroup() {
    for first in PatchSymmetry.all {
      for second in PatchSymmetry.all {
        #expect(
          Self.apply(second, Self.apply(first, Self.patch))
            == Self.apply(first.followed(by: second), Self.patch))
      }
    }
  }

  @Test func quarterTurnIsToTheLeft() {
    let turned = Self.apply(
      PatchSymmetry(quarterTurns: 1, isFlipped: false, reversesBands: false), Self.patch)
    // The right column becomes the first row.
    #expect(Array(turned[0..<4]) == [3, 7, 11, 15])
    let flipped = Self.apply(
      PatchSymmetry(quarterTurns: 0, isFlipped: true, reversesBands: true), Self.patch)
    #expect(Array(flipped[0..<4]) == [35, 34, 33, 32])
  }

  @Test func drawsAreUniformAndReproducible() {
    var counts: [PatchSymmetry: Int] = [:]
    for patch in 0..<3200 { counts[PatchSymmetry(seed: 5, epoch: 2, patch: patch), default: 0] += 1 }
    #expect(counts.count == 16)
    // 200 expected, deviation 13.7.
    #expect(counts.values.allSatisfy { abs($0 - 200) < 70 })
    #expect(
      PatchSymmetry(seed: 5, epoch: 2, patch: 17) == PatchSymmetry(seed: 5, epoch: 2, patch: 17))
    let epochs = Set((0..<40).map { PatchSymmetry(seed: 5, epoch: $0, patch: 17) })
    #expect(epochs.count > 8)
  }
}
