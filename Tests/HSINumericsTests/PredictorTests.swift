import CKernels
import HSICore
import HSITestSupport
import Testing

/// The predictors of TIFF undone, against plain loops that make them, at every kernel level.
@Suite(.serialized) struct PredictorTests {
  private static let shapes = [(1, 1, 1), (2, 1, 5), (3, 17, 1), (2, 31, 2), (2, 9, 33), (1, 40, 224)]

  private func bytes(_ count: Int, seed: Int) -> [UInt8] {
    var random = CounterRandom(seed: UInt64(seed))
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next() >> 40) }
  }

  /// Differences along the row of words of some bytes, and of bytes for floats, as the specification of TIFF writes them.
  private func differences(_ row: [UInt8], size: Int, bands: Int) -> [UInt8] {
    var words: [UInt64] = stride(from: 0, to: row.count, by: size).map { place in
      (0..<size).reversed().reduce(0) { $0 << 8 | UInt64(row[place + $1]) }
    }
    for i in stride(from: words.count - 1, through: bands, by: -1) { words[i] = words[i] &- words[i - bands] }
    return words.flatMap { word in (0..<size).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
  }

  private func planes(_ row: [UInt8], size: Int) -> [UInt8] {
    let values = row.count / size
    return (0..<size).flatMap { plane in (0..<values).map { row[$0 * size + size - 1 - plane] } }
  }

  @Test func differencesOfIntegers() {
    atEveryKernelLevel { level in
      for (n, (rows, pixels, bands)) in PredictorTests.shapes.enumerated() {
        for size in [1, 2, 4, 8] {
          let row = pixels * bands * size
          let wanted = bytes(rows * row, seed: n)
          var found = (0..<rows).flatMap { i in
            differences(Array(wanted[(i * row)..<((i + 1) * row)]), size: size, bands: bands)
          }
          let status = hsi_undo_predictor(2, &found, rows, pixels, bands, size, nil)
          #expect(status == 0 && found == wanted, "\(rows) \(pixels) \(bands) × \(size), level \(level)")
        }
      }
    }
  }

  @Test func floats() {
    atEveryKernelLevel { level in
      for (n, (rows, pixels, bands)) in PredictorTests.shapes.enumerated() {
        for size in [4, 8] {
          let row = pixels * bands * size
          let wanted = bytes(rows * row, seed: n)
          var found = (0..<rows).flatMap { i in
            differences(planes(Array(wanted[(i * row)..<((i + 1) * row)]), size: size), size: 1, bands: bands)
          }
          var scratch = [UInt8](repeating: 0, count: row)
          let status = hsi_undo_predictor(3, &found, rows, pixels, bands, size, &scratch)
          #expect(status == 0 && found == wanted, "\(rows) \(pixels) \(bands) × \(size), level \(level)")
        }
      }
    }
  }

  @Test func whatThereIsNot() {
    var (samples, scratch) = ([UInt8](repeating: 3, count: 24), [UInt8](repeating: 0, count: 24))
    #expect(hsi_undo_predictor(1, &samples, 2, 3, 1, 4, nil) == 0 && samples == [UInt8](repeating: 3, count: 24))
    #expect(hsi_undo_predictor(2, &samples, 2, 4, 1, 3, nil) == -1)
    #expect(hsi_undo_predictor(3, &samples, 2, 6, 1, 2, &scratch) == -1)
    #expect(hsi_undo_predictor(7, &samples, 2, 6, 1, 2, &scratch) == -1)
    #expect(hsi_undo_predictor(2, &samples, 0, 0, 1, 4, nil) == 0)
  }
}
