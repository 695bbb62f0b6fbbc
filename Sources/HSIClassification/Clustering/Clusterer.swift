import HSICore
import HSINumerics

extension MethodTask {
  /// Groups of pixels without labels.
  public static let cluster = MethodTask(rawValue: "cluster")
}

extension ProductName {
  /// Number of the group of every pixel, from 1, N × 1.
  public static let cluster: ProductName = "cluster"
}

/// Puts the pixels of a scene into groups without being told of any.
public protocol Clusterer: Sendable {
  /// Name, paper, cost, parameters.
  static var description: MethodDescription { get }

  /// Groups a scene.
  ///
  /// - Parameters:
  ///   - count: groups that are wanted; about as many come out.
  ///   - parameters: as the description declares them.
  /// - Throws: `ClassificationError.noPixels`; the errors of reading; `CoreError.memory`, `.cancelled`.
  static func cluster(
    _ source: any StripSource, count: Int, _ parameters: MethodParameters, _ context: RunContext
  ) throws -> Clustering
}

/// Groups of pixels.
public struct Clustering: Sendable {
  /// Pixels of every group.
  public let counts: [Int]
  /// Mean spectrum of every group, groups × bands.
  public let means: Matrix<Double>
  /// Whether a rule of stopping was met, where there is one.
  public let converged: Bool
  /// What was found: mean squared distance and the like.
  public let facts: [String: Double]
  private let labels: @Sendable (Strip, _ samples: Int) -> [Int32]

  /// Groups.
  ///
  /// - Parameter labels: the groups of the pixels of a strip, from 0, in a scene of so many samples.
  init(
    counts: [Int], means: Matrix<Double>, converged: Bool, facts: [String: Double],
    labels: @escaping @Sendable (Strip, Int) -> [Int32]
  ) {
    (self.counts, self.means, self.converged, self.facts, self.labels) = (counts, means, converged, facts, labels)
  }

  /// Groups of the pixels of a strip, from 0.
  public func labels(of strip: Strip, samples: Int) -> [Int32] { labels(strip, samples) }
}

/// The register of clusterers: a new one is a file and a line here.
public enum Clusterers {
  /// All of them, the default first.
  public static let all = MethodRegistry<any Clusterer.Type>(
    "clustering method", [KMeansClusterer.self, SLIC.self]
  ) { $0.description }
}

/// Groups of similar spectra; see `KMeans`.
public struct KMeansClusterer: Clusterer {
  public static let description = MethodDescription(
    id: "kmeans", name: "k-means", task: .cluster,
    citation: "Lloyd, IEEE Trans. Inf. Theory 28(2), 1982; starts: Arthur, Vassilvitskii, SODA 2007",
    cost: "2 N L k per round", advice: "Groups of similar spectra, wherever they are.",
    parameters: [
      ParameterDescription("iterations", 300, in: 1...10_000, "Most rounds."),
      ParameterDescription(
        "tolerance", 1e-3, in: 0...1, "Movement of centres at which it ends, over the mean distance."),
    ], aliases: ["k-means"])

  public static func cluster(
    _ source: any StripSource, count: Int, _ parameters: MethodParameters, _ context: RunContext
  ) throws -> Clustering {
    let claim = context.claimThreads()
    defer { claim.release() }
    let found = try KMeans(
      source, count: count, iterations: Int(clamping: parameters.value("iterations")),
      tolerance: parameters.value("tolerance"), context)
    guard found.counts.reduce(0, +) > 0 else {
      throw ClassificationError.noPixels(purpose: "clustering")
    }
    return Clustering(
      counts: found.counts, means: found.centres, converged: found.converged,
      facts: ["rounds": Double(found.losses.count), "meanSquaredDistance": found.losses.last ?? 0]
    ) { strip, _ in found.labels(of: strip.pixels) }
  }
}
