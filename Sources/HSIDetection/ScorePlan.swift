import CKernels
import HSICore
import HSINumerics

/// Centred pixels times a matrix, with the squared lengths of groups of its columns; see `hsi_score_pixels`.
///
///     d = x − shift,  y = d W;   norms: |d|², then |y_group|² for every group;   values: the columns behind the groups
///
/// Everything that detectors ask of a pixel has this form: distances are norms, filters are values.
public final class ScorePlan: Sendable {
  /// Bands of the pixels.
  public let bands: Int
  /// Columns of the matrix.
  public let columns: Int
  /// Number of norms per pixel: one more than groups.
  public var normCount: Int { 1 + ends.count }
  /// Number of values per pixel.
  public var valueCount: Int { columns - (ends.last ?? 0) }
  private let shift: [Float]?
  private let packed: [Float]
  private let ends: [Int]

  /// A plan.
  ///
  /// - Parameters:
  ///   - matrix: W, bands × columns.
  ///   - shift: what is taken off pixels; nil for nothing.
  ///   - groups: columns per group, in order; those behind them are values.
  public init(_ matrix: Matrix<Double>, shift: [Double]?, groups: [Int]) {
    bands = matrix.rows
    columns = matrix.columns
    var (total, ends): (Int, [Int]) = (0, [])
    for group in groups {
      total += group
      ends.append(total)
    }
    precondition(total <= matrix.columns, "groups of \(total) columns of \(matrix.columns)")
    self.ends = ends
    self.shift = shift.map { $0.map { Float($0) } }
    let weights = matrix.values.map { Float($0) }
    var packed = [Float](repeating: 0, count: max(1, hsi_gemm_packed_size(matrix.rows, matrix.columns)))
    if matrix.columns > 0 { hsi_gemm_pack(weights, matrix.columns, matrix.rows, matrix.columns, &packed) }
    self.packed = packed
  }

  /// Norms (pixels × `normCount`) and values (pixels × `valueCount`) of pixels.
  public func score(_ pixels: PixelMatrix, norms: PixelMatrix?, values: PixelMatrix?) {
    precondition(pixels.columns == bands, "\(pixels.columns) bands for \(bands)")
    precondition(norms.map { $0.columns == normCount && $0.rows == pixels.rows } ?? true)
    precondition(values.map { $0.columns == valueCount && $0.rows == pixels.rows } ?? true)
    guard pixels.rows > 0 else { return }
    withPlan { plan, scratch, threads in
      hsi_score_pixels(
        &plan, pixels.pointer, bands, pixels.rows, norms?.pointer, values?.pointer, scratch, Int32(threads))
    }
  }

  /// Matched filter and infeasibility of every target, pixels × 2 K; see `hsi_score_mixtures`.
  func scoreMixtures(
    _ pixels: PixelMatrix, filters: [Float], targets: [Float], deviations: [Float], into values: PixelMatrix
  ) {
    guard pixels.rows > 0, columns > 0 else { return }
    let count = filters.count / columns
    withPlan { plan, scratch, threads in
      hsi_score_mixtures(
        &plan, pixels.pointer, bands, pixels.rows, filters, targets, deviations, count, values.pointer, scratch,
        Int32(threads))
    }
  }

  private func withPlan(_ body: (inout hsi_score_plan, UnsafeMutablePointer<Float>, Int) -> Void) {
    let threads = Parallel.threads
    packed.withUnsafeBufferPointer { packed in
      ends.withUnsafeBufferPointer { ends in
        (shift ?? []).withUnsafeBufferPointer { shift in
          var plan = hsi_score_plan(
            bands: bands, columns: columns, groups: ends.count, shift: self.shift == nil ? nil : shift.baseAddress,
            packed: packed.baseAddress, group_ends: ends.baseAddress)
          withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, hsi_score_scratch_size(&plan, Int32(threads))))
          {
            if let scratch = $0.baseAddress { body(&plan, scratch, threads) }
          }
        }
      }
    }
  }
}
