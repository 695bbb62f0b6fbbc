import Foundation

/// A parity fixture: the tensors of a safetensors file, as double.
public struct Fixture {
  /// Shape and row-major values of one tensor.
  public struct Tensor {
    public let shape: [Int]
    public let values: [Double]
    /// The only value of a scalar.
    public var scalar: Double { values[0] }
    public var ints: [Int] { values.map { Int($0) } }
    public var floats: [Float] { values.map { Float($0) } }
  }

  /// Tensors by name.
  public let tensors: [String: Tensor]

  /// Reads a file.
  public init(_ url: URL) throws {
    let data = try Data(contentsOf: url)
    let length = data.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let header = try JSONSerialization.jsonObject(with: data[8..<(8 + length)]) as! [String: Any]
    var tensors: [String: Tensor] = [:]
    for (name, entry) in header where name != "__metadata__" {
      let entry = entry as! [String: Any]
      let shape = entry["shape"] as! [Int]
      let range = entry["data_offsets"] as! [Int]
      let bytes = [UInt8](data[(8 + length + range[0])..<(8 + length + range[1])])
      let values: [Double] = bytes.withUnsafeBytes { raw in
        switch entry["dtype"] as! String {
        case "F64": (0..<(raw.count / 8)).map { raw.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
        case "F32":
          (0..<(raw.count / 4)).map { Double(raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self)) }
        case "I64":
          (0..<(raw.count / 8)).map { Double(raw.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self)) }
        case "I32":
          (0..<(raw.count / 4)).map { Double(raw.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self)) }
        case "U8", "BOOL": raw.map { Double($0) }
        case let other: fatalError("dtype \(other) in \(url.path)")
        }
      }
      tensors[name] = Tensor(shape: shape, values: values)
    }
    self.tensors = tensors
  }

  /// One tensor; traps with its name when absent.
  public subscript(name: String) -> Tensor {
    guard let tensor = tensors[name] else { fatalError("no tensor \(name); have \(tensors.keys.sorted())") }
    return tensor
  }
}

/// Real scenes beside the checkout, present on the founders' machines only.
public enum SharedData {
  /// `../shared/data` beside the package, or nil.
  public static let root: URL? = {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let candidates = [
      ProcessInfo.processInfo.environment["HSI_SHARED_DATA"].map { URL(fileURLWithPath: $0) },
      package.deletingLastPathComponent().appendingPathComponent("shared/data"),
      URL(fileURLWithPath: "/work/shared/data"),
    ]
    return candidates.compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0.path) }
  }()

  /// The path of a file of the collection, or nil where the collection is absent.
  public static func path(_ name: String) -> String? {
    guard let url = root?.appendingPathComponent(name), FileManager.default.fileExists(atPath: url.path)
    else {
      return nil
    }
    return url.path
  }
}
