import Foundation
import HSICore

/// A STAC Item (1.1.0) that describes a raster and the files beside it, with the extensions projection 2.0, eo 2.0,
/// raster 2.0, processing 1.2 and classification 2.0 as far as they are used.
///
/// Source: the STAC specification, stacspec.org.
public struct STACItem: Sendable {
  /// Where a raster lies.
  public struct Place: Sendable {
    /// Longitude and latitude of its outline, counter-clockwise, first point again at the end; several outlines where
    /// it crosses the date line.
    public var rings: [[[Double]]]
    /// West, south, east, north in degrees.
    public var box: [Double]

    /// A place on Earth.
    public init(rings: [[[Double]]], box: [Double]) {
      self.rings = rings
      self.box = box
    }
  }

  /// A file beside the raster.
  public struct Asset: Sendable {
    public var path: String
    /// What it holds, in a few words.
    public var title: String

    /// A file.
    public init(path: String, title: String) {
      self.path = path
      self.title = title
    }
  }

  /// The raster.
  public var path: String
  /// Its media type.
  public var mediaType: String
  public var shape: CubeShape
  public var type: SampleType
  public var metadata: CubeMetadata
  /// Position in longitude and latitude, where known.
  public var place: Place?
  /// `EPSG:32633`, where the reference system has a code.
  public var code: String?
  /// The reference system as WKT 2, where known.
  public var wkt: String?
  /// Other files of the same run.
  public var others: [Asset] = []
  /// What it was made from.
  public var derivedFrom: [String] = []
  /// Names and versions of programs.
  public var software: [String: String] = [:]
  /// The command line.
  public var lineage: String?
  /// When it was made, RFC 3339.
  public var created: String

  /// A description of a raster.
  public init(
    path: String, mediaType: String, shape: CubeShape, type: SampleType, metadata: CubeMetadata,
    created: String
  ) {
    self.path = path
    self.mediaType = mediaType
    self.shape = shape
    self.type = type
    self.metadata = metadata
    self.created = created
  }

  /// The time of acquisition as RFC 3339, UTC where the file names no zone; nil where it is unknown or no date.
  public var acquired: String? { metadata.acquired.flatMap(STACItem.time) }

  /// The item as JSON text.
  ///
  /// - Parameter itemPath: name of the item; other files are named relative to its folder.
  public func json(at itemPath: String) throws -> Data {
    var properties: [String: JSONValue] = [
      "datetime": .text(acquired ?? created), "created": .text(created),
      "processing:software": .object(software.mapValues { .text($0) }),
      "proj:shape": .array([.integer(shape.lines), .integer(shape.samples)]),
    ]
    if let sensor = metadata.sensor { properties["instruments"] = .array([.text(sensor.lowercased())]) }
    if let lineage { properties["processing:lineage"] = .text(lineage) }
    if let summary = metadata.summary, !summary.isEmpty { properties["description"] = .text(summary) }
    if let georeference = metadata.georeference {
      properties["proj:code"] = code.map { .text($0) } ?? .null
      if let wkt { properties["proj:wkt2"] = .text(wkt) }
      if case .affine(let t) = georeference.mapping, t.count == 6 {
        properties["proj:transform"] = .array([t[1], t[2], t[0], t[4], t[5], t[3]].map { .number($0) })
        properties["proj:bbox"] = .array(STACItem.box(t, shape).map { .number($0) })
      }
    }
    var extensions = ["projection/v2.0.0", "processing/v1.2.0", "raster/v2.0.0"]
    if metadata.axis.wavelengths != nil { extensions.append("eo/v2.0.0") }
    if metadata.classes != nil { extensions.append("classification/v2.0.0") }
    var item: [String: JSONValue] = [
      "type": .text("Feature"), "stac_version": .text("1.1.0"), "id": .text(STACItem.stem(path)),
      "stac_extensions": .array(
        extensions.sorted().map { .text("https://stac-extensions.github.io/\($0)/schema.json") }),
      "geometry": geometry, "properties": .object(properties), "assets": .object(assets(itemPath)),
      "links": .array(
        derivedFrom.map {
          .object(["rel": .text("derived_from"), "href": .text(STACItem.reference($0, from: itemPath))])
        }),
    ]
    if let place { item["bbox"] = .array(place.box.map { .number($0) }) }
    return try JSONValue.object(item).data()
  }

  // MARK: - Parts

  private var geometry: JSONValue {
    guard let place, let first = place.rings.first else { return .null }
    func ring(_ points: [[Double]]) -> JSONValue {
      .array([.array(points.map { .array($0.map { .number($0) }) })])
    }
    if place.rings.count == 1 { return .object(["type": .text("Polygon"), "coordinates": ring(first)]) }
    return .object(["type": .text("MultiPolygon"), "coordinates": .array(place.rings.map(ring))])
  }

  private func assets(_ itemPath: String) -> [String: JSONValue] {
    var main: [String: JSONValue] = [
      "href": .text(STACItem.reference(path, from: itemPath)), "type": .text(mediaType),
      "roles": .array(
        [.text("data")] + (metadata.quantity == .unknown ? [] : [.text(metadata.quantity.rawValue)])),
      "bands": .array((0..<metadata.bands).map(band)),
    ]
    if let classes = metadata.classes { main["classification:classes"] = .array(STACItem.classes(classes)) }
    var assets = ["data": JSONValue.object(main)]
    for other in others where other.path != path {
      let name = STACItem.key(other.title + "-" + (other.path as NSString).pathExtension)
      var key = name
      var number = 2
      while assets[key] != nil {
        key = "\(name)-\(number)"
        number += 1
      }
      let type = STACItem.mediaType(of: other.path)
      let isPicture = type == "image/png"
      var asset: [String: JSONValue] = [
        "href": .text(STACItem.reference(other.path, from: itemPath)), "title": .text(other.title),
        "roles": .array([.text(isPicture ? "overview" : type == "application/json" ? "metadata" : "data")]),
      ]
      if let type { asset["type"] = .text(type) }
      assets[key] = .object(asset)
    }
    return assets
  }

  private func band(_ index: Int) -> JSONValue {
    let name = metadata.bandNames.indices.contains(index) ? metadata.bandNames[index] : ""
    var band: [String: JSONValue] = [
      "name": .text(name.isEmpty ? "B\(index + 1)" : name), "data_type": .text(type.rawValue),
    ]
    if let nodata = metadata.nodata[index] {
      band["nodata"] =
        nodata.isFinite ? .number(nodata) : .text(nodata.isNaN ? "nan" : nodata > 0 ? "inf" : "-inf")
    }
    if metadata.scale[index] != 1 { band["raster:scale"] = .number(metadata.scale[index]) }
    if metadata.offset[index] != 0 { band["raster:offset"] = .number(metadata.offset[index]) }
    // Nanometres as micrometres, rounded to femtometres so that the division leaves no tail of digits.
    func micrometres(_ value: Double) -> JSONValue { .number((value * 1e6).rounded() / 1e9) }
    if let centre = metadata.axis.wavelengths?[index], centre > 0 {
      band["eo:center_wavelength"] = micrometres(centre)
    }
    if let width = metadata.axis.fwhm?[index], width > 0 {
      band["eo:full_width_half_max"] = micrometres(width)
    }
    return .object(band)
  }

  private static func classes(_ entries: [ClassEntry]) -> [JSONValue] {
    entries.enumerated().map { value, entry in
      var fields: [String: JSONValue] = [
        "value": .integer(value), "name": .text(key(entry.name.isEmpty ? "class \(value)" : entry.name)),
        "title": .text(entry.name),
      ]
      if entry.colour.count == 3 {
        fields["color_hint"] = .text(entry.colour.map { String(format: "%02X", $0) }.joined())
      }
      return .object(fields)
    }
  }

  /// The bounding box of an affine raster in its own coordinates.
  private static func box(_ t: [Double], _ shape: CubeShape) -> [Double] {
    let (width, height) = (Double(shape.samples), Double(shape.lines))
    let corners = [(0, 0), (width, 0), (0, height), (width, height)].map { x, y in
      (t[0] + t[1] * x + t[2] * y, t[3] + t[4] * x + t[5] * y)
    }
    let (x, y) = (corners.map(\.0), corners.map(\.1))
    return [x.min() ?? 0, y.min() ?? 0, x.max() ?? 0, y.max() ?? 0]
  }

  // MARK: - Names

  /// Media type by extension, nil where none fits.
  static func mediaType(of path: String) -> String? {
    switch (path as NSString).pathExtension.lowercased() {
    case "tif", "tiff": "image/tiff; application=geotiff"
    case "png": "image/png"
    case "json": "application/json"
    case "html": "text/html"
    case "csv": "text/csv"
    case "xml": "application/xml"
    case "hdr", "txt", "pgw": "text/plain"
    case "svg": "image/svg+xml"
    default: nil
    }
  }

  private static func stem(_ path: String) -> String {
    ((path as NSString).lastPathComponent as NSString).deletingPathExtension
  }

  /// Letters, digits and hyphens only.
  private static func key(_ text: String) -> String {
    let parts = text.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
    return parts.isEmpty ? "x" : parts.joined(separator: "-")
  }

  /// A file as a link: relative to the folder of the item, secrets of addresses masked.
  static func reference(_ path: String, from itemPath: String) -> String {
    if path.contains("://") || path.hasPrefix("/vsi") { return Secrets.masked(path) }
    let folder = URL(fileURLWithPath: itemPath).standardizedFileURL.deletingLastPathComponent().pathComponents
    let file = URL(fileURLWithPath: path).standardizedFileURL.pathComponents
    var common = 0
    while common < folder.count, common < file.count - 1, folder[common] == file[common] { common += 1 }
    let up = [String](repeating: "..", count: folder.count - common)
    let parts = (up.isEmpty ? ["."] : up) + file[common...]
    return parts.map { $0.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? $0 }.joined(
      separator: "/")
  }

  /// A date and time of a file as RFC 3339; nil for anything else.
  static func time(_ text: String) -> String? {
    let pattern =
      /(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?\s*(Z|z|[+-]\d{2}:?\d{2})?)?/
    guard let match = text.trimmingCharacters(in: .whitespaces).wholeMatch(of: pattern) else { return nil }
    let numbers = [match.2, match.3].compactMap { Int($0) }
    guard numbers.count == 2, (1...12).contains(numbers[0]), (1...31).contains(numbers[1]) else { return nil }
    var result = "\(match.1)-\(match.2)-\(match.3)T"
    guard let hour = match.4, let minute = match.5 else { return result + "00:00:00Z" }
    guard let h = Int(hour), let m = Int(minute), let s = Int(match.6 ?? "00"), h < 24, m < 60, s < 61 else {
      return nil
    }
    result += "\(hour):\(minute):\(match.6 ?? "00")\(match.7 ?? "")"
    guard let zone = match.8, zone.uppercased() != "Z" else { return result + "Z" }
    return result + (zone.contains(":") ? String(zone) : "\(zone.prefix(3)):\(zone.suffix(2))")
  }
}
