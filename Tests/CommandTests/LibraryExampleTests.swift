import Foundation
import Testing

// Between the marks stands the example of the README, word for word.
// README-EXAMPLE-BEGIN
import HSIKit

func mineralMap(of path: String, endmembers: String) throws -> [AbundanceStatistics] {
  let context = RunContext(memory: MemoryBudget(bytes: 2 << 30))
  let reader = try RasterFormats.open(path, context: context)
  let scene = try FileSource(reader, context: context)
  let spectra = try SpectralLibraryFile.read(endmembers, context: context)
    .selecting(bands: scene.bands)
  var statistics = AbundanceStatistics.Accumulator(endmembers: spectra.count)
  try StripUnmixing.run(scene, FCLS(), spectra, context) { statistics.add($0.abundances) }
  return statistics.statistics
}
// README-EXAMPLE-END

// README-EXAMPLE-BEGIN
func mapClasses(of scene: String, labels: String, to map: String) throws {
  let context = RunContext(memory: MemoryBudget(bytes: 2 << 30))
  let known = try LabelRequest(labels).read(context)
  let model = try ClassifierTraining(SceneRequest(scene), known, model: "svm").train(context)
  let classes = try ClassPrediction(SceneRequest(scene), model).map(context)
  try classes.write(to: map, context)
}
// README-EXAMPLE-END

@Suite struct LibraryExampleTests {
  @Test func theReadmeShowsThisCode() throws {
    let source = try String(contentsOf: URL(fileURLWithPath: #filePath), encoding: .utf8)
    let examples = source.components(separatedBy: "// README-EXAMPLE-BEGIN\n").dropFirst().compactMap {
      $0.components(separatedBy: "// README-EXAMPLE-END").first?.trimmingCharacters(in: .newlines)
    }
    // The words of this test, too, hold the marks.
    let shown = examples.filter { $0.contains("RunContext(") }
    #expect(shown.count == 2)
    let blocks = try DocumentationTests.blocks(of: "README.md", language: "swift")
    for example in shown { #expect(blocks.contains(example)) }
  }

  @Test func theExampleGivesTheTrueShares() throws {
    let sample = Tool.package.appendingPathComponent("SampleData")
    let found = try mineralMap(
      of: sample.appendingPathComponent("scene.dat").path,
      endmembers: sample.appendingPathComponent("scene_endmembers.sli").path)
    let context = RunContext()
    let truth = try FileSource(
      RasterFormats.open(sample.appendingPathComponent("scene_abundances.dat").path, context: context),
      context: context)
    let mean = try SceneStatistics(truth, context).mean
    #expect(found.count == 5)
    // Twelve corrupted channels, shadow and variability are in the scene; the shares still come out.
    for (k, statistics) in found.enumerated() { #expect(abs(statistics.mean - mean[k]) < 0.12) }
  }

  /// Labels in, map out; the map is that of the command, to the byte of its samples.
  @Test func theExampleMapsClasses() throws {
    let folder = try TemporaryFolder()
    let sample = Tool.package.appendingPathComponent("SampleData")
    let (scene, labels) = (
      sample.appendingPathComponent("scene.dat").path, sample.appendingPathComponent("scene_labels.dat").path
    )
    try mapClasses(of: scene, labels: labels, to: folder.path("map.dat"))
    for line in [
      "classify train \(scene) \(labels) --model svm --out m.safetensors",
      "classify predict \(scene) command.dat --model m.safetensors",
    ] {
      let result = try Tool.run(line.split(separator: " ").map(String.init), in: folder.url)
      #expect(result.status == 0, "\(result.errors)")
    }
    let ours = try Data(contentsOf: URL(fileURLWithPath: folder.path("map.dat")))
    #expect(ours == (try Data(contentsOf: URL(fileURLWithPath: folder.path("command.dat")))))
    #expect(Set(ours).count > 3)
  }
}
