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

@Suite struct LibraryExampleTests {
  @Test func theReadmeShowsThisCode() throws {
    let source = try String(contentsOf: URL(fileURLWithPath: #filePath), encoding: .utf8)
    let begin = try #require(source.range(of: "// README-EXAMPLE-BEGIN\n"))
    let end = try #require(source.range(of: "// README-EXAMPLE-END"))
    let example = source[begin.upperBound..<end.lowerBound].trimmingCharacters(in: .newlines)
    let blocks = try DocumentationTests.blocks(of: "README.md", language: "swift")
    #expect(blocks.contains(example))
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
}
