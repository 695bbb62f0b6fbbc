import CKernels
import HSICore
import HSINumerics

/// What all least-squares estimators share: endmembers as a matrix, weights, and blockwise products with the pixels.
struct LinearUnmixing: Sendable {
  /// Channels × endmembers.
  let endmembers: Matrix<Double>
  /// Channel weights w ≥ 0, or nil for ones.
  let weights: [Double]?
  /// Pixels whose products are held at a time.
  static let block = 8192

  /// Checks endmembers (finite, at least one) and weights (one per band, finite, ≥ 0, not all zero).
  init(_ library: SpectralLibrary, weights: [Double]?, method: String) throws {
    guard library.count > 0 else { throw UnmixingError.tooFewPixels(valid: 0, needed: 1, purpose: method) }
    for i in 0..<library.count where library[i].contains(where: { !$0.isFinite }) {
      throw UnmixingError.invalidSpectra(name: library.names[i])
    }
    if let weights {
      guard weights.count == library.bands else {
        throw UnmixingError.bandMismatch(
          spectra: library.bands, scene: weights.count, advice: "give one channel weight per band")
      }
      guard weights.allSatisfy({ $0 >= 0 && $0.isFinite }), weights.contains(where: { $0 > 0 }) else {
        throw CoreError.invalidParameter(
          name: "channel weights", value: "negative, infinite or all zero",
          requirement: "at least 0, some positive")
      }
    }
    endmembers = Matrix(rows: library.count, columns: library.bands, values: library.values).transposed
    self.weights = weights
  }

  /// `W M`, channels × endmembers.
  var weighted: Matrix<Double> {
    guard let weights else { return endmembers }
    return Matrix(rows: endmembers.rows, columns: endmembers.columns) { endmembers[$0, $1] * weights[$0] }
  }

  /// `W^½ M`.
  var rootWeighted: Matrix<Double> {
    guard let weights else { return endmembers }
    return Matrix(rows: endmembers.rows, columns: endmembers.columns) {
      endmembers[$0, $1] * weights[$0].squareRoot()
    }
  }

  /// `Mᵀ W M`.
  var gram: Matrix<Double> { rootWeighted.gram }

  /// `Y · matrix` in double precision, block by block: `body(products, first, count)` with `count` × columns values.
  /// `body` is called on the calling thread; the products are formed on the pool.
  static func products(
    _ pixels: PixelMatrix, _ matrix: Matrix<Double>, _ body: (UnsafePointer<Double>, Int, Int) -> Void
  ) {
    precondition(pixels.columns == matrix.rows)
    let columns = matrix.columns
    var scratch = [Double](repeating: 0, count: hsi_project_scratch_size(matrix.rows, columns))
    var products = [Double](repeating: 0, count: min(block, pixels.rows) * columns)
    for first in stride(from: 0, to: pixels.rows, by: block) {
      let count = min(block, pixels.rows - first)
      hsi_project_f64(
        pixels.pointer + first * pixels.columns, pixels.columns, count, pixels.columns, matrix.values,
        columns,
        &products, columns, &scratch)
      body(products, first, count)
    }
  }
}

/// Abundances that are an affine function of the pixel: `a = Pᵀ y + c`.
struct AffineSolver: AbundanceSolver {
  /// L × K.
  let projection: Matrix<Double>
  /// K.
  let constant: [Double]

  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix) throws -> Int {
    let columns = constant.count
    abundances.reshape(rows: pixels.rows, columns: columns)
    let output = abundances.pointer
    LinearUnmixing.products(pixels, projection) { products, first, count in
      Parallel.forEachChunk(of: count, chunk: 2048) { _, range in
        for n in range {
          let (source, target) = (products + n * columns, output + (first + n) * columns)
          for k in 0..<columns { target[k] = Float(source[k] + constant[k]) }
        }
      }
    }
    return 0
  }
}

/// Abundances by a quadratic program per pixel on `G = MᵀWM` and `b = MᵀWy − λ1`.
struct ProgramSolver: AbundanceSolver {
  let weighted: Matrix<Double>
  let program: NonnegativeQuadraticProgram
  /// Weight of `‖a‖₁`, which is `1ᵀa` here.
  let lambda: Double

  init(_ model: LinearUnmixing, sumToOne: Bool, lambda: Double = 0) {
    weighted = model.weighted
    self.lambda = lambda
    program = NonnegativeQuadraticProgram(gram: model.gram, sumToOne: sumToOne)
  }

  func solve(_ pixels: PixelMatrix, into abundances: PixelMatrix) throws -> Int {
    let columns = weighted.columns
    abundances.reshape(rows: pixels.rows, columns: columns)
    let output = abundances.pointer
    LinearUnmixing.products(pixels, weighted) { products, first, count in
      Parallel.forEachChunk(of: count, chunk: 256) { _, range in
        program.solve(
          products + range.lowerBound * columns, pixels: range.count, minus: lambda,
          into: output + (first + range.lowerBound) * columns)
      }
    }
    return 0
  }
}
