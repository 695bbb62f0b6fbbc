import HSICore
import HSINumerics

/// The noise of one image: what a model drew for each band, and its addition to pixels.
///
/// A pixel's noise is a function of seed, band, line and sample: it depends neither on threads nor on how the image is
/// cut into strips. Kinds share their Gaussian part: under one seed, `stripe` is `noniid` plus stripes. Nothing is
/// clipped unless asked. About 30 ns per value and thread.
public struct NoiseRealisation: Sendable {
  /// What hits one band.
  public struct Band: Hashable, Sendable {
    /// Standard deviation of the Gaussian part on the 0–255 scale.
    public fileprivate(set) var sigma = 0.0
    /// Striped columns.
    public fileprivate(set) var stripes: StripeNoise?
    /// Dead columns.
    public fileprivate(set) var deadlines: DeadlineNoise?
    /// Salt and pepper.
    public fileprivate(set) var impulses: ImpulseNoise?
  }

  /// The model.
  public let model: NoiseModel
  /// One entry per band.
  public let bands: [Band]
  /// Width of the image.
  public let samples: Int
  /// Seed of all draws.
  public let seed: UInt64

  /// Draws the noise of an image.
  ///
  /// A third of the bands, rounded down, is hit by stripes, dead columns or impulses: none where there are fewer than
  /// three bands. `stripe` and `deadline` are meant for 20 samples or more; see `StripeNoise` and `DeadlineNoise`.
  ///
  /// - Parameters:
  ///   - bands: number of bands.
  ///   - samples: width of the image.
  ///   - active: bands that get noise (all by default); the others stay as they are and count in no group.
  public init(_ model: NoiseModel, bands: Int, samples: Int, seed: UInt64, active: [Bool]? = nil) {
    precondition(active.map { $0.count == bands } ?? true, "one flag per band")
    self.model = model
    self.samples = samples
    self.seed = seed
    let used = (0..<bands).filter { active?[$0] ?? true }
    var all = [Band](repeating: Band(), count: bands)
    for b in used { all[b].sigma = GaussianNoise.sigma(model, seed: seed, band: b) }
    var random = NoiseStream.image.random(seed)
    let order = random.distinct(used.count, below: used.count).map { used[$0] }
    let size = used.count / 3
    let group = { (index: Int) in order[(index * size)..<((index + 1) * size)] }
    let isMixture = model.kind == .mixture
    if isMixture || model.kind == .stripe {
      for b in group(0) { all[b].stripes = StripeNoise(seed: seed, band: b, samples: samples) }
    }
    if isMixture || model.kind == .deadline {
      for b in group(isMixture ? 1 : 0) {
        all[b].deadlines = DeadlineNoise(seed: seed, band: b, samples: samples)
      }
    }
    if isMixture || model.kind == .impulse {
      for b in group(isMixture ? 2 : 0) { all[b].impulses = ImpulseNoise(seed: seed, band: b) }
    }
    self.bands = all
  }

  /// Adds the noise to an image `[bands][lines][samples]` in place.
  ///
  /// - Parameters:
  ///   - planes: `bands · lines · samples` values.
  ///   - range: the values that stand for 0 and 1.
  ///   - clips: whether results are limited to `range`.
  public func add(
    toPlanes planes: UnsafeMutablePointer<Float>, lines: Int, range: DataRange = .unit, clips: Bool = false
  ) {
    Parallel.forEach(bands.count) { b in
      withScratch { scratch in
        for line in 0..<lines {
          add(
            band: b, line: line, to: planes + (b * lines + line) * samples, stride: 1, positions: nil,
            range: range, clips: clips, scratch)
        }
      }
    }
  }

  /// Adds the noise to the pixels of some full-width lines in place.
  ///
  /// - Parameters:
  ///   - pixels: valid pixels × bands.
  ///   - positions: their places in the window (`line · samples + sample`), ascending.
  ///   - window: the lines, in the coordinates of the image; as wide as the image.
  ///   - range: the values that stand for 0 and 1.
  ///   - clips: whether results are limited to `range`.
  public func add(
    to pixels: PixelMatrix, positions: [Int32], window: PixelWindow, range: DataRange = .unit,
    clips: Bool = false
  ) {
    precondition(
      pixels.columns == bands.count && pixels.rows == positions.count && window.samples == samples,
      "pixels of the image that the noise was drawn for")
    let first = lineStarts(positions, lines: window.lines)
    let width = bands.count
    positions.withUnsafeBufferPointer { positions in
      Parallel.forEach(window.lines) { line in
        let rows = first[line]..<first[line + 1]
        guard !rows.isEmpty else { return }
        let places = UnsafeBufferPointer(rebasing: positions[rows])
        withScratch { scratch in
          scratch.columns = places.map { Int($0) - line * samples }
          for b in 0..<width {
            add(
              band: b, line: window.line + line, to: pixels.pointer + rows.lowerBound * width + b,
              stride: width, positions: scratch.columns, range: range, clips: clips, scratch)
          }
        }
      }
    }
  }

  /// Adds the noise to a strip in place.
  public func add(to strip: Strip, range: DataRange = .unit, clips: Bool = false) {
    add(to: strip.pixels, positions: strip.positions, window: strip.window, range: range, clips: clips)
  }

  // MARK: - One line of one band

  /// Room for the draws of a line.
  private final class Scratch {
    let gaussian: UnsafeMutableBufferPointer<Float>
    let impulses: UnsafeMutableBufferPointer<UInt8>
    var columns: [Int] = []

    init(_ samples: Int) {
      gaussian = .allocate(capacity: samples)
      impulses = .allocate(capacity: samples)
    }

    deinit {
      gaussian.deallocate()
      impulses.deallocate()
    }
  }

  private func withScratch(_ body: (Scratch) -> Void) { body(Scratch(samples)) }

  /// Value `i` of the line is at `values + i · stride` and stands in column `positions[i]` (`i` where nil).
  private func add(
    band: Int, line: Int, to values: UnsafeMutablePointer<Float>, stride: Int, positions: [Int]?,
    range: DataRange, clips: Bool, _ scratch: Scratch
  ) {
    let noise = bands[band]
    let count = positions?.count ?? samples
    if noise.sigma > 0 {
      GaussianNoise.fill(
        scratch.gaussian, deviation: noise.sigma / 255 * range.width, seed: seed, band: band, line: line)
      if let positions {
        for i in 0..<count { values[i * stride] += scratch.gaussian[positions[i]] }
      } else {
        for i in 0..<count { values[i * stride] += scratch.gaussian[i] }
      }
    }
    /// The place of a column among the values, or nil where it is not valid.
    func place(_ column: Int) -> Int? {
      guard let positions else { return column }
      var (low, high) = (0, count)
      while low < high {
        let middle = (low + high) / 2
        if positions[middle] < column { low = middle + 1 } else { high = middle }
      }
      return low < count && positions[low] == column ? low : nil
    }
    for stripe in noise.stripes?.stripes ?? [] {
      if let i = place(stripe.column) { values[i * stride] -= Float(stripe.offset * range.width) }
    }
    for column in noise.deadlines?.columns ?? [] {
      if let i = place(column) { values[i * stride] = Float(range.low) }
    }
    if let impulses = noise.impulses {
      impulses.fill(scratch.impulses, seed: seed, band: band, line: line)
      for i in 0..<count {
        switch scratch.impulses[positions?[i] ?? i] {
        case 1: values[i * stride] = Float(range.low)
        case 2: values[i * stride] = Float(range.high)
        default: break
        }
      }
    }
    if clips, noise != Band() {
      let (low, high) = (Float(range.low), Float(range.high))
      for i in 0..<count { values[i * stride] = min(max(values[i * stride], low), high) }
    }
  }

  /// The index of the first pixel of each line, and the number of pixels at the end.
  private func lineStarts(_ positions: [Int32], lines: Int) -> [Int] {
    var starts = [Int](repeating: positions.count, count: lines + 1)
    var line = 0
    for (i, position) in positions.enumerated() {
      while line <= Int(position) / samples {
        starts[line] = i
        line += 1
      }
    }
    return starts
  }
}
