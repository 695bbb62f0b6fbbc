import CKernels
import Foundation
import HSICore
import HSINumerics

/// Spectra of a library that a scene calls for and that are not alike: AMUSES on top of MUSIC.
///
/// 1. *Brightness*: pixels and spectra are divided by their sums.
/// 2. *MUSIC*: with E the leading eigenvectors of `X Xᵀ / N`, X the pixels as all other bands predict every band, as many as hold 99.9 % of
///    the trace and at least `leastEigenvectors`, a spectrum x has the distance `‖x − E Eᵀ x‖ / ‖x‖` from the scene. The share `kept` of the library
///    that is nearest goes on, the nearest first.
/// 3. *Separability*: a spectrum is taken where its JMSA from every one taken before is at least its threshold,
///    `JMSA(x, y) = √Σ_l (√p_l − √q_l)² · tan θ(x, y)`, p and q the spectra divided by their sums (Jeffries–Matusita distance and angle).
///    The threshold is `low` for the share `relevant` of the library that is nearest, and `low + high · (d − d₀) / (d₁ − d₀)` beyond, d₀ and d₁ the
///    first and last distance there: the less a spectrum has to do with the scene, the more it must differ.
///
/// Negative values count as 0 in the Jeffries–Matusita distance. Classes do not matter. One pass over the scene, N L² flops, then L³ + m² L for m spectra.
///
/// Sources: J. Degerickx, A. Okujeni, M.-D. Iordache, M. Hermy, S. van der Linden, B. Somers, A novel spectral library pruning technique for spectral
/// unmixing of urban land cover, Remote Sensing 9(6), 565, 2017; MUSIC: M.-D. Iordache et al., MUSIC-CSR, IEEE TGRS 52, 2014.
///
/// ```swift
/// let pruning = try AMUSES(source, library, RunContext())
/// let few = library.selecting(pruning.selection)
/// ```
public struct AMUSES: Sendable {
  /// The choices, with the values of the authors' program.
  public struct Settings: Sendable, Equatable {
    /// Share of the library that goes on by distance.
    public var kept = 0.9
    /// Share of the library that has the lowest threshold.
    public var relevant = 0.05
    /// Fewest eigenvectors.
    public var leastEigenvectors = 15
    /// Share of the trace that the eigenvectors hold.
    public var variance = 0.999
    /// Threshold of JMSA for the nearest spectra.
    public var low = 0.0002
    /// What is added to it for the furthest.
    public var high = 0.02

    /// The values of the authors' program.
    public init() {}
  }

  /// Distance of every spectrum from the scene, 0 to 1.
  public let distances: [Double]
  /// Spectra that go on by distance, the nearest first.
  public let nearest: [Int]
  /// Number of eigenvectors that stand for the scene.
  public let eigenvectors: Int
  /// Spectra that are kept, in the order in which they were taken.
  public let selection: [Int]

  /// - Parameters:
  ///   - scene: on the bands of the library.
  ///   - library: no NaN, every spectrum of a sum above 0.
  /// - Throws: `UnmixingError`: `.bandMismatch`, `.invalidSpectra`, `.tooFewPixels` below 2 pixels with light, `.noVariation`; `CoreError.memory`.
  public init(
    _ scene: any StripSource, _ library: SpectralLibrary, settings: Settings = Settings(), _ context: RunContext
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (bands, count) = (library.bands, library.count)
    guard bands == scene.shape.bands else {
      throw UnmixingError.bandMismatch(
        spectra: bands, scene: scene.shape.bands,
        advice: "give both wavelengths so that the spectra can be resampled")
    }
    for i in 0..<count where !(library[i].allSatisfy(\.isFinite) && library[i].reduce(0, +) > 0) {
      throw UnmixingError.invalidSpectra(name: library.names[i])
    }
    let statistics = try SceneStatistics(EvenBrightness(scene), context, precision: .double)
    try requirePixels(statistics, 2, purpose: "AMUSES")
    let basis = try AMUSES.basis(NoiseEstimate(statistics).signal, settings)
    let spectra = Matrix(rows: count, columns: bands, values: library.values)
    let inside = spectra.multiplied(by: basis)
    distances = (0..<count).map { i in
      // What E leaves over, not the difference of two squares: it may be small.
      var (rest, all) = (0.0, 0.0)
      let part = inside.row(i)
      for l in 0..<bands {
        var left = spectra[i, l]
        all += left * left
        for (k, value) in part.enumerated() { left -= basis[l, k] * value }
        rest += left * left
      }
      return (rest / all).squareRoot()
    }
    eigenvectors = basis.columns
    let kept = max(1, min(count, Int(clamping: (Double(count) * settings.kept).rounded(.toNearestOrEven))))
    let own = distances
    nearest = Array((0..<count).sorted { (own[$0], $0) < (own[$1], $1) }.prefix(kept))
    selection = AMUSES.separable(spectra, nearest, own, settings)
  }

  /// The leading eigenvectors of `X Xᵀ / N`, L × k.
  private static func basis(_ signal: Matrix<Double>, _ settings: Settings) throws -> Matrix<Double> {
    let eigen = try signal.symmetricEigen()
    let order = eigen.values.indices.sorted { eigen.values[$0] > eigen.values[$1] }
    let total = eigen.values.reduce(0, +)
    guard total > 0, total.isFinite else { throw UnmixingError.noVariation(detail: "all values are zero") }
    var (share, count) = (0.0, 0)
    while share < settings.variance, count < order.count {
      share += eigen.values[order[count]] / total
      count += 1
    }
    count = min(order.count, max(count, settings.leastEigenvectors))
    return eigen.vectors.selecting(columns: Array(order.prefix(count)))
  }

  /// The spectra of `nearest` that differ enough from those taken before.
  private static func separable(
    _ spectra: Matrix<Double>, _ nearest: [Int], _ distances: [Double], _ settings: Settings
  ) -> [Int] {
    let first = Int(clamping: (Double(distances.count) * settings.relevant).rounded(.toNearestOrEven))
    let beyond = nearest.dropFirst(first).map { distances[$0] }
    let (nearestDistance, furthest) = (beyond.first ?? 0, beyond.last ?? 0)
    let range = furthest - nearestDistance
    let roots = Matrix<Double>(rows: spectra.rows, columns: spectra.columns) { i, l in
      max(0, spectra[i, l]).squareRoot()
    }
    // Lengths of the roots are the roots of the sums.
    let rootSums = (0..<spectra.rows).map { i in roots.row(i).reduce(0) { $0 + $1 * $1 }.squareRoot() }
    var selection: [Int] = []
    for (place, i) in nearest.enumerated() {
      let step = place < first || range <= 0 ? 0 : (distances[i] - nearestDistance) / range
      let threshold = settings.low + settings.high * step
      let isTaken = selection.allSatisfy { j in
        var (distance, dot, own, other) = (0.0, 0.0, 0.0, 0.0)
        for l in 0..<spectra.columns {
          let difference = roots[i, l] / rootSums[i] - roots[j, l] / rootSums[j]
          distance += difference * difference
          dot += spectra[i, l] * spectra[j, l]
          own += spectra[i, l] * spectra[i, l]
          other += spectra[j, l] * spectra[j, l]
        }
        let angle = acos(min(1, max(-1, dot / (own * other).squareRoot())))
        return distance.squareRoot() * tan(angle) >= threshold
      }
      if isTaken { selection.append(i) }
    }
    return selection
  }
}

/// A scene whose pixels are divided by their sums; those without light are left out.
private final class EvenBrightness: StripSource {
  private let source: any StripSource

  init(_ source: any StripSource) { self.source = source }

  var shape: CubeShape { source.shape }
  var metadata: CubeMetadata { source.metadata }
  var blockLines: Int { source.blockLines }
  var workingBytesPerLine: Int { source.workingBytesPerLine }

  func read(lines: Range<Int>, into strip: Strip) throws {
    try source.read(lines: lines, into: strip)
    let bands = shape.bands
    let values = strip.pixels.pointer
    let lost = hsi_scale_rows(values, bands, strip.count, bands, Int32(HSI_SCALE_SUM), values, bands)
    guard lost > 0 else { return }
    // Pixels whose sum is 0 say nothing: zeros add nothing to the products.
    for n in 0..<strip.count where values[n * bands].isNaN {
      (values + n * bands).update(repeating: 0, count: bands)
    }
  }
}
