import Foundation
import HSIKit
import Testing

/// `hsi evaluate restoration --only-missing`.
@Suite struct MissingEvaluationTests {
  private func run(_ line: String, _ place: TemporaryFolder) throws -> Tool.Result {
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == 0, "hsi \(line)\n\(result.errors)")
    return result
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// All values of all bands, missing ones as NaN, pixel by pixel.
  private func values(_ name: String, _ place: TemporaryFolder) throws -> [Float] {
    var options = SelectionOptions()
    (options.bands, options.nodataPolicy, options.acceptsMissingValues) = (.all, .values, true)
    let context = RunContext()
    return try FileSource(RasterFormats.open(place.path(name), context: context), options, context: context)
      .load(context).pixels.values
  }

  /// The figures are those of the formula over the hidden values, whether the degraded scene or a raster tells of them.
  @Test func hiddenValues() throws {
    let place = try SampleScene.workplace()
    _ = try run(
      "simulate degrade in/s.dat o/d.dat --kind mask --set ratio=0.3 --seed 2 --missing-out o/m.tif", place)
    _ = try run("restore o/d.dat o/r.dat --task inpaint --method spectral-interpolation", place)
    let line = "evaluate restoration o/r.dat in/s.dat --only-missing --json"
    let found = try object(run(line + " --degraded o/d.dat", place).output)
    let marked = try object(run(line + " --missing o/m.tif", place).output)
    #expect(found as NSDictionary == marked as NSDictionary)
    let (truth, holes, result) = try (values("in/s.dat", place), values("o/d.dat", place), values("o/r.dat", place))
    let good = try RasterFormats.open(place.path("in/s.dat"), context: RunContext()).metadata.axis.good
    let judged = truth.indices.filter { good[$0 % 60] }
    let range = Double((judged.map { truth[$0] }.max() ?? 1) - (judged.map { truth[$0] }.min() ?? 0))
    let hidden = judged.filter { holes[$0].isNaN }
    let squares = hidden.reduce(0.0) { $0 + pow(Double(result[$1] - truth[$1]) / range, 2) }
    let rmse = (squares / Double(hidden.count)).squareRoot()
    #expect(found["values"] as? Int == hidden.count && found["left"] as? Int == 0)
    #expect(abs((found["rmse"] as? Double ?? 0) / rmse - 1) < 1e-5)
    #expect(abs((found["psnr_db"] as? Double ?? 0) + 20 * log10(rmse)) < 1e-4)
    let bands = try #require(found["missing_bands"] as? [String: Any])
    #expect(bands["count"] as? Int == 0 && bands["mssim"] is NSNull)
    #expect((found["bands"] as? [Any])?.count == good.count { $0 })
  }

  /// The published protocol: the same figures as those of a comparison of the missing bands alone, here by `--per-band`.
  @Test func missingBands() throws {
    let place = try SampleScene.workplace()
    for (name, zero) in [("d", ""), ("z", " --set zero=1 --range 0,1")] {
      _ = try run("simulate degrade in/s.dat o/\(name).dat --kind bands --set ratio=0.1 --seed 2\(zero)", place)
    }
    _ = try run("restore o/d.dat o/r.dat --task inpaint", place)
    let line = "evaluate restoration o/r.dat in/s.dat --json --clamp"
    let only = try object(run(line + " --only-missing --degraded o/d.dat", place).output)
    let zeros = try object(run(line + " --only-missing --degraded o/z.dat", place).output)
    let all = try object(run(line, place).output)
    #expect(only as NSDictionary == zeros as NSDictionary)
    let rows = try #require(only["bands"] as? [[String: Any]])
    let every = try #require((all["restored"] as? [String: Any])?["bands"] as? [[String: Any]])
    #expect(rows.count == every.count / 10 && rows.count > 3)
    var (psnr, ssim) = (0.0, 0.0)
    for row in rows {
      let same = try #require(every.first { $0["band"] as? Int == row["band"] as? Int })
      for name in ["psnr_db", "ssim", "rmse"] {
        let (a, b) = (row[name] as? Double ?? 0, same[name] as? Double ?? 1)
        #expect(abs(a - b) < 1e-9)
      }
      psnr += (same["psnr_db"] as? Double ?? 0) / Double(rows.count)
      ssim += (same["ssim"] as? Double ?? 0) / Double(rows.count)
    }
    let figures = try #require(only["missing_bands"] as? [String: Any])
    #expect(abs((figures["mpsnr_db"] as? Double ?? 0) - psnr) < 1e-9)
    #expect(abs((figures["mssim"] as? Double ?? 0) - ssim) < 1e-9)
    let text = try run(
      "evaluate restoration o/r.dat in/s.dat --only-missing --degraded o/d.dat --per-band", place
    ).output
    #expect(text.contains("\(rows.count) of \(every.count) were missing entirely") && text.contains("MSSIM"))
  }

  /// Values that are still missing are counted and judged by nothing.
  @Test func whatIsStillMissing() throws {
    let place = try SampleScene.workplace()
    _ = try run("simulate degrade in/s.dat o/d.dat --kind mask --set ratio=0.3 --seed 2", place)
    let json = try object(
      run("evaluate restoration o/d.dat in/s.dat --only-missing --degraded o/d.dat --json", place).output)
    #expect(json["values"] as? Int == 0 && (json["left"] as? Int ?? 0) > 1000 && json["rmse"] is NSNull)
    let text = try run("evaluate restoration o/d.dat in/s.dat --only-missing --degraded o/d.dat", place).output
    #expect(text.contains("of them still are") && text.contains("–"))
  }

  @Test(arguments: [
    ("in/s.dat --only-missing", 2, "used with --degraded"), ("in/s.dat --missing zero", 2, "used with --only-missing"),
    ("in/s.dat --only-missing --missing zero", 2, "used with --degraded"),
    ("in/s.dat --only-missing --degraded in/s.dat", 2, "this one has all of them"),
    ("in/s.dat --only-missing --degraded in/s_abundances.dat", 3, "same grid and bands"),
    ("in/s.dat --only-missing --missing in/s_abundances.dat", 3, "in/s_abundances.dat"),
    ("in/s.dat --only-missing --degraded in/nan.dat", 3, "valid"),
  ]) func badInput(words: String, status: Int32, text: String) throws {
    let place = try SampleScene.workplace()
    let result = try Tool.run(
      "evaluate restoration in/s.dat \(words)".split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == status && result.errorLines.count == 1, "\(result.status) \(result.errors)")
    #expect(result.errors.contains(text), "\(result.errors)")
  }
}
