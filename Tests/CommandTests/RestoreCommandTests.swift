import Foundation
import HSIKit
import Testing

/// What `hsi restore` writes.
@Suite struct RestoreCommandTests {
  private func run(_ line: String, _ place: TemporaryFolder) throws -> Tool.Result {
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == 0, "hsi \(line)\n\(result.errors)")
    return result
  }

  private func object(_ path: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
  }

  private func values(_ path: String) throws -> [Float] {
    let context = RunContext()
    return try FileSource(RasterFormats.open(path, context: context), SelectionOptions.everything, context: context)
      .load(context).pixels.values
  }

  /// Writes a copy of the scene in which some values are a number; `band` and `place` choose.
  private func damage(_ place: TemporaryFolder, to value: Float, where isHit: (_ pixel: Int, _ band: Int) -> Bool)
    throws
  {
    let context = RunContext()
    let reader = try RasterFormats.open(place.path("in/s.dat"), context: context)
    let cube = try FileSource(reader, SelectionOptions.everything, context: context).load(context)
    for row in 0..<cube.count {
      for band in 0..<cube.shape.bands where isHit(row, band) { cube.pixels[row, band] = value }
    }
    var metadata = cube.metadata
    metadata.nodata = [Double?](repeating: nil, count: metadata.bands)
    let writer = try RasterFormats.create(
      place.path("o/d.dat"), shape: cube.shape, type: .float32, metadata: metadata, options: OutputOptions(),
      context: context)
    let result = ResultWriter(writer, metadata: metadata)
    try result.write(cube.pixels, positions: cube.positions, window: cube.shape.window)
    _ = try result.finish()
  }

  private func isHit(_ pixel: Int, _ band: Int) -> Bool { (pixel * 31 + band * 17) % 5 == 0 }

  @Test func missingValuesAreFilledAndTheRestIsKept() throws {
    let place = try SampleScene.workplace()
    try damage(place, to: 0, where: isHit)
    let result = try run("restore o/d.dat o/r.dat --task inpaint --missing zero --all", place)
    let (truth, restored) = (try values(place.path("in/s.dat")), try values(place.path("o/r.dat")))
    let bands = SampleScene.bands
    var (squares, energy) = (0.0, 0.0)
    for i in truth.indices where isHit(i / bands, i % bands) {
      squares += pow(Double(restored[i] - truth[i]), 2)
      energy += pow(Double(truth[i]), 2)
    }
    #expect((squares / energy).squareRoot() < 0.1)
    #expect(restored.allSatisfy { $0.isFinite })
    let report = try object(place.path("o/r_report.json"))
    #expect(report["task"] as? String == "inpaint" && report["command"] as? String == "restore")
    let missing = truth.indices.count { isHit($0 / bands, $0 % bands) }
    #expect((report["missing"] as? Int ?? 0) >= missing && report["missing_after"] as? Int == 0)
    let check = try #require(report["held_back"] as? [String: Any])
    #expect((check["relative"] as? Double ?? 1) < 0.1 && (check["values"] as? Int ?? 0) > 100)
    let page = try String(contentsOfFile: place.path("o/r_report.html"), encoding: .utf8)
    #expect(page.contains("How far to trust it") && page.contains("Missing values"))
    for name in ["o/r_before.png", "o/r_after.png", "o/r.dat.prov.json"] {
      #expect(FileManager.default.fileExists(atPath: place.path(name)), "\(name)\n\(result.errors)")
    }
  }

  @Test func theSceneDecides() throws {
    let place = try SampleScene.workplace()
    try damage(place, to: .nan, where: isHit)
    _ = try run("restore o/d.dat o/r.dat", place)
    #expect(try values(place.path("o/r.dat")).allSatisfy { $0.isFinite })
    let record = try object(place.path("o/r.dat.prov.json"))
    #expect((record["options"] as? [String: Any])?["task"] as? String == "inpaint")
  }

  @Test func deadBandsComeBackGood() throws {
    let place = try SampleScene.workplace()
    try damage(place, to: 0) { _, band in band == 20 || band == 31 }
    _ = try run("restore o/d.dat o/r.dat --task bands --report o/r.json", place)
    let (truth, restored) = (try values(place.path("in/s.dat")), try values(place.path("o/r.dat")))
    let bands = SampleScene.bands
    for band in [20, 31] {
      var (squares, energy) = (0.0, 0.0)
      for i in stride(from: band, to: truth.count, by: bands) {
        squares += pow(Double(restored[i] - truth[i]), 2)
        energy += pow(Double(truth[i]), 2)
      }
      #expect((squares / energy).squareRoot() < 0.15, "band \(band + 1)")
    }
    let context = RunContext()
    let good = try RasterFormats.open(place.path("o/r.dat"), context: context).metadata.axis.good
    #expect(good.allSatisfy { $0 })
    let report = try object(place.path("o/r.json"))
    #expect(report["missing_after"] as? Int == 0)
  }

  @Test func theGridFollows() throws {
    let place = try SampleScene.workplace()
    _ = try run("convert in/s.dat o/m.tif", place)
    _ = try run("restore in/s.dat o/fine.tif --task superres --scale 2 --all", place)
    let context = RunContext()
    let coarse = try RasterFormats.open(place.path("in/s.dat"), context: context)
    let fine = try RasterFormats.open(place.path("o/fine.tif"), context: context)
    #expect(fine.shape.lines == 2 * coarse.shape.lines && fine.shape.samples == 2 * coarse.shape.samples)
    // Bad bands have no place on the new grid unless they are asked for.
    #expect(fine.shape.bands == coarse.metadata.axis.goodBands.count)
    let place0 = coarse.metadata.georeference
    #expect(fine.metadata.georeference?.mapping == place0?.rescaled(by: 2)?.mapping)
    let wanted = coarse.metadata.axis.goodBands.compactMap { coarse.metadata.axis.wavelengths?[$0] }
    for (a, b) in zip(fine.metadata.axis.wavelengths ?? [], wanted) { #expect(abs(a - b) < 1e-6) }
  }

  @Test(arguments: [
    ("restore in/s.dat o/r.tif --missing in/s_endmembers.csv", 3),
    ("restore in/s.dat o/r.tif --missing nothing.tif", 3),
    ("restore in/s.dat o/r.tif --task sharpen", 2),
    ("restore in/s.dat o/r.tif --task superres --scale 1", 2),
    ("restore in/s.dat o/r.tif --set rank=3", 2),
    ("restore in/s.dat in/s.dat --overwrite", 4),
  ]) func badInput(line: String, status: Int32) throws {
    let place = try SampleScene.workplace()
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == status && result.errorLines.count == 1, "\(result.status) \(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.path("o/r.tif")))
  }

  @Test func aSceneWithoutAnyValueIsRefused() throws {
    let place = try SampleScene.workplace()
    try damage(place, to: 0) { _, _ in true }
    let result = try Tool.run(
      ["restore", "o/d.dat", "o/r.dat", "--task", "inpaint", "--missing", "zero"], in: place.url)
    #expect(result.status != 0 && result.errorLines.count == 1, "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.path("o/r.dat")))
  }
}

extension SelectionOptions {
  /// All values of all bands, missing ones as NaN.
  fileprivate static var everything: SelectionOptions {
    var options = SelectionOptions()
    (options.bands, options.nodataPolicy, options.acceptsMissingValues) = (.all, .values, true)
    return options
  }
}
