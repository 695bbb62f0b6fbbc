import Foundation
import HSICore

/// Turns the tree of a job file into its parts; every error names the line.
struct JobReader {
  let path: String

  func error(_ line: Int?, _ detail: String) -> BatchError { .badJob(path: path, line: line, detail: detail) }

  /// The entries of a mapping by key; unknown keys are errors.
  func fields(_ value: JobValue, of what: String, known: [String]) throws -> [String: JobValue] {
    guard case .map(let entries) = value.content else {
      throw error(value.line, "\(what) is a mapping with the keys \(known.joined(separator: ", "))")
    }
    var result: [String: JobValue] = [:]
    for entry in entries {
      guard known.contains(entry.key) else {
        throw error(
          entry.line, "unknown key `\(entry.key)`; \(what) has the keys \(known.joined(separator: ", "))")
      }
      result[entry.key] = entry.value
    }
    return result
  }

  func text(_ value: JobValue, _ name: String) throws -> String {
    guard case .text(let text, let isPlain) = value.content else {
      throw error(value.line, "`\(name)` is a single value")
    }
    guard !isPlain || !["", "~", "null"].contains(text) else {
      throw error(value.line, "`\(name)` has no value")
    }
    guard !text.isEmpty, !text.contains(where: { $0.isNewline || $0 == "\0" }) else {
      throw error(value.line, "`\(name)` is empty or longer than a line")
    }
    return text
  }

  func template(_ value: JobValue, _ name: String) throws -> PathTemplate {
    do {
      return try PathTemplate(text(value, name))
    } catch let problem as TemplateProblem {
      throw error(value.line, "`\(name)`: \(problem.detail)")
    }
  }

  func number(_ value: JobValue, _ name: String, _ range: ClosedRange<Int>) throws -> Int {
    guard let number = Int(try text(value, name)), range.contains(number) else {
      throw error(value.line, "`\(name)` is a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func choice(_ value: JobValue, _ name: String, _ choices: [String]) throws -> String {
    let text = try text(value, name)
    guard choices.contains(text) else {
      throw error(value.line, "`\(name)` is \(choices.joined(separator: " or "))")
    }
    return text
  }

  func list(_ value: JobValue, _ name: String) throws -> [JobValue] {
    guard case .list(let values) = value.content, !values.isEmpty else {
      throw error(value.line, "`\(name)` is a list with at least one entry")
    }
    return values
  }

  func defaults(_ value: JobValue) throws -> BatchJob.Defaults {
    let fields = try fields(value, of: "`defaults`", known: ["threads", "memory", "overwrite", "seed"])
    var result = BatchJob.Defaults()
    if let threads = fields["threads"], try text(threads, "threads") != "auto" {
      result.threads = try number(threads, "threads", 1...4096)
    }
    if let memory = fields["memory"] {
      guard let budget = MemoryBudget(try text(memory, "memory")) else {
        throw error(memory.line, "`memory` is a size such as 512M or 8G")
      }
      result.memory = budget
    }
    if let overwrite = fields["overwrite"] {
      result.overwrite = try choice(overwrite, "overwrite", ["true", "false"]) == "true"
    }
    if let seed = fields["seed"] {
      let text = try text(seed, "seed")
      guard text == "random" || UInt64(text) != nil else {
        throw error(seed.line, "`seed` is a number from 0, or random")
      }
      result.seed = text
    }
    return result
  }

  func inputs(_ value: JobValue) throws -> [(source: BatchJob.Input, line: Int)] {
    try list(value, "inputs").map { entry in
      guard case .map = entry.content else { return (.pattern(try text(entry, "inputs")), entry.line) }
      let fields = try fields(entry, of: "an input", known: ["list", "table", "scene", "windows", "overlap"])
      if let list = fields["list"], fields.count == 1 { return (.list(try text(list, "list")), list.line) }
      if let table = fields["table"], fields.count == 1 {
        return (.table(try text(table, "table")), table.line)
      }
      if let scene = fields["scene"], let windows = fields["windows"],
        fields.count == (fields["overlap"] == nil ? 2 : 3)
      {
        do {
          var cut = try SceneWindows(text(windows, "windows"))
          cut.overlap = try fields["overlap"].map { try number($0, "overlap", 0...1_000_000) } ?? 0
          return (.windows(try text(scene, "scene"), cut), scene.line)
        } catch let problem as TemplateProblem {
          throw error(windows.line, "`windows`: \(problem.detail)")
        }
      }
      throw error(
        entry.line, "an input is a path, a pattern, `list: FILE`, `table: FILE` or `scene: FILE` with `windows: SIZE`")
    }
  }

  func steps(_ value: JobValue) throws -> [BatchJob.Step] {
    var steps: [BatchJob.Step] = []
    for entry in try list(value, "steps") {
      let fields = try fields(entry, of: "a step", known: ["id", "run", "over", "with", "in", "out"])
      guard let idValue = fields["id"] else { throw error(entry.line, "a step has no `id`") }
      let id = try text(idValue, "id")
      guard id.count <= 64, id.utf8.allSatisfy({ JobReader.isWord($0) }) else {
        throw error(idValue.line, "`id` is a word of letters, digits, _ and -")
      }
      guard !steps.contains(where: { $0.id == id }) else {
        throw error(idValue.line, "two steps have the id \(id)")
      }
      guard !PathVariables.names.contains(id) else {
        throw error(idValue.line, "the id \(id) is the name of a variable; choose another one")
      }
      guard let run = fields["run"] else { throw error(entry.line, "the step \(id) has no `run`") }
      steps.append(
        BatchJob.Step(
          id: id,
          over: try fields["over"].flatMap { BatchJob.Join(rawValue: try choice($0, "over", ["all", "scene"])) },
          command: try text(run, "run").split(separator: " ").map(String.init),
          options: try fields["with"].map(options) ?? [], inputs: try sources(fields["in"]),
          output: try fields["out"].map { try template($0, "out") }, line: entry.line))
    }
    return steps
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
  }

  /// `in`: a step, `input`, a path with `.`, `/` or a variable, or a list of those.
  private func sources(_ value: JobValue?) throws -> [BatchJob.Source] {
    guard let value else { return [.item] }
    var values = [value]
    if case .list = value.content { values = try list(value, "in") }
    return try values.map { entry in
      let text = try text(entry, "in")
      if text == "input" { return .item }
      if text.utf8.allSatisfy({ JobReader.isWord($0) }) { return .step(text) }
      return .path(try template(entry, "in"))
    }
  }

  private func options(_ value: JobValue) throws -> [(name: String, value: BatchJob.Value, line: Int)] {
    guard case .map(let entries) = value.content else {
      throw error(value.line, "`with` is a mapping from options to values")
    }
    return try entries.map { entry in
      let name = entry.key.replacingOccurrences(of: "_", with: "-")
      switch entry.value.content {
      case .text(let text, true) where text == "true" || text == "false":
        return (name, .flag(text == "true"), entry.line)
      case .text: return (name, .texts([try template(entry.value, entry.key)]), entry.line)
      case .list(let values):
        return (name, .texts(try values.map { try template($0, entry.key) }), entry.line)
      case .map(let pairs):
        // `set: {rank: 12}` is `--set rank=12`.
        return (
          name,
          .texts(
            try pairs.map { pair in
              let value = try template(pair.value, pair.key)
              return PathTemplate(pieces: [.text(pair.key + "=")] + value.pieces)
            }), entry.line
        )
      }
    }
  }

  /// The steps in an order in which each comes after those that it uses, otherwise as written.
  ///
  /// - Throws: for steps that do not exist and for circles.
  func ordered(_ steps: [BatchJob.Step]) throws -> [BatchJob.Step] {
    let ids = Set(steps.map(\.id))
    for step in steps {
      for case .step(let name) in step.inputs where !ids.contains(name) {
        throw error(
          step.line,
          "the step \(step.id) takes its input from \(name), which is no step; a path has a dot or a slash in it"
        )
      }
    }
    var done: Set<String> = []
    var result: [BatchJob.Step] = []
    var left = steps
    while let index = left.firstIndex(where: { $0.dependencies(ids).isSubset(of: done) }) {
      let step = left.remove(at: index)
      done.insert(step.id)
      result.append(step)
    }
    if let first = left.first {
      throw error(
        first.line, "the steps \(left.map(\.id).joined(separator: ", ")) wait for each other in a circle")
    }
    return result
  }
}

extension BatchJob.Step {
  /// The steps whose outputs this one reads: `in`, and `{ID}` in options and paths.
  func dependencies(_ ids: Set<String>) -> Set<String> {
    var result: Set<String> = []
    for source in inputs {
      switch source {
      case .item: break
      case .step(let id): result.insert(id)
      case .path(let path): result.formUnion(path.variables)
      }
    }
    for option in options {
      guard case .texts(let texts) = option.value else { continue }
      for text in texts { result.formUnion(text.variables) }
    }
    return result.intersection(ids)
  }
}
