import Foundation
import Testing

/// Metadata pass through every conversion.
@Suite struct MetadataSurvivalTests {
  private func run(_ line: String, _ place: TemporaryFolder) throws -> String {
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == 0, "hsi \(line)\n\(result.errors)")
    return result.output
  }

  /// The facts of `hsi info --json` that belong to the data, without their sources.
  private func facts(_ path: String, _ place: TemporaryFolder) throws -> [String: String] {
    let object = try JSONSerialization.jsonObject(with: Data(try run("info \(path) --json", place).utf8))
    let info = try #require(object as? [String: Any])
    var facts: [String: String] = [:]
    for name in [
      "wavelengths", "fwhm", "goodBands", "nodata", "scale", "offset", "bandNames", "georeference",
    ] {
      let value = (info[name] as? [String: Any])?["value"]
      if name == "georeference" {
        // Spellings of the reference system differ by format; its place does not.
        facts[name] = "\((value as? [String: Any])?["geotransform"] ?? "none")"
      } else if let numbers = value as? [Double] {
        facts[name] = numbers.map { String(format: "%.4f", $0) }.joined(separator: " ")
      } else {
        facts[name] = "\(value ?? "none")"
      }
    }
    facts["shape"] =
      "\(info["lines"] ?? 0) \(info["samples"] ?? 0) \(info["bands"] ?? 0) \(info["type"] ?? "")"
    return facts
  }

  @Test(arguments: ["float32", "int16", "uint16"]) func roundTrip(type: String) throws {
    let place = try SampleScene.workplace()
    _ = try run(
      "simulate scene o/a.dat --rows 12 --cols 10 --endmembers 3 --bands 30 --ot \(type) --seed 2", place)
    let steps = [
      "o/a.dat", "o/b.tif", "o/c.tif --of COG", "o/d.bip", "o/e.dat --co INTERLEAVE=BIL", "o/f.bsq",
    ]
    let first = try facts("o/a.dat", place)
    #expect(
      first["wavelengths"] != "none" && first["fwhm"] != "none" && first["goodBands"]?.contains("0") == true)
    for (from, to) in zip(steps, steps.dropFirst()) {
      let source = from.split(separator: " ")[0]
      _ = try run("convert \(source) \(to)", place)
      let now = try facts(String(to.split(separator: " ")[0]), place)
      for (name, value) in first { #expect(now[name] == value, "\(name) after \(to)") }
    }
    let same =
      try Data(contentsOf: place.url.appendingPathComponent("o/f.bsq"))
      == Data(contentsOf: place.url.appendingPathComponent("o/a.dat"))
    #expect(same, "the samples differ after the round")
  }

  /// Tiles put together are the scene that they were cut from: samples and metadata, also after the folder has moved.
  @Test(arguments: ["tif", "dat"]) func mosaicOfTiles(kind: String) throws {
    let place = try SampleScene.workplace()
    _ = try run("simulate scene o/a.dat --rows 12 --cols 10 --endmembers 3 --bands 30 --ot int16 --seed 2", place)
    let windows = ["0,0,6,7", "6,0,4,7", "0,5,10,7"]
    for (i, window) in windows.enumerated() { _ = try run("convert o/a.dat o/t\(i).\(kind) --window \(window)", place) }
    _ = try run("mosaic o/w.vrt o/t0.\(kind) o/t1.\(kind) o/t2.\(kind)", place)
    try FileManager.default.moveItem(atPath: place.path("o"), toPath: place.path("p"))
    let first = try facts("p/a.dat", place)
    let whole = try facts("p/w.vrt", place)
    for (name, value) in first { #expect(whole[name] == value, "\(name)") }
    _ = try run("convert p/w.vrt p/b.bsq", place)
    let same =
      try Data(contentsOf: place.url.appendingPathComponent("p/a.dat"))
      == Data(contentsOf: place.url.appendingPathComponent("p/b.bsq"))
    #expect(same)
    // A view of one scene is what convert writes.
    _ = try run("mosaic p/v.vrt p/a.dat --window 2,3,5,4 -b 3-6,10", place)
    _ = try run("convert p/a.dat p/v.tif --window 2,3,5,4 -b 3-6,10", place)
    let view = try facts("p/v.vrt", place)
    for (name, value) in try facts("p/v.tif", place) { #expect(view[name] == value, "\(name) of the view") }
    // And what the options say of a scene stays with it.
    _ = try run("mosaic p/o.vrt p/t0.\(kind) -b 1-3 --wavelengths 500:600:30 --nodata 7", place)
    let told = try facts("p/o.vrt", place)
    #expect(told["wavelengths"]?.hasPrefix("500.0000 503.4483") == true && told["nodata"]?.contains("7") == true)
  }

  /// What says which pixels are used is refused where all are written, and is no output.
  @Test func choicesOfPixels() throws {
    let place = try SampleScene.workplace()
    _ = try run("convert in/s.dat o/m.tif -b 1", place)
    for line in [
      "convert in/s.dat o/x.tif --mask o/m.tif", "mosaic o/x.vrt in/s.dat --mask o/m.tif",
      "convert in/s.dat o/x.tif --cutline o/c.geojson", "mosaic o/x.vrt in/s.dat --cutline o/c.geojson",
    ] {
      let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
      #expect(result.status == 2 && result.errorLines.count == 1, "\(line)\n\(result.errors)")
    }
    let before = try Data(contentsOf: place.url.appendingPathComponent("o/m.tif"))
    for line in [
      "unmix in/s.dat o/m.tif --count 3 --mask o/m.tif --overwrite",
      "denoise in/s.dat o/m.tif --mask o/m.tif --overwrite",
    ] {
      let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
      #expect(result.status == 4, "\(line)\n\(result.errors)")
    }
    #expect(try Data(contentsOf: place.url.appendingPathComponent("o/m.tif")) == before)
    // The version stands in the file as TIFF has it: tag 305, text.
    let version = try run("--version", place).trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(version.hasPrefix("hsi ") && before.range(of: Data(version.utf8)) != nil)
  }

  @Test func tilesThatDoNotFit() throws {
    let place = try SampleScene.workplace()
    let scene = "simulate scene o/a.dat --rows 12 --cols 10 --endmembers 3 --bands 30 --seed 2"
    _ = try run(scene, place)
    _ = try run("convert o/a.dat o/left.tif --window 0,0,5,12", place)
    let cases: [(String, Int32, String)] = [
      ("convert o/a.dat o/x.tif --window 5,0,5,12 -b 1-29", 3, "bands"),
      ("convert o/a.dat o/x.tif --window 5,0,5,12 --ot float64 --overwrite", 3, "float64"),
      ("convert o/a.dat o/x.mat", 3, "E-UNSUPPORTED"),
    ]
    for (making, status, text) in cases {
      _ = try run(making, place)
      let tile = making.split(separator: " ")[2]
      let result = try Tool.run(["mosaic", "o/w.vrt", "o/left.tif", String(tile)], in: place.url)
      #expect(result.status == status && result.errors.contains(text), "\(making)\n\(result.errors)")
      #expect(result.errorLines.count == 1)
      #expect(!FileManager.default.fileExists(atPath: place.path("o/w.vrt")))
    }
    for (line, status) in [
      ("mosaic o/w.tif o/left.tif", Int32(2)), ("mosaic o/w.vrt", 2), ("mosaic o/w.vrt o/none.tif", 3),
    ] {
      let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
      #expect(result.status == status, "\(line)\n\(result.errors)")
    }
    _ = try run("mosaic o/w.vrt o/left.tif", place)
    #expect(try Tool.run(["mosaic", "o/w.vrt", "o/left.tif"], in: place.url).status == 4)
    #expect(try Tool.run(["mosaic", "o/w.vrt", "o/w.vrt", "--overwrite"], in: place.url).status == 4)
  }

  /// Choosing bands keeps what belongs to them.
  @Test func bandSelection() throws {
    let place = try SampleScene.workplace()
    _ = try run("convert in/s.dat o/a.tif -b 3-6,10", place)
    let all = try facts("in/s.dat", place)
    let part = try facts("o/a.tif", place)
    let wavelengths = all["wavelengths"]?.split(separator: " ") ?? []
    #expect(part["wavelengths"] == [2, 3, 4, 5, 9].map { wavelengths[$0] }.joined(separator: " "))
    #expect(part["georeference"] == all["georeference"])
  }
}
