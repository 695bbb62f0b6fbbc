import Foundation
import HSICore

/// Writes `.safetensors` files: complete under their name or not there at all, the same bytes for the same content.
public enum SafetensorsWriter {
  /// What the numbers of a tensor come from.
  public enum Content: Sendable {
    /// Single precision.
    case floats(Tensor)
    /// The tensor of another file, in its own type.
    case stored(WeightTensor)
    /// 64-bit integers in row-major order, as many as the shape has.
    case integers([Int64], shape: [Int])
    /// Bytes, of one axis.
    case bytes([UInt8])

    var type: ScalarType {
      switch self {
      case .floats: .float32
      case .stored(let tensor): tensor.type
      case .integers: .int64
      case .bytes: .uint8
      }
    }

    /// Extents.
    public var shape: [Int] {
      switch self {
      case .floats(let tensor): tensor.shape
      case .stored(let tensor): tensor.shape
      case .integers(_, let shape): shape
      case .bytes(let values): [values.count]
      }
    }

    /// Number of values.
    public var count: Int {
      switch self {
      case .floats(let tensor): tensor.count
      case .stored(let tensor): tensor.count
      case .integers(let values, _): values.count
      case .bytes(let values): values.count
      }
    }

    /// The numbers in single precision.
    ///
    /// - Throws: `TransformerError` when a stored tensor is damaged.
    public func floats() throws -> Tensor {
      switch self {
      case .floats(let tensor): tensor
      case .stored(let tensor): try tensor.floats()
      case .integers(let values, let shape): Tensor(shape, values.map { Float($0) })
      case .bytes(let values): Tensor([values.count], values.map { Float($0) })
      }
    }

    func withBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
      switch self {
      case .floats(let tensor):
        try withExtendedLifetime(tensor) {
          try body(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.count * 4))
        }
      case .stored(let tensor): try tensor.withStoredBytes(body)
      case .integers(let values, _): try values.withUnsafeBytes(body)
      case .bytes(let values): try values.withUnsafeBytes(body)
      }
    }
  }

  /// In which order tensors lie in the file.
  public enum Order: Sendable {
    /// Wide types first, then by name: every number is aligned to its size. What the reference library writes.
    case sorted
    /// As given; numbers may be unaligned where types are mixed.
    case given
  }

  /// Writes tensors. Memory: the header only (and one tensor at a time where numbers must be gathered).
  ///
  /// - Parameters:
  ///   - card: stored in the metadata.
  ///   - inputs: files that must not be overwritten.
  /// - Throws: `CoreError` of the output; `CoreError.invalidParameter` for a name that occurs twice or is
  ///   `__metadata__`, or a shape that does not fit its values; `TransformerError` when a stored tensor is damaged.
  public static func write(
    _ tensors: [(name: String, content: Content)], card: ModelCard? = nil, metadata: [String: String] = [:],
    order: Order = .sorted, to path: String, overwrite: Bool, inputs: [String] = []
  ) throws {
    var tensors = tensors
    if order == .sorted {
      tensors.sort { a, b in
        (b.content.type.size, a.name) < (a.content.type.size, b.name)
      }
    }
    var metadata = metadata
    if let card { metadata[ModelCard.metadataKey] = card.json }
    let header = try header(tensors, metadata)
    let file = try OutputFile(path, overwrite: overwrite, inputs: inputs)
    do {
      let output = try file.create()
      try output.write(header)
      for (_, content) in tensors { try content.withBytes { try output.write($0) } }
      try output.close(synchronised: true)
    } catch {
      file.discard()
      throw error
    }
    try file.commit()
  }

  /// Length and JSON, padded with spaces so that numbers begin at a multiple of 8.
  private static func header(
    _ tensors: [(name: String, content: Content)], _ metadata: [String: String]
  ) throws -> [UInt8] {
    var names: Set<String> = [Safetensors.metadataKey]
    var members: [String] = []
    if !metadata.isEmpty {
      let facts = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
      members.append("\(quoted(Safetensors.metadataKey)):{\(facts.joined(separator: ","))}")
    }
    var offset = 0
    for (name, content) in tensors {
      guard names.insert(name).inserted else {
        throw CoreError.invalidParameter(
          name: "a tensor name", value: shortened(name),
          requirement: "used once and not \(Safetensors.metadataKey)")
      }
      guard content.type.count(of: content.shape) == content.count else {
        throw CoreError.invalidParameter(
          name: "the shape of \(shortened(name))", value: "\(content.shape)",
          requirement: "that of its \(content.count) values")
      }
      let end = offset + content.count * content.type.size
      let shape = content.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(quoted(name)):{\"dtype\":\"\(content.type.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var json = Array("{\(members.joined(separator: ","))}".utf8)
    while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
    guard json.count <= Safetensors.headerLimit else {
      throw CoreError.invalidParameter(
        name: "the header", value: "\(json.count) bytes long",
        requirement: "at most \(Safetensors.headerLimit) bytes long")
    }
    return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        result += String(format: "\\u%04x", scalar.value)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
