#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#endif

/// A row-major single-precision matrix with one pixel per row, 64-byte aligned: the unit of work of all methods.
///
/// `rows` pixels × `columns` values (bands, endmembers). The block of memory is kept when the matrix is reshaped to
/// something smaller, so that a loop over strips allocates once. Not safe for concurrent mutation, except of
/// distinct rows through `pointer`.
public final class PixelMatrix: @unchecked Sendable {
  /// Number of pixels.
  public private(set) var rows: Int
  /// Values per pixel.
  public private(set) var columns: Int
  /// First value; row `n` starts at `pointer + n · columns`. Valid as long as the matrix lives and is not reshaped.
  public private(set) var pointer: UnsafeMutablePointer<Float>
  private var capacity: Int

  /// A matrix of zeros.
  public init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    capacity = max(rows * columns, 1)
    pointer = PixelMatrix.allocate(capacity)
    pointer.update(repeating: 0, count: rows * columns)
  }

  /// A matrix of given values in row-major order.
  public convenience init(rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
    self.init(rows: rows, columns: columns)
    values.withUnsafeBufferPointer { if let p = $0.baseAddress { pointer.update(from: p, count: $0.count) } }
  }

  deinit { free(pointer) }

  /// Large pages are asked for because a scene is swept many times; in three pairs of runs a read of a 61 MB scene went
  /// from 28 to 29, 33 to 24 and 37 to 25 ns per pixel.
  private static let largePage = 2 << 20

  private static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
    var raw: UnsafeMutableRawPointer?
    let bytes = (count * 4 + 63) / 64 * 64
    let isLarge = bytes >= 4 * largePage
    let status = posix_memalign(&raw, isLarge ? largePage : 64, bytes)
    guard status == 0, let raw else { preconditionFailure("out of memory: \(count * 4) bytes for pixels") }
    #if os(Linux)
      // Whole large pages only, so that not a byte more becomes resident; a hint that may fail.
      if isLarge { _ = madvise(raw, bytes / largePage * largePage, MADV_HUGEPAGE) }
    #endif
    return raw.bindMemory(to: Float.self, capacity: count)
  }

  /// Changes the shape; contents are undefined afterwards unless the number of columns stays and rows shrink.
  public func reshape(rows: Int, columns: Int) {
    if rows * columns > capacity {
      free(pointer)
      capacity = rows * columns
      pointer = PixelMatrix.allocate(capacity)
    }
    self.rows = rows
    self.columns = columns
  }

  /// One value.
  @inlinable
  public subscript(row: Int, column: Int) -> Float {
    get { pointer[row * columns + column] }
    set { pointer[row * columns + column] = newValue }
  }

  /// One pixel.
  public func row(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: pointer + index * columns, count: columns)
  }

  /// All values in row-major order.
  public var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: rows * columns)) }
}
