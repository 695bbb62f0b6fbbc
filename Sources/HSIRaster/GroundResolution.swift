import CGDAL
import Foundation
import HSICore

extension Georeference {
  /// Metres per pixel: the root of the area of a pixel. Nil where the mapping is not affine or the unit of the system is not known.
  ///
  /// In degrees a pixel is measured at the first line, a degree of latitude being 111 320 m.
  public var metresPerPixel: Double? {
    guard case .affine(let t) = mapping, let crs, let unit = GDAL.metres(crs, latitude: t[3]) else { return nil }
    let area = abs(t[1] * t[5] - t[2] * t[4]) * unit
    return area > 0 && area.isFinite ? area.squareRoot() : nil
  }
}

extension GDAL {
  /// Square metres of a unit square of a reference system.
  fileprivate static func metres(_ crs: String, latitude: Double) -> Double? {
    collecting { _ in
      guard let reference = OSRNewSpatialReference(nil) else { return nil }
      defer { OSRDestroySpatialReference(reference) }
      guard OSRSetFromUserInput(reference, crs) == OGRERR_NONE else { return nil }
      if OSRIsGeographic(reference) != 0 {
        return 111_320 * 111_320 * cos(min(max(latitude, -90), 90) * .pi / 180)
      }
      guard OSRIsProjected(reference) != 0 else { return nil }
      let unit = OSRGetLinearUnits(reference, nil)
      return unit > 0 ? unit * unit : nil
    }
  }
}
