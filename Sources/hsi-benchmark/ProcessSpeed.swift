import ArgumentParser
import Foundation
import HSIKit

/// `hsi-benchmark processes`: what a user waits for, the whole command from its start to its end, on a scene of 61 MB in the page cache;
/// beside the same of GDAL's own programs where they are installed. A table as Markdown.
struct ProcessSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "processes", abstract: "Time whole commands on a scene of 61 MB, from start to end.")

  @Option(help: "The hsi to run.") var hsi: String
  @Option(help: "An older hsi, run in between.") var before: String?
  @Option(help: "Runs of each command; the shortest counts.") var runs = 7
  @Option(help: "Names of commands, separated by commas; all where none is given.") var only = ""
  @Option(help: "Folder for the files, deleted afterwards.") var folder = NSTemporaryDirectory()

  /// A command, and what GDAL has for the same.
  private struct Item {
    let name: String
    let words: [String]
    var peer: (program: String, words: [String])?
  }

  private static let items = [
    Item(name: "version", words: ["--version"]),
    Item(name: "info, ENVI", words: ["info", "scene.dat"], peer: ("gdalinfo", ["scene.dat"])),
    Item(name: "info, GeoTIFF", words: ["info", "scene.tif"], peer: ("gdalinfo", ["scene.tif"])),
    Item(name: "quicklook", words: ["quicklook", "scene.tif", "out.png"]),
    Item(name: "unmix fcls", words: ["unmix", "scene.tif", "out.tif", "--endmembers", "library.csv"]),
    Item(name: "unmix fcls, ZSTD", words: ["unmix", "packed.tif", "out.tif", "--endmembers", "library.csv"]),
    Item(
      name: "convert, uncompressed", words: ["convert", "scene.tif", "out.tif", "--co", "COMPRESS=NONE"],
      peer: ("gdal_translate", ["-q", "scene.tif", "out.tif", "-co", "COMPRESS=NONE"] + tiles)),
    Item(
      name: "convert, ZSTD", words: ["convert", "scene.tif", "out.tif"],
      peer: (
        "gdal_translate",
        ["-q", "scene.tif", "out.tif", "-co", "COMPRESS=ZSTD", "-co", "ZSTD_LEVEL=1", "-co", "PREDICTOR=3"] + tiles
      )),
    Item(
      name: "convert, DEFLATE", words: ["convert", "scene.tif", "out.tif", "--compat"],
      peer: ("gdal_translate", ["-q", "scene.tif", "out.tif", "-co", "COMPRESS=DEFLATE"] + tiles)),
    Item(name: "convert to ENVI", words: ["convert", "scene.tif", "out.dat"]),
    Item(
      name: "classify predict", words: ["classify", "predict", "scene.tif", "out.tif", "--model", "svm.safetensors"]),
    Item(name: "denoise fasthyde", words: ["denoise", "scene.tif", "out.tif", "--method", "fasthyde"]),
  ]

  /// What `hsi` writes, so that both do the same.
  private static let tiles = [
    "-co", "TILED=YES", "-co", "BLOCKXSIZE=64", "-co", "BLOCKYSIZE=64", "-co", "INTERLEAVE=PIXEL", "-co",
    "NUM_THREADS=ALL_CPUS",
  ]

  func validate() throws {
    guard runs > 0 else { throw ValidationError("at least one run") }
    let known = ProcessSpeed.items.map(\.name)
    for name in chosen where !known.contains(name) {
      throw ValidationError("no command \(name) in: " + known.joined(separator: "; "))
    }
  }

  private var chosen: [String] {
    only.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
  }

  func run() throws {
    let place = URL(fileURLWithPath: folder).appendingPathComponent("hsi-processes-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: place) }
    let room = place.path
    let scene = MemoryScene(name: "usual", samples: 307, bands: 162, interleave: "bip")
    _ = try scene.write(in: room, bytes: 307 * 307 * 162 * 2)
    let inputs = [
      ["convert", "scene.dat", "scene.tif", "--ot", "float32", "--co", "COMPRESS=NONE"],
      ["convert", "scene.tif", "packed.tif"],
      [
        "classify", "train", "scene.dat", "labels.dat", "--model", "svm", "--train", "40", "--guard", "0", "--out",
        "svm.safetensors",
      ],
    ]
    for words in inputs { _ = try time(hsi, words + ["-q"], room) }
    print(
      "| command | hsi, ms | processor, ms |" + (before == nil ? "" : " before, ms | processor, ms |")
        + " GDAL, ms | processor, ms |\n|---|---|---|" + (before == nil ? "" : "---|---|") + "---|---|")
    for item in ProcessSpeed.items where chosen.isEmpty || chosen.contains(item.name) {
      let peer = try item.peer.flatMap { peer in
        try ProcessSpeed.installed(peer.program).map { ($0, peer.words) }
      }
      let words = item.name == "version" ? item.words : item.words + ["-q"]
      var best = [(Double, Double)](repeating: (.infinity, .infinity), count: 3)
      for _ in 0..<runs {
        for (i, program) in [hsi, before, peer?.0].enumerated() {
          guard let program else { continue }
          let found = try time(program, i == 2 ? peer?.1 ?? [] : words, room)
          best[i] = (min(best[i].0, found.0), min(best[i].1, found.1))
        }
      }
      func cell(_ i: Int) -> String {
        best[i].0.isFinite ? String(format: " %.0f | %.0f |", best[i].0 * 1e3, best[i].1 * 1e3) : " – | – |"
      }
      print("| \(item.name) |" + cell(0) + (before == nil ? "" : cell(1)) + cell(2))
      fflush(nil)
    }
  }

  /// Seconds from start to end, and of processors, of a command that has to succeed; its outputs are deleted.
  private func time(_ program: String, _ words: [String], _ room: String) throws -> (Double, Double) {
    let child = try ChildRun(program, words, in: room, patience: 600)
    guard child.remark.isEmpty else {
      throw CoreError.cannotWrite(
        path: words.joined(separator: " "), reason: "it ended with\(child.remark): \(child.message)")
    }
    for name in try FileManager.default.contentsOfDirectory(atPath: room) where name.hasPrefix("out") {
      try FileManager.default.removeItem(atPath: room + "/" + name)
    }
    return (child.seconds, child.processor)
  }

  private static func installed(_ program: String) throws -> String? {
    ["/usr/bin/", "/usr/local/bin/"].map { $0 + program }.first { access($0, X_OK) == 0 }
  }
}
