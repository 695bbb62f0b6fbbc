import HSICore
import HSINumerics

/// A regression of some columns on others, with a constant, in double precision.
struct LinearFit {
  /// Columns that are explained by × columns that are explained.
  let slopes: Matrix<Double>
  /// One per column that is explained.
  let constants: [Double]

  /// Least squares; a ridge of 1e-10 of the mean variance keeps dependent columns harmless.
  ///
  /// - Throws: `NumericsError`.
  init(_ from: PixelMatrix, _ to: PixelMatrix) throws {
    let (a, b) = (LinearFit.centred(from), LinearFit.centred(to))
    var gram = a.values.multiplied(by: a.values, .transposed)
    let trace = (0..<gram.rows).reduce(0) { $0 + gram[$1, $1] }
    for i in 0..<gram.rows { gram[i, i] += max(1e-10 * trace / Double(gram.rows), .leastNormalMagnitude) }
    slopes =
      trace > 0
      ? try gram.solvedPositiveDefinite(a.values.multiplied(by: b.values, .transposed))
      : Matrix(rows: from.columns, columns: to.columns)
    let found = slopes
    constants = (0..<to.columns).map { j in
      b.means[j] - (0..<from.columns).reduce(0) { $0 + found[$1, j] * a.means[$1] }
    }
  }

  /// Explained columns of other rows.
  func apply(to image: PixelMatrix) -> PixelMatrix {
    let result = LinearFit.product(image, slopes)
    for row in 0..<result.rows { for j in 0..<result.columns { result[row, j] += Float(constants[j]) } }
    return result
  }

  /// Rows × a matrix.
  static func product(_ image: PixelMatrix, _ matrix: Matrix<Double>) -> PixelMatrix {
    let (inner, columns) = (matrix.rows, matrix.columns)
    let result = PixelMatrix(rows: image.rows, columns: columns)
    let (source, out, values) = (image.pointer, result.pointer, matrix.values)
    values.withUnsafeBufferPointer { values in
      let values = values
      Parallel.forEachChunk(of: image.rows, chunk: 512) { _, rows in
        for row in rows {
          for j in 0..<columns {
            var sum = 0.0
            for i in 0..<inner { sum += Double(source[row * inner + i]) * values[i * columns + j] }
            out[row * columns + j] = Float(sum)
          }
        }
      }
    }
    return result
  }

  /// The leading eigenvectors of the covariance of columns, columns × count.
  static func principalAxes(_ image: PixelMatrix, count: Int) throws -> Matrix<Double> {
    let centred = centred(image).values
    let eigen = try centred.multiplied(by: centred, .transposed).symmetricEigen()
    return eigen.vectors.selecting(columns: Array(0..<count))
  }

  private static func centred(_ image: PixelMatrix) -> (values: Matrix<Double>, means: [Double]) {
    var means = [Double](repeating: 0, count: image.columns)
    for row in 0..<image.rows { for j in means.indices { means[j] += Double(image[row, j]) } }
    means = means.map { $0 / Double(max(image.rows, 1)) }
    return (
      Matrix(rows: image.rows, columns: image.columns) { Double(image[$0, $1]) - means[$1] }, means
    )
  }
}
