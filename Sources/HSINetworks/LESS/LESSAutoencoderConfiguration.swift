import HSITransformer

/// The shape of the masked autoencoder of LESS ViT, and what is hidden from it. See `LESSAutoencoder`.
public struct LESSAutoencoderConfiguration: NetworkConfiguration {
  /// The encoder.
  public var encoder = LESSConfiguration()
  /// Width of a token in the decoder.
  public var decoderWidth = 512
  /// Blocks of the decoder.
  public var decoderDepth = 8
  /// Heads of the decoder.
  public var decoderHeads = 16
  /// Values of a head of the decoder that belong to the bands.
  public var decoderChannelWidthPerHead = 4
  /// Share of the positions that are hidden.
  public var maskRatio = 0.75
  /// Share of the bands that are hidden.
  public var channelMaskRatio = 0.5
  /// Whether every patch is brought to mean 0 and variance 1 before it is compared.
  public var normalisesTargets = false
  /// Absolute errors instead of squares.
  public var usesAbsoluteError = false

  /// The default of the published code.
  public init() {}

  /// The autoencoder of a preset of `LESSConfiguration`; nil for other names.
  public init?(named name: String) {
    guard let encoder = LESSConfiguration(named: name) else { return nil }
    self.encoder = encoder
    channelMaskRatio = 0.75
    switch name {
    case "less-tiny": (decoderWidth, decoderDepth, decoderHeads) = (64, 2, 2)
    case "less-base": break
    default: decoderDepth = 4
    }
  }

  /// The names that `init(named:)` knows.
  public static let names = LESSConfiguration.names

  public func validate() throws {
    try encoder.validate()
    try require("decoderDepth", decoderDepth, in: 1...64)
    try decoderBlock.validate(self, prefix: "decoder")
    try require("maskRatio", maskRatio, in: 0...0.99)
    try require("channelMaskRatio", channelMaskRatio, in: 0...0.99)
    try require(
      maskRatio > 0 || channelMaskRatio > 0, "maskRatio", maskRatio, "above 0 where no bands are hidden")
    try require(
      !normalisesTargets || encoder.patch > 1, "normalisesTargets", normalisesTargets,
      "false for patches of one pixel, which have no variance")
  }

  /// Number of weights, radar included.
  public var parameterCount: Int { encoder.parameterCount + decoderParameterCount }

  /// Number of weights of the decoder.
  public var decoderParameterCount: Int {
    let area = encoder.patch * encoder.patch
    return 5 * decoderWidth + LESSBlockShape.linear(encoder.width, decoderWidth)
      + decoderDepth * decoderBlock.parameterCount + 2 * LESSBlockShape.linear(decoderWidth, area)
  }

  public var leastValues: Int { encoder.leastValues + decoderDepth * decoderBlock.feedForwardValues }

  /// The shape of the decoder's blocks: that of the encoder's with widths of its own.
  var decoderBlock: LESSBlockShape {
    var block = encoder.block
    (block.width, block.heads) = (decoderWidth, decoderHeads)
    block.channelWidthPerHead = decoderChannelWidthPerHead
    return block
  }
}
