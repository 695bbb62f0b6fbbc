import Foundation
import HSICore

/// The map grid of an array by the CF conventions, whatever library reads the file.
///
/// The reference system is that of the variable that `grid_mapping` names (`crs_wkt`, `spatial_ref`, or an EPSG code); the grid is its
/// `GeoTransform`, else regular 1-D coordinates of pixel centres: those of the array's dimensions, or of the usual names. Coordinates
/// called longitude and latitude without a reference system are degrees of WGS 84.
struct CFGrid {
  /// A text attribute of the object at a path.
  var text: (_ attribute: String, _ path: String) -> String?
  /// The numbers of an attribute.
  var numbers: (_ attribute: String, _ path: String) -> [Double]?
  /// The numbers of a 1-D array; nil where there is none.
  var list: (_ path: String) -> [Double]?
  /// Whether there is an object at a path.
  var exists: (_ path: String) -> Bool

  /// The grid of an array.
  ///
  /// - Parameters:
  ///   - path: of the array.
  ///   - samples: extent of the axis of samples and, where it has one, the name of its dimension; `lines` likewise.
  func georeference(
    _ path: String, samples: (count: Int, name: String?), lines: (count: Int, name: String?)
  ) -> Georeference? {
    var crs: String?
    var transform: [Double]?
    let folder = path.split(separator: "/").dropLast().joined(separator: "/")
    func sibling(_ name: String) -> String {
      let near = (folder.isEmpty ? "" : "/" + folder) + "/" + name
      return exists(near) ? near : "/" + name
    }
    // `crs: x y` of the extended form names the variable first.
    let named = text("grid_mapping", path)?.split(separator: ":").first.map { $0.trimmingCharacters(in: .whitespaces) }
    if let mapping = named ?? ["spatial_ref", "crs"].first(where: { exists(sibling($0)) }) {
      let place = sibling(mapping)
      crs = ["crs_wkt", "spatial_ref"].lazy.compactMap { text($0, place) }.first { !$0.isEmpty } ?? epsg(place)
      let numbers =
        text("GeoTransform", place).map {
          $0.split(whereSeparator: { $0 == " " || $0 == "," }).compactMap { Double($0) }
        }
        ?? numbers("GeoTransform", place)
      if let numbers, numbers.count == 6 { transform = numbers }
    }
    func regular(_ names: [String], _ count: Int) -> (name: String, first: Double, step: Double)? {
      for name in names {
        guard let values = list(sibling(name)), values.count == count, count > 1 else { continue }
        let step = (values[count - 1] - values[0]) / Double(count - 1)
        guard step != 0,
          values.indices.allSatisfy({ abs(values[$0] - values[0] - step * Double($0)) <= 1e-3 * abs(step) })
        else { continue }
        return (name.lowercased(), values[0], step)
      }
      return nil
    }
    if transform == nil,
      let x = regular([samples.name].compactMap { $0 } + ["x", "easting", "lon", "longitude"], samples.count),
      let y = regular([lines.name].compactMap { $0 } + ["y", "northing", "lat", "latitude"], lines.count)
    {
      transform = [x.first - x.step / 2, x.step, 0, y.first - y.step / 2, 0, y.step]
      if crs == nil, x.name.hasPrefix("lon"), y.name.hasPrefix("lat") { crs = HDF5Format.wellKnownText(epsg: 4326) }
    }
    return transform.map { Georeference(crs: crs, mapping: .affine($0)) }
  }

  private func epsg(_ place: String) -> String? {
    for name in ["epsg_code", "epsg", "EPSG", "EPSG_code", "proj:epsg"] {
      let code =
        text(name, place).flatMap { Int($0.split(separator: ":").last ?? "") }
        ?? numbers(name, place)?.first.flatMap { Int(exactly: $0) }
      if let code, let found = HDF5Format.wellKnownText(epsg: code) { return found }
    }
    return nil
  }
}
