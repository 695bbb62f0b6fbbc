import Foundation
import HSICore
import HSINumerics

/// The number of endmembers beyond which pixels that were held back are hardly explained better.
///
/// HySime counts every dimension above the noise. That is the number of materials where noise is all that mixing leaves, but real
/// materials vary, and then it counts the ways in which they do (Samson, three materials: 75). So both are looked at:
///
/// 1. Of pixels spread evenly, every second is held back. For k = 2 … `most`, VCA (best of eight) on the unit-length others gives
///    k endmembers, and nonnegative least squares on them the relative error `e_k = (Σ‖y − Ma‖² / Σ‖y‖²)^½` of those held back.
/// 2. Where HySime's number is at most 15 and brings that error down to the noise (`e ≤ 1.25 · noise`, noise by
///    `ChannelPrediction`), the scene is explained, and HySime's number is the count.
/// 3. Otherwise the elbow of the curve: the k at which the running minimum of e lies deepest below the straight line from its
///    first to its last value; 2 where the curve falls by less than a tenth.
///
/// Two passes over the scene, then about 8000 pixels. Elbow: V. Satopää et al., Finding a "kneedle" in a haystack, ICDCS Workshops
/// 2011; the combination is ours, `docs/accuracy-count.md` has the table.
public struct HeldBackCount: CountEstimator {
  public static let description = MethodDescription(
    id: "held-back", name: "Held-back error (held-back)", task: .count,
    citation:
      "this toolkit: HySime where noise is all that mixing leaves, else the elbow of the error of held-back pixels",
    cost: "N L² + 8000 L K per number tried, two passes",
    advice: "The default: a number that can be used, also where materials vary; the report shows the curve.",
    parameters: [
      ParameterDescription("most", 12, in: 3...20, "largest number that the curve is drawn to")
    ])

  /// HySime's number counts up to this.
  private static let mostDimensions = 15
  /// Error in units of noise up to which a scene is explained.
  private static let reach = 1.25
  /// Relative error that counts as none: rounding of integers.
  private static let rounding = 1e-3
  /// Pixels that are looked at.
  private static let looks = 8000
  /// Pixels darker than this share of the bright ones have no direction.
  private static let darkest = 0.02

  private let most: Int

  public init(_ parameters: MethodParameters) throws { most = Int(parameters.value("most")) }

  public func count(_ scene: any StripSource, _ context: RunContext) throws -> CountEstimate {
    let claim = context.claimThreads()
    defer { claim.release() }
    let reader = SceneReader(scene, context)
    let statistics = try reader.statistics(precision: .double)
    try requirePixels(statistics, 2, purpose: "counting endmembers")
    let dimensions = try HySime().count(NoiseEstimate(statistics)).count
    let live = (0..<reader.bands).filter { statistics.maximum[$0] > 0 && statistics.correlation[$0, $0] > 0 }
    let (training, heldBack) = try halves(reader, pixels: statistics.count)
    let last = min(max(most, min(dimensions, HeldBackCount.mostDimensions)), live.count - 1, training.rows / 2)
    guard last >= 3, heldBack.rows > 0 else {
      return CountEstimate(
        count: max(2, min(dimensions, live.count)), evidence: [], reason: "HySime: too few pixels or bands for more",
        alternatives: ["hysime": dimensions])
    }
    let errors = try curve(training, heldBack, channels: live, upTo: last, context)
    let noise = try HeldBackCount.noise(statistics, live, heldBack)
    var estimate = HeldBackCount.decide(errors, noise: noise, dimensions: dimensions, most: most)
    estimate.alternatives["hysime"] = dimensions
    estimate.alternatives["nwhfc"] = try? NWHFC().count(statistics).count
    return estimate
  }

  /// The count from errors for k = 2, 3, …, the relative noise and HySime's number.
  static func decide(_ errors: [Double], noise: Double, dimensions: Int, most: Int) -> CountEstimate {
    var lowest = errors
    for i in lowest.indices.dropFirst() { lowest[i] = min(lowest[i], lowest[i - 1]) }
    var estimate = CountEstimate(count: 2, evidence: errors, noise: noise)
    if (2...mostDimensions).contains(dimensions), dimensions - 2 < lowest.count,
      lowest[dimensions - 2] <= reach * noise + rounding
    {
      estimate.count = dimensions
      estimate.reason = "HySime: \(dimensions) endmembers explain held-back pixels down to the noise"
      return estimate
    }
    estimate.count = elbow(Array(lowest.prefix(max(2, most - 1)))) + 2
    let error = (100 * lowest[estimate.count - 2]).formatted(.number.precision(.significantDigits(2)))
    estimate.reason = "more endmembers than \(estimate.count) hardly lower the error of held-back pixels (\(error) %)"
    return estimate
  }

  /// Index of the value deepest below the line from the first to the last of a falling curve; 0 where it hardly falls.
  static func elbow(_ values: [Double]) -> Int {
    guard let first = values.first, let last = values.last, values.count > 2, last < 0.9 * first else { return 0 }
    let depth = values.indices.map {
      (first - values[$0]) / (first - last) - Double($0) / Double(values.count - 1)
    }
    return depth.indices.max { depth[$0] < depth[$1] } ?? 0
  }

  /// Pixels spread evenly over the scene without the darkest, alternately to train on and held back.
  private func halves(_ reader: SceneReader, pixels: Int) throws -> (PixelMatrix, PixelMatrix) {
    let bands = reader.bands
    let wanted = min(pixels, HeldBackCount.looks)
    let sample = PixelMatrix(rows: wanted, columns: bands)
    var filled = 0
    try reader.forEach(label: "sampling") { values, count, first in
      while filled < wanted, filled * pixels / wanted < first + count {
        let n = filled * pixels / wanted - first
        for l in 0..<bands { sample[filled, l] = max(0, values[n * bands + l]) }
        filled += 1
      }
    }
    let lengths = (0..<filled).map { n in sample.row(n).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
    let bright = lengths.sorted()[max(0, min(filled - 1, filled * 95 / 100))]
    let chosen = (0..<filled).filter { lengths[$0] > HeldBackCount.darkest * bright }
    let training = PixelMatrix(rows: (chosen.count + 1) / 2, columns: bands)
    let heldBack = PixelMatrix(rows: chosen.count / 2, columns: bands)
    for (i, n) in chosen.enumerated() {
      let target = i % 2 == 0 ? training.row(i / 2) : heldBack.row(i / 2)
      let scale = i % 2 == 0 ? Float(1 / lengths[n]) : 1
      for l in 0..<bands { target[l] = sample[n, l] * scale }
    }
    return (training, heldBack)
  }

  /// `e_k` for k = 2 … `last`.
  private func curve(
    _ training: PixelMatrix, _ heldBack: PixelMatrix, channels: [Int], upTo last: Int, _ context: RunContext
  ) throws -> [Double] {
    let correlation = RobustStart.correlation(training)
    let mean = RobustStart.mean(training)
    let bands = training.columns
    let energy = (0..<heldBack.rows).reduce(0.0) { sum, n in
      heldBack.row(n).reduce(sum) { $0 + Double($1) * Double($1) }
    }
    let abundances = PixelMatrix(rows: 0, columns: 1)
    return try (2...last).map { k in
      try context.checkCancellation()
      let vertices = try VertexStart(
        training, correlation: correlation, mean: mean, channels: channels, count: k, seed: context.seed)
      var values = [Double](repeating: 0, count: k * bands)
      for i in 0..<k {
        for (c, l) in channels.enumerated() { values[i * bands + l] = max(0, vertices.endmembers[i, c]) }
      }
      let spectra = SpectralLibrary(names: endmemberNames(k), axis: SpectralAxis(count: bands), values: values)
      try NNLS().prepare(spectra, weights: nil).solve(heldBack, into: abundances)
      let squares = Residual(spectra).rmse(heldBack, abundances).reduce(0.0) { $0 + Double($1) * Double($1) }
      context.progress.report(phase: "counting", fraction: Double(k - 1) / Double(last - 1))
      return (squares * Double(bands) / energy).squareRoot()
    }
  }

  /// The noise of a scene relative to the pixels held back, as `e_k` is.
  private static func noise(
    _ statistics: SceneStatistics, _ channels: [Int], _ heldBack: PixelMatrix
  ) throws -> Double {
    let noise = try ChannelPrediction(statistics.correlation, channels: channels).noise
    let energy = (0..<heldBack.rows).reduce(0.0) { sum, n in
      heldBack.row(n).reduce(sum) { $0 + Double($1) * Double($1) }
    }
    return (noise.reduce(0) { $0 + $1 * $1 } * Double(heldBack.rows) / energy).squareRoot()
  }
}
