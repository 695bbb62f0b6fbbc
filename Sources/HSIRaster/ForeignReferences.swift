import CGDAL
import Foundation
import HSICore

/// The files that a description names: sources of virtual rasters and of virtual tables, found before GDAL follows them.
enum ForeignReferences {
  /// Longest description that is looked at, and how many descriptions may lead to each other.
  private static let (largest, deepest) = (64 << 20, 8)

  /// Refuses a local description that leads to the network, to memory, or out of its folder; all other files pass.
  ///
  /// - Throws: `RasterError.foreign`.
  static func check(_ name: String) throws {
    guard !RemoteAccess.isAllowed, !GDAL.isRemote(name), !name.hasPrefix("<") else { return }
    try check(file(of: name), depth: 0)
  }

  /// Refuses a dataset that a local file names as one of its own and that lies elsewhere.
  ///
  /// - Throws: `RasterError.foreign`.
  static func check(subdataset name: String, of container: String) throws {
    guard !RemoteAccess.isAllowed, !GDAL.isRemote(container), !container.hasPrefix("<") else { return }
    let path = file(of: container)
    _ = try target(of: Reference(text: name, isRelative: false), in: path, folders(of: path))
  }

  private static func check(_ path: String, depth: Int) throws {
    guard let head = local(path).flatMap({ VSI.prefix($0, count: 4096) }) else { return }
    let text = String(decoding: head, as: UTF8.self)
    if let service = services.first(where: { text.contains($0) }) {
      throw RasterError.foreign(path: path, target: "a web service (\(service.drop { $0 == "<" }))")
    }
    guard text.contains("<VRTDataset") || text.contains("<OGRVRTDataSource") else { return }
    guard depth < deepest else { throw RasterError.foreign(path: path, target: "a chain of descriptions without end") }
    let folders = folders(of: path)
    for reference in references(in: String(decoding: try VSI.contents(path, limit: largest), as: UTF8.self)) {
      let target = try target(of: reference, in: path, folders)
      if let target { try check(target, depth: depth + 1) }
    }
  }

  /// What marks descriptions of web services.
  private static let services = [
    "<GDAL_WMS", "<WMS_", "<WMT_MS_Capabilities", "<WCS_GDAL", "<GDAL_WMTS",
    "<Capabilities xmlns=\"http://www.opengis.net/wmts",
    "<TileMap ", "<OGRWFSDataSource", "<OGRCSWDataSource",
  ]

  /// A name in a description.
  private struct Reference {
    var text: String
    var isRelative: Bool
  }

  /// The texts of elements that name files, and of metadata that do.
  private static func references(in text: String) -> [Reference] {
    GDAL.collecting { _ in
      guard let root = CPLParseXMLString(text) else { return [] }
      defer { CPLDestroyXMLNode(root) }
      var found: [Reference] = []
      var open: [UnsafeMutablePointer<CPLXMLNode>] = [root]
      while let node = open.popLast() {
        if let next = node.pointee.psNext { open.append(next) }
        if let child = node.pointee.psChild { open.append(child) }
        guard node.pointee.eType == CXT_Element,
          let name = node.pointee.pszValue.map({ String(cString: $0).lowercased() })
        else { continue }
        var (value, isRelative, key) = ("", false, "")
        var child = node.pointee.psChild
        while let part = child {
          let word = part.pointee.pszValue.map { String(cString: $0) } ?? ""
          if part.pointee.eType == CXT_Text { value += word }
          if part.pointee.eType == CXT_Attribute {
            let content = part.pointee.psChild?.pointee.pszValue.map { String(cString: $0) } ?? ""
            if word.lowercased() == "relativetovrt" { isRelative = content == "1" }
            if word.lowercased() == "key" || word.lowercased() == "name" { key = content.uppercased() }
          }
          child = part.pointee.psNext
        }
        let names = ["filename", "dataset", "datasource", "dem", "dempath", "file"]
        let isNamed = names.contains { name.hasSuffix($0) } || ["X_DATASET", "Y_DATASET", "RPC_DEM"].contains(key)
        if isNamed, !value.isEmpty { found.append(Reference(text: value, isRelative: isRelative)) }
      }
      return found
    }
  }

  /// The file that a reference leads to, to be looked at in turn; nil for data in the description itself.
  ///
  /// - Throws: `RasterError.foreign` where it leads elsewhere.
  private static func target(of reference: Reference, in path: String, _ folders: [String]) throws -> String? {
    let text = reference.text.trimmingCharacters(in: .whitespacesAndNewlines)
    let lower = text.lowercased()
    func foreign(_ what: String) -> RasterError { .foreign(path: path, target: "\(what) \(GDAL.redacted(text))") }
    if GDAL.isRemote(lower)
      || ["http:", "https:", "ftp:", "s3:", "gs:", "az:"].contains(where: { lower.contains($0 + "//") })
      || servers.contains(where: { lower.hasPrefix($0) })
    {
      throw foreign("the network:")
    }
    if lower.hasPrefix("mem:::") || lower.hasPrefix("/vsistdin") {
      throw foreign("the memory or input of this process:")
    }
    if lower.hasPrefix("<") {
      // A description within the description: its names count from the present folder.
      for inner in references(in: text) { _ = try target(of: inner, in: path, folders) }
      if let service = services.first(where: { text.contains($0) }) {
        throw foreign("a web service (\(service.drop { $0 == "<" })):")
      }
      return nil
    }
    if lower.hasPrefix("/vsimem/") { return nil }
    let named = file(of: text)
    // A file in an archive, part of a file: what is meant lies behind the first folder of the name.
    let name =
      ["/vsizip/", "/vsitar/", "/vsigzip/", "/vsisubfile/", "/vsisparse/"].first { named.hasPrefix($0) }.map { prefix in
        let rest = String(named.dropFirst(prefix.count))
        let place =
          prefix == "/vsisubfile/" ? rest.split(separator: ",", maxSplits: 1).last.map(String.init) ?? rest : rest
        return folders[0].hasPrefix(prefix) ? named : place
      } ?? named
    let start = reference.isRelative ? folders[0] : FileManager.default.currentDirectoryPath
    let full = normalised(name.hasPrefix("/") ? name : start + "/" + name)
    guard folders.contains(where: { full.hasPrefix($0 == "/" ? "/" : $0 + "/") }) else {
      throw foreign("a file elsewhere:")
    }
    return full
  }

  private static let servers = [
    "wms:", "wmts:", "wcs:", "wfs:", "pg:", "mysql:", "eeda:", "eedai:", "plmosaic:", "ngw:", "daas:", "oapif:",
    "carto:",
  ]

  /// The file in a name of a dataset: `NETCDF:"f.nc":v`, `GTIFF_DIR:2:f.tif`, `vrt://f.tif?bands=1`, `/vsizip/a.zip/f.tif`.
  static func file(of name: String) -> String {
    var text = Substring(name)
    if text.hasPrefix("vrt://") {
      text = text.dropFirst(6)
      return String(text.prefix { $0 != "?" })
    }
    if let quote = text.firstIndex(of: "\""), text.hasSuffix("\"") || text[quote...].dropFirst().contains("\"") {
      return String(text[quote...].dropFirst().prefix { $0 != "\"" })
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count > 1, let first = parts.first, first.count > 1,
      first.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
    {
      // The part with a folder or an extension is the file.
      return String(parts.dropFirst().first { $0.contains("/") || $0.contains(".") } ?? parts[1])
    }
    return name
  }

  /// The folder of a description as it is named, and as it is found behind a link (from which GDAL counts); absolute.
  private static func folders(of path: String) -> [String] {
    func folder(_ path: String) -> String {
      let full = normalised(path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path)
      return full.lastIndex(of: "/").map { $0 == full.startIndex ? "/" : String(full[..<$0]) } ?? "/"
    }
    let real = path.hasPrefix("/vsi") ? path : URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    return [folder(real), folder(path)]
  }

  /// An absolute path without `.`, `..` and doubled slashes.
  private static func normalised(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// A name that can be looked at without reaching the network.
  private static func local(_ path: String) -> String? { GDAL.isRemote(path) ? nil : path }
}
