import ArgumentParser
import Foundation
import HSICore
import HSINumerics
import HSISpectral
import HSIUnmixing

/// How well corrupted channels are told from healthy ones: precision and recall for every kind of corruption.
struct ChannelDetection: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "channel-detection",
    abstract: "Precision and recall of the channel quality on simulated corruption of every kind.")

  @Option(help: "Seeds per kind and number.") var seeds = 5
  @Option(help: "Markdown file to write; standard output if none.") var out: String?

  func run() throws {
    var text = """
      # Detection of corrupted channels

      Made by `\(CommandLine.arguments.joined(separator: " "))`: simulated scenes of 64 × 64 pixels, 5 endmembers, the defaults
      of `hsi simulate scene` (35 dB, shadow, relief, variability), \(seeds) seeds each. A channel counts as corrupted as in
      counting, extraction and least squares (`ChannelHealth.healthy`); blind methods weigh channels, and their start uses the best only.
      Bands that the header flags (water vapour) take no part.

      | kind | corrupted of 200 | recall | precision | healthy channels thrown out |
      |---|---|---|---|---|

      """
    for kind in CorruptionKind.allCases {
      for count in [5, 20, 40] { text += try row(kind, count) }
    }
    if let out { try Data(text.utf8).write(to: URL(fileURLWithPath: out)) } else { print(text) }
  }

  private func row(_ kind: CorruptionKind, _ count: Int) throws -> String {
    var (found, wrong, healthy) = (0, 0, 0)
    for seed in 0..<seeds {
      let axis = SpectralAxis.avirisLike(bands: 200)
      let usable = (0..<200).filter { axis.good[$0] }
      var recipe = SceneRecipe(
        lines: 64, samples: 64, endmembers: try ParametricSpectra.library(count: 5, axis: axis, seed: UInt64(seed)))
      recipe.seed = UInt64(seed)
      var random = CounterRandom(seed: UInt64(seed), stream: 77)
      var bad: Set<Int> = []
      while bad.count < count { bad.insert(usable[random.index(below: usable.count)]) }
      recipe.corruptions = bad.sorted().map { ChannelCorruption(band: $0, kind: kind) }
      let strip = Strip()
      try SceneSimulator(recipe).read(lines: 0..<recipe.lines, into: strip)
      let pixels = strip.pixels
      let seen = PixelMatrix(rows: pixels.rows, columns: usable.count)
      for n in 0..<pixels.rows { for (i, l) in usable.enumerated() { seen[n, i] = max(0, pixels[n, l]) } }
      let kept = try ChannelHealth(seen).healthy()
      let dropped = Set(usable.indices.filter { !kept[$0] }.map { usable[$0] })
      found += dropped.intersection(bad).count
      wrong += dropped.subtracting(bad).count
      healthy += usable.count - count
    }
    let recall = Double(found) / Double(count * seeds)
    let precision = Double(found) / Double(max(1, found + wrong))
    return String(
      format: "| %@ | %d | %.3f | %.3f | %d of %d |\n", kind.rawValue, count, recall, precision, wrong, healthy)
  }
}
