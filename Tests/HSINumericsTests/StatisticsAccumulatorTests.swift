import HSICore
import HSINumerics
import Testing

@Suite struct StatisticsAccumulatorTests {
  /// Correlated pixels far from zero: 1500 × 7, so that two blocks and a rest are formed.
  let cube: Cube = {
    let pixels = PixelMatrix(rows: 1500, columns: 7)
    for n in 0..<1500 {
      var random = CounterRandom(seed: 4, stream: UInt64(n))
      let common = random.normal()
      for l in 0..<7 { pixels[n, l] = Float(1000 + 3 * common * Double(l) + random.normal()) }
    }
    return Cube(lines: 50, samples: 30, pixels: pixels)
  }()

  @Test(arguments: [SceneStatistics.Precision.single, .double, .exact])
  func matchDirectSums(_ precision: SceneStatistics.Precision) throws {
    let pixels = cube.pixels
    let found = try SceneStatistics(cube, RunContext(), precision: precision)
    let tolerance = precision == .single ? 1e-4 : 1e-11
    #expect(found.count == 1500)
    let mean = (0..<7).map { l in (0..<1500).reduce(0.0) { $0 + Double(pixels[$1, l]) } / 1500 }
    for i in 0..<7 {
      #expect(abs(found.mean[i] - mean[i]) < 1e-3 * tolerance * 1000)
      #expect(found.minimum[i] == (0..<1500).map { pixels[$0, i] }.min())
      #expect(found.maximum[i] == (0..<1500).map { pixels[$0, i] }.max())
      for j in 0..<7 {
        let direct =
          (0..<1500).reduce(0.0) {
            $0 + (Double(pixels[$1, i]) - mean[i]) * (Double(pixels[$1, j]) - mean[j])
          } / 1500
        #expect(abs(found.covariance[i, j] - direct) < tolerance * 100)
        #expect(abs(found.correlation[i, j] - direct - mean[i] * mean[j]) < tolerance * 1e4)
      }
    }
  }

  @Test func piecesGiveTheSameBytes() throws {
    let whole = try SceneStatistics(cube, RunContext())
    for piece in [1, 7, 511, 512, 513, 1400] {
      let accumulator = StatisticsAccumulator(bands: 7)
      for first in stride(from: 0, to: 1500, by: piece) {
        accumulator.add(cube.pixels.pointer + first * 7, count: min(piece, 1500 - first))
      }
      let found = accumulator.finish()
      #expect(found.covariance == whole.covariance && found.mean == whole.mean, "pieces of \(piece)")
    }
  }

  @Test func eigenvaluesAloneAreThoseOfTheDecomposition() throws {
    let covariance = try SceneStatistics(cube, RunContext(), precision: .double).covariance
    let (values, full) = (try covariance.symmetricEigenvalues(), try covariance.symmetricEigen().values)
    for (a, b) in zip(values, full) { #expect(abs(a - b) < 1e-10 * full[0]) }
    #expect(values == values.sorted(by: >))
  }
}
