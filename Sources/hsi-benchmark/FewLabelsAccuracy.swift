import ArgumentParser
import Foundation
import HSIClassification
import HSIKit

/// Accuracy of all classifiers with 5, 10 and 50 labels per class: writes the table of the documentation.
struct FewLabelsAccuracy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "few-labels-accuracy",
    abstract: "OA of every classifier with few labels per class, pre-trained ones in all their ways, on several scenes."
  )

  @Option(help: "Folder with the data sets.") var data: String
  @Option(help: "Markdown file to write; a .json of the same name is written beside it.") var out: String
  @Option(help: "Seeds per scene, scheme and number of labels.") var seeds = 5
  @Option(help: "Labels per class, comma-separated.") var labels = "5,10,50"
  @Option(help: "Schemes, comma-separated.") var schemes = "disjoint,random"
  @Option(help: "Scenes by name, comma-separated (default: all).") var scenes: String?
  @Option(help: "Weights of hsi pretrain: adds rows that start from them.") var from: String?
  @Option(help: "Classifiers, comma-separated (default: all but the large networks).") var models: String?
  @Option(help: "Stop after so many minutes; --resume goes on.") var minutes: Double?
  @Flag(help: "Keep the runs that the .json file already holds, and add what is missing.") var resume = false
  @Flag(help: "Write the page from the runs in the .json file, without running anything.") var pageOnly = false

  struct Record: Codable {
    var scene, scheme, model: String
    var perClass: Int
    var seed: UInt64
    var oa, aa, kappa, seconds: Double
    var training, test: Int
  }

  private struct Scene {
    var name: String
    var load: () throws -> (Cube, LabelMap)
    var resolution: Double?
  }

  private struct Entrant {
    var title: String
    var make: () throws -> any Classifier
  }

  private static let guardRadius = 7
  private static let large = ["lola-specvit", "lola-specvit-paper", "lola-specvit-small", "less-small-4"]

  private var allScenes: [Scene] {
    let aviris = SensorTable.named("aviris")
    // Noise and water vapour, as the corrected cube leaves them out.
    let usable = (0..<224).filter { !(107...111).contains($0) && !(153...166).contains($0) && $0 != 223 }
    return [
      Scene(
        name: "Salinas-A",
        load: {
          try ClassificationScene.load(
            data, "salinas-a/SalinasA.mat", "salinas-a/SalinasA_gt.mat", axis: aviris?.axis, bands: usable)
        }, resolution: 3.7),
      Scene(
        name: "EnMAP Potsdam",
        load: {
          try ClassificationScene.load(
            data, "enmap-potsdam/enmap_potsdam_north.tif", "enmap-potsdam/labels_north.tif")
        }, resolution: 30),
      Scene(
        name: "simulated, AVIRIS",
        load: { try ClassificationScene.simulated(.avirisLike(bands: 224), materials: 8, seed: 901) }, resolution: nil),
      Scene(
        name: "simulated, PRISMA",
        load: {
          let axis = BandSet.instruments.first { $0.name == "prisma" }?.axis
          return try ClassificationScene.simulated(axis ?? .avirisLike(bands: 224), materials: 8, seed: 902)
        }, resolution: nil),
    ].filter { scene in scenes?.split(separator: ",").contains { scene.name.hasPrefix($0) } ?? true }
  }

  private func entrants() throws -> [Entrant] {
    let names =
      models?.split(separator: ",").map(String.init)
      ?? Classifiers.descriptions.map(\.id).filter { !FewLabelsAccuracy.large.contains($0) }
    var result: [Entrant] = []
    for name in names {
      let plain = try Classifiers.named(name)
      guard let pretrained = plain as? any PretrainedClassifier else {
        result.append(Entrant(title: name) { try Classifiers.named(name) })
        continue
      }
      result.append(Entrant(title: "\(name), from scratch") { pretrained })
      guard let from else { continue }
      let file = try WeightFile.open(WeightSearch.locate(from))
      for (way, scope) in [
        ("probe", SegmenterRecipe.Scope.head), ("LoRA r=8", .adapted("lora:r=8")), ("all weights", .all),
      ] {
        result.append(Entrant(title: "\(name), pre-trained, \(way)") { try pretrained.starting(from: file, scope) })
      }
    }
    return result
  }

  func run() throws {
    let start = Date()
    var records = resume || pageOnly ? try earlier() : []
    guard !pageOnly else { return try write(records) }
    let entrants = try entrants()
    let counts = labels.split(separator: ",").compactMap { Int($0) }
    let rules = schemes.split(separator: ",").compactMap { SplitRequest.Scheme(rawValue: String($0)) }
    for seed in 0..<UInt64(seeds) {
      for scene in allScenes {
        let (cube, map) = try scene.load()
        for scheme in rules {
          for count in counts {
            let context = RunContext(memory: MemoryBudget(bytes: 8 << 30), seed: seed)
            let request = SplitRequest(
              scheme: scheme, training: .perClass(count), guardRadius: FewLabelsAccuracy.guardRadius)
            let split: Split
            do {
              split = try request.split(map, context)
            } catch {
              // A class with too few pixels for so many labels: said on the page by the missing rows.
              FileHandle.standardError.write(Data("\(scene.name), \(count) per class: \(error)\n".utf8))
              continue
            }
            for entrant in entrants
            where !records.contains(where: {
              $0.scene == scene.name && $0.scheme == scheme.rawValue && $0.perClass == count && $0.seed == seed
                && $0.model == entrant.title
            }) {
              if let minutes, Date().timeIntervalSince(start) > 60 * minutes { return }
              let run = try ClassificationScene.run(
                entrant.make(), cube, map, split, resolution: scene.resolution, context)
              let record = Record(
                scene: scene.name, scheme: scheme.rawValue, model: entrant.title, perClass: count, seed: seed,
                oa: run.accuracy.overall, aa: run.accuracy.average, kappa: run.accuracy.kappa, seconds: run.seconds,
                training: run.training, test: run.test)
              records.append(record)
              let text = String(
                format: "%@, %@, %d per class, seed %d, %@: OA %.2f, %.1f s\n", scene.name, scheme.rawValue, count,
                Int(seed), entrant.title, 100 * record.oa, record.seconds)
              FileHandle.standardError.write(Data(text.utf8))
              try write(records)
            }
          }
        }
      }
    }
  }

  // MARK: - Page

  private var jsonPath: String { (out.hasSuffix(".md") ? String(out.dropLast(3)) : out) + ".json" }

  private func earlier() throws -> [Record] {
    guard FileManager.default.fileExists(atPath: jsonPath) else { return [] }
    return try JSONDecoder().decode([Record].self, from: Data(contentsOf: URL(fileURLWithPath: jsonPath)))
  }

  private func write(_ records: [Record]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    try encoder.encode(records).write(to: URL(fileURLWithPath: jsonPath))
    var page = """
      # Accuracy with few labels

      Made by `hsi-benchmark few-labels-accuracy --data DATA --out docs/accuracy-few-labels.md` (`--from` for the rows that start from
      pre-trained weights, `--resume` adds what is missing); every run is in the JSON file beside this page.

      So many labelled pixels of every class are learned from, no others are looked at. **Disjoint**: compact blocks, and a guard band of
      \(FewLabelsAccuracy.guardRadius) pixels; all models are tested on the same pixels. **Random**: pixels of every class at random, tested on
      the rest: leaked, see [accuracy](accuracy-classification.md). Every classifier has its default parameters. OA in percent, mean ±
      standard deviation over the seeds, which decide the split and the start of the training; **best** is how often a model was the best of
      its seed. Simulated scenes: leaves of eight materials, signal-to-noise ratio 25 dB; pixels have the class of a material that makes up
      two fifths or more. The crops of MUUFL that we have carry no labels.


      """
    let order = try entrantOrder(records)
    for scheme in ["disjoint", "random"] {
      for count in Set(records.map(\.perClass)).sorted() {
        let here = records.filter { $0.scheme == scheme && $0.perClass == count }
        let names = allScenes.map(\.name).filter { name in here.contains { $0.scene == name } }
        guard !names.isEmpty else { continue }
        page += "## \(scheme.capitalized), \(count) per class\n\n"
        page += "| model | \(names.joined(separator: " | ")) | mean of scenes | best | training s |\n"
        page += "|---|\(String(repeating: "---|", count: names.count + 3))\n"
        func values(_ model: String, _ scene: String) -> [Double] {
          here.filter { $0.model == model && $0.scene == scene }.map { 100 * $0.oa }
        }
        func mean(_ values: [Double]) -> Double? {
          values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        func overall(_ model: String) -> Double? {
          let means = names.compactMap { mean(values(model, $0)) }
          return means.count == names.count ? mean(means) : nil
        }
        let tops = names.map { name in order.compactMap { mean(values($0, name)) }.max() ?? 0 }
        let top = order.compactMap(overall).max() ?? 0
        let groups = Dictionary(grouping: here) { "\($0.scene) \($0.seed)" }.values
        for model in order where here.contains(where: { $0.model == model }) {
          var cells = zip(names, tops).map { name, top -> String in
            let values = values(model, name)
            guard let mean = mean(values) else { return "–" }
            let text =
              values.count > 1
              ? String(format: "%.1f ± %.1f", mean, Spread(values).deviation) : String(format: "%.1f", mean)
            return mean >= top - 0.05 ? "**\(text)**" : text
          }
          let average = overall(model)
          let text = average.map { String(format: "%.1f", $0) } ?? "–"
          cells.append(average.map { $0 >= top - 0.05 } == true ? "**\(text)**" : text)
          let wins = groups.count { group in
            let best = group.map(\.oa).max() ?? 0
            return group.contains { $0.model == model && $0.oa >= best }
          }
          cells.append("\(wins) of \(groups.count { $0.contains { $0.model == model } })")
          cells.append(String(format: "%.1f", mean(here.filter { $0.model == model }.map(\.seconds)) ?? 0))
          page += "| \(model) | \(cells.joined(separator: " | ")) |\n"
        }
        page += "\n"
      }
    }
    try page.write(toFile: out, atomically: true, encoding: .utf8)
  }

  /// Models in the order of the register, the ways of one together.
  private func entrantOrder(_ records: [Record]) throws -> [String] {
    let titles = records.map(\.model)
    return Classifiers.descriptions.map(\.id).flatMap { id in
      var seen: Set<String> = []
      return titles.filter { ($0 == id || $0.hasPrefix(id + ",")) && seen.insert($0).inserted }
    }
  }
}
