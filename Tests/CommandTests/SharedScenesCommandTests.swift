import Foundation
import HSITestSupport
import Testing

/// The main jobs on published scenes, where the collection is at hand.
@Suite(.enabled(if: SharedData.root != nil, "no shared data"))
struct SharedScenesCommandTests {
  struct Scene: CustomTestStringConvertible, Sendable {
    let file: String
    let count: Int
    let window: String

    init(_ file: String, _ count: Int, _ window: String) {
      (self.file, self.count, self.window) = (file, count, window)
    }

    var testDescription: String { file }
  }

  static let scenes: [Scene] = [
    Scene("enmap-potsdam/enmap_potsdam_north.tif", 4, "10,10,30,24"),
    Scene("salinas-a/SalinasA_corrected_bip.img", 4, "10,10,24,24"),
    Scene("samson/samson_1.mat", 3, "20,20,24,24"),
    Scene("formats/hdf5/NEON_SJER_crop.h5", 3, "0,0,20,20"),
    Scene("formats/envi/corn-kernel-hyperspectral.raw", 3, "8,6,24,20"),
    Scene("formats/geotiff/M3_4030seg_L2_aristcrater.tif", 3, "5,5,30,30"),
    Scene("cave/chart_and_stuffed_toy_ms_256.mat", 4, "100,100,40,40"),
    Scene("cave/testMSI_1.mat", 4, "40,40,40,40"),
  ]

  @Test(arguments: scenes) func unmixInfoQuicklookConvert(_ scene: Scene) throws {
    guard let path = SharedData.path(scene.file) else { return }
    let place = try TemporaryFolder()
    func run(_ arguments: [String]) throws -> Tool.Result {
      let result = try Tool.run(arguments, in: place.url)
      #expect(result.status == 0, "\(arguments.joined(separator: " "))\n\(result.errors)")
      return result
    }
    let window = ["--window", scene.window]
    let object = try JSONSerialization.jsonObject(with: Data(try run(["info", path, "--json"]).output.utf8))
    let info = try #require(object as? [String: Any])
    let bands = try #require(info["bands"] as? Int)
    _ = try run(["quicklook", path, "q.png"] + window)
    _ = try run(["convert", path, "c.dat"] + window)
    _ = try run(["unmix", path, "a.dat", "--count", "\(scene.count)", "--all"] + window)
    let picture = try Data(contentsOf: place.url.appendingPathComponent("q.png"))
    #expect(picture.starts(with: [0x89, 0x50, 0x4E, 0x47]))
    let sizes = scene.window.split(separator: ",").compactMap { Int($0) }
    let pixels = sizes[2] * sizes[3]
    let abundances = try SampleScene.floats(place.url.appendingPathComponent("a.dat"))
    #expect(abundances.count == scene.count * pixels)
    let valid = (0..<pixels).filter { abundances[$0].isFinite }
    #expect(valid.count > pixels / 2)
    for i in valid {
      for k in 0..<scene.count { #expect((0...1.5).contains(abundances[k * pixels + i])) }
    }
    let copy = try JSONSerialization.jsonObject(with: Data(try run(["info", "c.dat", "--json"]).output.utf8))
    #expect((copy as? [String: Any])?["bands"] as? Int == bands)
  }
}

/// Classification of published scenes with labels.
@Suite(.enabled(if: SharedData.root != nil, "no shared data"))
struct SharedLabelsCommandTests {
  @Test(arguments: [
    ("salinas-a/SalinasA_corrected.mat", "salinas-a/SalinasA_gt.mat", 6, 0.9),
    ("enmap-potsdam/enmap_potsdam_north.tif", "enmap-potsdam/labels_north.tif", 5, 0.25),
  ])
  func splitTrainPredictEvaluate(scene: String, labels: String, classes: Int, least: Double) throws {
    guard let scene = SharedData.path(scene), let labels = SharedData.path(labels) else { return }
    let place = try TemporaryFolder()
    func run(_ arguments: [String]) throws -> Tool.Result {
      let result = try Tool.run(["classify"] + arguments, in: place.url)
      #expect(result.status == 0, "\(arguments.joined(separator: " "))\n\(result.errors)")
      return result
    }
    // Every class has training and test pixels with the guard band of a 15 × 15 patch.
    let table = try run(["split", labels, "--out", "s.tif"])
    #expect(!table.errors.contains("W-SPLIT-CLASS"))
    let rows = table.output.split(separator: "\n").dropFirst().map { $0.split(separator: " ").compactMap { Int($0) } }
    #expect(rows.count == classes + 1)
    for row in rows {
      #expect(row.suffix(4)[row.suffix(4).startIndex] > 0 && row.suffix(2)[row.suffix(2).startIndex] > 0)
    }
    _ = try run(["train", scene, labels, "--model", "gml", "--split", "s.tif", "--out", "m.safetensors"])
    _ = try run(["predict", scene, "m.tif", "--model", "m.safetensors"])
    let output = try run(["evaluate", "m.tif", labels, "--split", "s.tif", "--report", "-"]).output
    let report = try #require(JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    #expect((report["overall"] as? Double ?? 0) > least)
  }
}
