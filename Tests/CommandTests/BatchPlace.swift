import Foundation
import HSIKit

/// A folder with a job over copies of the sample scene, `scenes/00.dat` and so on.
final class BatchPlace {
  let folder: TemporaryFolder
  var url: URL { folder.url }

  /// - Parameter bad: numbers of scenes whose data are cut off.
  init(scenes: Int, bad: Set<Int> = []) throws {
    guard let source = SampleScene.folder else { throw CocoaError(.fileNoSuchFile) }
    folder = try TemporaryFolder()
    let scenes = (0..<scenes).map { String(format: "scenes/%02d", $0) }
    try FileManager.default.createDirectory(at: path("scenes"), withIntermediateDirectories: true)
    for (index, name) in scenes.enumerated() {
      for part in ["dat", "hdr"] {
        let stem = bad.contains(index) ? "short" : "s"
        try FileManager.default.copyItem(
          at: source.appendingPathComponent("\(stem).\(part)"), to: path("\(name).\(part)"))
      }
    }
  }

  func path(_ name: String) -> URL { url.appendingPathComponent(name) }

  func write(_ name: String, _ text: String) throws { try Data(text.utf8).write(to: path(name)) }

  func data(_ name: String) -> Data? { try? Data(contentsOf: path(name)) }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name).path) }

  /// Names in a folder, hidden ones included, sorted.
  func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path(folder).path)) ?? []).sorted()
  }

  /// Makes a bad scene good.
  func mend(_ number: Int) throws {
    guard let source = SampleScene.folder else { throw CocoaError(.fileNoSuchFile) }
    let file = path(String(format: "scenes/%02d.dat", number))
    try FileManager.default.removeItem(at: file)
    try FileManager.default.copyItem(at: source.appendingPathComponent("s.dat"), to: file)
  }

  /// Writes `job.yml` with steps and other keys.
  func job(_ steps: String, more: String = "") throws {
    try write(
      "job.yml", "version: 1\ninputs: [\"scenes/*.dat\"]\noutput: \"out/{stem}\"\n\(more)\nsteps:\n\(steps)\n"
    )
  }

  func batch(_ line: String, environment: [String: String] = [:]) throws -> Tool.Result {
    try Tool.run(["batch"] + line.split(separator: " ").map(String.init), in: url, environment: environment)
  }

  /// All records of the manifest.
  func records() -> [ManifestRecord] {
    names("job.manifest").flatMap { name in
      String(decoding: data("job.manifest/" + name) ?? Data(), as: UTF8.self).split(separator: "\n")
        .compactMap {
          try? JSONDecoder().decode(ManifestRecord.self, from: Data($0.utf8))
        }
    }
  }

  /// How often each step was begun.
  var begun: [String: Int] {
    Dictionary(
      records().filter { $0.state == .running }.map { ($0.item + " " + $0.step, 1) }, uniquingKeysWith: +)
  }

  func status() throws -> BatchStatus {
    let result = try batch("status job.yml --json")
    return try JSONDecoder().decode(BatchStatus.self, from: Data(result.output.utf8))
  }
}
