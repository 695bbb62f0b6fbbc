import Foundation
import Testing

// Between the marks stand the examples of README.md and of the DocC catalogue, word for word.
// EXAMPLE-BEGIN
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
// EXAMPLE-END

// EXAMPLE-BEGIN
func mapClasses(of scene: String, labels: String, to map: String) throws {
  let context = RunContext(memory: MemoryBudget(bytes: 2 << 30))
  let known = try LabelRequest(labels).read(context)
  let model = try ClassifierTraining(SceneRequest(scene), known, model: "svm").train(context)
  let classes = try ClassPrediction(SceneRequest(scene), model).map(context)
  try classes.write(to: map, context)
}
// EXAMPLE-END

// The examples of the catalogue name files that are not there: they are compiled, the parts that they are made of run elsewhere.
private func knownEndmembers() throws {
  // EXAMPLE-BEGIN
  let context = RunContext(memory: MemoryBudget(bytes: 2 << 30))
  let scene = try FileSource(RasterFormats.open("scene.hdr", context: context), context: context)
  let spectra = try SpectralLibraryFile.read("spectra.sli", context: context)
  try StripUnmixing.run(scene, FCLS(), spectra, context) { strip in
    // strip.abundances: pixels × endmembers, strip.positions: their places in strip.window
  }
  // EXAMPLE-END
}

private func blindUnmixing(_ context: RunContext) throws {
  let scene = try FileSource(RasterFormats.open("scene.hdr", context: context), context: context)
  // EXAMPLE-BEGIN
  let fit = try BlindUnmixing.factorise(scene, RRLbS(), count: 4, context)
  _ = try fit.deliver(context) { strip in
    // as above, with strip.guidance
  }
  // EXAMPLE-END
}

private func restoredScene(_ context: RunContext) throws -> JobResult {
  // EXAMPLE-BEGIN
  var job = DenoiseJob(scene: SceneRequest("scene.hdr"), output: "clean.tif")
  job.products.reports.html = "clean.html"
  let result = try job.run(context)
  // EXAMPLE-END
  return result
}

private func classMap(_ context: RunContext) throws {
  // EXAMPLE-BEGIN
  let known = try LabelRequest("labels.tif").read(context)
  let model = try ClassifierTraining(SceneRequest("scene.hdr"), known, model: "svm").train(context)
  try ClassPrediction(SceneRequest("scene.hdr"), model).map(context).write(to: "classes.tif", context)
  // EXAMPLE-END
}

@Suite struct LibraryExampleTests {
  @Test(arguments: ["README.md", "Sources/HSIKit/HSIKit.docc/HSIKit.md"])
  func everyExampleIsThisCode(_ page: String) throws {
    let source = try String(contentsOf: URL(fileURLWithPath: #filePath), encoding: .utf8)
    let examples = source.components(separatedBy: "// EXAMPLE-BEGIN\n").dropFirst().compactMap {
      $0.components(separatedBy: "// EXAMPLE-END").first.map(flushLeft)
    }
    let blocks = try DocumentationTests.blocks(of: page, language: "swift")
    #expect(blocks.count >= 2)
    for block in blocks { #expect(examples.contains(flushLeft(block)), "\(page): \(block)") }
  }

  /// The lines of a text without the indentation that all of them have.
  private func flushLeft(_ text: String) -> [Substring] {
    let lines = text.split(separator: "\n").filter { !$0.allSatisfy(\.isWhitespace) }
    let indent = lines.map { $0.prefix { $0 == " " }.count }.min() ?? 0
    return lines.map { $0.dropFirst(indent) }
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
