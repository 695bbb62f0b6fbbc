import HSICore
import HSINumerics

/// One tree in arrays: node i asks `x[band] <= threshold`; yes goes to `first`, no to `first + 1`. A leaf has band −1 and
/// its row of shares in `first`.
struct Tree {
  var band: [Int32] = []
  var threshold: [Float] = []
  var first: [Int32] = []
  /// Leaves × classes.
  var shares: [Float] = []
}

extension Tree {
  /// What forests of trees have in common.
  static let parameters = [
    ParameterDescription("trees", 300, in: 1...10000, "number of trees T"),
    ParameterDescription("bands", nil, in: 1...10000, "bands tried per split (rule: square root of all)"),
    ParameterDescription("leaf", 1, in: 1...10000, "fewest training pixels in a leaf"),
    ParameterDescription("depth", 64, in: 1...64, "most splits from root to leaf"),
  ]

  /// Grows trees on all threads, each from a stream of random numbers of its own, the number of the tree.
  ///
  /// - Throws: `CoreError.cancelled`.
  static func forest(_ count: Int, _ context: RunContext, _ grow: (CounterRandom) -> Tree) throws -> [Tree] {
    var grown = [Tree](repeating: Tree(), count: count)
    // Rounds of trees, so that work can stop in between.
    let round = 16
    for first in stride(from: 0, to: count, by: round) {
      try context.checkCancellation()
      let here = min(round, count - first)
      grown.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        Parallel.forEach(here) { i in
          base[first + i] = grow(CounterRandom(seed: context.seed, stream: UInt64(first + i)))
        }
      }
      context.progress.report(phase: "growing trees", fraction: Double(first + here) / Double(count))
    }
    return grown
  }
}

/// A question that divides the pixels of a node: `x[band] <= threshold`.
struct TreeSplit {
  var band: Int
  var threshold: Float
  /// The last bin of the band below the threshold, where bands are binned.
  var bin = 0

  /// Σ n_c² / n of both sides, which is highest where the weighted Gini impurity is lowest.
  ///
  /// - Parameters:
  ///   - left: pixels of every class at or below the threshold, `below` in all.
  ///   - total: pixels of every class on both sides.
  static func purity(_ left: [Int], of total: [Int], below: Int, above: Int) -> Double {
    var (a, b) = (0.0, 0.0)
    for c in left.indices {
      a += Double(left[c] * left[c])
      b += Double((total[c] - left[c]) * (total[c] - left[c]))
    }
    return a / Double(below) + b / Double(above)
  }
}

/// Finds the question of a node.
protocol TreeSplitter {
  /// The question for some pixels of several classes; nil where none divides them.
  mutating func split(_ pixels: ArraySlice<Int32>) -> TreeSplit?
  /// The answer of a training pixel.
  func isBelow(_ pixel: Int, _ split: TreeSplit) -> Bool
}

/// Grows one tree.
struct TreeGrower<Splitter: TreeSplitter> {
  private var splitter: Splitter
  private var pixels: [Int32]
  private let labels: [Int]
  private let classes: Int
  private let leaf: Int
  private let depth: Int
  private var tree = Tree()

  /// - Parameters:
  ///   - pixels: training pixels to grow on, some of them maybe several times.
  ///   - leaf: fewest pixels in a leaf.
  ///   - depth: most splits from root to leaf.
  init(_ splitter: Splitter, _ pixels: [Int32], labels: [Int], classes: Int, leaf: Int, depth: Int) {
    (self.splitter, self.pixels, self.labels) = (splitter, pixels, labels)
    (self.classes, self.leaf, self.depth) = (classes, leaf, depth)
  }

  mutating func grow() -> Tree {
    append()
    // Nodes wait with their pixels, a range of `pixels`.
    var waiting = [(node: 0, range: 0..<pixels.count, depth: 0)]
    while let (node, range, level) = waiting.popLast() {
      guard level < depth, range.count >= 2 * leaf, isMixed(range), let split = splitter.split(pixels[range]) else {
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

  private func isMixed(_ range: Range<Int>) -> Bool {
    let first = labels[Int(pixels[range.lowerBound])]
    return range.contains { labels[Int(pixels[$0])] != first }
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

  /// Moves the pixels at or below the threshold to the front, keeping their order; returns where the others begin.
  private mutating func partition(_ range: Range<Int>, _ split: TreeSplit) -> Int {
    var above: [Int32] = []
    var place = range.lowerBound
    for n in range {
      let pixel = pixels[n]
      if splitter.isBelow(Int(pixel), split) {
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
