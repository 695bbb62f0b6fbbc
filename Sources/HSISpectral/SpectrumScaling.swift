import CKernels
import HSICore
import HSINumerics

/// Brings every spectrum to one scale, so that brightness does not matter.
///
/// ```swift
/// SpectrumScaling.unitLength.apply(scene.pixels, into: scaled)
/// ```
public enum SpectrumScaling: Int, Sendable, CaseIterable {
  /// `y / ‖y‖`.
  case unitLength = 0
  /// `y / Σ y`.
  case unitSum = 1
  /// `(y − ȳ) / s` with the mean and deviation (L − 1) over the bands: standard normal variate. R. J. Barnes, M. S. Dhanoa and S. J. Lister,
  /// Applied Spectroscopy 43(5), 1989.
  case standardNormalVariate = 2

  /// Scales every pixel: `output` becomes pixels × bands.
  ///
  /// - Returns: pixels whose length, sum or deviation is 0 or not finite; they become NaN.
  @discardableResult
  public func apply(_ pixels: PixelMatrix, into output: PixelMatrix) -> Int {
    let bands = pixels.columns
    output.reshape(rows: pixels.rows, columns: bands)
    let (source, target) = (pixels.pointer, output.pointer)
    let chunk = 512
    var found = [Int](repeating: 0, count: (pixels.rows + chunk - 1) / chunk)
    found.withUnsafeMutableBufferPointer { found in
      guard let found = found.baseAddress else { return }
      Parallel.forEachChunk(of: pixels.rows, chunk: chunk) { index, rows in
        let start = rows.lowerBound * bands
        found[index] = hsi_scale_rows(source + start, bands, rows.count, bands, Int32(rawValue), target + start, bands)
      }
    }
    return found.reduce(0, +)
  }
}
