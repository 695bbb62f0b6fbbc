import HSICore
import HSINumerics

/// Cluster-based RX: the scene is cut into clusters of similar pixels, and a pixel is measured against the nearest of them.
///
///     score(x) = min over clusters k of (x − μ_k)ᵀ C_k⁻¹ (x − μ_k)
///
/// Clusters by k-means (`KMeans`); those of few pixels are regularised the more. Source: Carlotto, "A cluster-based approach for detecting
/// man-made objects and changes in imagery", IEEE TGRS 43(2), 2005.
public struct ClusterRX: AnomalyDetector, PixelDetector {
  public static let description = MethodDescription(
    id: "cluster-rx", name: "Cluster-based RX", task: .anomaly, citation: "Carlotto, IEEE TGRS 43(2), 2005",
    cost: "2 N L² k", advice: "Scenes of several materials, each of which is a background of its own.",
    parameters: [
      ParameterDescription("clusters", 5, in: 1...64, "Number of clusters."), BackgroundParameters.shrinkage,
    ], aliases: ["cbad"])

  public let bands = [DetectionBand("cluster-rx")]
  public let facts: [String: Double]
  public var workingBytesPerPixel: Int { 8 }
  private let plans: [ScorePlan]

  public init(in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    let wanted = Int(clamping: parameters.value("clusters"))
    let clusters = try KMeans(source, count: wanted, iterations: 20, context)
    let size = source.shape.bands
    let accumulators = (0..<clusters.centres.rows).map { _ in StatisticsAccumulator(bands: size, precision: .double) }
    let members = PixelMatrix(rows: 0, columns: size)
    try source.forEachStrip(context, label: "background", extraBytesPerPixel: 4 * size + 4) { strip in
      let labels = clusters.labels(of: strip.pixels)
      for k in accumulators.indices {
        members.reshape(rows: strip.count, columns: size)
        var count = 0
        for n in 0..<strip.count where labels[n] == k {
          (members.pointer + count * size).update(from: strip.pixels.pointer + n * size, count: size)
          count += 1
        }
        members.reshape(rows: count, columns: size)
        accumulators[k].add(members)
      }
    }
    let statistics = accumulators.map { $0.finish() }
    // A cluster of a handful of pixels may be the anomaly itself; it is no background.
    let total = statistics.reduce(0) { $0 + $1.count }
    let least = max(3, total / (20 * max(statistics.count, 1)))
    var plans: [ScorePlan] = []
    for part in statistics where part.count >= least {
      do {
        plans.append(try Background(part, shrinkage: parameters["shrinkage"]).whitening())
      } catch DetectionError.noVariation { continue }
    }
    guard !plans.isEmpty else {
      if total < 3 { throw DetectionError.tooFewPixels(valid: total, needed: 3, purpose: "a background") }
      throw DetectionError.noVariation
    }
    self.plans = plans
    facts = ["backgroundPixels": Double(total), "clusters": Double(plans.count)]
  }

  public func score(_ pixels: PixelMatrix, into values: PixelMatrix) {
    let norms = PixelMatrix(rows: pixels.rows, columns: 2)
    for (k, plan) in plans.enumerated() {
      plan.score(pixels, norms: norms, values: nil)
      for n in 0..<pixels.rows { values[n, 0] = k == 0 ? norms[n, 1] : min(values[n, 0], norms[n, 1]) }
    }
  }
}
