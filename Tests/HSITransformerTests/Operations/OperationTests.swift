import Foundation
import Testing

@testable import HSITransformer

/// Arithmetic on the tape against scalar references and their central differences.
@Suite struct OperationTests {
  private let a = Reference([2, 3, 4], seed: 1)
  private let b = Reference([2, 3, 4], seed: 2)

  @Test func sumsAndProducts() {
    GradientCheck()(inputs: [a, b]) {
      $1.add($0[0], $0[1])
    } reference: {
      $0[0] + $0[1]
    }
    GradientCheck()(inputs: [a, b]) {
      $1.multiply($0[0], $0[1])
    } reference: {
      $0[0] * $0[1]
    }
    GradientCheck()(inputs: [a, b], constants: [1]) {
      $1.multiply($0[0], $0[1])
    } reference: {
      $0[0] * $0[1]
    }
    GradientCheck()(inputs: [a]) {
      $1.scale($0[0], by: -1.5)
    } reference: {
      $0[0].map { -1.5 * $0 }
    }
    GradientCheck()(inputs: [a]) {
      $1.reshape($0[0], [6, 4])
    } reference: {
      Reference([6, 4], $0[0].values)
    }
  }

  /// A value that is used several times gets the sum of the gradients, and shared gradients are not overwritten.
  @Test func valuesUsedTwice() {
    GradientCheck()(inputs: [a]) {
      $1.multiply($0[0], $0[0])
    } reference: {
      $0[0] * $0[0]
    }
    GradientCheck()(inputs: [a, b]) { x, tape in
      let sum = tape.add(x[0], x[1])
      return tape.add(tape.add(sum, x[0]), tape.multiply(sum, x[1]))
    } reference: { p in
      p[0] + p[0] + p[1] + (p[0] + p[1]) * p[1]
    }
  }

  @Test(arguments: Activation.allCases)
  func activations(_ function: Activation) {
    GradientCheck()(inputs: [a.map { 2 * $0 }]) {
      $1.activation(function, $0[0])
    } reference: {
      $0[0].map { x in
        switch function {
        case .relu: max(x, 0)
        case .leakyReLU: x > 0 ? x : 0.01 * x
        case .gelu: gelu(x)
        case .geluTanh:
          0.5 * x * (1 + Foundation.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case .silu: x * sigmoid(x)
        case .sigmoid: sigmoid(x)
        case .tanh: Foundation.tanh(x)
        }
      }
    }
  }

  @Test func slices() {
    GradientCheck()(inputs: [a]) {
      $1.channels($0[0], 1..<3)
    } reference: {
      $0[0].columns(1..<3)
    }
    GradientCheck()(inputs: [a]) {
      $1.channel($0[0], 3)
    } reference: {
      $0[0].columns(3..<4)
    }
    GradientCheck()(inputs: [a]) { x, tape in
      let (first, second) = tape.halves(x[0])
      return tape.multiply(first, second)
    } reference: {
      $0[0].columns(0..<2) * $0[0].columns(2..<4)
    }
    GradientCheck()(inputs: [a, Reference([2, 3, 1], seed: 3)]) {
      $1.concatenate($0)
    } reference: { p in
      var joined: [Double] = []
      for row in 0..<6 {
        joined += p[0].values[(row * 4)..<(row * 4 + 4)]
        joined.append(p[1].values[row])
      }
      return Reference([2, 3, 5], joined)
    }
  }

  @Test func repeatedOperands() {
    let table = Reference([3, 4], seed: 4)
    GradientCheck()(inputs: [a, table]) {
      $1.add($0[0], $0[1], repeatedOver: 0..<1)
    } reference: { p in
      Reference([2, 3, 4], p[0].values.indices.map { p[0].values[$0] + p[1].values[$0 % 12] })
    }
    let vectors = Reference([2, 4], seed: 5)
    GradientCheck()(inputs: [a, vectors]) {
      $1.multiply($0[0], $0[1], repeatedOver: 1..<2)
    } reference: { p in
      Reference([2, 3, 4], p[0].values.indices.map { p[0].values[$0] * p[1].values[$0 / 12 * 4 + $0 % 4] })
    }
    let factors = Reference([2], seed: 6)
    GradientCheck()(inputs: [a, factors]) {
      $1.multiply($0[0], $0[1], repeatedOver: 1..<3)
    } reference: { p in
      Reference([2, 3, 4], p[0].values.indices.map { p[0].values[$0] * p[1].values[$0 / 12] })
    }
    // Long enough for several partial sums.
    GradientCheck()(inputs: [Reference([1, 300, 3], seed: 7)]) {
      $1.mean($0[0], over: 1..<2)
    } reference: { p in
      Reference([1, 3], (0..<3).map { c in (0..<300).reduce(0) { $0 + p[0].values[$1 * 3 + c] } / 300 })
    }
  }

  @Test func orders() {
    GradientCheck()(inputs: [a]) {
      $1.permute($0[0], [2, 0, 1])
    } reference: { p in
      Reference([4, 2, 3], (0..<24).map { p[0].values[$0 % 6 * 4 + $0 / 6] })
    }
    GradientCheck()(inputs: [a]) {
      $1.softmax($0[0])
    } reference: {
      $0[0].softmax
    }
    let image = Reference([1, 2, 4, 2], seed: 8)
    // Channel c·4 + 2·dy + dx of an unshuffled pixel.
    GradientCheck()(inputs: [image]) {
      $1.pixelUnshuffle($0[0], by: 2)
    } reference: { p in
      Reference(
        [1, 1, 2, 8],
        (0..<16).map { i in
          let (column, c, dy, dx) = (i / 8, i % 8 / 4, i % 4 / 2, i % 2)
          return p[0].values[(dy * 4 + 2 * column + dx) * 2 + c]
        })
    }
    GradientCheck()(inputs: [image]) {
      $1.pixelShuffle($1.pixelUnshuffle($0[0], by: 2), by: 2)
    } reference: {
      $0[0]
    }
  }

  @Test func rowMaps() {
    let map = RowMap(inputCount: 3, sources: [2, -1, 0, 2, -1])
    let fill = Reference([4], seed: 9)
    GradientCheck()(inputs: [a, fill]) {
      $1.rearrange($0[0], map, width: 4, fill: $0[1], shape: [2, 5, 4])
    } reference: { p in
      Reference(
        [2, 5, 4],
        (0..<40).map { i in
          let (sample, row, c) = (i / 20, i % 20 / 4, i % 4)
          let source = Int(map.sources[row])
          return source < 0 ? p[1].values[c] : p[0].values[(sample * 3 + source) * 4 + c]
        })
    }
  }

  /// Several fills by number, one that is missing (zeros), and sums over enough rows to be cut in parts.
  @Test(arguments: [1, 300]) func rowMapsOfSeveralFills(_ repeats: Int) {
    let pattern: [Int32] = [2, -1, -2, -3, 0, -2]
    let map = RowMap(inputCount: 3, sources: (0..<repeats).flatMap { _ in pattern })
    let rows = map.outputCount
    GradientCheck()(inputs: [a, Reference([4], seed: 9), Reference([4], seed: 10)]) {
      $1.rearrange($0[0], map, width: 4, fills: [$0[1], $0[2]], shape: [2, rows, 4])
    } reference: { p in
      Reference(
        [2, rows, 4],
        (0..<(8 * rows)).map { i in
          let (sample, row, c) = (i / (4 * rows), i / 4 % rows, i % 4)
          let source = Int(map.sources[row])
          return source >= 0
            ? p[0].values[(sample * 3 + source) * 4 + c] : source > -3 ? p[-source].values[c] : 0
        })
    }
  }

  /// Of rows of five the greatest are kept; too many and none mean all.
  @Test(arguments: [1, 3, 9, -1]) func topSoftmax(_ count: Int) {
    let kept = count < 1 ? 5 : min(count, 5)
    GradientCheck()(inputs: [Reference([2, 3, 5], seed: 11)]) {
      $1.topSoftmax($0[0], count: count)
    } reference: { p in
      var y = Reference(zeros: p[0].shape)
      for row in 0..<6 {
        let values = Array(p[0].values[(row * 5)..<(row * 5 + 5)])
        let least = values.sorted(by: >)[kept - 1]
        let sum = values.filter { $0 >= least }.reduce(0) { $0 + exp($1) }
        for (i, value) in values.enumerated() where value >= least { y.values[row * 5 + i] = exp(value) / sum }
      }
      return y
    }
    // Of equals the first.
    let equal = Tape(.inference).topSoftmax(Variable(Tensor([4], [1, 2, 2, 2])), count: 2).value.values
    #expect(equal == [0, 0.5, 0.5, 0])
  }

  /// Weighted errors of vectors, with and without values that do not count; both sides get gradients.
  @Test(arguments: [(false, false), (false, true), (true, false), (true, true)])
  func vectorErrors(_ isAbsolute: Bool, _ skipsZeros: Bool) {
    let weights = Reference([2, 3], [0.5, 0, 2, -1, 0.25, 3])
    var target = Reference([2, 3, 4], seed: 13)
    for i in [0, 1, 2, 3, 6, 17] { target.values[i] = skipsZeros ? 0 : target.values[i] }
    // A target of exactly zero does not count, so its slope is not asked for.
    GradientCheck()(inputs: [Reference([2, 3, 4], seed: 12), target], constants: skipsZeros ? [1] : []) {
      $1.weightedVectorError(
        $0[0], $0[1], weights: weights.tensor, isAbsolute: isAbsolute, skipsZeros: skipsZeros)
    } reference: { p in
      var total = 0.0
      for row in 0..<6 {
        var (sum, valid) = (0.0, skipsZeros ? 1e-8 : 0)
        for i in (4 * row)..<(4 * row + 4) where !skipsZeros || p[1].values[i] != 0 {
          let difference = p[0].values[i] - p[1].values[i]
          sum += isAbsolute ? abs(difference) : difference * difference
          valid += 1
        }
        total += weights.values[row] * sum / valid
      }
      return Reference([], [total])
    }
  }

  /// Windows of a shifted, padded image and back: every pixel returns to its place.
  @Test(arguments: [(5, 7, 3, 0), (6, 6, 3, 1), (8, 4, 4, 2), (2, 2, 7, 0)])
  func windowsReturn(_ rows: Int, _ columns: Int, _ window: Int, _ shift: Int) {
    let geometry = WindowGeometry(rows: rows, columns: columns, window: window, shift: shift)
    let partition = geometry.partition
    #expect(partition.outputCount == geometry.windows * window * window)
    #expect(partition.hasFill == geometry.isPadded)
    let tape = Tape(.inference)
    let x = Variable(Reference([2, rows, columns, 2], seed: 10).tensor)
    let cut = tape.rearrange(x, partition, width: 2, shape: [2 * geometry.windows, window * window, 2])
    let back = tape.rearrange(cut, partition.inverse, width: 2, shape: x.shape)
    #expect(back.value.values == x.value.values)
    // The first position of the first window is pixel (shift, shift).
    #expect(cut.value.values[0] == x.value.values[(shift % rows * columns + shift % columns) * 2])
  }

  @Test func losses() {
    let x = Reference([3, 4], seed: 11)
    let target = Reference([3, 4], seed: 12)
    GradientCheck()(inputs: [x]) {
      $1.meanSquaredError($0[0], target.tensor)
    } reference: { p in
      Reference([], [zip(p[0].values, target.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / 12])
    }
    GradientCheck()(inputs: [x]) {
      $1.meanAbsoluteError($0[0], target.tensor)
    } reference: { p in
      Reference([], [zip(p[0].values, target.values).reduce(0) { $0 + abs($1.0 - $1.1) } / 12])
    }
    GradientCheck()(inputs: [x]) {
      $1.spectralAngleLoss($0[0], target.tensor)
    } reference: { p in
      let angles = (0..<3).map { row -> Double in
        let (u, v) = (p[0].values[(row * 4)..<(row * 4 + 4)], target.values[(row * 4)..<(row * 4 + 4)])
        func dot(_ a: ArraySlice<Double>, _ b: ArraySlice<Double>) -> Double {
          zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        }
        return acos(dot(u, v) / (dot(u, u) * dot(v, v)).squareRoot())
      }
      return Reference([], [angles.reduce(0, +) / 3])
    }
    for floor in [1e-5, 0.3] {
      GradientCheck()(inputs: [x]) {
        $1.planeDecibelLoss($0[0], target.tensor, planes: 3, floor: floor)
      } reference: { p in
        let parts = (0..<3).map { plane -> Double in
          let error = (0..<4).reduce(0.0) {
            let difference = p[0].values[plane * 4 + $1] - target.values[plane * 4 + $1]
            return $0 + difference * difference / 4
          }
          return 0.5 * log(error + floor)
        }
        return Reference([], [parts.reduce(0, +) / 3])
      }
    }
    for smoothing in [0, 0.1] {
      GradientCheck()(inputs: [x]) {
        $1.crossEntropy($0[0], labels: [2, 0, 3], smoothing: smoothing)
      } reference: { p in
        let logs = p[0].softmax.map { log($0) }
        let sum = [2, 0, 3].enumerated().reduce(0.0) { total, item in
          let row = logs.values[(item.offset * 4)..<(item.offset * 4 + 4)]
          return total - (1 - smoothing) * row[row.startIndex + item.element] - smoothing / 4
            * row.reduce(0, +)
        }
        return Reference([], [sum / 3])
      }
    }
  }
}
