/// The weights of a network by name, in memory or in a file; those of a file are read when they are asked for.
///
/// For networks that are prepared for prediction tensor by tensor, so that large ones are never held twice; others are loaded whole by
/// `ModelFile.model()`.
public struct NamedWeights: Sendable {
  /// Name and content of every tensor.
  public let contents: [(name: String, content: SafetensorsWriter.Content)]
  /// For messages.
  public let path: String
  private let positions: [String: Int]

  /// Weights in memory.
  public init(_ contents: [(name: String, content: SafetensorsWriter.Content)], path: String = "the network") {
    self.contents = contents
    self.path = path
    positions = Dictionary(contents.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The tensors of a file after every name and shape was checked.
  ///
  /// - Parameters:
  ///   - parameters: names and shapes of the network.
  ///   - isOptional: names that may be absent: counters and index tables.
  ///   - isIgnored: names of the file that the network need not know.
  /// - Throws: `TransformerError` for the first tensor that does not fit.
  public init(
    _ file: WeightFile, for parameters: [(name: String, shape: [Int])],
    isOptional: (String) -> Bool = { _ in false }, isIgnored: (String) -> Bool = { _ in false }
  ) throws {
    try file.check(for: parameters, isOptional: isOptional, isIgnored: isIgnored)
    self.init(file.tensors.filter { !isIgnored($0.name) }.map { ($0.name, .stored($0)) }, path: file.path)
  }

  /// A tensor in single precision; extents of 1 at the end of a shape do not count.
  ///
  /// - Throws: `TransformerError.missingTensor`, `.shapeMismatch`, and those of damaged files.
  public func tensor(_ name: String, shape: [Int]) throws -> Tensor {
    guard let index = positions[name] else {
      throw TransformerError.missingTensor(path: path, tensor: name, model: shape, instead: nil)
    }
    let content = contents[index].content
    if case .stored(let stored) = content {
      return try NamedWeights.checked(try stored.numbers(path: path), name, shape, path)
    }
    return try NamedWeights.checked(try content.floats(), name, shape, path)
  }

  /// Sets all parameters of a network that have other names than `isFresh` tells.
  public func load(_ store: ParameterStore, except isFresh: (String) -> Bool = { _ in false }) throws {
    for parameter in store.parameters where !isFresh(parameter.name) {
      if parameter.isInteger, positions[parameter.name] == nil { continue }
      parameter.set(try tensor(parameter.name, shape: parameter.shape))
    }
  }

  /// A tensor of a shape.
  ///
  /// - Throws: `TransformerError.shapeMismatch`.
  package static func checked(_ tensor: Tensor, _ name: String, _ shape: [Int], _ path: String) throws -> Tensor {
    func trimmed(_ shape: [Int]) -> [Int] { Array(shape.reversed().drop { $0 == 1 }.reversed()) }
    guard trimmed(tensor.shape) == trimmed(shape) else {
      throw TransformerError.shapeMismatch(path: path, tensor: name, file: tensor.shape, model: shape)
    }
    return tensor.reshaped(shape)
  }
}
