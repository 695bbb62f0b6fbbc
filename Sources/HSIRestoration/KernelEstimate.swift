import Foundation
import HSICore
import HSINumerics

/// The kernel that a scene was blurred with, found among the families of `BlurKernel` from the scene alone.
///
/// Sharp images have power spectra near a power law, `s |f|^−α`. Behind a kernel K and noise the spectrum is
/// `M(f) = s (|f|^−α |K(f)|² + r)`: kernels show by their zeros and by how fast they fall. P is the periodogram of the three leading
/// noise-weighted components, averaged over half-overlapping square tiles with Hann windows; M is smeared as such a window smears
/// (⅙, ⅔, ⅙ along either axis). For every kernel the Whittle likelihood `−Σ (ln M + P / M)` over frequencies of three periods per tile
/// and more is maximised over s (in closed form), α and r of each component; the kernel with the largest wins. All kernels are first fitted
/// coarsely, to one in five frequencies, the best then finely. Borders of the image and what was beside it hardly count.
///
/// Cost N L² and 40 million terms, about a second. Source: P. Whittle, Estimation and information in stationary time series, Arkiv för
/// Matematik 2, 1953; power laws of images: D. J. Field, JOSA A 4(12), 1987.
public struct KernelEstimate: Sendable {
  /// The kernel.
  public let kernel: BlurKernel
  /// The parameters of a deconvolution that stand for it: `kind`, `size`, and `sigma` or `angle`.
  public let values: [String: Double]
  /// In words: `Gaussian of σ 1.6 pixels, 15 wide`.
  public let name: String
  /// The best kernel of another family, in words.
  public let next: String
  /// How many times more likely than that the kernel makes the spectrum of one tile, as a natural logarithm.
  public let margin: Double

  /// Below this `margin` another family may be meant.
  public static let leastMargin = 50.0
  /// Lines and samples that a scene must have.
  public static let leastSize = 32
  private static let tileSize = 64

  /// A kernel that is tried.
  struct Candidate: Sendable, Hashable {
    var kind: BlurKernel.Kind?
    var size = 1
    var sigma: Double?
    var angle = 0.0

    var name: String {
      switch kind {
      case nil: "no blur"
      case .gaussian: "Gaussian of σ \(PlainNumber.exact(sigma ?? 0)) pixels, \(size) wide"
      case .square: "box of \(size) pixels"
      case .circle: "round kernel of \(size) pixels"
      case .motion: "motion of \(size) pixels at \(PlainNumber.exact(angle))°"
      }
    }

    func kernel() throws -> BlurKernel { try BlurKernel(kind ?? .square, size: size, sigma: sigma, angle: angle) }

    /// All of them: σ from 0.6 to 4 pixels, reaching to 4 σ; those of a size of 3 to 21 pixels that `BlurKernel` gives them; boxes and round kernels of 3 to 21 pixels, motions of 5 to 25 pixels every 15°.
    static let all: [Candidate] = {
      var list = [Candidate()]
      for tenths in stride(from: 6, through: 40, by: 2) {
        let sigma = Double(tenths) / 10
        list.append(Candidate(kind: .gaussian, size: 2 * Int(clamping: (4 * sigma).rounded(.up)) + 1, sigma: sigma))
      }
      for size in stride(from: 3, through: 21, by: 2) {
        let sigma = (BlurKernel.sigma(size: size) * 10).rounded() / 10
        list.append(Candidate(kind: .gaussian, size: size, sigma: sigma))
      }
      for kind in [BlurKernel.Kind.square, .circle] {
        list += stride(from: 3, through: 21, by: 2).map { Candidate(kind: kind, size: $0) }
      }
      for size in stride(from: 5, through: 25, by: 2) {
        list += stride(from: 0, to: 180, by: 15).map { Candidate(kind: .motion, size: size, angle: $0) }
      }
      return list
    }()
  }

  /// Estimates the kernel of a scene.
  ///
  /// - Parameter noise: levels per band, or nil to estimate them.
  /// - Throws: `RestorationError.unknownKernel` for a scene below 32 × 32 pixels, one without variation, and one that shows no blur
  ///   (none fits better than a Gaussian of σ 0.8 pixels); `CoreError.cancelled`.
  public init(_ scene: Cube, noise: NoiseLevels? = nil, _ context: RunContext) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    let side = min(scene.shape.lines, scene.shape.samples)
    guard side >= KernelEstimate.leastSize else {
      throw RestorationError.unknownKernel(
        detail:
          "a scene of \(scene.shape.lines) × \(scene.shape.samples) pixels is too small for it (\(KernelEstimate.leastSize) × \(KernelEstimate.leastSize))"
      )
    }
    let planes = try KernelEstimate.components(scene.finitePixels(), noise, context)
    let tile = min(KernelEstimate.tileSize, side / 2 * 2)
    let spectra = planes.map { TileSpectrum(plane: $0, scene.shape, tile: tile) }
    let fits = try KernelEstimate.fits(spectra, tile: tile, context)
    let best = fits[0].candidate
    guard let kind = best.kind, best.sigma.map({ $0 > 0.8 }) ?? true else {
      throw RestorationError.unknownKernel(detail: "the scene shows no blur to speak of (nearest: \(best.name))")
    }
    let other = fits.first { $0.candidate.kind != kind } ?? fits[0]
    kernel = try best.kernel()
    var values = ["kind": Double(kind.rawValue), "size": Double(best.size)]
    if let sigma = best.sigma { values["sigma"] = sigma }
    if kind == .motion { values["angle"] = best.angle }
    self.values = values
    (name, next) = (best.name, other.candidate.name)
    margin = other.cost - fits[0].cost
  }

  /// The leading components, a full plane each.
  private static func components(_ scene: Cube, _ noise: NoiseLevels?, _ context: RunContext) throws -> [PixelMatrix] {
    guard scene.count > 2 else {
      throw RestorationError.unknownKernel(detail: "too few pixels have a value in every band")
    }
    let statistics = try SceneStatistics(scene, context, precision: .double)
    let deviations = (0..<scene.shape.bands).map { max(statistics.covariance[$0, $0], 0).squareRoot() }
    let widest = deviations.max() ?? 0
    guard widest > 0 else { throw RestorationError.unknownKernel(detail: "the scene is constant") }
    let found = try noise ?? NoiseLevels.estimate(scene, context)
    let levels = NoiseLevels(
      standardDeviations: zip(found.standardDeviations, deviations).map { max($0, 1e-3 * $1, 1e-6 * widest) })
    let subspace = try SpectralSubspace(statistics, noise: levels, whitening: true)
    let rank = min(3, scene.shape.bands)
    let components = subspace.project(scene.pixels, rank: rank)
    let filling = PlaneFilling(scene)
    return (0..<rank).map { i in
      let plane = PixelMatrix(rows: scene.shape.lines, columns: scene.shape.samples)
      filling.spread(components.pointer + i * components.columns, into: plane.pointer)
      return plane
    }
  }

  // MARK: - Fitting

  /// A kernel and its cost, `Σ (ln M + P / M)` less a constant.
  struct Fit: Sendable {
    var candidate: Candidate
    var cost: Double
  }

  /// The kernels that were fitted finely, best first.
  static func fits(_ spectra: [TileSpectrum], tile: Int, _ context: RunContext) throws -> [Fit] {
    let all = Candidate.all
    let coarse = try costs(
      all, spectra, tile, exponents: [1.5, 2.5, 3.5], floors: [1e-8, 1e-5, 1e-2], step: 5, context)
    let order = all.indices.sorted { (coarse[$0], $0) < (coarse[$1], $1) }
    // The best of every family is among them, so that margins compare like with like.
    var wanted = Array(order.prefix(8))
    let kinds: [BlurKernel.Kind?] = [nil] + BlurKernel.Kind.allCases
    for kind in kinds { wanted += order.filter { all[$0].kind == kind }.prefix(1).filter { !wanted.contains($0) } }
    let chosen = wanted.map { all[$0] }
    let fine = try costs(
      chosen, spectra, tile, exponents: (0..<8).map { 1 + 0.5 * Double($0) },
      floors: (0..<15).map { pow(10, -8 + 0.5 * Double($0)) }, step: 1, context)
    return chosen.indices.sorted { (fine[$0], $0) < (fine[$1], $1) }.map { Fit(candidate: chosen[$0], cost: fine[$0]) }
  }

  private static func costs(
    _ candidates: [Candidate], _ spectra: [TileSpectrum], _ tile: Int, exponents: [Double], floors: [Double],
    step: Int, _ context: RunContext
  ) throws -> [Double] {
    let (places, laws) = (TileSpectrum.places(tile: tile), exponents.map { TileSpectrum.powerLaw($0, tile: tile) })
    var result = [Double](repeating: 0, count: candidates.count)
    try result.withUnsafeMutableBufferPointer { result in
      let result = result
      try Parallel.tryForEach(candidates.count) { n in
        try context.checkCancellation()
        let power = try TileSpectrum.power(of: candidates[n].kernel(), tile: tile)
        var best = [Double](repeating: .infinity, count: spectra.count)
        for law in laws {
          let model = TileSpectrum.model(power, law, at: places, tile: tile)
          let mean = model.reduce(0, +) / Double(model.count)
          for (i, spectrum) in spectra.enumerated() {
            for floor in floors { best[i] = min(best[i], spectrum.cost(model, floor: floor * mean, step: step)) }
          }
        }
        result[n] = best.reduce(0, +)
      }
    }
    return result
  }
}

/// The power spectrum of a plane, averaged over tiles.
struct TileSpectrum: Sendable {
  /// P at the frequencies that are used, in the order of `places`.
  let values: [Double]

  /// Frequencies of three periods and more, one of each pair that is the same: places in a tile × tile plane.
  static func places(tile: Int) -> [Int] {
    (0..<(tile * tile)).filter { place in
      let (y, x) = (place / tile, place % tile)
      let fy = min(y, tile - y)
      return x <= tile / 2 && fy * fy + x * x >= 9
    }
  }

  init(plane: PixelMatrix, _ shape: CubeShape, tile: Int) {
    let window = (0..<tile).map { 0.5 - 0.5 * cos(2 * .pi * Double($0) / Double(tile)) }
    let total = window.reduce(0, +) * window.reduce(0, +)
    let transform = FFT2D(lines: tile, samples: tile)
    let half = tile / 2 + 1
    let (cut, work) = (
      PixelMatrix(rows: tile, columns: tile), PixelMatrix(rows: 1, columns: transform.spectrumCount)
    )
    var sums = [Double](repeating: 0, count: tile * half)
    for top in TileSpectrum.starts(shape.lines, tile) {
      for left in TileSpectrum.starts(shape.samples, tile) {
        var mean = 0.0
        for y in 0..<tile { for x in 0..<tile { mean += window[y] * window[x] * Double(plane[top + y, left + x]) } }
        mean /= total
        for y in 0..<tile {
          for x in 0..<tile { cut[y, x] = Float((Double(plane[top + y, left + x]) - mean) * window[y] * window[x]) }
        }
        transform.forward(cut.pointer, work.pointer)
        for place in sums.indices {
          let (re, im) = (Double(work.pointer[2 * place]), Double(work.pointer[2 * place + 1]))
          sums[place] += re * re + im * im
        }
      }
    }
    let all = sums
    values = TileSpectrum.places(tile: tile).map { max(all[$0 / tile * half + $0 % tile], .leastNormalMagnitude) }
  }

  /// First lines of tiles that overlap by half or more and reach both ends.
  private static func starts(_ count: Int, _ tile: Int) -> [Int] {
    let number = max(1, (2 * (count - tile) + tile - 1) / tile + 1)
    return number == 1 ? [0] : (0..<number).map { (count - tile) * $0 / (number - 1) }
  }

  /// |K|² at every frequency of a tile.
  static func power(of kernel: BlurKernel, tile: Int) -> [Double] {
    let (size, radius) = (kernel.size, kernel.radius)
    let waves = (0..<tile).map { place in
      let phase = -2 * .pi * Double(place) / Double(tile)
      return (cos(phase), sin(phase))
    }
    func wave(_ frequency: Int, _ tap: Int) -> (Double, Double) {
      let place = frequency * (tap - radius) % tile
      return waves[place < 0 ? place + tile : place]
    }
    // Along the samples first: size × tile.
    var (real, imaginary) = (
      [Double](repeating: 0, count: size * tile), [Double](repeating: 0, count: size * tile)
    )
    for i in 0..<size {
      for j in 0..<size where kernel.weights[i * size + j] != 0 {
        let weight = Double(kernel.weights[i * size + j]) / kernel.sum
        for x in 0..<tile {
          let (c, s) = wave(x, j)
          real[i * tile + x] += weight * c
          imaginary[i * tile + x] += weight * s
        }
      }
    }
    var result = [Double](repeating: 0, count: tile * tile)
    for y in 0..<tile {
      var (re, im) = ([Double](repeating: 0, count: tile), [Double](repeating: 0, count: tile))
      for i in 0..<size {
        let (c, s) = wave(y, i)
        for x in 0..<tile {
          let (a, b) = (real[i * tile + x], imaginary[i * tile + x])
          re[x] += a * c - b * s
          im[x] += a * s + b * c
        }
      }
      for x in 0..<tile { result[y * tile + x] = re[x] * re[x] + im[x] * im[x] }
    }
    return result
  }

  /// `|f|^−α` at every frequency of a tile.
  static func powerLaw(_ exponent: Double, tile: Int) -> [Double] {
    (0..<(tile * tile)).map { place in
      let (y, x) = (place / tile, place % tile)
      let (fy, fx) = (Double(min(y, tile - y)) / Double(tile), Double(min(x, tile - x)) / Double(tile))
      return pow(place == 0 ? 0.25 / Double(tile * tile) : fy * fy + fx * fx, -exponent / 2)
    }
  }

  /// A spectrum times a kernel's |K|² as a Hann window shows it, at some places of the tile.
  static func model(_ power: [Double], _ law: [Double], at places: [Int], tile: Int) -> [Double] {
    let count = tile * tile
    var plane = [Double](repeating: 0, count: 2 * count)
    plane.withUnsafeMutableBufferPointer { plane in
      let (plane, other) = (plane.baseAddress!, plane.baseAddress! + count)
      power.withUnsafeBufferPointer { power in
        law.withUnsafeBufferPointer { law in for i in 0..<count { plane[i] = power[i] * law[i] } }
      }
      // Along the samples, then along the lines.
      for y in 0..<tile {
        let (row, target) = (plane + y * tile, other + y * tile)
        for x in 0..<tile {
          target[x] = row[x] * (2.0 / 3) + (row[x == 0 ? tile - 1 : x - 1] + row[x == tile - 1 ? 0 : x + 1]) * (1.0 / 6)
        }
      }
      for y in 0..<tile {
        let (row, target) = (other + y * tile, plane + y * tile)
        let (above, below) = (other + (y == 0 ? tile - 1 : y - 1) * tile, other + (y == tile - 1 ? 0 : y + 1) * tile)
        for x in 0..<tile { target[x] = row[x] * (2.0 / 3) + (above[x] + below[x]) * (1.0 / 6) }
      }
    }
    return places.map { plane[$0] }
  }

  /// `Σ (ln M + P / M)` for `M = s (model + floor)` with the best s, over one in `step` frequencies.
  func cost(_ model: [Double], floor: Double, step: Int) -> Double {
    var (ratio, logarithm, count) = (0.0, 0.0, 0.0)
    model.withUnsafeBufferPointer { model in
      values.withUnsafeBufferPointer { values in
        var i = 0
        while i < values.count {
          let expected = model[i] + floor
          ratio += values[i] / expected
          logarithm += log(expected)
          count += 1
          i += step
        }
      }
    }
    return logarithm + count * log(ratio / count) + count
  }
}
