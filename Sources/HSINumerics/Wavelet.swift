import CKernels
import Foundation

/// A compactly supported orthogonal wavelet, given by its low-pass filter h with `Σ h_i² = 1`, `Σ h_i = √2`.
public struct Wavelet: Sendable {
  /// Low-pass filter, an even number of taps.
  public let filter: [Float]

  /// A filter of 2 to 32 taps.
  init(_ filter: [Float]) { self.filter = filter }

  /// Two vanishing moments, 4 taps (Daubechies 1988).
  public static let daubechies2 = Wavelet([
    0.48296291314453416, 0.83651630373780783, 0.22414386804201339, -0.12940952255126037,
  ])

  /// Five vanishing moments, 10 taps, extremal phase (Daubechies 1988).
  public static let daubechies5 = Wavelet([
    0.16010239797419304, 0.60382926979719009, 0.72430852843777338, 0.13842814590132074, -0.24229488706638241,
    -0.032244869584638507, 0.07757149384004576, -0.0062414902127982796, -0.012580751999082004,
    0.0033357252854737756,
  ])

  /// Eight vanishing moments, 16 taps, nearly symmetric (Daubechies, Ten Lectures on Wavelets, 1992, table
  /// 6.3).
  public static let symlet8 = Wavelet([
    0.0018899503327676835, -0.00030292051472413932, -0.014952258337062171, 0.0038087520138945404,
    0.04913717967373022, -0.027219029917103472, -0.051945838107881219, 0.3644418948361785,
    0.77718575169962845,
    0.48135965125905211, -0.061273359067810548, -0.14329423835127239, 0.0076074873249765669,
    0.031695087811525982, -0.00054213233180002394, -0.0033824159510050002,
  ])
}

/// Separable orthogonal wavelet transform of a plane, periodic at its borders (Mallat's pyramid).
///
/// After `levels` steps the plane holds the coarse part at the top left and three detail bands per level
/// around it. The transform is orthonormal: white noise stays white with the same variance. Cost about 11
/// taps flops per value.
public struct WaveletTransform: Sendable {
  /// Size of the plane, multiples of 2^levels.
  public let lines, samples: Int
  /// Number of steps.
  public let levels: Int
  private let wavelet: Wavelet

  /// A rectangle of coefficients.
  public struct Subband: Sendable, Hashable {
    /// 1 = finest.
    public var level: Int
    /// Place of its first coefficient and size.
    public var line, sample, lines, samples: Int

    /// The rectangle whose first coefficient is (`line`, `sample`).
    public init(level: Int, line: Int, sample: Int, lines: Int, samples: Int) {
      (self.level, self.line, self.sample) = (level, line, sample)
      (self.lines, self.samples) = (lines, samples)
    }
  }

  /// A transform for planes of `lines × samples`, both multiples of 2^levels.
  public init(_ wavelet: Wavelet, lines: Int, samples: Int, levels: Int) {
    precondition(levels >= 0 && lines > 0 && samples > 0)
    precondition(lines % (1 << levels) == 0 && samples % (1 << levels) == 0)
    (self.wavelet, self.lines, self.samples, self.levels) = (wavelet, lines, samples, levels)
  }

  /// Floats of scratch that `forward` and `inverse` need.
  public var scratchCount: Int { hsi_wavelet_scratch_size(lines, samples) }

  /// The coarse part.
  public var coarse: Subband {
    Subband(level: levels, line: 0, sample: 0, lines: lines >> levels, samples: samples >> levels)
  }

  /// Detail bands: per level, finest first, the one to the right, below, and diagonally below the coarse
  /// part.
  public var details: [Subband] {
    (1...max(levels, 1)).flatMap { level -> [Subband] in
      guard level <= levels else { return [] }
      let (h, w) = (lines >> level, samples >> level)
      return [
        Subband(level: level, line: 0, sample: w, lines: h, samples: w),
        Subband(level: level, line: h, sample: 0, lines: h, samples: w),
        Subband(level: level, line: h, sample: w, lines: h, samples: w),
      ]
    }
  }

  /// Replaces a plane by its coefficients.
  public func forward(_ plane: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>) {
    for level in 0..<levels {
      hsi_wavelet_analyse(
        plane, samples, lines >> level, samples >> level, wavelet.filter, wavelet.filter.count, scratch)
    }
  }

  /// Replaces coefficients by their plane.
  public func inverse(_ plane: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>) {
    for level in (0..<levels).reversed() {
      hsi_wavelet_synthesise(
        plane, samples, lines >> level, samples >> level, wavelet.filter, wavelet.filter.count, scratch)
    }
  }

  /// Soft-thresholds a detail band of coefficients with unit noise at the threshold of least estimated risk
  /// (Stein's unbiased risk estimate; Donoho and Johnstone, JASA 90, 1995), among 256 steps up to `√(2 ln
  /// n)`.
  ///
  /// - Returns: the threshold and the estimate of `‖result − truth‖²`.
  @discardableResult
  public func shrink(_ plane: UnsafeMutablePointer<Float>, _ band: Subband) -> (threshold: Float, risk: Double) {
    let first = plane + band.line * samples + band.sample
    var risk = 0.0
    let limit = (2 * log(Float(max(band.lines * band.samples, 2)))).squareRoot()
    let threshold = hsi_sure_threshold(first, samples, band.lines, band.samples, limit, &risk)
    hsi_soft_threshold(first, samples, band.lines, band.samples, threshold)
    return (threshold, risk)
  }
}
