import CKernels
import HSICore
import HSINumerics

/// Decision values of support vectors under the radial kernel `exp(−γ ‖x − s‖²)`:
/// `f_p(x) = Σ_s a_sp k(x, s) − ρ_p`, positive for the first class of pair p.
final class KernelDecisions: Sendable {
  let dimension: Int
  let vectors: Int
  let pairs: Int
  private let gamma: Float
  private let squares: [Float]
  private let offsets: [Float]
  private let support: PackedMatrix
  private let coefficients: PackedMatrix

  /// - Parameters:
  ///   - support: vectors × dimension.
  ///   - coefficients: vectors × pairs.
  init(support: [Float], dimension: Int, coefficients: [Float], offsets: [Float], gamma: Double) {
    self.dimension = dimension
    vectors = support.count / dimension
    pairs = offsets.count
    self.gamma = Float(gamma)
    self.offsets = offsets
    squares = (0..<vectors).map { n in
      Float(support[(n * dimension)..<((n + 1) * dimension)].reduce(0.0) { $0 + Double($1) * Double($1) })
    }
    self.support = PackedMatrix(transposing: support, rows: vectors, columns: dimension)
    self.coefficients = PackedMatrix(depth: vectors, columns: pairs, values: coefficients)
  }

  /// Floats of scratch per pixel.
  var scratch: Int { vectors }

  /// Decision values of rows of features, count × pairs. Serial; the result of a row does not depend on the others.
  func evaluate(
    _ values: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>,
    into out: UnsafeMutablePointer<Float>
  ) {
    support.multiply(values, rows: count, scratch)
    for n in 0..<count {
      let (row, kernel) = (values + n * dimension, scratch + n * vectors)
      var square: Float = 0
      for i in 0..<dimension { square += row[i] * row[i] }
      squares.withUnsafeBufferPointer { squares in
        for s in 0..<squares.count { kernel[s] = -gamma * max(0, square + squares[s] - 2 * kernel[s]) }
      }
    }
    _ = hsi_activation_forward(Int32(HSI_EXP), scratch, count * vectors, 0, scratch)
    coefficients.multiply(scratch, rows: count, out)
    for n in 0..<count { for p in 0..<pairs { out[n * pairs + p] -= offsets[p] } }
  }

  /// The class that wins most pairs, the first one in a tie; pairs without a machine (NaN) have no winner.
  static func vote(_ decisions: UnsafePointer<Float>, classes: Int, _ votes: inout [Int]) -> Int {
    for c in 0..<classes { votes[c] = 0 }
    var place = 0
    for i in 0..<classes {
      for j in (i + 1)..<max(classes, i + 1) {
        let value = decisions[place]
        if value > 0 { votes[i] += 1 } else if value <= 0 { votes[j] += 1 }
        place += 1
      }
    }
    return votes.indices.reduce(0) { votes[$1] > votes[$0] ? $1 : $0 }
  }
}
