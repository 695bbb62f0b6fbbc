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
