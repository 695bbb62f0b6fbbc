import HSICore

/// Pixels whose spectra stand for a scene in a report.
public enum ShownPixels {
  /// A pixel and its rank by brightness.
  public struct Choice: Hashable, Sendable {
    /// Row of the pixel in the cube.
    public var row: Int
    /// Share of the pixels that are darker, 0…1.
    public var brightness: Double
  }

  /// Pixels at quantiles of brightness (mean over the bands), dark to bright. Of the fiftieth of the pixels around a
  /// quantile the one farthest from those chosen before is taken, so that they are spread over the image; no draws.
  public static func choose(_ scene: Cube, quantiles: [Double] = [0.1, 0.4, 0.7, 0.95]) -> [Choice] {
    let brightness = (0..<scene.count).map { n -> Double in
      var sum = 0.0
      for value in scene.pixels.row(n) { sum += Double(value) }
      return sum
    }
    let order = brightness.indices.filter { brightness[$0].isFinite }.sorted {
      (brightness[$0], $0) < (brightness[$1], $1)
    }
    guard !order.isEmpty else { return [] }
    let reach = order.count / 100
    var chosen: [Choice] = []
    for quantile in quantiles {
      let middle = Int(clamping: quantile * Double(order.count - 1))
      let candidates = max(0, middle - reach)...min(order.count - 1, middle + reach)
      var best: (rank: Int, distance: Int)?
      for rank in candidates {
        let distance = chosen.map { squaredDistance(scene, order[rank], $0.row) }.min() ?? -abs(rank - middle)
        if distance > best?.distance ?? Int.min { best = (rank, distance) }
      }
      guard let best, !chosen.contains(where: { $0.row == order[best.rank] }) else { continue }
      chosen.append(Choice(row: order[best.rank], brightness: Double(best.rank) / Double(order.count)))
    }
    return chosen
  }

  private static func squaredDistance(_ scene: Cube, _ a: Int, _ b: Int) -> Int {
    let samples = scene.shape.samples
    let (p, q) = (Int(scene.positions[a]), Int(scene.positions[b]))
    let (dy, dx) = (p / samples - q / samples, p % samples - q % samples)
    return dy * dy + dx * dx
  }
}
