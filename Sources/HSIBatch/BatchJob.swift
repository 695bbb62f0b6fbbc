import Foundation
import HSICore

/// A job: inputs, a graph of steps for each of them, and how to run it. Read from YAML or JSON.
///
/// All relative paths count from the folder of the job file.
public struct BatchJob: Sendable {
  /// Options for every step that knows them.
  public struct Defaults: Hashable, Sendable {
    /// Worker threads of the whole run; nil for as many as the machine (or Slurm) gives.
    public var threads: Int?
    /// Memory of the whole run.
    public var memory: MemoryBudget?
    /// Whether outputs that this job did not make may be replaced.
    public var overwrite = false
    /// Seed of all random draws; nil for the default of the commands.
    public var seed: String?
  }

  /// Where inputs come from.
  enum Input: Sendable {
    /// A path, or a pattern with `*`, `?`, `[…]`, `**`.
    case pattern(String)
    /// A file with one path per line.
    case list(String)
    /// A CSV file with a column `path`.
    case table(String)
    /// The windows of one raster.
    case windows(String, SceneWindows)
  }

  /// A value of an option in `with`.
  enum Value: Sendable {
    /// `true` or `false`.
    case flag(Bool)
    /// One or more values.
    case texts([PathTemplate])
  }

  /// Where a step takes an input from.
  enum Source: Sendable, Hashable {
    /// The file of the item.
    case item
    /// The output of another step.
    case step(String)
    /// Another file.
    case path(PathTemplate)
  }

  /// What a step joins.
  enum Join: String, Sendable {
    /// The outputs of all items.
    case all
    /// Those of the windows of one raster.
    case scene
  }

  /// One command for every item, or with `over` for many together.
  struct Step: Sendable {
    var id: String
    /// What it joins; nil for a step of every item.
    var over: Join?
    /// `["classify", "predict"]`.
    var command: [String]
    var options: [(name: String, value: Value, line: Int)]
    var inputs: [Source]
    var output: PathTemplate?
    var line: Int
  }

  /// The file as it was named.
  public let path: String
  /// The folder from which paths count, absolute.
  public let folder: String
  /// File name without extension; the names of `NAME.manifest` and so on come from it.
  public let name: String
  /// Options for every step.
  public let defaults: Defaults
  let inputs: [(source: Input, line: Int)]
  let output: PathTemplate?
  /// In an order in which every step comes after those that it uses.
  let steps: [Step]
  /// Number of stages: all items of one are done before the next begins.
  public var stages: Int { Stages(steps).count }
  /// How often a failed step is tried again.
  public let retries: Int
  /// Whether other items go on when one failed.
  public let continuesOnError: Bool

  /// Reads a job file.
  ///
  /// - Throws: `BatchError.missingInputs` when there is no such file, `.badJob` with the line for anything that the
  ///   schema does not know: unknown keys, unknown steps, cycles, wrong values.
  public init(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      let exists = FileManager.default.fileExists(atPath: path)
      throw BatchError.missingInputs(
        path: path, detail: exists ? "the job file cannot be read" : "there is no such job file")
    }
    try self.init(data, path: path)
  }

  /// A job from the contents of its file.
  init(_ data: Data, path: String) throws {
    let reader = JobReader(path: path)
    let root = try JobText.parse(data, path: path)
    let url = URL(fileURLWithPath: path).standardizedFileURL
    self.path = path
    folder = url.deletingLastPathComponent().path
    name = url.deletingPathExtension().lastPathComponent
    let fields = try reader.fields(
      root, of: "a job", known: ["version", "defaults", "inputs", "output", "steps", "retries", "on_error"])
    guard let version = fields["version"] else { throw reader.error(root.line, "`version: 1` is missing") }
    guard try reader.text(version, "version") == "1" else {
      throw reader.error(version.line, "this hsi reads version 1 of job files")
    }
    defaults = try fields["defaults"].map(reader.defaults) ?? Defaults()
    guard let list = fields["inputs"] else { throw reader.error(root.line, "`inputs` is missing") }
    inputs = try reader.inputs(list)
    output = try fields["output"].map { try reader.template($0, "output") }
    guard let stepList = fields["steps"] else { throw reader.error(root.line, "`steps` is missing") }
    steps = try reader.ordered(reader.steps(stepList))
    retries = try fields["retries"].map { try reader.number($0, "retries", 0...100) } ?? 0
    continuesOnError =
      try fields["on_error"].map { try reader.choice($0, "on_error", ["continue", "stop"]) == "continue" }
      ?? true
  }

  /// A path as it is on disk: relative ones count from the folder of the job.
  public func resolved(_ path: String) -> String { FilePaths.resolved(path, from: folder) }

  /// The path of something that the job keeps beside its file, such as `NAME.manifest`.
  public func beside(_ suffix: String) -> String { FilePaths.resolved(name + suffix, from: folder) }
}
