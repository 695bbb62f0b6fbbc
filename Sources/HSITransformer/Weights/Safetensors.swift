import Foundation
import HSICore

/// The safetensors format: 8 bytes length N (little endian), N bytes of JSON, then the numbers of all tensors without
/// gaps.
///
/// The JSON is one object: a tensor's name to `{"dtype": …, "shape": […], "data_offsets": [begin, end]}`, and
/// `__metadata__` to an object of strings. Source: github.com/huggingface/safetensors, format description.
enum Safetensors {
  /// The key of the metadata in the header.
  static let metadataKey = "__metadata__"
  /// The longest header that the format allows.
  static let headerLimit = 100_000_000

  /// The tensors of a mapped file.
  ///
  /// - Throws: `TransformerError.notAWeightFile` when the first bytes are of another format, `.truncated`, `.badHeader`,
  ///   `.unsupportedScalar`.
  static func read(_ file: WeightBytes, path: String) throws -> WeightFile {
    let bytes = file.bytes
    guard bytes.count >= 9, bytes[8] == UInt8(ascii: "{") else {
      throw TransformerError.notAWeightFile(path: path)
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= headerLimit else {
      throw TransformerError.badHeader(path: path, detail: "it claims to be \(length) bytes long")
    }
    let dataStart = 8 + Int(length)
    guard dataStart <= bytes.count else {
      throw TransformerError.truncated(path: path, expected: dataStart, found: bytes.count)
    }
    let header: SafetensorsHeader
    do {
      header = try SafetensorsHeader(parsing: UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]))
    } catch let error as SafetensorsHeader.Failure {
      throw TransformerError.badHeader(path: path, detail: error.detail)
    }
    let source = MappedSource(file: file, path: path)
    var tensors: [WeightTensor] = []
    tensors.reserveCapacity(header.entries.count)
    var end = 0
    // Tensors follow each other without gap or overlap; empty ones lie between.
    let order = header.entries.sorted { ($0.begin, $0.end, $0.name) < ($1.begin, $1.end, $1.name) }
    for entry in order {
      guard let type = ScalarType(rawValue: entry.type) else {
        throw TransformerError.unsupportedScalar(path: path, tensor: entry.name, type: entry.type)
      }
      guard let count = type.count(of: entry.shape), entry.end >= entry.begin,
        entry.end - entry.begin == count * type.size
      else {
        throw TransformerError.badHeader(
          path: path,
          detail:
            "\(shortened(entry.name)) of shape \(entry.shape) and type \(entry.type) does not fill its bytes "
            + "\(entry.begin)..<\(entry.end)")
      }
      guard entry.begin == end else {
        throw TransformerError.badHeader(
          path: path,
          detail: "\(shortened(entry.name)) begins at byte \(entry.begin), but its neighbour ends at \(end)")
      }
      end = entry.end
      guard end <= bytes.count - dataStart else {
        throw TransformerError.truncated(
          path: path, expected: end.addingReportingOverflow(dataStart).partialValue, found: bytes.count)
      }
      tensors.append(
        WeightTensor(
          name: entry.name, type: type, shape: entry.shape, count: count,
          source: source.from(dataStart + entry.begin, count: count * type.size)))
    }
    guard end == bytes.count - dataStart else {
      throw TransformerError.badHeader(
        path: path, detail: "\(bytes.count - dataStart - end) bytes at the end belong to no tensor")
    }
    return WeightFile(
      path: path, format: .safetensors, tensors: try SparseStorage.unpacked(tensors, path: path),
      metadata: header.metadata)
  }
}

/// A range of a mapped file in little-endian order.
struct MappedSource: WeightSource {
  let file: WeightBytes
  let path: String
  var start = 0
  var count = 0

  func from(_ start: Int, count: Int) -> MappedSource {
    MappedSource(file: file, path: path, start: start, count: count)
  }

  func withBytes(_ body: (UnsafeRawBufferPointer, _ swaps: Bool) throws -> Void) throws {
    try withExtendedLifetime(file) {
      defer { file.forget(start..<(start + count)) }
      try body(UnsafeRawBufferPointer(rebasing: file.bytes[start..<(start + count)]), 1.bigEndian == 1)
    }
  }
}
