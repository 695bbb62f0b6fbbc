import Foundation
import HSICore

/// The tensors and facts in a file of weights: safetensors or a PyTorch checkpoint.
///
/// Opening reads the header only; the file is mapped, and numbers are read when a tensor is asked for them. Nothing of
/// a file is ever executed, and no memory is taken for sizes that the file claims but does not have.
public struct WeightFile: Sendable {
  /// What kind of file it is.
  public enum Format: String, Sendable {
    case safetensors
    case pytorch = "PyTorch"
  }

  /// The file.
  public let path: String
  /// Its kind, found from the content.
  public let format: Format
  /// The tensors in the order of the file.
  public private(set) var tensors: [WeightTensor]
  /// Text beside the tensors: the metadata of a safetensors file, the scalars (epoch, …) of a checkpoint.
  public let metadata: [String: String]

  private var positions: [String: Int]

  /// The tensors whose names begin with a prefix, under what follows it.
  public func part(_ prefix: String) -> WeightFile {
    let members = tensors.filter { $0.name.hasPrefix(prefix) }.map { tensor in
      var tensor = tensor
      tensor.name.removeFirst(prefix.count)
      return tensor
    }
    return WeightFile(path: path, format: format, tensors: members, metadata: metadata)
  }

  init(path: String, format: Format, tensors: [WeightTensor], metadata: [String: String]) {
    self.path = path
    self.format = format
    self.tensors = tensors
    self.metadata = metadata
    positions = WeightFile.positions(tensors)
  }

  /// Opens a file; the content decides what it is, not the name. A folder stands for the last by name of its `.safetensors` files, as
  /// training programs leave them.
  ///
  /// - Throws: `TransformerError`.
  public static func open(_ path: String) throws -> WeightFile {
    let path = try member(ofFolder: path) ?? path
    let file = try WeightBytes(mapping: path)
    return try read(file, path: path)
  }

  /// The file that a folder stands for; nil for what is no folder.
  private static func member(ofFolder path: String) throws -> String? {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else { return nil }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    guard let last = names.filter({ $0.hasSuffix(".safetensors") && !$0.hasPrefix(".") }).max() else {
      throw TransformerError.unreadable(path: path, reason: "it is a folder without a .safetensors file")
    }
    return path.hasSuffix("/") ? path + last : path + "/" + last
  }

  static func read(_ file: WeightBytes, path: String) throws -> WeightFile {
    // The ninth byte opens the header of a safetensors file, whatever the length before it looks like.
    let opensHeader = file.bytes.count > 8 && file.bytes[8] == UInt8(ascii: "{")
    if !opensHeader, ZipArchive.matches(file.bytes) { return try PyTorchCheckpoint.read(file, path: path) }
    if LegacyCheckpoint.matches(file.bytes) { return try LegacyCheckpoint.read(file, path: path) }
    return try Safetensors.read(file, path: path)
  }

  /// A tensor by name.
  public subscript(name: String) -> WeightTensor? { positions[name].map { tensors[$0] } }

  /// Number of values in all tensors.
  public var valueCount: Int { tensors.reduce(0) { $0 &+ $1.count } }

  /// The same file with `prefix` taken from the names that begin with it.
  ///
  /// Checkpoints of wrapped networks carry one, `net.` for example.
  public func droppingPrefix(_ prefix: String) -> WeightFile {
    renaming { $0.hasPrefix(prefix) && $0 != prefix ? String($0.dropFirst(prefix.count)) : $0 }
  }

  /// The same file under other names.
  public func renaming(_ name: (String) -> String) -> WeightFile {
    var result = self
    for i in tensors.indices { result.tensors[i].name = name(tensors[i].name) }
    result.positions = WeightFile.positions(result.tensors)
    return result
  }

  /// The tensors of a model in single precision, each checked against the model.
  ///
  /// Extents of 1 at the end of a shape do not count: a 1 × 1 convolution `[o, i, 1, 1]` serves a linear layer `[o, i]`.
  ///
  /// - Parameters:
  ///   - parameters: names and shapes of the model.
  ///   - isOptional: names that may be absent from the file.
  ///   - isIgnored: names of the file that the model need not know.
  /// - Throws: `TransformerError.missingTensor`, `.shapeMismatch`, `.unexpectedTensor`, `.notNumbers`, for the first in the
  ///   order of the model.
  public func tensors(
    for parameters: [(name: String, shape: [Int])],
    isOptional: (String) -> Bool = { _ in false }, isIgnored: (String) -> Bool = { _ in false }
  ) throws -> [String: Tensor] {
    try check(for: parameters, isOptional: isOptional, isIgnored: isIgnored)
    var result: [String: Tensor] = [:]
    for (name, shape) in parameters {
      if let tensor = self[name] {
        result[name] = try tensor.numbers(path: path).reshaped(shape)
      }
    }
    return result
  }

  /// The same checks of names and shapes without reading a number.
  public func check(
    for parameters: [(name: String, shape: [Int])],
    isOptional: (String) -> Bool = { _ in false }, isIgnored: (String) -> Bool = { _ in false }
  ) throws {
    let known = Set(parameters.map(\.name))
    let stranger = tensors.first { !known.contains($0.name) && !isIgnored($0.name) }
    for (name, shape) in parameters {
      guard let tensor = self[name] else {
        if isOptional(name) { continue }
        throw TransformerError.missingTensor(
          path: path, tensor: name, model: shape, instead: stranger.map { "\($0.name) \($0.shape)" })
      }
      guard WeightFile.trimmed(tensor.shape) == WeightFile.trimmed(shape) else {
        throw TransformerError.shapeMismatch(path: path, tensor: name, file: tensor.shape, model: shape)
      }
    }
    if let stranger {
      throw TransformerError.unexpectedTensor(path: path, tensor: stranger.name, file: stranger.shape)
    }
  }

  private static func trimmed(_ shape: [Int]) -> [Int] {
    var shape = shape
    while shape.last == 1 { shape.removeLast() }
    return shape
  }

  private static func positions(_ tensors: [WeightTensor]) -> [String: Int] {
    Dictionary(tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }
}

extension Tensor {
  /// Throws `TransformerError.notNumbers` for weights that are NaN or infinite: whatever they are multiplied with would be too.
  func checkNumbers(_ name: String, path: String) throws {
    let bad = (0..<count).reduce(0) { $0 + (pointer[$1].isFinite ? 0 : 1) }
    guard bad == 0 else { throw TransformerError.notNumbers(path: path, tensor: name, count: bad) }
  }
}

extension WeightTensor {
  /// The numbers, all of them finite.
  func numbers(path: String) throws -> Tensor {
    let values = try floats()
    try values.checkNumbers(name, path: path)
    return values
  }
}
