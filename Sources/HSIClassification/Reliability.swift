import HSICore

/// How far the confidence of a map can be believed: pixels by the probability of their class, and how many of them are right.
///
///     ECE = Σ_b n_b / N · |accuracy_b − confidence_b|
///
/// over `binCount` intervals of equal width (expected calibration error: M. P. Naeini et al., AAAI 2015; C. Guo et al., ICML 2017).
public struct Reliability: Sendable, Codable, Equatable {
  /// Pixels whose confidence lies in one interval.
  public struct Bin: Sendable, Codable, Equatable {
    /// Pixels.
    public var count: Int
    /// Mean confidence; nil without pixels.
    public var confidence: Double?
    /// Share of them that are right; nil without pixels.
    public var accuracy: Double?
  }

  /// Number of intervals.
  public static let binCount = 10

  private var counts = [Int](repeating: 0, count: binCount)
  private var rights = [Int](repeating: 0, count: binCount)
  private var sums = [Double](repeating: 0, count: binCount)

  /// No pixels.
  public init() {}

  /// Adds a pixel.
  ///
  /// - Parameter confidence: from 0 to 1; other values are not counted.
  public mutating func add(confidence: Double, isRight: Bool) {
    guard (0...1.0001).contains(confidence) else { return }
    let bin = min(Int(clamping: confidence * Double(Reliability.binCount)), Reliability.binCount - 1)
    counts[bin] += 1
    rights[bin] += isRight ? 1 : 0
    sums[bin] += confidence
  }

  /// Number of pixels.
  public var total: Int { counts.reduce(0, +) }

  /// The intervals from 0 to 1.
  public var bins: [Bin] {
    counts.indices.map { b in
      let count = Double(counts[b])
      return Bin(
        count: counts[b], confidence: count > 0 ? sums[b] / count : nil,
        accuracy: count > 0 ? Double(rights[b]) / count : nil)
    }
  }

  /// Expected calibration error, a share; NaN without pixels.
  public var expectedCalibrationError: Double {
    guard total > 0 else { return .nan }
    return counts.indices.reduce(0) { $0 + abs(Double(rights[$1]) - sums[$1]) } / Double(total)
  }
}
