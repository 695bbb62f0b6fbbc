import Foundation
import HSIKit
import Testing

/// `--ortho`, `--stac`, `--sensor`.
@Suite struct MapCommandTests {
  static let fixtures = Tool.package.appendingPathComponent("Tests/HSIRasterTests/Fixtures/formats")
  static let emit = fixtures.appendingPathComponent("emit_glt.nc").path

  private func run(_ line: String, _ place: TemporaryFolder) throws -> Tool.Result {
    try Tool.run(
      line.split(separator: " ").map(String.init), in: place.url,
      environment: ["SOURCE_DATE_EPOCH": "1700000000"])
  }

  private func item(_ path: String, _ place: TemporaryFolder) throws -> [String: Any] {
    let data = try Data(contentsOf: place.url.appendingPathComponent(path))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// Where the lookup table of the fixture puts line `i`, sample `j` of the swath (value 100·i + 10·j + band): line j,
  /// sample 3 − i; the cell of line 2, sample 0 is empty.
  private var turned: [[Float]] {
    (0..<4).map { line in
      (0..<6).map { sample in
        guard (1...3).contains(sample), (line, sample) != (0, 1) else { return -9999 }
        return Float(100 * (3 - sample) + 10 * line)
      }
    }
  }

  @Test func lookupTable() throws {
    let place = try SampleScene.workplace()
    let result = try run("convert \(MapCommandTests.emit) o/a.bsq --ortho glt", place)
    #expect(result.status == 0 && !result.errors.contains("warning"), "\(result.errors)")
    let values = try SampleScene.floats(place.url.appendingPathComponent("o/a.bsq"))
    #expect(values.count == 4 * 6 * 5)
    for band in 0..<5 {
      let wanted = turned.flatMap { $0 }.map { $0 < 0 ? $0 : $0 + Float(band) }
      #expect(Array(values[band * 24..<(band + 1) * 24]) == wanted)
    }
    let info = try run("info o/a.bsq", place).output
    #expect(info.contains("10, 50") && info.contains("0.5 × 0.5") && info.contains("400 to 800 nm"))
    #expect(try run("info \(MapCommandTests.emit)", place).output.contains("--ortho glt"))
  }

  /// A window of the swath leaves the cells of the others empty; strips and threads play no part.
  @Test func lookupTableOfAWindow() throws {
    let place = try SampleScene.workplace()
    for threads in [1, 2] {
      let line =
        "convert \(MapCommandTests.emit) o/\(threads).bsq --ortho glt --window 1,1,2,1 -b 1 -j \(threads) --memory 1M"
      #expect(try run(line, place).status == 0)
    }
    let values = try SampleScene.floats(place.url.appendingPathComponent("o/1.bsq"))
    #expect(
      values.enumerated().filter { $0.element != -9999 }.map { [$0.offset, Int($0.element)] } == [
        [8, 110], [14, 120],
      ])
    #expect(try SampleScene.floats(place.url.appendingPathComponent("o/2.bsq")) == values)
  }

  @Test func longitudeAndLatitude() throws {
    let place = try SampleScene.workplace()
    #expect(try run("convert \(MapCommandTests.emit) o/a.bsq -b 1 --ortho geoloc", place).status == 0)
    let reader = try RasterFormats.open(place.path("o/a.bsq"), context: RunContext())
    let values = try SampleScene.floats(place.url.appendingPathComponent("o/a.bsq"))
    // Every pixel whose position lies in a cell as its only one is found there.
    guard case .affine(let t)? = reader.metadata.georeference?.mapping else {
      Issue.record("no affine position")
      return
    }
    var cells: [Int: [(Float, Double)]] = [:]
    for i in 0..<3 {
      for j in 0..<4 {
        let (x, y) = (10.25 + 0.5 * Double(3 - i), 49.75 - 0.5 * Double(j))
        let (column, row) = ((x - t[0]) / t[1], (y - t[3]) / t[5])
        let distance = pow(column - column.rounded(.down) - 0.5, 2) + pow(row - row.rounded(.down) - 0.5, 2)
        cells[Int(row) * reader.shape.samples + Int(column), default: []].append(
          (Float(100 * i + 10 * j), distance))
      }
    }
    #expect(cells.count >= 8)
    for (cell, candidates) in cells {
      let nearest = candidates.map(\.1).min() ?? 0
      #expect(candidates.contains { $0.0 == values[cell] && $0.1 < nearest + 1e-9 }, "\(cell) \(candidates)")
    }
  }

  /// Results, not the scene, are brought to the map: abundances of the swath's pixels, bit by bit.
  @Test func resultsOfUnmixing() throws {
    let place = try SampleScene.workplace()
    let spectra = "wavelength_nm,a,b\n400,0,50\n500,1,60\n600,2,70\n700,3,80\n800,4,220\n"
    try Data(spectra.utf8).write(to: place.url.appendingPathComponent("s.csv"))
    let line =
      "unmix \(MapCommandTests.emit) o/X.bsq --endmembers s.csv --method nnls --residual o/X_rmse.bsq"
    #expect(try run(line.replacing("X", with: "swath"), place).status == 0)
    let result = try run(line.replacing("X", with: "map") + " --ortho glt --stac o/map.json", place)
    #expect(result.status == 0, "\(result.errors)")
    for name in ["", "_rmse"] {
      let swath = try SampleScene.floats(place.url.appendingPathComponent("o/swath\(name).bsq"))
      let map = try SampleScene.floats(place.url.appendingPathComponent("o/map\(name).bsq"))
      for band in 0..<(swath.count / 12) {
        for line in 0..<4 {
          for sample in 0..<6 {
            let value = map[band * 24 + line * 6 + sample]
            if turned[line][sample] < 0 {
              #expect(value.isNaN)
            } else {
              #expect(value == swath[band * 12 + (3 - sample) * 4 + line])
            }
          }
        }
      }
    }
    let assets = try #require(try item("o/map.json", place)["assets"] as? [String: [String: Any]])
    let bands = try #require(assets["data"]?["bands"] as? [[String: Any]])
    #expect(bands.map { $0["name"] as? String } == ["abundance: a", "abundance: b"])
    #expect(bands.allSatisfy { $0["nodata"] as? String == "nan" && $0["eo:center_wavelength"] == nil })
  }

  /// A lookup table in a file of its own, as AVIRIS-NG has them: negative where it was filled in.
  @Test func tableInAFile() throws {
    let place = try SampleScene.workplace()
    let header = """
      ENVI
      samples = 3
      lines = 1
      bands = 2
      data type = 3
      interleave = bsq
      byte order = 0
      map info = {Geographic Lat/Lon, 1, 1, 10, 50, 1, 1, WGS-84}

      """
    func write(_ name: String, _ values: [Int32]) throws {
      try Data(header.utf8).write(to: place.url.appendingPathComponent(name + ".hdr"))
      try values.withUnsafeBytes { try Data($0).write(to: place.url.appendingPathComponent(name)) }
    }
    try write("glt", [4, -2, 0, 1, -3, 0])
    #expect(try run("convert \(MapCommandTests.emit) o/a.bsq -b 1 --ortho glt", place).status == 0)
    #expect(try run("convert \(MapCommandTests.emit) o/b.bsq -b 1 --ortho ./glt", place).status == 0)
    #expect(try SampleScene.floats(place.url.appendingPathComponent("o/b.bsq")) == [30, 210, -9999])
    try write("far", [4, 5, 0, 1, 1, 0])
    let far = try run("convert \(MapCommandTests.emit) o/c.bsq --ortho ./far", place)
    #expect(far.status == 3 && far.errors.contains("sample 5, line 1"), "\(far.errors)")
  }

  @Test(arguments: [
    ("convert in/s.dat o/x.tif --ortho glt", 3, "no geometry lookup table"),
    ("convert in/s.dat o/x.tif --ortho geoloc", 3, "no arrays of longitude and latitude"),
    ("convert in/s.dat o/x.tif --ortho nowhere", 3, "does not exist"),
    ("convert in/s.dat o/x.tif --ortho in/s.dat", 3, "no cell"),
    ("convert in/s.dat o/x.tif --stac o/x.tif", 2, "different"),
    ("convert in/s.dat o/x.tif --stac in/s.dat", 4, "input"),
    ("convert in/s.dat o/x.tif --stac none/x.json", 4, "none"),
    ("unmix in/s.dat o/x.tif --endmembers in/s_endmembers.sli --stac none/x.json", 4, "none"),
    ("denoise in/s.dat o/x.tif --stac none/x.json", 4, "none"),
    ("convert in/s.dat o/x.tif --sensor enmap --wavelengths 400:900:59", 3, "59 wavelengths"),
  ])
  func refusals(line: String, status: Int, words: String) throws {
    let place = try SampleScene.workplace()
    let result = try run(line, place)
    #expect(Int(result.status) == status && result.errorLines.count == 1, "\(result.errors)")
    #expect(result.errors.contains(words), "\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty)
  }

  @Test func stacOfAScene() throws {
    let place = try SampleScene.workplace()
    let result = try run("convert \(MapCommandTests.emit) o/a.tif --ortho glt --stac o/a.json", place)
    #expect(result.status == 0 && !result.errors.contains("warning"), "\(result.errors)")
    let item = try item("o/a.json", place)
    #expect(item["stac_version"] as? String == "1.1.0" && item["id"] as? String == "a")
    #expect(item["bbox"] as? [Double] == [10, 48, 13, 50])
    let properties = try #require(item["properties"] as? [String: Any])
    #expect(properties["datetime"] as? String == "2023-08-01T10:11:12+00:00")
    #expect(properties["created"] as? String == "2023-11-14T22:13:20Z")
    #expect(properties["proj:code"] as? String == "EPSG:4326")
    #expect(properties["proj:shape"] as? [Int] == [4, 6])
    #expect(properties["proj:transform"] as? [Double] == [0.5, 0, 10, 0, -0.5, 50])
    let assets = try #require(item["assets"] as? [String: [String: Any]])
    #expect(assets["data"]?["href"] as? String == "./a.tif")
    let bands = try #require(assets["data"]?["bands"] as? [[String: Any]])
    #expect(bands.map { $0["eo:center_wavelength"] as? Double } == [0.4, 0.5, 0.6, 0.7, 0.8])
    #expect(
      bands.allSatisfy {
        $0["eo:full_width_half_max"] as? Double == 0.0085 && $0["nodata"] as? Double == -9999
      })
    let links = try #require(item["links"] as? [[String: Any]])
    #expect(links.count == 1 && links[0]["rel"] as? String == "derived_from")
    #expect((links[0]["href"] as? String)?.hasSuffix("emit_glt.nc") == true)
    // It exists now: refused without --overwrite, before anything is written.
    let again = try run("convert \(MapCommandTests.emit) o/b.tif --stac o/a.json", place)
    #expect(again.status == 4 && !FileManager.default.fileExists(atPath: place.path("o/b.tif")))
  }

  /// What is not known is said, and the item is still one.
  @Test func stacWithoutPlaceAndTime() throws {
    let place = try SampleScene.workplace()
    let cube = MapCommandTests.fixtures.appendingPathComponent("c_order.npy").path
    let result = try run("convert \(cube) o/a.npy --stac o/a.json", place)
    #expect(
      result.status == 0 && result.errors.contains("W-STAC-TIME") && result.errors.contains("W-STAC-PLACE"))
    let item = try item("o/a.json", place)
    #expect(item["geometry"] is NSNull && item["bbox"] == nil)
    let denoised = try run(
      "denoise in/s.dat o/d.dat --method mnf --stac o/d.json --report o/d_report.json", place)
    #expect(denoised.status == 0, "\(denoised.errors)")
    let assets = try #require(try self.item("o/d.json", place)["assets"] as? [String: [String: Any]])
    #expect(assets.values.contains { $0["href"] as? String == "./d_report.json" })
    #expect(try String(contentsOfFile: place.path("o/d_report.json"), encoding: .utf8).contains("o/d.json"))
  }

  /// The item beside a file without wavelengths gives them back.
  @Test func stacGivesWavelengths() throws {
    let place = try SampleScene.workplace()
    #expect(try run("convert in/s.dat o/a.npy --stac o/a.json", place).status == 0)
    let before = try run("info in/s.dat --json", place)
    let after = try run("info o/a.npy --json", place)
    func wavelengths(_ result: Tool.Result) throws -> (values: [Double], source: String) {
      let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
      let fact = try #require(object?["wavelengths"] as? [String: Any])
      return (fact["value"] as? [Double] ?? [], fact["source"] as? String ?? "")
    }
    let (wanted, found) = (try wavelengths(before), try wavelengths(after))
    #expect(found.source == "sidecar" && found.values.count == wanted.values.count)
    #expect(zip(found.values, wanted.values).allSatisfy { abs($0 - $1) < 1e-5 })
    for text in [
      "{", "[]", "{\"stac_version\": 1}",
      "{\"stac_version\": \"1.1.0\", \"assets\": {\"d\": {\"href\": \"a.npy\", \"bands\": [{}]}}}",
    ] {
      try Data(text.utf8).write(to: place.url.appendingPathComponent("o/a.json"))
      let result = try run("info o/a.npy", place)
      #expect(result.status == 0 && result.output.contains("not in the file"))
    }
  }

  @Test func sensorTables() throws {
    let place = try SampleScene.workplace()
    func cube(_ bands: Int) throws {
      let result = try run(
        "simulate scene o/c.dat --rows 4 --cols 4 --endmembers 2 --bands \(bands) --overwrite", place)
      #expect(result.status == 0, "\(result.errors)")
      #expect(try run("convert o/c.dat o/c\(bands).npy --overwrite", place).status == 0)
    }
    // Bands of the corrected Salinas and Indian Pines scenes.
    try cube(204)
    try cube(200)
    try cube(37)
    let salinas = try run("info o/c204.npy --sensor AVIRIS --json", place)
    let object = try JSONSerialization.jsonObject(with: Data(salinas.output.utf8)) as? [String: Any]
    let fact = try #require(object?["wavelengths"] as? [String: Any])
    let values = try #require(fact["value"] as? [Double])
    #expect(fact["source"] as? String == "user" && values.count == 204)
    // The first gap of the scene is that of bands 108 to 112: band 107 is followed by band 113.
    #expect(
      values.first == 365.91 && values[106] == 1353.07 && values[107] == 1412.89 && values.last == 2486.3)
    #expect(try run("info o/c200.npy --sensor indian-pines", place).output.contains("400.02 to "))
    let wrong = try run("info o/c37.npy --sensor Hyperion", place)
    #expect(wrong.status == 3 && wrong.errors.contains("242 or 145"), "\(wrong.errors)")
    // An instrument without a table is a name.
    let named = try run("info o/c37.npy --sensor HyperCam", place)
    #expect(named.status == 0 && named.output.contains("HyperCam"))
    // One whose number of bands does not fit leaves the file's own wavelengths alone.
    let kept = try run("info in/s.dat --sensor enmap", place)
    #expect(kept.status == 0 && kept.output.contains("[hdr]"))
  }

  /// Headers have a digest in the provenance, data with `--hash`.
  @Test func digests() throws {
    let place = try SampleScene.workplace()
    let known = "--endmembers in/s_endmembers.sli"
    for (options, count) in [("", 1), (" --hash", 3)] {
      #expect(try run("unmix in/s.dat o/a.tif \(known) --overwrite\(options)", place).status == 0)
      let inputs = try #require(try item("o/a.tif.prov.json", place)["inputs"] as? [[String: Any]])
      #expect(inputs.filter { $0["sha256"] is String }.count == count, "\(inputs)")
    }
  }
}
