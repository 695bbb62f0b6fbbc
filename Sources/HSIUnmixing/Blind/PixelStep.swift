import CKernels
import Foundation
import HSICore
import HSINumerics

/// Pixels seen in perspective: every pixel divided by its product with one direction, so that brightness drops out
/// and mixtures stay mixtures (a projective map).
struct Perspective: Sendable {
  /// Unit vector: mean spectrum over the kept channels, 0 elsewhere.
  let direction: [Double]
  /// Smallest divisor: a thousandth of the median.
  let least: Double

  init(_ pixels: PixelMatrix, kept: [Bool]) {
    let mean = RobustStart.mean(pixels)
    var axis = mean.indices.map { kept[$0] ? mean[$0] : 0 }
    let norm = axis.reduce(0) { $0 + $1 * $1 }.squareRoot()
    axis = axis.map { $0 / max(norm, 1e-300) }
    direction = axis
    let products = VertexStart.project(
      pixels, Matrix(rows: axis.count, columns: 1, values: axis), Array(axis.indices))
    least = max(1e-3 * NeighbourGraph.median(sorted: products.sorted()), 1e-30)
  }

  /// `t_n = max(uᵀy_n, least)`.
  func divisors(_ pixels: PixelMatrix) -> [Float] {
    VertexStart.project(
      pixels, Matrix(rows: direction.count, columns: 1, values: direction), Array(direction.indices)
    ).map { Float(max($0, least)) }
  }

  /// Scales every column of L × K endmembers to `uᵀm = 1`.
  func place(_ m: inout Matrix<Double>) {
    for k in 0..<m.columns {
      let product = max((0..<m.rows).reduce(0) { $0 + direction[$1] * m[$1, k] }, 1e-9)
      for l in 0..<m.rows { m[l, k] /= product }
    }
  }
}

/// The abundances of single pixels for fixed endmembers and channel weights:
/// `min ½ Σ_l d_l (y_l − m_l a)² + wᵀa` on the simplex, w the slope of the sparsity at the last abundances.
struct PixelStep: Sendable {
  private(set) var endmembers: Matrix<Double>
  private var weighted: Matrix<Double>
  private var program: NonnegativeQuadraticProgram
  var lambda: Double
  /// β and γ relative to λ, h_max, ε_a.
  let beta, gamma, largest, epsilon: Double

  init(
    endmembers: Matrix<Double>, weights: [Double], lambda: Double, beta: Double, gamma: Double,
    largest: Double,
    epsilon: Double
  ) {
    self.lambda = lambda
    self.beta = beta
    self.gamma = gamma
    self.largest = largest
    self.epsilon = epsilon
    self.endmembers = endmembers
    weighted = endmembers
    program = NonnegativeQuadraticProgram(gram: .identity(endmembers.columns), sumToOne: true)
    set(endmembers: endmembers, weights: weights)
  }

  mutating func set(endmembers: Matrix<Double>, weights: [Double]) {
    self.endmembers = endmembers
    weighted = Matrix(rows: endmembers.rows, columns: endmembers.columns) { endmembers[$0, $1] * weights[$0] }
    program = NonnegativeQuadraticProgram(
      gram: weighted.multiplied(by: endmembers, .transposed, .none), sumToOne: true)
  }

  /// Solves all pixels; with λ > 0 `abundances` must hold the previous ones. `divisors` is t per pixel.
  func abundances(_ pixels: PixelMatrix, _ divisors: [Float]?, _ map: [Float], into abundances: PixelMatrix) {
    let count = endmembers.columns
    let output = abundances.pointer
    let (lambda, epsilon) = (self.lambda, self.epsilon)
    LinearUnmixing.products(pixels, weighted) { products, first, rows in
      Parallel.forEachChunk(of: rows, chunk: 256) { _, range in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: range.count * count) { right in
          for (i, row) in range.enumerated() {
            let n = first + row
            let scale = 1 / Double(divisors?[n] ?? 1)
            for k in 0..<count { right[i * count + k] = products[row * count + k] * scale }
            guard lambda > 0 else { continue }
            let h = map[n]
            for k in 0..<count {
              // Single precision is ample for a weight.
              let slope = (1 - h) * expf(-h * logf(output[n * count + k] + Float(epsilon)))
              right[i * count + k] -= lambda * Double(slope)
            }
          }
          program.solve(
            right.baseAddress!, pixels: range.count, into: output + (first + range.lowerBound) * count)
        }
      }
    }
  }
}

/// The guidance map h of a scene with its prior and couplings.
struct GuidanceMap {
  private(set) var values: [Float]
  private let prior: [Float]
  private let graph: NeighbourGraph?

  /// h = s = `largest` · purity, with the neighbours of the start.
  init(_ scene: Cube, _ start: BlindStart, largest: Double) {
    prior = start.purity.map { $0 * Float(largest) }
    values = prior
    graph = NeighbourGraph(scene, start)
  }

  /// h = s = `prior` for every pixel, no neighbours.
  init(pixels: Int, prior: Double) {
    self.prior = [Float](repeating: Float(prior), count: pixels)
    values = self.prior
    graph = nil
  }

  /// Mean of the prior.
  var meanPrior: Double { prior.reduce(0.0) { $0 + Double($1) } / Double(max(1, prior.count)) }

  /// `h ← clip(h − g/c, 0, h_max)` with all neighbours' old values: gradient and curvature bound of the objective in h,
  /// both divided by λ.
  mutating func update(_ abundances: PixelMatrix, _ step: PixelStep) {
    let count = abundances.columns
    var updated = values
    let (old, prior, graph) = (values, prior, graph)
    updated.withUnsafeMutableBufferPointer { updated in
      let output = updated
      let a = abundances.pointer
      Parallel.forEachChunk(of: old.count, chunk: 4096) { _, range in
        for n in range {
          let h = old[n]
          var gradient = Float(step.beta) * (h - prior[n])
          var curvature = Float(step.beta)
          for k in 0..<count {
            let x = a[n * count + k] + Float(step.epsilon)
            let l = logf(x)
            gradient -= expf((1 - h) * l) * l
            curvature += max(x, expf(Float(1 - step.largest) * l)) * l * l
          }
          if let graph {
            for direction in 0..<4 {
              let j = Int(graph.index[direction * old.count + n])
              guard j >= 0 else { continue }
              let w = Float(step.gamma) * graph.weight[direction * old.count + n]
              gradient += w * (h - old[j])
              curvature += 2 * w
            }
          }
          output[n] = min(max(h - gradient / max(curvature, 1e-30), 0), Float(step.largest))
        }
      }
    }
    values = updated
  }

  /// All terms of the objective that depend on h.
  func penalty(_ abundances: PixelMatrix, _ step: PixelStep) -> Double {
    let count = abundances.columns
    let block = 4096
    let blocks = (values.count + block - 1) / block
    var partial = [Double](repeating: 0, count: blocks)
    let (values, prior, graph) = (values, prior, graph)
    partial.withUnsafeMutableBufferPointer { partial in
      let output = partial
      let a = abundances.pointer
      Parallel.forEachChunk(of: values.count, chunk: block) { index, range in
        var total = 0.0
        for n in range {
          for k in 0..<count {
            total += Double(expf((1 - values[n]) * logf(a[n * count + k] + Float(step.epsilon))))
          }
          let away = Double(values[n] - prior[n])
          total += step.beta / 2 * away * away
          guard let graph else { continue }
          for direction in [0, 2] {
            let j = Int(graph.index[direction * values.count + n])
            guard j >= 0 else { continue }
            let difference = Double(values[n] - values[j])
            total +=
              step.gamma / 2 * Double(graph.weight[direction * values.count + n]) * difference * difference
          }
        }
        output[index] = total
      }
    }
    return step.lambda * partial.reduce(0, +)
  }
}

/// Solves further pixels as `RRLbSV` would, without coupling between pixels.
struct VariancePixelSolver: BlindPixelSolver {
  let step: PixelStep
  let lambda: Double
  let view: Perspective?
  /// s of every pixel.
  let prior: Double
  /// Length of every endmember over the good channels, scaled as if over all; ones without perspective.
  private let lengths: [Double]

  /// Rounds of abundances and map where there is sparsity.
  static let rounds = 10

  init(step: PixelStep, lambda: Double, view: Perspective?, kept: [Bool], prior: Double) {
    self.step = step
    self.lambda = lambda
    self.view = view
    self.prior = prior
    let m = step.endmembers
    let share = Double(m.rows) / Double(max(1, kept.count(where: { $0 })))
    lengths = (0..<m.columns).map { k in
      guard view != nil else { return 1 }
      let square = (0..<m.rows).reduce(0) { kept[$1] ? $0 + m[$1, k] * m[$1, k] : $0 }
      return max((square * share).squareRoot(), 1e-30)
    }
  }

  /// Endmembers as they are reported: of unit length in perspective.
  var outputEndmembers: Matrix<Double> {
    let m = step.endmembers
    return Matrix(rows: m.rows, columns: m.columns) { m[$0, $1] / lengths[$1] }
  }

  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix) throws -> BlindPixels {
    abundances.reshape(rows: pixels.rows, columns: step.endmembers.columns)
    guard pixels.rows > 0 else { return BlindPixels(guidance: []) }
    let divisors = view?.divisors(pixels)
    var map = GuidanceMap(pixels: pixels.rows, prior: prior)
    var plain = step
    plain.lambda = 0
    plain.abundances(pixels, divisors, map.values, into: abundances)
    for _ in 0..<VariancePixelSolver.rounds {
      map.update(abundances, step)
      if lambda > 0 { step.abundances(pixels, divisors, map.values, into: abundances) }
    }
    var result = shares(abundances, divisors)
    result.guidance = map.values
    return result
  }

  /// Turns abundances of the view into shares of the reported endmembers, in place, and gives every pixel's factor.
  func shares(_ abundances: PixelMatrix, _ divisors: [Float]?) -> BlindPixels {
    guard let divisors else { return BlindPixels() }
    let count = abundances.columns
    for n in 0..<abundances.rows {
      let row = abundances.row(n)
      for k in 0..<count { row[k] *= Float(lengths[k]) }
    }
    let sums = MultiplicativeMethod.normaliseRows(abundances)
    return BlindPixels(brightness: zip(sums, divisors).map(*))
  }
}
