import Foundation
import HSIKit

/// The folder in which inputs lie while they are read.
struct FuzzPlace: Sendable {
  let folder: String
  private let isOwn: Bool

  init(_ given: String?) throws {
    isOwn = given == nil
    folder = given ?? FileManager.default.temporaryDirectory.path + "/hsi-fuzz-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  /// Writes a file and returns its path.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let path = folder + "/" + name
    guard let file = fopen(path, "wb") else { throw CocoaError(.fileWriteUnknown) }
    defer { fclose(file) }
    guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw CocoaError(.fileWriteOutOfSpace) }
    return path
  }

  /// Deletes the folder where it was made for this run.
  func remove() { if isOwn { try? FileManager.default.removeItem(atPath: folder) } }

  /// What readers are given: a small budget, so that what asks for more is refused.
  var context: RunContext { RunContext(threads: 1, memory: MemoryBudget(bytes: 256 << 20)) }
}
