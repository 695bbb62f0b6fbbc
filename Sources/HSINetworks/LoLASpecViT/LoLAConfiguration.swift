import HSITransformer

/// What positions that pad an image to whole windows do in attention.
public enum LoLAPadding: String, Sendable, Codable, CaseIterable {
  /// They take part with the bias of `qkv` as query, key and value: the released code, and what its checkpoints need.
  case attended
  /// They are left out of the softmax, as the paper says.
  case masked
}

/// How patches are brought to a common scale before the network.
public enum PatchStandardisation: String, Sendable, Codable, CaseIterable {
  /// Every component of every patch to mean 0 and deviation 1 (N − 1): the released code.
  case patch
  /// Not at all: components are whitened already, and the level of a patch says much about its class.
  case none
}

/// The shape of a LoLA-SpecViT network and what it is fed. See `LoLASpecViT`.
///
/// | preset | components, side | stem, width | depths | heads | windows | expansion | r | parameters (16 classes) |
/// |---|---|---|---|---|---|---|---|---|
/// | `lola-specvit` | 15, 15 | 32 64, 96 | 3 4 19 | 4 8 16 | 7 7 7 | 4 | 16 | 254 642 348 |
/// | `lola-specvit-small` | 15, 11 | 16 32, 48 | 2 2 4 | 3 6 12 | 5 3 2 | 2 | 8 | 6 808 914 |
/// | `lola-specvit-tiny` | 15, 5 | 8 16, 32 | 2 2 | 2 4 | 2 1 | 2 | 4 | 459 100 |
public struct LoLAConfiguration: PatchConfiguration {
  /// Number of principal components K.
  public var components = 15
  /// Side S of a patch, odd.
  public var side = 15
  /// Number of classes.
  public var classes = 16
  /// Widths of the first two convolutions.
  public var stem = [32, 64]
  /// Width C of the first level; doubles per level.
  public var width = 96
  /// Blocks per level.
  public var depths = [3, 4, 19]
  /// Attention heads per level.
  public var heads = [4, 8, 16]
  /// Side of the attention windows per level.
  public var windows = [7, 7, 7]
  /// Width of the feed-forward layer in widths of the level.
  public var expansion = 4.0
  /// Rank r of the adapters.
  public var rank = 16
  /// α of the adapters: their product is multiplied by α / r.
  public var alpha = 32.0
  /// Probability with which a value is dropped after the positions were added.
  public var dropout = 0.1
  /// Probability with which a feature of a band is dropped in the front end; an independent draw per sample, feature and band.
  public var bandDropout = 0.1
  /// Probability with which the last block is skipped; rises linearly from 0 at the first.
  public var pathDropout = 0.2
  /// What padded positions do.
  public var padding = LoLAPadding.attended
  /// How patches are scaled.
  public var standardisation = PatchStandardisation.patch
  /// Whether the adapters' factor U starts at zero, as the paper says; the released code draws it like all weights.
  public var startsUpAtZero = false

  /// The released network by default.
  public init() {}

  /// A preset, `nil` for other names.
  public init?(named name: String) {
    switch name {
    case "lola-specvit": break
    case "lola-specvit-small":
      (side, stem, width) = (11, [16, 32], 48)
      (depths, heads, windows) = ([2, 2, 4], [3, 6, 12], [5, 3, 2])
      (expansion, rank, alpha) = (2, 8, 16)
      startFresh()
    case "lola-specvit-tiny":
      (side, stem, width) = (5, [8, 16], 32)
      (depths, heads, windows) = ([2, 2], [2, 4], [2, 1])
      (expansion, rank, alpha) = (2, 4, 8)
      startFresh()
    default: return nil
    }
  }

  /// The names that `init(named:)` knows, the default first.
  public static let names = ["lola-specvit-tiny", "lola-specvit-small", "lola-specvit"]

  /// What is sensible where no checkpoint asks for the quirks of the released code.
  private mutating func startFresh() {
    padding = .masked
    standardisation = .none
    startsUpAtZero = true
    pathDropout = 0.1
  }

  /// Side of the image of tokens at each level: ⌊S/2⌋, then halves rounded up.
  public var tokenSides: [Int] {
    var sides = [side / 2]
    for _ in depths.dropFirst() { sides.append(((sides.last ?? 1) + 1) / 2) }
    return sides
  }

  /// Width of the feed-forward layer at a level.
  package func hidden(_ level: Int) -> Int { Int(clamping: Double(width << level) * expansion) }

  /// Width of the last level.
  package var lastWidth: Int { width << (depths.count - 1) }

  // MARK: - Sizes

  /// A tensor of the network.
  package struct TensorFact {
    package let name: String
    package let shape: [Int]
    /// Whether it is no weight.
    package var isBuffer = false
    /// Whether it is of an adapter.
    package var isAdapter = false
    /// Whether it is of an adapter's low-rank pair.
    package var isThin = false
  }

  /// Every tensor of the network, in its order, without building it.
  package var tensors: [TensorFact] {
    var list: [TensorFact] = []
    func add(_ name: String, _ shape: [Int], isBuffer: Bool = false) {
      list.append(TensorFact(name: name, shape: shape, isBuffer: isBuffer))
    }
    func adapter(_ name: String, _ shape: [Int], isThin: Bool) {
      list.append(TensorFact(name: name, shape: shape, isAdapter: true, isThin: isThin))
    }
    func linear(_ name: String, _ input: Int, _ output: Int) {
      add("\(name).weight", [output, input])
      add("\(name).bias", [output])
    }
    func pair(_ name: String, _ input: Int, _ output: Int) {
      adapter("\(name).lora_down.weight", [rank, input], isThin: true)
      adapter("\(name).lora_up.weight", [output, rank], isThin: true)
    }
    func gated(_ name: String, _ input: Int, _ output: Int) {
      linear("\(name).linear", input, output)
      pair(name, input, output)
      adapter("\(name).lora_gate.weight", [output, input], isThin: false)
      adapter("\(name).lora_residual.weight", [output, input], isThin: false)
    }
    func norm(_ name: String, _ channels: Int) {
      add("\(name).weight", [channels])
      add("\(name).bias", [channels])
    }
    func batchNorm(_ name: String, _ channels: Int) {
      norm(name, channels)
      add("\(name).running_mean", [channels], isBuffer: true)
      add("\(name).running_var", [channels], isBuffer: true)
      add("\(name).num_batches_tracked", [], isBuffer: true)
    }
    func squeeze(_ name: String, _ channels: Int) {
      add("\(name).fc.0.weight", [max(channels / 16, 1), channels])
      add("\(name).fc.2.weight", [channels, max(channels / 16, 1)])
    }
    let widths = [1] + stem + [width]
    for i in 0..<3 {
      add("spectral_conv.\(3 * i).weight", [widths[i + 1], widths[i], 7 - 2 * i, 3, 3])
      add("spectral_conv.\(3 * i).bias", [widths[i + 1]])
    }
    for i in 0..<3 { batchNorm("spectral_conv.\(3 * i + 1)", widths[i + 1]) }
    squeeze("spectral_attention", width)
    add("patch_embed.0.weight", [width, width, 4, 4])
    add("patch_embed.0.bias", [width])
    batchNorm("patch_embed.1", width)
    add("pos_embed", [1, side / 2, side / 2, width])
    for level in depths.indices {
      let (c, h, w) = (width << level, hidden(level), windows[level])
      for j in 0..<depths[level] {
        let place = "levels.\(level).\(j)"
        norm("\(place).norm1", c)
        add("\(place).attn.relative_position_bias_table", [(2 * w - 1) * (2 * w - 1), heads[level]])
        add("\(place).attn.relative_position_index", [w * w, w * w], isBuffer: true)
        gated("\(place).attn.qkv", c, 3 * c)
        gated("\(place).attn.proj", c, c)
        norm("\(place).norm2", c)
        gated("\(place).mlp.0", c, h)
        for name in ["w1", "w2", "w3"] { linear("\(place).mlp.1.\(name)", h, h) }
        gated("\(place).mlp.3", h, c)
      }
      guard level < depths.count - 1 else { continue }
      let place = "levels.\(level).\(depths[level])"
      add("\(place).conv.0.weight", [c, 1, 3, 3])
      squeeze("\(place).conv.2", c)
      add("\(place).conv.3.weight", [2 * c, c])
      batchNorm("\(place).norm", 2 * c)
      add("\(place).reduction.weight", [2 * c, 2 * c, 3, 3])
    }
    norm("norm", lastWidth)
    linear("head.linear", lastWidth, classes)
    pair("head", lastWidth, classes)
    return list
  }

  private func count(where isWanted: (TensorFact) -> Bool) -> Int {
    tensors.reduce(0) { $1.isBuffer || !isWanted($1) ? $0 : $0 + $1.shape.reduce(1, *) }
  }

  /// Number of weights (buffers excluded).
  public var parameterCount: Int { count { _ in true } }

  /// Number of weights that adapter mode trains: all of the adapters.
  public var adapterParameterCount: Int { count(where: \.isAdapter) }

  /// Number of weights in the low-rank pairs of the adapters alone.
  public var lowRankParameterCount: Int { count(where: \.isThin) }

  /// Values of the activations of a patch that are held at once in prediction, about: the widest convolution and its input.
  package var activationCount: Int { components * side * side * (stem[1] + 2 * width) }

  // MARK: - From files

  /// All of them: the sizes of every tensor follow from the configuration.
  public var leastValues: Int { parameterCount }

  public func validate() throws {
    try require("components", components, in: 1...512)
    try require((3...65).contains(side) && side % 2 == 1, "side", side, "odd, from 3 to 65")
    try require("classes", classes, in: 1...classLimit)
    try require(
      stem.count == 2 && stem.allSatisfy { (1...1024).contains($0) }, "stem", stem, "two widths from 1 to 1024")
    try require("width", width, in: 1...1024)
    try require(
      (1...6).contains(depths.count) && depths.allSatisfy { (0...64).contains($0) }, "depths", depths,
      "one to six numbers from 0 to 64")
    try require(expansion > 0 && expansion <= 16, "expansion", expansion, "positive, at most 16")
    try require(
      heads.count == depths.count
        && depths.indices.allSatisfy {
          heads[$0] > 0 && (width << $0) % heads[$0] == 0 && hidden($0) > 0
        }, "heads", heads, "a divisor of the width for each level")
    try require(
      windows.count == depths.count && windows.allSatisfy { (1...32).contains($0) }, "windows", windows,
      "a side from 1 to 32 for each level")
    try require("rank", rank, in: 1...256)
    try require(alpha.isFinite && alpha > 0, "alpha", alpha, "positive")
    for (name, rate) in [("dropout", dropout), ("bandDropout", bandDropout), ("pathDropout", pathDropout)] {
      try require(rate >= 0 && rate < 1, name, rate, "from 0 to below 1")
    }
  }

  public var dimension: Int { components }
  public var valuesPerPatch: Int { activationCount }
}
