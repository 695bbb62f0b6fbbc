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

  /// The weights with the file of an adapted network: tensors that both have are the file's; single values of others are replaced;
  /// adapters at `P` are folded into the matrix `P.weight`.
  ///
  /// - Throws: `TransformerError.noAdapter`, and for the first tensor that does not fit.
  package func adapted(
    by adaptation: Adaptation, _ file: WeightFile, _ shape: LoLAConfiguration
  ) throws -> NamedWeights {
    let shapes = Dictionary(uniqueKeysWithValues: shape.tensors.map { ($0.name, $0.shape) })
    var places: [String: any AdapterConfiguration] = [:]
    let source = try AdapterSource(file)
    var changes = 0
    for tensor in file.tensors where shapes[tensor.name] == nil {
      if let target = SparseDifference.target(of: tensor.name), shapes[target] != nil {
        changes += 1
        continue
      }
      // A network has gated adapters of its own, which are among its tensors.
      guard case .beside(let configuration) = adaptation, let place = configuration.place(of: tensor.name),
        shapes["\(place).weight"] != nil
      else {
        throw TransformerError.unexpectedTensor(path: file.path, tensor: tensor.name, file: tensor.shape)
      }
      places[place] = try type(of: configuration).init(at: place, in: source) ?? configuration
      changes += 1
    }
    if case .beside = adaptation, places.isEmpty { throw TransformerError.noAdapter(path: file.path) }
    let stacked = try contents.map { name, content -> (name: String, content: SafetensorsWriter.Content) in
      guard let wanted = shapes[name] else { return (name, content) }
      if let replacement = file[name] {
        return (
          name,
          replacement.type.isFloatingPoint
            ? .floats(try NamedWeights.checked(replacement.floats(), name, wanted, file.path)) : .stored(replacement)
        )
      }
      let count = wanted.reduce(1, *)
      if let changes = try SparseDifference.changes(of: name, count: count, in: file) {
        var values = try tensor(name, shape: wanted).copy()
        values.withMutableValues { buffer in for (place, value) in changes { buffer[place] = value } }
        return (name, .floats(values))
      }
      guard name.hasSuffix(".weight"), let configuration = places[String(name.dropLast(7))] else {
        return (name, content)
      }
      var matrix = try tensor(name, shape: wanted).copy()
      try configuration.fold(at: String(name.dropLast(7)), of: file, into: &matrix)
      return (name, .floats(matrix))
    }
    return NamedWeights(stacked, path: path)
  }
}
