import CFFTW
import Foundation
import Synchronization

/// Orthonormal cosine transform (DCT-II) of the rows or of the columns of matrices of one shape, single precision (FFTW).
///
///     S(n, k) = c_k Σ_j x(n, j) cos(π k (2j + 1) / 2s),  c_0 = √(1/s), c_k = √(2/s)
///
/// along rows of length s; along columns likewise. Plans are estimated, made once per shape under a lock and shared. Cost about
/// 2.5 N log₂ s flops for N values.
public struct CosineTransform: Sendable {
  /// Along which axis.
  public enum Axis: Sendable, Hashable {
    /// Every row by itself.
    case rows
    /// Every column by itself.
    case columns
  }

  private let rows, columns: Int
  private let axis: Axis
  private let plan: Plan

  /// The transform of matrices `rows × columns`, both at least 1.
  public init(rows: Int, columns: Int, along axis: Axis) {
    precondition(rows > 0 && columns > 0)
    (self.rows, self.columns, self.axis) = (rows, columns, axis)
    plan = CosineTransform.cache.withLock { cache in
      let key = Shape(rows: rows, columns: columns, axis: axis)
      if let plan = cache[key] { return plan }
      let plan = Plan(key)
      cache[key] = plan
      return plan
    }
  }

  /// Length s of a transformed line.
  public var length: Int { axis == .rows ? columns : rows }

  /// Replaces a matrix, `rows × columns` without gaps, by its transform.
  public func callAsFunction(_ values: UnsafeMutablePointer<Float>) {
    fftwf_execute_r2r(plan.plan, values, values)
    // FFTW gives twice the sum of cosines.
    let (first, other) = ((0.25 / Float(length)).squareRoot(), (0.5 / Float(length)).squareRoot())
    for row in 0..<rows {
      let line = values + row * columns
      let factor = axis == .columns && row == 0 ? first : other
      for column in 0..<columns { line[column] *= factor }
      if axis == .rows { line[0] *= first / other }
    }
  }

  /// The basis vectors as rows, `s × s`; kept for every length that was asked for.
  public static func basis(_ length: Int) -> [Float] {
    bases.withLock { bases in
      if let basis = bases[length] { return basis }
      let scale = (2 / Double(length)).squareRoot()
      let basis = (0..<(length * length)).map { index in
        let (k, j) = (index / length, index % length)
        // The angle modulo a full turn, which keeps long transforms exact.
        let turn = k * (2 * j + 1) % (4 * length)
        return Float(scale * (k == 0 ? 0.5.squareRoot() : cos(Double.pi * Double(turn) / Double(2 * length))))
      }
      bases[length] = basis
      return basis
    }
  }

  private static let bases = Mutex<[Int: [Float]]>([:])

  private struct Shape: Hashable {
    var rows, columns: Int
    var axis: Axis
  }

  /// May be executed by several threads at once; only planning needs the lock.
  private final class Plan: @unchecked Sendable {
    let plan: fftwf_plan
    /// FFTW's planner flags, macros that Swift does not see.
    private static let estimate: UInt32 = 1 << 6
    private static let unaligned: UInt32 = 1 << 1

    init(_ shape: Shape) {
      let isRows = shape.axis == .rows
      var length = Int32(isRows ? shape.columns : shape.rows)
      var kind = FFTW_REDFT10
      let values = fftwf_alloc_real(shape.rows * shape.columns)
      defer { fftwf_free(values) }
      let (stride, distance) = isRows ? (1, shape.columns) : (shape.columns, 1)
      plan = fftwf_plan_many_r2r(
        1, &length, Int32(isRows ? shape.rows : shape.columns), values, nil, Int32(stride), Int32(distance), values,
        nil,
        Int32(stride), Int32(distance), &kind, Plan.estimate | Plan.unaligned)
    }
  }

  private static let cache = Mutex<[Shape: Plan]>([:])
}
