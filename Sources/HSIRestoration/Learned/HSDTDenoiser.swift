import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// Restores whole scenes with HSDT: normalisation, windows of bands, tiles, padding, blending.
///
/// The scene is brought to [0, 1] by the range that it would have without its noise, holes are filled from their surroundings, rows and
/// columns are padded by reflection to what the network needs. A scene of more bands than the network was built for is
/// restored in overlapping windows of that many bands, one of fewer bands with the self query, which has no band-sized
/// parameter. Where the whole image does not fit the memory budget it is cut into tiles (`TiledInference`).
///
/// A network works on one scene at a time.
public struct HSDTDenoiser: LearnedRestorer {
  /// How the bands of a scene reach a network that was built for another number of them.
  public enum BandHandling: String, Sendable, CaseIterable {
    /// Windows where the scene has more bands than the network, all at once where it has fewer.
    case automatic
    /// All bands at once, with the self query.
    case flex
  }

  /// The network and its card.
  public let model: HSDTModel
  /// See `BandHandling`.
  public var bandHandling = BandHandling.automatic
  /// Tiles and windows of bands: what they share, and the largest edge of a tile.
  public var tiles = TiledInference()
  /// Whether [0, 1] is the range that the scene would have without its noise (`NoisyRange`), or that of the noisy values.
  public var usesNoisyRange = true

  /// A denoiser with the defaults.
  public init(_ model: HSDTModel) { self.model = model }

  public var description: MethodDescription { HSDTDenoiser.description }

  private var map: HSDTImageMap { HSDTImageMap(model.network, isFlexible: bandHandling == .flex) }

  public func workingBytes(_ shape: CubeShape) -> Int {
    estimateBytes(shape) + tiles.workingBytes(map, shape)
  }

  /// Bytes beside scene and passes: the places of 2 × 2 and 3 × 3 pixels that noise and range are estimated on.
  private func estimateBytes(_ shape: CubeShape) -> Int { 48 * shape.pixels }

  public func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    let finite = scene.finitePixels()
    guard finite.count > 0 else {
      return unchanged(scene, "no pixel has a finite value in every band", context)
    }
    var extent = DataRange.Accumulator()
    extent.add(finite.pixels)
    guard let extremes = try? extent.range(), extremes.width > 0 else {
      return unchanged(scene, "all its values are equal", context)
    }
    let range = self.range(of: finite, extremes: extremes, noise: noise, context)
    let map = map
    let (bands, built) = (scene.shape.bands, model.network.configuration.bands)
    if bands != built {
      context.logger.info(
        bands > map.windowBands(bands)
          ? "hsdt: \(bands) bands in windows of \(map.windowBands(bands)) with \(tiles.bandOverlap) shared"
          : "hsdt: built for \(built) bands; the self query serves \(bands)")
    }
    // Restored values in [0, 1], summed up in the order of the scene's pixels.
    let pixels = PixelMatrix(rows: finite.count, columns: bands)
    let filling = PlaneFilling(finite)
    let held = scene.count * (bands * 4 + 4) + estimateBytes(scene.shape)
    let total = try tiles.run(
      map, scene.shape, into: .init(pixels, rows: finite.rowOfPlace()), held: held, phase: "denoising", context
    ) { normalise(finite, range, bands: $0, filling, into: $1) }
    let (low, width) = (Float(range.low), Float(range.width))
    for i in 0..<(finite.count * bands) { pixels.pointer[i] = low + width * pixels.pointer[i] }
    var result = finite.replacingPixels(by: pixels)
    if finite.count < scene.count { result = scene.replacingFinitePixels(by: pixels) }
    return RestoredScene(scene: result, facts: ["tiles": Double(total)])
  }

  /// What stands for [0, 1].
  private func range(of scene: Cube, extremes: DataRange, noise: NoiseLevels?, _ context: RunContext) -> DataRange {
    guard usesNoisyRange else { return extremes }
    let (range, strength) = NoisyRange.estimate(scene, extremes: extremes, noise: noise)
    // No network has learnt noise beyond σ 75 of 255.
    let width = max(range.width, min(extremes.width, strength * 255 / 75))
    context.logger.info(
      "hsdt: \(range.low) to \(range.low + width) stand for 0 to 1; values reach from \(extremes.low) to \(extremes.high)"
    )
    return (try? DataRange(low: range.low, high: range.low + width)) ?? extremes
  }

  /// Brings some bands to [0, 1] as full images.
  private func normalise(
    _ scene: Cube, _ range: DataRange, bands: Range<Int>, _ filling: PlaneFilling,
    into planes: UnsafeMutablePointer<Float>
  ) {
    let (width, plane) = (scene.shape.bands, scene.shape.pixels)
    let (low, factor) = (Float(range.low), 1 / Float(range.width))
    let pixels = scene.pixels
    Parallel.forEach(bands.count) { index in
      let band = bands.lowerBound + index
      let line = Tensor(uninitialised: [scene.count])
      for row in 0..<scene.count { line.output[row] = (pixels.pointer[row * width + band] - low) * factor }
      filling.spread(line.pointer, into: planes + index * plane)
    }
  }
}
