import Foundation
import HSICore
import HSINumerics

extension SpectralGaps {
  /// Most pixels that the choice looks at, and the number of parts that bands are hidden in.
  private static let (sample, folds) = (1500, 3)

  /// The gaps of a scene, filled along the curve by which its known bands follow best from each other.
  ///
  /// Of the inner known bands every third is hidden at a time, of a regular sample of pixels, and filled along every curve. The
  /// curve of least mean logarithm of the mean square error counts; straight lines and smooth curves must be 2 % better than the
  /// monotone one. That is the curve, too, of scenes with fewer than eight bands that are known. Cost 240 L flops per sampled pixel.
  ///
  /// - Parameter pixels: missing values are not finite.
  init(_ axis: SpectralAxis, choosingFor pixels: PixelMatrix) {
    let usual = SpectralGaps(axis, .monotone)
    self.init(axis, usual.bestCurve(axis, pixels))
  }

  private func bestCurve(_ axis: SpectralAxis, _ pixels: PixelMatrix) -> Curve {
    let (bands, stride) = (pixels.columns, max((pixels.rows + SpectralGaps.sample - 1) / SpectralGaps.sample, 1))
    let rows = Swift.stride(from: 0, to: pixels.rows, by: stride).map { $0 }
    let known = axis.ascending.filter { band in rows.contains { pixels[$0, band].isFinite } }
    guard known.count >= 8 else { return .monotone }
    var errors = [Curve: Double]()
    for fold in 0..<SpectralGaps.folds {
      let hidden = Swift.stride(from: 1 + fold, to: known.count - 1, by: SpectralGaps.folds).map { known[$0] }
      for curve in Curve.allCases {
        let trial = PixelMatrix(rows: rows.count, columns: bands)
        for (n, row) in rows.enumerated() {
          (trial.pointer + n * bands).update(from: pixels.pointer + row * bands, count: bands)
          for band in hidden { trial[n, band] = .nan }
        }
        SpectralGaps(axis, curve).fill(trial)
        for band in hidden {
          var (squares, energy, count) = (0.0, 0.0, 0)
          for (n, row) in rows.enumerated() where pixels[row, band].isFinite && trial[n, band].isFinite {
            let (truth, guess) = (Double(pixels[row, band]), Double(trial[n, band]))
            squares += (guess - truth) * (guess - truth)
            energy += truth * truth
            count += 1
          }
          guard count > 0, energy > 0 else { continue }
          // A ten-thousandth of the values counts as exact.
          errors[curve, default: 0] += log(squares / energy + 1e-8) / Double(known.count - 2)
        }
      }
    }
    guard let usual = errors[.monotone],
      let best = errors.min(by: { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) })
    else { return .monotone }
    return best.value < usual - 0.02 ? best.key : .monotone
  }
}
