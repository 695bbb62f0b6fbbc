import ArgumentParser
import Foundation
import HSICore

/// Kills long commands at random moments and lets them go on: what they end with must be the bytes of a run that was left alone.
struct KillRuns: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill-runs",
    abstract: "SIGKILL at random moments over batch and trainings, then resumption, compared byte by byte.")

  @Option(help: "The hsi to run.") var hsi: String
  @Option(help: "Folder with the sample scene.") var sample = "SampleData"
  @Option(help: "Kills in all, spread evenly over the commands.") var runs = 200
  @Option(help: "Seed of the moments.") var seed: UInt64 = 0
  @Option(help: "Commands, by name, separated by commas.") var only = ""

  /// A command that can be killed.
  private struct Subject {
    let name: String
    /// What is put into its folder first, by name.
    let files: [String: String]
    /// Its words; those of a resumption are appended.
    let words: [String]
    let resumption: [String]
  }

  private static let brief = ["--patch", "8", "--stride", "8", "--scales", "1", "--band-steps", "1", "--batch", "2"]

  private static let subjects = [
    Subject(
      name: "batch",
      files: [
        "job.yml": """
        version: 1
        inputs: ["scene*.dat"]
        output: "out/{stem}"
        steps:
          - { id: c, run: convert, out: "{output}_c.tif" }
          - { id: d, run: denoise, with: { method: fasthyde }, out: "{output}_d.dat" }
          - { id: u, run: unmix, with: { count: 4, report: "{output}.json" }, in: d, out: "{output}_u.tif" }

        """
      ], words: ["batch", "run", "job.yml", "--workers", "2"], resumption: []),
    Subject(
      name: "train denoise", files: [:],
      words: ["train", "denoise", "scene0.dat", "--model", "hsdt-tiny", "--out", "w.safetensors", "--epochs", "2"]
        + brief
        + ["--patches-per-epoch", "24", "--evaluate-every", "3"], resumption: ["--resume"]),
    Subject(
      name: "classify train", files: [:],
      words: [
        "classify", "train", "scene0.dat", "labels.dat", "--model", "lola-specvit-tiny", "--set", "epochs=4", "--train",
        "10%",
        "--guard", "0", "--out", "w.safetensors", "--minutes", "60",
      ], resumption: ["--resume"]),
    Subject(
      name: "pretrain", files: [:],
      words: [
        "pretrain", "scene0.dat", "--out", "w.safetensors", "--epochs", "2", "--windows-per-epoch", "16", "--batch",
        "4",
        "--evaluate-every", "2",
      ], resumption: ["--resume"]),
  ]

  func run() throws {
    var random = CounterRandom(seed: seed, stream: 1)
    let chosen = KillRuns.subjects.filter { only.isEmpty || only.split(separator: ",").contains(Substring($0.name)) }
    print("| command | seconds | killed | killed before the end | resumed | other bytes | left behind |")
    print("|---|---|---|---|---|---|---|")
    // Reports name the folder that a command ran in: all runs are in one.
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-kill-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    for subject in chosen {
      try fill(folder, subject)
      let begin = Date()
      guard try launch(subject.words, in: folder).status == 0 else { throw ExitCode.failure }
      let seconds = Date().timeIntervalSince(begin)
      let expected = try products(folder)
      var (hit, resumed, different, left): (Int, Int, [String], Set<String>) = (0, 0, [], [])
      let count = runs / chosen.count
      for number in 0..<count {
        try fill(folder, subject)
        let killed = try launch(subject.words, in: folder, killAfter: random.uniform() * 1.05 * seconds)
        if killed.wasKilled { hit += 1 }
        var status: Int32 = 1
        for _ in 0..<3 where status != 0 {
          status = try launch(
            subject.words
              + (killed.wasKilled ? subject.resumption : ["--overwrite"]).filter {
                subject.name != "batch" || $0 != "--overwrite"
              }, in: folder
          ).status
        }
        if status == 0 { resumed += 1 }
        let found = try products(folder)
        for (name, digest) in expected where found[name] != digest { different.append("\(number): \(name)") }
        // The number of the process and the draw in the names of unfinished files differ from run to run.
        left.formUnion(Set(found.keys).subtracting(expected.keys).map { $0.hasPrefix(".") ? ".….part" : $0 })
      }
      print(
        "| \(subject.name) | \(String(format: "%.1f", seconds)) | \(count) | \(hit) | \(resumed) | \(different.count) | \(left.count) |"
      )
      for line in different + left.sorted() { FileHandle.standardError.write(Data("\(subject.name): \(line)\n".utf8)) }
    }
  }

  /// Fills a folder anew: three copies of the sample scene, its labels and the files of a command.
  private func fill(_ folder: URL, _ subject: Subject) throws {
    let manager = FileManager.default
    try? manager.removeItem(at: folder)
    try manager.createDirectory(at: folder, withIntermediateDirectories: true)
    let source = URL(fileURLWithPath: sample)
    for part in ["dat", "hdr"] {
      for n in 0..<3 {
        try manager.copyItem(
          at: source.appendingPathComponent("scene.\(part)"), to: folder.appendingPathComponent("scene\(n).\(part)"))
      }
      try manager.copyItem(
        at: source.appendingPathComponent("scene_labels.\(part)"), to: folder.appendingPathComponent("labels.\(part)"))
    }
    for (name, text) in subject.files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
  }

  private func launch(
    _ words: [String], in folder: URL, killAfter: Double? = nil
  ) throws -> (status: Int32, wasKilled: Bool) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: hsi)
    process.arguments = words + ["-q"]
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging([
      // Records tell the time and the budget, which would be a share of what is free.
      "SOURCE_DATE_EPOCH": "1700000000", "HSI_MEMORY": "1G",
    ]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    if let killAfter {
      let end = Date().addingTimeInterval(killAfter)
      while process.isRunning, Date() < end { usleep(2_000) }
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }
    process.waitUntilExit()
    return (process.terminationStatus, process.terminationReason == .uncaughtSignal)
  }

  /// Contents of all files that a command is to leave, by name; records of a run (manifest, logs, provenance) tell times.
  private func products(_ folder: URL) throws -> [String: Data] {
    var result: [String: Data] = [:]
    guard let names = FileManager.default.enumerator(atPath: folder.path) else { return [:] }
    for case let name as String in names {
      var isFolder: ObjCBool = false
      let url = folder.appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), !isFolder.boolValue else {
        continue
      }
      // Who did what when: names and times differ from run to run.
      guard !["job.manifest/", "logs/"].contains(where: name.hasPrefix), name != "job.report.json" else { continue }
      let isRecord = name.hasSuffix(".prov.json")
      var data = isRecord ? Data() : try Data(contentsOf: url)
      // A report quotes its command line, to which a resumption adds --overwrite.
      if name.hasSuffix(".json") {
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
        data = Data(lines.filter { !$0.contains("\"command_line\"") }.joined(separator: "\n").utf8)
      }
      result[name] = data
    }
    return result
  }
}
