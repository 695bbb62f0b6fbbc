import HSICore

/// How much of an endmember there is in a scene.
public struct AbundanceStatistics: Codable, Sendable, Equatable {
  /// Mean over the valid pixels.
  public var mean: Double
  /// Standard deviation over the valid pixels.
  public var standardDeviation: Double
  public var minimum: Double
  public var maximum: Double
  /// Share of the valid pixels in which it is the largest abundance.
  public var dominantShare: Double
  /// Share of the valid pixels in which its abundance exceeds 0.9.
  public var pureShare: Double

  /// Statistics of all abundances in memory.
  public static func all(_ abundances: PixelMatrix) -> [AbundanceStatistics] {
    var accumulator = Accumulator(endmembers: abundances.columns)
    accumulator.add(abundances)
    return accumulator.statistics
  }

  /// Sums over strips. Pixels are added one by one in order, so that the strips do not show in the result.
  public struct Accumulator: Sendable {
    private var count = 0
    private var sum: [Double]
    private var sumOfSquares: [Double]
    private var low: [Float]
    private var high: [Float]
    private var dominant: [Int]
    private var pure: [Int]

    /// Sums of nothing.
    public init(endmembers: Int) {
      sum = [Double](repeating: 0, count: endmembers)
      sumOfSquares = sum
      low = [Float](repeating: .infinity, count: endmembers)
      high = [Float](repeating: -.infinity, count: endmembers)
      dominant = [Int](repeating: 0, count: endmembers)
      pure = dominant
    }

    /// Adds pixels, N × K; pixels with a value that is not finite are left out.
    public mutating func add(_ abundances: PixelMatrix) {
      precondition(abundances.columns == sum.count, "one column per endmember")
      for n in 0..<abundances.rows {
        let row = abundances.row(n)
        guard row.allSatisfy(\.isFinite) else { continue }
        count += 1
        var best = 0
        for k in row.indices {
          let value = Double(row[k])
          sum[k] += value
          sumOfSquares[k] += value * value
          low[k] = min(low[k], row[k])
          high[k] = max(high[k], row[k])
          if row[k] > 0.9 { pure[k] += 1 }
          if row[k] > row[best] { best = k }
        }
        if !row.isEmpty { dominant[best] += 1 }
      }
    }

    /// One entry per endmember; zeros without any pixel.
    public var statistics: [AbundanceStatistics] {
      let n = Double(max(count, 1))
      return sum.indices.map { k in
        let mean = sum[k] / n
        return AbundanceStatistics(
          mean: mean, standardDeviation: max(0, sumOfSquares[k] / n - mean * mean).squareRoot(),
          minimum: count > 0 ? Double(low[k]) : 0, maximum: count > 0 ? Double(high[k]) : 0,
          dominantShare: Double(dominant[k]) / n, pureShare: Double(pure[k]) / n)
      }
    }
  }
}
