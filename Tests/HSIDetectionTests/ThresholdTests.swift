import Foundation
import HSICore
import HSIDetection
import HSINumerics
import Testing

@Suite struct ThresholdTests {
  private func histogram(_ values: some Sequence<Float>) -> ScoreHistogram {
    let histogram = ScoreHistogram()
    for value in values { histogram.add(value) }
    return histogram
  }

  @Test func quantilesAreOrderedNumbers() {
    let values: [Float] = [-.greatestFiniteMagnitude, -3, -1e-30, -0.0, 0, 1e-30, 2, 2, 1e30, .nan]
    let all = histogram(values)
    #expect(all.total == 9)
    #expect(all.minimum == -.greatestFiniteMagnitude && all.maximum == 1e30)
    #expect(all.quantile(0) < -3.4e38)
    #expect(abs(all.quantile(0.5)) < 1e-20)
    #expect(abs(all.quantile(0.8) - 2) < 1e-3)
    #expect(all.bins.reduce(0) { $0 + $1.count } == 9)
    #expect(zip(all.bins, all.bins.dropFirst()).allSatisfy { $0.value < $1.value })
    #expect(ScoreHistogram().quantile(0.5).isNaN)
    let parts = histogram(values[..<4])
    parts.merge(histogram(values[4...]))
    #expect(parts.bins.map(\.value) == all.bins.map(\.value) && parts.bins.map(\.count) == all.bins.map(\.count))
  }

  @Test func thresholdsAndRatesAreInverse() throws {
    var random = CounterRandom(seed: 11)
    let fit = try #require(TailFit(histogram((0..<20_000).map { _ in Float(random.normal()) })))
    #expect(abs(fit.middle) < 0.05 && abs(fit.start - 1.2816) < 0.05 && abs(fit.share - 0.1) < 0.002)
    for rate in [0.05, 1e-3, 1e-6] { #expect(abs(fit.exceedance(fit.threshold(rate: rate)) / rate - 1) < 1e-9) }
    let power = TailFit(middle: 0, start: 1, share: 0.1, exponent: 0, slope: 3)
    #expect(abs(power.exceedance(10) - 1e-4) < 1e-12 && abs(power.threshold(rate: 1e-4) - 10) < 1e-9)
  }

  /// The stated rate of false alarms is that of fresh background, with and without targets in the scene; with many it is lower.
  @Test(arguments: [0, 50, 400]) func statedRatesHold(_ targets: Int) throws {
    var random = CounterRandom(seed: 23)
    // Distances of normal pixels in eight bands, and their matched filter scores.
    func distance() -> Float { Float((0..<8).reduce(0.0) { sum, _ in sum + pow(random.normal(), 2) }) }
    func draw(_ kind: Int) -> Float { kind == 0 ? distance() : Float(random.normal()) }
    for kind in 0..<2 {
      var scores = (0..<100_000).map { _ in draw(kind) }
      scores += (0..<targets).map { _ in draw(kind) + 40 }
      let fit = try #require(TailFit(histogram(scores)))
      for rate in [1e-2, 1e-3, 1e-4] {
        let limit = Float(fit.threshold(rate: rate))
        let fresh = (0..<400_000).reduce(0) { sum, _ in sum + (draw(kind) > limit ? 1 : 0) }
        let ratio = Double(fresh) / 400_000 / rate
        #expect((ratio > 0.5 || targets > 100) && ratio < 2, "\(kind) \(targets) \(rate): \(ratio)")
      }
    }
  }

  @Test func tailsThatAreNone() {
    #expect(TailFit(histogram([])) == nil)
    #expect(TailFit(histogram([Float](repeating: 3, count: 10_000))) == nil)
    #expect(TailFit(histogram((0..<100).map { Float($0) })) == nil)
    #expect(TailFit(histogram((0..<10_000).map { Float($0 % 2) })) == nil)
  }

  @Test func rocOfPerfectAndUselessScores() {
    let (low, high) = (histogram((0..<1000).map { Float($0) }), histogram((2000..<2100).map { Float($0) }))
    let perfect = ROC(targets: high, background: low)
    #expect(perfect.area == 1 && perfect.partialArea(below: 0.01) == 1 && perfect.detection(atFalseAlarm: 0) == 1)
    let reversed = ROC(targets: low, background: high)
    #expect(reversed.area == 0 && reversed.detection(atFalseAlarm: 0.5) == 0)
    let same = ROC(targets: low, background: low)
    #expect(abs(same.area - 0.5) < 1e-12)
    #expect(abs(same.detection(atFalseAlarm: 0.3) - 0.3) < 1e-3)
    #expect(same.thinned(to: 20).count == 20 && same.thinned(to: 20).last?.detection == 1)
  }

  /// Areas of scikit-learn on the scores of every detector.
  @Test func areasOfTheReference() throws {
    let fixture = try DetectionFixture.load()
    for (id, values) in DetectorTests.settings {
      let made = try detector(id, fixture.library, in: fixture.cube, values)
      let scores = try made.scores(fixture.cube)
      let (targets, background) = (ScoreHistogram(), ScoreHistogram())
      for n in 0..<fixture.cube.count {
        let score = scores[n * made.bands.count] * (made.sense == .lower ? -1 : 1)
        (fixture.truth[n] == 1 ? targets : background).add(score)
      }
      let area = ROC(targets: targets, background: background).area
      #expect(abs(area - (fixture.areas[id] ?? -1)) < 2e-3, "\(id): \(area)")
    }
  }
}
