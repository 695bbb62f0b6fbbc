import HSICore
import HSINumerics

/// A blind factorisation, ready to deliver the maps of every pixel.
public final class BlindFit {
  /// K spectra on the bands of the scene, in order of falling mean abundance, named `endmember 1` … May be renamed
  /// before `deliver`. For unit-length pixels they are about as long as those.
  public var endmembers: SpectralLibrary
  /// Leave-one-out quality of every channel before the factorisation, 0 bad … 1 good.
  public let startQuality: [Double]
  /// Channels that entered the start.
  public let keptChannels: [Bool]
  /// Channels that are not corrupted, whose values in endmembers can be trusted.
  public let healthyChannels: [Bool]
  /// How well the factorisation explains every channel (`BlindResult.channelQuality`), of methods that weigh them.
  public let channelQuality: [Double]?
  /// Objective before the first and after every iteration.
  public let objective: [Double]
  /// True when the tolerance was met before the iteration limit.
  public let converged: Bool
  /// Parameters and outcomes of rules, by name.
  public let settings: [String: Double]
  /// What was chosen from the scene and why, as a clause; nil where nothing was to be chosen.
  public let choice: String?
  /// Whether pixels were divided by their length.
  public let unitLength: Bool
  /// Number of pixels that were factorised.
  public let factorisedPixels: Int
  /// True when the scene exceeded the memory budget and a sample of lines was factorised.
  public var isSampled: Bool { scene == nil }
  /// True when every strip will bring a guidance map.
  public let guidanceIsLearnt: Bool

  private let source: any StripSource
  private let scene: Cube?
  private let lengths: [Float]?
  private let lengthChannels: [Bool]?
  private let result: BlindResult
  private let order: [Int]

  init(
    source: any StripSource, scene: Cube?, factorised: Int, lengths: [Float]?, kept: [Bool]?,
    result: BlindResult,
    start: BlindStart, order: [Int], unitLength: Bool
  ) {
    self.source = source
    self.scene = scene
    self.lengths = lengths
    self.order = order
    self.unitLength = unitLength
    lengthChannels = kept
    factorisedPixels = factorised
    endmembers = result.endmembers
    startQuality = start.channelQuality
    keptChannels = start.keptChannels
    healthyChannels = start.healthyChannels
    channelQuality = result.channelQuality
    objective = result.objective
    converged = result.converged
    settings = result.settings
    choice = result.choice
    guidanceIsLearnt = result.guidance != nil
    // Beside a sample, nothing per pixel is needed any more.
    var result = result
    if scene == nil {
      result.abundances = PixelMatrix(rows: 0, columns: result.abundances.columns)
      result.guidance = nil
      result.brightness = nil
    }
    self.result = result
  }

  /// Hands out the maps of all valid pixels in consecutive parts of the scene: abundances N × K whose rows sum to
  /// one, guidance where learnt, and the root-mean-square residual of the fit over the channels that are not corrupted, in the units of the scene (negative
  /// values counted as zero; the factor that the sum-to-one takes out of a pixel, and its length, put back).
  ///
  /// - Returns: figures over all pixels.
  @discardableResult
  public func deliver(_ context: RunContext, _ body: (ProductStrip) throws -> Void) throws -> BlindTotals {
    let claim = context.claimThreads()
    defer { claim.release() }
    let residual = Residual(result.endmembers, channels: healthyChannels)
    var totals = BlindTotals(endmembers: order.count)
    if let scene {
      try context.checkCancellation()
      let fit = Fitted(
        residual: residual, pixels: scene.pixels, abundances: result.abundances, brightness: result.brightness,
        lengths: lengths)
      let rmse = fit.rmse()
      totals.add(result.abundances, rmse)
      try body(
        ProductStrip(
          window: scene.shape.window, positions: scene.positions,
          abundances: BlindFit.known(result.abundances, lengths, copying: true), rmse: rmse,
          guidance: result.guidance, bands: scene.shape.bands, residual: fit.spectra))
      return totals
    }
    let solver = try result.pixelSolver ?? WeightedPixelSolver(result, order)
    let abundances = PixelMatrix(rows: 0, columns: order.count)
    try source.forEachStrip(context, label: "abundances", extraBytesPerPixel: 48 * order.count + 60) {
      strip in
      RobustStart.clipNegatives(strip.pixels)
      let lengths = lengthChannels.map { RobustStart.normalise(strip.pixels, kept: $0) }
      let solved = try solver.solve(strip.pixels, into: abundances)
      BlindUnmixing.permute(abundances, order)
      let fit = Fitted(
        residual: residual, pixels: strip.pixels, abundances: abundances, brightness: solved.brightness,
        lengths: lengths)
      let rmse = fit.rmse()
      totals.add(abundances, rmse)
      try body(
        ProductStrip(
          window: strip.window, positions: strip.positions, abundances: BlindFit.known(abundances, lengths), rmse: rmse,
          guidance: solved.guidance, bands: source.shape.bands, residual: fit.spectra))
    }
    return totals
  }

  /// Abundances without those of pixels of length 0, which have no direction: NaN.
  private static func known(_ abundances: PixelMatrix, _ lengths: [Float]?, copying: Bool = false) -> PixelMatrix {
    guard let lengths, lengths.contains(0) else { return abundances }
    var result = abundances
    if copying {
      result = PixelMatrix(rows: abundances.rows, columns: abundances.columns)
      result.pointer.update(from: abundances.pointer, count: abundances.rows * abundances.columns)
    }
    for (n, length) in lengths.enumerated() where length == 0 {
      for k in 0..<result.columns { result[n, k] = .nan }
    }
    return result
  }

  /// Pixels beside what explains them: `y ≈ length · brightness · Σ_k a_k m_k`.
  private struct Fitted {
    private let residual: Residual
    private let pixels: PixelMatrix
    /// Abundances with the brightness of their pixel.
    private let abundances: PixelMatrix
    private let lengths: [Float]?

    init(residual: Residual, pixels: PixelMatrix, abundances: PixelMatrix, brightness: [Float]?, lengths: [Float]?) {
      self.residual = residual
      self.pixels = pixels
      self.lengths = lengths
      guard let brightness else {
        self.abundances = abundances
        return
      }
      self.abundances = PixelMatrix(rows: abundances.rows, columns: abundances.columns)
      for n in 0..<abundances.rows {
        for k in 0..<abundances.columns { self.abundances[n, k] = abundances[n, k] * brightness[n] }
      }
    }

    func rmse() -> [Float] {
      var result = residual.rmse(pixels, abundances)
      if let lengths { for n in result.indices { result[n] *= lengths[n] } }
      return result
    }

    func spectra(_ rows: Range<Int>, _ output: PixelMatrix) {
      residual.spectra(pixels, abundances, of: rows, into: output)
      guard let lengths else { return }
      for (i, n) in rows.enumerated() { for l in 0..<output.columns { output[i, l] *= lengths[n] } }
    }
  }
}

/// Figures over all pixels of a blind unmixing.
public struct BlindTotals: Sendable {
  /// Valid pixels.
  public private(set) var pixels = 0
  private var sums: [Double]
  private var squares = 0.0

  init(endmembers: Int) { sums = [Double](repeating: 0, count: endmembers) }

  /// Mean abundance per endmember.
  public var meanAbundances: [Double] { sums.map { $0 / Double(max(pixels, 1)) } }
  /// Root-mean-square residual over all pixels and the channels that are not corrupted.
  public var rmse: Double { (squares / Double(max(pixels, 1))).squareRoot() }

  mutating func add(_ abundances: PixelMatrix, _ rmse: [Float]) {
    pixels += abundances.rows
    for n in 0..<abundances.rows {
      for k in sums.indices { sums[k] += Double(abundances[n, k]) }
      squares += Double(rmse[n]) * Double(rmse[n])
    }
  }
}

/// FCLS with the channel weights of a factorisation: for blind methods that name no solver of their own.
struct WeightedPixelSolver: BlindPixelSolver {
  private let solver: any AbundanceSolver

  /// - Parameter order: old places of the endmembers of `result`; the solver answers in that old order.
  init(_ result: BlindResult, _ order: [Int]) throws {
    let original = order.indices.map { old in order.firstIndex(of: old) ?? old }
    solver = try FCLS().prepare(result.endmembers.selecting(original), weights: result.channelWeights)
  }

  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix) throws -> BlindPixels {
    try solver.solve(pixels, into: abundances)
    return BlindPixels()
  }
}
