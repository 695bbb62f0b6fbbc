/// Scalars that BLAS knows.
public protocol BLASScalar: BinaryFloatingPoint, Sendable {}
extension Float: BLASScalar {}
extension Double: BLASScalar {}

/// A dense row-major matrix with value semantics, for the small algebra of methods (bands × bands, bands ×
/// endmembers). Pixels live in `PixelMatrix`.
@frozen
public struct Matrix<Scalar: BLASScalar>: Hashable, Sendable {
  /// Number of rows.
  public private(set) var rows: Int
  /// Number of columns.
  public private(set) var columns: Int
  /// Values in row-major order.
  public var values: [Scalar]

  /// A matrix filled with one value.
  @inlinable
  public init(rows: Int, columns: Int, repeating value: Scalar = 0) {
    self.init(rows: rows, columns: columns, values: [Scalar](repeating: value, count: rows * columns))
  }

  /// A matrix of values in row-major order.
  public init(rows: Int, columns: Int, values: [Scalar]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  /// A matrix computed entry by entry.
  public init(rows: Int, columns: Int, _ entry: (Int, Int) throws -> Scalar) rethrows {
    var values: [Scalar] = []
    values.reserveCapacity(rows * columns)
    for i in 0..<rows { for j in 0..<columns { values.append(try entry(i, j)) } }
    self.init(rows: rows, columns: columns, values: values)
  }

  /// The identity.
  public static func identity(_ size: Int) -> Matrix {
    Matrix(rows: size, columns: size) { $0 == $1 ? 1 : 0 }
  }

  /// One entry.
  @inlinable
  public subscript(row: Int, column: Int) -> Scalar {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  /// One row.
  public func row(_ index: Int) -> [Scalar] { Array(values[(index * columns)..<((index + 1) * columns)]) }

  /// One column.
  public func column(_ index: Int) -> [Scalar] { (0..<rows).map { self[$0, index] } }

  /// The transpose.
  public var transposed: Matrix { Matrix(rows: columns, columns: rows) { self[$1, $0] } }

  /// The given rows, in that order.
  public func selecting(rows selection: [Int]) -> Matrix {
    Matrix(rows: selection.count, columns: columns) { self[selection[$0], $1] }
  }

  /// The given columns, in that order.
  public func selecting(columns selection: [Int]) -> Matrix {
    Matrix(rows: rows, columns: selection.count) { self[$0, selection[$1]] }
  }

  /// Entries mapped one by one.
  public func map<T: BLASScalar>(_ transform: (Scalar) throws -> T) rethrows -> Matrix<T> {
    Matrix<T>(rows: rows, columns: columns, values: try values.map(transform))
  }
}
