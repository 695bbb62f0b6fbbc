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
    parameters: [
      ParameterDescription("trees", 300, in: 1...10000, "number of trees T"),
      ParameterDescription("bands", nil, in: 1...10000, "bands tried per split (rule: square root of all)"),
      ParameterDescription("leaf", 1, in: 1...10000, "fewest training pixels in a leaf"),
      ParameterDescription("depth", 64, in: 1...64, "most splits from root to leaf"),
    ], aliases: ["extratrees"])

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
    var grown = [Tree](repeating: Tree(), count: trees)
    // Rounds of trees, so that work can stop in between; the seed of a tree is its number.
    let round = 16
    for first in stride(from: 0, to: trees, by: round) {
      try context.checkCancellation()
      let count = min(round, trees - first)
      grown.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        Parallel.forEach(count) { i in
          var grower = RandomCutGrower(
            pixels, labels: labels, classes: task.classes.count, bandsPerSplit: attempts, leaf: leaf, depth: depth,
            random: CounterRandom(seed: context.seed, stream: UInt64(first + i)))
          base[first + i] = grower.grow()
        }
      }
      context.progress.report(phase: "growing trees", fraction: Double(first + count) / Double(trees))
    }
    return TrainedForest(
      id: ExtraTrees.description.id, features: try Features.fit(.raw, pixels), classCount: task.classes.count,
      trees: grown)
  }
}

/// Grows one tree of drawn splits.
private struct RandomCutGrower {
  private let values: PixelMatrix
  private let labels: [Int]
  private let classes: Int
  private let bandsPerSplit: Int
  private let leaf: Int
  private let depth: Int
  private var random: CounterRandom
  private var tree = Tree()
  private var pixels: [Int32]
  private var order: [Int]

  init(
    _ values: PixelMatrix, labels: [Int], classes: Int, bandsPerSplit: Int, leaf: Int, depth: Int, random: CounterRandom
  ) {
    (self.values, self.labels, self.classes) = (values, labels, classes)
    (self.bandsPerSplit, self.leaf, self.depth, self.random) = (bandsPerSplit, leaf, depth, random)
    pixels = (0..<Int32(values.rows)).map { $0 }
    order = Array(0..<values.columns)
  }

  mutating func grow() -> Tree {
    append()
    var waiting = [(node: 0, range: 0..<pixels.count, depth: 0)]
    while let (node, range, level) = waiting.popLast() {
      guard let split = level < depth ? bestSplit(range) : nil else {
        finish(node, range)
        continue
      }
      let middle = partition(range, split)
      tree.band[node] = Int32(split.band)
      tree.threshold[node] = split.threshold
      let first = tree.band.count
      tree.first[node] = Int32(first)
      append()
      append()
      waiting.append((first + 1, middle..<range.upperBound, level + 1))
      waiting.append((first, range.lowerBound..<middle, level + 1))
    }
    return tree
  }

  private mutating func append() {
    tree.band.append(-1)
    tree.threshold.append(0)
    tree.first.append(0)
  }

  private mutating func finish(_ node: Int, _ range: Range<Int>) {
    var shares = [Float](repeating: 0, count: classes)
    for n in range { shares[labels[Int(pixels[n])]] += 1 }
    tree.first[node] = Int32(tree.shares.count / classes)
    for share in shares { tree.shares.append(share / Float(range.count)) }
  }

  /// The drawn split with the highest Σ n_c² / n of its two sides. Bands that do not vary here do not count as tried.
  private mutating func bestSplit(_ range: Range<Int>) -> (band: Int, threshold: Float)? {
    let first = labels[Int(pixels[range.lowerBound])]
    guard range.count >= 2 * leaf, range.contains(where: { labels[Int(pixels[$0])] != first }) else { return nil }
    var total = [Int](repeating: 0, count: classes)
    for n in range { total[labels[Int(pixels[n])]] += 1 }
    var (best, winner): (Double, (band: Int, threshold: Float)?) = (-1, nil)
    var tried = 0
    var left = [Int](repeating: 0, count: classes)
    for k in 0..<order.count where tried < bandsPerSplit {
      order.swapAt(k, k + random.index(below: order.count - k))
      let band = order[k]
      var (low, high) = (Float.infinity, -Float.infinity)
      for n in range {
        let value = values[Int(pixels[n]), band]
        (low, high) = (min(low, value), max(high, value))
      }
      guard low < high else { continue }
      tried += 1
      // Rounding may reach the largest value, and then nothing lies above.
      let drawn = low + Float(random.uniform()) * (high - low)
      let threshold = drawn < high ? drawn : low
      for c in 0..<classes { left[c] = 0 }
      var below = 0
      for n in range where values[Int(pixels[n]), band] <= threshold {
        left[labels[Int(pixels[n])]] += 1
        below += 1
      }
      let above = range.count - below
      guard below >= leaf, above >= leaf else { continue }
      var (a, b) = (0.0, 0.0)
      for c in 0..<classes {
        a += Double(left[c] * left[c])
        b += Double((total[c] - left[c]) * (total[c] - left[c]))
      }
      let score = a / Double(below) + b / Double(above)
      if score > best * (1 + 1e-12) { (best, winner) = (score, (band, threshold)) }
    }
    return winner
  }

  /// Moves the pixels at or below the threshold to the front, keeping their order; returns where the others begin.
  private mutating func partition(_ range: Range<Int>, _ split: (band: Int, threshold: Float)) -> Int {
    var above: [Int32] = []
    var place = range.lowerBound
    for n in range {
      let pixel = pixels[n]
      if values[Int(pixel), split.band] <= split.threshold {
        pixels[place] = pixel
        place += 1
      } else {
        above.append(pixel)
      }
    }
    for (i, pixel) in above.enumerated() { pixels[place + i] = pixel }
    return place
  }
}
