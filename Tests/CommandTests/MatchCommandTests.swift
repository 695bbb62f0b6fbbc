import Foundation
import HSIKit
import Testing

/// `hsi match` on the sample scene with its own endmembers as the library.
@Suite struct MatchCommandTests {
  @Test func mapIsThatOfTheLargestAbundance() throws {
    let place = try SampleScene.workplace()
    let result = try place.run(
      "match in/s.dat o/m.tif --library in/s_endmembers.sli --method sam --set limit=0.3 --all --html o/p.html")
    #expect(result.output.contains("none of them") && result.errors.contains("of 3 spectra"))
    for name in ["m.tif", "m_fit.tif", "m_second.tif", "m_map.png", "m_report.json", "p.html", "m.tif.prov.json"] {
      #expect(FileManager.default.fileExists(atPath: place.path("o/" + name)), "\(name)")
    }
    #expect(!FileManager.default.fileExists(atPath: place.path("o/m_depth.tif")))
    let map = try place.cube("o/m.tif")
    let truth = try place.cube("in/s_abundances.dat")
    var (clear, right) = (0, 0)
    for n in 0..<truth.count {
      let row = Array(truth.pixels.row(n))
      guard let best = row.indices.max(by: { row[$0] < row[$1] }), row[best] > 0.8 else { continue }
      clear += 1
      if map.pixels[n, 0] == Float(best + 1) { right += 1 }
    }
    #expect(clear > 20 && Double(right) > 0.9 * Double(clear), "\(right) of \(clear)")
    #expect(map.metadata.classes?.map(\.name).first == "none of them" && map.metadata.classes?.count == 4)
    let report = try ReportCoding.decode(
      MatchReport.self, from: Data(contentsOf: URL(fileURLWithPath: place.path("o/m_report.json"))))
    #expect(report.matches.reduce(report.unknown) { $0 + $1.pixels } == truth.count && report.spectra == 3)
  }

  @Test func featuresAndBudgets() throws {
    let place = try SampleScene.workplace()
    try place.run("match in/s.dat o/a.tif --library in/s_endmembers.csv --depth o/d.tif")
    for (index, options) in ["-j 1", "-j 3", "--memory 64M"].enumerated() {
      try place.run("match in/s.dat o/b\(index).tif --library in/s_endmembers.csv \(options)")
      #expect(try place.cube("o/b\(index).tif").pixels.values == place.cube("o/a.tif").pixels.values, "\(options)")
    }
    // No data where nothing was found has no depth.
    #expect(try place.cube("o/d.tif").count <= SampleScene.lines * SampleScene.samples)
  }

  @Test(arguments: [
    ("match in/s.dat o/x.tif --library nowhere.sli", 3, "nowhere.sli"),
    ("match in/s.dat o/x.tif --library in/s_endmembers.sli --method samm", 2, "did you mean sam"),
    ("match in/s.dat o/x.tif --library in/s_endmembers.sli --select nothing", 2, "nothing"),
    ("match in/s.dat o/x.tif --library in/s_endmembers.sli --method sam --depth o/d.tif", 2, "fits no features"),
    ("match in/s.dat o/x.tif --library in/s_endmembers.sli --set limits=2", 2, "limits"),
    ("match in/nan.dat o/x.tif --library in/s_endmembers.sli", 3, "E-FEW-PIXELS"),
    ("match in/s.dat in/s.dat --library in/s_endmembers.sli --overwrite", 4, "in/s.dat"),
  ]) func refusals(_ line: String, _ code: Int32, _ text: String) throws {
    let place = try SampleScene.workplace()
    let result = try place.run(line, code)
    #expect(result.errors.contains(text), "\(line)\n\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty, "\(line)")
  }

  @Test func nothingMatches() throws {
    let place = try SampleScene.workplace()
    let result = try place.run(
      "match in/s.dat o/m.tif --library in/s_endmembers.sli --method sam --set limit=0")
    #expect(result.errors.contains("W-NO-MATCH"))
  }

  @Test func clusters() throws {
    let place = try SampleScene.workplace()
    let result = try place.run(
      "cluster in/s.dat o/c.tif --count 4 --centres o/c.sli --quicklook o/c.png --seed 3")
    #expect(result.output.hasPrefix("cluster") && result.errors.contains("kmeans: 4 clusters of 480 pixels"))
    let map = try place.cube("o/c.tif")
    #expect(Set(map.pixels.values) == [1, 2, 3, 4] && map.metadata.classes?.count == 5)
    let spectra = try SpectralLibraryFile.read(place.path("o/c.sli"), context: RunContext())
    #expect(spectra.names.first == "cluster 1" && spectra.count == 4)
    try place.run("cluster in/s.dat o/s.tif --method slic --count 20 --compat")
    #expect(try Set(place.cube("o/s.tif").pixels.values).count > 8)
    try place.run("cluster in/s.dat o/x.tif --count 0", 2)
    try place.run("cluster in/nan.dat o/x.tif", 3)
    let short = try place.run("cluster in/s.dat o/y.tif --count 6 --set iterations=1")
    #expect(short.errors.contains("W-NOT-CONVERGED"))
  }
}
