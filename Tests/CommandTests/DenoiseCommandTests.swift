import Foundation
import HSIKit
import Testing

/// What `hsi denoise` writes.
@Suite struct DenoiseCommandTests {
  private static let pixels = SampleScene.lines * SampleScene.samples

  private func run(_ line: String, _ place: TemporaryFolder, environment: [String: String] = [:]) throws
    -> Tool.Result
  {
    let result = try Tool.run(
      line.split(separator: " ").map(String.init), in: place.url, environment: environment)
    #expect(result.status == 0, "hsi \(line)\n\(result.errors)")
    return result
  }

  private func data(_ name: String, _ place: TemporaryFolder) throws -> Data {
    try Data(contentsOf: place.url.appendingPathComponent(name))
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// The facts of `hsi info --json` that belong to the data, without their sources and as any format writes them.
  private func facts(_ path: String, _ place: TemporaryFolder) throws -> [String: String] {
    let info = try object(try run("info \(path) --json", place).output)
    var facts: [String: String] = [:]
    for name in [
      "wavelengths", "fwhm", "goodBands", "nodata", "scale", "offset", "bandNames", "quantity", "sensor",
      "defaultRGB",
      "lines", "samples", "bands",
    ] {
      let value = (info[name] as? [String: Any])?["value"] ?? info[name]
      let numbers = value as? [Double]
      facts[name] = numbers?.map { String(format: "%.4f", $0) }.joined(separator: " ") ?? "\(value ?? "none")"
    }
    let georeference = (info["georeference"] as? [String: Any])?["value"] as? [String: Any]
    let transform = georeference?["geotransform"] as? [Double] ?? []
    facts["geotransform"] = transform.map { String(format: "%.4f", $0 + 0) }.joined(separator: " ")
      .replacingOccurrences(of: "-0.0000", with: "0.0000")
    return facts
  }

  /// A small network with weights as they are drawn.
  private func weights(_ place: TemporaryFolder) throws -> String {
    let configuration = try #require(HSDTConfiguration(named: "hsdt-tiny"))
    let model = HSDTModel(
      HSDT(configuration, seed: 3, initialisation: .xavierNormal),
      card: HSDTModel.card("hsdt-tiny", configuration))
    let path = place.path("o/tiny.safetensors")
    try model.write(to: path, overwrite: true)
    return "o/tiny.safetensors"
  }

  @Test(arguments: ["float32", "int16", "uint16"]) func metadataSurvive(type: String) throws {
    let place = try SampleScene.workplace()
    _ = try run(
      "simulate scene o/a.dat --rows 12 --cols 16 --endmembers 3 --bands 30 --snr 25 --ot \(type) --seed 2",
      place)
    _ = try run("denoise o/a.dat o/b.dat --ot same", place)
    // The header is the same byte by byte.
    #expect(try data("o/a.hdr", place) == data("o/b.hdr", place))
    // Bands that are not processed keep every byte, the others are changed.
    let before = try data("o/a.dat", place)
    let after = try data("o/b.dat", place)
    let info = try object(try run("info o/a.dat --json", place).output)
    let good = try #require((info["goodBands"] as? [String: Any])?["value"] as? [Int])
    #expect(good.contains(0) && good.contains(1) && before.count == after.count)
    let size = before.count / 30
    for band in 0..<30 {
      let range = (band * size)..<((band + 1) * size)
      #expect((before[range] == after[range]) == (good[band] == 0), "band \(band + 1)")
    }
    // As float32 the numbers mean the same.
    _ = try run("denoise o/a.dat o/c.tif", place)
    let (a, c) = (try facts("o/a.dat", place), try facts("o/c.tif", place))
    for (name, value) in a { #expect(c[name] == value, "\(name)") }
    #expect(a["wavelengths"] != "none" && a["geotransform"]?.isEmpty == false)
  }

  @Test func nodataStays() throws {
    let place = try SampleScene.workplace()
    _ = try run("denoise in/spots.dat o/a.dat --method mnf", place)
    let before = try SampleScene.floats(place.url.appendingPathComponent("in/spots.dat"))
    let after = try SampleScene.floats(place.url.appendingPathComponent("o/a.dat"))
    // A pixel that is not finite in a good band keeps all its samples; others are finite.
    let missing: Set<Int> = [64, 65, 210]
    for pixel in missing {
      for band in 0..<SampleScene.bands {
        let place = band * Self.pixels + pixel
        #expect(before[place].bitPattern == after[place].bitPattern)
      }
    }
    for pixel in 0..<Self.pixels where !missing.contains(pixel) {
      #expect(after[5 * Self.pixels + pixel].isFinite)
    }
    // Declared no data likewise.
    _ = try run("denoise in/few7.dat o/f.dat --method mnf", place)
    let few = try SampleScene.floats(place.url.appendingPathComponent("o/f.dat"))
    let absent = few.reduce(0) { $0 + ($1 == -9999 ? 1 : 0) }
    #expect(absent == (Self.pixels - 7) * SampleScene.bands)
  }

  @Test func bandsThatAreLeftOut() throws {
    let place = try SampleScene.workplace()
    _ = try run("denoise in/s.dat o/a.dat --method mnf -b 4-20", place)
    let before = try SampleScene.floats(place.url.appendingPathComponent("in/s.dat"))
    let after = try SampleScene.floats(place.url.appendingPathComponent("o/a.dat"))
    for band in 0..<SampleScene.bands {
      let range = (band * Self.pixels)..<((band + 1) * Self.pixels)
      #expect((before[range] == after[range]) == !(3...19).contains(band), "band \(band + 1)")
    }
    let dropped = try run("denoise in/s.dat o/d.dat --method mnf -b 4-20 --drop-bad", place)
    #expect(!dropped.errors.contains("copied"))
    let info = try object(try run("info o/d.dat --json", place).output)
    #expect(info["bands"] as? Int == 17)
    let part = try SampleScene.floats(place.url.appendingPathComponent("o/d.dat"))
    #expect(part == Array(after[(3 * Self.pixels)..<(20 * Self.pixels)]))
  }

  /// What was removed is the difference of the files.
  @Test func residualIsTheDifference() throws {
    let place = try SampleScene.workplace()
    _ = try run("denoise in/s.dat o/a.dat --residual o/r.dat --drop-bad --method hyres", place)
    let info = try object(try run("info in/s.dat --json", place).output)
    let good = try #require((info["goodBands"] as? [String: Any])?["value"] as? [Int]).enumerated().filter {
      $0.element == 1
    }.map(\.offset)
    let before = try SampleScene.floats(place.url.appendingPathComponent("in/s.dat"))
    let after = try SampleScene.floats(place.url.appendingPathComponent("o/a.dat"))
    let removed = try SampleScene.floats(place.url.appendingPathComponent("o/r.dat"))
    #expect(removed.count == good.count * Self.pixels)
    for (i, band) in good.enumerated() {
      for n in 0..<Self.pixels {
        let difference = before[band * Self.pixels + n] - after[i * Self.pixels + n]
        #expect(abs(removed[i * Self.pixels + n] - difference) < 1e-6)
      }
    }
  }

  @Test(arguments: ["", "--method mnf --noise 0.01", "network"])
  func sameBytesForAnyThreads(what: String) throws {
    let place = try SampleScene.workplace()
    let method =
      what == "network" ? "--window 0,0,16,16 -b 1-12 --model hsdt --weights \(try weights(place))" : what
    let epoch = ["SOURCE_DATE_EPOCH": "1700000000"]
    for (name, threads) in [("a", 1), ("b", 2), ("c", 3)] {
      _ = try run(
        "denoise in/s.dat o/\(name).tif \(method) -j \(threads) --all", place, environment: epoch)
    }
    for suffix in [".tif", "_residual.tif", "_before.png", "_after.png"] {
      let first = try data("o/a" + suffix, place)
      for other in ["b", "c"] {
        let same = try data("o/" + other + suffix, place) == first
        #expect(same, "\(other)\(suffix)")
      }
    }
    func report(_ name: String) throws -> [String: Any] {
      var report = try object(String(decoding: data("o/\(name)_report.json", place), as: UTF8.self))
      report["provenance"] = nil
      report["outputs"] = nil
      return report
    }
    let (a, c) = (try report("a"), try report("c"))
    #expect(NSDictionary(dictionary: a) == NSDictionary(dictionary: c))
  }

  @Test func reportFitsItsSchema() throws {
    let place = try SampleScene.workplace()
    _ = try run("denoise in/s.dat o/a.tif --all", place)
    let report = try object(String(decoding: data("o/a_report.json", place), as: UTF8.self))
    let schema = try object(try run("schema denoise", place).output)
    let required = try #require(schema["required"] as? [String])
    let properties = try #require(schema["properties"] as? [String: Any])
    for name in required { #expect(report[name] != nil, "\(name)") }
    for name in report.keys { #expect(properties[name] != nil, "\(name)") }
    // Every file that the report lists exists, and every file that exists is listed.
    let outputs = try #require(report["outputs"] as? [[String: Any]]).compactMap { $0["path"] as? String }
    for path in outputs { #expect(FileManager.default.fileExists(atPath: place.path(path)), "\(path)") }
    let written = try FileManager.default.contentsOfDirectory(atPath: place.path("o"))
    #expect(Set(written.map { "o/" + $0 }) == Set(outputs))
    let channels = try #require(report["channels"] as? [[String: Any]])
    #expect(channels.count == SampleScene.bands)
    #expect(channels.allSatisfy { ($0["noise_before"] != nil) == ($0["processed"] as? Bool == true) })
    #expect((report["pixels"] as? [[String: Any]])?.count == 4)
    let method = try #require(report["method"] as? [String: Any])
    #expect((method["reason"] as? String)?.isEmpty == false && method["reason"] as? String != "given")
    let page = String(decoding: try data("o/a_report.html", place), as: UTF8.self)
    #expect(
      !page.contains("src=\"http") && !page.contains("<link") && page.contains("data:image/png;base64,"))
    #expect(page.contains("Before and after") && page.contains("Is it noise?"))
  }

  /// Simulated noise is removed, and the report knows how much there was.
  @Test func noiseIsRemoved() throws {
    let place = try SampleScene.workplace()
    _ = try run(
      "simulate scene o/clean.dat --rows 40 --cols 40 --endmembers 3 --bands 40 --snr none --seed 4", place)
    _ = try run("simulate noise o/clean.dat o/noisy.dat --sigma 25 --seed 1", place)
    let text = try run("denoise o/noisy.dat o/a.dat --report -", place).output
    func psnr(_ path: String) throws -> Double {
      let figures = try object(try run("evaluate restoration \(path) o/clean.dat --json", place).output)
      return try #require((figures["restored"] as? [String: Any])?["mpsnr_db"] as? Double)
    }
    let (before, after) = (try psnr("o/noisy.dat"), try psnr("o/a.dat"))
    #expect(after > before + 5, "\(before) dB to \(after) dB")
    let report = try object(text)
    let residual = try #require(report["residual"] as? [String: Any])
    #expect(abs(try #require(residual["spatial_correlation"] as? Double)) < 0.1)
    #expect(abs(try #require(residual["spectral_correlation"] as? Double)) < 0.15)
    // Levels from a file are used as they are.
    try Data((0..<40).map { "\($0 + 1),\(0.01 * Double($0 + 1))\n" }.joined().utf8)
      .write(to: URL(fileURLWithPath: place.path("o/levels.csv")))
    let given = try object(
      try run("denoise o/noisy.dat o/b.dat --noise o/levels.csv --method mnf --report -", place).output)
    #expect(given["noise_source"] as? String == "given")
    let levels = try #require(given["channels"] as? [[String: Any]]).map { $0["noise_before"] as? Double }
    for (band, level) in levels.enumerated() where level != nil {
      #expect(abs(level! - 0.01 * Double(band + 1)) < 1e-9)
    }
  }

  /// Integers that cannot hold what is restored are clipped with a count.
  @Test func clippingIsCounted() throws {
    let place = try SampleScene.workplace()
    let header = """
      ENVI
      samples = 24
      lines = 24
      bands = 6
      data type = 1
      interleave = bsq
      byte order = 0
      data ignore value = 0

      """
    var random = CounterRandom(seed: 9)
    var bytes: [UInt8] = []
    for i in 0..<(24 * 24 * 6) {
      let level: Double = (i / 12) % 2 == 0 ? 5 : 250
      let value = (level + 20 * random.normal()).rounded()
      bytes.append(UInt8(max(1, min(255, value))))
    }
    try Data(header.utf8).write(to: URL(fileURLWithPath: place.path("o/u.hdr")))
    try Data(bytes).write(to: URL(fileURLWithPath: place.path("o/u.dat")))
    let result = try run("denoise o/u.dat o/v.dat --ot same --method pca --set rank=1 --noise 20", place)
    let after = try data("o/v.dat", place)
    #expect(after.count == bytes.count && !after.contains(0))
    _ = try run("denoise o/u.dat o/w.dat --method pca --set rank=1 --noise 20", place)
    let exact = try SampleScene.floats(place.url.appendingPathComponent("o/w.dat"))
    for (a, b) in zip(after, exact) where b > 1 && b < 255 { #expect(abs(Float(a) - b) <= 0.5) }
    let beyond = exact.reduce(0) { count, value in
      let rounded = value.rounded(.toNearestOrEven)
      return count + (rounded > 255 || rounded < 0 ? 1 : 0)
    }
    if beyond > 0 { #expect(result.errors.contains("W-CLIPPED: \(beyond) of \(bytes.count)")) }
  }

  /// Every denoiser of the table that needs no training runs on the sample.
  @Test func everyMethodRuns() throws {
    let place = try SampleScene.workplace()
    let text = try run("methods --json", place).output
    let methods = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    let denoisers = methods.filter { $0["task"] as? String == "denoise" }.compactMap { $0["id"] as? String }
    #expect(denoisers.contains("hyres") && denoisers.contains("hsdt"))
    for id in denoisers where id != "hsdt" {
      _ = try run("denoise in/s.dat o/\(id).dat --method \(id)", place)
      let values = try SampleScene.floats(place.url.appendingPathComponent("o/\(id).dat"))
      #expect(values.count == SampleScene.bands * Self.pixels)
      #expect(values.allSatisfy { $0.isFinite && abs($0) < 100 }, "\(id)")
    }
  }

  /// Damaged and missing weights: exit code 7, one line, nothing left.
  @Test func weightsAreChecked() throws {
    let place = try SampleScene.workplace()
    let whole = try data(try weights(place), place)
    try FileManager.default.removeItem(atPath: place.path("o/tiny.safetensors"))
    let bad: [(String, Data)] = [
      ("short.safetensors", whole.prefix(whole.count / 2)), ("tiny.pth", Data("no checkpoint".utf8)),
      ("empty.safetensors", Data()),
    ]
    for (name, bytes) in bad { try bytes.write(to: place.url.appendingPathComponent(name)) }
    for (options, message) in [
      ("--weights short.safetensors", "E-WEIGHTS-SHORT"), ("--weights tiny.pth", "tiny.pth"),
      ("--weights empty.safetensors", "empty.safetensors"),
      ("--weights absent.safetensors", "E-WEIGHTS-NOT-FOUND"),
    ] {
      let line = "denoise in/s.dat o/a.tif --model hsdt \(options) --all"
      let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
      #expect(result.status == 7, "\(result.errors)")
      #expect(result.errorLines.count == 1 && result.errors.contains(message), "\(result.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty)
    }
  }

  /// Stopped work leaves nothing.
  @Test func interrupted() throws {
    let place = try SampleScene.workplace()
    _ = try run("simulate scene in.dat --rows 160 --cols 160 --endmembers 3 --bands 40 --snr 20", place)
    let script = """
      \(Tool.executable.path) denoise in.dat o/a.tif --method hyres --set shifts=64 --all & p=$!; sleep 1; kill -INT $p
      wait $p; exit $?
      """
    let result = try Tool.launch(["bash", "-c", script], in: place.url)
    #expect(result.status == 130, "\(result.errors)")
    #expect(result.errorLines == ["hsi: error: interrupted"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty)
  }
}
