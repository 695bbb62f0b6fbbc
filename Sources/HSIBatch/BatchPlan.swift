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
  /// What tells it from others for people: the input, with its window where it is one, or the step that joins many.
  public let label: String
  /// The part of the raster that is read; nil for all of it.
  let window: PixelWindow?
  /// In the order in which they run.
  public let steps: [PlannedStep]
  /// All items of the stages before are done when it begins; from 0.
  public let stage: Int
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
    let inputs = try JobInputs(job, isLenient: isLenient, sizeOf: catalogue.sizeOfRaster) { manifest.owns($0) }
    let items = try ItemPlanner(job, catalogue).items(inputs.entries)
    try BatchPlan.check(items, inputs, job)
    if !isLenient { try BatchPlan.checkReadFiles(items, job) }
    self.items = items
  }

  /// No file is written twice, and no input is written over.
  private static func check(_ items: [BatchItem], _ inputs: JobInputs, _ job: BatchJob) throws {
    var identifiers: [String: Int] = [:]
    for item in items {
      if let other = identifiers.updateValue(item.index, forKey: item.id) {
        // Items of the first stage are the inputs, in their order; those of later ones repeat what is wrong with them.
        guard max(other, item.index) < inputs.entries.count else { continue }
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
      if step.over != nil, command.takesMore { return }
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

  /// The items of all stages: inputs with their steps, and what joins their outputs.
  ///
  /// - Throws: `BatchError.badJob`.
  func items(_ entries: [JobInputs.Entry]) throws -> [BatchItem] {
    let stages = Stages(job.steps)
    var values = try entries.map(started)
    var items: [BatchItem] = []
    items.reserveCapacity(entries.count)
    for stage in 0..<stages.count {
      let steps = job.steps.filter { stages.of[$0.id] == stage }
      let own = steps.filter { $0.over == nil }
      // The first stage has all inputs, whether it does anything with them or not, so that indices are theirs.
      if !own.isEmpty || stage == 0 {
        for index in entries.indices {
          let planned = try own.map { try plan($0, entries[index], &values[index]) }
          items.append(
            BatchItem(
              index: items.count, id: identifier(entries[index]) + (stage == 0 ? "" : "-\(stage)"),
              path: entries[index].path, label: label(entries[index]), window: entries[index].window, steps: planned,
              stage: stage))
        }
      }
      for step in steps where step.over != nil {
        for group in groups(step, entries) { items.append(try join(step, entries, group, &values, items.count, stage)) }
      }
    }
    return items
  }

  private func label(_ entry: JobInputs.Entry) -> String {
    guard entry.window != nil, let name = entry.variables["window"] else { return entry.path }
    return "\(entry.path) (window \(name))"
  }

  /// The variables of an input before any step.
  private func started(_ entry: JobInputs.Entry) throws -> [String: String] {
    var values = entry.variables
    if let output = job.output {
      values["output"] = try expand(output, "output", nil, entry.path, values, isOutput: true)
    }
    return values
  }

  /// The inputs that a step joins, by their indices: all, or those of each raster.
  private func groups(_ step: BatchJob.Step, _ entries: [JobInputs.Entry]) -> [[Int]] {
    guard step.over == .scene else { return entries.isEmpty ? [] : [Array(entries.indices)] }
    var groups: [[Int]] = []
    var places: [String: Int] = [:]
    for (index, entry) in entries.enumerated() {
      if let place = places[entry.path] {
        groups[place].append(index)
      } else {
        places[entry.path] = groups.count
        groups.append([index])
      }
    }
    return groups
  }

  /// A step over many inputs; its output is known to all of them.
  private func join(
    _ step: BatchJob.Step, _ entries: [JobInputs.Entry], _ group: [Int], _ values: inout [[String: String]],
    _ index: Int, _ stage: Int
  ) throws -> BatchItem {
    let first = entries[group[0]]
    let isScene = step.over == .scene
    // What differs between the inputs has no place in a name that they share.
    let shared = ["stem", "name", "dir", "relpath", "input"]
    let joins = Set(job.steps.filter { $0.over != nil }.map(\.id))
    let common = values[group[0]].filter { (isScene && shared.contains($0.key)) || joins.contains($0.key) }
    let entry = JobInputs.Entry(
      path: isScene ? first.path : "all inputs", variables: common, line: step.line, window: nil,
      columns: Set(group.map { entries[$0].path }).count == 1 ? first.columns : nil)
    let names = values
    var own = common
    let planned = try plan(step, entry, &own) { source in
      switch source {
      case .item:
        var seen: Set<String> = []
        return group.map { entries[$0].path }.filter { seen.insert($0).inserted }
      case .step(let id):
        if joins.contains(id) { return [common[id] ?? ""] }
        return group.map { names[$0][id] ?? "" }
      case .path: return nil
      }
    }
    if let output = planned.output { for member in group { values[member][step.id] = output } }
    var digest = SHA256()
    digest.update(Array((job.name + "\0" + step.id + "\0" + entry.path).utf8))
    return BatchItem(
      index: index, id: step.id + "-" + digest.hexadecimal().prefix(10), path: entry.path,
      label: "\(step.id) of \(isScene ? first.path : "all inputs")", window: nil, steps: [planned], stage: stage)
  }

  private func expand(
    _ template: PathTemplate, _ name: String, _ line: Int?, _ path: String, _ values: [String: String],
    isOutput: Bool = false
  ) throws -> String {
    let ids = Set(job.steps.map(\.id))
    do {
      let text =
        try isOutput
        ? template.output(values, places: ids.union(PathVariables.places)) : template.expanded(values)
      guard !text.isEmpty else { throw TemplateProblem(detail: "it is empty for \(path)") }
      return text
    } catch let problem as TemplateProblem {
      throw BatchError.badJob(path: job.path, line: line, detail: "`\(name)`: \(problem.detail)")
    }
  }

  /// A step with everything filled in; its output becomes a variable.
  ///
  /// - Parameter inputs: the files that a source stands for where these are many; nil for one that is a single file.
  private func plan(
    _ step: BatchJob.Step, _ entry: JobInputs.Entry, _ values: inout [String: String],
    inputs many: (BatchJob.Source) -> [String]? = { _ in nil }
  ) throws -> PlannedStep {
    let variables = values
    func expand(_ template: PathTemplate, _ name: String, _ line: Int?, isOutput: Bool = false) throws -> String {
      try self.expand(template, name, line, entry.path, variables, isOutput: isOutput)
    }
    let output = try step.output.map { try expand($0, "out", step.line, isOutput: true) }
    let inputs = try step.inputs.flatMap { source -> [String] in
      if let files = many(source) { return files }
      switch source {
      case .item: return [entry.path]
      case .step(let id): return [values[id] ?? ""]
      case .path(let path): return [try expand(path, "in", step.line)]
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
    if let window = entry.window, step.inputs.contains(.item) {
      guard command?.option("window") != nil, !step.options.contains(where: { ["window", "bbox"].contains($0.name) })
      else {
        throw BatchError.badJob(
          path: job.path, line: step.line,
          detail: "the step \(step.id) reads a window of \(entry.path), but "
            + (command?.option("window") == nil
              ? "hsi \(step.command.joined(separator: " ")) has no option --window" : "has a window of its own"))
      }
      options.append("--window=\(window.sample),\(window.line),\(window.samples),\(window.lines)")
    }
    if let columns = entry.columns, step.over != nil, command?.option("columns") != nil, step.command == ["mosaic"],
      !step.options.contains(where: { $0.name == "columns" })
    {
      options.append("--columns=\(columns)")
    }
    if let output { values[step.id] = output }
    return PlannedStep(
      id: step.id, command: step.command, options: options, inputs: inputs, output: output,
      sideOutputs: written, readFiles: read, models: models, otherFiles: others,
      dependencies: step.dependencies(Set(job.steps.map(\.id))).sorted())
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
