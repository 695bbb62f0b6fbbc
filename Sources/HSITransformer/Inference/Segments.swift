/// A length cut into overlapping pieces of one size, whose linear blending weights sum to 1 everywhere.
public struct Segments: Sendable {
  /// Length of a piece.
  public let size: Int
  /// First places of the pieces; the last ends at the end.
  public let starts: [Int]
  private let sums: [Float]

  /// Pieces of `size` (at most the whole) that share `overlap` with their neighbours, the last two perhaps more.
  public init(length: Int, size: Int, overlap: Int) {
    let size = min(size, length)
    let step = max(1, size - overlap)
    var starts = Array(stride(from: 0, to: max(length - size, 0), by: step))
    starts.append(length - size)
    self.init(length: length, size: size, starts: starts)
  }

  private init(length: Int, size: Int, starts: [Int]) {
    self.size = size
    self.starts = starts
    var sums = [Float](repeating: 0, count: length)
    for start in starts {
      for i in 0..<size { sums[start + i] += Segments.ramp(i, from: start, size: size, length: length) }
    }
    self.sums = sums
  }

  /// The same pieces of a grid that is `factor` times as fine.
  public func scaled(by factor: Int) -> Segments {
    factor == 1
      ? self : Segments(length: sums.count * factor, size: size * factor, starts: starts.map { $0 * factor })
  }

  /// The weight of place `index` of the piece that begins at `start`.
  public func weight(_ index: Int, from start: Int) -> Float {
    Segments.ramp(index, from: start, size: size, length: sums.count) / sums[start + index]
  }

  /// Rises from the border of a piece, but not at the ends of the whole.
  private static func ramp(_ index: Int, from start: Int, size: Int, length: Int) -> Float {
    let left = start == 0 ? Float.infinity : Float(index + 1)
    let right = start + size == length ? Float.infinity : Float(size - index)
    let least = min(left, right)
    return least.isFinite ? least : Float(size)
  }
}
