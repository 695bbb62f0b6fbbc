import HSITransformer

/// The shape of an MP-HSIR network. See `MPHSIR`.
///
/// The members have the values of the published network for natural scenes by default.
public struct MPHSIRConfiguration: NetworkConfiguration {
  /// Bands of input and output.
  public var bands = 31
  /// Width C of the finest level (`dim`); the coarser ones have 2C and 4C. A multiple of 8: the spectral attention of windows has
  /// rank C/8.
  public var channels = 64
  /// Blocks of the three levels; the decoder has as many as the encoder at its level.
  public var blocks = [2, 4, 6]
  /// Blocks of the refinement stage, which takes its drop-path rates from the second level.
  public var refinement = 4
  /// Heads of the three levels.
  public var heads = [2, 4, 8]
  /// Classes of degradations T that the prompts know.
  public var tasks = 6
  /// Side of the attention windows.
  public var window = 8
  /// Hidden width of the feed-forward networks, in widths of the stage.
  public var expansion = 2.66
  /// Spectral prompts in the bank of each block.
  public var prompts = 128
  /// Rows and columns P of the visual prompt of the finest level; that of the second has P/2.
  public var promptSize = 64
  /// Largest rate of drop path, reached by the last block of the third level.
  public var dropPath = 0.1
  /// What the task ids stand for; nil for the published lists of 6 and 7 tasks.
  public var trained: [MPHSIRTask]?
  /// How gaps and coarse grids come to the network; nil as published.
  public var input: MPHSIRInput?

  /// The published network for natural scenes.
  public init() {}

  /// A published shape (`mp-hsir-natural`, `mp-hsir-remote`), or a narrow one for own training (`mp-hsir-24`, `mp-hsir-32`, and `mp-hsir-tiny` for tries); nil for
  /// other names.
  public init?(named name: String) {
    switch name {
    case "mp-hsir-natural": break
    case "mp-hsir-remote": (bands, channels, tasks) = (100, 96, 7)
    case "mp-hsir-tiny", "mp-hsir-24", "mp-hsir-32":
      channels = ["mp-hsir-tiny": 8, "mp-hsir-24": 24][name] ?? 32
      if name == "mp-hsir-tiny" {
        (blocks, refinement, heads, prompts, promptSize) = ([1, 1, 1], 1, [1, 2, 4], 16, 16)
      }
      (tasks, trained, input) = (MPHSIRTask.allCases.count, MPHSIRTask.allCases, .interpolated)
    default: return nil
    }
  }

  /// The names that `init(named:)` knows.
  public static let names = ["mp-hsir-natural", "mp-hsir-remote", "mp-hsir-24", "mp-hsir-32", "mp-hsir-tiny"]

  /// Rows and columns must be multiples of this: windows at a quarter of the resolution.
  public var granularity: Int { 4 * window }

  public func validate() throws {
    try require("bands", bands, in: 1...10_000)
    try require(
      (8...1024).contains(channels) && channels % 8 == 0, "channels", channels, "a multiple of 8 from 8 to 1024")
    try require(
      blocks.count == 3 && blocks.allSatisfy { (1...64).contains($0) }, "blocks", blocks,
      "three numbers from 1 to 64")
    try require("refinement", refinement, in: 1...blocks[1])
    try require(
      heads.count == 3 && zip(heads, [1, 2, 4]).allSatisfy { $0 > 0 && $1 * channels % $0 == 0 }, "heads", heads,
      "three numbers that divide the widths of their levels")
    try require("tasks", tasks, in: 1...1000)
    try require((trained ?? []).count <= tasks, "trained", trained ?? [], "at most as many as tasks (\(tasks))")
    try require([2, 4, 8, 16].contains(window), "window", window, "2, 4, 8 or 16")
    try require("expansion", expansion, in: 0.5...16)
    try require("prompts", prompts, in: 1...4096)
    try require([2, 4, 8, 16, 32, 64].contains(promptSize), "promptSize", promptSize, "a power of two from 2 to 64")
    try require("dropPath", dropPath, in: 0...0.9)
  }

  /// The attention and feed-forward matrices of all blocks.
  public var leastValues: Int {
    zip(
      [channels, 2 * channels, 4 * channels, 2 * channels, 2 * channels], blocks + [blocks[1], blocks[0] + refinement]
    )
    .reduce(0) { $0 + $1.1 * (8 * $1.0 * $1.0 + 3 * $1.0 * hidden($1.0)) }
  }

  /// Hidden width of a feed-forward network of a width: ⌊expansion · width⌋.
  func hidden(_ width: Int) -> Int { Int(clamping: expansion * Double(width)) }

  /// The drop-path rate of block k of encoder and bottleneck, counted through the levels: `dropPath · k / (L − 1)`.
  func dropPathRate(_ k: Int) -> Double {
    let total = blocks.reduce(0, +)
    return total > 1 ? dropPath * Double(k) / Double(total - 1) : 0
  }
}
