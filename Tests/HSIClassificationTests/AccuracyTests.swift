import HSIClassification
import HSITestSupport
import Testing

@Suite struct AccuracyTests {
  @Test func figuresAreThoseOfTheReference() throws {
    let fixture = try TestTask.fixture("metrics")
    let matrix = ConfusionMatrix(
      classes: 4, truth: fixture["in.true"].ints, result: fixture["in.pred"].ints.map { $0 })
    #expect(matrix.counts.flatMap { $0 } == fixture["out.confusion"].ints)
    let accuracy = Accuracy(matrix)
    #expect(abs(100 * accuracy.overall - fixture["out.oa"].scalar) < 1e-10)
    #expect(abs(100 * accuracy.average - fixture["out.aa"].scalar) < 1e-10)
    #expect(abs(100 * accuracy.kappa - fixture["out.kappa"].scalar) < 1e-10)
    for (own, reference) in zip(accuracy.classes, fixture["out.per_class"].values) {
      #expect(abs(100 * (own.recall ?? 0) - reference) < 1e-10)
    }
  }

  @Test func precisionRecallAndF1ByHand() {
    // Truth a a a b b c; result a a b b - a.
    let matrix = ConfusionMatrix(classes: 4, truth: [0, 0, 0, 1, 1, 2], result: [0, 0, 1, 1, nil, 0])
    let accuracy = Accuracy(matrix)
    #expect(matrix.total == 6 && matrix.unclassified == [0, 1, 0, 0])
    #expect(accuracy.overall == 3.0 / 6)
    #expect(accuracy.classes[0] == ClassAccuracy(support: 3, precision: 2.0 / 3, recall: 2.0 / 3, f1: 4.0 / 6))
    #expect(accuracy.classes[1] == ClassAccuracy(support: 2, precision: 0.5, recall: 0.5, f1: 0.5))
    #expect(accuracy.classes[2] == ClassAccuracy(support: 1, precision: nil, recall: 0, f1: 0))
    #expect(accuracy.classes[3] == ClassAccuracy(support: 0, precision: nil, recall: nil, f1: nil))
    // The class without pixels has no part in the mean.
    #expect(abs(accuracy.average - 3.5 / 9) < 1e-15)
    // Rows 3, 2, 1, 0 and columns 3, 2, 0, 0 of 6.
    let chance = 13.0 / 36
    #expect(abs(accuracy.kappa - (0.5 - chance) / (1 - chance)) < 1e-15)
  }

  @Test func intersectionOverUnionByHand() {
    let matrix = ConfusionMatrix(classes: 4, truth: [0, 0, 0, 1, 1, 2], result: [0, 0, 1, 1, nil, 0])
    // TP 2, 1, 0 of unions {3 + 3 − 2, 2 + 2 − 1, 1 + 0 − 0}; the fourth class does not occur.
    #expect(abs(matrix.meanIntersectionOverUnion - (2.0 / 4 + 1.0 / 3 + 0) / 3) < 1e-15)
    #expect(ConfusionMatrix(classes: 2).meanIntersectionOverUnion.isNaN)
  }

  @Test func reliabilityByHand() {
    var reliability = Reliability()
    for (confidence, isRight) in [(0.95, true), (0.91, false), (0.55, true), (0.52, true), (1.0, true)] {
      reliability.add(confidence: confidence, isRight: isRight)
    }
    for confidence in [Double.nan, -0.1, 1.5] { reliability.add(confidence: confidence, isRight: true) }
    #expect(reliability.total == 5 && reliability.bins.count == 10 && reliability.bins[0].accuracy == nil)
    #expect(reliability.bins[9].count == 3 && abs((reliability.bins[9].accuracy ?? 0) - 2.0 / 3) < 1e-15)
    #expect(abs((reliability.bins[5].confidence ?? 0) - 0.535) < 1e-12)
    // |1 + 0 + 1 − 2.86| of one interval, |2 − 1.07| of the other, over 5 pixels.
    #expect(abs(reliability.expectedCalibrationError - (0.86 + 0.93) / 5) < 1e-12)
    #expect(Reliability().expectedCalibrationError.isNaN)
  }

  @Test func spreadOverRuns() {
    let spread = Spread([1, 2, 4])
    #expect(abs(spread.mean - 7.0 / 3) < 1e-15 && abs(spread.deviation - (7.0 / 3).squareRoot()) < 1e-15)
    #expect(Spread([5]).deviation == 0)
  }

  @Test func mergingIsAddingEverything() {
    let truth = (0..<60).map { $0 % 3 }
    let result = (0..<60).map { $0 % 7 == 0 ? nil : ($0 * 5) % 3 }
    let whole = ConfusionMatrix(classes: 3, truth: truth, result: result)
    let parts = [0..<10, 10..<10, 10..<45, 45..<60].map {
      ConfusionMatrix(classes: 3, truth: Array(truth[$0]), result: Array(result[$0]))
    }
    for order in [[0, 1, 2, 3], [3, 0, 2, 1]] {
      var merged = ConfusionMatrix(classes: 3)
      for index in order { merged.merge(parts[index]) }
      #expect(merged == whole && whole.total == 60)
    }
  }
}
