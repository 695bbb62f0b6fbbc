import CKernels
import HSICore
import HSINumerics

/// A solver whose model of a pixel has more terms than endmembers, so that residuals come from all of them.
public protocol ExpandedAbundanceSolver: AbundanceSolver {
  /// The spectra of all terms, T × L; the endmembers come first.
  var terms: SpectralLibrary { get }
  /// The coefficients of all terms, N × T, that belong to abundances which `solve` found.
  func coefficients(_ pixels: PixelMatrix, _ abundances: PixelMatrix) -> PixelMatrix
}

/// The bilinear models of GBM and PPNM, prepared for endmembers: `y = Ma + Σ_p θ_p(a) f_p` with the products `f_p = m_i ∘ m_j / u`; u is
/// what stands for a reflectance of 1 (`MESMA.unit`), so that units do not matter.
///
/// Everything that a pixel needs are its inner products with the T terms, so a step costs T² whatever the bands.
struct BilinearSolver: ExpandedAbundanceSolver {
  let terms: SpectralLibrary
  private let isPolynomial: Bool
  private let limits: ClosedRange<Double>
  private let iterations: Int
  private let tolerance: Double
  private let start: ProgramSolver
  private let weighted: Matrix<Double>
  private let gram: [Double]
  private let count: Int

  init(
    _ endmembers: SpectralLibrary, weights: [Double]?, isPolynomial: Bool, limits: ClosedRange<Double> = 0...1,
    parameters: MethodParameters, method: String
  ) throws {
    let model = try LinearUnmixing(endmembers, weights: weights, method: method)
    count = endmembers.count
    guard count <= Int(HSI_BILINEAR_ENDMEMBERS) else {
      throw UnmixingError.tooManyEndmembers(
        count: count, limit: Int(HSI_BILINEAR_ENDMEMBERS), reason: "\(method) has a term for every pair")
    }
    var (names, values) = (endmembers.names, endmembers.values)
    let bands = endmembers.bands
    let unit = MESMA.unit(of: endmembers)
    for i in 0..<count {
      for j in (isPolynomial ? i : i + 1)..<max(count, isPolynomial ? i : i + 1) {
        names.append("\(endmembers.names[i]) × \(endmembers.names[j])")
        for l in 0..<bands {
          values.append(endmembers.values[i * bands + l] * endmembers.values[j * bands + l] / unit)
        }
      }
    }
    terms = SpectralLibrary(names: names, axis: endmembers.axis, values: values)
    start = ProgramSolver(model, sumToOne: true)
    let all = try LinearUnmixing(terms, weights: weights, method: method)
    weighted = all.weighted
    gram = all.gram.values
    self.isPolynomial = isPolynomial
    self.limits = limits
    iterations = Int(clamping: parameters.value("iterations"))
    tolerance = parameters.value("tolerance")
  }

  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix) throws -> Int {
    _ = try start.solve(pixels, into: abundances)
    run(pixels, abundances, iterations: iterations, terms: nil)
    return 0
  }

  func coefficients(_ pixels: PixelMatrix, _ abundances: PixelMatrix) -> PixelMatrix {
    let result = PixelMatrix(rows: pixels.rows, columns: terms.count)
    let copy = PixelMatrix(rows: abundances.rows, columns: count, values: abundances.values)
    run(pixels, copy, iterations: 0, terms: result)
    return result
  }

  private func run(_ pixels: PixelMatrix, _ abundances: PixelMatrix, iterations: Int, terms: PixelMatrix?) {
    let size = self.terms.count
    gram.withUnsafeBufferPointer { gram in
      LinearUnmixing.products(pixels, weighted) { products, first, rows in
        var job = hsi_bilinear_job()
        job.polynomial = isPolynomial ? 1 : 0
        job.endmembers = count
        job.pixels = rows
        job.gram = gram.baseAddress
        job.products = products
        job.low = limits.lowerBound
        job.high = limits.upperBound
        job.iterations = Int32(clamping: iterations)
        job.tolerance = tolerance
        job.abundances = abundances.pointer + first * count
        job.terms = terms.map { $0.pointer + first * size }
        hsi_bilinear(&job)
      }
    }
  }

  static let parameters = [
    ParameterDescription("iterations", 50, in: 1...1e6, "most steps per pixel"),
    ParameterDescription("tolerance", 1e-9, in: 0...1, "relative fall of the objective at which a pixel is done"),
  ]
}
