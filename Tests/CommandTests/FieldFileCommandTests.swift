import Foundation
import HSIKit
import Testing

/// Files as people have them, through whole commands.
@Suite struct FieldFileCommandTests {
  @discardableResult
  private func run(_ line: String, _ place: TemporaryFolder, _ status: Int32 = 0, _ word: String? = nil) throws
    -> Tool.Result
  {
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == status, "\(line)\n\(result.errors)")
    if let word { #expect(result.errors.contains(word), "\(line)\n\(result.errors)") }
    return result
  }

  /// No output takes the header of another raster away, whether asked to replace files or not, and nothing is computed before.
  @Test func headerOfAnotherRaster() throws {
    let place = try SampleScene.workplace()
    try run("convert in/s.dat o/x.dat", place)
    let header = try Data(contentsOf: URL(fileURLWithPath: place.path("o/x.hdr")))
    for line in [
      "convert in/s.dat o/x.bip --overwrite", "denoise in/s.dat o/x.bil --overwrite",
      "unmix in/s.dat o/a.tif --count 2 --endmembers-out o/x --overwrite",
    ] {
      let refused = try run(line, place, 4, "E-WRITE")
      #expect(refused.errorLines.count == 1 && refused.errors.contains("x.hdr"))
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: place.path("o/x.hdr"))) == header)
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).sorted() == ["x.dat", "x.hdr"])
    try run("convert in/s.dat o/x.dat --overwrite", place)
  }

  /// A TIFF with the scene's ENVI header beside it is the scene, by either name.
  @Test func headerBesideTIFF() throws {
    let place = try SampleScene.workplace()
    try run("convert in/s.dat o/plain.npy", place)
    try run("convert o/plain.npy o/t.tif", place)
    try FileManager.default.copyItem(atPath: place.path("in/s.hdr"), toPath: place.path("o/t.hdr"))
    for name in ["t.tif", "t.hdr"] {
      try run("convert o/\(name) o/back.npy --overwrite", place)
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: place.path("o/back.npy")))
          == Data(contentsOf: URL(fileURLWithPath: place.path("o/plain.npy"))))
      let facts = try run("info o/\(name)", place).output
      #expect(facts.contains("[hdr]"), "\(facts)")
    }
    // The header is an input and stays.
    try run("convert o/t.tif o/t.dat --overwrite", place, 4)
  }

  /// Endmembers of a scene without wavelengths go through their CSV as through their ENVI library.
  @Test func endmembersWithoutWavelengths() throws {
    let place = try SampleScene.workplace()
    try run("convert in/s.dat o/n.npy", place)
    try run("endmembers o/n.npy o/e --count 3 --method vca", place)
    for name in ["e.csv", "e.sli"] {
      let text = try run("spectra info o/\(name)", place).output
      #expect(text.contains("3 spectra"), "\(text)")
    }
    try run("unmix o/n.npy o/a.tif --endmembers o/e.csv --method fcls", place)
    try run("unmix o/n.npy o/b.tif --endmembers o/e.sli --method fcls", place)
    #expect(try run("info o/a.tif", place).output.contains("× 3 bands"))
  }
}
