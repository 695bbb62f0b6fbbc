/// How an image `rows × columns` is cut into windows of `window × window` after a cyclic shift by `shift` (rows and columns
/// move towards the origin) and zero padding at the bottom and right.
///
/// Windows are in row-major order, positions inside one too.
public struct WindowGeometry: Sendable, Hashable {
  /// Rows of the image.
  public let rows: Int
  /// Columns of the image.
  public let columns: Int
  /// Side of a window.
  public let window: Int
  /// Cyclic shift.
  public let shift: Int

  /// The cut of an image.
  public init(rows: Int, columns: Int, window: Int, shift: Int = 0) {
    self.rows = rows
    self.columns = columns
    self.window = window
    self.shift = shift
  }

  /// Windows along the rows.
  public var windowRows: Int { (rows + window - 1) / window }
  /// Windows along the columns.
  public var windowColumns: Int { (columns + window - 1) / window }
  /// Windows of one image.
  public var windows: Int { windowRows * windowColumns }
  /// Positions of one window.
  public var positions: Int { window * window }
  /// True when some positions lie outside the image.
  public var isPadded: Bool { rows % window != 0 || columns % window != 0 }

  /// Image rows to `[windows · positions]`; padded positions are filled.
  public var partition: RowMap {
    var sources: [Int32] = []
    sources.reserveCapacity(windows * positions)
    for index in 0..<(windows * positions) {
      let (window, position) = (index / positions, index % positions)
      let row = window / windowColumns * self.window + position / self.window
      let column = window % windowColumns * self.window + position % self.window
      sources.append(
        row < rows && column < columns
          ? Int32((row + shift) % rows * columns + (column + shift) % columns) : -1)
    }
    return RowMap(inputCount: rows * columns, sources: sources)
  }

  /// The mask of shifted windows, `[windows, positions, positions]`: `value` between positions that were not neighbours
  /// before the shift. Regions are those of the slices `[0, −w), [−w, −s), [−s, end)` of both axes (Liu et al., Swin
  /// Transformer, ICCV 2021).
  public func shiftMask(_ value: Float = -100) -> Tensor {
    func region(_ i: Int, _ extent: Int) -> Int { i < extent - window ? 0 : i < extent - shift ? 1 : 2 }
    let labels = (0..<(windows * positions)).map { index -> Int in
      let (window, position) = (index / positions, index % positions)
      let row = window / windowColumns * self.window + position / self.window
      let column = window % windowColumns * self.window + position % self.window
      return region(row, rows) * 3 + region(column, columns)
    }
    let mask = Tensor.zeros([windows, positions, positions])
    guard shift > 0 else { return mask }
    for w in 0..<windows {
      for i in 0..<positions {
        for j in 0..<positions where labels[w * positions + i] != labels[w * positions + j] {
          mask.output[(w * positions + i) * positions + j] = value
        }
      }
    }
    return mask
  }

  /// The place in a table of `(2w − 1)²` relative positions of query i and key j of a window:
  /// `(r_i − r_j + w − 1)(2w − 1) + c_i − c_j + w − 1`.
  public static func relativeIndex(_ i: Int, _ j: Int, window: Int) -> Int {
    (i / window - j / window + window - 1) * (2 * window - 1) + i % window - j % window + window - 1
  }
}
