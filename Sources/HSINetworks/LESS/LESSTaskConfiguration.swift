import HSITransformer

/// The shape of a LESS ViT that tells classes: of images (`LESSClassifier`) or of their pixels (`LESSSegmenter`).
public struct LESSTaskConfiguration: NetworkConfiguration {
  /// The encoder.
  public var encoder: LESSConfiguration
  /// Number of classes.
  public var classes: Int
  /// Experts of a mixture head; 0 for a plain head.
  public var experts: Int
  /// Bands that an expert keeps, class entry included; −1 for all.
  public var kept: Int

  /// A plain head by default.
  public init(_ encoder: LESSConfiguration, classes: Int, experts: Int = 0, kept: Int = -1) {
    (self.encoder, self.classes, self.experts, self.kept) = (encoder, classes, experts, kept)
  }

  public func validate() throws {
    try encoder.validate()
    try require("classes", classes, in: 1...classLimit)
    try require("experts", experts, in: 0...64)
    try require(kept == -1 || (1...100_000).contains(kept), "kept", kept, "-1 or from 1 to 100000")
  }

  /// The least of the encoder, and the last layer of each head.
  public var leastValues: Int { encoder.leastValues + max(experts, 1) * classes }
}
