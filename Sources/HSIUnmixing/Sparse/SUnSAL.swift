import CKernels
import HSICore
import HSINumerics

/// Sparse unmixing by variable splitting and augmented Lagrangian (SUnSAL).
///
/// `min ½ ‖W^½(D x − y)‖² + λ ‖x‖₁` for every pixel, with `x ≥ 0` unless `positivity` is 0 and with `1ᵀx = 1` if `asc`
/// is 1 (then λ has no effect where x ≥ 0). ADMM with one factor for all pixels:
/// `X ← (DᵀWD + μI)⁻¹(DᵀWy + μ(U + V))`, `U ← soft(X − V, λ/μ)` (clipped at 0), `V ← V − (X − U)`; the result is U.
///
/// μ is fixed for the whole scene, so a pixel's result does not depend on the pixels around it:
/// 0.005 of the mean squared length of the spectra *(measured)*. Library spectra are alike: all but a few eigenvalues
/// of DᵀD are far below that length, and μ has to lie among those that matter. Every pixel stops by itself when its primal and dual residuals are
/// below `tolerance · √m`, tested every ten iterations. 2 m² flops per pixel and iteration, in cache.
///
/// With `exact` 1 and `x ≥ 0` the same problem is solved to machine precision by an active set, which costs less the
/// fewer spectra are present.
public struct SUnSAL: AbundanceEstimator {
  public static let description = MethodDescription(
    id: "sunsal", name: "Sparse unmixing by variable splitting and augmented Lagrangian (SUnSAL)",
    task: .sparse,
    citation:
      "J. M. Bioucas-Dias and M. A. T. Figueiredo, Alternating direction algorithms for constrained sparse "
      + "regression: application to hyperspectral unmixing, WHISPERS 2010",
    cost: "2 N L m + 2 N m² T",
    advice:
      "The first choice for a spectral library: pixel by pixel, any scene size. Thin out near-duplicates first.",
    parameters: [
      lambda(share: 0.01), ParameterDescription("positivity", 1, in: 0...1, "1: abundances are not negative"),
      ParameterDescription("asc", 0, in: 0...1, "1: abundances of a pixel sum to one"),
      mu, iterations(1000), tolerance(1e-4),
      ParameterDescription("exact", 0, in: 0...1, "1: active set instead of ADMM (needs positivity)"),
    ])

  /// The weight of a sparsity term, in squared units of the spectra; by default a share of their mean square, so that the units of a
  /// scene do not matter: 0.01 is the customary 1e-3 for reflectance with a root mean square of 0.3.
  static func lambda(_ name: String = "lambda", share: Double, _ summary: String = "weight of the sparsity term")
    -> ParameterDescription
  {
    ParameterDescription(
      name, nil, in: 0...1e9, "\(summary), in squared units of the spectra; default \(share) of their mean square")
  }

  /// The weight that was given, or `share` of the mean square of the spectra.
  static func weight(_ given: Double?, share: Double, _ spectra: SpectralLibrary) -> Double {
    given ?? share * spectra.values.reduce(0) { $0 + $1 * $1 } / Double(max(1, spectra.values.count))
  }
  static let mu = ParameterDescription(
    "mu", nil, in: 1e-12...1e12, "ADMM penalty; default 0.005 of the mean squared length of the spectra")
  static func iterations(_ value: Double) -> ParameterDescription {
    ParameterDescription("iterations", value, in: 1...1e6, "most ADMM iterations")
  }
  static func tolerance(_ value: Double) -> ParameterDescription {
    ParameterDescription("tolerance", value, in: 0...1, "residual per abundance at which iterations stop")
  }

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws {
    self.parameters = parameters
    guard parameters.value("exact") < 0.5 || parameters.value("positivity") >= 0.5 else {
      throw CoreError.invalidParameter(
        name: "sunsal exact", value: "1", requirement: "0 where positivity is 0")
    }
  }

  public func prepare(_ endmembers: SpectralLibrary, weights: [Double]?) throws -> any AbundanceSolver {
    let model = try LinearUnmixing(endmembers, weights: weights, method: "SUnSAL")
    let lambda = SUnSAL.weight(parameters["lambda"], share: 0.01, endmembers)
    let sumToOne = parameters.value("asc") >= 0.5
    if parameters.value("exact") >= 0.5 { return ProgramSolver(model, sumToOne: sumToOne, lambda: lambda) }
    let settings = SparseSolver.Settings(
      lambda: lambda, isNonnegative: parameters.value("positivity") >= 0.5, sumToOne: sumToOne,
      mu: parameters["mu"], iterations: Int(parameters.value("iterations")),
      tolerance: parameters.value("tolerance"))
    return try SparseSolver(model, settings)
  }
}

/// The ADMM of SUnSAL prepared for a library.
struct SparseSolver: AbundanceSolver {
  struct Settings: Sendable {
    var lambda: Double
    var isNonnegative = true
    var sumToOne = false
    var mu: Double?
    var iterations: Int
    var tolerance: Double
    /// Over-relaxation factor of ADMM, between 1.5 and 1.8 in Eckstein and Bertsekas 1992.
    var relaxation = 1.6
  }

  private let weighted: Matrix<Double>
  private let system: [Double]
  private let mu: Double
  private let settings: Settings

  init(_ model: LinearUnmixing, _ settings: Settings) throws {
    let gram = model.gram
    let atoms = gram.rows
    weighted = model.weighted
    mu = settings.mu ?? SplitSystem.defaultPenalty(gram)
    self.settings = settings
    var system = [Double](repeating: 0, count: hsi_sunsal_system_size(atoms))
    var scratch = [Double](repeating: 0, count: hsi_sunsal_prepare_scratch_size(atoms))
    guard hsi_sunsal_prepare(gram.values, atoms, mu, settings.sumToOne ? 1 : 0, &system, &scratch) == 0 else {
      throw NumericsError.singular(operation: "factorising the library", size: atoms)
    }
    self.system = system
  }

  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix) throws -> Int {
    abundances.reshape(rows: pixels.rows, columns: weighted.columns)
    return solve(pixels, into: abundances, atomWeights: nil, weights: nil)
  }

  /// Solves with thresholds `λ · atomWeights[i] · weights[n, i]`; returns the number of pixels that met the iteration
  /// limit. `abundances` has its shape already.
  @discardableResult
  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix, atomWeights: [Float]?, weights: PixelMatrix?) -> Int {
    let atoms = weighted.columns
    let threads = hsi_pool_threads()
    var scratch = [Float](repeating: 0, count: hsi_sunsal_scratch_size(atoms, threads))
    var unconverged = 0
    system.withUnsafeBufferPointer { system in
      withOptionalPointer(atomWeights) { atomWeights in
        LinearUnmixing.products(pixels, weighted) { products, first, count in
          var job = hsi_sunsal_job()
          job.atoms = atoms
          job.pixels = count
          job.system = system.baseAddress
          job.mu = mu
          job.products_f64 = products
          job.x = abundances.pointer + first * atoms
          job.lambda = settings.lambda
          job.atom_weights = atomWeights
          job.weights = weights.map { UnsafePointer($0.pointer + first * atoms) }
          job.nonnegative = settings.isNonnegative ? 1 : 0
          job.relaxation = settings.relaxation
          job.tolerance = settings.tolerance
          job.max_iterations = Int32(settings.iterations)
          hsi_sunsal_solve(&job, &scratch, threads)
          unconverged += Int(job.unconverged)
        }
      }
    }
    return unconverged
  }
}

private func withOptionalPointer(_ values: [Float]?, _ body: (UnsafePointer<Float>?) -> Void) {
  guard let values else { return body(nil) }
  values.withUnsafeBufferPointer { body($0.baseAddress) }
}
