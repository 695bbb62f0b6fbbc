import HSICore
import HSINumerics

/// Folds low-rank adapters (see `LowRankAdapter`) into the matrices that they stand beside, from file to file.
///
///     W ← W + (α/r) U D          plain; D and U are left out of the result
///     W ← W + R                  with a gate, which depends on the input and stays, with D and U; R is left out
///
/// An adapter at `P` is `P.lora_down.weight` [r, in] and `P.lora_up.weight` [out, r]; its matrix is `P.weight` or
/// `P.linear.weight`. Sums are in double precision, rounded once. Cost: 2 · out · in · r per layer.
public enum AdapterMerge {
  /// What `merge` made.
  public struct Result: Sendable {
    /// All tensors for `SafetensorsWriter`, in the order of the base.
    public let tensors: [(name: String, content: SafetensorsWriter.Content)]
    /// Matrices that a product was folded into.
    public let folded: [String]
    /// Matrices that kept their gated adapter; only the residual was folded.
    public let gated: [String]
  }

  /// The metadata key (and configuration key of the model card) of α.
  public static let alphaKey = "lora_alpha"

  /// Folds every adapter.
  ///
  /// - Parameters:
  ///   - base: weights, possibly with adapters among them.
  ///   - adapter: a file with adapters only; tensors that the base has too replace the base's.
  ///   - alpha: α of all adapters; by default what the metadata of the adapter (or base) say under `alphaKey`.
  /// - Throws: `TransformerError.noAdapter`, `.missingTensor`, `.shapeMismatch`, `.unexpectedTensor`;
  ///   `CoreError.invalidParameter` when α is not known.
  public static func merge(_ base: WeightFile, adapter: WeightFile? = nil, alpha: Double? = nil) throws
    -> Result
  {
    let source = adapter ?? base
    var tensors = base.tensors
    var positions = Dictionary(uniqueKeysWithValues: tensors.indices.map { (tensors[$0].name, $0) })
    for tensor in adapter?.tensors ?? [] {
      if let index = positions[tensor.name] {
        try check(tensor, tensors[index].shape, source.path)
        tensors[index] = tensor
      } else if isAdapter(tensor.name) {
        positions[tensor.name] = tensors.count
        tensors.append(tensor)
      } else {
        throw TransformerError.unexpectedTensor(path: source.path, tensor: tensor.name, file: tensor.shape)
      }
    }
    var contents: [Int: SafetensorsWriter.Content] = [:]
    var dropped = Set<Int>()
    var (folded, gated) = ([String](), [String]())
    let places = tensors.filter { isAdapter($0.name) && $0.name.hasSuffix(downSuffix) }.map {
      String($0.name.dropLast(downSuffix.count))
    }
    guard !places.isEmpty else { throw TransformerError.noAdapter(path: source.path) }
    for place in places {
      func find(_ name: String) -> Int? { positions[place + name] }
      guard let down = find(downSuffix), let up = find("lora_up.weight") else {
        throw missing(place + "lora_up.weight", source.path)
      }
      guard let matrix = find("weight") ?? find("linear.weight") else {
        throw missing(place + "weight", base.path)
      }
      let shape = tensors[matrix].shape
      guard shape.count >= 2, shape.dropFirst(2).allSatisfy({ $0 == 1 }) else {
        throw TransformerError.shapeMismatch(
          path: base.path, tensor: tensors[matrix].name, file: shape, model: Array(shape.prefix(2)))
      }
      let rank = tensors[down].shape.first ?? 0
      try check(tensors[down], [rank, shape[1]], source.path)
      try check(tensors[up], [shape[0], rank], source.path)
      var sum = try tensors[matrix].floats()
      if let residual = find("lora_residual.weight") {
        try check(tensors[residual], [shape[0], shape[1]], source.path)
        let values = try tensors[residual].floats()
        sum.withMutableValues { sum in for i in 0..<sum.count { sum[i] += values.pointer[i] } }
        dropped.insert(residual)
      }
      if find("lora_gate.weight") != nil {
        gated.append(tensors[matrix].name)
      } else {
        let scale = try self.alpha(alpha, source, base) / Double(max(rank, 1))
        addProduct(try tensors[up].floats(), try tensors[down].floats(), scale: scale, to: &sum)
        dropped.formUnion([down, up])
        folded.append(tensors[matrix].name)
      }
      contents[matrix] = .floats(sum)
    }
    let kept = tensors.indices.filter { !dropped.contains($0) }
    return Result(
      tensors: kept.map { (tensors[$0].name, contents[$0] ?? .stored(tensors[$0])) }, folded: folded,
      gated: gated)
  }

  private static let downSuffix = "lora_down.weight"

  private static func isAdapter(_ name: String) -> Bool {
    name.split(separator: ".", omittingEmptySubsequences: false).contains { $0.hasPrefix("lora_") }
  }

  private static func alpha(_ given: Double?, _ files: WeightFile...) throws -> Double {
    if let given { return given }
    for file in files {
      let text = try file.card()?.configuration?[alphaKey] ?? file.metadata[alphaKey]
      if let value = text.flatMap(Double.init), value.isFinite { return value }
    }
    throw CoreError.invalidParameter(
      name: "alpha", value: "not in the file",
      requirement: "given: the number that the adapter was trained with")
  }

  private static func check(_ tensor: WeightTensor, _ shape: [Int], _ path: String) throws {
    guard tensor.shape == shape else {
      throw TransformerError.shapeMismatch(path: path, tensor: tensor.name, file: tensor.shape, model: shape)
    }
  }

  private static func missing(_ name: String, _ path: String) -> TransformerError {
    .missingTensor(path: path, tensor: name, model: [], instead: nil)
  }

  /// `sum += scale · up · down`; each row on its own.
  private static func addProduct(_ up: Tensor, _ down: Tensor, scale: Double, to sum: inout Tensor) {
    let (rows, rank) = (up.shape[0], up.shape[1])
    let columns = down.shape[1]
    sum.withMutableValues { sum in
      guard let base = sum.baseAddress else { return }
      let output = Rows(base: base)
      Parallel.forEach(rows) { row in
        let values = output.base + row * columns
        var total = [Double](repeating: 0, count: columns)
        for k in 0..<rank {
          let factor = scale * Double(up.pointer[row * rank + k])
          let right = down.pointer + k * columns
          for j in 0..<columns { total[j] += factor * Double(right[j]) }
        }
        for j in 0..<columns { values[j] = Float(Double(values[j]) + total[j]) }
      }
    }
  }

  private struct Rows: @unchecked Sendable { let base: UnsafeMutablePointer<Float> }
}
