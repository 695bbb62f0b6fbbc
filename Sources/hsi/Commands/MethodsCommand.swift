import ArgumentParser
import Foundation
import HSIKit

/// `hsi methods`: what can be chosen with `--method` and set with `--set`.
struct MethodsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "methods",
    abstract:
      "List the methods of unmixing, restoration, transforms and classification, with parameters, papers and costs.",
    discussion: """
      Examples:
        hsi methods
        hsi methods rrlbs
        hsi methods hyres
        hsi methods svm
        hsi methods --json
      """)

  @Argument(help: "Show one method in full.", completion: NameCompletion.methods)
  var method: String?

  @Flag(help: "All methods as JSON.")
  var json = false

  @Flag(help: "All methods as the Markdown table of docs/methods.md.")
  var markdown = false

  func run() throws {
    var all = MethodList.all.entries
    if let method {
      let id = try MethodList.all.entry(method).id
      // A name may stand for a method of several tasks.
      all = all.filter { $0.id == id || $0.aliases.contains(id) }
    }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try Terminal.output(String(decoding: try encoder.encode(all), as: UTF8.self) + "\n")
    } else if markdown {
      try Terminal.output(MethodTable.markdown(all))
    } else if method != nil {
      try Terminal.output(all.map(MethodTable.page).joined(separator: "\n"))
    } else {
      try Terminal.output(MethodTable.list(all))
    }
  }
}

/// All methods, task by task.
enum MethodList {
  /// Heading of every task, in order: a new task is one line.
  static let tasks: [(task: MethodTask, title: String)] = [
    (.count, "How many endmembers"), (.extract, "Endmember extraction"),
    (.abundance, "Abundances for known endmembers"), (.sparse, "Sparse regression on a library"),
    (.blind, "Endmembers and abundances together"), (.denoise, "Noise removal"), (.inpaint, "Missing values and bands"),
    (.deblur, "Deblurring"), (.superResolve, "A finer grid"), (.dehaze, "Haze removal"),
    (.removePhotonNoise, "Photon noise removal"), (.transform, "Transforms of spectra"), (.degrade, "Degradations"),
    (.classify, "Classification"), (.target, "Target detection"), (.anomaly, "Anomaly detection"),
    (.match, "Spectral matching"), (.cluster, "Clusters and superpixels"),
  ]

  /// Every method, in the order of tasks and registers.
  static let all: MethodRegistry<MethodDescription> = {
    let methods =
      UnmixingMethods.descriptions + Restorers.all.descriptions + Sharpeners.all.descriptions
      + Transforms.all.descriptions + Degradations.all.descriptions + Classifiers.descriptions
      + Detectors.descriptions + SpectralMatchers.all.descriptions + Clusterers.all.descriptions
    return MethodRegistry("method", tasks.flatMap { task, _ in methods.filter { $0.task == task } }) { $0 }
  }()
}

/// Method descriptions as text.
enum MethodTable {
  /// One line per method, grouped by task.
  static func list(_ methods: [MethodDescription]) -> String {
    let width = methods.map(\.id.count).max() ?? 0
    var text = ""
    for (task, title) in MethodList.tasks {
      let members = methods.filter { $0.task == task }
      guard !members.isEmpty else { continue }
      text += "\(title)\n"
      for method in members {
        text += "  \(method.id.padding(toLength: width, withPad: " ", startingAt: 0))  \(method.name)\n"
      }
    }
    return text
  }

  /// Everything about one method.
  static func page(_ method: MethodDescription) -> String {
    var text = "\(method.id): \(method.name)\n"
    let title = MethodList.tasks.first { $0.task == method.task }?.title ?? method.task.rawValue
    text += "  task     \(title)\n  use      \(method.advice)\n"
    text += "  cost     \(method.cost)\n  source   \(method.citation)\n"
    for parameter in method.parameters {
      let value = parameter.defaultValue.map { "default \(number($0))" } ?? "default by rule"
      let range = "\(number(parameter.range.lowerBound)) to \(number(parameter.range.upperBound))"
      text += "  --set \(parameter.name)=…  \(parameter.meaning) (\(value), \(range))\n"
    }
    return text
  }

  /// The option that takes the names of a task, where it is not `--method`.
  private static let choices: [MethodTask: String] = [.classify: "--model", .degrade: "--kind"]

  /// The tables of docs/methods.md.
  static func markdown(_ methods: [MethodDescription]) -> String {
    var text = ""
    for (task, title) in MethodList.tasks {
      let members = methods.filter { $0.task == task }
      guard !members.isEmpty else { continue }
      text +=
        "## \(title)\n\n| `\(choices[task] ?? "--method")` | name | when to use | cost | parameters (default) | source |\n"
      text += "|---|---|---|---|---|---|\n"
      for method in members {
        let parameters = method.parameters.map { parameter in
          "`\(parameter.name)` (\(parameter.defaultValue.map(number) ?? "rule"))"
        }.joined(separator: ", ")
        text += "| `\(method.id)` | \(method.name) | \(method.advice) | \(method.cost) | \(parameters) | "
        text += "\(method.citation) |\n"
      }
      text += "\n"
    }
    return text
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e7 ? String(Int(clamping: value)) : String(format: "%g", value)
  }
}
