import Foundation
import HSICore

/// A step of one item with everything filled in.
public struct PlannedStep: Sendable {
  /// Identifier within the job.
  public let id: String
  /// Command of `hsi`.
  public let command: [String]
  /// `--name=value` for each option of `with`.
  public let options: [String]
  /// Files that the command reads as arguments.
  public let inputs: [String]
  /// File that the command writes as its last argument.
  public let output: String?
  /// Other files that options name as written.
  public let sideOutputs: [String]
  /// Files that options name as read.
  let readFiles: [String]
  /// Files that options name as weights.
  let models: [String]
  /// Values of other options that may be names of files.
  let otherFiles: [String]
  /// Steps whose outputs this one reads.
  let dependencies: [String]

  /// All files that the step is known to write.
  public var outputs: [String] { (output.map { [$0] } ?? []) + sideOutputs }
}

/// An input with its steps.
public struct BatchItem: Sendable {
  /// Place among all inputs, from 0; `--shard k/n` takes those with `index % n == k`.
  public let index: Int
  /// A name for logs, claims and records that stays when other inputs come or go.
  public let id: String
  /// The input as it was named.
  public let path: String
  /// In the order in which they run.
  public let steps: [PlannedStep]
}

/// A job spelled out: which command reads and writes what. Nothing has been run or written when it exists.
public struct BatchPlan: Sendable {
  public let job: BatchJob
  public let items: [BatchItem]
  /// What the commands take.
  let catalogue: CommandCatalogue

  /// Spells out a job and checks it.
  ///
  /// - Parameter isLenient: whether missing inputs are passed over (to show the state of a job).
  /// - Throws: `BatchError.badJob` (commands and options that do not exist, wrong number of arguments),
  ///   `.missingInputs`, `.collidingOutputs`.
  public init(_ job: BatchJob, _ catalogue: CommandCatalogue, isLenient: Bool = false) throws {
    self.job = job
    self.catalogue = catalogue
    try StepCheck(job, catalogue).run()
    let manifest = Manifest(folder: BatchFiles(job).manifest)
    manifest.refresh()
    let inputs = try JobInputs(job, isLenient: isLenient) { manifest.owns($0) }
    var items: [BatchItem] = []
    items.reserveCapacity(inputs.entries.count)
    for (index, entry) in inputs.entries.enumerated() {
      items.append(try ItemPlanner(job, catalogue).item(entry, index: index))
    }
    try BatchPlan.check(items, inputs, job)
    if !isLenient { try BatchPlan.checkReadFiles(items, job) }
    self.items = items
  }

  /// No file is written twice, and no input is written over.
  private static func check(_ items: [BatchItem], _ inputs: JobInputs, _ job: BatchJob) throws {
    var identifiers: [String: Int] = [:]
    for item in items {
      if let other = identifiers.updateValue(item.index, forKey: item.id) {
        throw BatchError.collidingOutputs(
          path: job.path,
          detail: "the input \(item.path) is listed twice (lines \(inputs.entries[other].line) and "
            + "\(inputs.entries[item.index].line) of the job file)")
      }
    }
    let read = Dictionary(items.map { (job.resolved($0.path), $0.path) }) { $1 }
    var writers: [String: (item: BatchItem, step: String)] = [:]
    for item in items {
      for step in item.steps {
        for output in step.outputs {
          let path = job.resolved(output)
          if let input = read[path] {
            throw BatchError.collidingOutputs(
              path: job.path,
              detail: "the step \(step.id) of \(item.path) would write over the input \(input)")
          }
          if let other = writers.updateValue((item, step.id), forKey: path) {
            throw BatchError.collidingOutputs(
              path: job.path,
              detail: "\(output) would be written twice: by the step \(other.step) of \(other.item.path) and "
                + "the step \(step.id) of \(item.path)")
          }
        }
      }
    }
  }

  /// Files that options name are there, unless a step of this job writes them.
  private static func checkReadFiles(_ items: [BatchItem], _ job: BatchJob) throws {
    let written = Set(items.flatMap { $0.steps.flatMap(\.outputs) }.map(job.resolved))
    var known: [String: Bool] = [:]
    for item in items {
      for step in item.steps {
        for file in step.readFiles + step.models + step.inputs where !FilePaths.isRemote(file) {
          let path = job.resolved(file)
          if written.contains(path) { continue }
          let exists = known[path] ?? FileManager.default.fileExists(atPath: path)
          known[path] = exists
          guard exists else {
            throw BatchError.missingInputs(
              path: job.path,
              detail: "\(file), which the step \(step.id) of \(item.path) reads, does not exist")
          }
        }
      }
    }
  }
}

/// Checks the steps of a job against the commands.
struct StepCheck {
  let job: BatchJob
  let catalogue: CommandCatalogue

  init(_ job: BatchJob, _ catalogue: CommandCatalogue) { (self.job, self.catalogue) = (job, catalogue) }

  /// Options that the job itself decides.
  static let reserved = ["overwrite", "progress", "quiet", "help", "version", "allow-remote"]

  func run() throws {
    for step in job.steps {
      guard let command = catalogue.command(step.command) else {
        let names = catalogue.commands.map { $0.words.joined(separator: " ") }
        throw error(
          step.line,
          "`run: \(step.command.joined(separator: " "))` is no command; there are "
            + names.joined(separator: ", "))
      }
      try check(step.options, of: step, command)
      try checkArguments(step, command)
    }
  }

  private func error(_ line: Int, _ detail: String) -> BatchError {
    .badJob(path: job.path, line: line, detail: detail)
  }

  private func check(
    _ options: [(name: String, value: BatchJob.Value, line: Int)], of step: BatchJob.Step,
    _ command: CommandCatalogue.Command
  ) throws {
    let name = "hsi " + command.words.joined(separator: " ")
    for option in options {
      if StepCheck.reserved.contains(option.name) {
        throw error(
          option.line, "the step \(step.id): `\(option.name)` is decided by hsi batch (see `defaults`)")
      }
      guard let known = command.option(option.name) else {
        throw error(option.line, "the step \(step.id): \(name) has no option --\(option.name)")
      }
      switch option.value {
      case .flag(let value):
        guard known.isFlag else {
          throw error(option.line, "the step \(step.id): --\(option.name) takes a value, not \(value)")
        }
      case .texts(let texts):
        guard !known.isFlag else {
          throw error(option.line, "the step \(step.id): --\(option.name) is true or false")
        }
        guard texts.count <= 1 || known.isRepeating else {
          throw error(option.line, "the step \(step.id): --\(option.name) takes one value")
        }
      }
    }
  }

  private func checkArguments(_ step: BatchJob.Step, _ command: CommandCatalogue.Command) throws {
    let given = step.inputs.count + (step.output == nil ? 0 : 1)
    let wanted = command.arguments.count
    guard given == wanted || (command.takesMore && given > wanted) else {
      let names = command.arguments.map { $0.uppercased() }.joined(separator: " ")
      throw error(
        step.line,
        "the step \(step.id): hsi \(command.words.joined(separator: " ")) takes "
          + (wanted == 0 ? "no arguments" : names) + ", but `in` and `out` give \(given)")
    }
    for case .step(let id) in step.inputs where job.steps.first(where: { $0.id == id })?.output == nil {
      throw error(step.line, "the step \(step.id) takes its input from \(id), which has no `out`")
    }
    let writes = step.options.contains { command.option($0.name)?.role == .output }
    guard step.output != nil || writes else {
      throw error(
        step.line, "the step \(step.id) writes nothing: it has no `out` and no option that names a file")
    }
  }
}

/// Fills in the templates of one item after the other.
struct ItemPlanner {
  let job: BatchJob
  let catalogue: CommandCatalogue

  init(_ job: BatchJob, _ catalogue: CommandCatalogue) { (self.job, self.catalogue) = (job, catalogue) }

  func item(_ entry: JobInputs.Entry, index: Int) throws -> BatchItem {
    var values = entry.variables
    let ids = Set(job.steps.map(\.id))
    func expand(_ template: PathTemplate, _ name: String, _ line: Int?, isOutput: Bool = false) throws -> String {
      do {
        let text =
          try isOutput
          ? template.output(values, places: ids.union(PathVariables.places)) : template.expanded(values)
        guard !text.isEmpty else { throw TemplateProblem(detail: "it is empty for \(entry.path)") }
        return text
      } catch let problem as TemplateProblem {
        throw BatchError.badJob(path: job.path, line: line, detail: "`\(name)`: \(problem.detail)")
      }
    }
    if let output = job.output { values["output"] = try expand(output, "output", nil, isOutput: true) }
    var steps: [PlannedStep] = []
    for step in job.steps {
      let output = try step.output.map { try expand($0, "out", step.line, isOutput: true) }
      let inputs = try step.inputs.map { source in
        switch source {
        case .item: entry.path
        case .step(let id): values[id] ?? ""
        case .path(let path): try expand(path, "in", step.line)
        }
      }
      let command = catalogue.command(step.command)
      var options: [String] = []
      var (read, models, others, written): ([String], [String], [String], [String]) = ([], [], [], [])
      for option in step.options {
        switch option.value {
        case .flag(let isOn): if isOn { options.append("--" + option.name) }
        case .texts(let texts):
          for text in texts {
            let known = command?.option(option.name)
            let value = try expand(text, option.name, option.line)
            if known?.role == .output { _ = try expand(text, option.name, option.line, isOutput: true) }
            try requireSafe(option.name, value, option.line)
            options.append("--\(option.name)=\(value)")
            for path in known?.paths(value) ?? [value] {
              switch known?.role ?? .plain {
              case .plain: if ItemPlanner.isFile(path) { others.append(path) }
              case .input: if ItemPlanner.isFile(path) { read.append(path) }
              case .model: if ItemPlanner.isFile(path) { models.append(path) }
              case .output: if path != "-" { written.append(FilePaths.normalised(path)) }
              }
            }
          }
        }
      }
      steps.append(
        PlannedStep(
          id: step.id, command: step.command, options: options, inputs: inputs, output: output,
          sideOutputs: written, readFiles: read, models: models, otherFiles: others,
          dependencies: step.dependencies(ids).sorted()))
      if let output { values[step.id] = output }
    }
    return BatchItem(index: index, id: identifier(entry), path: entry.path, steps: steps)
  }

  /// A job that came with data must not load code or lead elsewhere by an option of GDAL.
  private func requireSafe(_ option: String, _ value: String, _ line: Int) throws {
    guard option == "config", let name = value.split(separator: "=").first, ForeignOptions.isUnsafe(String(name)) else {
      return
    }
    throw BatchError.badJob(
      path: job.path, line: line,
      detail:
        "\(name) may load code, weaken checks or lead elsewhere, which a job must not decide; pass it to hsi batch run")
  }

  /// A number or a word without dot and slash (`--endmembers 5`, `--model hsdt`) is no file.
  private static func isFile(_ text: String) -> Bool {
    Double(text) == nil && text.contains { $0 == "." || $0 == "/" }
  }

  /// The stem, so that people find it, and a digest of path and columns, so that it is unique.
  private func identifier(_ entry: JobInputs.Entry) -> String {
    var digest = SHA256()
    digest.update(Array((job.name + "\0" + entry.path).utf8))
    for (name, value) in entry.variables.sorted(by: { $0.key < $1.key }) where name != "index" {
      digest.update(Array("\0\(name)\0\(value)".utf8))
    }
    let stem = (entry.variables["stem"] ?? "").prefix(40).map { character -> Character in
      character.isASCII && (character.isLetter || character.isNumber || "_-".contains(character))
        ? character : "_"
    }
    return String(stem) + "-" + digest.hexadecimal().prefix(10)
  }
}
