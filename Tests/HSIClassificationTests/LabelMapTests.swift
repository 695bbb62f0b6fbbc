import HSIClassification
import HSICore
import Testing

@Suite struct LabelMapTests {
  private func map(_ values: [Float], path: String = "l.tif") throws -> LabelMap {
    try values.withUnsafeBufferPointer {
      try LabelMap(
        lines: 1, samples: values.count, values: $0, positions: (0..<Int32(values.count)).map { $0 }, path: path)
    }
  }

  @Test func gapsAndLargeValuesAreKept() throws {
    let labels = try map([0, 1, 300, 65535, 300])
    #expect(labels.classes.values == [1, 300, 65535])
    #expect(labels.counts == [1, 2, 1] && labels.labelled == 4)
    #expect(labels.indices == [-1, 0, 1, 2, 1])
    #expect(labels.classes.sampleType == .uint16)
    #expect(labels.classes.names == ["class 1", "class 300", "class 65535"])
    let list = labels.classes.byValue
    #expect(list.count == 65536 && list[0].name == "Unclassified" && list[300].name == "class 300")
  }

  @Test(arguments: [
    ([0, 1.5] as [Float], "whole"), ([-1, 2], "not negative"), ([1, 65536], "reach 65535"), ([1, .nan], "whole"),
  ])
  func otherValuesAreRefused(values: [Float], part: String) {
    let error = #expect(throws: ClassificationError.self) { _ = try map(values) }
    #expect(error?.problem.contains(part) == true && error?.category == .input)
  }

  @Test func backgroundAloneIsRefused() {
    let error = #expect(throws: ClassificationError.self) { _ = try map([0, 0]) }
    #expect(error?.identifier == "E-LABELS-EMPTY")
  }

  @Test func namesAndColoursOfTheRaster() {
    let known = [
      ClassEntry(name: "none", colour: [0, 0, 0]), ClassEntry(name: "unused", colour: [1, 1, 1]),
      ClassEntry(name: " grass", colour: [0, 99, 0]), ClassEntry(name: "", colour: [9, 0, 0]),
    ]
    let named = ClassTable(values: [3, 2, 0, 2], known: known, palette: LabelMap.grey)
    #expect(named.values == [2, 3] && named.names == ["grass", "class 3"])
    #expect(named.entries.map(\.colour) == [[0, 99, 0], [9, 0, 0]])
    // All black says nothing.
    let black = known.map { ClassEntry(name: $0.name, colour: [0, 0, 0]) }
    let coloured = ClassTable(values: [2, 3], known: black) { [UInt8($0), 7, 7] }
    #expect(coloured.entries.map(\.colour) == [[0, 7, 7], [1, 7, 7]])
  }

  @Test func nearestNeighbourOnAnotherGrid() throws {
    // 4 × 4 pixels of 10 m; the other grid has pixels of 5 m and begins one coarse pixel to the right and below.
    let coarse = LabelMap(lines: 4, samples: 4, ids: (0..<16).map { UInt16($0) })
    let fine = try #require(
      coarse.resampled(from: [100, 10, 0, 200, 0, -10], to: [110, 5, 0, 190, 0, -5], lines: 4, samples: 4))
    #expect(fine.ids == [5, 5, 6, 6, 5, 5, 6, 6, 9, 9, 10, 10, 9, 9, 10, 10])
    #expect(fine.classes == coarse.classes)
    #expect(
      coarse.resampled(from: [100, 10, 0, 200, 0, -10], to: [900, 5, 0, 190, 0, -5], lines: 4, samples: 4) == nil)
    #expect(coarse.resampled(from: [0, 0, 0, 0, 0, 0], to: [0, 1, 0, 0, 0, 1], lines: 4, samples: 4) == nil)
  }
}
