import Foundation
import HSICore
import Testing

@testable import HSITransformer

/// Transforms of channel planes against the sums that define them.
@Suite struct PlaneFourierTests {
  /// `[B, H, W, C]` to `[B, H, W/2 + 1, 2C]`.
  static func spectrum(_ x: Reference) -> Reference {
    let (batch, rows, columns, channels) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    var y = Reference(zeros: [batch, rows, columns / 2 + 1, 2 * channels])
    let norm = 1 / Double(rows * columns).squareRoot()
    var index = 0
    for b in 0..<batch {
      for k in 0..<rows {
        for l in 0...(columns / 2) {
          for c in 0..<channels {
            for i in 0..<rows {
              for j in 0..<columns {
                let angle = -2 * Double.pi * (Double(k * i) / Double(rows) + Double(l * j) / Double(columns))
                let value = x.values[((b * rows + i) * columns + j) * channels + c] * norm
                y.values[index] += value * cos(angle)
                y.values[index + 1] += value * sin(angle)
              }
            }
            index += 2
          }
        }
      }
    }
    return y
  }

  /// The real part of the whole inverse, the missing half being the mirror image of the other.
  static func image(_ y: Reference, columns: Int) -> Reference {
    let (batch, rows, half, channels) = (y.shape[0], y.shape[1], y.shape[2], y.shape[3] / 2)
    var x = Reference(zeros: [batch, rows, columns, channels])
    let norm = 1 / Double(rows * columns).squareRoot()
    for b in 0..<batch {
      for i in 0..<rows {
        for j in 0..<columns {
          for c in 0..<channels {
            var sum = 0.0
            for k in 0..<rows {
              for l in 0..<half {
                let angle = 2 * Double.pi * (Double(k * i) / Double(rows) + Double(l * j) / Double(columns))
                let place = (((b * rows + k) * half + l) * channels + c) * 2
                let part = y.values[place] * cos(angle) - y.values[place + 1] * sin(angle)
                sum += part * (l == 0 || 2 * l == columns ? 1 : 2)
              }
            }
            x.values[((b * rows + i) * columns + j) * channels + c] = sum * norm
          }
        }
      }
    }
    return x
  }

  @Test(arguments: [(4, 6), (3, 5), (8, 4), (1, 6), (5, 1), (2, 2), (1, 1)])
  func againstTheDefinition(rows: Int, columns: Int) {
    GradientCheck()(inputs: [Reference([2, rows, columns, 3], seed: 3)]) {
      $1.planeSpectrum($0[0])
    } reference: {
      Self.spectrum($0[0])
    }
    GradientCheck()(inputs: [Reference([2, rows, columns / 2 + 1, 6], seed: 4)]) {
      $1.planeImage($0[0], columns: columns)
    } reference: {
      Self.image($0[0], columns: columns)
    }
  }

  @Test func thereAndBack() {
    let x = Reference([2, 12, 10, 5], seed: 8).tensor
    let tape = Tape(.inference)
    let y = tape.planeImage(tape.planeSpectrum(Variable(x)), columns: 10).value
    #expect(zip(x.values, y.values).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test func threads() {
    let x = Reference([3, 16, 16, 7], seed: 9).tensor
    let bits = [1, 3].map { count in
      let claim = RunContext(threads: count).claimThreads()
      defer { claim.release() }
      return Tape(.inference).planeSpectrum(Variable(x)).value.values
    }
    #expect(bits[0] == bits[1])
  }
}
