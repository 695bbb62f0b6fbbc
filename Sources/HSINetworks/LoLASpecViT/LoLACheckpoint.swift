import Foundation
import HSITransformer

/// A checkpoint of the released code: weights without a word about the network, which its shapes tell.
///
/// A bare state dictionary, or a dictionary that holds one under `state_dict`, as `.pth` or safetensors. α and the number of
/// components leave no trace: α is taken to be 2r, as everywhere in the released code.
public struct LoLACheckpoint: Sendable {
  /// The shape of the network.
  public let shape: LoLAConfiguration
  package let weights: NamedWeights

  /// Reads names and shapes of a file.
  ///
  /// - Parameters:
  ///   - alpha: α of the adapters, where it is not 2r.
  ///   - isIgnored: names that are no weights.
  /// - Throws: `TransformerError` for files that are no weights and for the first tensor that does not fit.
  public init(_ file: WeightFile, alpha: Double? = nil, isIgnored: (String) -> Bool = { _ in false }) throws {
    shape = try LoLACheckpoint.shape(of: file, alpha: alpha)
    weights = try NamedWeights(file, shape, isIgnored: isIgnored)
  }

  /// The network for training, with the weights of the file.
  public func network() throws -> LoLASpecViT {
    let network = LoLASpecViT.blank(shape)
    try weights.load(network.store)
    return network
  }

  /// The network for prediction: logits `[B, classes]` of patches `[B, K, S, S, 1]`.
  public func folded() throws -> @Sendable (Tensor) -> Tensor {
    let network = try FoldedLoLA(shape, weights)
    return { network.logits($0) }
  }

  /// Sizes from shapes, bounded and in agreement with each other.
  static func shape(of file: WeightFile, alpha: Double?) throws -> LoLAConfiguration {
    func extent(_ name: String, _ axis: Int, of axes: Int) throws -> Int {
      guard let tensor = file[name], tensor.shape.count == axes else {
        throw TransformerError.missingTensor(
          path: file.path, tensor: name, model: [], instead: file.tensors.first.map { "\($0.name) \($0.shape)" })
      }
      return tensor.shape[axis]
    }
    var shape = LoLAConfiguration()
    shape.stem = [
      try extent("spectral_conv.0.weight", 0, of: 5), try extent("spectral_conv.3.weight", 0, of: 5),
    ]
    shape.width = try extent("spectral_conv.6.weight", 0, of: 5)
    shape.side = 2 * (try extent("pos_embed", 1, of: 4)) + 1
    shape.classes = try extent("head.linear.weight", 0, of: 2)
    shape.rank = try extent("head.lora_down.weight", 0, of: 2)
    shape.alpha = alpha ?? 2 * Double(shape.rank)
    (shape.depths, shape.heads, shape.windows) = ([], [], [])
    while shape.depths.count < 6, file["levels.\(shape.depths.count).0.norm1.weight"] != nil {
      let place = "levels.\(shape.depths.count)"
      let table = "\(place).0.attn.relative_position_bias_table"
      let relative = Double(try extent(table, 0, of: 2)).squareRoot()
      shape.windows.append((Int(relative) + 1) / 2)
      shape.heads.append(try extent(table, 1, of: 2))
      var depth = 0
      while depth < 64, file["\(place).\(depth).norm1.weight"] != nil { depth += 1 }
      shape.depths.append(depth)
    }
    if let outer = file["levels.0.0.mlp.0.linear.weight"], outer.shape.count == 2, outer.shape[1] > 0 {
      shape.expansion = Double(outer.shape[0]) / Double(outer.shape[1])
    }
    guard shape.isSensible, shape.parameterCount <= file.valueCount else {
      throw TransformerError.badCheckpoint(path: file.path, detail: "its shapes are not those of a LoLA-SpecViT")
    }
    return shape
  }
}
