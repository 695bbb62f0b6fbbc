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

  /// One to four random changes of a valid file: bytes set, bits flipped, pieces cut, doubled or overwritten with
  /// numbers that are easily mistaken for sizes.
  static func mutated(_ original: [UInt8], _ random: inout CounterRandom) -> [UInt8] {
    var bytes = original
    for _ in 0...random.index(below: 4) where !bytes.isEmpty {
      // Most changes go where the structure is: the start and the end.
      let region = [bytes.count, min(bytes.count, 600), min(bytes.count, 64)][random.index(below: 3)]
      var place = random.index(below: region)
      if random.index(below: 4) == 0 { place = bytes.count - 1 - place }
      switch random.index(below: 7) {
      case 0: bytes[place] = UInt8(random.index(below: 256))
      case 1: bytes[place] ^= 1 << UInt8(random.index(below: 8))
      case 2: bytes.removeSubrange(place...)
      case 3: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.index(below: 8)))
      case 4:
        let end = min(bytes.count, place + 1 + random.index(below: 40))
        bytes.insert(contentsOf: bytes[place..<end], at: random.index(below: bytes.count + 1))
      case 5:
        let numbers: [UInt64] = [0, 1, .max, .max >> 1, 1 << 63, 1 << 32, (1 << 32) - 1, 1 << 31, 1 << 40]
        let value = numbers[random.index(below: numbers.count)]
        let width = [1, 2, 4, 8][random.index(below: 4)]
        for i in 0..<width where place + i < bytes.count {
          bytes[place + i] = UInt8(truncatingIfNeeded: value >> (8 * i))
        }
      default:
        let digits = Array("0123456789[]{}\",:-.()tRq\u{80}".utf8)
        bytes[place] = digits[random.index(below: digits.count)]
      }
    }
    return bytes
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
