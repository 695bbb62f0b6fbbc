import ArgumentParser
import Foundation
import HSIKit

/// Accuracy of every restorer of every task on clean scenes with simulated degradations: writes the table of the documentation.
struct RestoreAccuracy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "MPSNR, MSSIM and SAM of every restorer by task: blur, coarse grids, gaps, missing bands, haze, photons.")

  @Option(help: "Folder with the data sets.") var data: String
  @Option(help: "Markdown file to write; a .json of the same name is written beside it.") var out: String
  @Option(help: "Seeds per scene and degradation that is drawn.") var seeds = 3
  @Option(help: "Tasks, separated by commas: deblur, superres, inpaint, bands, dehaze, poisson (default: all).")
  var tasks: String?
  @Option(help: "kept-out, or tuning: the scenes that constants are chosen on.") var scenes = "kept-out"
  @Option(help: "Most lines and samples of a scene, cut from its middle.") var side = 128
  @Option(help: "A network as a further row, METHOD=FILE; may be repeated.") var weights: [String] = []
  @Option(help: "Measure these methods only, separated by commas.") var methods: String?
  @Option(help: "A method with other parameters as a further row, METHOD:NAME=VALUE,…; may be repeated.")
  var variant: [String] = []
  @Option(help: "Threads.") var threads = 1
  @Flag(help: "Keep the runs that the .json file already holds, and add what is missing.") var resume = false

  /// One run of one method.
  struct Record: Codable {
    var task, heading, strength, scene, method: String
    var seed: Int
    /// Means over the bands that count (`RestoreCase.Measure`), none above 100 dB.
    var mpsnr, mssim, sam: Double
    /// `10 log₁₀(1 / MSE)` over the whole cube, at most 100.
    var psnr: Double
    /// Mean over bands of the PSNR of the missing values alone.
    var hidden: Double?
    var seconds: Double
  }

  /// The row of what was restored.
  static let degraded = "degraded"

  func run() throws {
    let context = RunContext(threads: threads, memory: MemoryBudget(bytes: 8 << 30))
    let learned = try weights.map(LearnedRow.init)
    let wanted = tasks.map { Set($0.split(separator: ",").map(String.init)) }
    let cases = RestoreCase.all.filter { wanted?.contains($0.task.rawValue) ?? true }
    guard !cases.isEmpty, ["kept-out", "tuning"].contains(scenes), side >= 16 else {
      throw ValidationError("no such task or scenes, or a side below 16")
    }
    let collection = scenes == "tuning" ? CleanScene.tuning : CleanScene.keptOut
    let only = methods.map { Set($0.split(separator: ",").map(String.init)) }
    var records = resume ? try earlier() : []
    let began = Date()
    for seed in 0..<seeds {
      for scene in collection {
        let clean = try scene.load(data, side: side, multiple: 8, context)
        for item in cases where seed == 0 || item.isRandom {
          var restorers: [(name: String, method: any Restorer)] = []
          for entry in Restorers.for(item.methods).entries where entry.models.isEmpty {
            restorers.append((entry.description.id, try entry.make(item.values(for: entry.description), .init())))
          }
          for name in item.rivals { restorers.append((name, try Restorers.all.named(name))) }
          for row in learned { if let method = try row.restorer(for: item) { restorers.append((row.name, method)) } }
          for text in variant {
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            guard let entry = Restorers.for(item.methods).entries.first(where: { $0.description.id == parts.first })
            else {
              continue
            }
            var values = item.values(for: entry.description)
            for pair in parts.last?.split(separator: ",") ?? [] {
              let sides = pair.split(separator: "=").map(String.init)
              if sides.count == 2, let value = Double(sides[1]) { values[sides[0]] = value }
            }
            restorers.append((text, try entry.make(values, .init())))
          }
          if let only { restorers.removeAll { !only.contains($0.name) && !variant.contains($0.name) } }
          func isThere(_ name: String) -> Bool {
            records.contains {
              $0.scene == scene.name && $0.heading == item.heading && $0.strength == item.strength && $0.seed == seed
                && $0.method == name
            }
          }
          let missing = restorers.filter { !isThere($0.name) }
          guard !missing.isEmpty else { continue }
          let input = try item.degrade(clean, UInt64(seed), context)
          func add(_ name: String, _ cube: Cube, _ seconds: Double) throws {
            let figures = try RestoreFigures(cube, clean: clean, degraded: input, item.measure)
            records.append(
              Record(
                task: item.task.rawValue, heading: item.heading, strength: item.strength, scene: scene.name,
                method: name, seed: seed, mpsnr: figures.mpsnr, mssim: figures.mssim, sam: figures.sam,
                psnr: figures.psnr, hidden: figures.hidden, seconds: seconds))
          }
          if !isThere(RestoreAccuracy.degraded) {
            try add(RestoreAccuracy.degraded, item.plain(input, like: clean), 0)
          }
          for (name, method) in missing {
            let start = Date()
            let result = try method.restore(input, noise: nil, context)
            try add(name, result.scene, Date().timeIntervalSince(start))
          }
        }
        let note = "seed \(seed), \(scene.name): \(Int(Date().timeIntervalSince(began))) s\n"
        FileHandle.standardError.write(Data(note.utf8))
        // After every scene, so that an interrupted run leaves what it has.
        try write(records, collection)
      }
    }
    try write(records, collection)
  }

  private var jsonPath: String { (out.hasSuffix(".md") ? String(out.dropLast(3)) : out) + ".json" }

  private func earlier() throws -> [Record] {
    guard FileManager.default.fileExists(atPath: jsonPath) else { return [] }
    return try JSONDecoder().decode([Record].self, from: Data(contentsOf: URL(fileURLWithPath: jsonPath)))
  }

  private func write(_ records: [Record], _ collection: [CleanScene]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    // One run a line, so that changes can be seen.
    let lines = try records.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
    try ("[\n" + lines.joined(separator: ",\n") + "\n]\n").write(toFile: jsonPath, atomically: true, encoding: .utf8)
    let table = RestoreTable(
      records: records, scenes: collection.map(\.name),
      command: "hsi-benchmark restore --data DATA --out docs/accuracy-restore.md --seeds \(seeds)"
        + weights.map { " --weights \($0.split(separator: "=").first ?? "")=FILE" }.joined(),
      side: side)
    try table.markdown.write(toFile: out, atomically: true, encoding: .utf8)
  }
}

/// How near a restored scene is to the clean one.
struct RestoreFigures {
  let mpsnr, mssim, sam, psnr: Double
  let hidden: Double?

  init(_ result: Cube, clean: Cube, degraded: Cube, _ measure: RestoreCase.Measure) throws {
    var options = RestorationMetrics.Options()
    options.clamps = true
    let whole = try RestorationMetrics(result, reference: clean, options: options)
    psnr = min(-20 * log10(max(whole.rmse, 1e-5)), 100)
    sam = whole.sam
    guard measure == .missing else {
      let capped = whole.psnrPerBand.map { min($0, 100) }
      (mpsnr, mssim, hidden) = (capped.reduce(0, +) / Double(capped.count), whole.mssim ?? .nan, nil)
      return
    }
    let bands = clean.shape.bands
    var (touched, values) = ([Int](), [Double]())
    for b in 0..<bands {
      var (squares, count) = (0.0, 0)
      for row in 0..<clean.count where !degraded.pixels[row, b].isFinite {
        let difference = Double(min(max(result.pixels[row, b], 0), 1)) - Double(clean.pixels[row, b])
        squares += difference * difference
        count += 1
      }
      guard count > 0 else { continue }
      touched.append(b)
      values.append(-10 * log10(max(squares / Double(count), 1e-10)))
    }
    hidden = values.reduce(0, +) / Double(values.count)
    mpsnr = touched.reduce(0) { $0 + min(whole.psnrPerBand[$1], 100) } / Double(touched.count)
    mssim = touched.reduce(0) { $0 + whole.ssimPerBand[$1] } / Double(touched.count)
  }
}
