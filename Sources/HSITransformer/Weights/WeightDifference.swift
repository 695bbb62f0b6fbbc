import HSICore
import HSINumerics

/// What tells two files of weights apart, tensor by tensor: which are in one only, and how far the others lie from each other.
///
///     let difference = try WeightDifference(WeightFile.open("a.safetensors"), WeightFile.open("b.safetensors"))
///     for tensor in difference.changed { print(tensor.name, tensor.relative, tensor.rank ?? 0) }
public struct WeightDifference: Sendable {
  /// One tensor that is in both files and differs.
  public struct Change: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Extents.
    public var shape: [Int]
    /// `‖B − A‖ / ‖A‖`, Frobenius norms; infinite where A is zero.
    public var relative: Double
    /// The largest `|B − A|`.
    public var largest: Double
    /// How many of its values differ.
    public var values: Int
    /// Rank of B − A seen as a matrix `[out, the rest]`: singular values above 10⁻⁵ of the largest. Nil for vectors, and where
    /// the smaller side exceeds `WeightDifference.rankLimit`.
    public var rank: Int?
  }

  /// Tensors of A that B lacks, and of B that A lacks, in the order of their files.
  public let onlyInFirst, onlyInSecond: [String]
  /// Tensors of other extents.
  public let reshaped: [(name: String, first: [Int], second: [Int])]
  /// Tensors of other values, in the order of A.
  public let changed: [Change]
  /// Tensors whose values are equal.
  public let equalCount: Int

  /// The smaller side of the largest matrix whose rank is found.
  public static let rankLimit = 1024

  /// Whether both files hold the same numbers under the same names.
  public var isEmpty: Bool { onlyInFirst.isEmpty && onlyInSecond.isEmpty && reshaped.isEmpty && changed.isEmpty }

  /// Compares two files in single precision. Memory: two tensors and a matrix of the smaller side at a time.
  ///
  /// - Throws: `TransformerError` for damaged files, `CoreError.cancelled`.
  public init(_ first: WeightFile, _ second: WeightFile, _ context: RunContext = RunContext()) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    onlyInFirst = first.tensors.map(\.name).filter { second[$0] == nil }
    onlyInSecond = second.tensors.map(\.name).filter { first[$0] == nil }
    var reshaped: [(name: String, first: [Int], second: [Int])] = []
    var changed: [Change] = []
    var equal = 0
    for tensor in first.tensors {
      guard let other = second[tensor.name] else { continue }
      try context.checkCancellation()
      guard tensor.shape == other.shape else {
        reshaped.append((tensor.name, tensor.shape, other.shape))
        continue
      }
      if let change = WeightDifference.change(tensor.name, try tensor.floats(), try other.floats()) {
        changed.append(change)
      } else {
        equal += 1
      }
    }
    (self.reshaped, self.changed, equalCount) = (reshaped, changed, equal)
  }

  private static func change(_ name: String, _ a: Tensor, _ b: Tensor) -> Change? {
    let difference = Tensor(uninitialised: a.shape)
    var (norm, sum, largest, count) = (0.0, 0.0, 0.0, 0)
    for i in 0..<a.count {
      let (x, y) = (a.pointer[i], b.pointer[i])
      let delta = x.bitPattern == y.bitPattern ? 0 : Double(y) - Double(x)
      difference.output[i] = Float(delta)
      norm += Double(x) * Double(x)
      sum += delta * delta
      // A NaN counts as a difference.
      if !(delta == 0) { count += 1 }
      largest = max(largest, abs(delta))
    }
    guard count > 0 else { return nil }
    return Change(
      name: name, shape: a.shape, relative: norm > 0 ? (sum / norm).squareRoot() : .infinity, largest: largest,
      values: count, rank: sum.isFinite ? rank(difference) : nil)
  }

  /// The rank of `[out, the rest]` by the eigenvalues of the smaller Gram matrix in double precision.
  private static func rank(_ tensor: Tensor) -> Int? {
    guard tensor.shape.count > 1, tensor.count > 0 else { return nil }
    let (rows, columns) = (tensor.shape[0], tensor.count / tensor.shape[0])
    let side = min(rows, columns)
    guard side <= rankLimit else { return nil }
    let matrix = Matrix(rows: rows, columns: columns, values: tensor.values.map(Double.init))
    let gram =
      rows <= columns
      ? matrix.multiplied(by: matrix, .none, .transposed) : matrix.multiplied(by: matrix, .transposed, .none)
    guard let found = try? gram.symmetricEigenvalues() else { return nil }
    let largest = found.map { abs($0) }.max() ?? 0
    // Eigenvalues are squares; rounding of the differences themselves is left out.
    return found.reduce(0) { $0 + ($1 > 1e-10 * largest ? 1 : 0) }
  }
}
