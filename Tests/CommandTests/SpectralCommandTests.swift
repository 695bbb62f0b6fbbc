import Foundation
import HSIKit
import Testing

/// `hsi resample`, `hsi transform`, `hsi index`, from file to file.
@Suite struct SpectralCommandTests {
  private func run(_ line: String, _ place: TemporaryFolder) throws -> Tool.Result {
    try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
  }

  /// Runs a line that must succeed, and returns what stands on standard error.
  @discardableResult
  private func succeed(_ line: String, _ place: TemporaryFolder) throws -> String {
    let result = try run(line, place)
    try #require(result.status == 0, "\(line): \(result.errors)")
    return result.errors
  }

  private func floats(_ name: String, _ place: TemporaryFolder) throws -> [Float] {
    try SampleScene.floats(place.url.appendingPathComponent(name))
  }

  private func most(_ a: [Float], _ b: [Float]) -> Float {
    a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
  }

  private var pixels: Int { SampleScene.lines * SampleScene.samples }

  // MARK: - resample

  @Test func ownBandsAreCopied() throws {
    let place = try SampleScene.workplace()
    let header = try String(contentsOfFile: place.path("in/s.hdr"), encoding: .utf8)
    try Data(header.utf8).write(to: URL(fileURLWithPath: place.path("bands.hdr")))
    let errors = try succeed("resample in/s.dat o/a.bsq --to bands.hdr", place)
    #expect(errors.contains("53 of 60 bands of bands.hdr; wrote o/a.bsq and 2 more files"), "\(errors)")
    #expect(errors.contains("7 bands of bands.hdr are left out"))
    let metadata = try RasterFormats.open(place.path("in/s.dat"), context: RunContext()).metadata
    let (scene, values) = (try floats("in/s.dat", place), try floats("o/a.bsq", place))
    for (k, band) in metadata.axis.goodBands.enumerated() {
      let own = Array(scene[(band * pixels)..<((band + 1) * pixels)])
      #expect(Array(values[(k * pixels)..<((k + 1) * pixels)]) == own, "band \(band)")
    }
    let after = try RasterFormats.open(place.path("o/a.bsq"), context: RunContext()).metadata
    let wanted = metadata.axis.selecting(metadata.axis.goodBands)
    #expect(after.axis.wavelengths == wanted.wavelengths && after.axis.fwhm == wanted.fwhm)
    #expect(after.axis.unit == wanted.unit && after.axis.goodBands.count == 53)
    #expect(after.georeference?.mapping == metadata.georeference?.mapping && after.quantity == metadata.quantity)
  }

  @Test func tablesOfBandsAndResponses() throws {
    let place = try SampleScene.workplace()
    try Data("centre,fwhm\n600,100\n1000,150\n9000,10\n".utf8).write(to: URL(fileURLWithPath: place.path("b.csv")))
    let response = "wavelength,wide,narrow\n550,0,0\n600,1,0\n650,0,0\n"
    try Data(response.utf8).write(to: URL(fileURLWithPath: place.path("r.csv")))
    let bands = try succeed("resample in/s.dat o/b.bsq --to b.csv", place)
    #expect(bands.contains("W-BANDS-UNCOVERED: 1 bands of b.csv are left out") && bands.contains("2 of 3 bands"))
    #expect(try floats("o/b.bsq", place).count == 2 * pixels)
    #expect(try run("info o/b.bsq", place).output.contains("600 to 1000 nm"))
    // A response that is 0 everywhere is refused; one that is not makes a band with its name.
    let dead = try run("resample in/s.dat o/r.bsq --to r.csv", place)
    #expect(dead.status == 3 && dead.errorLines.count == 1 && dead.errors.contains("response of narrow is 0"))
    try Data("wavelength,wide\n550,0\n600,1\n650,0\n".utf8).write(to: URL(fileURLWithPath: place.path("r.csv")))
    try succeed("resample in/s.dat o/r.bsq --to r.csv", place)
    #expect(try String(contentsOfFile: place.path("o/r.hdr"), encoding: .utf8).contains("wide"))
  }

  @Test func narrowBandsAreLeftOutOrInterpolated() throws {
    let place = try SampleScene.workplace()
    let strict = try run("resample in/s.dat o/a.tif --to enmap", place)
    #expect(strict.errors.contains("narrower than those of the scene") && strict.errors.contains("--interpolate"))
    let errors = try succeed("resample in/s.dat o/b.tif --to enmap --interpolate", place)
    #expect(errors.contains("narrower than those of the scene and interpolated"))
    let unknown = try run("resample in/s.dat o/c.tif --to enmp", place)
    #expect(unknown.status == 2 && unknown.errors.contains("did you mean enmap") && unknown.errorLines.count == 1)
    for (text, problem) in [("1 2\n3 4\n", "centres and widths or one response"), ("centre,fwhm\n", "no numbers")] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: place.path("t.csv")))
      let result = try run("resample in/s.dat o/d.tif --to t.csv", place)
      #expect(result.status == 3 && result.errorLines.count == 1 && result.errors.contains(problem), "\(result.errors)")
    }
  }

  // MARK: - transform

  @Test(arguments: ["pca", "mnf", "ica --components 60"]) func thereAndBack(method: String) throws {
    let place = try SampleScene.workplace()
    try succeed("transform in/s.dat o/c.bsq --method \(method) --save o/m.json -b 1-60", place)
    let errors = try succeed("transform o/c.bsq o/s.bsq --inverse o/m.json", place)
    #expect(errors.contains("60 bands from all 60 components"), "\(errors)")
    #expect(try most(floats("o/s.bsq", place), floats("in/s.dat", place)) < 2e-5)
    let wavelengths = try ["in/s.dat", "o/s.bsq"].map { file in
      try run("info \(file)", place).output.split(separator: "\n").first { $0.hasPrefix("wavelengths") }
    }
    #expect(wavelengths[0] == wavelengths[1])
    // The first components only.
    let few = try succeed("transform o/c.bsq o/f.bsq --inverse o/m.json -b 1-3", place)
    #expect(few.contains("from the first 3 of 60 components"))
    let many = try run("transform in/s.dat o/g.bsq --inverse o/m.json -b 1-60,1", place)
    #expect(many.status == 3 && many.errors.contains("has 61 bands") && many.errorLines.count == 1)
  }

  @Test func memoryAndThreadsDoNotMatter() throws {
    let place = try SampleScene.workplace()
    for method in ["mnf", "ica", "continuum", "savgol", "derivative", "normalise"] {
      for (name, options) in [("a", "-j 1"), ("b", "-j 3 --memory 1M")] {
        try succeed("transform in/s.dat o/\(method)\(name).bsq --method \(method) \(options)", place)
      }
      let (a, b) = (place.path("o/\(method)a.bsq"), place.path("o/\(method)b.bsq"))
      #expect(try Data(contentsOf: URL(fileURLWithPath: a)) == Data(contentsOf: URL(fileURLWithPath: b)), "\(method)")
    }
  }

  @Test func continuumAndFeatures() throws {
    let place = try SampleScene.workplace()
    try succeed("transform in/s.dat o/q.bsq --method continuum", place)
    try succeed("transform in/s.dat o/d.bsq --method continuum --set form=1", place)
    let (quotient, depth) = (try floats("o/q.bsq", place), try floats("o/d.bsq", place))
    #expect(zip(quotient, depth).allSatisfy { abs($0 + $1 - 1) < 1e-6 } && quotient.allSatisfy { $0 <= 1 })
    let errors = try succeed("transform in/s.dat o/f.bsq --features 500-800,2000-2400", place)
    #expect(errors.contains("2 absorption features"))
    #expect(try floats("o/f.bsq", place).count == 10 * pixels)
    #expect(try String(contentsOfFile: place.path("o/f.hdr"), encoding: .utf8).contains("position 2000-2400 nm"))
    let narrow = try run("transform in/s.dat o/n.bsq --features 500-501", place)
    #expect(narrow.status == 3 && narrow.errors.contains("at least 3 good bands") && narrow.errorLines.count == 1)
  }

  @Test func missingPixelsStayMissing() throws {
    let place = try SampleScene.workplace()
    for line in [
      "transform in/spots.dat o/a.bsq --method pca", "resample in/spots.dat o/a.bsq --to sentinel2 --overwrite",
    ] {
      try succeed(line, place)
      #expect(try floats("o/a.bsq", place).prefix(pixels).count { $0.isNaN } == 3, "\(line)")
    }
    // An index reads what it needs, and minds nothing else.
    let wavelength =
      try RasterFormats.open(place.path("in/s.dat"), context: RunContext()).metadata.axis.wavelengths?[5] ?? 0
    try succeed("index in/spots.dat o/i.bsq --index 2*b\(wavelength)", place)
    #expect(try floats("o/i.bsq", place).count { $0.isNaN } == 2)
    for name in ["nan", "zero"] {
      for line in [
        "resample in/\(name).dat o/b.bsq --to sentinel2", "index in/\(name).dat o/b.bsq --index ndvi --within 30",
      ] {
        let result = try run(line, place)
        #expect(
          result.status == 3 && result.errors.contains("no valid pixel") && result.errorLines.count == 1, "\(line)")
      }
      let result = try run("transform in/\(name).dat o/b.bsq --method mnf", place)
      #expect(result.status == 3 && result.errorLines.count == 1, "\(result.errors)")
    }
    let constant = try run("transform in/constant.dat o/c.bsq --method mnf", place)
    #expect(constant.status == 3 && constant.errors.contains("its pixels are all equal"), "\(constant.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.path("o/b.bsq")))
  }

  @Test func whatDoesNotGoTogether() throws {
    let place = try SampleScene.workplace()
    let lines: [(String, Int32, String)] = [
      ("transform in/s.dat o/a.tif", 2, "one of --method, --features, --inverse"),
      ("transform in/s.dat o/a.tif --method pca --features 500-900", 2, "given 2 times"),
      ("transform in/s.dat o/a.tif --method mnff", 2, "did you mean mnf"),
      ("transform in/s.dat o/a.tif --method continuum --components 3", 2, "continuum has no components"),
      ("transform in/s.dat o/a.tif --method savgol --save m.json", 2, "savgol has no components"),
      ("transform in/s.dat o/a.tif --method savgol --set window=4", 2, "an odd number from 3"),
      ("transform in/s.dat o/a.tif --method pca --set lambda=4", 2, "pca has no parameter lambda"),
      ("transform in/s.dat o/a.tif --method pca --components 0", 2, "a number from 1"),
      ("transform in/s.dat o/a.tif --inverse in/s.hdr", 7, "no model of a transform"),
      ("transform in/s.dat o/a.tif --features 900-500", 2, "ranges in nm"),
      ("index in/s.dat", 2, "--list to see what the bands allow"),
      ("index in/s.dat o/a.tif", 2, "--index is not given"),
      ("index in/s.dat o/a.tif --list", 2, "used without OUT"),
      ("index in/s.dat o/a.tif --index ndvy", 2, "did you mean ndvi"),
      ("index in/s.dat o/a.tif --index b800+", 2, "character 6"),
      ("index in/s.dat o/a.tif --index b9000/b800", 3, "9000 nm"),
      ("index in/s.dat o/a.tif --index ndvi --within -1", 2, "a number of nm above 0"),
    ]
    for (line, status, problem) in lines {
      let result = try run(line, place)
      #expect(result.status == status && result.errorLines.count == 1, "\(line): \(result.errors)")
      #expect(result.errors.contains(problem), "\(line): \(result.errors)")
    }
  }

  // MARK: - index

  @Test func valuesAreThoseOfTheNearestBands() throws {
    let place = try SampleScene.workplace()
    let errors = try succeed("index in/s.dat o/i.bsq --index ndvi,double=2*b800,ndvi --within 25 -v", place)
    #expect(errors.contains("ndvi: bands at 800 →") && errors.contains("3 indices"))
    let wavelengths =
      try RasterFormats.open(place.path("in/s.dat"), context: RunContext()).metadata.axis.wavelengths ?? []
    func nearest(_ wanted: Double) -> Int {
      wavelengths.indices.min { abs(wavelengths[$0] - wanted) < abs(wavelengths[$1] - wanted) } ?? 0
    }
    let (scene, values) = (try floats("in/s.dat", place), try floats("o/i.bsq", place))
    let (infrared, red) = (nearest(800), nearest(670))
    for n in 0..<pixels {
      let (a, b) = (Double(scene[infrared * pixels + n]), Double(scene[red * pixels + n]))
      #expect(abs(Double(values[n]) - (a - b) / (a + b)) < 1e-6)
      #expect(abs(Double(values[pixels + n]) - 2 * a) < 1e-6 && values[2 * pixels + n] == values[n])
    }
    #expect(try String(contentsOfFile: place.path("o/i.hdr"), encoding: .utf8).contains("double"))
  }

  @Test func listOfWhatIsPossible() throws {
    let place = try SampleScene.workplace()
    let list = try run("index in/s.dat --list --within 30", place).output
    #expect(list.contains("  ndvi ") && list.contains("(b800-b670)/(b800+b670)") && list.contains("minerals\n"))
    let near = try run("index in/s.dat --list --within 0.001", place).output
    #expect(near.contains("not with these bands\n") && near.contains("needs 800 nm, nearest"))
    let some = try run("index in/s.dat --list --wl 400-1000 --within 30", place).output
    #expect(some.contains("clay") && some.contains("needs 1650 nm"))
  }

  @Test func scaleOfReflectancesIsMinded() throws {
    let place = try SampleScene.workplace()
    let line = "index in/s.dat o/i.tif --index savi,ndvi --within 30 --overwrite"
    #expect(try !succeed(line, place).contains("W-INDEX-SCALE"))
    let scaled = try succeed(line + " --scene-scale 10000", place)
    #expect(scaled.contains("W-INDEX-SCALE: savi is made for reflectances from 0 to 1"), "\(scaled)")
    #expect(
      try !succeed("index in/s.dat o/i.tif --index ndvi --within 30 --overwrite --scene-scale 10000", place).contains(
        "W-"))
  }

  @Test func mapsAndRecords() throws {
    let place = try SampleScene.workplace()
    let emit = MapCommandTests.emit
    for (command, name) in [
      ("index \(emit) o/a.bsq --index b500/b700", "a"), ("transform \(emit) o/b.bsq --method normalise", "b"),
    ] {
      try succeed(command + " --ortho glt --stac o/\(name).json", place)
      // The grid of the lookup table, not the swath.
      #expect(try floats("o/\(name).bsq", place).count % 24 == 0)
      #expect(FileManager.default.fileExists(atPath: place.path("o/\(name).json")))
      #expect(FileManager.default.fileExists(atPath: place.path("o/\(name).bsq.prov.json")))
    }
  }

  /// Models that a step writes and another reads, as a job over a scene.
  @Test func stepsOfABatch() throws {
    let place = try SampleScene.workplace()
    let job = """
      version: 1
      inputs: [in/s.dat]
      output: "o/{stem}"
      steps:
        - { id: there, run: transform, with: { method: mnf, components: 8, save: "{output}_m.json" }, out: "{output}_c.tif" }
        - { id: back, run: transform, with: { inverse: "{output}_m.json" }, in: there, out: "{output}_s.tif" }
        - { id: bands, run: resample, with: { to: sentinel2 }, in: back, out: "{output}_b.tif" }
        - { id: ndvi, run: index, with: { index: "ndvi", within: 30 }, in: back, out: "{output}_i.tif" }
      """
    try Data(job.utf8).write(to: URL(fileURLWithPath: place.path("job.yml")))
    let result = try run("batch run job.yml", place)
    #expect(result.status == 0, "\(result.errors)")
    for name in ["c", "s", "b", "i"] { #expect(FileManager.default.fileExists(atPath: place.path("o/s_\(name).tif"))) }
  }
}
