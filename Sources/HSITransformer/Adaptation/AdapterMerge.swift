import HSICore

/// Folds adapters of all kinds (`Adapters`) into the matrices that they stand beside, from file to file.
///
///     W ← W + (α/r) U D          plain LoRA; D and U are left out of the result
///     W ← W + R, R ← 0           with a gate, which depends on the input and stays, with D and U, so that networks that are made
///                                with gates read the file
///
/// The matrix of an adapter at `P` is `P.weight` or `P.linear.weight`. Sums are in double precision, rounded once. Cost of
/// a low-rank pair: 2 · out · in · r.
public enum AdapterMerge {
  /// What `merge` made.
  public struct Result: Sendable {
    /// All tensors for `SafetensorsWriter`, in the order of the base.
    public let tensors: [(name: String, content: SafetensorsWriter.Content)]
    /// Matrices that a product was folded into.
    public let folded: [String]
    /// Matrices that kept an adapter which is no matrix; of a gated one the residual was folded.
    public let gated: [String]
    /// Tensors of which single values were replaced (`SparseDifference`).
    public let changed: [String]
  }

  /// The metadata key (and configuration key of the model card) of α.
  public static let alphaKey = LowRankPair.alphaKey

  /// Folds every adapter of a file, or what a file of an adapted network adds to a base: the base's own adapters stay then.
  ///
  /// - Parameters:
  ///   - base: weights, possibly with adapters among them.
  ///   - adapter: adapters, single values that changed, or, where its card says so, all weights; tensors that the base has too replace
  ///     the base's.
  ///   - alpha: α of all adapters; by default what the metadata of the adapter (or base) say under `alphaKey`.
  /// - Throws: `TransformerError.noAdapter`, `.missingTensor`, `.shapeMismatch`, `.unexpectedTensor`;
  ///   `CoreError.invalidParameter` when α is not known.
  public static func merge(_ base: WeightFile, adapter: WeightFile? = nil, alpha: Double? = nil) throws -> Result {
    let source = adapter ?? base
    var tensors = base.tensors
    // Adapters that the base has itself belong to the network: they have an α of their own, and stay.
    let own = adapter == nil ? [] : Set(tensors.compactMap { Adapters.place(ofTensor: $0.name) })
    var positions = Dictionary(uniqueKeysWithValues: tensors.indices.map { (tensors[$0].name, $0) })
    var changes = Set<String>()
    for tensor in adapter?.tensors ?? [] {
      if let index = positions[tensor.name] {
        try check(tensor, tensors[index].shape, source.path)
        tensors[index] = tensor
      } else if Adapters.isAdapter(tensor: tensor.name) {
        positions[tensor.name] = tensors.count
        tensors.append(tensor)
      } else if let target = SparseDifference.target(of: tensor.name), positions[target] != nil {
        changes.insert(target)
      } else {
        throw TransformerError.unexpectedTensor(path: source.path, tensor: tensor.name, file: tensor.shape)
      }
    }
    // Stacks are summed in the order in which they were attached, whatever the order of the file.
    let places = tensors.compactMap { Adapters.place(ofTensor: $0.name) }.filter { !own.contains($0) }.uniqued
      .enumerated().sorted {
        (Adapters.layer(of: $0.element).number, $0.offset) < (Adapters.layer(of: $1.element).number, $1.offset)
      }.map(\.element)
    let isWhole =
      try adapter?.card()?.configuration?[Adaptation.key].flatMap { try? Adaptation($0, option: "") }?.isWhole ?? false
    guard !places.isEmpty || !changes.isEmpty || isWhole else { throw TransformerError.noAdapter(path: source.path) }
    func setting(_ key: String) throws -> String? {
      if key == alphaKey, let alpha { return "\(alpha)" }
      for file in [source, base] {
        if let text = try file.card()?.configuration?[key] ?? file.metadata[key] { return text }
      }
      return nil
    }
    let found = AdapterSource(
      path: source.path, shape: { positions[$0].map { tensors[$0].shape } }, setting: { try? setting($0) })
    var contents: [Int: SafetensorsWriter.Content] = [:]
    var dropped = Set<Int>()
    var (folded, gated) = ([String](), [String]())
    for name in changes.sorted() {
      guard let index = positions[name],
        let values = try SparseDifference.changes(of: name, count: tensors[index].count, in: source)
      else { continue }
      var tensor = try tensors[index].floats()
      tensor.withMutableValues { buffer in for (place, value) in values { buffer[place] = value } }
      contents[index] = .floats(tensor)
    }
    for place in places {
      guard let configuration = try Adapters.configuration(at: place, in: found) else { continue }
      let layer = Adapters.layer(of: place).place
      let names = ["weight", "linear.weight"].map { AdapterSource.name(layer, $0) }
      guard let matrix = names.compactMap({ positions[$0] }).first else { throw missing(names[0], base.path) }
      let shape = tensors[matrix].shape
      guard shape.count >= 2, shape.dropFirst(2).allSatisfy({ $0 == 1 }) else {
        throw TransformerError.shapeMismatch(
          path: base.path, tensor: tensors[matrix].name, file: shape, model: Array(shape.prefix(2)))
      }
      let (adapter, parameters) = try restored(
        configuration, at: place, for: [shape[0], shape[1]], from: source.path
      ) { positions[$0].map { tensors[$0] } }
      var sum: Tensor
      if case .floats(let before)? = contents[matrix] { sum = before } else { sum = try tensors[matrix].floats() }
      let taken = adapter.fold(into: &sum)
      contents[matrix] = .floats(sum)
      let isGated = taken.count != parameters.count
      guard !isGated else {
        for parameter in taken {
          if let index = positions[parameter.name] { contents[index] = .floats(.zeros(parameter.shape)) }
        }
        gated.append(tensors[matrix].name)
        continue
      }
      dropped.formUnion(taken.compactMap { positions[$0.name] })
      for key in type(of: configuration).requiredToFold where found.number(key, at: place) == nil {
        throw CoreError.invalidParameter(
          name: "alpha", value: "not in the file",
          requirement: "given: the number that the adapter was trained with")
      }
      folded.append(tensors[matrix].name)
    }
    let kept = tensors.indices.filter { !dropped.contains($0) }
    return Result(
      tensors: kept.map { (tensors[$0].name, contents[$0] ?? .stored(tensors[$0])) }, folded: folded,
      gated: gated, changed: changes.sorted())
  }

  /// The adapter at a place of a file, as a network would have it, and its parameters.
  ///
  /// - Parameter shape: of the matrix beside it, `[out, in]`.
  /// - Throws: `TransformerError` for tensors that are missing or do not fit.
  static func restored(
    _ configuration: any AdapterConfiguration, at place: String, for shape: [Int], from path: String,
    _ tensor: (String) -> WeightTensor?
  ) throws -> (adapter: any Adapter, parameters: [Parameter]) {
    let store = ParameterStore(isBlank: true)
    let adapter = configuration.make(
      place.isEmpty ? store.root : store.root[place], input: shape[1], output: shape[0])
    for parameter in store.parameters {
      guard let stored = tensor(parameter.name) else { throw missing(parameter.name, path) }
      try check(stored, parameter.shape, path)
      parameter.set(try stored.numbers(path: path))
    }
    return (adapter, store.parameters)
  }

  private static func check(_ tensor: WeightTensor, _ shape: [Int], _ path: String) throws {
    guard tensor.shape == shape else {
      throw TransformerError.shapeMismatch(path: path, tensor: tensor.name, file: tensor.shape, model: shape)
    }
  }

  private static func missing(_ name: String, _ path: String) -> TransformerError {
    .missingTensor(path: path, tensor: name, model: [], instead: nil)
  }
}

extension AdapterConfiguration {
  /// The place of the adapter of this kind that a tensor belongs to, nil for other tensors.
  public func place(of tensor: String) -> String? {
    for name in Self.tensors where tensor.hasSuffix(".\(name)") { return String(tensor.dropLast(name.count + 1)) }
    return nil
  }

  /// Folds the adapter at a place of a file into a matrix, `[out, in]` or of the shape of a kernel.
  ///
  /// - Throws: `TransformerError` for tensors that are missing or do not fit.
  public func fold(at place: String, of file: WeightFile, into matrix: inout Tensor) throws {
    let shape = [matrix.shape[0], matrix.count / max(matrix.shape[0], 1)]
    let (adapter, _) = try AdapterMerge.restored(self, at: place, for: shape, from: file.path) { file[$0] }
    _ = adapter.fold(into: &matrix)
  }
}

extension Array where Element: Hashable {
  /// The elements without repetition, in the order of their first occurrence.
  fileprivate var uniqued: [Element] {
    var seen = Set<Element>()
    return filter { seen.insert($0).inserted }
  }
}
