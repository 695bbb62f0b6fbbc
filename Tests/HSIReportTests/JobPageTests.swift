import Foundation
import HSICore
import Testing

@testable import HSIReport

@Suite struct JobPageTests {
  @Test func pageIsWellFormedAndEscaped() throws {
    var item = JobPage.Item(name: "a <b> & \"c\".dat", state: "failed", seconds: 3)
    item.message = "<script>alert(1)</script>"
    item.figures = [("unmix", ReportFigure("Median RMSE", "0.1 < 0.2"))]
    item.links = [("x: report", "javascript:alert(1)"), ("log", "logs/ü #1.log"), ("up", "../out/a.html")]
    item.warnings = 1
    var page = JobPage(job: "jobs/<j>.yml", items: [item, JobPage.Item(name: "b", state: "done", seconds: 5)])
    page.notes = ["a & b"]
    let text = String(decoding: page.html(version: "1"), as: UTF8.self)
    #expect(!text.contains("<script") && !text.contains("<b>") && text.contains("unmix: median RMSE"))
    #expect(text.contains("href=\"./javascript%3Aalert%281%29\"") && text.contains("href=\"./logs/%C3%BC%20%231.log\""))
    #expect(
      text.contains("href=\"../out/a.html\"") && text.contains("1 done, 1 failed")
        && text.contains("failed, 3.0 s, 1 warning"))
    try MarkupCheck.check(text)
  }

  /// Every report that a command writes has figures for an index, read from its JSON.
  @Test func digestsOfReports() throws {
    let report = MockRun.report()
    let digest = try #require(ReportDigest(json: report.json()))
    #expect(digest.command == "unmix" && digest.outputs.map(\.path) == report.outputs.map(\.path))
    #expect(digest.figures.contains(ReportFigure("Endmembers", "\(report.endmembers.count)")))
    #expect(digest.warnings == report.warnings.count)
    #expect(ReportDigest(json: Data("{\"command\": \"unmix\"}".utf8)) == nil)
    #expect(ReportDigest(json: Data("[]".utf8)) == nil && ReportDigest(json: Data()) == nil)
  }

  /// Two detectors whose ranges overlap are two lines; one that falls throughout is one; without order there is one too.
  @Test func detectorsAreDrawnApart() {
    func breaks(_ wavelengths: [Double]) -> (pieces: Int, x: [Double]) {
      let axis = ChannelAxis(
        wavelengths: wavelengths.map(Optional.some), used: [Bool](repeating: true, count: wavelengths.count))
      let (x, y) = axis.curve { Double($0) }
      return (y.count { $0.isNaN } + 1, zip(x, y).filter { !$0.1.isNaN }.map(\.0))
    }
    let overlapping = [400.0, 420, 440, 460, 430, 450, 470, 490]
    #expect(breaks(overlapping).pieces == 2 && breaks(overlapping).x == overlapping)
    #expect(breaks(overlapping.reversed()).pieces == 2)
    #expect(breaks([400, 420, 440, 460, 480, 500]).pieces == 1)
    #expect(breaks([500, 480, 460, 440, 420, 400]).x == [400, 420, 440, 460, 480, 500])
    // Detectors that follow each other are one line, whatever their order in the file.
    #expect(breaks([480, 500, 520, 420, 440, 460]).pieces == 1)
    #expect(breaks([400, 480, 420, 460, 440]).pieces == 1)
  }

  @Test func chartAsAPicture() {
    let red = Colour(0xD00000)
    var chart = LineChart(
      title: "t", summary: "s", xLabel: "x", yLabel: "y",
      series: [.init(name: "a & b", colour: red, x: [0, 1], y: [0, 1])])
    chart.yRange = 0...2
    let image = chart.picture(width: 300, height: 200, scale: 1)
    func isRed(_ n: Int) -> Bool { (0..<3).allSatisfy { image.pixels[4 * n + $0] == [0xD0, 0, 0][$0] } }
    let places = (0..<(image.width * image.height)).filter(isRed)
    // The line goes to the middle of the plot and no higher: the upper half holds no curve below the legend.
    let lines = places.map { $0 / image.width }.filter { $0 > 60 }
    #expect(lines.count > 100 && (lines.min() ?? 0) > 110 && image.pixels[3] == 255)
    // Twice the scale is twice as large; every letter of a keyboard has a shape of its own.
    #expect(chart.picture(width: 300, height: 200, scale: 2).width == 2 * image.width)
    let box = StrokeFont.glyph("\u{4E00}").strokes
    for code in UInt8(33)...126 where !"^`$@".contains(Character(Unicode.Scalar(code))) {
      let letter = Character(Unicode.Scalar(code))
      #expect(StrokeFont.glyph(letter).strokes != box && !StrokeFont.glyph(letter).strokes.isEmpty, "\(letter)")
    }
    #expect(StrokeFont.glyph("ü").strokes.count == StrokeFont.glyph("u").strokes.count + 2)
    #expect(
      StrokeFont.glyph("²").advance < StrokeFont.glyph("2").advance
        && StrokeFont.glyph("é").strokes == StrokeFont.glyph("e").strokes)
  }
}
