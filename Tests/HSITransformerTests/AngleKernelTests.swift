import CKernels
import Foundation
import HSICore
import HSITestSupport
import Testing

/// The spectral angle as a loss, against plain code in double precision.
@Suite struct AngleKernelTests {
  @Test("Angles and slopes at every level, for every length of rows, weighted and not, on any number of threads")
  func angles() {
    for (rows, bands) in [(0, 5), (1, 1), (3, 15), (70, 16), (130, 37), (65, 224)] {
      var random = CounterRandom(seed: UInt64(bands))
      let x = (0..<(rows * bands)).map { _ in Float(random.uniform(0.1, 1)) }
      let t = (0..<(rows * bands)).map { _ in Float(random.uniform(0.1, 1)) }
      let weights = (0..<bands).map { _ in Float(random.uniform(0, 2)) }
      for weighted in [false, true] {
        var (wanted, slopes) = ([Double](), [Double]())
        for n in 0..<rows {
          var (dot, xx, tt) = (0.0, 0.0, 0.0)
          for l in 0..<bands {
            let w = weighted ? Double(weights[l]) : 1
            let (a, b) = (Double(x[n * bands + l]), Double(t[n * bands + l]))
            (dot, xx, tt) = (dot + w * a * b, xx + w * a * a, tt + w * b * b)
          }
          let cosine = min(max(dot / (xx * tt).squareRoot(), -1 + 1e-6), 1 - 1e-6)
          wanted.append(acos(cosine))
          for l in 0..<bands {
            let w = weighted ? Double(weights[l]) : 1
            let (a, b) = (Double(x[n * bands + l]), Double(t[n * bands + l]))
            slopes.append(-3 / (1 - cosine * cosine).squareRoot() * w * (b / (xx * tt).squareRoot() - cosine * a / xx))
          }
        }
        atEveryKernelLevel { level in
          var results: [[Float]] = []
          for threads in [1, 3] {
            let claim = RunContext(threads: threads).claimThreads()
            defer { claim.release() }
            var gradient = [Float](repeating: .nan, count: rows * bands)
            var angles = [Double](repeating: .nan, count: rows)
            weights.withUnsafeBufferPointer { w in
              hsi_spectral_angle(x, t, weighted ? w.baseAddress : nil, rows, bands, 3, &gradient, &angles)
            }
            for n in 0..<rows { #expect(abs(angles[n] - wanted[n]) < 1e-9, "level \(level)") }
            for i in slopes.indices {
              #expect(abs(Double(gradient[i]) - slopes[i]) < 2e-5 * (1 + abs(slopes[i])), "level \(level)")
            }
            results.append(gradient)
            var only = [Double](repeating: .nan, count: rows)
            weights.withUnsafeBufferPointer { w in
              hsi_spectral_angle(x, t, weighted ? w.baseAddress : nil, rows, bands, 3, nil, &only)
            }
            #expect(only == angles)
          }
          #expect(results[0] == results[1])
        }
      }
    }
  }

  @Test("A target of zeros is at a right angle and pulls nowhere")
  func zeros() {
    var (gradient, angle) = ([Float](repeating: 1, count: 4), [0.0])
    hsi_spectral_angle([1, 2, 3, 4], [0, 0, 0, 0], nil, 1, 4, 1, &gradient, &angle)
    #expect(abs(angle[0] - .pi / 2) < 1e-12)
    #expect(gradient == [0, 0, 0, 0])
  }
}
