/// Areas of classes by a map and its judged pixels: the shares that the map shows, corrected by the confusions that the
/// judged pixels show.
///
/// With Wᵢ the share of the map that has class i, and nᵢⱼ the judged pixels of class j that the map calls i, the share of
/// class j is Σᵢ Wᵢ nᵢⱼ / nᵢ., its standard error √(Σᵢ Wᵢ² pᵢⱼ (1 − pᵢⱼ) / (nᵢ. − 1)) with pᵢⱼ = nᵢⱼ / nᵢ. It holds for
/// judged pixels that were drawn at random (within each class of the map).
/// P. Olofsson et al., Remote Sensing of Environment 148, 2014, eq. 9 to 11.
public struct AreaEstimate: Sendable, Equatable {
  /// Share of the mapped pixels that each class has.
  public let shares: [Double]
  /// Standard errors of the shares.
  public let errors: [Double]
  /// Share of the map that is right, weighted by the areas of the map.
  public let overall: Double

  /// The areas; nil where a class that the map shows has fewer than two judged pixels on it.
  ///
  /// - Parameters:
  ///   - matrix: judged pixels; those without a class in the map do not count.
  ///   - mapped: pixels of each class in the whole map.
  public init?(_ matrix: ConfusionMatrix, mapped: [Int]) {
    precondition(mapped.count == matrix.classes)
    let (judged, total) = (matrix.predicted, Double(mapped.reduce(0, +)))
    guard total > 0, mapped.indices.allSatisfy({ mapped[$0] == 0 || judged[$0] > 1 }) else { return nil }
    var (shares, variances, right) = (
      [Double](repeating: 0, count: mapped.count), [Double](repeating: 0, count: mapped.count), 0.0
    )
    for i in mapped.indices where mapped[i] > 0 {
      let (weight, n) = (Double(mapped[i]) / total, Double(judged[i]))
      for j in mapped.indices {
        let p = Double(matrix.counts[j][i]) / n
        shares[j] += weight * p
        variances[j] += weight * weight * p * (1 - p) / (n - 1)
        if i == j { right += weight * p }
      }
    }
    (self.shares, errors, overall) = (shares, variances.map { $0.squareRoot() }, right)
  }
}

extension Accuracy {
  /// The 95 % interval of a share of `right` among `total` independent pixels, by Wilson's score; nil without any.
  ///
  /// E. B. Wilson, J. Amer. Statist. Assoc. 22, 1927.
  public static func interval(right: Int, of total: Int) -> ClosedRange<Double>? {
    guard total > 0 else { return nil }
    let (z, n, p) = (1.959963984540054, Double(total), Double(right) / Double(total))
    let middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    let half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
    return max(0, middle - half)...min(1, middle + half)
  }
}
