import Foundation
import HSICore

/// Long lists of names, handed to a command in files (`@FILE`).
enum ArgumentFiles {
  /// Bytes of one file; commands read at most 1 MiB of each.
  private static let largest = 900 << 10

  /// Writes names to `STEM.0.args` and so on.
  ///
  /// - Returns: the arguments that stand for them.
  /// - Throws: `CoreError.cannotWrite`, `.diskFull`.
  static func write(_ names: [String], beside stem: String) throws -> [String] {
    var files: [String] = []
    var text = ""
    func flush() throws {
      guard !text.isEmpty else { return }
      let path = "\(stem).\(files.count).args"
      try OutputFile.write(Data(text.utf8), to: path, overwrite: true)
      files.append("@" + path)
      text = ""
    }
    for name in names {
      // A name must not look like an option.
      let word = name.hasPrefix("-") ? "./" + name : name
      let quoted = "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'\n"
      if text.utf8.count + quoted.utf8.count > largest { try flush() }
      text += quoted
    }
    try flush()
    return files
  }
}
