import HSICore
import HSINumerics
import Testing

/// Statistics of parts, put together.
@Suite struct StatisticsMergeTests {
  private func pixels(_ count: Int, _ seed: UInt64) -> PixelMatrix {
    var random = CounterRandom(seed: seed)
    // Far from zero, and each part from the others: nothing may cancel.
    return PixelMatrix(
      rows: count, columns: 4,
      values: (0..<(4 * count)).map { Float(1000 * Double(seed) + Double($0 % 4) * 10 + random.normal()) })
  }

  private func expectSame(_ a: SceneStatistics, _ b: SceneStatistics, within tolerance: Double, _ name: String) {
    #expect(a.count == b.count && a.minimum == b.minimum && a.maximum == b.maximum, "\(name)")
    for i in 0..<4 {
      #expect(abs(a.mean[i] - b.mean[i]) < tolerance * abs(b.mean[i]), "\(name) mean")
      for j in 0..<4 {
        let scale = (b.covariance[i, i] * b.covariance[j, j]).squareRoot()
        #expect(abs(a.covariance[i, j] - b.covariance[i, j]) < tolerance * scale, "\(name) covariance")
      }
    }
  }

  @Test(arguments: [SceneStatistics.Precision.single, .double, .exact])
  func mergingIsAddingEverything(_ precision: SceneStatistics.Precision) {
    let tolerance = precision == .single ? 1e-5 : 1e-11
    let parts = [pixels(700, 1), pixels(3, 2), pixels(0, 3), pixels(1024, 4), pixels(513, 5)]
    func accumulator(_ parts: [PixelMatrix]) -> StatisticsAccumulator {
      let accumulator = StatisticsAccumulator(bands: 4, precision: precision)
      for part in parts { accumulator.add(part) }
      return accumulator
    }
    let whole = accumulator(parts).finish()
    // ((((0 + 1) + 2) + 3) + 4), (0 + (1 + 2)) + (3 + 4), and from the other end.
    let left = accumulator([])
    for part in parts { left.merge(accumulator([part])) }
    expectSame(left.finish(), whole, within: tolerance, "one by one")
    let (front, back) = (accumulator(Array(parts[..<3])), accumulator([parts[3]]))
    back.merge(accumulator([parts[4]]))
    front.merge(back)
    expectSame(front.finish(), whole, within: tolerance, "in two halves")
    let reversed = accumulator([])
    for part in parts.reversed() { reversed.merge(accumulator([part])) }
    expectSame(reversed.finish(), whole, within: tolerance, "backwards")
    let values = parts.map { accumulator([$0]).finish() }
    expectSame(values.dropFirst().reduce(values[0]) { $0.merging($1) }, whole, within: tolerance, "finished ones")
    let nested = values[0].merging(values[1].merging(values[2].merging(values[3].merging(values[4]))))
    expectSame(nested, whole, within: tolerance, "finished ones, nested")
  }
}
