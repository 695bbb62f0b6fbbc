import CFFTW
import Synchronization

/// Two-dimensional real Fourier transform of planes of one size, single precision (FFTW).
///
/// A plane is `lines × samples` floats, row-major; its spectrum is `lines × (samples/2 + 1)` complex numbers, stored as
/// pairs of floats. Nothing is normalised: inverse of forward multiplies by `lines · samples`. Buffers must be 64-byte
/// aligned (`PixelMatrix` is). Plans are made once per size under a lock and shared by all threads; they are estimated,
/// not measured, since a measured plan may differ between runs and with it the last bits of a result.
/// Cost about 2.5 N log₂ N flops for N samples.
public struct FFT2D: Sendable {
  /// Size of the plane.
  public let lines: Int
  /// Size of the plane.
  public let samples: Int
  private let plans: Plans

  /// Floats of a spectrum.
  public var spectrumCount: Int { lines * (samples / 2 + 1) * 2 }

  /// Transforms for planes of `lines × samples`, at least 1 × 1.
  public init(lines: Int, samples: Int) {
    precondition(lines > 0 && samples > 0)
    self.lines = lines
    self.samples = samples
    plans = FFT2D.cache.withLock { cache in
      let key = Size(lines: lines, samples: samples)
      if let plans = cache[key] { return plans }
      let plans = Plans(key)
      cache[key] = plans
      return plans
    }
  }

  /// Spectrum of a plane. `plane` is left as it is.
  public func forward(_ plane: UnsafeMutablePointer<Float>, _ spectrum: UnsafeMutablePointer<Float>) {
    spectrum.withMemoryRebound(to: fftwf_complex.self, capacity: spectrumCount / 2) {
      fftwf_execute_dft_r2c(plans.forward, plane, $0)
    }
  }

  /// `lines · samples` times the plane of a spectrum. Overwrites `spectrum`.
  public func inverse(_ spectrum: UnsafeMutablePointer<Float>, _ plane: UnsafeMutablePointer<Float>) {
    spectrum.withMemoryRebound(to: fftwf_complex.self, capacity: spectrumCount / 2) {
      fftwf_execute_dft_c2r(plans.inverse, $0, plane)
    }
  }

  /// The smallest size at least `size` without prime factors above 7, which transforms fast.
  public static func fastSize(atLeast size: Int) -> Int {
    var candidate = max(size, 1)
    while true {
      var rest = candidate
      for prime in [2, 3, 5, 7] { while rest % prime == 0 { rest /= prime } }
      if rest == 1 { return candidate }
      candidate += 1
    }
  }

  private struct Size: Hashable {
    var lines, samples: Int
  }

  /// FFTW plans may be executed by several threads at once; only planning needs the lock.
  private final class Plans: @unchecked Sendable {
    let forward: fftwf_plan
    let inverse: fftwf_plan

    init(_ size: Size) {
      let plane = fftwf_alloc_real(size.lines * size.samples)
      let spectrum = fftwf_alloc_complex(size.lines * (size.samples / 2 + 1))
      defer {
        fftwf_free(plane)
        fftwf_free(spectrum)
      }
      let (lines, samples) = (Int32(size.lines), Int32(size.samples))
      forward = fftwf_plan_dft_r2c_2d(lines, samples, plane, spectrum, FFT2D.estimate | FFT2D.preserveInput)
      inverse = fftwf_plan_dft_c2r_2d(lines, samples, spectrum, plane, FFT2D.estimate)
    }
  }

  /// FFTW's planner flags, macros that Swift does not see.
  private static let estimate: UInt32 = 1 << 6
  private static let preserveInput: UInt32 = 1 << 4

  private static let cache = Mutex<[Size: Plans]>([:])
}
