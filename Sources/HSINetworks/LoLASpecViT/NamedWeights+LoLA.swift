import HSITransformer

extension NamedWeights {
  /// The tensors of a LoLA-SpecViT in a file after every name and shape was checked. Counters and index tables may be absent.
  ///
  /// - Throws: `TransformerError` for the first tensor that does not fit.
  package init(_ file: WeightFile, _ shape: LoLAConfiguration, isIgnored: (String) -> Bool = { _ in false }) throws {
    try self.init(
      file, for: shape.tensors.map { ($0.name, $0.shape) },
      isOptional: { $0.hasSuffix("num_batches_tracked") || $0.hasSuffix("relative_position_index") },
      isIgnored: isIgnored)
  }

  /// The weights with an adapter file: tensors that both have are the adapter's; low-rank pairs at `P` are added to the
  /// matrix `P.weight`, times α/r.
  ///
  /// - Throws: `TransformerError.noAdapter`, and for the first tensor that does not fit.
  package func stacked(_ file: WeightFile, _ shape: LoLAConfiguration, alpha: Double) throws -> NamedWeights {
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
        return (
          name,
          replacement.type.isFloatingPoint
            ? .floats(try NamedWeights.checked(replacement.floats(), name, wanted, file.path)) : .stored(replacement)
        )
      }
      let place = name.hasSuffix("weight") ? String(name.dropLast(6)) : name + "."
      guard file[place + down] != nil || file[place + up] != nil else { return (name, content) }
      guard let low = file[place + down], let high = file[place + up], let rank = low.shape.first, rank > 0 else {
        throw TransformerError.missingTensor(path: file.path, tensor: place + down, model: [], instead: nil)
      }
      var matrix = try tensor(name, shape: wanted).copy()
      Matrices.add(
        try NamedWeights.checked(high.floats(), high.name, [wanted[0], rank], file.path),
        try NamedWeights.checked(low.floats(), low.name, [rank, wanted[1]], file.path),
        scale: Float(alpha / Double(rank)), to: &matrix)
      return (name, .floats(matrix))
    }
    return NamedWeights(stacked, path: path)
  }
}
