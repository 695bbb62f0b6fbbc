/// Sums over pixels that a whole image has and its tiles have only parts of: what `Tape.channelAttention` weighs channels by.
///
/// A first pass over all tiles adds up what each finds; in a second one every tile uses the sums of the whole. Features behind the first
/// attention come from the first pass, so the result is nearly, not exactly, that of the image in one pass: what is left is that
/// they saw tiles. Passes must ask for the same sums in the same order. Pixels that tiles share count more than once, padding too; only
/// ratios of sums matter.
public final class ChannelPooling {
  /// Sums in place.
  enum Sums {
    case floats(UnsafeMutablePointer<Float>, Int)
    case doubles(UnsafeMutablePointer<Double>, Int)

    var count: Int {
      switch self {
      case .floats(_, let count), .doubles(_, let count): count
      }
    }

    func add(to total: inout [Double]) {
      switch self {
      case .floats(let values, let count): for i in 0..<count { total[i] += Double(values[i]) }
      case .doubles(let values, let count): for i in 0..<count { total[i] += values[i] }
      }
    }

    func set(_ total: [Double]) {
      switch self {
      case .floats(let values, let count): for i in 0..<count { values[i] = Float(total[i]) }
      case .doubles(let values, let count): for i in 0..<count { values[i] = total[i] }
      }
    }
  }

  /// Where the tile of this pass begins in the padded image, and the size of that.
  public private(set) var place = (line: 0, sample: 0, lines: 0, samples: 0)
  private var totals: [[Double]] = []
  private var next = 0
  /// False while sums are collected, true once they are used.
  public private(set) var isComplete = false

  /// Nothing collected.
  public init() {}

  /// Told before every pass.
  public func beginPass(line: Int, sample: Int, of whole: (lines: Int, samples: Int)) {
    next = 0
    place = (line, sample, whole.lines, whole.samples)
  }

  /// From now on the sums are used.
  public func complete() { isComplete = true }

  /// Adds sums of a pass, or replaces them by those of all.
  func pool(_ sums: [Sums]) {
    for part in sums {
      if isComplete {
        part.set(totals[next])
      } else {
        if next == totals.count { totals.append([Double](repeating: 0, count: part.count)) }
        part.add(to: &totals[next])
      }
      next += 1
    }
  }
}
