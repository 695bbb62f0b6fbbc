import Foundation
import HSIKit
import Testing

/// `hsi statistics`, `--statistics`, and a scene that is worked on window by window: the bytes of one run.
@Suite(.serialized) struct StatisticsCommandTests {
  /// 32 lines × 16 samples × 24 bands, with its endmembers; made once.
  private final class Place {
    let folder: TemporaryFolder
    var url: URL { folder.url }

    init() throws {
      folder = try TemporaryFolder()
      let line = "simulate scene s.dat --rows 32 --cols 16 --endmembers 3 --bands 24 --snr 30 --seed 5 -q"
      #expect(try run(line).status == 0)
    }

    @discardableResult
    func run(_ line: String) throws -> Tool.Result {
      try Tool.run(line.split(separator: " ").map(String.init), in: url)
    }

    func data(_ name: String) throws -> Data { try Data(contentsOf: url.appendingPathComponent(name)) }

    func write(_ name: String, _ text: String) throws {
      try Data(text.utf8).write(to: url.appendingPathComponent(name))
    }
  }

  /// What one run makes of the whole scene, by name.
  private static let wholes = [
    ("pca", "transform s.dat pca.dat --method pca --statistics s.safetensors"),
    ("mnf", "transform s.dat mnf.dat --method mnf --components 5 --statistics s.safetensors"),
    ("rx", "detect s.dat rx.dat --anomaly --statistics s.safetensors"),
    ("fcls", "unmix s.dat fcls.dat --endmembers s_endmembers.sli --method fcls"),
  ]

  private func job(windows: String, _ names: [String]) -> String {
    let steps: [String: String] = [
      "pca": "run: transform, with: { method: pca, statistics: \"{whole}\" }",
      "mnf": "run: transform, with: { method: mnf, components: 5, statistics: \"{whole}\" }",
      "rx": "run: detect, with: { anomaly: true, statistics: \"{whole}\" }",
      "fcls": "run: unmix, with: { endmembers: s_endmembers.sli, method: fcls }",
    ]
    return """
      version: 1
      inputs:
        - { scene: s.dat, windows: \(windows) }
      steps:
        - { id: look, run: statistics, out: "parts\(windows)/{window}.safetensors" }
        - { id: whole, run: statistics merge, over: all, in: look, out: "whole\(windows).safetensors" }

      """
        + names.map { name in
          """
            - { id: \(name), \(steps[name] ?? ""), out: "parts\(windows)/{window}_\(name).tif" }
            - { id: j\(name), run: mosaic, over: scene, in: \(name), out: "\(name)\(windows).vrt" }

          """
        }.joined()
  }

  /// 1, 7 and 64 windows.
  @Test func anyNumberOfWindowsGivesTheBytesOfOneRun() throws {
    let place = try Place()
    #expect(try place.run("statistics s.dat s.safetensors").status == 0)
    for (_, line) in StatisticsCommandTests.wholes {
      let result = try place.run(line + " -q")
      #expect(result.status == 0, "\(result.errors)")
    }
    for (windows, count, names) in [
      ("16x32", 1, ["pca", "mnf", "rx", "fcls"]), ("16x5", 7, ["pca", "mnf", "rx", "fcls"]),
      ("2x4", 64, ["mnf", "fcls"]),
    ] {
      try place.write("w\(windows).yml", job(windows: windows, names))
      let result = try place.run("batch run w\(windows).yml --workers 2 -q")
      #expect(result.status == 0, "\(result.errors)")
      let parts = try FileManager.default.contentsOfDirectory(atPath: place.url.path + "/parts\(windows)")
      #expect(parts.filter { $0.hasSuffix(".safetensors") }.count == count)
      #expect(try place.data("whole\(windows).safetensors") == place.data("s.safetensors"), "\(windows)")
      for name in names {
        let back = try place.run("convert \(name)\(windows).vrt \(name)\(windows).dat -q")
        #expect(back.status == 0, "\(back.errors)")
        #expect(try place.data("\(name)\(windows).dat") == place.data("\(name).dat"), "\(name) in \(count) windows")
      }
    }
  }

  /// A run that is killed in the middle is resumed, and what is done is not done again.
  @Test func killedInTheMiddle() throws {
    let place = try Place()
    try place.run("statistics s.dat s.safetensors -q")
    try place.run("transform s.dat mnf.dat --method mnf --components 5 --statistics s.safetensors -q")
    try place.write("job.yml", job(windows: "8x8", ["mnf"]))
    let script = """
      hsi batch run job.yml -q & p=$!
      for i in $(seq 600); do [ "$(ls parts8x8/*.safetensors 2>/dev/null | wc -l)" -ge \(3) ] && break; sleep 0.05; done
      kill -9 $p; wait $p; sleep 1
      ls parts8x8/*.safetensors | wc -l
      """
    let killed = try Tool.launch(["bash", "-c", script], in: place.url)
    let before = try #require(Int(killed.output.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect((3..<8).contains(before), "\(killed.output) \(killed.errors)")
    let resumed = try place.run("batch run job.yml")
    #expect(resumed.status == 0, "\(resumed.errors)")
    // 8 windows, what joins them, 8 pieces and the mosaic.
    #expect(resumed.errors.contains("18 items: 18 done (") && resumed.errors.contains(" before)"), "\(resumed.errors)")
    #expect(try place.data("whole8x8.safetensors") == place.data("s.safetensors"))
    #expect(try place.run("convert mnf8x8.vrt back.dat -q").status == 0)
    #expect(try place.data("back.dat") == place.data("mnf.dat"))
    let again = try place.run("batch run job.yml")
    #expect(again.errors.contains("18 done (18 before)"), "\(again.errors)")
  }

  /// Every detector and transform that needs no more than statistics: what it gives without the file, to the rounding of double precision.
  @Test func methodsGiveWhatTheyGiveWithoutTheFile() throws {
    let place = try Place()
    for part in ["a 0,0,16,9", "b 0,9,5,23", "c 5,9,11,23"] {
      let words = part.split(separator: " ")
      #expect(try place.run("statistics s.dat \(words[0]).safetensors --window \(words[1]) -q").status == 0)
    }
    #expect(try place.run("statistics merge b.safetensors c.safetensors d.safetensors -q").status == 0)
    #expect(try place.run("statistics merge d.safetensors a.safetensors all.safetensors").status == 0)
    #expect(try place.run("statistics scene s.dat direct.safetensors").status == 0)
    #expect(try place.data("all.safetensors") == place.data("direct.safetensors"))
    let lines =
      ["transform s.dat O --method mnf --set noise=1", "transform s.dat O --method pca --set whitened=1 --wl 400-1500"]
      + ["ace", "mf", "cem", "glrt", "amf", "osp", "mtmf"].map {
        "detect s.dat O --target-pixels 4,7 --method \($0)"
      } + ["detect s.dat O --anomaly --set shrinkage=0.1"]
    for (index, line) in lines.enumerated() {
      let without = try place.run(line.replacingOccurrences(of: " O", with: " o\(index).dat") + " -q")
      let with = try place.run(
        line.replacingOccurrences(of: " O", with: " p\(index).dat") + " --statistics all.safetensors -q")
      #expect(without.status == 0 && with.status == 0, "\(line): \(without.errors) \(with.errors)")
      let values = try ["o", "p"].map { try SampleScene.floats(place.url.appendingPathComponent("\($0)\(index).dat")) }
      let largest = values[0].map(abs).max() ?? 0
      #expect(values[0].count == values[1].count && largest > 0)
      #expect(zip(values[0], values[1]).allSatisfy { abs($0 - $1) <= 1e-4 * largest }, "\(line)")
    }
    let record = try place.data("p0.dat.prov.json")
    #expect(String(decoding: record, as: UTF8.self).contains("all.safetensors"))
  }

  /// Nothing is wrong in silence.
  @Test func whatDoesNotFitIsRefused() throws {
    let place = try Place()
    try place.run("statistics s.dat a.safetensors --window 0,0,16,20 -q")
    try place.run("statistics s.dat b.safetensors --window 0,19,16,13 -q")
    try place.run("statistics s.dat few.safetensors --window 0,20,16,12 --wl 400-1000 -q")
    try place.run("statistics s.dat all.safetensors -q")
    try place.write("text.safetensors", "nothing")
    func refused(_ line: String, _ status: Int32, _ text: String) throws {
      let result = try place.run(line)
      #expect(result.status == status && result.errors.contains(text), "\(line): \(result.errors)")
      #expect(result.errorLines.count == 1)
    }
    try refused(
      "detect s.dat x.dat --target-pixels 4,7 --columns --statistics all.safetensors", 2, "left out with --columns")
    try refused(
      "statistics merge a.safetensors b.safetensors x.safetensors", 3, "the window 0,19,16,1 has been counted")
    try refused("statistics merge a.safetensors a.safetensors x.safetensors", 3, "has been counted already")
    try refused("statistics merge a.safetensors few.safetensors x.safetensors", 3, "bands")
    try refused("statistics merge a.safetensors text.safetensors x.safetensors", 7, "text.safetensors")
    try refused("statistics merge a.safetensors", 2, "the one to write")
    try refused("statistics merge a.safetensors all.safetensors", 4, "exists already")
    try refused("transform s.dat x.tif --method mnf --statistics few.safetensors", 3, "has no band at")
    try refused("transform s.dat x.tif --method ica --statistics all.safetensors", 2, "looks at pixels")
    try refused("transform s.dat x.tif --method continuum --statistics all.safetensors", 2, "left out")
    try refused("detect s.dat x.tif --anomaly --method local-rx --statistics all.safetensors", 2, "left out")
    try refused("detect s.dat x.tif --anomaly --set exclude=0.01 --statistics all.safetensors", 2, "looks at pixels")
    try refused(
      "detect s.dat x.tif --anomaly --cfar 0.01 --window 0,0,16,16 --statistics all.safetensors", 2, "left out")
    let part = try place.run("transform s.dat x.tif --method pca --statistics a.safetensors")
    #expect(part.status == 0 && part.errors.contains("W-STATISTICS-PART"))
    try place.run("transform s.dat n.tif --method normalise -q")
    try refused("transform n.tif y.tif --method pca --statistics all.safetensors --quantity radiance", 3, "radiance")
  }

  /// A mask, no valid pixel, one pixel.
  @Test func smallAndEmptyScenes() throws {
    let place = try Place()
    try place.run("convert s.dat one.dat --window 3,4,1,1 -q")
    let one = try place.run("statistics one.dat one.safetensors")
    #expect(one.status == 0 && one.errors.contains("1 pixels and 0 pairs"), "\(one.errors)")
    let fitted = try place.run("transform s.dat y.tif --method pca --statistics one.safetensors")
    #expect(fitted.errors.contains("W-STATISTICS-PART") == false)
    let none = try place.run("statistics s.dat none.safetensors --nodata-policy any --mask s.dat:1=-5")
    #expect(none.status == 0 && none.errors.contains("W-NO-PIXELS"), "\(none.errors)")
    let empty = try place.run("detect s.dat z.tif --anomaly --statistics none.safetensors")
    #expect(empty.status != 0 && empty.errorLines.count == 1, "\(empty.errors)")
    let mixed = try place.run("statistics merge one.safetensors none.safetensors x.safetensors")
    #expect(mixed.status == 3 && mixed.errors.contains("chosen in another way"), "\(mixed.errors)")
  }
}
