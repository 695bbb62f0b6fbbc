import HSICore
import HSIRestoration
import Testing

@Suite struct DataRangeMergeTests {
  @Test func mergingIsAddingEverything() throws {
    var random = CounterRandom(seed: 2)
    let parts = (0..<4).map { part in
      PixelMatrix(rows: 5, columns: 3, values: (0..<15).map { _ in part == 2 ? .nan : Float(random.normal()) })
    }
    var whole = DataRange.Accumulator()
    for part in parts { whole.add(part) }
    let single = parts.map { part in
      var accumulator = DataRange.Accumulator()
      accumulator.add(part)
      return accumulator
    }
    for order in [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 0, 1]] {
      var merged = DataRange.Accumulator()
      for index in order { merged.merge(single[index]) }
      #expect(merged.low == whole.low && merged.high == whole.high)
      #expect(try merged.range() == whole.range())
    }
  }
}
