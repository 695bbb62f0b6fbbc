import HSICore

extension ParameterStore {
  /// Loads all weights and buffers from a file, after checking every name and shape.
  ///
  /// Counters (`num_batches_tracked`) may be absent. Nothing changes when an error is thrown.
  ///
  /// - Parameter isIgnored: names in the file that the network need not know.
  /// - Throws: `TransformerError`, naming the first tensor that does not fit.
  public func load(_ file: WeightFile, isIgnored: (String) -> Bool = { _ in false }) throws {
    let counters = Set(parameters.filter(\.isInteger).map(\.name))
    let tensors = try file.tensors(
      for: parameters.map { ($0.name, $0.shape) }, isOptional: { counters.contains($0) }, isIgnored: isIgnored)
    for parameter in parameters {
      if let tensor = tensors[parameter.name] { parameter.set(tensor) }
    }
  }

  /// Loads the weights of some parameters, such as those of an adapter, and leaves the others alone.
  ///
  /// - Parameter isIgnored: names in the file that belong to none of them.
  public func load(
    _ file: WeightFile, only isWanted: (Parameter) -> Bool, isIgnored: (String) -> Bool = { _ in false }
  ) throws {
    let wanted = parameters.filter(isWanted)
    let tensors = try file.tensors(for: wanted.map { ($0.name, $0.shape) }, isIgnored: isIgnored)
    for parameter in wanted { if let tensor = tensors[parameter.name] { parameter.set(tensor) } }
  }

  /// What `SafetensorsWriter` is given to store the network, or the parameters that `isWanted` names.
  public func contents(where isWanted: (Parameter) -> Bool = { _ in true }) -> [(
    name: String, content: SafetensorsWriter.Content
  )] {
    parameters.filter(isWanted).map { parameter in
      (
        parameter.name,
        parameter.isInteger
          ? .integers(parameter.value.values.map { Int64($0) }, shape: parameter.shape) : .floats(parameter.value)
      )
    }
  }
}
