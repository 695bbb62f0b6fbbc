import HSICore
import HSIRestoration
import Testing

@Suite struct DataRangeTests {
  @Test func rangeOfPixels() throws {
    var extent = DataRange.Accumulator()
    extent.add(PixelMatrix(rows: 2, columns: 2, values: [3, .nan, -1, 50]))
    #expect(try extent.range() == DataRange(low: -1, high: 50))
    var first = DataRange.Accumulator()
    first.add(PixelMatrix(rows: 2, columns: 2, values: [3, 9, -1, 50]), bands: [0])
    #expect(try first.range() == DataRange(low: -1, high: 3))
  }

  @Test func withoutWidthOrPixels() {
    var extent = DataRange.Accumulator()
    #expect(throws: RestorationError.self) { try extent.range() }
    extent.add(PixelMatrix(rows: 1, columns: 2, values: [2, 2]))
    #expect(throws: RestorationError.self) { try extent.range() }
    #expect(throws: RestorationError.self) { try DataRange(low: 0, high: .infinity) }
    #expect(throws: RestorationError.self) { try DataRange(low: 1, high: 0) }
  }
}
