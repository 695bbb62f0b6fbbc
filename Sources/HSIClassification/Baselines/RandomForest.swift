import HSICore
import HSINumerics
import HSITransformer

/// Trees on bootstrap samples, each split the best of some bands drawn at random (Gini impurity); probabilities are the
/// mean over trees of the class shares in the leaf.
///
/// Thresholds lie between neighbouring values of a band among at most 255 quantiles of the training pixels. Every tree has
/// a stream of random numbers of its own, so trees grow in any order on any number of threads.
public struct RandomForest: Classifier {
  public static let description = MethodDescription(
    id: "random-forest", name: "Random forest",
    task: .classify, citation: "L. Breiman, Random forests, Machine Learning 45, 2001",
    cost: "N T log n, training T n √L log n",
    advice: "Robust with its defaults; needs no scaling, says little about bands that are alike.",
    parameters: [
      ParameterDescription("trees", 300, in: 1...10000, "number of trees T"),
      ParameterDescription("bands", nil, in: 1...10000, "bands tried per split (rule: square root of all)"),
      ParameterDescription("leaf", 1, in: 1...10000, "fewest training pixels in a leaf"),
      ParameterDescription("depth", 64, in: 1...64, "most splits from root to leaf"),
    ], aliases: ["rf", "forest"])

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
    samples * shape.bands * 5 + trees * samples * (16 + 4 * classes)
      + Parallel.threads * 256 * classes * 8
  }

  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try task.check()
    let (pixels, labels) = task.spectra(of: task.training)
    let table = BinnedPixels(pixels, labels: labels, classes: task.classes.count)
    let bands = pixels.columns
    let attempts = min(bands, tried ?? max(1, Int(clamping: Double(bands).squareRoot().rounded())))
    var grown = [Tree](repeating: Tree(), count: trees)
    // Rounds of trees, so that work can stop in between; the seed of a tree is its number.
    let round = 16
    for first in stride(from: 0, to: trees, by: round) {
      try context.checkCancellation()
      let count = min(round, trees - first)
      grown.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        Parallel.forEach(count) { i in
          var grower = TreeGrower(
            table, bandsPerSplit: attempts, leaf: leaf, depth: depth,
            random: CounterRandom(seed: context.seed, stream: UInt64(first + i)))
          base[first + i] = grower.grow()
        }
      }
      context.progress.report(phase: "growing trees", fraction: Double(first + count) / Double(trees))
    }
    return TrainedForest(features: try Features.fit(.raw, pixels), classCount: task.classes.count, trees: grown)
  }
}

/// One tree in arrays: node i asks `x[band] <= threshold`; yes goes to `first`, no to `first + 1`. A leaf has band −1 and
/// its row of shares in `first`.
struct Tree {
  var band: [Int32] = []
  var threshold: [Float] = []
  var first: [Int32] = []
  /// Leaves × classes.
  var shares: [Float] = []
}

/// Training pixels with every value replaced by its place among the quantiles of its band.
struct BinnedPixels {
  let count: Int
  let bands: Int
  let classes: Int
  let labels: [Int]
  /// Band by band: bins of all pixels.
  let bins: [UInt8]
  /// Per band: the borders between bins, ascending; a value belongs to the first bin whose border it does not exceed.
  let borders: [[Float]]

  init(_ pixels: PixelMatrix, labels: [Int], classes: Int) {
    count = pixels.rows
    bands = pixels.columns
    self.classes = classes
    self.labels = labels
    var bins = [UInt8](repeating: 0, count: pixels.rows * pixels.columns)
    var borders: [[Float]] = []
    for b in 0..<pixels.columns {
      let column = (0..<pixels.rows).map { pixels[$0, b] }
      let distinct = BinnedPixels.distinct(column.sorted())
      let wanted = min(256, distinct.count)
      var cuts: [Float] = []
      for k in 1..<max(wanted, 1) {
        let upper = distinct[k * distinct.count / wanted]
        let lower = distinct[k * distinct.count / wanted - 1]
        let middle = lower + (upper - lower) / 2
        // Rounding may reach the upper value, which belongs to the next bin.
        cuts.append(middle < upper ? middle : lower)
      }
      for n in 0..<pixels.rows {
        var (low, high) = (0, cuts.count)
        while low < high {
          let centre = (low + high) / 2
          if column[n] <= cuts[centre] { high = centre } else { low = centre + 1 }
        }
        bins[b * pixels.rows + n] = UInt8(low)
      }
      borders.append(cuts)
    }
    self.bins = bins
    self.borders = borders
  }

  private static func distinct(_ sorted: [Float]) -> [Float] {
    var result: [Float] = []
    for value in sorted where value != result.last { result.append(value) }
    return result
  }
}

/// Grows one tree.
struct TreeGrower {
  private let table: BinnedPixels
  private let bandsPerSplit: Int
  private let leaf: Int
  private let depth: Int
  private var random: CounterRandom
  private var tree = Tree()
  private var pixels: [Int32]
  private var histogram: [Int32]
  private var order: [Int]

  init(_ table: BinnedPixels, bandsPerSplit: Int, leaf: Int, depth: Int, random: CounterRandom, bootstraps: Bool = true)
  {
    self.table = table
    self.bandsPerSplit = bandsPerSplit
    self.leaf = leaf
    self.depth = depth
    self.random = random
    pixels = (0..<table.count).map { Int32($0) }
    if bootstraps { for i in pixels.indices { pixels[i] = Int32(self.random.index(below: table.count)) } }
    histogram = [Int32](repeating: 0, count: 256 * table.classes)
    order = Array(0..<table.bands)
  }

  mutating func grow() -> Tree {
    append()
    // Nodes wait with their pixels, a range of `pixels`.
    var waiting = [(node: 0, range: 0..<pixels.count, depth: 0)]
    while let (node, range, level) = waiting.popLast() {
      guard let split = level < depth ? bestSplit(range) : nil else {
        finish(node, range)
        continue
      }
      let middle = partition(range, split.band, split.bin)
      tree.band[node] = Int32(split.band)
      tree.threshold[node] = table.borders[split.band][split.bin]
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
    var shares = [Float](repeating: 0, count: table.classes)
    for n in range { shares[table.labels[Int(pixels[n])]] += 1 }
    tree.first[node] = Int32(tree.shares.count / table.classes)
    for share in shares { tree.shares.append(share / Float(range.count)) }
  }

  /// The split of lowest weighted Gini impurity among some random bands: highest Σ n_c²/n of the two sides. Bands that do
  /// not vary here do not count as tried.
  private mutating func bestSplit(_ range: Range<Int>) -> (band: Int, bin: Int)? {
    let classes = table.classes
    let first = table.labels[Int(pixels[range.lowerBound])]
    guard range.count >= 2 * leaf, range.contains(where: { table.labels[Int(pixels[$0])] != first }) else { return nil }
    var (best, winner): (Double, (band: Int, bin: Int)?) = (-1, nil)
    var tried = 0
    var left = [Int](repeating: 0, count: classes)
    var total = left
    for n in range { total[table.labels[Int(pixels[n])]] += 1 }
    for k in 0..<order.count where tried < bandsPerSplit {
      order.swapAt(k, k + random.index(below: order.count - k))
      let band = order[k]
      let bins = table.borders[band].count + 1
      guard bins > 1 else { continue }
      for i in 0..<(bins * classes) { histogram[i] = 0 }
      let base = band * table.count
      for n in range {
        let pixel = Int(pixels[n])
        histogram[Int(table.bins[base + pixel]) * classes + table.labels[pixel]] += 1
      }
      for c in 0..<classes { left[c] = 0 }
      var (below, varies) = (0, false)
      for bin in 0..<(bins - 1) {
        var here = 0
        for c in 0..<classes {
          let count = Int(histogram[bin * classes + c])
          left[c] += count
          here += count
        }
        guard here > 0 else { continue }
        below += here
        let above = range.count - below
        guard above > 0 else { break }
        varies = true
        guard below >= leaf, above >= leaf else { continue }
        var (a, b) = (0.0, 0.0)
        for c in 0..<classes {
          a += Double(left[c] * left[c])
          b += Double((total[c] - left[c]) * (total[c] - left[c]))
        }
        let score = a / Double(below) + b / Double(above)
        if score > best * (1 + 1e-12) { (best, winner) = (score, (band, bin)) }
      }
      if varies { tried += 1 }
    }
    return winner
  }

  /// Moves the pixels at or below a bin to the front, keeping their order; returns where the others begin.
  private mutating func partition(_ range: Range<Int>, _ band: Int, _ bin: Int) -> Int {
    let base = band * table.count
    var above: [Int32] = []
    var place = range.lowerBound
    for n in range {
      let pixel = pixels[n]
      if Int(table.bins[base + Int(pixel)]) <= bin {
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

/// Trees one after the other in arrays.
struct TrainedForest: SpectralModel {
  let id: String
  let features: Features
  let classCount: Int
  let scratchPerPixel = 0
  private let roots: [Int32]
  private let band: [Int32]
  private let threshold: [Float]
  private let first: [Int32]
  private let shares: [Float]

  /// - Parameter id: of the classifier that grew them.
  init(id: String = RandomForest.description.id, features: Features, classCount: Int, trees: [Tree]) {
    self.id = id
    self.features = features
    self.classCount = classCount
    var (roots, band, threshold, first, shares): ([Int32], [Int32], [Float], [Int32], [Float]) = ([], [], [], [], [])
    for tree in trees {
      let (node, leaf) = (Int32(band.count), Int32(shares.count / classCount))
      roots.append(node)
      band += tree.band
      threshold += tree.threshold
      first += zip(tree.band, tree.first).map { $0 < 0 ? $1 + leaf : $1 + node }
      shares += tree.shares
    }
    (self.roots, self.band, self.threshold, self.first, self.shares) = (roots, band, threshold, first, shares)
  }

  init(_ file: WeightFile, _ card: ModelCard) throws {
    let features = try Features(file)
    let limit = Int(Int32.max)
    let band = try file.integers("forest.band", in: -1...(features.bands - 1))
    let first = try file.integers("forest.first", in: 0...limit)
    let roots = try file.integers("forest.roots", in: 0...max(0, band.count - 1))
    let threshold = try file.vector("forest.threshold", count: band.count)
    guard let classes = file["forest.shares"]?.shape.last, (2...ClassTable.limit).contains(classes) else {
      throw ClassificationError.badModel(path: file.path, reason: "it has no tensor forest.shares")
    }
    let (leaves, shares) = try file.matrix("forest.shares", columns: classes)
    // Children come after their parent, so that every walk ends.
    let isSound = band.indices.allSatisfy { node in
      band[node] < 0 ? first[node] < leaves : first[node] > node && first[node] + 1 < band.count
    }
    guard first.count == band.count, isSound, !roots.isEmpty, features.components == nil else {
      throw ClassificationError.badModel(path: file.path, reason: "its trees are damaged")
    }
    id = card.architecture
    self.features = features
    classCount = classes
    self.roots = roots.map(Int32.init)
    self.band = band.map(Int32.init)
    self.threshold = threshold
    self.first = first.map(Int32.init)
    self.shares = shares
  }

  var configuration: [String: String] { ["trees": "\(roots.count)", "nodes": "\(band.count)"] }

  var contents: [(name: String, content: SafetensorsWriter.Content)] {
    func integers(_ values: [Int32]) -> SafetensorsWriter.Content {
      .integers(values.map(Int64.init), shape: [values.count])
    }
    return features.contents + [
      ("forest.roots", integers(roots)), ("forest.band", integers(band)), ("forest.first", integers(first)),
      ("forest.threshold", .floats(Tensor([threshold.count], threshold))),
      ("forest.shares", .floats(Tensor([shares.count / classCount, classCount], shares))),
    ]
  }

  func classify(
    _ values: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>,
    into probabilities: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<(count * classCount) { probabilities[i] = 0 }
    band.withUnsafeBufferPointer { band in
      threshold.withUnsafeBufferPointer { threshold in
        first.withUnsafeBufferPointer { first in
          shares.withUnsafeBufferPointer { shares in
            // Tree by tree, so that its nodes stay in the cache.
            for root in roots {
              for n in 0..<count {
                let spectrum = values + n * features.bands
                var node = Int(root)
                while band[node] >= 0 {
                  let isBelow = spectrum[Int(band[node])] <= threshold[node]
                  node = Int(first[node]) + (isBelow ? 0 : 1)
                }
                let leaf = Int(first[node]) * classCount
                let row = probabilities + n * classCount
                for c in 0..<classCount { row[c] += shares[leaf + c] }
              }
            }
          }
        }
      }
    }
    let scale = 1 / Float(roots.count)
    for i in 0..<(count * classCount) { probabilities[i] *= scale }
  }
}
