import Foundation
import HSICore

/// The valid 4-neighbours of every valid pixel of a scene, and a weight for every edge.
///
/// Direction `d` (0 right, 1 left, 2 down, 3 up) of pixel `n` is at `d · count + n`; −1 and weight 0 where the
/// neighbour is outside or invalid. Weights are symmetric. 32 bytes per pixel.
struct NeighbourGraph {
  /// Number of valid pixels.
  let count: Int
  /// Neighbour indices, 4 × count.
  private(set) var index: [Int32]
  /// Edge weights, 4 × count.
  private(set) var weight: [Float]

  /// The graph of pixels at `positions` (ascending) of an image `samples` wide, all weights 1.
  init(positions: [Int32], samples: Int) {
    let n = positions.count
    count = n
    index = [Int32](repeating: -1, count: 4 * n)
    weight = [Float](repeating: 0, count: 4 * n)
    let width = Int32(samples)
    var below = 0
    for i in 0..<n {
      let place = positions[i]
      if i + 1 < n, positions[i + 1] == place + 1, (place + 1) % width != 0 { connect(i, i + 1, 0, 1) }
      while below < n, positions[below] < place + width { below += 1 }
      if below < n, positions[below] == place + width { connect(i, below, 2, 3) }
    }
  }

  /// The graph with the weights of the edges to the right and lower neighbours.
  init(positions: [Int32], samples: Int, right: [Float], down: [Float]) {
    self.init(positions: positions, samples: samples)
    setWeights(right: right, down: down)
  }

  /// Sets the weights of the edges to the right and lower neighbours, and the same seen from the other end.
  mutating func setWeights(right: [Float], down: [Float]) {
    for (direction, values) in [(0, right), (2, down)] {
      for i in 0..<count {
        let j = index[direction * count + i]
        guard j >= 0 else { continue }
        weight[direction * count + i] = values[i]
        weight[(direction + 1) * count + Int(j)] = values[i]
      }
    }
  }

  /// Mean weight of the edges of every pixel, 0 where it has none.
  var meanWeights: [Float] {
    (0..<count).map { i in
      var sum = 0.0
      var edges = 0.0
      for direction in 0..<4 where index[direction * count + i] >= 0 {
        sum += Double(weight[direction * count + i])
        edges += 1
      }
      return Float(sum / max(edges, 1))
    }
  }

  private mutating func connect(_ i: Int, _ j: Int, _ forward: Int, _ backward: Int) {
    index[forward * count + i] = Int32(j)
    index[backward * count + j] = Int32(i)
    weight[forward * count + i] = 1
    weight[backward * count + j] = 1
  }
}

extension NeighbourGraph {
  /// Heat-kernel weights `exp(−½ (θ/σ)²)` of the spectral angle θ between neighbours, σ the median angle.
  ///
  /// - Parameter scores: count × dimension, row-major: the pixels in a low-dimensional space.
  /// - Returns: weights of the edges to the right and lower neighbours.
  func angleWeights(scores: [Double], dimension: Int) -> (right: [Float], down: [Float]) {
    var unit = scores
    unit.withUnsafeMutableBufferPointer { unit in
      for i in 0..<count {
        var square = 0.0
        for k in 0..<dimension { square += unit[i * dimension + k] * unit[i * dimension + k] }
        let scale = 1 / (square.squareRoot() + 1e-30)
        for k in 0..<dimension { unit[i * dimension + k] *= scale }
      }
    }
    // 2·asin(chord/2) keeps the digits that arccos of a cosine near 1 loses.
    func angle(_ i: Int, _ j: Int) -> Double {
      unit.withUnsafeBufferPointer { unit in
        var square = 0.0
        for k in 0..<dimension {
          let difference = unit[i * dimension + k] - unit[j * dimension + k]
          square += difference * difference
        }
        return 2 * asin(min(1, square.squareRoot() / 2))
      }
    }
    var right = [Double](repeating: -1, count: count)
    var down = right
    var all: [Double] = []
    all.reserveCapacity(2 * count)
    for i in 0..<count {
      let j = index[i]
      let k = index[2 * count + i]
      if j >= 0 {
        right[i] = angle(i, Int(j))
        all.append(right[i])
      }
      if k >= 0 {
        down[i] = angle(i, Int(k))
        all.append(down[i])
      }
    }
    all.sort()
    let sigma = NeighbourGraph.median(sorted: all) + 1e-30
    func weights(_ angles: [Double]) -> [Float] {
      angles.map { $0 < 0 ? 0 : Float(exp(-0.5 * ($0 / sigma) * ($0 / sigma))) }
    }
    return (weights(right), weights(down))
  }

  /// Median of ascending values (mean of the two middle ones), 0 for none.
  static func median(sorted values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let middle = values.count / 2
    return values.count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
  }
}
