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
    ("restore in/s.dat o/r.tif --task deblur", 3), ("restore in/s.dat o/r.tif --task deblur --kernel box", 2),
    ("restore in/s.dat o/r.tif --task deblur --kernel box:3,4", 2),
    ("restore in/s.dat o/r.tif --task deblur --kernel nowhere.csv", 3),
    ("restore in/s.dat o/r.tif --task inpaint --kernel box:3", 2),
    ("restore in/s.dat o/r.tif --task superres --scale 2 --flags o/f.tif", 2),
    ("restore in/s.dat in/s.dat --overwrite", 4),
  ]) func badInput(line: String, status: Int32) throws {
    let place = try SampleScene.workplace()
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == status && result.errorLines.count == 1, "\(result.status) \(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.path("o/r.tif")))
  }

  /// Weights in a file do what the same kernel of a family does, whatever they add up to; the file is protected and recorded.
  @Test func aKernelFromAFile() throws {
    let place = try SampleScene.workplace()
    let weights = "# a box\n2, 2, 2\n2;2;2\n\n2 2\t2\n"
    try Data(weights.utf8).write(to: URL(fileURLWithPath: place.path("o/k.csv")))
    let result = try run("restore in/s.dat o/a.dat --task deblur --kernel o/k.csv --report o/a.json", place)
    _ = try run("restore in/s.dat o/b.dat --task deblur --kernel box:3", place)
    #expect(result.errors.contains("W-KERNEL-SUM") && result.errors.contains("add up to 18"))
    let (a, b) = try (values(place.path("o/a.dat")), values(place.path("o/b.dat")))
    #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-5 * max(abs($1), 1) }, "other values")
    let method = try #require(try object(place.path("o/a.json"))["method"] as? [String: Any])
    #expect((method["reason"] as? String)?.contains("k.csv") == true)
    let settings = try #require(method["settings"] as? [String: Any])
    #expect(settings["size"] as? Double == 3 && settings["kind"] == nil)
    let inputs = try #require(try object(place.path("o/a.dat.prov.json"))["inputs"] as? [[String: Any]])
    #expect(inputs.contains { $0["path"] as? String == "o/k.csv" })
    let refused = try Tool.run(
      ["restore", "in/s.dat", "o/k.csv", "--of", "ENVI", "--task", "deblur", "--kernel", "o/k.csv", "--overwrite"],
      in: place.url)
    #expect(refused.status == 4 && refused.errors.contains("E-OUTPUT-IS-INPUT"), "\(refused.errors)")
  }

  @Test(arguments: [
    ("1,2\n3", "line 2 has 1 weights"), ("1,x", "more than numbers"), ("", "no weights"), ("0 0\n0 0", "not all 0"),
    ("1,-2", "from 0 upwards"), ("nan 1", "from 0 upwards"),
  ]) func badKernels(text: String, message: String) throws {
    let place = try SampleScene.workplace()
    try Data(text.utf8).write(to: URL(fileURLWithPath: place.path("o/k.txt")))
    let result = try Tool.run(
      ["restore", "in/s.dat", "o/r.dat", "--task", "deblur", "--kernel", "o/k.txt"], in: place.url)
    #expect(result.status != 0 && result.errorLines.count == 1, "\(result.errors)")
    #expect(result.errors.contains(message), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.path("o/r.dat")))
  }

  /// What was filled and changed, pixel by pixel.
  @Test func flags() throws {
    let place = try SampleScene.workplace()
    try damage(place, to: .nan, where: isHit)
    _ = try run("restore o/d.dat o/r.dat --task inpaint --flags o/f.tif --report o/r.json", place)
    let (holes, after, flags) = try (
      values(place.path("o/d.dat")), values(place.path("o/r.dat")), values(place.path("o/f.tif"))
    )
    let reader = try RasterFormats.open(place.path("o/f.tif"), context: RunContext())
    #expect(reader.sampleType == .uint16 && reader.metadata.bandNames == ["filled values", "changed values"])
    #expect(
      try reader.metadata.georeference?.mapping
        == RasterFormats.open(place.path("o/d.dat"), context: RunContext()).metadata.georeference?.mapping)
    var (filled, changed) = (0, 0)
    for pixel in 0..<(holes.count / SampleScene.bands) {
      let bands = (pixel * SampleScene.bands)..<((pixel + 1) * SampleScene.bands)
      let (new, other) = (bands.count { holes[$0].isNaN }, bands.count { !holes[$0].isNaN && holes[$0] != after[$0] })
      #expect(flags[2 * pixel] == Float(new) && flags[2 * pixel + 1] == Float(other))
      (filled, changed) = (filled + (new > 0 ? 1 : 0), changed + (other > 0 ? 1 : 0))
    }
    let report = try object(place.path("o/r.json"))
    #expect(report["filled_pixels"] as? Int == filled && report["changed_pixels"] as? Int == changed && filled > 100)
  }

  /// A coarse scene takes the details of a finer image, in a window too; the image is recorded.
  @Test(arguments: ["gsa", "sfim", "cnmf"]) func aFinerImage(method: String) throws {
    let place = try SampleScene.workplace()
    _ = try run("simulate degrade in/s.dat o/c.tif --kind downsample --set factor=4 --set area=1", place)
    _ = try run("convert in/s.dat o/m.tif -b 5,12,30,50", place)
    _ = try run("restore o/c.tif o/r.tif --fine o/m.tif --method \(method)", place)
    _ = try run("restore o/c.tif o/b.tif --task superres --scale 4", place)
    func psnr(_ name: String) throws -> Double {
      let text = try run("evaluate restoration o/\(name).tif o/t.dat --json", place).output
      let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
      return try #require((json["restored"] as? [String: Any])?["mpsnr_db"] as? Double)
    }
    let good = try RasterFormats.open(place.path("in/s.dat"), context: RunContext()).metadata.axis.goodBands
    _ = try run("convert in/s.dat o/t.dat -b \(good.map { "\($0 + 1)" }.joined(separator: ","))", place)
    let (sharp, plain) = try (psnr("r"), psnr("b"))
    #expect(sharp > plain, "\(plain) → \(sharp)")
    let record = try object(place.path("o/r.tif.prov.json"))
    let inputs = try #require(record["inputs"] as? [[String: Any]])
    #expect(inputs.contains { $0["path"] as? String == "o/m.tif" })
    #expect((record["options"] as? [String: Any])?["task"] as? String == "superres")
    _ = try run("restore o/c.tif o/w.tif --fine o/m.tif --method \(method) --window 1,2,3,3", place)
    let part = try RasterFormats.open(place.path("o/w.tif"), context: RunContext())
    #expect(part.shape.lines == 12 && part.shape.samples == 12)
  }

  @Test func finerImagesThatDoNotFit() throws {
    let place = try SampleScene.workplace()
    _ = try run("simulate degrade in/s.dat o/c.tif --kind downsample --set factor=4 --set area=1", place)
    _ = try run("convert in/s.dat o/m.tif -b 5", place)
    _ = try run("convert in/s.dat o/n.tif -b 5 --window 0,0,19,24", place)
    _ = try run("convert in/s.dat o/k.tif -b 5 --window 4,0,16,24", place)
    _ = try run(
      "simulate degrade in/s.dat o/e.tif --kind downsample --set factor=4 --set area=1 --window 0,0,16,24", place)
    for (line, status) in [
      ("restore o/c.tif o/r.tif --fine o/n.tif", 3), ("restore o/e.tif o/r.tif --fine o/k.tif", 3),
      ("restore o/c.tif o/r.tif --fine o/m.tif --task inpaint", 2),
      ("restore o/c.tif o/r.tif --fine o/m.tif --method wiener", 2),
      ("restore o/c.tif o/r.tif --fine o/m.tif --method cnmf", 2),
      ("restore o/c.tif o/r.tif --fine o/m.tif --scale 2", 2), ("restore o/c.tif o/r.tif --fine o/x.tif", 3),
      ("restore o/c.tif o/m.tif --fine o/m.tif --overwrite", 4),
      ("restore o/c.tif o/r.tif --method gsa --task superres", 2),
    ] as [(String, Int32)] {
      let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
      #expect(result.status == status && result.errorLines.count == 1, "\(line): \(result.status) \(result.errors)")
      #expect(!FileManager.default.fileExists(atPath: place.path("o/r.tif")))
    }
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
