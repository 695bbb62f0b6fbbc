import HSIClassification
import Testing

@Suite struct AreaEstimateTests {
  /// The worked example of Olofsson et al. 2014, table 8: deforestation, forest gain, stable forest, stable non-forest.
  @Test func publishedExample() throws {
    // Rows of the publication are the map; here rows are the truth.
    let table = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
    var matrix = ConfusionMatrix(classes: 4)
    for (map, row) in table.enumerated() {
      for (truth, count) in row.enumerated() { for _ in 0..<count { matrix.add(truth: truth, result: map) } }
    }
    let estimate = try #require(AreaEstimate(matrix, mapped: [200_000, 150_000, 3_200_000, 6_450_000]))
    // Their areas in hectares are 0.09 per pixel: 21 158, 11 686, 285 770 and 581 386 of 900 000.
    let hectares = estimate.shares.map { $0 * 900_000 }
    for (value, wanted) in zip(hectares, [21158.0, 11686, 285770, 581386]) { #expect(abs(value - wanted) < 1) }
    // And the 95 % half width of deforestation is 6158 hectares, overall accuracy 0.95.
    #expect(abs(estimate.errors[0] * 1.96 * 900_000 - 6158) < 5)
    #expect(abs(estimate.overall - 0.9464) < 5e-4)
  }

  @Test func tooFewJudgedPixels() {
    var matrix = ConfusionMatrix(classes: 2)
    for _ in 0..<5 { matrix.add(truth: 0, result: 0) }
    matrix.add(truth: 1, result: 1)
    #expect(AreaEstimate(matrix, mapped: [10, 10]) == nil && AreaEstimate(matrix, mapped: [0, 0]) == nil)
    #expect(AreaEstimate(matrix, mapped: [10, 0])?.shares == [1, 0])
  }

  /// Wilson's interval holds the shares p for which |p̂ − p| = z √(p (1 − p) / n): its ends solve that equation.
  @Test(arguments: [(0, 10), (3, 10), (10, 10), (953, 1000)]) func interval(right: Int, total: Int) throws {
    let ends = try #require(Accuracy.interval(right: right, of: total))
    let (share, n) = (Double(right) / Double(total), Double(total))
    for p in [ends.lowerBound, ends.upperBound] where p > 0 && p < 1 {
      #expect(abs(abs(share - p) - 1.959963984540054 * (p * (1 - p) / n).squareRoot()) < 1e-7)
    }
    #expect(
      ends.lowerBound <= share + 1e-12 && ends.upperBound >= share - 1e-12 && Accuracy.interval(right: 0, of: 0) == nil)
  }
}
