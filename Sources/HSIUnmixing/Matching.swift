import HSICore
import HSINumerics
import HSISpectral

/// Assigns estimated endmembers to reference endmembers at least total cost, each used at most once.
public enum Matching {
  /// By spectral angle.
  ///
  /// - Parameters:
  ///   - estimate: K̂ × L, one spectrum per row.
  ///   - reference: K × L.
  /// - Returns: for every reference the row of `estimate`, nil where there are fewer estimates than references.
  public static func bySpectralAngle(_ estimate: Matrix<Double>, _ reference: Matrix<Double>) -> [Int?] {
    precondition(estimate.columns == reference.columns)
    return assign(
      Matrix(rows: reference.rows, columns: estimate.rows) {
        SpectralDistance.angle(reference.row($0), estimate.row($1))
      })
  }

  /// By distance between abundance maps, `‖a_i − â_j‖₂` over the pixels.
  ///
  /// - Parameters:
  ///   - estimate: N × K̂.
  ///   - reference: N × K, the same pixels.
  /// - Returns: for every reference the column of `estimate`, nil where there are fewer.
  public static func byAbundance(_ estimate: PixelMatrix, _ reference: PixelMatrix) -> [Int?] {
    precondition(estimate.rows == reference.rows)
    var squares = Matrix<Double>(rows: reference.columns, columns: estimate.columns)
    for n in 0..<reference.rows {
      for i in 0..<reference.columns {
        for j in 0..<estimate.columns {
          let difference = Double(reference[n, i]) - Double(estimate[n, j])
          squares[i, j] += difference * difference
        }
      }
    }
    return assign(squares.map { $0.squareRoot() })
  }

  /// The assignment of least total cost; rows are references.
  static func assign(_ cost: Matrix<Double>) -> [Int?] {
    guard cost.rows > 0, cost.columns > 0 else { return [Int?](repeating: nil, count: cost.rows) }
    if cost.rows <= cost.columns { return Assignment.minimumCost(cost).map { $0 } }
    var result = [Int?](repeating: nil, count: cost.rows)
    for (estimate, reference) in Assignment.minimumCost(cost.transposed).enumerated() {
      result[reference] = estimate
    }
    return result
  }
}
