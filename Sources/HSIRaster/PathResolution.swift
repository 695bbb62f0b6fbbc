import Foundation
import HSICore

/// The parts of a file name, for local paths and `/vsi…` names alike.
struct PathName {
  let path: String
  /// The folder with its final slash, or "" for a bare name.
  let folder: String
  /// The last component.
  let name: String

  init(_ path: String) {
    self.path = path
    if let slash = path.lastIndex(of: "/") {
      folder = String(path[...slash])
      name = String(path[path.index(after: slash)...])
    } else {
      folder = ""
      name = path
    }
  }

  /// After the last dot of the name, "" without one.
  var fileExtension: String {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return "" }
    return String(name[name.index(after: dot)...])
  }

  /// The path without extension.
  var stem: String {
    let ext = fileExtension
    return ext.isEmpty ? path : String(path.dropLast(ext.count + 1))
  }

  /// The folder for listing.
  var listedFolder: String {
    if folder.isEmpty { return "." }
    return folder == "/" ? "/" : String(folder.dropLast())
  }
}

/// How the name that a user wrote becomes a file that exists.
enum PathResolution {
  /// Finds the file.
  ///
  /// - Throws: `RasterError.notFound`, `.unreadable` for empty files, `.ambiguous` for archives of several files.
  static func locate(_ given: String) throws -> RasterLocation {
    guard !given.isEmpty else { throw RasterError.notFound(path: "(empty name)") }
    if isDatasetName(given) {
      return RasterLocation(given: given, file: given, part: nil, isFolder: false, firstBytes: [], size: 0)
    }
    let path = rewritten(given)
    if let status = VSI.status(path) { return try location(given, path, part: nil, status) }
    if ImageStackFormat.exists(path) {
      return RasterLocation(given: given, file: path, part: nil, isFolder: false, firstBytes: [], size: 0)
    }
    // FILE//array: the longest prefix before a double slash that is a file.
    let start = path.hasPrefix("/") ? path.index(after: path.startIndex) : path.startIndex
    var search = start..<path.endIndex
    while let separator = path.range(of: "//", options: .backwards, range: search) {
      let file = String(path[..<separator.lowerBound])
      if !file.hasSuffix(":"), let status = VSI.status(file), !status.isFolder {
        return try location(given, file, part: String(path[separator.upperBound...]), status)
      }
      search = start..<separator.lowerBound
    }
    throw RasterError.notFound(path: GDAL.redacted(given))
  }

  private static func location(
    _ given: String, _ path: String, part: String?, _ status: VSI.Status
  ) throws -> RasterLocation {
    if !status.isFolder, part == nil, !path.hasPrefix("/vsizip/"), isZip(path) {
      return try insideArchive(given, path)
    }
    var location = RasterLocation(
      given: given, file: path, part: part, isFolder: status.isFolder, firstBytes: [], size: status.size)
    guard !status.isFolder else { return location }
    guard let bytes = VSI.prefix(path, count: 4096) else {
      throw RasterError.unreadable(path: GDAL.redacted(given), reason: unreadableReason(path))
    }
    guard !bytes.isEmpty else {
      throw RasterError.unreadable(path: GDAL.redacted(given), reason: "it is empty")
    }
    location.firstBytes = bytes
    return location
  }

  private static func unreadableReason(_ path: String) -> String {
    path.hasPrefix("/vsi") || access(path, R_OK) == 0
      ? "it cannot be opened" : String(cString: strerror(errno))
  }

  /// Addresses and archives as GDAL names them.
  static func rewritten(_ path: String) -> String {
    let schemes = [
      ("s3://", "/vsis3/"), ("gs://", "/vsigs/"), ("az://", "/vsiaz/"), ("https://", "/vsicurl/https://"),
      ("http://", "/vsicurl/http://"), ("file://", ""),
    ]
    for (scheme, replacement) in schemes where path.lowercased().hasPrefix(scheme) {
      let name = replacement + path.dropFirst(scheme.count)
      return name.lowercased().hasSuffix(".zip") ? "/vsizip/" + name : name
    }
    return path
  }

  /// Names such as `NETCDF:"f.nc":v` that only GDAL understands.
  private static func isDatasetName(_ path: String) -> Bool {
    if path.hasPrefix("<VRTDataset") { return true }
    guard let colon = path.firstIndex(of: ":"), colon != path.startIndex else { return false }
    let prefix = path[..<colon]
    return prefix.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" } && prefix.count > 1
      && !path[colon...].hasPrefix("://")
  }

  private static func isZip(_ path: String) -> Bool {
    guard path.lowercased().hasSuffix(".zip") else { return false }
    return VSI.prefix(path, count: 4) == [0x50, 0x4B, 0x03, 0x04]
  }

  /// The one cube in a zip archive: its only ENVI header's data file, or its only file.
  private static func insideArchive(_ given: String, _ path: String) throws -> RasterLocation {
    let root = "/vsizip/" + path
    // A Zarr tree, at the top or in the only folder.
    let top = VSI.names(in: root).map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
    for folder in [root] + (top.count == 1 ? [root + "/" + top[0]] : []) where MultidimensionalFormat.isZarr(folder) {
      return RasterLocation(given: given, file: folder, part: nil, isFolder: true, firstBytes: [], size: 0)
    }
    if (top + top.prefix(1).flatMap { VSI.names(in: root + "/" + $0) }).contains("zarr.json") {
      throw RasterError.unsupported(
        path: given, feature: "Zarr of version 3",
        advice: "write it as version 2 (zarr_format=2), or as NetCDF or GeoTIFF")
    }
    let files = listing(root, depth: 4).filter { !$0.hasSuffix(".aux.xml") }
    let headers = files.filter { $0.lowercased().hasSuffix(".hdr") }
    let candidates =
      headers.isEmpty
      ? files.filter {
        !["txt", "md", "pdf", "prj", "xml", "json"].contains(PathName($0).fileExtension.lowercased())
      }
      : headers
    guard candidates.count == 1, let only = candidates.first else {
      throw RasterError.ambiguous(
        path: given, choices: candidates.isEmpty ? files : candidates,
        advice: "name the file inside: /vsizip/\(path)/NAME")
    }
    guard let status = VSI.status(only), let bytes = VSI.prefix(only, count: 4096), !bytes.isEmpty else {
      throw RasterError.unreadable(path: only, reason: "it cannot be opened or is empty")
    }
    return RasterLocation(
      given: given, file: only, part: nil, isFolder: false, firstBytes: bytes, size: status.size)
  }

  private static func listing(_ folder: String, depth: Int) -> [String] {
    guard depth > 0 else { return [] }
    return VSI.names(in: folder).flatMap { name -> [String] in
      let path = folder + "/" + (name.hasSuffix("/") ? String(name.dropLast()) : name)
      if VSI.status(path)?.isFolder == true { return listing(path, depth: depth - 1) }
      return [path]
    }
  }
}
