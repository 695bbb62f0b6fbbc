import HSICore
import Testing

@testable import HSITransformer

/// A generator that skips stands where one that draws stands.
@Suite struct CounterSkipTests {
  @Test(arguments: [0, 1, 2, 3, 7, 64, 65]) func words(_ count: Int) {
    for before in 0..<3 {
      var (drawn, skipped) = (CounterRandom(seed: 4, stream: 2), CounterRandom(seed: 4, stream: 2))
      for _ in 0..<before {
        _ = drawn.next()
        _ = skipped.next()
      }
      for _ in 0..<count { _ = drawn.next() }
      skipped.skip(count)
      #expect((0..<5).map { _ in drawn.next() } == (0..<5).map { _ in skipped.next() })
    }
  }

  @Test(arguments: [0, 1, 2, 3, 7, 64, 65]) func normals(_ count: Int) {
    for before in 0..<4 {
      var (drawn, skipped) = (CounterRandom(seed: 4, stream: 2), CounterRandom(seed: 4, stream: 2))
      for i in 0..<before {
        _ = i == 0 ? drawn.uniform() : drawn.normal()
        _ = i == 0 ? skipped.uniform() : skipped.normal()
      }
      for _ in 0..<count { _ = drawn.normal() }
      skipped.skipNormals(count)
      #expect((0..<5).map { _ in drawn.normal() } == (0..<5).map { _ in skipped.normal() })
    }
  }

  /// What is attached to a network that was loaded is what it would be had the network been drawn.
  @Test(arguments: [
    Initialisation.constant(1), .normal(0.1), .truncatedNormal(0.02), .truncatedNormal(1), .uniform(0.3),
    .kaimingNormalFanOut, .xavierNormal, .xavierUniform, .fanInUniform,
  ]) func blankStoresDrawWhatFollows(_ initialisation: Initialisation) {
    let part = ParameterStore(seed: 3) { $0.hasPrefix("b.") }
    let all = ParameterStore(seed: 3)
    let pairs = [part, all].map { store in
      ["a", "b"].map { store.root[$0].parameter("weight", [3, 5], initialisation).value.values }
    }
    #expect(pairs[0][0].allSatisfy { $0 == 0 } && pairs[0][1] == pairs[1][1])
    let values = [false, true].map { isBlank in
      let store = ParameterStore(seed: 3, isBlank: isBlank)
      let first = store.root["a"].parameter("weight", [3, 5], initialisation)
      _ = store.root["b"].parameter("weight", [7], initialisation)
      if isBlank { #expect(first.value.values.allSatisfy { $0 == 0 }) }
      store.startDrawing()
      return store.root["c"].parameter("weight", [2, 4], .normal(1)).value.values
    }
    #expect(values[0] == values[1] && Set(values[0]).count > 4)
  }
}
