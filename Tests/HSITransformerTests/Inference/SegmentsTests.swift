import HSITransformer
import Testing

@Suite struct SegmentsTests {
  @Test(arguments: [
    (64, 64, 8), (100, 31, 8), (37, 31, 15), (224, 31, 8), (5, 5, 0), (65, 64, 32), (1, 1, 0),
  ])
  func segmentsCoverAndSumToOne(_ length: Int, _ size: Int, _ overlap: Int) {
    let segments = Segments(length: length, size: size, overlap: overlap)
    var sums = [Float](repeating: 0, count: length)
    for start in segments.starts {
      for i in 0..<segments.size {
        #expect(segments.weight(i, from: start) > 0)
        sums[start + i] += segments.weight(i, from: start)
      }
    }
    for sum in sums { #expect(abs(sum - 1) < 1e-5) }
  }
}
