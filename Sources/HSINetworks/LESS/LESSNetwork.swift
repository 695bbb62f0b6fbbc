import HSITransformer

/// A network around the encoder of LESS ViT: names of both generations of published checkpoints are understood.
public protocol LESSNetwork: Network {
  /// The encoder, under `encoder` in the names.
  var encoder: LESSEncoder { get }
  /// Heads of a decoder of blocks like those of the encoder; 1 where there is none.
  var decoderHeads: Int { get }
}

extension LESSNetwork {
  public static var citation: String {
    "H. Si et al., Towards scalable foundation model for multi-modal and hyperspectral geospatial data, arXiv:2503.12843; "
      + "LESSViT, arXiv:2605.18541"
  }

  public var decoderHeads: Int { 1 }

  /// With the names of today, where it is of the first release.
  public static func named(_ file: WeightFile) -> WeightFile { LESSCheckpoint.named(file) }

  /// Loads all weights of a checkpoint of either generation.
  ///
  /// - Throws: `TransformerError` for the first tensor that does not fit; nothing has changed then.
  public func load(_ file: WeightFile, isIgnored: (String) -> Bool) throws {
    try LESSCheckpoint.load(file, into: store.parameters, heads: heads, isIgnored: isIgnored)
  }

  /// Loads the encoder from the file of any network around one, such as that of pre-training, and leaves the rest as it is.
  ///
  /// - Throws: as `load(_:isIgnored:)`.
  public func loadEncoder(from file: WeightFile) throws {
    try LESSCheckpoint.load(
      Self.named(file), into: store.parameters.filter { $0.name.hasPrefix("encoder.") }, heads: heads,
      isIgnored: { !$0.hasPrefix("encoder.") })
  }

  private func heads(_ name: String) -> Int {
    name.hasPrefix("encoder.") ? encoder.configuration.heads : decoderHeads
  }
}
