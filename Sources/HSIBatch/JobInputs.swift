import Foundation
import HSICore

/// The variables of templates.
enum PathVariables {
  /// Variables that every item has, and `output`.
  static let names = ["stem", "name", "dir", "index", "relpath", "output", "input", "window", "core"]

  /// Those of them that say where an input or an output lies.
  static let places: Set<String> = ["dir", "input", "output"]

  /// - Parameter base: the folder, with its slash, below which `{relpath}` counts.
  static func values(of path: String, index: Int, below base: String) -> [String: String] {
    var relative = FilePaths.stem(path)
    if !base.isEmpty, relative.hasPrefix(base) { relative.removeFirst(base.count) }
    if FilePaths.isRemote(relative) { relative = FilePaths.name(relative) }
    let parts = relative.split(separator: "/").filter { $0 != ".." && $0 != "." }
    return [
      "stem": FilePaths.name(FilePaths.stem(path)), "name": FilePaths.name(path),
      "dir": FilePaths.folder(path), "index": "\(index)", "relpath": parts.joined(separator: "/"),
      "input": path,
    ]
  }
}

/// The inputs of a job, found on disk.
struct JobInputs {
  struct Entry {
    var path: String
    var variables: [String: String]
    /// Line of the job file that brought it in.
    var line: Int
    /// The part of the raster that is the item; nil for all of it.
    var window: PixelWindow?
    /// Windows of a row of the raster.
    var columns: Int?
  }

  let entries: [Entry]

  /// Most inputs of one job.
  static let limit = 1_000_000

  /// Expands patterns, lists and tables in the order in which they are written.
  ///
  /// - Parameters:
  ///   - isLenient: whether missing files are passed over (to show the state of a job).
  ///   - isOwn: whether this job made a file: a pattern leaves such files out where it matches others too, so that a job that is run
  ///     again finds the inputs of the first time.
  /// - Throws: `BatchError.missingInputs`, `.badJob`.
  init(
    _ job: BatchJob, isLenient: Bool, sizeOf: CommandCatalogue.SizeOfRaster = { _ in nil },
    isOwn: (String) -> Bool = { _ in false }
  ) throws {
    var entries: [Entry] = []
    var missing: [String] = []
    func add(_ path: String, below base: String, _ line: Int, _ columns: [String: String] = [:]) throws {
      guard entries.count < JobInputs.limit else {
        throw BatchError.badJob(path: job.path, line: line, detail: "there are more than a million inputs")
      }
      if !FilePaths.isRemote(path), !FileManager.default.fileExists(atPath: job.resolved(path)) {
        missing.append(path)
      }
      let values = PathVariables.values(of: path, index: entries.count, below: base)
      entries.append(Entry(path: path, variables: columns.merging(values) { $1 }, line: line))
    }
    for (source, line) in job.inputs {
      switch source {
      case .pattern(let text):
        let isLiteral =
          !GlobPattern.isPattern(text) || FilePaths.isRemote(text)
          || FileManager.default.fileExists(atPath: job.resolved(text))
        if isLiteral {
          try add(text, below: "", line)
          continue
        }
        let pattern = GlobPattern(text)
        let matches = pattern.matches(in: job.folder)
        if matches.isEmpty, !isLenient {
          throw BatchError.missingInputs(path: job.path, detail: "line \(line): no file matches `\(text)`")
        }
        let others = matches.filter { !isOwn($0) }
        for path in others.isEmpty ? matches : others { try add(path, below: pattern.fixed, line) }
      case .list(let name):
        guard let text = try JobInputs.text(name, job, line, isLenient) else { continue }
        for row in text.split(whereSeparator: \.isNewline) {
          let path = String(row).trimmingSpaces
          if !path.isEmpty, !path.hasPrefix("#") { try add(path, below: "", line) }
        }
      case .windows(let path, let windows):
        try add(path, below: "", line)
        let whole = entries.removeLast()
        guard missing.last != path else { continue }
        let size: (lines: Int, samples: Int)?
        do { size = try sizeOf(job.resolved(path)) } catch {
          guard isLenient else { throw error }
          size = nil
        }
        guard let size, size.lines > 0, size.samples > 0 else {
          if isLenient { continue }
          throw BatchError.missingInputs(path: job.path, detail: "line \(line): the size of \(path) cannot be told")
        }
        guard windows.count(lines: size.lines, samples: size.samples) <= JobInputs.limit - entries.count else {
          throw BatchError.badJob(path: job.path, line: line, detail: "there are more than a million inputs")
        }
        for (name, window) in windows.windows(lines: size.lines, samples: size.samples) {
          var entry = whole
          let (all, core) = windows.grown(window, lines: size.lines, samples: size.samples)
          entry.window = all
          entry.variables["core"] = "\(core.sample),\(core.line),\(core.samples),\(core.lines)"
          entry.columns = (size.samples - 1) / windows.size.samples + 1
          entry.variables["window"] = name
          entry.variables["index"] = "\(entries.count)"
          entries.append(entry)
        }
      case .table(let name):
        guard let text = try JobInputs.text(name, job, line, isLenient) else { continue }
        try JobInputs.rows(of: text, name, job) { path, columns in try add(path, below: "", line, columns) }
      }
    }
    if let first = missing.first, !isLenient {
      throw BatchError.missingInputs(
        path: job.path,
        detail: missing.count == 1
          ? "the input \(first) does not exist"
          : "\(missing.count) inputs do not exist, the first is \(first)")
    }
    if entries.isEmpty, !isLenient {
      throw BatchError.missingInputs(path: job.path, detail: "there are no inputs")
    }
    self.entries = entries
  }

  private static func text(_ name: String, _ job: BatchJob, _ line: Int, _ isLenient: Bool) throws -> String? {
    guard let data = FileManager.default.contents(atPath: job.resolved(name)) else {
      if isLenient { return nil }
      throw BatchError.missingInputs(
        path: job.path, detail: "line \(line): \(name) does not exist or cannot be read")
    }
    guard let text = String(data: data, encoding: .utf8), !text.utf8.contains(0) else {
      throw BatchError.badJob(path: job.path, line: line, detail: "\(name) is not UTF-8 text")
    }
    return text
  }

  private static func rows(
    of text: String, _ name: String, _ job: BatchJob, _ add: (String, [String: String]) throws -> Void
  ) throws {
    let table: DelimitedTable
    do {
      table = try DelimitedTable(text)
    } catch let problem as TemplateProblem {
      throw BatchError.badJob(path: name, line: nil, detail: problem.detail)
    }
    guard let pathColumn = table.columns.firstIndex(of: "path") else {
      throw BatchError.badJob(path: name, line: 1, detail: "the table has no column `path`")
    }
    let ids = Set(job.steps.map(\.id))
    if let clash = table.columns.first(where: { PathVariables.names.contains($0) || ids.contains($0) }) {
      throw BatchError.badJob(path: name, line: 1, detail: "a column must not be called `\(clash)`")
    }
    for row in table.rows {
      guard !row.fields[pathColumn].isEmpty else {
        throw BatchError.badJob(path: name, line: row.line, detail: "`path` is empty")
      }
      try add(row.fields[pathColumn], Dictionary(zip(table.columns, row.fields)) { $1 })
    }
  }
}
