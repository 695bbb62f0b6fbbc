import HSICore
import HSINumerics

/// What a denoiser removed, `noisy − restored`, judged without a reference.
///
/// Noise of most instruments is independent between pixels and between bands, so what was removed should be too: both
/// correlations near 0, within `1/√N`. Positive correlation between neighbouring pixels is structure of the scene, or
/// structured noise (stripes). Cost a few N L; 4 bytes per pixel of the image and per valid pixel.
public struct ResidualDiagnostics: Sendable {
  /// Root mean square per band.
  public let rms: [Double]
  /// Correlation at a distance of one pixel, lines and samples together; nil for bands that did not change.
  public let spatialCorrelation: [Double?]
  /// Correlation of every band with the next; nil for the last one and where either did not change.
  public let spectralCorrelation: [Double?]
  /// Root mean square over the bands of every valid pixel.
  public let pixelRms: [Float]
  /// Root mean square over all values.
  public let totalRms: Double
  /// Root mean square of the noisy scene over all values.
  public let signalRms: Double

  /// Compares two cubes with the same valid pixels and bands.
  ///
  /// - Throws: `RestorationError.shapeMismatch`, `CoreError.cancelled`.
  public init(noisy: Cube, restored: Cube, _ context: RunContext) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    guard noisy.shape == restored.shape, noisy.positions == restored.positions else {
      throw RestorationError.shapeMismatch(first: "\(noisy.shape)", second: "\(restored.shape)")
    }
    try context.checkCancellation()
    context.progress.report(phase: "judging", fraction: 0)
    let bands = noisy.shape.bands
    let sums = Sums(noisy, restored)
    let first = sums.moments()
    context.progress.report(phase: "judging", fraction: 0.4)
    try context.checkCancellation()
    let products = sums.products(means: first.means)
    let count = Double(max(1, first.count))
    rms = first.squares.map { ($0 / count).squareRoot() }
    pixelRms = first.pixels
    totalRms = (first.squares.reduce(0, +) / (count * Double(max(1, bands)))).squareRoot()
    signalRms = (first.signal / (count * Double(max(1, bands)))).squareRoot()
    let variances = products.variances.map { $0 / count }
    // Rounding of single precision leaves crumbs in bands that did not change.
    func changed(_ b: Int) -> Bool { variances[b] > 1e-14 * first.squares[b] / count && variances[b] > 0 }
    spatialCorrelation = (0..<bands).map { b in
      guard changed(b), products.pairs > 0 else { return nil }
      return products.neighbours[b] / Double(products.pairs) / variances[b]
    }
    spectralCorrelation = (0..<bands).map { b in
      guard b + 1 < bands, changed(b), changed(b + 1) else { return nil }
      return products.nextBand[b] / count / (variances[b] * variances[b + 1]).squareRoot()
    }
    context.progress.report(phase: "judging", fraction: 1)
  }

  /// Mean of the known correlations between neighbouring pixels.
  public var meanSpatialCorrelation: Double? { ResidualDiagnostics.mean(spatialCorrelation) }
  /// Mean of the known correlations between neighbouring bands.
  public var meanSpectralCorrelation: Double? { ResidualDiagnostics.mean(spectralCorrelation) }

  /// Standard deviation of the noise that is left in a band, `√max(0, σ² − r²)` for noise of σ and a residual of root
  /// mean square r.
  ///
  /// Exact in expectation for projections and for Wiener filters, which leave an error that is orthogonal to what they
  /// remove. No estimate on the restored scene can tell: what is left lies in the subspace of the signal. 0 where more
  /// was removed than the noise that was estimated.
  public func noiseLeft(before sigma: Double, band: Int) -> Double {
    max(0, sigma * sigma - rms[band] * rms[band]).squareRoot()
  }

  private static func mean(_ values: [Double?]) -> Double? {
    let known = values.compactMap { $0 }
    return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
  }
}

/// Sums over the pixels in chunks of fixed size, added in order, so that threads change nothing. Pixels with a value
/// that is not finite are left out.
private struct Sums {
  let noisy: Cube
  let restored: Cube
  let grid: [Int32]
  private let chunk = 4096

  init(_ noisy: Cube, _ restored: Cube) {
    self.noisy = noisy
    self.restored = restored
    grid = noisy.rowOfPlace()
  }

  private var bands: Int { noisy.shape.bands }
  private var chunks: Int { (noisy.count + chunk - 1) / chunk }

  struct Moments {
    var means: [Double]
    var squares: [Double]
    var signal: Double
    var count: Int
    var pixels: [Float]
  }

  func moments() -> Moments {
    let width = 2 * bands + 2
    var parts = [Double](repeating: 0, count: chunks * width)
    var pixels = [Float](repeating: .nan, count: noisy.count)
    parts.withUnsafeMutableBufferPointer { parts in
      pixels.withUnsafeMutableBufferPointer { pixels in
        let (parts, pixels) = (parts, pixels)
        Parallel.forEachChunk(of: noisy.count, chunk: chunk) { index, rows in
          let sum = index * width
          for n in rows {
            let (a, b) = (noisy.pixels.row(n), restored.pixels.row(n))
            var (square, signal) = (0.0, 0.0)
            for k in 0..<bands {
              let d = Double(a[k]) - Double(b[k])
              square += d * d
              signal += Double(a[k]) * Double(a[k])
            }
            guard square.isFinite, signal.isFinite else { continue }
            for k in 0..<bands {
              let d = Double(a[k]) - Double(b[k])
              parts[sum + k] += d
              parts[sum + bands + k] += d * d
            }
            parts[sum + 2 * bands] += signal
            parts[sum + 2 * bands + 1] += 1
            pixels[n] = Float((square / Double(max(1, bands))).squareRoot())
          }
        }
      }
    }
    let total = added(parts, width)
    let count = max(1, total[2 * bands + 1])
    return Moments(
      means: total[..<bands].map { $0 / count }, squares: Array(total[bands..<(2 * bands)]),
      signal: total[2 * bands], count: Int(total[2 * bands + 1]), pixels: pixels)
  }

  struct Products {
    var variances: [Double]
    var neighbours: [Double]
    var nextBand: [Double]
    var pairs: Int
  }

  func products(means: [Double]) -> Products {
    let width = 3 * bands + 1
    let samples = noisy.shape.samples
    var parts = [Double](repeating: 0, count: chunks * width)
    parts.withUnsafeMutableBufferPointer { parts in
      let parts = parts
      Parallel.forEachChunk(of: noisy.count, chunk: chunk) { index, rows in
        let sum = index * width
        var (here, there) = ([Double](repeating: 0, count: bands), [Double](repeating: 0, count: bands))
        for n in rows where residual(n, means, &here) {
          for k in 0..<bands {
            parts[sum + k] += here[k] * here[k]
            if k + 1 < bands { parts[sum + 2 * bands + k] += here[k] * here[k + 1] }
          }
          let place = Int(noisy.positions[n])
          let right = place % samples + 1 < samples ? place + 1 : grid.count
          for next in [right, place + samples] where next < grid.count && grid[next] >= 0 {
            guard residual(Int(grid[next]), means, &there) else { continue }
            for k in 0..<bands { parts[sum + bands + k] += here[k] * there[k] }
            parts[sum + 3 * bands] += 1
          }
        }
      }
    }
    let total = added(parts, width)
    return Products(
      variances: Array(total[..<bands]), neighbours: Array(total[bands..<(2 * bands)]),
      nextBand: Array(total[(2 * bands)..<(3 * bands)]), pairs: Int(total[3 * bands]))
  }

  /// The residual of a pixel less its mean; false where a value is not finite.
  private func residual(_ n: Int, _ means: [Double], _ values: inout [Double]) -> Bool {
    let (a, b) = (noisy.pixels.row(n), restored.pixels.row(n))
    var check = 0.0
    for k in 0..<bands {
      values[k] = Double(a[k]) - Double(b[k]) - means[k]
      check += 0 * values[k]
    }
    return check == 0
  }

  private func added(_ parts: [Double], _ width: Int) -> [Double] {
    var total = [Double](repeating: 0, count: width)
    for index in 0..<chunks { for k in 0..<width { total[k] += parts[index * width + k] } }
    return total
  }
}
