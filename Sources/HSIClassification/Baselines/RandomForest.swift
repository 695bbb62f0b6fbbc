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
    parameters: Tree.parameters, aliases: ["rf", "forest"])

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
    let grown = try Tree.forest(trees, context) { stream in
      var cuts = BestCuts(table, tried: attempts, leaf: leaf, random: stream)
      let pixels = cuts.bootstrap()
      var grower = TreeGrower(cuts, pixels, labels: labels, classes: task.classes.count, leaf: leaf, depth: depth)
      return grower.grow()
    }
    return TrainedForest(features: try Features.fit(.raw, pixels), classCount: task.classes.count, trees: grown)
  }
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

/// The best of all borders between bins of some bands drawn at random.
struct BestCuts: TreeSplitter {
  private let table: BinnedPixels
  private let tried: Int
  private let leaf: Int
  private var random: CounterRandom
  private var histogram: [Int32]
  private var order: [Int]

  /// - Parameter tried: bands per split.
  init(_ table: BinnedPixels, tried: Int, leaf: Int, random: CounterRandom) {
    (self.table, self.tried, self.leaf, self.random) = (table, tried, leaf, random)
    histogram = [Int32](repeating: 0, count: 256 * table.classes)
    order = Array(0..<table.bands)
  }

  /// As many pixels as there are, drawn with replacement.
  mutating func bootstrap() -> [Int32] { (0..<table.count).map { _ in Int32(random.index(below: table.count)) } }

  /// Bands that do not vary here do not count as tried.
  mutating func split(_ pixels: ArraySlice<Int32>) -> TreeSplit? {
    let classes = table.classes
    var (best, winner): (Double, TreeSplit?) = (-1, nil)
    var seen = 0
    var left = [Int](repeating: 0, count: classes)
    var total = left
    for n in pixels { total[table.labels[Int(n)]] += 1 }
    for k in 0..<order.count where seen < tried {
      order.swapAt(k, k + random.index(below: order.count - k))
      let band = order[k]
      let bins = table.borders[band].count + 1
      guard bins > 1 else { continue }
      for i in 0..<(bins * classes) { histogram[i] = 0 }
      let base = band * table.count
      for n in pixels {
        let pixel = Int(n)
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
        let above = pixels.count - below
        guard above > 0 else { break }
        varies = true
        guard below >= leaf, above >= leaf else { continue }
        let score = TreeSplit.purity(left, of: total, below: below, above: above)
        if score > best * (1 + 1e-12) {
          (best, winner) = (score, TreeSplit(band: band, threshold: table.borders[band][bin], bin: bin))
        }
      }
      if varies { seen += 1 }
    }
    return winner
  }

  func isBelow(_ pixel: Int, _ split: TreeSplit) -> Bool {
    Int(table.bins[split.band * table.count + pixel]) <= split.bin
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
