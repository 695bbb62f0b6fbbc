import ArgumentParser
import Foundation
import HSIKit

/// `hsi methods`: what can be chosen with `--method` and set with `--set`.
struct MethodsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "methods",
    abstract: "List the methods of unmixing, denoising and classification, their parameters, papers and costs.",
    discussion: """
      Examples:
        hsi methods
        hsi methods rrlbs
        hsi methods hyres
        hsi methods svm
        hsi methods --json
      """)

  @Argument(help: "Show one method in full.")
  var method: String?

  @Flag(help: "All methods as JSON.")
  var json = false

  @Flag(help: "All methods as the Markdown table of docs/methods.md.")
  var markdown = false

  func run() throws {
    var all = ListedMethod.all
    if let method {
      all = all.filter { $0.id == method || $0.aliases.contains(method) }
      guard !all.isEmpty else {
        throw CoreError.invalidParameter(
          name: "the method", value: method,
          requirement: "one of " + ListedMethod.all.map(\.id).joined(separator: ", "))
      }
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

/// A method of any kind, as it is listed.
struct ListedMethod: Encodable {
  let id: String
  let name: String
  /// `count`, `extract`, `abundance`, `sparse`, `blind`, `denoise` or `classify`.
  let task: String
  let citation: String
  let cost: String
  let advice: String
  let parameters: [ParameterDescription]
  let aliases: [String]

  /// All methods, task by task.
  static let all: [ListedMethod] =
    UnmixingTask.allCases.flatMap { task in
      UnmixingMethods.descriptions.filter { $0.task == task }.map { ListedMethod($0) }
    } + Restorers.all.descriptions.map { ListedMethod($0, task: "denoise") }
    + Classifiers.descriptions.map { ListedMethod($0, task: "classify") }

  /// Heading of every task, in order.
  static let tasks: [(id: String, title: String)] =
    UnmixingTask.allCases.map { ($0.rawValue, title($0)) } + [
      ("denoise", "Noise removal"), ("classify", "Classification"),
    ]

  private init(_ method: UnmixingMethodDescription) {
    id = method.id
    name = method.name
    task = method.task.rawValue
    citation = method.citation
    cost = method.cost
    advice = method.advice
    parameters = method.parameters
    aliases = method.aliases
  }

  private init(_ method: MethodDescription, task: String) {
    id = method.id
    name = method.name
    self.task = task
    citation = method.citation
    cost = method.cost
    advice = method.advice
    parameters = method.parameters
    aliases = method.aliases
  }

  private static func title(_ task: UnmixingTask) -> String {
    switch task {
    case .count: "How many endmembers"
    case .extract: "Endmember extraction"
    case .abundance: "Abundances for known endmembers"
    case .sparse: "Sparse regression on a library"
    case .blind: "Endmembers and abundances together"
    }
  }
}

/// Method descriptions as text.
enum MethodTable {
  /// One line per method, grouped by task.
  static func list(_ methods: [ListedMethod]) -> String {
    let width = methods.map(\.id.count).max() ?? 0
    var text = ""
    for (task, title) in ListedMethod.tasks {
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
  static func page(_ method: ListedMethod) -> String {
    var text = "\(method.id): \(method.name)\n"
    let title = ListedMethod.tasks.first { $0.id == method.task }?.title ?? method.task
    text += "  task     \(title)\n  use      \(method.advice)\n"
    text += "  cost     \(method.cost)\n  source   \(method.citation)\n"
    for parameter in method.parameters {
      let value = parameter.defaultValue.map { "default \(number($0))" } ?? "default by rule"
      let range = "\(number(parameter.range.lowerBound)) to \(number(parameter.range.upperBound))"
      text += "  --set \(parameter.name)=…  \(parameter.meaning) (\(value), \(range))\n"
    }
    return text
  }

  /// The tables of docs/methods.md.
  static func markdown(_ methods: [ListedMethod]) -> String {
    var text = ""
    for (task, title) in ListedMethod.tasks {
      let members = methods.filter { $0.task == task }
      guard !members.isEmpty else { continue }
      text +=
        "## \(title)\n\n| `\(task == "classify" ? "--model" : "--method")` | name | when to use | cost | parameters (default) | source |\n"
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
    value == value.rounded() && abs(value) < 1e7 ? String(Int(value)) : String(format: "%g", value)
  }
}
