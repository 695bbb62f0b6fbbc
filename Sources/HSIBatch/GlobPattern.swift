import Foundation
import Glibc

/// Paths that match a pattern: `*`, `?` and `[…]` within a name, `**` for any number of folders. Names that begin
/// with a dot match only a pattern that does, too.
struct GlobPattern {
  /// Whether a text has wildcards at all.
  static func isPattern(_ text: String) -> Bool { text.contains { "*?[".contains($0) } }

  /// The part before the first component with a wildcard, with its slash.
  let fixed: String
  private let components: [String]

  init(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    let first = parts.firstIndex(where: GlobPattern.isPattern) ?? parts.count
    let start = text.hasPrefix("/") ? "/" : ""
    fixed = first == 0 ? start : start + parts[..<first].joined(separator: "/") + "/"
    // Several `**` behind one another mean no more than one, and would look into every folder in as many ways.
    components = parts[first...].reduce(into: []) { list, part in
      if part != "**" || list.last != "**" { list.append(part) }
    }
  }

  /// Deepest folder that `**` looks into; links to folders are not followed by it.
  private static let depthLimit = 64

  /// The paths, as written in the pattern (relative ones stay relative to `folder`), sorted bytewise.
  func matches(in folder: String) -> [String] {
    var found: Set<String> = []
    walk(fixed, components[...], folder, 0, &found)
    return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private func walk(
    _ prefix: String, _ rest: ArraySlice<String>, _ folder: String, _ depth: Int, _ found: inout Set<String>
  ) {
    guard let component = rest.first else { return }
    let after = rest.dropFirst()
    if component == "**" {
      walk(prefix, after.isEmpty ? ["*"] : after, folder, depth, &found)
      guard depth < GlobPattern.depthLimit else { return }
      for name in names(prefix, folder)
      where !name.hasPrefix(".") && isFolder(prefix + name, folder, follows: false) {
        walk(prefix + name + "/", rest, folder, depth + 1, &found)
      }
      return
    }
    let isLast = after.isEmpty
    if !GlobPattern.isPattern(component) {
      if isLast {
        if FileManager.default.fileExists(atPath: FilePaths.resolved(prefix + component, from: folder)) {
          found.insert(prefix + component)
        }
      } else {
        walk(prefix + component + "/", after, folder, depth, &found)
      }
      return
    }
    for name in names(prefix, folder) where fnmatch(component, name, FNM_PERIOD) == 0 {
      if isLast {
        found.insert(prefix + name)
      } else if isFolder(prefix + name, folder, follows: true) {
        walk(prefix + name + "/", after, folder, depth, &found)
      }
    }
  }

  private func names(_ prefix: String, _ folder: String) -> [String] {
    let path = FilePaths.resolved(prefix.isEmpty ? "." : prefix, from: folder)
    return (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  }

  private func isFolder(_ path: String, _ folder: String, follows: Bool) -> Bool {
    var info = stat()
    let full = FilePaths.resolved(path, from: folder)
    guard (follows ? stat(full, &info) : lstat(full, &info)) == 0 else { return false }
    return info.st_mode & S_IFMT == S_IFDIR
  }
}
