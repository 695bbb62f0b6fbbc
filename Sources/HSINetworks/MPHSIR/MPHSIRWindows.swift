import HSITransformer

/// Images cut into windows with a cyclic shift, as the blocks of MP-HSIR share it.
///
/// The mask of shifted windows holds −100 between positions that were not neighbours before the shift. Checkpoints store it for the
/// size that the network was trained at and the reference computes it for others; both rules give these values, so it is always
/// computed here. Without a shift it is zero and left away.
final class MPHSIRWindows {
  /// A cut of images of one size.
  final class Cut {
    /// Image rows to window rows, and back.
    let partition, reverse: RowMap
    /// `[windows, positions, positions]`, or nil where it is zero.
    let mask: Tensor?
    /// Windows of an image, positions of a window.
    let windows, positions: Int

    init(_ geometry: WindowGeometry) {
      partition = geometry.partition
      reverse = partition.inverse
      mask = geometry.shift > 0 ? geometry.shiftMask() : nil
      (windows, positions) = (geometry.windows, geometry.positions)
    }
  }

  private var cuts: [WindowGeometry: Cut] = [:]

  /// Three levels with and without shift are six cuts: those of two sizes of images are kept.
  private static let limit = 12

  /// The cut of images of a size.
  func cut(rows: Int, columns: Int, window: Int, shift: Int) -> Cut {
    let geometry = WindowGeometry(rows: rows, columns: columns, window: window, shift: shift)
    if let known = cuts[geometry] { return known }
    if cuts.count >= MPHSIRWindows.limit { cuts.removeAll() }
    let made = Cut(geometry)
    cuts[geometry] = made
    return made
  }
}
