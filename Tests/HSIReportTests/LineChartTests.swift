import Foundation
import Testing

@testable import HSIReport

@Suite struct LineChartTests {
  @Test func linearTicksAreRound() {
    #expect(Ticks.linear(0, 1, count: 5).labels == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(Ticks.linear(366, 2496, count: 5).labels == ["500", "1000", "1500", "2000"])
    #expect(Ticks.linear(-0.03, 0.05, count: 4).labels == ["−0.02", "0.00", "0.02", "0.04"])
    #expect(
      Ticks.linear(0, 2.5e6, count: 5).labels == ["0", "0.5·10⁶", "1.0·10⁶", "1.5·10⁶", "2.0·10⁶", "2.5·10⁶"])
    #expect(Ticks.linear(3, 3, count: 5).values == [3], "no span, one tick")
    #expect(Ticks.linear(1e16, 1e16 + 2, count: 5).values.count < 200)
  }

  @Test func logarithmicTicksAreDecades() {
    #expect(Ticks.logarithmic(1, 1000).labels == ["1", "10", "100", "1,000"])
    #expect(Ticks.logarithmic(20, 90).labels == ["20", "50"])
    #expect(Ticks.logarithmic(1e-8, 1e4).labels == ["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "10⁰", "10²", "10⁴"])
  }

  @Test func numbersAreShortAndPlain() {
    #expect(NumberText.short(0.031234) == "0.03123" && NumberText.short(1234.5) == "1,235")
    #expect(NumberText.short(-2.5) == "−2.5" && NumberText.short(0) == "0" && NumberText.short(.nan) == "–")
    #expect(NumberText.short(3.2e7) == "3.2·10⁷" && NumberText.short(5e-6) == "5·10⁻⁶")
    #expect(NumberText.percent(0.1234) == "12 %" && NumberText.percent(0.0123) == "1.2 %")
    #expect(NumberText.grouped(-1234567) == "-1,234,567")
  }

  @Test func smallChartIsAsRecorded() throws {
    var chart = LineChart(
      title: "T & T", summary: "two <curves>", xLabel: "Wavelength (nm)", yLabel: "Reflectance",
      series: [
        .init(name: "a", colour: Colour(0x0072B2), x: [0, 1, 2, 3, 4], y: [0, 0.5, .nan, 0.5, 1]),
        .init(name: "b", colour: Colour(0xD55E00), x: [0, 4], y: [1, 0], style: .dashed),
      ])
    chart.shaded = [1.5...2.5]
    chart.shadedLabel = "not used"
    let svg = chart.svg(width: 300, height: 160, identifier: "c")
    let snapshot = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Snapshots/chart.svg")
    // After a wanted change: HSI_RECORD=1 swift test --filter LineChartTests, and look at the file in a browser.
    if ProcessInfo.processInfo.environment["HSI_RECORD"] != nil {
      try Data((svg + "\n").utf8).write(to: snapshot)
    }
    #expect(try svg + "\n" == String(contentsOf: snapshot, encoding: .utf8))
  }

  @Test func gapsBreakLinesAndLonelyPointsAreDots() {
    let chart = LineChart(
      title: "", summary: "", xLabel: "", yLabel: "",
      series: [.init(name: "", colour: Colour(0), x: [0, 1, 2, 3, 4], y: [.nan, 1, .nan, 2, 3])])
    let svg = chart.svg(identifier: "x")
    #expect(svg.contains("<circle") && svg.matches(of: #/d="M[\d. ]+L[\d. ]+" fill="none"/#).count == 1)
  }

  @Test func chartsOfNothingAndOfOddValuesAreDrawn() {
    for y in [[], [Double.nan], [5], [0, 0], [-1, 1e30], [1e-300, 1], [.infinity, 2]] as [[Double]] {
      for isLogarithmic in [false, true] {
        var chart = LineChart(
          title: "", summary: "", xLabel: "", yLabel: "",
          series: [.init(name: "s", colour: Colour(0), x: y.indices.map(Double.init), y: y)])
        chart.isLogarithmic = isLogarithmic
        let svg = chart.svg(identifier: "x")
        #expect(!svg.contains("nan") && !svg.contains("inf"), "\(y)")
      }
    }
  }

  @Test func histogramCounts() {
    let histogram = Histogram([0, 0.1, 0.5, 0.99, 1, .nan, 2], bins: 4, range: 0...1)
    #expect(histogram.counts == [2, 0, 1, 2])
    #expect(Histogram([Float]()).counts.reduce(0, +) == 0)
    #expect(Histogram([3, 3, 3]).counts.reduce(0, +) == 3)
    let chart = histogram.chart(title: "t", summary: "s", xLabel: "x", colour: Colour(0))
    #expect(chart.series[0].x.count == 10 && chart.series[0].y.max() == 2)
  }
}

@Suite struct SpectraRangeTests {
  @Test func wildChannelsDoNotStretchTheAxis() throws {
    let calm = (0..<100).map { 0.2 + 0.003 * Double($0) }
    #expect(LineChart.robustRange([calm, calm.map { $0 * 0.5 }]) == nil)
    var wild = calm
    wild[40] = 14
    let range = try #require(LineChart.robustRange([calm, wild]))
    #expect(range.lowerBound == 0 && range.upperBound > 0.49 && range.upperBound < 0.7)
    wild[41] = -9
    let both = try #require(LineChart.robustRange([calm, wild]))
    #expect(both.lowerBound > -0.2 && both.lowerBound < 0.1)
    #expect(LineChart.robustRange([[.nan], []]) == nil)
  }
}
