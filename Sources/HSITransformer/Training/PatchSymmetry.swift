/// One of the eight flips and rotations of a square, and perhaps the reversal of the bands.
public struct PatchSymmetry: Hashable, Sendable {
  /// Quarter turns to the left, 0 to 3, taken before the flip.
  public let quarterTurns: Int
  /// Whether left and right are exchanged afterwards.
  public let isFlipped: Bool
  /// Whether the bands come in reversed order.
  public let reversesBands: Bool

  /// The patch as it is.
  public static let identity = PatchSymmetry(quarterTurns: 0, isFlipped: false, reversesBands: false)

  /// All sixteen, the identity first.
  public static let all: [PatchSymmetry] = (0..<16).map {
    PatchSymmetry(quarterTurns: $0 & 3, isFlipped: $0 & 4 != 0, reversesBands: $0 & 8 != 0)
  }

  /// `quarterTurns` is taken modulo 4.
  public init(quarterTurns: Int, isFlipped: Bool, reversesBands: Bool) {
    self.quarterTurns = quarterTurns & 3
    self.isFlipped = isFlipped
    self.reversesBands = reversesBands
  }

  /// The augmentation that undoes this one.
  public var inverse: PatchSymmetry {
    // A flip after a rotation is its own inverse.
    PatchSymmetry(
      quarterTurns: isFlipped ? quarterTurns : 4 - quarterTurns, isFlipped: isFlipped,
      reversesBands: reversesBands)
  }

  /// This augmentation followed by another.
  public func followed(by next: PatchSymmetry) -> PatchSymmetry {
    PatchSymmetry(
      quarterTurns: isFlipped ? quarterTurns - next.quarterTurns : quarterTurns + next.quarterTurns,
      isFlipped: isFlipped != next.isFlipped, reversesBands: reversesBands != next.reversesBands)
  }

  /// The pixel of the original that comes to (`row`, `column`) of a square of edge `size`.
  @inlinable
  public func source(row: Int, column: Int, size: Int) -> (row: Int, column: Int) {
    let last = size - 1
    let c = isFlipped ? last - column : column
    switch quarterTurns {
    case 1: return (c, last - row)
    case 2: return (last - row, last - c)
    case 3: return (last - c, row)
    default: return (row, c)
    }
  }

  /// Copies a patch `[bands][size][size]`, augmented; source and target do not overlap.
  public func apply(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, bands: Int, size: Int) {
    for b in 0..<bands {
      let from = source + (reversesBands ? bands - 1 - b : b) * size * size
      var to = target + b * size * size
      for row in 0..<size {
        for column in 0..<size {
          let place = self.source(row: row, column: column, size: size)
          to.pointee = from[place.row * size + place.column]
          to += 1
        }
      }
    }
  }
}
