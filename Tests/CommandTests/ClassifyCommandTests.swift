import Foundation
import Testing

/// `hsi classify` from labels to report, on the sample scene.
@Suite struct ClassifyCommandTests {
  /// A folder with the scene, its labels `l.tif` and a way to run commands in it.
  private struct Place {
    let folder: TemporaryFolder

    init() throws {
      folder = try SampleScene.workplace()
      _ = try run("simulate labels in/s_abundances.dat l.dat --purity 0.55")
    }

    @discardableResult func run(_ line: String, _ code: Int32 = 0) throws -> Tool.Result {
      let result = try Tool.run(
        line.split(separator: " ").map(String.init), in: folder.url, environment: ["SOURCE_DATE_EPOCH": "1700000000"])
      #expect(result.status == code, "\(line)\n\(result.errors)")
      return result
    }

    func bytes(_ name: String) throws -> Data { try Data(contentsOf: folder.url.appendingPathComponent(name)) }
    func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }
    func json(_ name: String) throws -> [String: Any] {
      try #require(JSONSerialization.jsonObject(with: bytes(name)) as? [String: Any])
    }

    /// An ENVI raster of one band beside the scene.
    func write(
      _ name: String, _ values: [Float], lines: Int = SampleScene.lines, samples: Int = SampleScene.samples,
      map: String? = nil
    ) throws {
      var header = "ENVI\nsamples = \(samples)\nlines = \(lines)\nbands = 1\nheader offset = 0\ndata type = 4\n"
      header += "interleave = bsq\nbyte order = 0\n"
      if let map { header += "map info = {\(map)}\n" }
      try Data(header.utf8).write(to: folder.url.appendingPathComponent(name + ".hdr"))
      try values.withUnsafeBytes { try Data($0).write(to: folder.url.appendingPathComponent(name + ".dat")) }
    }
  }

  private static let pixels = SampleScene.lines * SampleScene.samples

  /// Probabilities of an ensemble are the means of those of its members, whatever the strips; reliability is in report and page.
  @Test func ensembleAndReliability() throws {
    let place = try Place()
    try place.run("classify split l.dat --guard 1 --train 20% --out s.tif")
    for model in ["sam", "gml"] {
      try place.run("classify train in/s.dat l.dat --model \(model) --split s.tif --out \(model).safetensors")
      try place.run("classify predict in/s.dat \(model).dat --model \(model).safetensors --prob \(model)_p.dat")
    }
    let ensemble = "--model sam.safetensors --with gml.safetensors"
    try place.run(
      "classify predict in/s.dat e.dat \(ensemble) --prob p.dat --confidence e_confidence.dat --report e.json")
    try place.run("classify predict in/s.dat f.dat \(ensemble) --prob q.dat --memory 1M -j 1")
    let (a, b, mean, strips) = try (
      SampleScene.floats(place.folder.url.appendingPathComponent("sam_p.dat")),
      SampleScene.floats(place.folder.url.appendingPathComponent("gml_p.dat")),
      SampleScene.floats(place.folder.url.appendingPathComponent("p.dat")),
      SampleScene.floats(place.folder.url.appendingPathComponent("q.dat"))
    )
    #expect(zip(zip(a, b), mean).allSatisfy { abs(($0.0 + $0.1) / 2 - $1) < 1e-6 } && mean == strips && a != b)
    let model = try #require(try place.json("e.json")["model"] as? [String: Any])
    #expect((model["settings"] as? [String: String])?["averaged with"] == "gml.safetensors")
    let inputs = try #require(try place.json("e.dat.prov.json")["inputs"] as? [[String: Any]])
    #expect(inputs.contains { $0["path"] as? String == "gml.safetensors" && $0["sha256"] != nil })
    // The confidence beside the map is found, and said.
    let result = try place.run("classify evaluate e.dat l.dat --split s.tif --report r.json --html r.html")
    #expect(result.output.contains("confidence in e_confidence.dat"))
    let reliability = try #require(try place.json("r.json")["reliability"] as? [String: Any])
    let bins = try #require(reliability["bins"] as? [[String: Any]])
    let confusion = try #require(try place.json("r.json")["confusion"] as? [[Int]])
    #expect(bins.count == 10 && bins.reduce(0) { $0 + ($1["count"] as? Int ?? 0) } == confusion.joined().reduce(0, +))
    #expect((reliability["expected_calibration_error"] as? Double).map { (0...1).contains($0) } == true)
    let page = try place.text("r.html")
    #expect(page.contains("How far its probabilities can be believed") && page.contains("averaged with other models"))
    #expect(!(try place.run("classify evaluate gml.dat l.dat --split s.tif").output.contains("ECE")))
    // Bad companions and bad confidence: one line.
    for (line, code, word) in [
      ("classify predict in/s.dat x.dat --model sam.safetensors --with nowhere.safetensors", Int32(7), "nowhere"),
      ("classify evaluate e.dat l.dat --split s.tif --confidence p.dat", 3, "the map"),
      ("classify evaluate e.dat l.dat --split s.tif --confidence missing.dat", 3, "missing.dat"),
    ] {
      let refused = try Tool.run(line.split(separator: " ").map(String.init), in: place.folder.url)
      #expect(
        refused.status == code && refused.errorLines.count == 1 && refused.errors.contains(word), "\(refused.errors)")
    }
  }

  /// Classifiers on bands that they did not learn from: a table, JSON with the same figures, the same for every thread count.
  @Test func transfer() throws {
    let place = try Place()
    let line =
      "evaluate transfer in/s.dat l.dat --model svm,sam --set C=10 --set gamma=1 --train 20% --guard 1 --runs 2"
    let text = try place.run(line + " --instruments prisma").output
    for word in ["trained (32)", "shifted (32) *", "disjoint (21) *", "all (53)", "prisma (", "mIoU", "±", "nearest"] {
      #expect(text.contains(word), "\(word)\n\(text)")
    }
    let output = try place.run(line + " --json -j 1").output
    let json = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    let rows = try #require(json["rows"] as? [[String: Any]])
    #expect(rows.count == 8 && rows.allSatisfy { ($0["runs"] as? [[String: Double]])?.count == 2 })
    func overall(_ model: String, _ bands: String) -> Double {
      let row = rows.first { $0["model"] as? String == model && $0["mapped_with"] as? String == bands }
      return (row?["runs"] as? [[String: Double]])?.first?["overall"] ?? .nan
    }
    // All bands hold those that were learned from.
    #expect(overall("svm", "trained") > 0.6 && overall("svm", "all") == overall("svm", "trained"))
    #expect(overall("svm", "disjoint") < overall("svm", "trained"))
    let header = try place.text("in/s.hdr")
    let bare = header.replacing(/wavelength = \{[^}]*\}\n/, with: "").replacing(/fwhm = \{[^}]*\}\n/, with: "")
    try Data(bare.utf8).write(to: place.folder.url.appendingPathComponent("o/nowl.hdr"))
    try FileManager.default.copyItem(atPath: place.folder.path("in/s.dat"), toPath: place.folder.path("o/nowl.dat"))
    for (line, code, word) in [
      ("evaluate transfer o/nowl.dat l.dat --model svm", Int32(7), "--wavelengths"),
      ("evaluate transfer in/s.dat l.dat --model svm --trained-share 0.99 --guard 1", 2, "--trained-share"),
      ("evaluate transfer in/s.dat l.dat --model svm --trained-share 2", 2, "--trained-share"),
      ("evaluate transfer in/s.dat l.dat --model svm --instruments hubble", 2, "aviris"),
      ("evaluate transfer in/s.dat l.dat --model svm --set epochs=3", 2, "epochs"),
      ("evaluate transfer in/s.dat l.dat --model svm,nothing", 2, "nothing"),
      ("evaluate transfer in/s.dat l.dat --model svm --from x.safetensors", 2, "svm"),
      ("evaluate transfer in/s.dat l.dat --model svm --runs 0", 2, "--runs"),
    ] {
      let refused = try Tool.run(line.split(separator: " ").map(String.init), in: place.folder.url)
      #expect(
        refused.status == code && refused.errorLines.count == 1 && refused.errors.contains(word),
        "\(line)\n\(refused.errors)")
    }
  }

  @Test func fromLabelsToReport() throws {
    let place = try Place()
    let table = try place.run("classify split l.dat --guard 1 --train 20% --out s.tif").output
    #expect(table.hasPrefix("value  class") && table.contains("guard"))
    try place.run(
      "classify train in/s.dat l.dat --model svm --set C=10 --set gamma=1 --split s.tif --out m.safetensors")
    #expect(try place.run("model info m.safetensors").output.contains("classification"))
    let shares = try place.run(
      "classify predict in/s.dat m.dat --model m.safetensors --prob p.dat --confidence c.dat --entropy e.dat --margin n.dat --quicklook q.png"
    ).output
    #expect(shares.hasPrefix("value  class"))
    // ENVI says that it is a classification, with the names of the labels.
    let header = try place.text("m.hdr")
    #expect(header.contains("file type = ENVI Classification") && header.contains("Unclassified, "))
    let (map, prob) = (
      try place.bytes("m.dat"), try SampleScene.floats(place.folder.url.appendingPathComponent("p.dat"))
    )
    let confidence = try SampleScene.floats(place.folder.url.appendingPathComponent("c.dat"))
    let entropy = try SampleScene.floats(place.folder.url.appendingPathComponent("e.dat"))
    let margin = try SampleScene.floats(place.folder.url.appendingPathComponent("n.dat"))
    #expect(map.count == Self.pixels && prob.count == 3 * Self.pixels)
    for i in 0..<Self.pixels {
      let row = (0..<3).map { prob[$0 * Self.pixels + i] }
      #expect(abs(row.reduce(0, +) - 1) < 1e-5)
      #expect(row.max() == confidence[i] && row[Int(map[map.startIndex + i]) - 1] == confidence[i])
      let sum = row.reduce(0.0) { $0 - ($1 > 0 ? Double($1) * log(Double($1)) : 0) }
      #expect(abs(sum / log(3) - Double(entropy[i])) < 1e-5)
      let ordered = row.sorted()
      #expect(abs(ordered[2] - ordered[1] - margin[i]) < 1e-6)
    }
    try place.run("classify evaluate m.dat l.dat --split s.tif --report r.json --html r.html")
    let report = try place.json("r.json")
    #expect((report["overall"] as? Double ?? 0) > 0.8)
    #expect(report["judged"] as? String == "test pixels")
    let split = try #require(report["split"] as? [String: Any])
    #expect(split["overlapping"] as? Int == 0 && split["scheme"] as? String == "disjoint")
    #expect(split["training"] as? String == "20%" && split["guard_radius"] as? Int == 1)
    // The scene and the model are found by the provenance of the map.
    #expect((report["model"] as? [String: Any])?["id"] as? String == "svm")
    let classes = try #require(report["classes"] as? [[String: Any]])
    #expect(classes.count == 3 && classes.allSatisfy { ($0["mean"] as? [Any])?.count == SampleScene.bands })
    // The matrix holds as many test pixels as the split.
    let matrix = try #require(report["confusion"] as? [[Int]])
    #expect(matrix.flatMap { $0 }.reduce(0, +) == (split["pixels"] as? [String: Int])?["test"])
    let page = try place.text("r.html")
    for part in ["Confusion matrix", "Where it is right", "Spectra of the classes", "How pixels were divided"] {
      #expect(page.contains(part))
    }
  }

  /// The same bytes for any number of threads, any budget and any run.
  @Test(arguments: ["svm", "random-forest"]) func bytesDoNotDependOnThreadsOrMemory(model: String) throws {
    let place = try Place()
    let values = model == "svm" ? "--set C=10" : "--set trees=20"
    for (name, options) in [("a", "-j 1"), ("b", "-j 2 --memory 300M")] {
      try place.run("classify split l.dat --guard 1 --train 20% --out \(name)s.tif \(options)")
      try place.run(
        "classify train in/s.dat l.dat --model \(model) \(values) --split \(name)s.tif --out \(name).safetensors \(options)"
      )
      let budget = name == "a" ? "--memory 2G" : "--memory 1100K"
      try place.run(
        "classify predict in/s.dat \(name).tif --model \(name).safetensors --prob \(name)p.tif \(options) \(budget)"
          .replacing("-j 2 --memory 300M", with: "-j 2"))
    }
    for file in ["s.tif", ".safetensors", ".tif", "p.tif"] {
      #expect(try place.bytes("a\(file)") == place.bytes("b\(file)"), "\(file)")
    }
  }

  /// A checkpoint of the released code becomes a model that maps and can be adapted; what does not fit is refused.
  @Test func importsCheckpoints() throws {
    let place = try Place()
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let fixture = tests.appendingPathComponent("HSINetworksTests/Fixtures/lola_checkpoint.pth").path
    try Data("water\nsand\nwood\nrock\n".utf8).write(to: place.folder.url.appendingPathComponent("names.txt"))
    try place.run("classify import in/s.dat \(fixture) --components 5 --names names.txt --out m.safetensors")
    try place.run("classify import in/s.dat \(fixture) --components 5 --flip 1,3 --out f.safetensors")
    #expect(try place.run("classify predict in/s.dat m.dat --model m.safetensors --prob p.dat").output.contains("wood"))
    try place.run("classify predict in/s.dat f.dat --model f.safetensors --prob q.dat")
    let (p, q) = (
      try SampleScene.floats(place.folder.url.appendingPathComponent("p.dat")),
      try SampleScene.floats(place.folder.url.appendingPathComponent("q.dat"))
    )
    #expect(p.count == 4 * Self.pixels && p != q)
    for i in 0..<Self.pixels {
      let sum = (0..<4).reduce(Float(0)) { $0 + p[$1 * Self.pixels + i] }
      #expect(abs(sum - 1) < 1e-5)
    }
    try place.run(
      "classify finetune in/s.dat l.dat --from m.safetensors --lora r=2 --epochs 1 --scheme random --train 30% --out a.safetensors"
    )
    let bad: [(String, Int32, String)] = [
      ("--components 0 --out x.safetensors", 2, "from 1 to 1024"),
      ("--components 5 --flip 6 --out x.safetensors", 2, "--flip"),
      ("--components 5 --names in/s.hdr --out x.safetensors", 2, "the classes of the checkpoint"),
      ("--components 5 --names none.txt --out x.safetensors", 3, "none.txt"),
      ("--components 5 --out m.safetensors", 4, "exists already"),
    ]
    for (options, code, text) in bad {
      let result = try place.run("classify import in/s.dat \(fixture) \(options)", code)
      #expect(result.errors.contains(text), "\(result.errors)")
    }
    let other = tests.deletingLastPathComponent().appendingPathComponent("SampleData/checkpoint.pth").path
    #expect(
      try place.run("classify import in/s.dat \(other) --out x.safetensors", 7).errors.contains(
        "spectral_conv.0.weight"))
    #expect(!FileManager.default.fileExists(atPath: place.folder.url.appendingPathComponent("x.safetensors").path))
  }

  @Test func noDataStaysNoData() throws {
    let place = try Place()
    try place.run(
      "classify train in/spots.dat l.dat --model gml --set components=5 --scheme random --out m.safetensors")
    try place.run("classify predict in/spots.dat m.tif --model m.safetensors --prob p.dat")
    try place.run("convert m.tif m.bsq")
    let map = try place.bytes("m.bsq")
    let prob = try SampleScene.floats(place.folder.url.appendingPathComponent("p.dat"))
    for i in 0..<Self.pixels {
      let isMissing = [3 * 20 + 4, 3 * 20 + 5, 10 * 20 + 10].contains(i)
      #expect((map[map.startIndex + i] == 0) == isMissing && prob[i].isNaN == isMissing)
    }
    // GeoTIFF: names in the sidecar, colours in the palette.
    #expect(try place.text("m.tif.aux.xml").contains("<Category>Unclassified</Category>"))
  }

  /// Values with gaps and above 255 stay; floating-point labels are accepted.
  @Test func gapsAndLargeNumbers() throws {
    let place = try Place()
    let ids = try place.bytes("l.dat").map { [0, 3, 256, 65000][Int($0)] as Float }
    try place.write("big", ids)
    try place.run("classify train in/s.dat big.dat --model sam --scheme random --out m.safetensors")
    try place.run("classify predict in/s.dat m.dat --model m.safetensors")
    let map = try place.bytes("m.dat")
    #expect(map.count == 2 * Self.pixels)
    let values = map.withUnsafeBytes { raw in
      (0..<Self.pixels).map { raw.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self) }
    }
    #expect(Set(values) == [3, 256, 65000])
    #expect(try place.run("classify evaluate m.dat big.dat -q").output.contains("65000  class 65000"))
  }

  @Test func labelsOnOtherPixels() throws {
    let place = try Place()
    // The scene's own georeference, with pixels twice as large: half as many of them.
    let header = try place.text("in/s.hdr")
    let map = try #require(header.firstMatch(of: /map info = \{([^}]*)\}/)?.1)
    var fields = map.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    let size = try #require(Double(fields[5]))
    let labels = try place.bytes("l.dat")
    let coarse = (0..<120).map { i -> Float in
      Float(labels[labels.startIndex + 2 * (i / 10) * 20 + 2 * (i % 10)])
    }
    fields[5] = "\(2 * size)"
    fields[6] = "\(2 * size)"
    try place.write("coarse", coarse, lines: 12, samples: 10, map: fields.joined(separator: ", "))
    let result = try place.run("classify train in/s.dat coarse.dat --model sam --scheme random --out m.safetensors")
    #expect(result.errors.contains("W-LABELS-GRID: coarse.dat lies on other pixels than the scene"))
    // Another zone cannot be related.
    let zone = try #require(fields.firstIndex { Int($0) == 11 || Int($0) == 10 || Int($0) == 33 })
    fields[zone] = "40"
    try place.write("zone", coarse, lines: 12, samples: 10, map: fields.joined(separator: ", "))
    let refused = try place.run("classify train in/s.dat zone.dat --model sam --out z.safetensors", 3)
    #expect(refused.errors.contains("reference system differs"))
    // No georeference and another size.
    try place.write("small", coarse, lines: 12, samples: 10)
    let small = try place.run("classify train in/s.dat small.dat --model sam --out z.safetensors", 3)
    #expect(small.errors.contains("it has 12 lines × 10 samples but the scene 24 × 20"))
    #expect(!place.folder.names.contains("z.safetensors"))
  }

  @Test func modelsMeetOtherWavelengths() throws {
    let place = try Place()
    try place.run("classify train in/s.dat l.dat --model gml --set components=8 --scheme random --out m.safetensors")
    let header = try place.text("in/s.hdr")
    let list = try #require(header.firstMatch(of: /\nwavelength = \{([^}]*)\}/)?.1)
    let values = list.split(separator: ",").compactMap { Double($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    func scene(_ name: String, _ wavelengths: [Double]?) throws {
      let text =
        wavelengths.map {
          header.replacing(list, with: $0.map { "\($0)" }.joined(separator: ", "))
        } ?? header.replacing(/\nwavelength = \{[^}]*\}/, with: "").replacing(/\nfwhm = \{[^}]*\}/, with: "")
      try Data(text.utf8).write(to: place.folder.url.appendingPathComponent(name + ".hdr"))
      try place.bytes("in/s.dat").write(to: place.folder.url.appendingPathComponent(name + ".dat"))
    }
    // Stretched by a little at both ends: the range still covers the model.
    let centre = values[30]
    try scene("near", values.map { centre + ($0 - centre) * 1.02 })
    #expect(try place.run("classify predict near.dat n.tif --model m.safetensors").errors.contains("W-MODEL-RESAMPLED"))
    try scene("far", values.map { $0 + 4000 })
    let far = try place.run("classify predict far.dat f.tif --model m.safetensors", 7)
    #expect(far.errors.contains("E-MODEL-SCENE") && far.errors.contains("do not overlap"))
    try scene("part", values.map { $0 + 300 })
    #expect(try place.run("classify predict part.dat f.tif --model m.safetensors", 7).errors.contains("not covered"))
    try scene("none", nil)
    #expect(try place.run("classify predict none.dat o.tif --model m.safetensors").errors.contains("W-MODEL-BANDS"))
    #expect(try place.run("classify predict in/s_abundances.dat f.tif --model m.safetensors", 7).errors.contains("3"))
    #expect(!place.folder.names.contains("f.tif"))
  }

  @Test func severalRuns() throws {
    let place = try Place()
    for seed in 0..<2 {
      try place.run("classify split l.dat --guard 1 --train 20% --seed \(seed) --out s\(seed).tif")
      try place.run("classify train in/s.dat l.dat --model knn --split s\(seed).tif --out m\(seed).safetensors")
      try place.run("classify predict in/s.dat m\(seed).tif --model m\(seed).safetensors")
    }
    let output = try place.run("classify evaluate m0.tif l.dat --split s0.tif --run m1.tif:s1.tif --report r.json")
      .output
    #expect(output.contains("over 2 maps: OA "))
    let report = try place.json("r.json")
    let runs = try #require(report["runs"] as? [[String: Any]]).compactMap { $0["overall"] as? Double }
    let spread = try #require((report["spread"] as? [String: [String: Double]])?["overall"])
    #expect(runs.count == 2 && abs((spread["mean"] ?? 0) - (runs[0] + runs[1]) / 2) < 1e-12)
    #expect(abs((spread["deviation"] ?? 0) - abs(runs[0] - runs[1]) / 2.0.squareRoot()) < 1e-12)
    #expect(try place.run("classify evaluate m0.tif l.dat").errors.contains("W-EVALUATE-ALL"))
  }

  @Test func randomSplitsSayWhatTheyAreWorth() throws {
    let place = try Place()
    let result = try place.run("classify split l.dat --scheme random --out s.tif")
    #expect(
      result.errors.contains(/W-SPLIT-OVERLAP: \d+ of \d+ test pixels \(\d+\.\d %\) have training pixels within 7/))
  }

  @Test func networksAndTheirAdapters() throws {
    let place = try Place()
    let small = "--scheme fixed --train 6 --window 0,0,20,20"
    try place.run(
      "classify train in/s.dat l.dat --model lola-specvit-tiny --set epochs=1 --set components=4 \(small) --out m.safetensors"
    )
    try place.run(
      "classify finetune in/s.dat l.dat --from m.safetensors --lora r=2 --epochs 1 \(small) --out a.safetensors")
    try place.run("classify predict in/s.dat a.tif --model m.safetensors --adapter a.safetensors --window 0,0,12,12")
    try place.run("classify predict in/s.dat b.tif --model m.safetensors --window 0,0,12,12")
    let size = try place.bytes("a.safetensors").count
    #expect(size < (try place.bytes("m.safetensors").count))
    let wrong = try place.run("classify predict in/s.dat c.tif --model m.safetensors --adapter m.safetensors", 7)
    #expect(wrong.errors.contains("it is no adapter of lola-specvit-tiny"))
  }

  /// Everything that `--adapter` names ends in a file that maps; a class is forgotten, and no map shows it.
  @Test func adaptationsAndForgetting() throws {
    let place = try Place()
    let small = "--scheme fixed --train 6 --window 0,0,20,20"
    try place.run(
      "classify train in/s.dat l.dat --model lola-specvit-tiny --set epochs=1 --set components=4 \(small) --out m.safetensors"
    )
    for (n, text) in ["s2ft:ratio=0.1", "sara:share=0.05", "none"].enumerated() {
      let done = try place.run(
        "classify finetune in/s.dat l.dat --from m.safetensors --adapter \(text) --epochs 1 \(small) --out a\(n).safetensors"
      )
      #expect(done.errors.contains(text))
      try place.run(
        "classify predict in/s.dat a\(n).tif --model m.safetensors --adapter a\(n).safetensors --window 0,0,12,12")
    }
    let forgotten = try place.run(
      "classify forget in/s.dat l.dat --from m.safetensors --class 2 --steps 3 \(small) --out f.safetensors")
    #expect(forgotten.errors.contains("% after (none in maps)"))
    try place.run("classify predict in/s.dat f.dat --model f.safetensors --window 0,0,12,12")
    let map = try place.bytes("f.dat")
    #expect(!map.isEmpty && !map.contains(2))
    let cases: [(String, Int32, String)] = [
      ("--class nothing", 2, "a class of the model"), ("--class 2 --cutline none.gpkg", 3, "none.gpkg"),
      ("--class 2 --steps 0", 2, "--steps"),
      ("--class 2 --rate 2", 2, "--rate"), ("--class 2 --samples 0", 2, "--samples"),
    ]
    for (options, code, problem) in cases {
      let refused = try place.run(
        "classify forget in/s.dat l.dat --from m.safetensors \(options) \(small) --out x.safetensors", code)
      #expect(refused.errorLines.count == 1 && refused.errors.contains(problem), "\(options)")
    }
    try place.write("two", try place.bytes("l.dat").map { $0 == 2 ? 2 : 0 })
    let alone = try place.run(
      "classify forget in/s.dat two.dat --from m.safetensors --class 2 --scheme random --train 50% --out x.safetensors",
      3)
    #expect(alone.errorLines.count == 1 && alone.errors.contains("E-CLASSES"))
    for (text, problem) in [
      ("lora-gated:r=2", "folded"), ("x:r=1", "sara:share=SHARE, prune:KEPT:GROUP or prune:density=SHARE, none"),
    ] {
      let refused = try place.run(
        "classify finetune in/s.dat l.dat --from m.safetensors --adapter \(text) \(small) --out x.safetensors", 2)
      #expect(refused.errorLines.count == 1 && refused.errors.contains(problem), "\(text)")
    }
    try place.run("classify train in/s.dat l.dat --model lda \(small) --out lda.safetensors")
    let other = try place.run(
      "classify forget in/s.dat l.dat --from lda.safetensors --class 2 \(small) --out x.safetensors", 7)
    #expect(other.errors.contains("E-MODEL-FORGET"))
  }

  // MARK: - Outputs

  /// Nothing stays of a run that the disk has no room for.
  @Test(arguments: [
    "classify split l.dat --scheme random --out o/s.npy",
    "classify train in/s.dat l.dat --model knn --out o/m.safetensors",
    "classify predict in/s.dat o/m.tif --model m.safetensors --prob o/p.dat",
    "classify predict in/s.dat o/m.dat --model m.safetensors --quicklook o/q.png --confidence o/c.dat",
    "classify evaluate l.dat l.dat --html o/r.html",
  ]) func fullDisk(line: String) throws {
    let place = try Place()
    if line.contains("predict") {
      try place.run("classify train in/s.dat l.dat --model sam --scheme random --out m.safetensors")
    }
    let before = place.folder.names
    let result = try Tool.launch(
      ["bash", "-c", "ulimit -f 1; exec \(Tool.executable.path) \(line)"], in: place.folder.url)
    #expect(result.status == 6, "\(line)\n\(result.errors)")
    #expect(result.errors.contains("no space left on the disk while writing o/"), "\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.folder.path("o")).isEmpty)
    #expect(place.folder.names == before)
  }

  /// Every product that exists already stops the run before it begins.
  @Test(arguments: [
    ("classify split l.dat --out o/s.tif", "s.tif"),
    ("classify train in/s.dat l.dat --model sam --out o/m.safetensors", "m.safetensors"),
    ("classify train in/s.dat l.dat --model sam --split-out o/s.tif --out o/m.safetensors", "s.tif"),
    ("classify predict in/s.dat o/m.dat --model m.safetensors", "m.hdr"),
    ("classify predict in/s.dat o/m.tif --model m.safetensors --prob o/p.tif", "p.tif"),
    ("classify evaluate l.dat l.dat --html o/r.html", "r.html"),
    ("simulate labels in/s_abundances.dat o/l.dat", "l.hdr"),
  ]) func existingOutputsStay(line: String, existing: String) throws {
    let place = try Place()
    try place.run("classify train in/s.dat l.dat --model sam --scheme random --out m.safetensors")
    let file = place.folder.url.appendingPathComponent("o/" + existing)
    try Data("precious".utf8).write(to: file)
    #expect(try place.run(line, 4).errors.contains("o/\(existing) exists already"))
    #expect(try Data(contentsOf: file) == Data("precious".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.folder.path("o")) == [existing])
    try place.run(line + " --overwrite")
  }

  /// A training that is stopped leaves nothing.
  @Test func interruptedTraining() throws {
    let place = try Place()
    let script = """
      \(Tool.executable.path) classify train in/s.dat l.dat --model lola-specvit-tiny --set epochs=100000 --guard 1 --out o/m.safetensors & p=$!
      sleep 2; kill -INT $p; wait $p
      """
    let result = try Tool.launch(["bash", "-c", script], in: place.folder.url)
    #expect(result.status == 130 && result.errorLines == ["hsi: error: interrupted"], "\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.folder.path("o")).isEmpty)
  }

  // MARK: - Bad input

  struct Case: CustomTestStringConvertible, Sendable {
    let line: String
    let code: Int32
    let message: String

    init(_ line: String, _ code: Int32, _ message: String) {
      (self.line, self.code, self.message) = (line, code, message)
    }
    var testDescription: String { line }
  }

  static let refusals: [Case] = [
    Case("classify split none.tif --out o/s.tif", 3, "none.tif does not exist"),
    Case("classify split zero.dat --out o/s.tif", 3, "no pixel of zero.dat has a class"),
    Case("classify split half.dat --out o/s.tif", 3, "but class numbers are whole"),
    Case("classify split minus.dat --out o/s.tif", 3, "is -1.0 but class numbers are not negative"),
    Case("classify split huge.dat --out o/s.tif", 3, "class numbers reach 65535"),
    Case("classify split in/s.dat --out o/s.tif", 3, "it has 60 bands"),
    Case("classify split one.dat --out o/s.tif", 3, "the labels hold 1 class but classification needs 2"),
    Case("classify split rare.dat --out o/s.tif", 3, "class 2 has 1 pixel but a split with 1 training pixel needs 2"),
    Case("classify split l.dat --scheme fixed --train 900 --out o/s.tif", 3, "needs 901"),
    Case("classify split l.dat --scheme tidy --out o/s.tif", 2, "--scheme is tidy"),
    Case("classify split l.dat --train 0 --out o/s.tif", 2, "--train is 0"),
    Case("classify split l.dat --train 120% --out o/s.tif", 2, "--train is 120%"),
    Case("classify split l.dat --validation 95% --out o/s.tif", 2, "--validation is 95%"),
    Case("classify split l.dat --guard -1 --out o/s.tif", 2, "--guard"),
    Case("classify split l.dat --scheme file --out o/s.tif", 2, "used with --train-map and --test-map"),
    Case(
      "classify split l.dat --scheme file --train-map l.dat --test-map l.dat --out o/s.tif", 3,
      "is a training pixel too"),
    Case("classify split l.dat --out nowhere/s.tif", 4, "nowhere does not exist"),
    Case("classify split l.dat --out l.dat --overwrite", 4, "is an input of this command"),
    Case("classify train in/s.dat l.dat --model tree --out o/m.safetensors", 2, "there is no classifier tree"),
    Case(
      "classify train in/s.dat l.dat --model svm --set trees=3 --out o/m.safetensors", 2, "svm has no parameter trees"),
    Case(
      "classify train in/s.dat l.dat --model svm --split l.dat --scheme x --out o/m.safetensors", 2, "--scheme is x"),
    Case("classify train in/s.dat zero.dat --model svm --out o/m.safetensors", 3, "no pixel of zero.dat has a class"),
    Case("classify train in/nan.dat l.dat --model svm --out o/m.safetensors", 3, "the labels hold 0 classes"),
    Case("classify train in/constant.dat l.dat --model svm --scheme random --out o/m.safetensors", 3, "same spectrum"),
    Case(
      "classify train in/s.dat l.dat --model svm --split wrong.dat --out o/m.safetensors", 3, "a split holds 0 to 4"),
    Case(
      "classify train in/s.dat l.dat --model svm --split small.dat --out o/m.safetensors", 3, "12 lines × 10 samples"),
    Case(
      "classify train in/s.dat l.dat --model svm --split zero.dat --out o/m.safetensors", 3, "has 0 pixels but training"
    ),
    Case("classify train in/s.dat l.dat --model svm --out nowhere/m.safetensors", 4, "nowhere does not exist"),
    Case("classify train in/s.dat l.dat --model svm --memory 100K --out o/m.safetensors", 6, "E-MEMORY"),
    Case("classify predict in/s.dat o/m.tif --model none.safetensors", 7, "none.safetensors does not exist"),
    Case("classify predict in/s.dat o/m.tif --model l.dat", 7, "neither a safetensors"),
    Case("classify predict in/nan.dat o/m.tif --model m.safetensors", 3, "it has no valid pixel"),
    Case("classify predict in/s.dat o/m.tif --model m.safetensors --memory 10K", 6, "E-MEMORY"),
    Case(
      "classify predict in/s.dat o/m.tif --model m.safetensors --prob o/m.tif", 2, "different from every other output"),
    Case("classify predict in/s.dat o/m.tif --model m.safetensors --adapter m.safetensors", 7, "no weights that could"),
    Case(
      "classify finetune in/s.dat l.dat --from m.safetensors --out o/a.safetensors", 7,
      "no weights that could be adapted"),
    Case(
      "classify finetune in/s.dat l.dat --from m.safetensors --lora r=0 --out o/a.safetensors", 2, "--adapter is r=0"),
    Case("classify evaluate in/s.dat l.dat", 3, "it has 60 bands"),
    Case("classify evaluate small.dat l.dat", 3, "it has 24 lines × 20 samples but the scene 12 × 10"),
    Case("classify evaluate l.dat l.dat --split zero.dat", 3, "marks no labelled pixel"),
    Case("classify evaluate l.dat l.dat --report nowhere/r.json", 4, "nowhere does not exist"),
  ]

  @Test(arguments: refusals) func refused(_ test: Case) throws {
    let place = try Place()
    let labels = try place.bytes("l.dat").map { Float($0) }
    try place.write("zero", labels.map { _ in 0 })
    try place.write("half", labels.map { $0 / 2 })
    try place.write("minus", labels.map { $0 - 1 })
    try place.write("huge", labels.map { $0 * 40000 })
    try place.write("one", labels.map { min($0, 1) })
    try place.write("rare", labels.indices.map { $0 == 7 ? 2 : 1 })
    try place.write("wrong", labels.map { $0 + 3 })
    try place.write("small", [Float](repeating: 1, count: 120), lines: 12, samples: 10)
    if test.line.contains("m.safetensors") {
      try place.run("classify train in/s.dat l.dat --model sam --scheme random --out m.safetensors")
    }
    let before = place.folder.names
    let result = try place.run(test.line, test.code)
    #expect(result.errorLines.count == 1, "\(result.errors)")
    #expect(result.errorLines.first?.contains(test.message) == true, "\(result.errors)")
    #expect(result.output.isEmpty)
    #expect(place.folder.names == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.folder.path("o")).isEmpty)
  }
}
