import ArgumentParser
import Foundation
import HSIKit

/// `hsi-benchmark memory`: peak resident memory of commands that go over whole scenes, of shapes that are hard on strips, under a small
/// `--memory`; a table as Markdown.
struct MemoryTable: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memory",
    abstract: "Peak memory of commands on narrow, wide, deep and huge scenes under small budgets.")

  @Option(help: "The hsi to run.") var hsi: String
  @Option(help: "Budgets, separated by commas.") var budgets = "256M,512M"
  @Option(help: "Names of commands, separated by commas; all where none is given.") var only = ""
  @Option(help: "Names of scenes, separated by commas; all where none is given.") var scenes = ""
  @Option(help: "Megabytes of the files of scenes.") var megabytes = 1024
  @Option(help: "The same for what computes for long or holds a scene in memory.") var longMegabytes = 40
  @Option(help: "Megabytes of the huge scene, a file of holes; 0 leaves it out.") var huge = 12288
  @Option(help: "Megabytes beyond the budget that are allowed, for the program itself.") var slack = 200
  @Option(help: "Seconds after which a command is ended.") var patience = 600.0
  @Option(help: "Folder for the files, deleted afterwards.") var folder = NSTemporaryDirectory()

  func validate() throws {
    let known = MemoryCase.all.map(\.name)
    for name in MemoryTable.words(only) where !known.contains(name) {
      throw ValidationError("no command \(name) in: " + known.joined(separator: ", "))
    }
    let shapes = MemoryScene.all.map(\.name)
    for name in MemoryTable.words(scenes) where !shapes.contains(name) {
      throw ValidationError("no scene \(name) in: " + shapes.joined(separator: ", "))
    }
    guard MemoryTable.words(budgets).allSatisfy({ MemoryTable.bytes($0) != nil }) else {
      throw ValidationError("budgets are numbers with M or G")
    }
  }

  func run() throws {
    let place = URL(fileURLWithPath: folder).appendingPathComponent("hsi-memory-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: place) }
    let chosen = MemoryTable.words(only)
    let shapes = MemoryTable.words(scenes)
    let budgets = MemoryTable.words(self.budgets)
    say(
      "| scene | command |" + budgets.map { " peak at \($0), MiB | seconds |" }.joined() + "\n|---|---|"
        + budgets.map { _ in "---|---|" }.joined())
    var worst: [String: (over: Int, name: String)] = [:]
    for scene in MemoryScene.all where shapes.isEmpty || shapes.contains(scene.name) {
      guard !scene.isSparse || huge > 0 else { continue }
      for isLong in [false, true] {
        let cases = MemoryCase.all.filter { item in
          item.isLong == isLong && (chosen.isEmpty || chosen.contains(item.name))
            && (!scene.isSparse || item.suitsHoles)
        }
        guard !cases.isEmpty else { continue }
        let room = place.appendingPathComponent("\(scene.name)-\(isLong ? "long" : "short")")
        try FileManager.default.createDirectory(at: room, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: room) }
        let size = (scene.isSparse ? huge : isLong ? longMegabytes : megabytes) << 20
        let shape = try scene.write(in: room.path, bytes: size)
        if isLong { try prepare(room.path, cases) }
        for item in cases {
          var row = "| \(scene.name) \(shape.samples) × \(shape.lines) × \(shape.bands) | \(item.name) |"
          for budget in budgets {
            let child = try ChildRun(
              hsi, item.words + ["--memory", budget, "-q"], in: room.path, patience: patience)
            let bytes = MemoryTable.bytes(budget) ?? 0
            let over = child.peak - bytes
            let mark = over > slack << 20 ? "**" : ""
            row += " \(mark)\(child.peak >> 20)\(mark)\(child.remark) |" + String(format: " %.0f |", child.seconds)
            if over > worst[budget]?.over ?? .min { worst[budget] = (over, "\(item.name) of \(scene.name)") }
            MemoryTable.clear(room.path)
          }
          say(row)
        }
      }
    }
    for budget in budgets {
      guard let (over, name) = worst[budget] else { continue }
      say("\nMost beyond \(budget): \(over >> 20) MiB (\(name)); allowed: \(slack) MiB.")
    }
  }

  /// A line of the table, at once: a run takes hours.
  private func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

  /// Models for the commands that need some, from the first lines of the scene.
  private func prepare(_ room: String, _ cases: [MemoryCase]) throws {
    let needed = Set(cases.flatMap(\.needs))
    for (name, words) in MemoryCase.preparations where needed.contains(name) {
      let child = try ChildRun(hsi, words + ["-q"], in: room, patience: patience)
      guard child.remark.isEmpty else {
        throw CoreError.cannotWrite(path: name, reason: "preparing it ended with\(child.remark): \(child.message)")
      }
    }
  }

  /// Deletes what a command has left.
  private static func clear(_ room: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: room)) ?? [] where name.hasPrefix("out") {
      try? FileManager.default.removeItem(atPath: room + "/" + name)
    }
  }

  private static func words(_ text: String) -> [String] {
    text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
  }

  private static func bytes(_ text: String) -> Int? {
    guard let number = Int(text.dropLast()), (1...1 << 20).contains(number) else { return nil }
    switch text.last {
    case "M": return number << 20
    case "G": return number << 30
    default: return nil
    }
  }
}
