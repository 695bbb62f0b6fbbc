import Foundation
import HSIKit
import Testing

/// What `hsi simulate degrade` writes.
@Suite struct DegradeCommandTests {
  private func run(_ line: String, _ place: TemporaryFolder) throws -> Tool.Result {
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == 0, "hsi \(line)\n\(result.errors)")
    return result
  }

  private func open(_ name: String, _ place: TemporaryFolder) throws -> any CubeReader {
    try RasterFormats.open(place.path(name), context: RunContext())
  }

  /// All values of all bands, missing ones as NaN, pixel by pixel.
  private func values(_ name: String, _ place: TemporaryFolder) throws -> [Float] {
    var options = SelectionOptions()
    (options.bands, options.nodataPolicy, options.acceptsMissingValues) = (.all, .values, true)
    let context = RunContext()
    return try FileSource(open(name, place), options, context: context).load(context).pixels.values
  }

  private func options(_ name: String, _ place: TemporaryFolder) throws -> [String: String] {
    let data = try Data(contentsOf: URL(fileURLWithPath: place.path(name + ".prov.json")))
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    return try #require(object["options"] as? [String: String])
  }

  /// The command does what the library does, on the good bands; bad bands stay; names of the issue are known.
  @Test(arguments: [
    ("blur", "gaussian-blur", ["size": 5.0]), ("motion", "motion-blur", ["size": 5, "angle": 30]),
    ("haze", "haze", ["strength": 0.4]), ("poisson", "poisson", [:]), ("mask", "mask", ["ratio": 0.3]),
    ("bands", "missing-bands", ["ratio": 0.2]), ("circle-blur", "circle-blur", [:]),
  ]) func sameAsTheLibrary(kind: String, id: String, settings: [String: Double]) throws {
    let place = try SampleScene.workplace()
    let set = settings.map { " --set \($0.key)=\($0.value)" }.joined()
    _ = try run("simulate degrade in/s.dat o/d.dat --kind \(kind)\(set) --seed 5", place)
    let context = RunContext(seed: 5)
    let reader = try open("in/s.dat", place)
    let scene = try FileSource(
      reader,
      {
        var o = SelectionOptions(); o.bands = .all; return o
      }(), context: context
    )
    .load(context)
    let good = reader.metadata.axis.good
    var extent = DataRange.Accumulator()
    extent.add(scene.pixels, bands: good.indices.filter { good[$0] })
    let target = try DegradationTarget(scene.shape, range: extent.range(), active: good, seed: 5)
    let expected = try Degradations.all.named(id, settings).degradeActiveBands(scene, target, context)
    let found = try values("o/d.dat", place)
    let bits = { (values: [Float]) in values.map { $0.isNaN ? 0 : $0.bitPattern } }
    let isSame = bits(found) == bits(expected.scene.pixels.values)
    #expect(isSame)
    for (i, value) in scene.pixels.values.enumerated() where !good[i % good.count] { #expect(found[i] == value) }
    let after = try open("o/d.dat", place).metadata
    #expect(after.axis.good == good && after.axis.wavelengths == reader.metadata.axis.wavelengths)
    #expect(after.georeference == reader.metadata.georeference)
    let facts = try options("o/d.dat", place)
    #expect(facts["kind"] == id)
    for (name, value) in expected.facts { #expect(facts[name] == value, "\(name)") }
  }

  /// The grid follows; lines and samples that fill no pixel are left out, and the truth is the rest.
  @Test func aCoarserGrid() throws {
    let place = try SampleScene.workplace()
    let line =
      "simulate degrade in/s.dat o/d.tif --kind downsample --set factor=3 --set area=1 --truth o/t.tif --window 0,0,20,23"
    _ = try run(line, place)
    #expect(try options("o/d.tif", place)["left_out"] == "2 lines and 2 samples")
    let (scene, coarse, truth) = try (open("in/s.dat", place), open("o/d.tif", place), open("o/t.tif", place))
    #expect(truth.shape == CubeShape(lines: 21, samples: 18, bands: 60))
    #expect(coarse.shape == CubeShape(lines: 7, samples: 6, bands: 60))
    let place0 = try #require(scene.metadata.georeference)
    #expect(truth.metadata.georeference?.mapping == place0.mapping)
    #expect(coarse.metadata.georeference?.mapping == place0.rescaled(by: 1.0 / 3)?.mapping)
    #expect(coarse.metadata.axis.good == scene.metadata.axis.good)
    let (all, fine, small) = try (values("in/s.dat", place), values("o/t.tif", place), values("o/d.tif", place))
    for (line, sample, band) in [(0, 0, 3), (6, 5, 20), (3, 2, 59)] {
      var mean = 0.0
      for i in 0..<9 {
        let (y, x) = (3 * line + i / 3, 3 * sample + i % 3)
        #expect(fine[(y * 18 + x) * 60 + band] == all[(y * 20 + x) * 60 + band])
        mean += Double(all[(y * 20 + x) * 60 + band]) / 9
      }
      #expect(abs(Double(small[(line * 6 + sample) * 60 + band]) - mean) < 1e-5)
    }
    #expect(try options("o/d.tif", place)["factor"] == "3")
  }

  /// What was taken away is marked, with zeros in its place too, and `hsi restore` fills it from either.
  @Test func whatWasTaken() throws {
    let place = try SampleScene.workplace()
    let mask = "simulate degrade in/s.dat o/d.dat --kind mask --set ratio=0.4 --seed 3"
    _ = try run(mask + " --missing-out o/m.tif", place)
    _ = try run(mask.replacing("d.dat", with: "z.dat") + " --set zero=1 --missing-out o/n.tif", place)
    let (truth, holes, zeros) = try (values("in/s.dat", place), values("o/d.dat", place), values("o/z.dat", place))
    let (marks, others) = try (values("o/m.tif", place), values("o/n.tif", place))
    let good = try open("in/s.dat", place).metadata.axis.good
    #expect(try open("o/m.tif", place).sampleType == .uint8)
    let isSame = marks == others && marks.count == truth.count
    #expect(isSame)
    let low = truth.indices.filter { good[$0 % 60] }.map { truth[$0] }.min()
    for i in truth.indices {
      #expect((marks[i] == 1) == holes[i].isNaN && (marks[i] == 0 || marks[i] == 1))
      #expect(zeros[i] == (marks[i] == 1 ? low : truth[i]))
    }
    let share = Double(marks.reduce(0, +)) / Double(truth.count * good.count { $0 } / 60)
    #expect(abs(share - 0.4) < 0.02)
    _ = try run("restore o/d.dat o/r.dat --task inpaint", place)
    _ = try run("restore o/z.dat o/q.dat --task inpaint --missing o/n.tif", place)
    let (first, second) = try (values("o/r.dat", place), values("o/q.dat", place))
    let isFilled = first == second && first.allSatisfy { $0.isFinite }
    #expect(isFilled)
  }

  @Test func noiseIsThatOfTheOtherCommand() throws {
    let place = try SampleScene.workplace()
    _ = try run("simulate noise in/s.dat o/a.dat --kind noniid --sigma 5,10 --seed 4", place)
    _ = try run("simulate degrade in/s.dat o/b.dat --kind noniid --sigma 5,10 --seed 4 --memory 300K -j 3", place)
    let (a, b) = try (
      Data(contentsOf: URL(fileURLWithPath: place.path("o/a.dat"))),
      Data(contentsOf: URL(fileURLWithPath: place.path("o/b.dat")))
    )
    #expect(a == b, "the bytes differ")
    #expect(try options("o/a.dat", place) == options("o/b.dat", place))
  }

  /// A band that lacks all its values and is listed as bad takes nothing from the others.
  @Test func badBandsMayHoldAnything() throws {
    let place = try SampleScene.workplace()
    let context = RunContext()
    let reader = try open("in/s.dat", place)
    let bad = try #require(reader.metadata.axis.good.firstIndex(of: false))
    let cube = try FileSource(
      reader,
      {
        var o = SelectionOptions(); o.bands = .all; return o
      }(), context: context
    )
    .load(context)
    for row in 0..<cube.count { cube.pixels[row, bad] = .nan }
    let writer = try RasterFormats.create(
      place.path("o/n.dat"), shape: cube.shape, type: .float32, metadata: cube.metadata, options: OutputOptions(),
      context: context)
    let raw = ResultWriter(writer, metadata: cube.metadata)
    try raw.write(cube.pixels, positions: cube.positions, window: cube.shape.window)
    _ = try raw.finish()
    for kind in ["blur", "downsample"] {
      _ = try run("simulate degrade in/s.dat o/a.tif --kind \(kind) --overwrite", place)
      _ = try run("simulate degrade o/n.dat o/b.tif --kind \(kind) --overwrite", place)
      let (a, b) = try (values("o/a.tif", place), values("o/b.tif", place))
      #expect(a.count == b.count && a.indices.allSatisfy { $0 % 60 == bad ? b[$0].isNaN : a[$0] == b[$0] })
    }
  }

  @Test func littleIsToldOf() throws {
    let place = try SampleScene.workplace()
    let result = try run("simulate degrade in/s.dat o/d.dat --kind bands --set ratio=0.01", place)
    #expect(result.errors.contains("W-NOISE-SMALL") && result.errors.contains("none is lost"))
  }

  @Test(arguments: [
    ("--kind fog", 2, "fog"), ("--kind blur --set size=4", 2, "odd"), ("--kind blur --set sise=5", 2, "size"),
    ("--kind blur --range 0,1", 2, "--range is 0.0,1.0 but must be left out"),
    ("--kind blur --missing-out o/m.tif", 2, "--missing-out is o/m.tif but must be left out"),
    ("--kind blur --sigma 5", 2, "gaussian-blur is 5.0"), ("--kind gaussian --sigma 5,6", 2, "one number"),
    ("--kind downsample --set factor=30", 2, "at most the lines and samples"),
    ("--kind mask --missing-out o/d.tif", 2, "different from every other output"),
    ("--kind blur --truth in/s.dat --overwrite", 4, "is an input"), ("", 2, "--kind"),
  ]) func badInput(words: String, status: Int32, text: String) throws {
    let place = try SampleScene.workplace()
    let result = try Tool.run(
      "simulate degrade in/s.dat o/d.tif \(words)".split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == status && result.errorLines.count == 1, "\(result.status) \(result.errors)")
    #expect(result.errors.contains(text), "\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty)
  }

  /// An error after the truth has been written leaves nothing.
  @Test func nothingIsLeft() throws {
    let place = try SampleScene.workplace()
    let result = try Tool.run(
      ["simulate", "degrade", "in/nan.dat", "o/d.tif", "--kind", "blur", "--truth", "o/t.tif"], in: place.url)
    #expect(result.status == 3 && result.errorLines.count == 1, "\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty)
  }
}
