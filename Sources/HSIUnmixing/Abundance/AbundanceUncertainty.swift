import CKernels
import HSICore
import HSINumerics

extension ProductName {
  /// Standard deviation of every abundance, N × K.
  public static let sigma: ProductName = "sigma"
}

/// An estimator whose abundances are least squares under linear constraints, so that noise passes through them in closed form.
public protocol LeastSquaresEstimator: AbundanceEstimator {
  /// Whether `a ≥ 0`.
  static var isNonnegative: Bool { get }
  /// Whether `1ᵀa = 1`.
  static var sumsToOne: Bool { get }
}

extension FCLS: LeastSquaresEstimator {
  public static let isNonnegative = true
  public static let sumsToOne = true
}
extension NNLS: LeastSquaresEstimator {
  public static let isNonnegative = true
  public static let sumsToOne = false
}
extension SCLS: LeastSquaresEstimator {
  public static let isNonnegative = false
  public static let sumsToOne = true
}
extension UCLS: LeastSquaresEstimator {
  public static let isNonnegative = false
  public static let sumsToOne = false
}

/// Where the noise of a pixel comes from.
public enum PixelNoise: Sendable {
  /// From its residual: one variance for all bands, `L·RMSE² / (L − free endmembers)`.
  case residual
  /// Known standard deviation of every band, in the units of the scene.
  case bands([Double])
}

/// Standard deviations of least-squares abundances, through the active set of the constrained solution.
///
/// With F the endmembers whose abundance no constraint holds, `B = (M_FᵀM_F)⁻¹` and `H = B − B11ᵀB / 1ᵀB1` where abundances sum to one
/// (`H = B` else), the solution is `a_F = H M_Fᵀ y + const`, and its covariance `H (M_Fᵀ Σ M_F) H` for noise of covariance Σ, or `σ² H` for noise
/// of equal variance. σ is 0 for abundances that `a ≥ 0` holds at zero: the interval of a pixel near a corner is that of its face. NaN
/// where the free endmembers depend on each other.
///
/// The endmembers count as exact: their variability is not in σ. Cost |F|³ where F changes from one pixel to the next.
///
/// ```swift
/// let uncertainty = try AbundanceUncertainty(endmembers, of: FCLS.self, noise: .residual)
/// let sigma = uncertainty.sigma(abundances, rmse: rmse)        // N × K
/// ```
public struct AbundanceUncertainty: Sendable {
  private let gram: [Double]
  private let noise: [Double]?
  private let channels: Int
  private let endmembers: Int
  private let isNonnegative: Bool
  private let sumsToOne: Bool

  /// Prepares for K spectra.
  ///
  /// - Throws: `CoreError.invalidParameter` for as many standard deviations as there are not bands, or such below zero;
  ///   `UnmixingError.invalidSpectra`.
  public init(_ spectra: SpectralLibrary, of method: any LeastSquaresEstimator.Type, noise: PixelNoise) throws {
    let model = try LinearUnmixing(spectra, weights: nil, method: method.description.id)
    gram = model.gram.values
    (channels, endmembers) = (spectra.bands, spectra.count)
    (isNonnegative, sumsToOne) = (method.isNonnegative, method.sumsToOne)
    switch noise {
    case .residual: self.noise = nil
    case .bands(let deviations):
      guard deviations.count == channels, deviations.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
        throw CoreError.invalidParameter(
          name: "noise", value: "\(deviations.count) standard deviations",
          requirement: "\(channels) from 0 on, one per band")
      }
      let scaled = Matrix<Double>(rows: channels, columns: endmembers) { model.endmembers[$0, $1] * deviations[$0] }
      self.noise = scaled.gram.values
    }
  }

  /// σ of every abundance, N × K.
  ///
  /// - Parameters:
  ///   - abundances: N × K, of the method.
  ///   - rmse: root-mean-square residual of every pixel over all bands.
  public func sigma(_ abundances: PixelMatrix, rmse: [Float]) -> PixelMatrix {
    precondition(
      abundances.columns == endmembers && rmse.count == abundances.rows, "abundances and residuals of the same pixels")
    let sigma = PixelMatrix(rows: abundances.rows, columns: endmembers)
    let threads = hsi_pool_threads()
    var scratch = [Double](repeating: 0, count: hsi_sigma_scratch_size(endmembers, threads))
    gram.withUnsafeBufferPointer { gram in
      rmse.withUnsafeBufferPointer { rmse in
        func run(_ noise: UnsafePointer<Double>?) {
          var job = hsi_sigma_job()
          job.endmembers = endmembers
          job.channels = channels
          job.pixels = abundances.rows
          job.gram = gram.baseAddress
          job.noise = noise
          job.abundances = UnsafePointer(abundances.pointer)
          job.rmse = rmse.baseAddress
          job.nonnegative = isNonnegative ? 1 : 0
          job.sum_to_one = sumsToOne ? 1 : 0
          job.sigma = sigma.pointer
          hsi_sigma(&job, &scratch, threads)
        }
        if let noise { noise.withUnsafeBufferPointer { run($0.baseAddress) } } else { run(nil) }
      }
    }
    return sigma
  }

  /// Standard deviations of the noise of every band of a scene, by linear prediction from the others (`NoiseEstimate`).
  ///
  /// - Throws: `NumericsError.singular`, `UnmixingError.tooFewPixels`.
  public static func estimatedNoise(_ scene: any StripSource, _ context: RunContext) throws -> PixelNoise {
    let claim = context.claimThreads()
    defer { claim.release() }
    let statistics = try SceneStatistics(scene, context, precision: .double)
    try requirePixels(statistics, 2, purpose: "estimating noise")
    return .bands(try NoiseEstimate(statistics).variances.map { $0.squareRoot() })
  }
}
