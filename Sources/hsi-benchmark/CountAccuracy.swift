import ArgumentParser
import Foundation
import HSICore
import HSIRaster
import HSIUnmixing
import HSIWorkflow

/// What the count methods give on scenes whose number of materials is known, and on real ones without.
struct CountAccuracy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "count-accuracy",
    abstract: "Number of endmembers by every method on labelled, simulated and real scenes.")

  @Option(help: "Folder with the data sets.") var data: String
  @Option(help: "Seeds per simulated scene.") var seeds = 2
  @Option(help: "Scenes of each kind that are drawn whole.") var drawn = 0
  @Option(help: "Real scenes without a known number, by path, separated by commas.") var scenes = ""
  @Option(help: "Markdown file to write; standard output if none.") var out: String?

  func run() throws {
    let ids = UnmixingMethods.count.descriptions.map(\.id)
    var text = """
      # Number of endmembers

      Made by `\(CommandLine.arguments.joined(separator: " "))`. Corrupted channels are left out first, as `--count auto` does;
      `held-back` is what it runs. Labelled scenes have the number of materials of their reference; simulated ones are 80 × 80
      pixels of `hsi simulate scene` at 30 dB, \(seeds) seeds each: *pure* and *mixed* (no abundance above 0.8) without shadow,
      relief and variability, *varied* with the defaults (shadow, relief, materials that vary by 2 %).

      | scene | materials | \(ids.joined(separator: " | ")) |
      |---|---|\(String(repeating: "---|", count: ids.count))

      """
    let collection = SceneCollection(folder: data)
    for name in SceneCollection.names {
      let scene = try collection.scene(name, seed: 1000)
      text += try row(name, scene.count, [scene.cube])
    }
    for count in 3...12 {
      for (label, purity, isVaried) in [("pure", 1.0, false), ("mixed", 0.8, false), ("varied", 1.0, true)] {
        let cubes = try (0..<seeds).map { seed in
          let spectra = try ParametricSpectra.library(count: count, axis: .avirisLike(bands: 180), seed: UInt64(seed))
          var recipe = SceneRecipe(lines: 80, samples: 80, endmembers: spectra)
          (recipe.snr, recipe.purity, recipe.seed) = (30, purity, UInt64(100 * count + seed))
          if !isVaried { (recipe.shadow, recipe.relief, recipe.variability) = (0, 0, 0) }
          return try SceneSimulator(recipe).load(RunContext())
        }
        text += try row("simulated, \(label)", count, cubes)
      }
    }
    // Scenes that the rules were not made on: every seed draws another number of materials.
    for name in SceneCollection.drawn {
      for seed in 0..<drawn {
        let scene = try collection.scene(name, seed: UInt64(1000 + seed))
        text += try row("\(name) \(seed)", scene.count, [scene.cube])
      }
    }
    for path in scenes.split(separator: ",").map(String.init) {
      let context = RunContext()
      let opened = try SceneRequest(path).open(context)
      let source = try opened.source(bands: .list(opened.bands(default: .good)), excludesZeroSpectra: true, context)
      text += try row(URL(fileURLWithPath: path).lastPathComponent, nil, [source.load(context)])
    }
    if let out { try Data(text.utf8).write(to: URL(fileURLWithPath: out)) } else { print(text) }
  }

  private func row(_ name: String, _ truth: Int?, _ cubes: [Cube]) throws -> String {
    let context = RunContext()
    let cells = try UnmixingMethods.count.map { type in
      try cubes.map { String(try type.init().count(screened($0, context), context).count) }.joined(separator: ", ")
    }
    FileHandle.standardError.write(Data("\(name)\n".utf8))
    return "| \(name) | \(truth.map(String.init) ?? "") | \(cells.joined(separator: " | ")) |\n"
  }

  /// The cube without channels that are flagged or corrupted.
  private func screened(_ cube: Cube, _ context: RunContext) throws -> Cube {
    let healthy = try ChannelHealth(cube.pixels).healthy()
    let kept = (0..<cube.shape.bands).filter { healthy[$0] && cube.metadata.axis.good[$0] }
    let pixels = PixelMatrix(rows: cube.count, columns: kept.count)
    for n in 0..<cube.count { for (i, l) in kept.enumerated() { pixels[n, i] = cube.pixels[n, l] } }
    let shape = CubeShape(lines: cube.shape.lines, samples: cube.shape.samples, bands: kept.count)
    return Cube(
      shape: shape, metadata: CubeMetadata(bands: kept.count), pixels: pixels, positions: cube.positions)
  }
}
