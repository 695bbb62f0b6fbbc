import HSICore

/// Single values of tensors that replace those of a base, as flat positions and new values: what training of a part of the weights
/// (`SaRA`) is saved as. Values of tensor `T` lie under `T.sara_positions` (64-bit integers) and `T.sara_values`.
public enum SparseDifference {
  private static let ends = (positions: ".sara_positions", values: ".sara_values")

  /// The tensor that a name of a file changes; nil for names of other tensors.
  public static func target(of name: String) -> String? {
    for end in [ends.positions, ends.values] where name.hasSuffix(end) { return String(name.dropLast(end.count)) }
    return nil
  }

  /// The values of weights that differ from a base.
  ///
  /// - Parameters:
  ///   - parameters: of the trained network; buffers are left out.
  ///   - base: the value that training started from, by name; nil leaves a parameter out.
  public static func contents(
    _ parameters: [Parameter], from base: (String) throws -> Tensor?
  ) rethrows -> [(name: String, content: SafetensorsWriter.Content)] {
    try parameters.flatMap { parameter -> [(name: String, content: SafetensorsWriter.Content)] in
      guard !parameter.isBuffer, let before = try base(parameter.name) else { return [] }
      let (old, new) = (before.pointer, parameter.value.pointer)
      let places = (0..<parameter.value.count).filter { old[$0].bitPattern != new[$0].bitPattern }
      guard !places.isEmpty else { return [] }
      return [
        (parameter.name + ends.positions, .integers(places.map { Int64($0) }, shape: [places.count])),
        (parameter.name + ends.values, .floats(Tensor([places.count], places.map { new[$0] }))),
      ]
    }
  }

  /// The changes of a tensor in a file; nil where there are none.
  ///
  /// - Parameter count: values of the tensor.
  /// - Throws: `TransformerError` for positions and values that do not fit.
  public static func changes(of name: String, count: Int, in file: WeightFile) throws -> [(place: Int, value: Float)]? {
    let (positions, values) = (file[name + ends.positions], file[name + ends.values])
    guard let positions, let values else {
      guard let half = positions ?? values else { return nil }
      throw TransformerError.unexpectedTensor(path: file.path, tensor: half.name, file: half.shape)
    }
    let places = try positions.ints()
    guard places.count == values.count, places.allSatisfy({ (0..<count).contains($0) }) else {
      throw TransformerError.shapeMismatch(
        path: file.path, tensor: positions.name, file: positions.shape, model: [min(values.count, count)])
    }
    return Array(zip(places, try values.numbers(path: file.path).values))
  }
}
