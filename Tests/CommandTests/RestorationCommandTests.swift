import Foundation
import Testing

/// `hsi simulate noise` and `hsi evaluate restoration` on the simulated scene.
@Suite struct RestorationCommandTests {
  private func run(_ line: String, _ place: TemporaryFolder) throws -> Tool.Result {
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == 0, "hsi \(line)\n\(result.errors)")
    return result
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// The noisy PSNR that evaluation finds is that of the model: 28 800 draws.
  @Test func gaussianNoiseHasItsPSNR() throws {
    let place = try SampleScene.workplace()
    _ = try run("simulate noise in/s.dat o/n.dat --sigma 30 --seed 2", place)
    let json = try object(run("evaluate restoration o/n.dat in/s.dat --json --noisy o/n.dat", place).output)
    for side in ["restored", "noisy"] {
      let figures = try #require(json[side] as? [String: Any])
      let psnr = try #require(figures["mpsnr_db"] as? Double)
      #expect(abs(psnr - 20 * log10(255.0 / 30)) < 0.25)
    }
    #expect(json["pixels"] as? Int == 480 && json["ssim_windows"] as? Int == 18 * 14)
  }

  /// A scene equals itself; what JSON cannot hold is null.
  @Test func identicalScenes() throws {
    let place = try SampleScene.workplace()
    let json = try object(run("evaluate restoration in/s.dat in/s.dat --json", place).output)
    let figures = try #require(json["restored"] as? [String: Any])
    #expect(figures["mpsnr_db"] is NSNull && figures["mssim"] as? Double == 1)
    let text = try run("evaluate restoration in/s.dat in/s.dat --per-band --ssim-range 2", place).output
    #expect(text.contains("MPSNR dB             ∞") && text.contains("SSIM range  2"))
    #expect(text.split(separator: "\n").count > 60)
  }

  /// The bytes depend on the seed only; the provenance tells what was drawn.
  @Test func reproducible() throws {
    let place = try SampleScene.workplace()
    for (name, options) in [
      ("a", "-j 1 --memory 1G"), ("b", "-j 3 --memory 300K"), ("c", "--window 0,0,20,24"),
    ] {
      _ = try run("simulate noise in/s.dat o/\(name).dat --kind mixture --seed 5 \(options)", place)
    }
    _ = try run("simulate noise in/s.dat o/d.dat --kind mixture --seed 6 --no-prov", place)
    func bytes(_ name: String) throws -> Data {
      try Data(contentsOf: place.url.appendingPathComponent("o/\(name)"))
    }
    #expect(try bytes("a.dat") == bytes("b.dat") && bytes("a.dat") == bytes("c.dat"))
    #expect(try bytes("a.dat") != bytes("d.dat"))
    let provenance = try object(String(decoding: bytes("a.dat.prov.json"), as: UTF8.self))
    let options = try #require(provenance["options"] as? [String: String])
    #expect(options["kind"] == "mixture" && provenance["seed"] as? Int == 5)
    #expect(options["sigma_per_band"]?.split(separator: ",").count == 60)
    #expect(options.keys.contains { $0.hasSuffix("dead_columns") })
    #expect(!FileManager.default.fileExists(atPath: place.path("o/d.dat.prov.json")))
  }

  /// Pixels without data and bands that are listed as bad stay as they are; the rest changes; metadata pass through.
  @Test func invalidPixelsAndBadBandsStay() throws {
    let place = try SampleScene.workplace()
    _ = try run("simulate noise in/spots.dat o/n.dat --sigma 20", place)
    let (clean, noisy) = try (
      SampleScene.floats(place.url.appendingPathComponent("in/spots.dat")),
      SampleScene.floats(place.url.appendingPathComponent("o/n.dat"))
    )
    let invalid: Set = [3 * 20 + 4, 3 * 20 + 5, 10 * 20 + 10]
    let info = try object(run("info in/s.dat --json", place).output)
    let good = try #require((info["goodBands"] as? [String: Any])?["value"] as? [Bool])
    let pixels = SampleScene.lines * SampleScene.samples
    var unchanged = 0
    for i in clean.indices {
      let isGood = good[i / pixels]
      #expect(noisy[i].isNaN == invalid.contains(i % pixels), "value \(i)")
      guard !invalid.contains(i % pixels), noisy[i] == clean[i] || !isGood else { continue }
      if isGood { unchanged += 1 } else { #expect(noisy[i] == clean[i], "value \(i)") }
    }
    // A draw may be too small to show in single precision, about one in a million.
    #expect(unchanged < 4)
    let after = try object(run("info o/n.dat --json", place).output)
    for name in ["wavelengths", "fwhm", "goodBands", "georeference", "quantity"] {
      let value = { (facts: [String: Any]) in (facts[name] as? [String: Any])?["value"] as? NSObject }
      #expect(value(info) == value(after), "\(name)")
    }
    // The scene and the noisy one lack the same pixels: evaluation leaves them and their windows out.
    let json = try object(run("evaluate restoration o/n.dat in/s.dat --json", place).output)
    #expect(json["pixels"] as? Int == 477)
    #expect((json["ssim_windows"] as? Int).map { $0 < 18 * 14 && $0 > 0 } == true)
  }

  @Test func narrowScenesAreToldOf() throws {
    let place = try SampleScene.workplace()
    let result = try run("simulate noise in/s.dat o/n.dat --kind stripe --window 0,0,9,9", place)
    #expect(result.errors.contains("W-NOISE-SMALL"))
  }
}
