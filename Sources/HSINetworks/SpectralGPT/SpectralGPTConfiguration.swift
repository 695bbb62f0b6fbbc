import HSITransformer

/// The shape of the encoder of SpectralGPT: what images it sees, and its blocks. See `SpectralGPT`.
///
/// The members have the values of the published base network by default.
public struct SpectralGPTConfiguration: NetworkConfiguration {
  /// Bands of an image, a multiple of `group`.
  public var bands = 12
  /// Bands of a token, u.
  public var group = 3
  /// Side of an image in pixels, a multiple of `patch`.
  public var size = 128
  /// Side of a token in pixels, p.
  public var patch = 8
  /// Width of a token, D.
  public var width = 768
  /// Blocks.
  public var depth = 12
  /// Heads.
  public var heads = 12
  /// Width of a token in the decoder.
  public var decoderWidth = 512
  /// Blocks of the decoder.
  public var decoderDepth = 4
  /// Heads of the decoder.
  public var decoderHeads = 16
  /// Share of the tokens that are hidden.
  public var maskRatio = 0.9
  /// Whether every token is brought to mean 0 and variance 1 before it is compared.
  public var normalisesTargets = false
  /// Rate of drop path of the last block; rises linearly from 0.
  public var dropPath = 0.0

  /// The published base network for 128 × 128 pixels.
  public init() {}

  /// A published size (`spectralgpt-base`, `-large`, `-huge`), or a narrow one for own training (`spectralgpt-tiny`); nil for other names.
  public init?(named name: String) {
    switch name {
    case "spectralgpt-base": break
    case "spectralgpt-large": (width, depth, heads) = (1024, 24, 16)
    case "spectralgpt-huge": (width, depth, heads) = (1280, 32, 16)
    case "spectralgpt-tiny":
      (size, patch, width, depth, heads) = (32, 4, 96, 4, 3)
      (decoderWidth, decoderDepth, decoderHeads) = (64, 2, 2)
    default: return nil
    }
  }

  /// The names that `init(named:)` knows.
  public static let names = ["spectralgpt-base", "spectralgpt-large", "spectralgpt-huge", "spectralgpt-tiny"]

  /// Groups of bands, T.
  public var groups: Int { bands / group }
  /// Positions, L.
  public var positions: Int { (size / patch) * (size / patch) }
  /// Tokens of an image, the group of bands slow.
  public var tokens: Int { groups * positions }
  /// Values of a token before it is embedded, band, row and column of it in this order.
  public var area: Int { group * patch * patch }

  public func validate() throws {
    try require("group", group, in: 1...1024)
    try require(
      (1...100_000).contains(bands) && bands % group == 0, "bands", bands, "a multiple of \(group) up to 100000")
    try require("patch", patch, in: 1...256)
    try require((1...4096).contains(size) && size % patch == 0, "size", size, "a multiple of \(patch) up to 4096")
    func check(_ prefix: String, _ width: Int, _ depth: Int, _ heads: Int) throws {
      func name(_ name: String) -> String { prefix.isEmpty ? name.lowercased() : prefix + name }
      try require(name("Width"), width, in: 1...8192)
      try require(name("Depth"), depth, in: 1...64)
      try require((1...256).contains(heads) && width % heads == 0, name("Heads"), heads, "a divisor of the width")
    }
    try check("", width, depth, heads)
    try check("decoder", decoderWidth, decoderDepth, decoderHeads)
    try require("maskRatio", maskRatio, in: 0.01...0.99)
    try require(tokens <= 1 << 24, "size", size, "such that an image has at most 16777216 tokens (now \(tokens))")
    try require(
      keptTokens >= 1 && keptTokens < tokens, "maskRatio", maskRatio,
      "such that some of the \(tokens) tokens stay and some are hidden")
    try require(!normalisesTargets || area > 1, "normalisesTargets", normalisesTargets, "false for tokens of one value")
    try require("dropPath", dropPath, in: 0...0.9)
  }

  /// Tokens that stay: `⌊T L (1 − ratio)⌋`.
  public var keptTokens: Int { Int(clamping: Double(tokens) * (1 - maskRatio)) }

  private static func block(_ width: Int) -> Int { 12 * width * width + 13 * width }

  /// Number of weights of embedding, blocks and norm: what encoder and classifier share.
  private var coreCount: Int { (area + 1) * width + depth * Self.block(width) + 2 * width }

  /// Number of weights of the autoencoder.
  public var parameterCount: Int {
    let tables = (positions + groups) * (width + decoderWidth)
    return coreCount + tables + (width + 1) * decoderWidth + decoderWidth + decoderDepth * Self.block(decoderWidth)
      + 2 * decoderWidth + (decoderWidth + 1) * area
  }

  /// Number of weights of the classifier.
  public func parameterCount(classes: Int) -> Int { coreCount + tokens * width + (width + 1) * classes }

  /// The matrices of all blocks.
  public var leastValues: Int { encoderLeastValues + decoderDepth * 12 * decoderWidth * decoderWidth }

  var encoderLeastValues: Int { depth * 12 * width * width }
}
