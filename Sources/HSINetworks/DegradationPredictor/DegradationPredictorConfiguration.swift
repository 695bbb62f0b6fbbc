import HSITransformer

/// The shape of a degradation predictor. See `DegradationPredictor`.
public struct DegradationPredictorConfiguration: NetworkConfiguration {
  /// Bands of the images that it sees.
  public var bands = 31
  /// Rows and columns of the images that it sees, a multiple of 8; the published network has 256.
  public var size = 64
  /// Width w of the first stage; the others have 2w, 4w and 8w. Even.
  public var width = 16
  /// Basic blocks per stage.
  public var blocks = [2, 2, 2, 2]
  /// Share of the channels between the first and the last stage that are global; 0 makes it a residual network of plain convolutions.
  public var globalShare = 0.5
  /// What it tells apart, in the order of its outputs; one more output says that nothing is wrong.
  public var tasks = MPHSIRTask.allCases

  /// The default shape.
  public init() {}

  /// `degradation-predictor`, or `degradation-predictor-tiny` for tests and trials; nil for other names.
  public init?(named name: String) {
    switch name {
    case "degradation-predictor": break
    case "degradation-predictor-tiny": (size, width, blocks) = (16, 4, [1, 1, 1, 1])
    default: return nil
    }
  }

  /// The names that `init(named:)` knows.
  public static let names = ["degradation-predictor", "degradation-predictor-tiny"]

  /// Number of outputs: the tasks, and that nothing is wrong.
  public var classes: Int { tasks.count + 1 }

  public func validate() throws {
    try require("bands", bands, in: 1...10_000)
    try require((8...1024).contains(size) && size % 8 == 0, "size", size, "a multiple of 8 from 8 to 1024")
    try require((2...256).contains(width) && width % 2 == 0, "width", width, "an even number from 2 to 256")
    try require(
      blocks.count == 4 && blocks.allSatisfy { (1...64).contains($0) }, "blocks", blocks, "four numbers from 1 to 64")
    try require("globalShare", globalShare, in: 0...0.9)
    try require(!tasks.isEmpty && Set(tasks).count == tasks.count, "tasks", tasks, "different tasks, at least one")
  }

  /// The convolutions of the last stage: 4w to 8w channels and 8w to 8w.
  public var leastValues: Int { 9 * 64 * width * width * (2 * blocks[3] - 1) + 9 * 32 * width * width }

  /// Local and global channels of the images behind stage k; stage −1 is the stem.
  func widths(after stage: Int) -> FastFourierConvolution.Widths {
    let all = width << max(stage, 0)
    let global = (0..<3).contains(stage) ? Int(clamping: globalShare * Double(all)) : 0
    return (all - global, global)
  }
}
