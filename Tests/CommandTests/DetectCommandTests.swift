import Foundation
import HSIKit
import Testing

/// `hsi detect` on the sample scene: what it finds, what it writes, and what it refuses.
@Suite struct DetectCommandTests {
  private func report(_ name: String, _ place: TemporaryFolder) throws -> DetectionReport {
    try ReportCoding.decode(DetectionReport.self, from: Data(contentsOf: URL(fileURLWithPath: place.path(name))))
  }

  /// A scene of 40 × 50 noisy pixels of two materials with 12 pixels that hold a share of a third one, and their map. Every column has
  /// offsets of its own, of a standard deviation of `stripes`.
  private func makeTargets(_ place: TemporaryFolder, stripes: Double = 0, share part: Double = 0.5) throws {
    let (lines, samples, bands) = (40, 50, 12)
    var random = CounterRandom(seed: 9)
    let pixels = PixelMatrix(rows: lines * samples, columns: bands)
    func material(_ kind: Int, _ b: Int) -> Double {
      [0.3 + 0.02 * Double(b), 0.6 - 0.03 * Double(b), 0.2 + 0.4 * Double(b % 2)][kind]
    }
    var stripe = CounterRandom(seed: 10)
    let offsets = (0..<(samples * bands)).map { _ in stripes * stripe.normal() }
    let places = (0..<12).map { (3 + 3 * $0) * samples + (5 + 7 * $0) % samples }
    for n in 0..<pixels.rows {
      let share = random.uniform()
      for b in 0..<bands {
        var value = share * material(0, b) + (1 - share) * material(1, b)
        if places.contains(n) { value = (1 - part) * value + part * material(2, b) }
        pixels[n, b] = Float(value + 0.01 * random.normal() + offsets[n % samples * bands + b])
      }
    }
    var metadata = CubeMetadata(bands: bands)
    metadata.axis.wavelengths = (0..<bands).map { 500 + 20 * Double($0) }
    let context = RunContext()
    func write(_ path: String, _ cube: Cube) throws {
      let writer = try RasterFormats.create(
        place.path(path), shape: cube.shape, type: .float32, metadata: cube.metadata, options: OutputOptions(),
        context: context)
      let sink = ResultWriter(writer, metadata: cube.metadata)
      try sink.write(cube.pixels, positions: cube.positions, window: cube.shape.window)
      _ = try sink.finish()
    }
    try write("t.dat", Cube(lines: lines, samples: samples, pixels: pixels, metadata: metadata))
    let truth = PixelMatrix(rows: pixels.rows, columns: 1)
    for place in places { truth[place, 0] = 1 }
    try write("truth.dat", Cube(lines: lines, samples: samples, pixels: truth))
    let rows = (0..<bands).map { "\(500 + 20 * $0),\(material(2, $0)),\(material(0, $0))" }
    try Data(("wavelength,stuff,soil\n" + rows.joined(separator: "\n") + "\n").utf8).write(
      to: URL(fileURLWithPath: place.path("targets.csv")))
  }

  @Test func targetsAreFoundAndReported() throws {
    let place = try TemporaryFolder()
    try makeTargets(place)
    let result = try place.run(
      "detect t.dat s.tif --target targets.csv --method mf --cfar 0.002 --truth truth.dat --all --html p.html")
    #expect(result.errors.contains("mf: best"), "\(result.errors)")
    for name in ["s.tif", "s_detections.tif", "s_score.png", "s_report.json", "p.html", "s.tif.prov.json"] {
      #expect(FileManager.default.fileExists(atPath: place.path(name)), "\(name)")
    }
    let report = try report("s_report.json", place)
    #expect(report.bands == ["mf: stuff", "mf: soil"] && report.sense == "higher")
    #expect(report.targets.map(\.name) == ["stuff", "soil"] && report.best.count == 10)
    #expect(report.truth?.targets == 12)
    // Two of the pixels as the target: all are found, and hardly another one.
    try place.run(
      "detect t.dat one.tif --target-pixels 5,3 --target-pixels 12,6 --cfar 1e-3 --report one.json --truth truth.dat")
    let one = try self.report("one.json", place)
    #expect(one.method.id == "ace" && one.truth?.auc ?? 0 > 0.999)
    let threshold = try #require(one.threshold)
    #expect(threshold.falseAlarmRate == 1e-3 && abs(threshold.expected - 2) < 1e-9)
    let found = try place.cube("one_detections.tif")
    #expect(found.pixels.values.reduce(0, +) == Float(threshold.detections))
    let scores = try place.cube("one.tif")
    #expect((0..<2000).allSatisfy { (Double(scores.pixels[$0, 0]) > threshold.score) == (found.pixels[$0, 0] == 1) })
    #expect(one.best.prefix(8).allSatisfy { $0.isTarget == true })
  }

  @Test func anglesSpeakFromBelow() throws {
    let place = try TemporaryFolder()
    try makeTargets(place)
    try place.run("detect t.dat s.tif --target targets.csv --method sam --cfar 0.01 --report r.json")
    let report = try report("r.json", place)
    #expect(report.sense == "lower")
    let threshold = try #require(report.threshold)
    let scores = try place.cube("s.tif")
    let below = (0..<scores.count).filter { Double(min(scores.pixels[$0, 0], scores.pixels[$0, 1])) < threshold.score }
    #expect(below.count == threshold.detections)
    #expect(report.best[0].score <= report.best[9].score)
  }

  /// Masks, windows, no data and the map of the scene are those of the results; threads and memory change nothing.
  @Test func partsAndBudgets() throws {
    let place = try SampleScene.workplace()
    try place.run("detect in/s.dat o/a.tif --anomaly --window 2,3,15,20")
    let part = try place.cube("o/a.tif")
    #expect(part.shape == CubeShape(lines: 20, samples: 15, bands: 1))
    for (index, options) in ["-j 1", "-j 3", "--memory 64M"].enumerated() {
      try place.run("detect in/s.dat o/b\(index).tif --anomaly --window 2,3,15,20 \(options)")
      #expect(try place.cube("o/b\(index).tif").pixels.values == part.pixels.values, "\(options)")
    }
    try place.run("convert in/s.dat o/m.tif -b 1 --ot Byte --overwrite")
    try place.run("detect in/s.dat o/c.dat --target-pixels 4,4 --mask o/m.tif=0 --compat --no-prov")
    #expect(!FileManager.default.fileExists(atPath: place.path("o/c.dat.prov.json")))
  }

  @Test(arguments: [
    ("detect in/s.dat o/x.tif", 2, "what to look for"),
    ("detect in/s.dat o/x.tif --anomaly --target-pixels 1,1", 2, "given more than once"),
    ("detect in/s.dat o/x.tif --anomaly --method ace", 2, "finds anomalies"),
    ("detect in/s.dat o/x.tif --target-pixels 1,1 --method rx", 2, "finds targets"),
    ("detect in/s.dat o/x.tif --target-pixels 1,1 --method acee", 2, "did you mean ace"),
    ("detect in/s.dat o/x.tif --target-pixels 99,1", 2, "inside the image"),
    ("detect in/s.dat o/x.tif --target-pixels 1,-1", 2, "SAMPLE,LINE"),
    ("detect in/s.dat o/x.tif --target-pixels nowhere.geojson", 3, "nowhere.geojson"),
    ("detect in/s.dat o/x.tif --target nowhere.sli", 3, "nowhere.sli"),
    ("detect in/s.dat o/x.tif --anomaly --cfar 0.2", 2, "at most 0.05"),
    ("detect in/s.dat o/x.tif --anomaly --cfar 0.01", 3, "at least 1000 valid pixels"),
    ("detect in/s.dat o/x.tif --anomaly --detections o/d.tif", 2, "--cfar"),
    ("detect in/s.dat o/x.tif --anomaly --log", 2, "--absorption"),
    ("detect in/s.dat o/x.tif --anomaly --spectra-scale 2", 2, "--target"),
    ("detect in/s.dat o/x.tif --anomaly --columns --method local-rx", 2, "--columns"),
    (
      "detect in/s.dat o/x.tif --target-pixels 1,1 --column-group 2 --method sam", 2,
      "ace, mf, cem, glrt, amf, mtmf, rx"
    ),
    ("detect in/s.dat o/x.tif --anomaly --column-group 0", 2, "at least 1"),
    ("detect in/s.dat o/x.tif --target-pixels 1,1 --columns --method mtmf", 3, "--column-group to 5 or more"),
    ("detect in/s.dat o/x.tif --anomaly --set shrink=2", 2, "shrink"),
    ("detect in/s.dat o/x.tif --anomaly --method local-rx --set inner=4", 2, "odd"),
    ("detect in/constant.dat o/x.tif --anomaly", 3, "E-CONSTANT"),
    ("detect in/nan.dat o/x.tif --anomaly", 3, "E-FEW-PIXELS"),
    ("detect in/s.dat o/x.tif --anomaly --truth in/s.dat", 3, "in/s.dat"),
    ("detect in/s.dat in/s.dat --anomaly --overwrite", 4, "in/s.dat"),
  ]) func refusals(_ line: String, _ code: Int32, _ text: String) throws {
    let place = try SampleScene.workplace()
    let result = try place.run(line, code)
    #expect(result.errors.contains(text), "\(line)\n\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty, "\(line)")
  }

  /// Stripes of a push-broom sensor hide targets from one background of the scene, and not from one of every column.
  @Test func stripes() throws {
    let place = try TemporaryFolder()
    try makeTargets(place, stripes: 0.2, share: 0.1)
    // The second spectrum of the file is the background itself.
    let rows = try String(contentsOfFile: place.path("targets.csv"), encoding: .utf8).split(separator: "\n")
    let one = rows.map { $0.split(separator: ",").prefix(2).joined(separator: ",") + "\n" }.joined()
    try Data(one.utf8).write(to: URL(fileURLWithPath: place.path("one.csv")))
    func area(_ name: String, _ options: String) throws -> Double {
      try place.run(
        "detect t.dat \(name).tif --target one.csv --method mf --truth truth.dat --report \(name).json \(options)")
      return try #require(try self.report("\(name).json", place).truth?.auc)
    }
    let (plain, columns) = (try area("a", ""), try area("b", "--columns"))
    #expect(columns > plain + 0.2 && columns > 0.85, "\(plain), \(columns)")
    let report = try self.report("b.json", place)
    #expect(report.method.settings["columns per background"] == 1 && report.method.facts?["columnGroups"] == 50)
    // Twelve bands, forty lines: enough. Ten columns of four lines are not, and the width that is gets said.
    let few = try place.run("detect t.dat c.tif --anomaly --columns --window 0,0,10,4 --html c.html")
    #expect(few.errors.contains("W-COLUMN-FEW") && few.errors.contains("--column-group to 6 or more"), "\(few.errors)")
    #expect(
      !(try place.run("detect t.dat d.tif --anomaly --window 0,0,10,4 --column-group 10").errors.contains("W-COLUMN")))
  }

  /// Spectra of other units are refused where that matters, and said how to mend.
  @Test func unitsOfTargets() throws {
    let place = try TemporaryFolder()
    try makeTargets(place)
    let text = try String(contentsOfFile: place.path("targets.csv"), encoding: .utf8)
    let scaled = text.split(separator: "\n").enumerated().map { index, row -> String in
      let cells = row.split(separator: ",").map(String.init)
      return index == 0
        ? String(row) : "\(cells[0]),\((Double(cells[1]) ?? 0) * 10000),\((Double(cells[2]) ?? 0) * 10000)"
    }
    try Data((scaled.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: place.path("big.csv")))
    let refused = try place.run("detect t.dat s.tif --target big.csv", 3)
    #expect(refused.errors.contains("--spectra-scale 0.0001"), "\(refused.errors)")
    try place.run("detect t.dat s.tif --target big.csv --spectra-scale 0.0001")
    try place.run("detect t.dat r.tif --target targets.csv")
    let (a, b) = (try place.cube("s.tif"), try place.cube("r.tif"))
    #expect(zip(a.pixels.values, b.pixels.values).allSatisfy { abs($0 - $1) < 1e-4 })
    try place.run("detect t.dat q.tif --target big.csv --method sam")
  }

  /// A plume that was put into columns of different offsets is found, column by column.
  @Test func plumes() throws {
    let place = try TemporaryFolder()
    let (lines, samples, bands) = (60, 8, 10)
    var random = CounterRandom(seed: 4)
    let absorption = (0..<bands).map { 1e-3 * exp(-pow(Double($0) - 5, 2) / 4) }
    let pixels = PixelMatrix(rows: lines * samples, columns: bands)
    for n in 0..<pixels.rows {
      let (line, sample) = (n / samples, n % samples)
      let light = 1 + 0.2 * random.normal()
      let amount = sample == 3 && (20..<24).contains(line) ? 200.0 : 0
      for b in 0..<bands {
        let value = light * (5 + 0.3 * Double(b)) * exp(-amount * absorption[b]) + 0.02 * random.normal()
        pixels[n, b] = Float(value + 0.2 * Double(sample))
      }
    }
    var metadata = CubeMetadata(bands: bands)
    metadata.axis.wavelengths = (0..<bands).map { 2200 + 10 * Double($0) }
    let scene = Cube(lines: lines, samples: samples, pixels: pixels, metadata: metadata)
    let writer = try RasterFormats.create(
      place.path("r.dat"), shape: scene.shape, type: .float32, metadata: metadata, options: OutputOptions(),
      context: RunContext())
    let sink = ResultWriter(writer, metadata: metadata)
    try sink.write(pixels, positions: scene.positions, window: scene.shape.window)
    _ = try sink.finish()
    let rows = (0..<bands).map { "\(2200 + 10 * $0),\(absorption[$0])" }
    try Data(("wavelength,methane\n" + rows.joined(separator: "\n") + "\n").utf8).write(
      to: URL(fileURLWithPath: place.path("gas.csv")))
    try place.run("detect r.dat p.tif --absorption gas.csv --columns --report p.json --html p.html")
    let found = try place.cube("p.tif")
    #expect(found.shape.bands == 2)
    let plume = (20..<24).map { Double(found.pixels[$0 * samples + 3, 0]) }.reduce(0, +) / 4
    #expect(abs(plume - 200) < 40, "\(plume)")
    let report = try report("p.json", place)
    #expect(report.bands == ["enhancement", "uncertainty"] && report.best[0].pixel.sample == 3)
    try place.run("detect r.dat l.tif --absorption gas.csv --log --set iterations=0")
    try place.run("detect r.dat x.tif --absorption gas.csv --method ace", 2)
    #expect(
      try place.run("detect r.dat x.tif --absorption gas.csv --column-group 2", 2).errors.contains("--column-group"))
  }
}
