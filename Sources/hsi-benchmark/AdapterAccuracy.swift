import ArgumentParser
import Foundation
import HSIClassification
import HSIKit

/// What adapting a trained network gives, by every kind of adaptation at equal trained values: writes the table of the documentation.
struct AdapterAccuracy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adapter-accuracy",
    abstract: "LoRA, S2FT, SaRA and full fine-tuning at equal trained values on three tasks: score, file, time.")

  @Option(help: "Folder with the data sets.") var data: String
  @Option(help: "Markdown file to write; a .json of the same name is written beside it.") var out: String
  @Option(help: "Seeds per task.") var seeds = 3
  @Option(help: "Factors on the usual learning rate, of which every way gets the best on other data, comma-separated.")
  var rates = "1,3,10"
  @Option(help: "Tasks by the beginnings of their names, comma-separated (default: all).") var tasks: String?
  @Option(help: "Stop after so many minutes; --resume goes on.") var minutes: Double?
  @Flag(help: "Keep the runs that the .json file already holds, and add what is missing.") var resume = false
  @Flag(help: "Write the page from the runs in the .json file, without running anything.") var pageOnly = false

  /// One adaptation of one network.
  struct Record: Codable {
    var task, way: String
    var seed: UInt64
    /// Factor on the usual learning rate.
    var rate: Double
    /// Whether it is one of the runs by which the factor is chosen, on other data than those of the table.
    var isTrial: Bool
    /// Accuracy in percent, or MPSNR in dB.
    var score: Double
    /// Values that were trained; bytes of the file that holds them.
    var values, bytes: Int
    /// Of training.
    var seconds: Double
  }

  func run() throws {
    var records = resume || pageOnly ? try earlier() : []
    if !pageOnly {
      let wanted = AdapterTasks.all(data).filter { task in
        tasks?.split(separator: ",").contains { task.name.hasPrefix($0) } ?? true
      }
      let end = minutes.map { Date().addingTimeInterval(60 * $0) } ?? .distantFuture
      let factors = rates.split(separator: ",").compactMap { Double($0) }
      for task in wanted {
        let ways = AdapterWay.all.map { (way: $0, rates: $0.isAdapted ? factors : [1]) }
        try add(
          ways.filter { $0.rates.count > 1 }, of: task, seed: AdapterAccuracy.trialSeed, isTrial: true, to: &records,
          until: end)
        for seed in 0..<UInt64(seeds) {
          let chosen = ways.map { (way: $0.way, rates: [rate(of: $0.way, task, records) ?? $0.rates[0]]) }
          try add(chosen, of: task, seed: seed, isTrial: false, to: &records, until: end)
        }
      }
    }
    try write(records)
  }

  private static let trialSeed: UInt64 = 100

  /// The factor that was best in the trials of a way.
  private func rate(of way: AdapterWay, _ task: AdapterTask, _ records: [Record]) -> Double? {
    records.filter { $0.isTrial && $0.task == task.name && $0.way == way.title }.max { $0.score < $1.score }?.rate
  }

  /// Runs what is missing.
  private func add(
    _ ways: [(way: AdapterWay, rates: [Double])], of task: AdapterTask, seed: UInt64, isTrial: Bool,
    to records: inout [Record], until end: Date
  ) throws {
    var prepared: (any PreparedAdapterTask)?
    for (way, rates) in ways {
      for rate in rates
      where !records.contains(where: {
        $0.task == task.name && $0.way == way.title && $0.seed == seed && $0.isTrial == isTrial && $0.rate == rate
      }) {
        guard Date() < end else { return }
        let context = RunContext(memory: MemoryBudget(bytes: 8 << 30), seed: seed)
        let ready = try prepared ?? task.prepare(isTrial, context)
        prepared = ready
        let found = try ready.run(way.adaptation(ready.maps, ready.weights), rate: rate, context)
        records.append(
          Record(
            task: task.name, way: way.title, seed: seed, rate: rate, isTrial: isTrial, score: found.score,
            values: found.values, bytes: found.bytes, seconds: found.seconds))
        let text = String(
          format: "%@, %@seed %d, %@, rate × %g: %.2f, %d values, %.1f s\n", task.name, isTrial ? "trial, " : "",
          Int(seed), way.title, rate, found.score, found.values, found.seconds)
        FileHandle.standardError.write(Data(text.utf8))
        try write(records)
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
      # Accuracy of adaptations

      Made by `hsi-benchmark adapter-accuracy --data DATA --out docs/accuracy-adapters.md` (`--resume` adds what is missing); every run is in
      the JSON file beside this page.

      A trained network is adapted to another scene. `s2ft` and `sara` train as many values as `lora:r=8` does, a last layer that is made anew
      aside. Scores are of pixels that were not learned from, mean ± standard deviation over the seeds, which decide the split and the draw;
      **best** is how often a way was the best of its seed. Epochs are those that the commands have by default. Of the
      learning rate every way got the factor that was best in one run on other data (trials; the JSON file has them all). Seconds are those of the whole training on a machine that may have had other work.


      """
    for task in AdapterTasks.all(data) {
      let here = records.filter { $0.task == task.name && !$0.isTrial }
      guard !here.isEmpty else { continue }
      page += "## \(task.name)\n\n\(task.text)\n\n"
      page +=
        "| adaptation | \(task.measure) | best | rate | trained values | file KiB | seconds |\n|---|---|---|---|---|---|---|\n"
      let groups = Dictionary(grouping: here, by: \.seed).values.filter { $0.count > 1 }
      func mean(_ records: [Record], _ value: (Record) -> Double) -> Double {
        records.map(value).reduce(0, +) / Double(max(1, records.count))
      }
      let top = AdapterWay.all.map { way in mean(here.filter { $0.way == way.title }, \.score) }.max() ?? 0
      for way in AdapterWay.all {
        let own = here.filter { $0.way == way.title }
        guard !own.isEmpty else { continue }
        let average = mean(own, \.score)
        let text =
          own.count > 1
          ? String(format: "%.2f ± %.2f", average, Spread(own.map(\.score)).deviation) : String(format: "%.2f", average)
        let wins = groups.count { group in
          group.contains { $0.way == way.title && $0.score >= group.map(\.score).max() ?? 0 }
        }
        page +=
          "| \(way.title) | \(average >= top - 0.005 ? "**\(text)**" : text) | \(wins) of \(groups.count) | "
          + String(
            format: "× %g | %.0f | %.0f | %.1f |\n", own[0].rate, mean(own) { Double($0.values) },
            mean(own) { Double($0.bytes) / 1024 },
            mean(own, \.seconds))
      }
      page += "\n"
    }
    try page.write(toFile: out, atomically: true, encoding: .utf8)
  }
}

/// A way of adapting a network that is compared.
struct AdapterWay: Sendable {
  let title: String
  /// What is written behind `--adapter`, for the linear maps `[in, out]` that may carry adapters and the number of all weights; nil for the
  /// network as it is.
  let adaptation: @Sendable ([(input: Int, output: Int)], _ weights: Int) -> String?

  /// Whether anything is adapted.
  var isAdapted: Bool { title != AdapterWay.asItIs }

  private static let asItIs = "not adapted"
  private static let rank = 8

  /// Values of LoRA.
  private static func budget(_ maps: [(input: Int, output: Int)]) -> Int {
    maps.reduce(0) { $0 + rank * ($1.input + $1.output) }
  }

  static let all = [
    AdapterWay(title: asItIs) { _, _ in nil },
    AdapterWay(title: "lora:r=8") { _, _ in "lora:r=\(rank)" },
    AdapterWay(title: "s2ft") { maps, _ in
      let all = maps.reduce(0) { $0 + $1.input * $1.output }
      return "s2ft:ratio=\(min(1, Double(budget(maps)) / Double(max(1, all))))"
    },
    AdapterWay(title: "s2ft, upper half") { maps, _ in
      let upper = maps.suffix(Int((0.5 * Double(maps.count)).rounded(.up))).reduce(0) { $0 + $1.input * $1.output }
      return "s2ft:ratio=\(min(1, Double(budget(maps)) / Double(max(1, upper)))),top=0.5"
    },
    AdapterWay(title: "sara") { maps, weights in "sara:share=\(min(1, Double(budget(maps)) / Double(max(1, weights))))"
    },
    AdapterWay(title: "none (all weights)") { _, _ in "none" },
  ]
}

/// What a way gave.
struct AdapterRun {
  var score: Double
  var values = 0
  var bytes = 0
  var seconds = 0.0
}

/// A network with data to adapt it to, for one seed.
protocol PreparedAdapterTask {
  /// The linear maps that may carry adapters.
  var maps: [(input: Int, output: Int)] { get }
  /// Weights of the part of the network that is adapted.
  var weights: Int { get }
  /// Adapts by what `--adapter` says, nil for not at all, at so many times the usual learning rate, and judges.
  func run(_ adaptation: String?, rate: Double, _ context: RunContext) throws -> AdapterRun
}

/// A task of the table.
struct AdapterTask {
  let name, measure, text: String
  /// The data of the table, or of trials by which its learning rates are chosen.
  let prepare: (_ isTrial: Bool, RunContext) throws -> any PreparedAdapterTask
}
