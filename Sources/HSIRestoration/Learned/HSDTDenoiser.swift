import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// Restores whole scenes with HSDT: normalisation, windows of bands, tiles, padding, blending.
///
/// The scene is brought to [0, 1] by the range that it would have without its noise, holes are filled from their surroundings, rows and
/// columns are padded by reflection to what the network needs. A scene of more bands than the network was built for is
/// restored in overlapping windows of that many bands, one of fewer bands with the self query, which has no band-sized
/// parameter. Where the whole image does not fit the memory budget it is cut into tiles that overlap by
/// `tileOverlap` pixels and are blended linearly; because attention pools over what it sees, tiles change the result slightly.
///
/// A network works on one scene at a time.
public struct HSDTDenoiser: Denoiser {
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
  /// Bands that neighbouring windows share.
  public var bandOverlap = 16
  /// Pixels that neighbouring tiles share.
  public var tileOverlap = 32
  /// Whether [0, 1] is the range that the scene would have without its noise (`NoisyRange`), or that of the noisy values.
  public var usesNoisyRange = true
  /// Largest edge of a tile; nil for what the memory budget allows.
  public var tile: Int?

  /// A denoiser with the defaults.
  public init(_ model: HSDTModel) { self.model = model }

  public var description: MethodDescription { HSDTDenoiser.description }

  public func workingBytes(_ shape: CubeShape) -> Int {
    heldBytes(shape) + tileBytes(edge: smallestTile, bands: windowBands(shape.bands))
  }

  /// Bytes beside scene and passes: the result, one window of bands as full images, rows of places, and the places of 2 × 2 and
  /// 3 × 3 pixels that noise and range are estimated on.
  private func heldBytes(_ shape: CubeShape) -> Int {
    shape.pixels * (4 * shape.bands + 4 * windowBands(shape.bands) + 52)
  }

  private var configuration: HSDTConfiguration { model.network.configuration }
  private var smallestTile: Int { 64 }

  /// Bands per pass.
  private func windowBands(_ bands: Int) -> Int {
    bandHandling == .flex ? bands : min(bands, configuration.bands)
  }

  /// Bytes of one pass over `edge × edge × bands`, by the widths of the values that are alive together at full resolution (two
  /// skips, input and output of a stage, and what its convolutions keep), with a third for the coarser levels and scratch.
  private func tileBytes(edge: Int, bands: Int) -> Int {
    let padded =
      (edge + configuration.granularity - 1) / configuration.granularity * configuration.granularity
    return padded * padded * bands * 4 * (HSDTDenoiser.liveVolumes * configuration.channels + 4)
  }

  /// What a program with its libraries takes before it holds any data: tiles leave room for it where they can.
  private static let programBytes = 96 << 20

  /// Volumes of the head's width that are alive together at the worst moment; held to the truth by a test.
  static let liveVolumes = 12

  public func denoise(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> DenoisedScene {
    try context.checkCancellation()
    try requireMemory(scene, context)
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
    let (bands, lines, samples) = (scene.shape.bands, scene.shape.lines, scene.shape.samples)
    let window = windowBands(bands)
    if bands != configuration.bands {
      context.logger.info(
        bands > window
          ? "hsdt: \(bands) bands in windows of \(window) with \(bandOverlap) shared"
          : "hsdt: built for \(configuration.bands) bands; the self query serves \(bands)")
    }
    let edge = try tileEdge(lines: lines, samples: samples, bands: window, scene, context)
    let rows = Segments(length: lines, size: min(edge, lines), overlap: min(tileOverlap, edge / 2))
    let columns = Segments(length: samples, size: min(edge, samples), overlap: min(tileOverlap, edge / 2))
    let spectral = Segments(length: bands, size: window, overlap: min(bandOverlap, window - 1))
    // Restored values in [0, 1], summed up in the order of the scene's pixels.
    let pixels = PixelMatrix(rows: finite.count, columns: bands)
    let grid = finite.rowOfPlace()
    let filling = PlaneFilling(finite)
    let total = rows.starts.count * columns.starts.count * spectral.starts.count
    var done = 0
    var input = Tensor(uninitialised: [spectral.size, lines, samples])
    for band in spectral.starts {
      normalise(finite, range, bands: band..<(band + spectral.size), filling, into: &input)
      for line in rows.starts {
        for sample in columns.starts {
          try context.checkCancellation()
          let place = Place(
            band: band, line: line, sample: sample, bands: spectral.size, lines: rows.size,
            samples: columns.size)
          let restored = pass(input, place, lines: lines, samples: samples)
          blend(restored, place, rows, columns, spectral, into: pixels, grid, samples: samples)
          done += 1
          context.progress.report(
            phase: "denoising", fraction: Double(done) / Double(total),
            detail: total > 1 ? "piece \(done) of \(total)" : nil)
        }
      }
    }
    // What follows in a program has the memory of the passes at its disposal.
    input = Tensor.zeros([1])
    BufferPool.current.trim()
    let (low, width) = (Float(range.low), Float(range.width))
    for i in 0..<(finite.count * bands) { pixels.pointer[i] = low + width * pixels.pointer[i] }
    var result = finite.replacingPixels(by: pixels)
    if finite.count < scene.count { result = scene.replacingFinitePixels(by: pixels) }
    return DenoisedScene(scene: result, facts: ["tiles": Double(total)])
  }

  /// What stands for [0, 1].
  private func range(of scene: Cube, extremes: DataRange, noise: NoiseLevels?, _ context: RunContext)
    -> DataRange
  {
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
    _ scene: Cube, _ range: DataRange, bands: Range<Int>, _ filling: PlaneFilling, into planes: inout Tensor
  ) {
    let (width, plane) = (scene.shape.bands, scene.shape.pixels)
    let (low, factor) = (Float(range.low), 1 / Float(range.width))
    let pixels = scene.pixels
    planes.withMutableValues { values in
      nonisolated(unsafe) let base = values.baseAddress!
      Parallel.forEach(bands.count) { index in
        let band = bands.lowerBound + index
        let line = Tensor(uninitialised: [scene.count])
        for row in 0..<scene.count { line.output[row] = (pixels.pointer[row * width + band] - low) * factor }
        filling.spread(line.pointer, into: base + index * plane)
      }
    }
  }

  /// The largest edge of a tile whose pass fits what is left of the budget beside scene, input and output.
  private func tileEdge(lines: Int, samples: Int, bands: Int, _ scene: Cube, _ context: RunContext) throws
    -> Int
  {
    let whole = max(lines, samples)
    if let tile { return min(max(tile, configuration.granularity), whole) }
    let held =
      scene.count * (scene.shape.bands * 4 + 4) + heldBytes(scene.shape) + HSDTDenoiser.programBytes
    let left = context.memory.bytes - held
    var edge = whole
    while edge > smallestTile, tileBytes(edge: edge, bands: bands) > left {
      edge = max(smallestTile, edge * 7 / 8)
    }
    guard edge < whole else { return whole }
    edge = max(smallestTile, edge / configuration.granularity * configuration.granularity)
    context.logger.info("hsdt: tiles of \(edge) × \(edge) pixels keep the work within \(context.memory)")
    return edge
  }

  /// A box of the scene.
  private struct Place {
    var band, line, sample, bands, lines, samples: Int
  }

  /// The network on one box, padded by reflection.
  private func pass(_ input: Tensor, _ place: Place, lines: Int, samples: Int) -> Tensor {
    let grain = configuration.granularity
    let rows = (place.lines + grain - 1) / grain * grain
    let columns = (place.samples + grain - 1) / grain * grain
    let x = Tensor(uninitialised: [1, place.bands, rows, columns, configuration.inputChannels])
    let channels = configuration.inputChannels
    for b in 0..<place.bands {
      let plane = input.pointer + b * lines * samples
      for row in 0..<rows {
        let from = plane + (place.line + reflected(row, place.lines)) * samples + place.sample
        let to = x.output + (b * rows + row) * columns * channels
        for column in 0..<columns {
          to[column * channels] = from[reflected(column, place.samples)]
          for c in 1..<max(channels, 2) where c < channels { to[column * channels + c] = 0 }
        }
      }
    }
    let query: GuidedSpectralAttention.Query = bandHandling == .flex ? .selfQuery : .automatic
    let y = model.network(Variable(x), query: query, Tape(.inference)).value
    guard rows != place.lines || columns != place.samples else { return y }
    let cropped = Tensor(uninitialised: [place.bands, place.lines, place.samples])
    for b in 0..<place.bands {
      for row in 0..<place.lines {
        (cropped.output + (b * place.lines + row) * place.samples).update(
          from: y.pointer + (b * rows + row) * columns, count: place.samples)
      }
    }
    return cropped
  }

  /// Mirror image about the last sample: 0 1 2 3 2 1 …, whatever the distance.
  private func reflected(_ index: Int, _ count: Int) -> Int {
    guard count > 1 else { return 0 }
    let period = 2 * (count - 1)
    let place = index % period
    return place < count ? place : period - place
  }

  /// Adds a restored piece with its weights to the pixels of the scene.
  private func blend(
    _ restored: Tensor, _ place: Place, _ rows: Segments, _ columns: Segments, _ spectral: Segments,
    into pixels: PixelMatrix, _ grid: [Int32], samples: Int
  ) {
    let across = (0..<place.samples).map { columns.weight($0, from: place.sample) }
    let depth = (0..<place.bands).map { spectral.weight($0, from: place.band) }
    let (bands, plane) = (pixels.columns, place.lines * place.samples)
    nonisolated(unsafe) let (source, target) = (restored.pointer, pixels.pointer)
    Parallel.forEach(place.lines) { line in
      let factor = rows.weight(line, from: place.line)
      for column in 0..<place.samples {
        let row = Int(grid[(place.line + line) * samples + place.sample + column])
        guard row >= 0 else { continue }
        let from = source + line * place.samples + column
        let to = target + row * bands + place.band
        let weight = factor * across[column]
        for b in 0..<place.bands { to[b] += depth[b] * weight * from[b * plane] }
      }
    }
  }
}

/// A length cut into overlapping pieces of one size, whose linear blending weights sum to 1 everywhere.
struct Segments: Sendable {
  /// Length of a piece.
  let size: Int
  /// First places of the pieces; the last ends at the end.
  let starts: [Int]
  private let sums: [Float]

  init(length: Int, size: Int, overlap: Int) {
    self.size = min(size, length)
    let step = max(1, self.size - overlap)
    var starts = Array(stride(from: 0, to: max(length - self.size, 0), by: step))
    starts.append(length - self.size)
    self.starts = starts
    var sums = [Float](repeating: 0, count: length)
    for start in starts {
      for i in 0..<self.size {
        sums[start + i] += Segments.ramp(i, from: start, size: self.size, length: length)
      }
    }
    self.sums = sums
  }

  /// The weight of place `index` of the piece that begins at `start`.
  func weight(_ index: Int, from start: Int) -> Float {
    Segments.ramp(index, from: start, size: size, length: sums.count) / sums[start + index]
  }

  /// Rises from the border of a piece, but not at the ends of the whole.
  private static func ramp(_ index: Int, from start: Int, size: Int, length: Int) -> Float {
    let left = start == 0 ? Float.infinity : Float(index + 1)
    let right = start + size == length ? Float.infinity : Float(size - index)
    let least = min(left, right)
    return least.isFinite ? least : Float(size)
  }
}
