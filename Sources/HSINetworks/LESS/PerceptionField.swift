import HSITransformer

/// Which positions of an image see each other in LESS ViT: those whose patches are not farther apart than a radius,
///
///     √(Δrow² + Δcolumn²) · p · ρ ≤ radius
///
/// in metres, single precision, p the side of a patch in pixels and ρ that of a pixel in metres. The class entry sees all and is seen by
/// all. Only the attention between positions knows of it. Source: Si et al., arXiv 2503.12843.
public enum PerceptionField {
  /// Whether position i may attend to j, row-major `[positions, positions]`, for the positions `kept` (all of them when nil).
  ///
  /// - Parameter withClass: a class entry stands before the positions.
  public static func allowed(
    rows: Int, columns: Int, patch: Int, resolution: Float, radius: Float, kept: [Int]? = nil, withClass: Bool = true
  ) -> [Bool] {
    let places = kept ?? Array(0..<(rows * columns))
    let skipped = withClass ? 1 : 0
    let length = places.count + skipped
    var result = [Bool](repeating: true, count: length * length)
    for (i, a) in places.enumerated() {
      for (j, b) in places.enumerated() {
        let (down, across) = (Float(a / columns - b / columns), Float(a % columns - b % columns))
        let distance = (down * down + across * across).squareRoot() * Float(patch) * resolution
        result[(i + skipped) * length + j + skipped] = distance <= radius
      }
    }
    return result
  }

  /// The mask that attention adds, `[1, 1 + positions, 1 + positions]`.
  static func mask(_ grid: LESSGrid, radius: Double, kept: [Int]?) -> Tensor {
    let length = 1 + (kept?.count ?? grid.positions)
    return AttentionMask.additive(
      allowed(
        rows: grid.rows, columns: grid.columns, patch: grid.patch, resolution: grid.resolution, radius: Float(radius),
        kept: kept), shape: [1, length, length])
  }
}
