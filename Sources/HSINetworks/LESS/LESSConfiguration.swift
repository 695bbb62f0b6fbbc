import HSITransformer

/// How the tokens of a LESS ViT attend to each other.
public enum LESSAttentionKind: String, Codable, Sendable, CaseIterable {
  /// Within bands and within positions, joined by Kronecker products (`KroneckerAttention`).
  case less
  /// The same, joined by sums (`AdditiveAttention`).
  case additive
  /// All tokens to all tokens; knows no perception field.
  case full
}

/// The shape of the encoder of LESS ViT, and what its positions mean. See `LESSEncoder`.
///
/// The members have the values of the published code by default.
public struct LESSConfiguration: NetworkConfiguration {
  /// Side of a patch in pixels, p.
  public var patch = 16
  /// Width of a token, D.
  public var width = 768
  /// Blocks.
  public var depth = 12
  /// Heads, h.
  public var heads = 12
  /// Values of a head that belong to the bands, d_c; the positions have d_s = D / (d_c · h).
  public var channelWidthPerHead = 4
  /// Hidden width of the feed-forward networks, in widths.
  public var expansion = 4.0
  /// Kronecker products that are averaged, r.
  public var rank = 1
  /// Layer normalisation of queries and keys of each head.
  public var normalisesQueries = false
  /// Initial factor of layer scale; nil for none.
  public var layerScale: Double?
  /// How tokens attend.
  public var attention = LESSAttentionKind.less
  /// Whether positions and wavelengths turn queries and keys; otherwise their sines and cosines are added to the tokens.
  public var isRotary = false
  /// Distance in metres within which positions see each other; nil for no limit.
  public var perceptionRadius: Double?
  /// Side of a pixel in metres, where a pass does not tell.
  public var resolution = 30.0
  /// Wavelength in nm that rotary positions call 0.
  public var shortestWavelength = 418.24
  /// Wavelength in nm that rotary positions call 1.
  public var longestWavelength = 2445.53
  /// Rate of dropout behind attention and feed-forward networks.
  public var dropout = 0.0
  /// Rate of drop path of the last block; rises linearly from 0.
  public var dropPath = 0.0
  /// Whether there are radar channels. The embedding of radar is in every file, but is trained only where there are.
  public var usesRadar = false
  /// Whether the network computes what published checkpoints were trained with, oddities included: a decoder that ignores rotary
  /// positions, and places that are pixels · metres where they should be patches · pixels · metres.
  public var isCompatible = false

  /// The default of the published code.
  public init() {}

  /// A preset; nil for other names.
  ///
  /// - `less-tiny`: patches of 2 × 2, width 96, 4 blocks; for two cores.
  /// - `less-small-4`, `less-small`: ViT-S with patches of 4 × 4 and 16 × 16.
  /// - `less-base`: ViT-B with patches of 4 × 4 and a perception field of 360 m.
  public init?(named name: String) {
    (isRotary, layerScale) = (true, 1)
    switch name {
    case "less-tiny":
      // Two periods for each coordinate at least: with one, places half a window apart would be the same.
      (patch, width, depth, heads) = (2, 96, 4, 3)
    case "less-small-4": (patch, width, depth, heads) = (4, 384, 12, 6)
    case "less-small": (patch, width, depth, heads) = (16, 384, 12, 6)
    case "less-base": (patch, perceptionRadius) = (4, 360)
    default: return nil
    }
  }

  /// The names that `init(named:)` knows.
  public static let names = ["less-tiny", "less-small-4", "less-small", "less-base"]

  public func validate() throws {
    try require("patch", patch, in: 1...64)
    try require("depth", depth, in: 1...64)
    try require("resolution", resolution, in: 1e-3...1e6)
    try require(
      shortestWavelength >= 0 && shortestWavelength < longestWavelength && longestWavelength < 1e7,
      "longestWavelength", longestWavelength, "above shortestWavelength (\(shortestWavelength)), and that not below 0")
    try require("dropout", dropout, in: 0...0.9)
    try require("dropPath", dropPath, in: 0...0.9)
    if let perceptionRadius {
      try require("perceptionRadius", perceptionRadius, in: 0...1e9)
      try require(attention != .full, "attention", attention.rawValue, "less or additive with a perception field")
    }
    try block.validate(self)
  }

  /// Number of weights of the encoder, radar included.
  public var parameterCount: Int {
    let embedding = LESSBlockShape.linear(patch * patch, 2 * width) + LESSBlockShape.linear(2 * width, width)
    return 3 * width + 2 * embedding + depth * block.parameterCount + 2 * width
  }

  /// The feed-forward matrices of all blocks.
  public var leastValues: Int { depth * block.feedForwardValues }

  /// The shape of its blocks.
  var block: LESSBlockShape {
    LESSBlockShape(
      width: width, heads: heads, channelWidthPerHead: channelWidthPerHead, expansion: expansion, rank: rank,
      normalisesQueries: normalisesQueries, layerScale: layerScale, attention: attention, isRotary: isRotary)
  }
}
