import HSIClassification
import Testing

@Suite("Labelled pixels")
struct LabelledPixelsTests {
  @Test("as many labels as positions")
  func count() {
    #expect(LabelledPixels(positions: [3, 5], labels: [0, 1]).count == 2)
    #expect(LabelledPixels().count == 0)
  }
}
