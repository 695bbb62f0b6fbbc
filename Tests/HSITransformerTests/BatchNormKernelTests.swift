import CKernels
import HSITestSupport
import Testing

extension NeuralKernelTests {
  /// Batch normalisation against the formulas in double.
  @Suite struct BatchNormKernelTests {
    @Test(arguments: oddSizes + [64, 130], [1, 5, 1300])
    func momentsMapAndGradient(channels: Int, rows: Int) {
      let c = channels
      // A mean a hundred times the deviation.
      let x = Floats(rows * c, seed: 1, shift: 100)
      let dy = Floats(rows * c, seed: 2)
      let gamma = Floats(c, seed: 3)
      let count = Double(rows)
      var mean = [Double](repeating: 0, count: c)
      var variance = mean
      var dgamma = mean
      var dbeta = mean
      for i in 0..<rows * c { mean[i % c] += x[i] / count }
      for i in 0..<rows * c { variance[i % c] += (x[i] - mean[i % c]) * (x[i] - mean[i % c]) / count }
      let inverse = variance.map { 1 / ($0 + 1e-5).squareRoot() }
      for i in 0..<rows * c {
        dbeta[i % c] += dy[i]
        dgamma[i % c] += dy[i] * (x[i] - mean[i % c]) * inverse[i % c]
      }
      let dx = (0..<rows * c).map { i in
        gamma[i % c] * inverse[i % c]
          * (dy[i] - dbeta[i % c] / count
            - (x[i] - mean[i % c]) * inverse[i % c] * dgamma[i % c] / count)
      }
      let mapped = (0..<rows * c).map { gamma[$0 % c] * x[$0] + dy[$0 % c] }
      atEveryKernelLevel { level in
        let scratch = Scratch(hsi_batch_norm_scratch_size(rows, c))
        var foundMean = [Double](repeating: 0, count: c)
        var foundVariance = foundMean
        hsi_batch_moments(x.pointer, rows, c, &foundMean, &foundVariance, scratch.pointer)
        for k in 0..<c {
          #expect(abs(foundMean[k] - mean[k]) < 1e-5, "level \(level)")
          #expect(abs(foundVariance[k] - variance[k]) < 1e-5 * (variance[k] + 1e-3), "level \(level)")
        }
        let y = Floats(zeros: rows * c)
        hsi_affine_channels(x.pointer, rows, c, gamma.pointer, dy.pointer, y.pointer)
        #expect(relativeError(y, mapped) < 2e-7, "level \(level)")
        let (dg, db) = (Floats(zeros: c), Floats(zeros: c))
        hsi_batch_norm_backward(
          x.pointer, dy.pointer, rows, c, mean, inverse, gamma.pointer, y.pointer, dg.pointer, db.pointer,
          scratch.pointer)
        if rows > 1 { #expect(relativeError(y, dx) < 2e-6, "level \(level)") }
        #expect(relativeError(db, dbeta) < 1e-6, "level \(level)")
        if rows > 1 { #expect(relativeError(dg, dgamma) < 1e-5, "level \(level)") }
      }
    }

    @Test func resultsDoNotDependOnThreads() {
      let (rows, c) = (9000, 17)
      let x = Floats(rows * c, seed: 1)
      let dy = Floats(rows * c, seed: 2)
      expectSameForAnyThreads {
        let scratch = Scratch(hsi_batch_norm_scratch_size(rows, c))
        var mean = [Double](repeating: 0, count: c)
        var variance = mean
        hsi_batch_moments(x.pointer, rows, c, &mean, &variance, scratch.pointer)
        let (dx, dg, db) = (Floats(zeros: rows * c), Floats(zeros: c), Floats(zeros: c))
        hsi_batch_norm_backward(
          x.pointer, dy.pointer, rows, c, mean, variance, x.pointer, dx.pointer, dg.pointer, db.pointer,
          scratch.pointer)
        return [mean.map { Float($0) }, variance.map { Float($0) }, dx.values, dg.values, db.values]
      }
    }
  }
}
