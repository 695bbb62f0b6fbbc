import HSITransformer

/// The shape of a block of LESS ViT: that of the encoder and that of the decoder differ in widths and heads only.
struct LESSBlockShape: Equatable, Sendable {
  var width: Int
  var heads: Int
  var channelWidthPerHead: Int
  var expansion: Double
  var rank: Int
  var normalisesQueries: Bool
  var layerScale: Double?
  var attention: LESSAttentionKind
  var isRotary: Bool

  /// Width of the sequence of bands.
  var channelWidth: Int { channelWidthPerHead * heads }
  /// Values of a head that belong to the positions.
  var spatialWidthPerHead: Int { width / channelWidth }
  /// Width of the sequence of positions.
  var spatialWidth: Int { spatialWidthPerHead * heads }
  /// Hidden width of the feed-forward network.
  var hidden: Int { Int(clamping: Double(width) * expansion) }
  /// Values that are turned by a position and by a wavelength.
  var rotaryWidths: (position: Int, band: Int) {
    attention == .full ? (width / heads / 2, width / heads / 2) : (spatialWidthPerHead, channelWidthPerHead)
  }

  /// Throws `CoreError.invalidParameter` for the first value that cannot be.
  func validate(_ configuration: some NetworkConfiguration, prefix: String = "") throws {
    func name(_ name: String) -> String {
      prefix.isEmpty ? name : prefix + name.prefix(1).uppercased() + name.dropFirst()
    }
    try configuration.require(
      (4...8192).contains(width) && width % 4 == 0, name("width"), width, "a multiple of 4 from 4 to 8192")
    try configuration.require(
      (1...256).contains(heads) && width % heads == 0, name("heads"), heads, "a divisor of the width")
    try configuration.require(name("channelWidthPerHead"), channelWidthPerHead, in: 1...1024)
    if attention != .full {
      try configuration.require(
        width % channelWidth == 0 && channelWidth * spatialWidthPerHead == width, name("channelWidthPerHead"),
        channelWidthPerHead, "a divisor of the width of a head (\(width / heads))")
    }
    try configuration.require("expansion", expansion, in: 0.25...16)
    try configuration.require("rank", rank, in: 1...64)
    if let layerScale { try configuration.require("layerScale", layerScale, in: 0...100) }
    if isRotary {
      let (position, band) = rotaryWidths
      try configuration.require(
        position % 4 == 0 && position > 0 && band % 2 == 0 && band > 0, name("heads"), heads,
        "such that rotary positions have a multiple of 4 values per head and wavelengths an even number (now \(position) and \(band))"
      )
    }
    if attention == .full {
      try configuration.require(
        !isRotary || width % (2 * heads) == 0, name("heads"), heads, "half a divisor of the width")
    }
  }

  static func linear(_ input: Int, _ output: Int) -> Int { (input + 1) * output }

  /// Number of weights of a block.
  var parameterCount: Int {
    let linear = LESSBlockShape.linear
    let norms = 4 * width + (layerScale == nil ? 0 : 2 * width)
    return norms + linear(width, hidden) + linear(hidden, width) + attentionCount
  }

  private var attentionCount: Int {
    let linear = LESSBlockShape.linear
    func queryNorms(_ branch: Int) -> Int { normalisesQueries ? 4 * branch / heads : 0 }
    guard attention != .full else { return linear(width, 3 * width) + linear(width, width) + queryNorms(width) }
    let branches = [channelWidth, spatialWidth].reduce(0) { sum, branch in
      let pool = 2 * linear(branch, branch) + linear(branch, 2 * branch) + queryNorms(branch)
      let attention = linear(branch, 3 * rank * branch) + queryNorms(branch)
      return sum + linear(width, branch) + 4 * branch + pool + attention
    }
    let head = width / heads
    let additive = linear(channelWidthPerHead, head) + linear(spatialWidthPerHead, head)
    return branches + linear(width, width) + (attention == .additive ? additive : 0)
  }

  /// Values of the two matrices of the feed-forward network.
  var feedForwardValues: Int { 2 * width * hidden }
}
