import CGDAL
import HSICore

/// Whether two rasters lie on the same pixels of the Earth.
public enum GridComparison: Sendable, Equatable {
  /// The same size and position, or nothing that says otherwise.
  case same
  /// The same reference system but other pixels: both affine transforms.
  case other(own: [Double], target: [Double])
  /// Different reference systems.
  case otherSystem
  /// Different sizes, and no pair of affine georeferences to relate them.
  case unrelated

  /// Compares a raster of `lines × samples` with a scene.
  ///
  /// Positions that differ by less than a twentieth of a pixel at every corner count as the same.
  public static func compare(
    _ georeference: Georeference?, _ lines: Int, _ samples: Int, to scene: Georeference?, _ shape: CubeShape
  ) -> GridComparison {
    let isSameSize = (lines, samples) == (shape.lines, shape.samples)
    guard case .affine(let own)? = georeference?.mapping, case .affine(let target)? = scene?.mapping, own.count == 6,
      target.count == 6
    else { return isSameSize ? .same : .unrelated }
    if let a = georeference?.crs, let b = scene?.crs, !a.isEmpty, !b.isEmpty, !isSameSystem(a, b) {
      return .otherSystem
    }
    guard isSameSize else { return .other(own: own, target: target) }
    let size = (target[1] * target[1] + target[4] * target[4]).squareRoot()
    let isNear = [(0.0, 0.0), (Double(samples), 0), (0, Double(lines)), (Double(samples), Double(lines))].allSatisfy {
      let dx = own[0] - target[0] + (own[1] - target[1]) * $0.0 + (own[2] - target[2]) * $0.1
      let dy = own[3] - target[3] + (own[4] - target[4]) * $0.0 + (own[5] - target[5]) * $0.1
      return (dx * dx + dy * dy).squareRoot() <= 0.05 * size
    }
    return isNear ? .same : .other(own: own, target: target)
  }

  private static func isSameSystem(_ a: String, _ b: String) -> Bool {
    if a == b { return true }
    return GDAL.collecting { _ in
      guard let first = OSRNewSpatialReference(a), let second = OSRNewSpatialReference(b) else { return false }
      defer {
        OSRDestroySpatialReference(first)
        OSRDestroySpatialReference(second)
      }
      // Axis order in the text does not matter: GDAL's transforms are easting first in any case.
      let options = GDALStrings([
        "IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES", "CRITERION=EQUIVALENT_EXCEPT_AXIS_ORDER_GEOGCRS",
      ])
      return options.lendConstant { OSRIsSameEx(first, second, $0) } != 0
    }
  }
}
