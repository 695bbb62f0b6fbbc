import Foundation
import HSICore
import Testing

@testable import HSITransformer

/// Files that the tests of weights read and write.
enum WeightFiles {
  /// Reference fixtures of this target.
  static let fixtures = Bundle.module.resourceURL?.appendingPathComponent("Fixtures")

  /// Every `.safetensors` fixture of the package.
  static func safetensors() throws -> [URL] {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let folders = ["HSITransformerTests", "HSIRestorationTests"].map {
      tests.appendingPathComponent($0).appendingPathComponent("Fixtures")
    }
    return try folders.flatMap {
      try FileManager.default.contentsOfDirectory(at: $0, includingPropertiesForKeys: nil)
    }.filter { $0.pathExtension == "safetensors" }.sorted { $0.path < $1.path }
  }

  /// A name in a new folder.
  static func temporary(_ name: String) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "hsi-weights-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder.appendingPathComponent(name).path
  }

  static func remove(_ path: String) {
    try? FileManager.default.removeItem(at: URL(fileURLWithPath: path).deletingLastPathComponent())
  }

  /// A safetensors file from its JSON and data.
  static func safetensors(_ json: String, data: [UInt8] = [], length: UInt64? = nil) -> [UInt8] {
    let text = Array(json.utf8)
    return withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { Array($0) } + text + data
  }

  /// Opens bytes as safetensors.
  static func readSafetensors(_ bytes: [UInt8]) throws -> WeightFile {
    try Safetensors.read(WeightBytes(copying: bytes), path: "mutant")
  }

  /// Reads everything that an opened file offers, and holds its claims to the size of the file.
  static func readAll(_ file: WeightFile, limit: Int) throws {
    let claimed = file.tensors.reduce(0) { $0 + $1.count * $1.type.size }
    #expect(claimed <= limit)
    for tensor in file.tensors {
      #expect(try tensor.floats().count == tensor.count)
      if !tensor.type.isFloatingPoint, tensor.type != .uint64 { _ = try tensor.ints() }
    }
    _ = try file.card()
  }
}

/// A folder that goes with the test.
final class WeightFolder {
  private let first: String

  init() throws { first = try WeightFiles.temporary("first") }

  func path(_ name: String) -> String {
    URL(fileURLWithPath: first).deletingLastPathComponent().appendingPathComponent(name).path
  }

  deinit { WeightFiles.remove(first) }
}
