import CKernels
import Foundation
import HSICore
import HSINumerics

/// Vertex component analysis on selected channels of a scene in memory, from sums that are known already.
///
/// Channels that are left out get zero weight in every projection, so the scene is not copied.
/// A single VCA depends on its random directions: of `trials` independent ones that with the smallest residual of
/// fully constrained least squares counts (on at most `fitPixels` pixels spread evenly, in the subspace). On Samson
/// this takes the abundance error of the start from 0.10 (0.31 with unlucky directions) to 0.08.
/// `VCA` is the extractor users call: one run in two passes over a source that need not fit in memory. This one works
/// from the correlation that the robust start has already, scans in double and picks the best of its trials.
/// Source: Nascimento and Bioucas-Dias, TGRS 2005; the projection follows the SNR estimate as there.
struct VertexStart {
  /// K × (kept channels): the projected pixels at the vertices, in the order of the picks.
  let endmembers: Matrix<Double>
  /// Indices of the picked pixels.
  let picks: [Int]

  /// - Parameters:
  ///   - correlation: `Σ y yᵀ / N` of all channels.
  ///   - mean: mean spectrum.
  ///   - channels: indices of the channels to use.
  init(
    _ pixels: PixelMatrix, correlation: Matrix<Double>, mean: [Double], channels: [Int], count: Int,
    seed: UInt64,
    trials: Int = 8
  ) throws {
    let correlation = correlation.selecting(rows: channels).selecting(columns: channels)
    let average = channels.map { mean[$0] }
    let size = channels.count
    let covariance = Matrix<Double>(rows: size, columns: size) {
      correlation[$0, $1] - average[$0] * average[$1]
    }
    let centred = try covariance.symmetricEigen()
    let power = (0..<size).reduce(0) { $0 + correlation[$1, $1] }
    let signal = centred.values.prefix(count).reduce(0, +) + average.reduce(0) { $0 + $1 * $1 }
    let share = Double(count) / Double(size)
    let ratio = max(signal - share * power, 1e-30) / max(power - signal, 1e-30)
    let low = 10 * log10(ratio) < 15 + 10 * log10(Double(count))

    let dimension = low ? count - 1 : count
    let basis = (low ? centred : try correlation.symmetricEigen()).vectors
      .selecting(columns: Array(0..<dimension))
    var scores = VertexStart.project(pixels, basis, channels)
    let n = pixels.rows
    var points = [Double](repeating: 0, count: n * count)
    if low {
      // Scores of the centred pixels, and a constant so large that the simplex becomes a cone.
      let shift = Matrix(rows: 1, columns: size, values: average).multiplied(by: basis).values
      var largest = 0.0
      for i in 0..<n {
        var square = 0.0
        for k in 0..<dimension {
          scores[i * dimension + k] -= shift[k]
          square += scores[i * dimension + k] * scores[i * dimension + k]
        }
        largest = max(largest, square)
      }
      for i in 0..<n {
        for k in 0..<dimension { points[i * count + k] = scores[i * dimension + k] }
        points[i * count + dimension] = largest.squareRoot()
      }
    } else {
      var centre = [Double](repeating: 0, count: dimension)
      for i in 0..<n { for k in 0..<dimension { centre[k] += scores[i * dimension + k] / Double(n) } }
      for i in 0..<n {
        var scale = 0.0
        for k in 0..<dimension { scale += centre[k] * scores[i * dimension + k] }
        // Pixels opposite to the mean, or zero, cannot be vertices.
        for k in 0..<dimension { points[i * count + k] = scale > 0 ? scores[i * dimension + k] / scale : 0 }
      }
    }

    var best = Double.infinity
    var chosen: [Int] = []
    for trial in 0..<max(1, trials) {
      let picks = VertexStart.vertices(points, pixels: n, count: count, seed: seed, trial: trial)
      let residual = trials > 1 ? VertexStart.residual(scores, pixels: n, dimension, picks) : 0
      if chosen.isEmpty || residual < best { (best, chosen) = (residual, picks) }
    }
    picks = chosen
    let offset = low ? average : [Double](repeating: 0, count: size)
    let picks = self.picks
    endmembers = Matrix(rows: count, columns: size) { k, l in
      (0..<dimension).reduce(offset[l]) { $0 + basis[l, $1] * scores[picks[k] * dimension + $1] }
    }
  }

  /// The picks for points N × count: extremes along random directions orthogonal to the vertices found so far.
  private static func vertices(_ points: [Double], pixels: Int, count: Int, seed: UInt64, trial: Int) -> [Int] {
    var orthonormal: [[Double]] = []
    var picks: [Int] = []
    for step in 0..<count {
      var random = CounterRandom(seed: seed, stream: UInt64(trial) << 32 | UInt64(step))
      var direction = (0..<count).map { _ in random.normal() }
      // The first vertex is sought orthogonally to the last axis, as in the paper.
      let known = step == 0 ? [(0..<count).map { $0 == count - 1 ? 1.0 : 0 }] : orthonormal
      for _ in 0..<2 { VertexStart.remove(known, from: &direction) }
      let pick = hsi_argmax_abs_projection_f64(points, pixels, count, direction, nil)
      picks.append(pick)
      var point = Array(points[(pick * count)..<((pick + 1) * count)])
      for _ in 0..<2 { VertexStart.remove(orthonormal, from: &point) }
      let norm = point.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if norm > 1e-12 { orthonormal.append(point.map { $0 / norm }) }
    }
    return picks
  }

  /// Pixels on which trials are compared.
  private static let fitPixels = 4096

  /// Sum of squared residuals of FCLS in the subspace, on pixels spread evenly.
  private static func residual(_ scores: [Double], pixels: Int, _ dimension: Int, _ picks: [Int]) -> Double {
    let count = picks.count
    let vertices = Matrix<Double>(rows: count, columns: dimension) { scores[picks[$0] * dimension + $1] }
    let program = NonnegativeQuadraticProgram(
      gram: vertices.multiplied(by: vertices, .none, .transposed), sumToOne: true)
    let used = min(pixels, fitPixels)
    var partial = [Double](repeating: 0, count: (used + 255) / 256)
    partial.withUnsafeMutableBufferPointer { partial in
      let output = partial
      Parallel.forEachChunk(of: used, chunk: 256) { index, range in
        var total = 0.0
        for i in range {
          let n = i * pixels / used
          let products = (0..<count).map { k in
            (0..<dimension).reduce(0.0) { $0 + vertices[k, $1] * scores[n * dimension + $1] }
          }
          let a = program.solve(products)
          for d in 0..<dimension {
            var rest = scores[n * dimension + d]
            for k in 0..<count { rest -= a[k] * vertices[k, d] }
            total += rest * rest
          }
        }
        output[index] = total
      }
    }
    let sum = partial.reduce(0, +)
    return sum.isFinite ? sum : .infinity
  }

  private static func remove(_ basis: [[Double]], from vector: inout [Double]) {
    for axis in basis {
      let part = zip(axis, vector).reduce(0) { $0 + $1.0 * $1.1 }
      for k in vector.indices { vector[k] -= part * axis[k] }
    }
  }

  /// `Σ_l y_l b_lk` over the given channels, in double: N × columns.
  static func project(_ pixels: PixelMatrix, _ basis: Matrix<Double>, _ channels: [Int]) -> [Double] {
    var weights = [Double](repeating: 0, count: pixels.columns * basis.columns)
    for (row, channel) in channels.enumerated() {
      for k in 0..<basis.columns { weights[channel * basis.columns + k] = basis[row, k] }
    }
    var result = [Double](repeating: 0, count: pixels.rows * basis.columns)
    guard basis.columns > 0 else { return result }
    var scratch = [Double](repeating: 0, count: hsi_project_scratch_size(pixels.columns, basis.columns))
    hsi_project_f64(
      pixels.pointer, pixels.columns, pixels.rows, pixels.columns, weights, basis.columns, &result,
      basis.columns,
      &scratch)
    return result
  }
}
