import HSITransformer

/// The weights of a LoLA-SpecViT by official name, in memory or in a file; those of a file are read when they are asked for.
package struct LoLAWeights: Sendable {
  /// Name and content of every tensor.
  package let contents: [(name: String, content: SafetensorsWriter.Content)]
  /// For messages.
  package let path: String
  private let positions: [String: Int]

  package init(_ contents: [(name: String, content: SafetensorsWriter.Content)], path: String = "the network") {
    self.contents = contents
    self.path = path
    positions = Dictionary(contents.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The tensors of a file after every name and shape was checked. Counters and index tables may be absent.
  ///
  /// - Throws: `TransformerError` for the first tensor that does not fit.
  package init(_ file: WeightFile, _ shape: LoLAConfiguration, isIgnored: (String) -> Bool = { _ in false }) throws {
    try file.check(
      for: shape.tensors.map { ($0.name, $0.shape) },
      isOptional: { $0.hasSuffix("num_batches_tracked") || $0.hasSuffix("relative_position_index") },
      isIgnored: isIgnored)
    self.init(file.tensors.filter { !isIgnored($0.name) }.map { ($0.name, .stored($0)) }, path: file.path)
  }

  /// A tensor in single precision.
  ///
  /// - Throws: `TransformerError.missingTensor`, `.shapeMismatch`, and those of damaged files.
  package func tensor(_ name: String, shape: [Int]) throws -> Tensor {
    guard let index = positions[name] else {
      throw TransformerError.missingTensor(path: path, tensor: name, model: shape, instead: nil)
    }
    let tensor: Tensor =
      switch contents[index].content {
      case .floats(let tensor): tensor
      case .stored(let stored): try stored.floats()
      case .integers(let values, let shape): Tensor(shape, values.map { Float($0) })
      }
    return try LoLAWeights.checked(tensor, name, shape, path)
  }

  /// Sets all parameters of a network that have other names than `isFresh` tells.
  package func load(_ store: ParameterStore, except isFresh: (String) -> Bool = { _ in false }) throws {
    for parameter in store.parameters where !isFresh(parameter.name) {
      if parameter.isInteger, positions[parameter.name] == nil { continue }
      parameter.set(try tensor(parameter.name, shape: parameter.shape))
    }
  }

  /// The weights with an adapter file: tensors that both have are the adapter's; low-rank pairs at `P` are added to the
  /// matrix `P.weight`, times α/r.
  ///
  /// - Throws: `TransformerError.noAdapter`, and for the first tensor that does not fit.
  package func stacked(_ file: WeightFile, _ shape: LoLAConfiguration, alpha: Double) throws -> LoLAWeights {
    let shapes = Dictionary(uniqueKeysWithValues: shape.tensors.map { ($0.name, $0.shape) })
    let (down, up) = ("lora_down.weight", "lora_up.weight")
    var pairs = 0
    for tensor in file.tensors where shapes[tensor.name] == nil {
      let isPair = tensor.name.hasSuffix(down) || tensor.name.hasSuffix(up)
      guard isPair, shapes[tensor.name.replacing(down, with: "weight").replacing(up, with: "weight")] != nil else {
        throw TransformerError.unexpectedTensor(path: file.path, tensor: tensor.name, file: tensor.shape)
      }
      pairs += 1
    }
    guard pairs > 0 else { throw TransformerError.noAdapter(path: file.path) }
    let stacked = try contents.map { name, content -> (name: String, content: SafetensorsWriter.Content) in
      guard let wanted = shapes[name] else { return (name, content) }
      if let replacement = file[name] {
        return (name, replacement.type.isFloatingPoint
          ? .floats(try LoLAWeights.checked(replacement.floats(), name, wanted, file.path)) : .stored(replacement))
      }
      let place = name.hasSuffix("weight") ? String(name.dropLast(6)) : name + "."
      guard file[place + down] != nil || file[place + up] != nil else { return (name, content) }
      guard let low = file[place + down], let high = file[place + up], let rank = low.shape.first, rank > 0 else {
        throw TransformerError.missingTensor(path: file.path, tensor: place + down, model: [], instead: nil)
      }
      var matrix = try tensor(name, shape: wanted).copy()
      Matrices.add(
        try LoLAWeights.checked(high.floats(), high.name, [wanted[0], rank], file.path),
        try LoLAWeights.checked(low.floats(), low.name, [rank, wanted[1]], file.path),
        scale: Float(alpha / Double(rank)), to: &matrix)
      return (name, .floats(matrix))
    }
    return LoLAWeights(stacked, path: path)
  }

  private static func checked(_ tensor: Tensor, _ name: String, _ shape: [Int], _ path: String) throws -> Tensor {
    func trimmed(_ shape: [Int]) -> [Int] { Array(shape.reversed().drop { $0 == 1 }.reversed()) }
    guard trimmed(tensor.shape) == trimmed(shape) else {
      throw TransformerError.shapeMismatch(path: path, tensor: name, file: tensor.shape, model: shape)
    }
    return tensor.reshaped(shape)
  }
}
