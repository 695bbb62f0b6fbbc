import HSICore
import HSINumerics
import Synchronization

/// Automatic hyperspectral restoration by sparse and low-rank modelling (HyRes).
///
/// `Y D = W X Vᵀ + N`: the noise-weighted scene in the basis V of its components is sparse in a wavelet basis
/// W. Coefficients of every component and detail band are soft-thresholded where Stein's unbiased risk
/// estimate is least; the rank is the one of least total risk, where a dropped component i costs `‖z_i‖² −
/// N`.
///
/// Beyond the paper: thresholds per detail band rather than per component, planes mirrored at their borders,
/// and averaging over `shifts` translations of the wavelet grid (cycle spinning; 1 gives the paper's
/// estimate). Cost N L² + shifts · 400 N p.
public struct HyRes: ClassicalDenoiser {
  public static let description = MethodDescription(
    id: "hyres", name: "Hyperspectral restoration by sparse low-rank modelling (HyRes)",
    task: .denoise,
    citation:
      "B. Rasti, M. O. Ulfarsson and P. Ghamisi, Automatic hyperspectral image restoration using sparse and low-rank "
      + "modeling, IEEE GRSL 14(12), 2017",
    cost: "N L² + L³ + 400 shifts N p",
    advice: "Gaussian noise, no parameters to set; faster than fasthyde.",
    parameters: [
      .rank("the one of least estimated risk"),
      ParameterDescription("shifts", 8, in: 1...64, "translations of the wavelet grid that are averaged"),
      ParameterDescription("levels", 5, in: 1...10, "steps of the wavelet transform; fewer in small scenes"),
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int { subspaceBytes(shape) + 64 * shape.pixels }

  public func denoise(_ scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> RestoredScene {
    let subspace = try SpectralSubspace(scene, noise: noise, whitening: true, context)
    let candidates = chosenRank(parameters, bands: scene.shape.bands, rule: subspace.significant)
    let components = subspace.project(scene.pixels, rank: candidates)
    let filter = WaveletFilter(
      PlaneFilling(scene), levels: Int(parameters.value("levels")), shifts: Int(parameters.value("shifts")))
    let gains = try filter.apply(to: components, context)
    var rank = candidates
    if parameters["rank"] == nil {
      // Prefix of components whose estimated gain over dropping them is largest.
      var (sum, best) = (0.0, 0.0)
      rank = 0
      for (i, gain) in gains.enumerated() {
        sum += gain
        if sum > best { (best, rank) = (sum, i + 1) }
      }
      components.reshape(rows: rank, columns: components.columns)
    }
    return RestoredScene(
      scene: scene.replacingPixels(by: subspace.reconstruct(components)), noise: noise, rank: rank)
  }
}

/// Wavelet soft thresholding of planes with white noise of unit variance.
struct WaveletFilter {
  private let filling: PlaneFilling
  private let transform: WaveletTransform
  private let shifts: [(line: Int, sample: Int)]
  /// Place of the image in the plane.
  private let top, left: Int

  init(_ filling: PlaneFilling, levels: Int, shifts: Int, wavelet: Wavelet = .symlet8) {
    self.filling = filling
    // A coarse band of at least 4 × 4.
    var deepest = 1
    while deepest < levels, min(filling.lines, filling.samples) >> (deepest + 1) >= 4 { deepest += 1 }
    let unit = 1 << deepest
    // At least a filter's half on either side is mirrored, so that what wraps around stays outside the image.
    func padded(_ size: Int) -> Int { (size + wavelet.filter.count + unit - 1) / unit * unit }
    transform = WaveletTransform(
      wavelet, lines: padded(filling.lines), samples: padded(filling.samples), levels: deepest)
    top = (transform.lines - filling.lines) / 2
    left = (transform.samples - filling.samples) / 2
    // Translations spread over one period of the coarsest grid by the golden ratio and its square.
    self.shifts = (0..<shifts).map { i in
      (
        Int(clamping: Double(i) * 0.7548776662466927 * Double(unit)) % unit,
        Int(clamping: Double(i) * 0.5698402909980532 * Double(unit)) % unit
      )
    }
  }

  /// Filters every row of `components` (one value per valid pixel). Returns per component the estimated gain
  /// over zeros, `‖z‖² − n − SURE`, of the untranslated transform.
  func apply(to components: PixelMatrix, _ context: RunContext) throws -> [Double] {
    let (rank, count) = (components.rows, components.columns)
    var gains = [Double](repeating: 0, count: rank)
    let plane = transform.lines * transform.samples
    let done = Atomic<Int>(0)
    context.progress.report(phase: "wavelet shrinkage", fraction: 0)
    try gains.withUnsafeMutableBufferPointer { gains in
      let (gains, values) = (gains.baseAddress, components.pointer)
      try Parallel.tryForEach(rank) { i in
        let work = PixelMatrix(
          rows: 1, columns: filling.lines * filling.samples * 2 + plane + transform.scratchCount + 48)
        let image = work.pointer
        let sum = image + (filling.lines * filling.samples + 15) / 16 * 16
        let shifted = sum + (filling.lines * filling.samples + 15) / 16 * 16
        let scratch = shifted + (plane + 15) / 16 * 16
        filling.spread(values + i * count, into: image)
        for (index, shift) in shifts.enumerated() {
          try context.checkCancellation()
          load(image, shift, shifted)
          transform.forward(shifted, scratch)
          var gain = 0.0
          for band in transform.details { gain += shrink(shifted, band) }
          if index == 0 { gains?[i] = gain + coarseGain(shifted) }
          transform.inverse(shifted, scratch)
          add(shifted, shift, to: sum)
        }
        filling.gather(sum, into: values + i * count)
        let finished = done.add(1, ordering: .relaxed).newValue
        context.progress.report(phase: "wavelet shrinkage", fraction: Double(finished) / Double(rank))
      }
    }
    return gains
  }

  /// Thresholds one band and returns `‖x‖² − n − SURE`.
  private func shrink(_ plane: UnsafeMutablePointer<Float>, _ band: WaveletTransform.Subband) -> Double {
    let energy = energy(plane, band)
    return energy - Double(band.lines * band.samples) - transform.shrink(plane, band).risk
  }

  /// `‖x‖² − 2n` of the coarse part, which is kept as it is.
  private func coarseGain(_ plane: UnsafeMutablePointer<Float>) -> Double {
    let band = transform.coarse
    return energy(plane, band) - 2 * Double(band.lines * band.samples)
  }

  private func energy(_ plane: UnsafeMutablePointer<Float>, _ band: WaveletTransform.Subband) -> Double {
    var sum = 0.0
    for line in 0..<band.lines {
      let row = plane + (band.line + line) * transform.samples + band.sample
      var part: Float = 0
      for i in 0..<band.samples { part += row[i] * row[i] }
      sum += Double(part)
    }
    return sum
  }

  /// The image, mirrored at its borders to the size of the plane and moved cyclically by a translation.
  private func load(
    _ image: UnsafePointer<Float>, _ shift: (line: Int, sample: Int), _ plane: UnsafeMutablePointer<Float>
  ) {
    let columns = (0..<transform.samples).map {
      mirrored(($0 + shift.sample) % transform.samples - left, filling.samples)
    }
    for line in 0..<transform.lines {
      let y = mirrored((line + shift.line) % transform.lines - top, filling.lines)
      let source = image + y * filling.samples
      let target = plane + line * transform.samples
      for sample in 0..<transform.samples { target[sample] = source[columns[sample]] }
    }
  }

  /// Adds the image part of a translated plane, divided by the number of translations.
  private func add(
    _ plane: UnsafePointer<Float>, _ shift: (line: Int, sample: Int), to sum: UnsafeMutablePointer<Float>
  ) {
    let weight = 1 / Float(shifts.count)
    for line in 0..<filling.lines {
      let source = plane + (line + top - shift.line + transform.lines) % transform.lines * transform.samples
      for sample in 0..<filling.samples {
        let place = (sample + left - shift.sample + transform.samples) % transform.samples
        sum[line * filling.samples + sample] += weight * source[place]
      }
    }
  }
}

/// The index of a mirrored image (half-sample symmetric) of `count` values.
func mirrored(_ index: Int, _ count: Int) -> Int {
  let period = 2 * count
  let place = ((index % period) + period) % period
  return place < count ? place : period - 1 - place
}
