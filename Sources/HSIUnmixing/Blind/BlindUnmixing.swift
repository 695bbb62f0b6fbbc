import Foundation
import HSICore
import HSINumerics

/// What a user can choose about blind unmixing beside the method and its parameters.
public struct BlindOptions: Sendable {
  /// Divide every pixel by its length over the good channels first: removes brightness. See
  /// `RobustStart.normalise` for when it helps and when it harms. Default false.
  public var unitLength: Bool
  /// The start of the factorisation.
  public var start: RobustStart

  /// Pixels as they are, recommended start.
  public init(unitLength: Bool = false, start: RobustStart = RobustStart()) {
    self.unitLength = unitLength
    self.start = start
  }
}

/// What blind unmixing found, beside the maps that were delivered.
public struct BlindSummary: Sendable {
  /// K spectra on the bands of the scene (for unit-length pixels of about unit length), in order of falling mean
  /// abundance, named `endmember 1` …
  public var endmembers: SpectralLibrary
  /// Valid pixels of the scene.
  public var pixels: Int
  /// Pixels that were factorised when the scene did not fit the budget; nil when all were.
  public var sampledPixels: Int?
  /// Mean abundance per endmember over all valid pixels.
  public var meanAbundances: [Double]
  /// Root-mean-square residual over all valid pixels and channels, in the units that were factorised.
  public var rmse: Double
  /// Leave-one-out quality of every channel before the factorisation, 0 bad … 1 good.
  public var startQuality: [Double]
  /// Channels that entered the start.
  public var keptChannels: [Bool]
  /// How well the factorisation explains every channel, see `BlindResult.channelQuality`; of weighing methods.
  public var channelQuality: [Double]?
  /// Objective before the first and after every iteration.
  public var objective: [Double]
  /// True when the tolerance was met before the iteration limit.
  public var converged: Bool
  /// Parameters and outcomes of rules, by name.
  public var settings: [String: Double]
  /// Whether pixels were divided by their length.
  public var unitLength: Bool
  /// Negative values that were raised to zero.
  public var negativeValues: Int
}

/// Blind unmixing of a scene of any size.
public enum BlindUnmixing {
  /// Factorises `source` and delivers the maps of every valid pixel, in order.
  ///
  /// When the scene and the method's working memory fit `context.memory`, the whole scene is factorised in memory.
  /// Otherwise blocks of 8 whole lines, spread evenly (`LineSample`, no randomness), as many as fit, are factorised,
  /// and then every pixel is solved in strips with endmembers and channel weights fixed
  /// (`BlindPixelSolver`): the result of a pixel does not depend on the height of the strips.
  ///
  /// Negative values are raised to zero and, if asked for, pixels are normalised, in place when the source is a file
  /// and on a copy when it is a `Cube`. Peak memory in core is the scene once (twice for a cube that must change)
  /// and `method.workingBytes`.
  ///
  /// - Parameter deliver: called with consecutive parts of the scene; abundances are N × K, rows sum to one; `rmse`
  ///   is on the factorised pixels (normalised ones where asked for).
  /// - Throws: `UnmixingError`, `CoreError.memory` when not even one block of lines fits, `CoreError.cancelled`, and
  ///   what the source or `deliver` throws.
  public static func run(
    _ source: any StripSource, _ method: any BlindUnmixer, count: Int, options: BlindOptions = BlindOptions(),
    _ context: RunContext, deliver: (UnmixedStrip) throws -> Void
  ) throws -> BlindSummary {
    let shape = source.shape
    if needed(method, pixels: shape.pixels, bands: shape.bands, count: count) <= context.memory.bytes {
      let scene = try owned(source, options, context)
      return try inCore(scene, method, count: count, options, context, deliver)
    }
    return try OutOfCore(source, method, count: count, options: options, context).run(deliver)
  }

  /// Bytes for a scene in memory and the method's work on it.
  public static func needed(_ method: any BlindUnmixer, pixels: Int, bands: Int, count: Int) -> Int {
    pixels * (4 * bands + 4) + method.workingBytes(pixels: pixels, bands: bands, endmembers: count)
  }

  // MARK: - In memory

  private static func inCore(
    _ scene: Cube, _ method: any BlindUnmixer, count: Int, _ options: BlindOptions, _ context: RunContext,
    _ deliver: (UnmixedStrip) throws -> Void
  ) throws -> BlindSummary {
    let prepared = try prepare(scene, count: count, options, context)
    let start = try options.start.make(
      scene, count: count, unitLength: options.unitLength, context)
    let result = try method.unmix(scene, count: count, start: start, context)
    let (order, endmembers) = sorted(result.endmembers, result.abundances)
    permute(result.abundances, order)
    let rmse = Residual(endmembers).rmse(scene.pixels, result.abundances)
    try deliver(
      UnmixedStrip(
        window: scene.shape.window, positions: scene.positions, abundances: result.abundances, rmse: rmse,
        guidance: result.guidance))
    var totals = Totals(count: count)
    totals.add(result.abundances, rmse)
    return totals.summary(
      endmembers, result, start, sampled: nil, options, negatives: prepared.negatives)
  }

  /// The scene as a cube that may be changed.
  private static func owned(_ source: any StripSource, _ options: BlindOptions, _ context: RunContext) throws -> Cube {
    guard let cube = source as? Cube else { return try source.load(context) }
    let values = UnsafeBufferPointer(start: cube.pixels.pointer, count: cube.count * cube.shape.bands)
    guard options.unitLength || values.contains(where: { $0 < 0 }) else { return cube }
    let copy = PixelMatrix(rows: cube.count, columns: cube.shape.bands)
    copy.pointer.update(from: cube.pixels.pointer, count: values.count)
    return Cube(shape: cube.shape, metadata: cube.metadata, pixels: copy, positions: cube.positions)
  }

  /// Clips and normalises in place; returns the channels that count for the length of a pixel.
  static func prepare(
    _ scene: Cube, count: Int, _ options: BlindOptions, _ context: RunContext
  ) throws -> (negatives: Int, kept: [Bool]?) {
    try RobustStart.check(scene, count: count)
    let negatives = RobustStart.clipNegatives(scene.pixels)
    warn(negatives: negatives, of: scene.count * scene.shape.bands, context)
    guard options.unitLength else { return (negatives, nil) }
    let correlation = RobustStart.correlation(scene.pixels)
    let quality = try RobustStart.channelQuality(correlation: correlation)
    let kept = RobustStart.goodChannels(quality, count: count, threshold: options.start.threshold)
    RobustStart.normalise(scene.pixels, kept: kept)
    return (negatives, kept)
  }

  static func warn(negatives: Int, of total: Int, _ context: RunContext) {
    guard negatives > 0, total > 0 else { return }
    let percent = 100 * Double(negatives) / Double(total)
    context.warn(
      "W-NEGATIVE",
      "\(negatives) values (\(String(format: "%.2g", percent)) %) are negative and count as zero in the factorisation")
  }

  // MARK: - Order of endmembers

  /// Endmembers by falling mean abundance (ties: as found), renumbered.
  static func sorted(_ endmembers: SpectralLibrary, _ abundances: PixelMatrix) -> (order: [Int], SpectralLibrary) {
    let count = endmembers.count
    var sums = [Double](repeating: 0, count: count)
    for n in 0..<abundances.rows { for k in 0..<count { sums[k] += Double(abundances[n, k]) } }
    let order = (0..<count).sorted { (sums[$1], $0) < (sums[$0], $1) }
    var result = endmembers.selecting(order)
    result.names = endmemberNames(count)
    return (order, result)
  }

  /// Reorders the columns of N × K abundances in place.
  static func permute(_ abundances: PixelMatrix, _ order: [Int]) {
    var row = [Float](repeating: 0, count: order.count)
    for n in 0..<abundances.rows {
      let values = abundances.row(n)
      for (k, source) in order.enumerated() { row[k] = values[source] }
      for k in row.indices { values[k] = row[k] }
    }
  }

  /// Sums over all pixels, in scene order.
  struct Totals {
    private(set) var pixels = 0
    private var abundances: [Double]
    private var squares = 0.0

    init(count: Int) { abundances = [Double](repeating: 0, count: count) }

    mutating func add(_ values: PixelMatrix, _ rmse: [Float]) {
      pixels += values.rows
      for n in 0..<values.rows {
        for k in abundances.indices { abundances[k] += Double(values[n, k]) }
        squares += Double(rmse[n]) * Double(rmse[n])
      }
    }

    func summary(
      _ endmembers: SpectralLibrary, _ result: BlindResult, _ start: BlindStart, sampled: Int?,
      _ options: BlindOptions, negatives: Int
    ) -> BlindSummary {
      let n = Double(max(pixels, 1))
      return BlindSummary(
        endmembers: endmembers, pixels: pixels, sampledPixels: sampled, meanAbundances: abundances.map { $0 / n },
        rmse: (squares / n).squareRoot(), startQuality: start.channelQuality, keptChannels: start.keptChannels,
        channelQuality: result.channelQuality, objective: result.objective, converged: result.converged,
        settings: result.settings, unitLength: options.unitLength, negativeValues: negatives)
    }
  }
}
