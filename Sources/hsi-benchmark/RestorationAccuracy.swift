import ArgumentParser
import Foundation
import HSIKit

/// Accuracy of all denoisers on clean scenes with simulated noise: writes the table of the documentation.
struct RestorationAccuracy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restoration",
    abstract: "MPSNR, MSSIM and SAM of every denoiser on several scenes, kinds of noise and seeds.")

  @Option(help: "Folder with the data sets.") var data: String
  @Option(help: "Markdown file to write; a .json of the same name is written beside it.") var out: String
  @Option(help: "Seeds per scene and noise.") var seeds = 3
  @Flag(help: "Four further scenes in place of those of the table.") var further = false
  @Flag(help: "The scenes that constants are chosen on, in place of those of the table.") var tuning = false
  @Option(help: "Methods to run, separated by commas (default: all).") var methods: String?
  @Option(help: "Weights of HSDT (default: the bundled ones).") var weights: String?
  @Option(help: "Only scenes and kinds of noise whose names hold one of these, separated by commas.") var only: String?
  @Flag(help: "Keep the runs that the .json file already holds, and add what is missing.") var resume = false

  @Option(help: "Write the weights again with these figures in their card.") var card: String?
  @Option(help: "Licence of the weights, for the card.") var licence: String?
  @Option(help: "Training data in words, for the card.") var trainingData: String?
  @Option(help: "Training run in words, for the card.") var training: String?
  @Option(help: "What the training started from, for the card.") var source: String?

  struct Record: Codable {
    var scene, noise, method: String
    var seed: Int
    var mpsnr, mssim, sam, seconds: Double
  }

  private static let noises: [(name: String, kind: NoiseModel.Kind, sigmas: [Double]?)] = [
    ("σ 10", .gaussian, [10]), ("σ 30", .gaussian, [30]), ("σ 50", .gaussian, [50]),
    ("σ 70", .gaussian, [70]),
    ("non-iid", .noniid, nil), ("mixture", .mixture, nil),
  ]

  private var scenes: [CleanScene] {
    tuning ? CleanScene.tuning : further ? CleanScene.further : CleanScene.keptOut
  }

  func run() throws {
    let context = RunContext(memory: MemoryBudget(bytes: 8 << 30))
    let hsdt = try HSDTDenoiser(weights: weights)
    var records = resume ? try earlier() : []
    let wanted = methods.map { Set($0.split(separator: ",").map(String.init)) }
    let all: [(String, any Restorer)] =
      try Restorers.classical.entries.filter { $0.description.id != "destripe" }.map {
        ($0.description.id, try $0.make([:], LearnedWeights()))
      } + [(hsdt.model.card.variant ?? "hsdt", hsdt)]
    let methods = all.filter { wanted?.contains($0.0) ?? true }
    for seed in 0..<seeds {
      for scene in scenes {
        let clean = try scene.load(data, context)
        for noise in RestorationAccuracy.noises {
          let missing = methods.filter { method in
            !records.contains {
              $0.scene == scene.name && $0.noise == noise.name && $0.seed == seed && $0.method == method.0
            }
          }
          let isWanted = only.map { list in
            list.split(separator: ",").contains { scene.name.contains($0) || noise.name.contains($0) }
          }
          guard !missing.isEmpty, isWanted ?? true else { continue }
          let noisy = try add(noise.kind, noise.sigmas, to: clean, seed: UInt64(seed))
          func record(_ method: String, _ cube: Cube, _ seconds: Double) throws {
            var options = RestorationMetrics.Options()
            options.clamps = true
            let metrics = try RestorationMetrics(cube, reference: clean, options: options)
            records.append(
              Record(
                scene: scene.name, noise: noise.name, method: method, seed: seed, mpsnr: metrics.mpsnr,
                mssim: metrics.mssim ?? .nan, sam: metrics.sam, seconds: seconds))
          }
          records.removeAll {
            $0.scene == scene.name && $0.noise == noise.name && $0.seed == seed && $0.method == "noisy"
          }
          try record("noisy", noisy, 0)
          for (name, method) in missing {
            let start = Date()
            let result = try method.restore(noisy, noise: nil, context)
            try record(name, result.scene, Date().timeIntervalSince(start))
          }
        }
        FileHandle.standardError.write(Data("seed \(seed), \(scene.name)\n".utf8))
        try write(records, ["noisy"] + methods.map(\.0), hsdt)
      }
    }
    try write(records, ["noisy"] + methods.map(\.0), hsdt)
    if let card { try writeCard(records, hsdt, to: card) }
  }

  /// The weights with what was measured here: the network beside noisy input and the best classical method.
  private func writeCard(_ records: [Record], _ hsdt: HSDTDenoiser, to path: String) throws {
    var model = hsdt.model
    model.card.licence = licence ?? model.card.licence
    model.card.trainingData = trainingData ?? model.card.trainingData
    model.card.training = training ?? model.card.training
    model.card.source = source ?? model.card.source
    let own = model.card.variant ?? "hsdt"
    var metrics = (model.card.metrics ?? []).filter { $0.conditions?.hasPrefix("validation") ?? false }
    for noise in RestorationAccuracy.noises {
      let here = records.filter { $0.noise == noise.name }
      func mean(_ method: String, _ value: (Record) -> Double) -> Double {
        self.mean(here.filter { $0.method == method }.map(value)) ?? .nan
      }
      let rivals = Set(here.map(\.method)).subtracting(["noisy", own])
      let best = rivals.max { mean($0, \.mpsnr) < mean($1, \.mpsnr) } ?? ""
      let scenes = Set(here.map(\.scene)).count
      let conditions =
        "\(noise.name), \(scenes) scenes not trained on, \(Set(here.filter { $0.method == own }.map(\.seed)).count) seeds; noisy "
        + String(
          format: "%.2f, best classical method (%@) %.2f dB", mean("noisy", \.mpsnr), best,
          mean(best, \.mpsnr))
      metrics.append(.init(name: "MPSNR", value: mean(own, \.mpsnr), unit: "dB", conditions: conditions))
      metrics.append(.init(name: "MSSIM", value: mean(own, \.mssim), conditions: noise.name))
      metrics.append(.init(name: "SAM", value: mean(own, \.sam), unit: "rad", conditions: noise.name))
    }
    model.card.metrics = metrics
    try model.write(to: path, overwrite: true)
  }

  private var jsonPath: String { (out.hasSuffix(".md") ? String(out.dropLast(3)) : out) + ".json" }

  private func earlier() throws -> [Record] {
    guard FileManager.default.fileExists(atPath: jsonPath) else { return [] }
    return try JSONDecoder().decode([Record].self, from: Data(contentsOf: URL(fileURLWithPath: jsonPath)))
  }

  private func add(_ kind: NoiseModel.Kind, _ sigmas: [Double]?, to clean: Cube, seed: UInt64) throws -> Cube {
    let realisation = NoiseRealisation(
      try NoiseModel(kind, sigmas: sigmas), bands: clean.shape.bands, samples: clean.shape.samples, seed: seed
    )
    let pixels = PixelMatrix(rows: clean.count, columns: clean.shape.bands)
    pixels.pointer.update(from: clean.pixels.pointer, count: clean.count * clean.shape.bands)
    realisation.add(to: pixels, positions: clean.positions, window: clean.shape.window)
    return Cube(shape: clean.shape, metadata: clean.metadata, pixels: pixels, positions: clean.positions)
  }

  // MARK: - Page

  private func write(_ records: [Record], _ methods: [String], _ hsdt: HSDTDenoiser) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    try encoder.encode(records).write(to: URL(fileURLWithPath: jsonPath))
    var page = """
      # Accuracy of denoising

      Made by `hsi-benchmark restoration --data DATA --out docs/accuracy-restoration.md --seeds \(seeds)`\
      \(resume ? " (continued with `--resume`)" : ""); every run is in the JSON file beside this page.

      Each scene is brought to [0, 1]; noise follows the protocol of HSDT (σ on the 0–255 scale; non-iid: σ from 10, 30, 50, \
      70 per band; mixture: non-iid, stripes, dead columns and impulses). Results are limited to [0, 1] before they are \
      measured. MPSNR in dB, mean ± standard deviation over seeds; MSSIM with data range 1; SAM in radians. Every method has \
      its default parameters and estimates the noise itself. None of the scenes was used to train `\(hsdt.model.card.variant ?? "hsdt")`.


      """
    let runs = methods.map { method in
      Set(records.filter { $0.method == method }.map { "\($0.scene) \($0.seed)" }).count
    }
    for (method, count) in zip(methods, runs) where count < runs.max() ?? 0 {
      page += "`\(method)` was run on \(count) of the \(runs.max() ?? 0) pairs of scene and seed.\n\n"
    }
    for noise in RestorationAccuracy.noises {
      let here = records.filter { $0.noise == noise.name }
      guard !here.isEmpty else { continue }
      let scenes = scenes.map(\.name).filter { name in here.contains { $0.scene == name }
      }
      page +=
        "## \(noise.name)\n\n| method | \(scenes.joined(separator: " | ")) | mean MPSNR | mean MSSIM | mean SAM |\n"
      page += "|---|" + String(repeating: "---|", count: scenes.count + 3) + "\n"
      let best = scenes.map { scene in
        methods.compactMap { m in mean(here.filter { $0.scene == scene && $0.method == m }.map(\.mpsnr)) }
          .max() ?? 0
      }
      for method in methods {
        let rows = here.filter { $0.method == method }
        let cells = zip(scenes, best).map { scene, best -> String in
          let values = rows.filter { $0.scene == scene }.map(\.mpsnr)
          guard let mean = mean(values) else { return "" }
          let text = String(format: "%.2f±%.2f", mean, deviation(values))
          return mean >= best - 0.005 ? "**\(text)**" : text
        }
        let means = [
          String(format: "%.2f", mean(rows.map(\.mpsnr)) ?? .nan),
          String(format: "%.3f", mean(rows.map(\.mssim)) ?? .nan),
          String(format: "%.3f", mean(rows.map(\.sam)) ?? .nan),
        ]
        page += "| \(method) | \((cells + means).joined(separator: " | ")) |\n"
      }
      page += "\n"
    }
    try page.write(toFile: out, atomically: true, encoding: .utf8)
  }

  private func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  private func deviation(_ values: [Double]) -> Double {
    guard values.count > 1, let mean = mean(values) else { return 0 }
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }
}
