import HSICore
import HSINumerics

/// Trees on all training pixels whose splits are drawn: in each of some bands drawn at random one threshold, uniform between the least and
/// the largest value of the node, and the best of these by Gini impurity. Probabilities are the mean over trees of the class shares in the
/// leaf.
///
/// Every tree has a stream of random numbers of its own, so trees grow in any order on any number of threads.
public struct ExtraTrees: Classifier {
  public static let description = MethodDescription(
    id: "extra-trees", name: "Extremely randomised trees",
    task: .classify,
    citation: "P. Geurts, D. Ernst and L. Wehenkel, Extremely randomized trees, Machine Learning 63, 2006",
    cost: "N T log n, training T n √L log n",
    advice: "Smoother borders than a random forest, and faster to train; good with few labels.",
    parameters: Tree.parameters, aliases: ["extratrees"])

  private let trees: Int
  private let tried: Int?
  private let leaf: Int
  private let depth: Int

  public init(_ parameters: MethodParameters) throws {
    trees = Int(parameters.value("trees"))
    tried = parameters["bands"].map { Int($0) }
    leaf = Int(parameters.value("leaf"))
    depth = Int(parameters.value("depth"))
  }

  public var patchRadius: Int { 0 }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int {
    samples * shape.bands * 4 + trees * samples * (16 + 4 * classes) + Parallel.threads
      * (8 * samples + 8 * shape.bands)
  }

  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try task.check()
    let (pixels, labels) = task.spectra(of: task.training)
    let attempts = min(pixels.columns, tried ?? max(1, Int(clamping: Double(pixels.columns).squareRoot().rounded())))
    let grown = try Tree.forest(trees, context) { stream in
      let cuts = RandomCuts(
        pixels, labels: labels, classes: task.classes.count, tried: attempts, leaf: leaf, random: stream)
      var grower = TreeGrower(
        cuts, (0..<Int32(pixels.rows)).map { $0 }, labels: labels, classes: task.classes.count, leaf: leaf, depth: depth
      )
      return grower.grow()
    }
    return TrainedForest(
      id: ExtraTrees.description.id, features: try Features.fit(.raw, pixels), classCount: task.classes.count,
      trees: grown)
  }
}

/// The best of thresholds drawn uniformly, one in each of some bands drawn at random.
private struct RandomCuts: TreeSplitter {
  private let values: PixelMatrix
  private let labels: [Int]
  private let classes: Int
  private let tried: Int
  private let leaf: Int
  private var random: CounterRandom
  private var order: [Int]

  init(_ values: PixelMatrix, labels: [Int], classes: Int, tried: Int, leaf: Int, random: CounterRandom) {
    (self.values, self.labels, self.classes) = (values, labels, classes)
    (self.tried, self.leaf, self.random) = (tried, leaf, random)
    order = Array(0..<values.columns)
  }

  /// Bands that do not vary here do not count as tried.
  mutating func split(_ pixels: ArraySlice<Int32>) -> TreeSplit? {
    var total = [Int](repeating: 0, count: classes)
    for n in pixels { total[labels[Int(n)]] += 1 }
    var (best, winner): (Double, TreeSplit?) = (-1, nil)
    var seen = 0
    var left = [Int](repeating: 0, count: classes)
    for k in 0..<order.count where seen < tried {
      order.swapAt(k, k + random.index(below: order.count - k))
      let band = order[k]
      var (low, high) = (Float.infinity, -Float.infinity)
      for n in pixels {
        let value = values[Int(n), band]
        (low, high) = (min(low, value), max(high, value))
      }
      guard low < high else { continue }
      seen += 1
      // Rounding may reach the largest value, and then nothing lies above.
      let drawn = low + Float(random.uniform()) * (high - low)
      let threshold = drawn < high ? drawn : low
      for c in 0..<classes { left[c] = 0 }
      var below = 0
      for n in pixels where values[Int(n), band] <= threshold {
        left[labels[Int(n)]] += 1
        below += 1
      }
      let above = pixels.count - below
      guard below >= leaf, above >= leaf else { continue }
      let score = TreeSplit.purity(left, of: total, below: below, above: above)
      if score > best * (1 + 1e-12) { (best, winner) = (score, TreeSplit(band: band, threshold: threshold)) }
    }
    return winner
  }

  func isBelow(_ pixel: Int, _ split: TreeSplit) -> Bool { values[pixel, split.band] <= split.threshold }
}
