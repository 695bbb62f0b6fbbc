import HSICore

/// The interval of data values that stands for [0, 1] in noise models and metrics.
public struct DataRange: Hashable, Sendable {
  /// The value that stands for 0.
  public let low: Double
  /// The value that stands for 1.
  public let high: Double

  /// [0, 1] itself.
  public static let unit = DataRange(uncheckedLow: 0, high: 1)

  /// `high − low`.
  public var width: Double { high - low }

  /// An interval of positive width.
  ///
  /// - Throws: `RestorationError.noVariation` when `high ≤ low` or either is not finite.
  public init(low: Double, high: Double) throws {
    guard low.isFinite, high.isFinite, high > low, (high - low).isFinite else {
      throw RestorationError.noVariation(detail: "its values span from \(low) to \(high)")
    }
    self.init(uncheckedLow: low, high: high)
  }

  private init(uncheckedLow low: Double, high: Double) {
    self.low = low
    self.high = high
  }

  /// The smallest and the largest finite value of pixels, fed strip by strip.
  public struct Accumulator: Sendable {
    /// Smallest value so far, +∞ before the first.
    public private(set) var low = Float.infinity
    /// Largest value so far, −∞ before the first.
    public private(set) var high = -Float.infinity

    /// Nothing seen yet.
    public init() {}

    /// Adds pixels (rows × bands); `bands` restricts which columns count.
    public mutating func add(_ pixels: PixelMatrix, bands: [Int]? = nil) {
      if let bands {
        for n in 0..<pixels.rows {
          let row = pixels.pointer + n * pixels.columns
          for b in bands { add(row[b]) }
        }
      } else {
        for i in 0..<(pixels.rows * pixels.columns) { add(pixels.pointer[i]) }
      }
    }

    /// Adds what another accumulator has seen. Associative and commutative, exactly.
    public mutating func merge(_ other: Accumulator) {
      low = min(low, other.low)
      high = max(high, other.high)
    }

    /// The interval.
    ///
    /// - Throws: `RestorationError.tooFewPixels` before any finite value, `.noVariation` when all are the same.
    public func range() throws -> DataRange {
      guard low <= high else { throw RestorationError.tooFewPixels(purpose: "finding the range of values") }
      return try DataRange(low: Double(low), high: Double(high))
    }

    @inline(__always)
    private mutating func add(_ value: Float) {
      guard value.isFinite else { return }
      if value < low { low = value }
      if value > high { high = value }
    }
  }
}
