import Foundation

/// Names of files.
enum FilePaths {
  /// `path` counted from `folder` unless it is absolute; `.` and `..` are resolved in the text.
  static func resolved(_ path: String, from folder: String) -> String {
    isRemote(path) ? path : normalised(path.hasPrefix("/") ? path : folder + "/" + path)
  }

  /// The text without `.`, `..` and doubled slashes; leading `..` of relative paths stay.
  static func normalised(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else if part != ".." || !path.hasPrefix("/") {
        parts.append(part)
      }
    }
    let text = parts.joined(separator: "/")
    return path.hasPrefix("/") ? "/" + text : text.isEmpty ? "." : text
  }

  /// Names that only GDAL can open: `/vsi…`, `s3://…`.
  static func isRemote(_ path: String) -> Bool { path.hasPrefix("/vsi") || path.contains("://") }

  /// After the last slash.
  static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

  /// Before the last slash, `.` for a bare name.
  static func folder(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Without the extension of the last component.
  static func stem(_ path: String) -> String {
    let start = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    guard let dot = path[start...].lastIndex(of: "."), dot != start else { return path }
    return String(path[..<dot])
  }
}
