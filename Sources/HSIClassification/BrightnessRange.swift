import HSICore

/// How bright the spectra are that a model was trained on: by it a scene in other units is told from one of the same.
///
/// The brightness of a pixel is the mean of its values over the bands, in the units of the scene.
public struct BrightnessRange: Codable, Hashable, Sendable {
  /// Brightness that 2 % of the pixels lie below.
  public var low: Double
  /// Brightness that 2 % of the pixels lie above.
  public var high: Double

  /// That of the pixels that a task offers to learn from; nil where there are none. Cost N L.
  public init?(_ task: ClassificationTask) {
    let (pixels, _) = task.spectra(of: task.training)
    guard pixels.rows > 0, pixels.columns > 0 else { return nil }
    let means = (0..<pixels.rows).map { n in
      pixels.row(n).reduce(0) { $0 + Double($1) } / Double(pixels.columns)
    }.sorted()
    let margin = (means.count - 1) / 50
    (low, high) = (means[margin], means[means.count - 1 - margin])
    guard low.isFinite, high.isFinite else { return nil }
  }
}
