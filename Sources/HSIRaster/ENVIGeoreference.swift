import CGDAL
import Foundation
import HSICore
import Synchronization

/// Georeferences between ENVI headers and GDAL.
///
/// GDAL's ENVI driver knows the many projections that `map info` can name. It is shown a header of one pixel in
/// memory that holds the georeferencing entries only, so that neither the pixels nor a stale `.aux.xml` beside the
/// real file play a part.
enum ENVIGeoreference {
  private static let keys = ["map info", "projection info", "coordinate system string", "geo points"]
  private static let counter = Atomic<Int>(0)

  private static func scratchName() -> String {
    "/vsimem/hsi-georeference-\(counter.wrappingAdd(1, ordering: .relaxed).newValue)"
  }

  /// The georeference that a header's `map info`, `coordinate system string`, `projection info` or `geo points` give.
  static func read(_ header: ENVIHeader, path: String, context: RunContext) -> Georeference? {
    let own = header["map info"].flatMap(affine)
    var result: Georeference?
    GDAL.collecting { messages in
      let name = scratchName()
      var text = "ENVI\nsamples = 1\nlines = 1\nbands = 1\ndata type = 1\ninterleave = bsq\nbyte order = 0\n"
      for key in keys {
        if let value = header[key] { text += "\(key) = \(value.replacing("\n", with: " "))\n" }
      }
      write([UInt8](repeating: 0, count: 16), to: name + ".img")
      write(Array(text.utf8), to: name + ".hdr")
      defer {
        VSIUnlink(name + ".img")
        VSIUnlink(name + ".hdr")
      }
      GDAL.configured([("GDAL_PAM_ENABLED", "NO")]) {
        guard let dataset = GDALOpenEx(name + ".img", UInt32(GDAL_OF_RASTER), nil, nil, nil) else { return }
        defer { GDALClose(dataset) }
        result = GDALGeoreference.read(dataset)
      }
    }
    guard let own else { return result }
    guard let found = result, case .affine(let theirs) = found.mapping else {
      return Georeference(crs: result?.crs, mapping: .affine(own))
    }
    let size = max(abs(own[1]) + abs(own[2]), abs(own[4]) + abs(own[5]), 1e-12)
    if zip(own, theirs).contains(where: { abs($0 - $1) > 1e-3 * size }) {
      context.warn("W-ENVI-MAPINFO", "\(path): GDAL reads `map info` differently; its own numbers are used")
      return Georeference(crs: found.crs, mapping: .affine(own))
    }
    return found
  }

  /// GDAL's six numbers from `map info = {name, pixel x, pixel y, x, y, size x, size y, …, rotation=degrees}`.
  static func affine(_ mapInfo: String) -> [Double]? {
    let parts = ENVIHeader.unbraced(mapInfo).split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    guard parts.count >= 7 else { return nil }
    let n = parts[1...6].compactMap(parseNumber)
    guard n.count == 6, n.allSatisfy({ $0.isFinite }), n[4] != 0, n[5] != 0 else { return nil }
    var angle = 0.0
    for part in parts.dropFirst(7) where part.lowercased().hasPrefix("rotation") {
      if let equals = part.firstIndex(of: "="),
        let degrees = parseNumber(String(part[part.index(after: equals)...]))
      {
        angle = degrees * .pi / 180
      }
    }
    let (sine, cosine) = angle == 0 ? (0, 1) : (sin(angle), cos(angle))
    var t = [0, cosine * n[4], sine * n[4], 0, sine * n[5], -cosine * n[5]]
    t[0] = n[2] - (n[0] - 1) * t[1] - (n[1] - 1) * t[2]
    t[3] = n[3] - (n[0] - 1) * t[4] - (n[1] - 1) * t[5]
    return t
  }

  /// The header entries of a georeference, as GDAL's ENVI driver writes them.
  static func fields(_ georeference: Georeference?) -> [(String, String)] {
    guard let georeference, case .affine(let transform) = georeference.mapping, transform.count == 6 else {
      return []
    }
    var result: [(String, String)] = []
    GDAL.collecting { _ in
      let name = scratchName()
      defer {
        for suffix in [".img", ".hdr", ".img.aux.xml"] { VSIUnlink(name + suffix) }
      }
      GDAL.configured([("GDAL_PAM_ENABLED", "NO")]) {
        guard let driver = GDALGetDriverByName("ENVI"),
          let dataset = GDALCreate(driver, name + ".img", 1, 1, 1, GDT_Byte, nil)
        else { return }
        var numbers = transform
        GDALSetGeoTransform(dataset, &numbers)
        if let crs = georeference.crs { GDALSetProjection(dataset, crs) }
        GDALClose(dataset)
      }
      var length: vsi_l_offset = 0
      guard let bytes = VSIGetMemFileBuffer(name + ".hdr", &length, 0) else { return }
      let header = ENVIHeader(parsing: Array(UnsafeBufferPointer(start: bytes, count: Int(length))))
      result = ["map info", "projection info", "coordinate system string"].compactMap { key in
        header[key].map { (key, $0) }
      }
    }
    return result
  }

  private static func write(_ bytes: [UInt8], to path: String) {
    guard let file = VSIFOpenL(path, "wb") else { return }
    bytes.withUnsafeBytes { _ = VSIFWriteL($0.baseAddress, 1, $0.count, file) }
    VSIFCloseL(file)
  }
}

/// Georeferences of GDAL datasets.
enum GDALGeoreference {
  /// The affine transform, tie points or geolocation arrays of a dataset; nil without any.
  static func read(_ dataset: GDALDatasetH) -> Georeference? {
    let crs = wellKnownText(GDALGetSpatialRef(dataset))
    var transform = [Double](repeating: 0, count: 6)
    if GDALGetGeoTransform(dataset, &transform) == CE_None {
      return Georeference(crs: crs, mapping: .affine(transform))
    }
    let count = Int(GDALGetGCPCount(dataset))
    if count > 0, let points = GDALGetGCPs(dataset) {
      let list = (0..<count).map { i in
        let p = points[i]
        return GroundControlPoint(
          id: p.pszId.map { String(cString: $0) } ?? "\(i + 1)", sample: p.dfGCPPixel, line: p.dfGCPLine,
          x: p.dfGCPX, y: p.dfGCPY, z: p.dfGCPZ)
      }
      return Georeference(
        crs: wellKnownText(GDALGetGCPSpatialRef(dataset)), mapping: .groundControlPoints(list))
    }
    func item(_ name: String) -> String? {
      GDALGetMetadataItem(dataset, name, "GEOLOCATION").map { String(cString: $0) }
    }
    if let x = item("X_DATASET"), let y = item("Y_DATASET") {
      return Georeference(crs: item("SRS") ?? crs, mapping: .geolocation(longitude: x, latitude: y))
    }
    return nil
  }

  /// Puts a georeference on a dataset that is being written.
  static func write(_ georeference: Georeference?, to dataset: GDALDatasetH) {
    guard let georeference else { return }
    switch georeference.mapping {
    case .affine(let transform):
      var numbers = transform
      if numbers.count == 6 { GDALSetGeoTransform(dataset, &numbers) }
      if let crs = georeference.crs { GDALSetProjection(dataset, crs) }
    case .groundControlPoints(let points):
      let texts = points.map { strdup($0.id) }
      let empty = strdup("")
      defer {
        for text in texts { free(text) }
        free(empty)
      }
      let list = zip(points, texts).map { p, text in
        GDAL_GCP(
          pszId: text, pszInfo: empty, dfGCPPixel: p.sample, dfGCPLine: p.line, dfGCPX: p.x, dfGCPY: p.y,
          dfGCPZ: p.z)
      }
      GDALSetGCPs(dataset, Int32(list.count), list, georeference.crs ?? "")
    case .geolocation: break
    }
  }
}
