import Foundation
import HSIKit
import Testing

/// What `hsi unmix` and its neighbours write.
@Suite struct UnmixCommandTests {
  private func run(_ line: String, _ place: TemporaryFolder) throws -> Tool.Result {
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == 0, "hsi \(line)\n\(result.errors)")
    return result
  }

  private func data(_ name: String, _ place: TemporaryFolder) throws -> Data {
    try Data(contentsOf: place.url.appendingPathComponent(name))
  }

  private func floats(_ name: String, _ place: TemporaryFolder) throws -> [Float] {
    try SampleScene.floats(place.url.appendingPathComponent(name))
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  private static let pixels = SampleScene.lines * SampleScene.samples

  @Test(arguments: [
    "--count 3", "--count 3 --method fcls", "--endmembers in/s_endmembers.sli",
    "--library in/s_endmembers.sli --method clsunsal",
  ])
  func sameBytesForAnyThreadsAndMemory(what: String) throws {
    let place = try SampleScene.workplace()
    for (name, options) in [("a", "-j 1"), ("b", "-j 2"), ("c", "-j 2 --memory 16M")] {
      _ = try run("unmix in/s.dat o/\(name).tif \(what) \(options) --all --seed 5", place)
    }
    for suffix in [
      ".tif", "_rmse.tif", "_guidance.tif", "_endmembers.sli", "_channels.csv", "_composite.png",
    ] {
      guard FileManager.default.fileExists(atPath: place.path("o/a" + suffix)) else { continue }
      let first = try data("o/a" + suffix, place)
      for other in ["b", "c"] {
        let same = try data("o/" + other + suffix, place) == first
        #expect(same, "\(other)\(suffix)")
      }
    }
  }

  @Test(arguments: ["--count 3", "--endmembers in/s_endmembers.sli"])
  func abundancesAreFractions(what: String) throws {
    let place = try SampleScene.workplace()
    _ = try run("unmix in/s.dat o/a.dat \(what)", place)
    let values = try floats("o/a.dat", place)
    #expect(values.count == 3 * Self.pixels)
    #expect(values.allSatisfy { $0 >= 0 })
    for i in 0..<Self.pixels {
      let sum = (0..<3).reduce(Float(0)) { $0 + values[$1 * Self.pixels + i] }
      #expect(abs(sum - 1) < 1e-5, "pixel \(i): \(sum)")
    }
  }

  /// Residual spectra square to the residual per pixel, whatever memory there is; shade is what the sum leaves.
  @Test(arguments: [
    "--count 3", "--count 3 --normalise", "--count 3 --method rrlbs-v",
    "--endmembers in/s_endmembers.sli --method nnls",
  ])
  func residualSpectraAndShade(what: String) throws {
    let place = try SampleScene.workplace()
    _ = try run(
      "unmix in/s.dat o/a.dat \(what) --add rmse,sum,shade --residual-spectra o/r.dat --report o/a.json", place)
    // Errors leave corrupted channels out; the residual spectra hold them.
    let report = try JSONSerialization.jsonObject(with: data("o/a.json", place)) as? [String: Any]
    let used = try #require(report?["channels"] as? [[String: Any]]).filter { $0["used"] as? Bool == true }
    let healthy = used.indices.filter { used[$0]["corrupted"] as? Bool != true }
    let values = try floats("o/a.dat", place)
    let residual = try floats("o/r.dat", place)
    let bands = residual.count / Self.pixels
    #expect(bands == used.count && residual.count == bands * Self.pixels)
    #expect(healthy.count > 3 * bands / 4)
    for i in 0..<Self.pixels {
      let (rmse, sum, shade) = (values[3 * Self.pixels + i], values[4 * Self.pixels + i], values[5 * Self.pixels + i])
      #expect(abs(sum + shade - 1) < 1e-6)
      let squares = healthy.reduce(0.0) { $0 + pow(Double(residual[$1 * Self.pixels + i]), 2) }
      let expected = (squares / Double(healthy.count)).squareRoot()
      #expect(abs(expected - Double(rmse)) < 1e-4 * Double(rmse) + 1e-7, "pixel \(i)")
    }
    // Blind methods work on a sample where memory is short.
    guard !what.contains("--count") else { return }
    _ = try run("unmix in/s.dat o/b.dat \(what) --residual-spectra o/q.dat --memory 16M -j 1", place)
    let same = try data("o/q.dat", place) == data("o/r.dat", place)
    #expect(same)
  }

  @Test func reportFitsItsSchema() throws {
    let place = try SampleScene.workplace()
    _ = try run("unmix in/s.dat o/a.tif --count 3 --all --library in/s_endmembers.sli", place)
    let report = try object(String(decoding: data("o/a_report.json", place), as: UTF8.self))
    let schema = try object(try run("schema report", place).output)
    let required = try #require(schema["required"] as? [String])
    let properties = try #require(schema["properties"] as? [String: Any])
    for name in required { #expect(report[name] != nil, "\(name)") }
    for name in report.keys { #expect(properties[name] != nil, "\(name)") }
    // Every file that the report lists exists, and every file that exists is listed.
    let outputs = try #require(report["outputs"] as? [[String: Any]]).compactMap { $0["path"] as? String }
    for path in outputs { #expect(FileManager.default.fileExists(atPath: place.path(path)), "\(path)") }
    let written = try FileManager.default.contentsOfDirectory(atPath: place.path("o"))
    #expect(Set(written.map { "o/" + $0 }) == Set(outputs))
    // Blind endmembers of a clean scene carry the names of the library.
    let names = try #require(report["endmembers"] as? [[String: Any]]).compactMap { $0["name"] as? String }
    let library = try object(try run("spectra info in/s_endmembers.sli --json", place).output)
    let known = try #require(library["spectra"] as? [[String: Any]]).compactMap { $0["name"] as? String }
    #expect(Set(names) == Set(known))
    let bands = try object(try run("info o/a.tif --json", place).output)["bandNames"] as? [String: Any]
    #expect(bands?["value"] as? [String] == names.map { "abundance: " + $0 })
    // One self-contained page.
    let page = String(decoding: try data("o/a_report.html", place), as: UTF8.self)
    #expect(
      !page.contains("src=\"http") && !page.contains("<link") && page.contains("data:image/png;base64,"))
  }

  @Test func truthAgainstItselfIsExact() throws {
    let place = try SampleScene.workplace()
    let text = try run(
      "evaluate unmixing in/s_abundances.dat --reference in/s_abundances.dat --endmembers in/s_endmembers.sli "
        + "--reference-endmembers in/s_endmembers.sli --json", place
    ).output
    let figures = try object(text)
    #expect(figures["rmse"] as? Double == 0)
    #expect((figures["mean_sad"] as? Double ?? 1) < 1e-6)
  }

  /// Endmembers that were written give nearly the same abundances when they are fed back.
  @Test func endmembersCanBeFedBack() throws {
    let place = try SampleScene.workplace()
    _ = try run("unmix in/s.dat o/a.dat --count 3 --method fcls", place)
    _ = try run("unmix in/s.dat o/b.dat --endmembers o/a_endmembers.sli", place)
    _ = try run("unmix in/s.dat o/c.dat --endmembers o/a_endmembers.csv", place)
    let (a, b, c) = (try floats("o/a.dat", place), try floats("o/b.dat", place), try floats("o/c.dat", place))
    #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-3 })
    #expect(zip(a, c).allSatisfy { abs($0 - $1) < 1e-3 })
  }

  @Test func countCanBeEstimated() throws {
    let place = try SampleScene.workplace()
    let report = try object(try run("unmix in/s.dat o/a.tif --count auto --report -", place).output)
    let count = try #require(report["endmembers"] as? [[String: Any]]).count
    #expect((2...8).contains(count))
    #expect(try object(try run("info o/a.tif --json", place).output)["bands"] as? Int == count)
  }

  /// The first line of a window lies where it lay in the scene.
  @Test func windowIsShifted() throws {
    let place = try SampleScene.workplace()
    func transform(_ path: String) throws -> [Double] {
      let info = try object(try run("info \(path) --json", place).output)
      let value = (info["georeference"] as? [String: Any])?["value"] as? [String: Any]
      return try #require(value?["geotransform"] as? [Double])
    }
    let whole = try transform("in/s.dat")
    _ = try run("unmix in/s.dat o/a.tif --endmembers in/s_endmembers.sli --window 4,6,10,8", place)
    _ = try run("convert in/s.dat o/c.dat --window 4,6,10,8", place)
    _ = try run("quicklook in/s.dat o/q.png --window 4,6,10,8", place)
    for path in ["o/a.tif", "o/c.dat"] {
      let part = try transform(path)
      #expect(abs(part[0] - (whole[0] + 4 * whole[1])) < 1e-6)
      #expect(abs(part[3] - (whole[3] + 6 * whole[5])) < 1e-6)
    }
    let world = String(decoding: try data("o/q.pgw", place), as: UTF8.self).split(separator: "\n").compactMap {
      Double($0)
    }
    #expect(abs(world[4] - (whole[0] + 4.5 * whole[1])) < 1e-3)
    // A window of the whole gives the same abundances as the whole.
    _ = try run("unmix in/s.dat o/w.dat --endmembers in/s_endmembers.sli", place)
    _ = try run("unmix in/s.dat o/v.dat --endmembers in/s_endmembers.sli --window 4,6,10,8", place)
    let (all, part) = (try floats("o/w.dat", place), try floats("o/v.dat", place))
    for band in 0..<3 {
      for line in 0..<8 {
        for sample in 0..<10 {
          let whole = all[band * Self.pixels + (line + 6) * 20 + sample + 4]
          #expect(part[band * 80 + line * 10 + sample] == whole)
        }
      }
    }
  }

  /// Mixtures of single spectra: products that fit together, the same bytes whatever runs beside, and refusals with the remedy.
  @Test func mixturesOfSpectra() throws {
    let place = try SampleScene.workplace()
    let line =
      "--library in/s_endmembers.sli --method mesma --classes in/classes.csv:kind --max-level 4 --set max_rmse=1"
    let table = try object(run("spectra info in/s_endmembers.sli --json", place).output)["spectra"] as? [[String: Any]]
    let all = try #require(table).compactMap { $0["name"] as? String }
    #expect(all.count == 3)
    let text = "name,group,kind\n" + all.enumerated().map { "\"\($1)\",x,k\($0)\n" }.joined()
    try Data(text.utf8).write(to: place.url.appendingPathComponent("in/classes.csv"))
    _ = try run("unmix in/s.dat o/a.dat \(line) --all --uncertainty bootstrap:2 -j 1", place)
    _ = try run("unmix in/s.dat o/b.dat \(line) --all --uncertainty bootstrap:2 -j 2 --memory 16M", place)
    for suffix in [".dat", "_shade.dat", "_model.dat", "_models.csv", "_normalised.dat", "_rmse.dat", "_sigma.dat"] {
      #expect(try data("o/a" + suffix, place) == data("o/b" + suffix, place), "\(suffix)")
    }
    let (fractions, shade) = (try floats("o/a.dat", place), try floats("o/a_shade.dat", place))
    let normalised = try floats("o/a_normalised.dat", place)
    for i in 0..<Self.pixels where shade[i].isFinite {
      let sum = (0..<3).reduce(Float(0)) { $0 + fractions[$1 * Self.pixels + i] }
      #expect(abs(sum + shade[i] - 1) < 1e-5)
      #expect(abs(normalised[i] * sum - fractions[i]) < 1e-5)
    }
    let report = try object(String(decoding: data("o/a_report.json", place), as: UTF8.self))
    let models = try #require(report["models"] as? [String: Any])
    #expect(models["tried"] as? Int == 7)
    #expect(String(decoding: try data("o/a_report.html", place), as: UTF8.self).contains("<h2>Models</h2>"))
    for (words, problem) in [
      ("--library in/s_endmembers.sli --method mesma", "--classes"), ("--count 3 --method mesma", "--library"),
      ("--count 3 --uncertainty residual", "fcls"), ("--count 3 --shade-out o/x.dat", "mesma"),
      ("--endmembers in/s_endmembers.sli --classes name", "mesma"),
      ("--endmembers in/s_endmembers.sli --uncertainty bootstrap:1", "from 2"),
      ("--endmembers in/s_endmembers.sli --sigma-out o/y.dat", "--uncertainty"),
    ] {
      let result = try Tool.run(
        ["unmix", "in/s.dat", "o/c.dat"] + words.split(separator: " ").map(String.init), in: place.url)
      #expect(result.status == 2 && result.errors.contains(problem), "\(words): \(result.errors)")
    }
  }

  /// Every method of the table runs on the sample and gives finite results.
  @Test func everyMethodRuns() throws {
    let place = try SampleScene.workplace()
    let text = try run("methods --json", place).output
    let methods = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    var tried = 0
    for method in methods {
      let (id, task) = (method["id"] as? String ?? "", method["task"] as? String ?? "")
      let name = "o/\(id)"
      switch task {
      case "count":
        _ = try run("unmix in/s.dat \(name).dat --count auto --count-method \(id) --method fcls", place)
      case "extract": _ = try run("unmix in/s.dat \(name).dat --count 3 --method fcls --extract \(id)", place)
      case "blind": _ = try run("unmix in/s.dat \(name).dat --count 3 --method \(id)", place)
      case "sparse" where id == "mesma":
        _ = try run(
          "unmix in/s.dat \(name).dat --library in/s_endmembers.sli --classes name --method \(id) --set max_rmse=1 --set max_shade=1",
          place)
      case "abundance", "sparse":
        _ = try run("unmix in/s.dat \(name).dat --endmembers in/s_endmembers.sli --method \(id)", place)
      default: continue
      }
      tried += 1
      let values = try floats(name + ".dat", place)
      // Mixture models may leave pixels without one, and names may begin alike.
      if id == "mesma" {
        #expect(values.contains { $0.isFinite })
        continue
      }
      #expect(values.count >= 2 * Self.pixels, "\(id)")
      #expect(values.allSatisfy { $0.isFinite && abs($0) < 100 }, "\(id)")
    }
    #expect(tried >= 20)
  }
}
