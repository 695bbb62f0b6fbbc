import Foundation
import HSIKit

/// Names of inputs, some of which may come from standard input.
enum InputList {
  private static let largest = 64 << 20

  /// The names with `-` replaced by those on standard input: one per line, or separated by NUL.
  ///
  /// - Throws: `RasterError.unreadable` when standard input holds no name or no text.
  static func names(_ given: [String], separatedByNUL: Bool) throws -> [String] {
    guard let place = given.firstIndex(of: "-") else { return given }
    let data = (try? FileHandle.standardInput.read(upToCount: largest)) ?? nil
    guard let text = String(data: data ?? Data(), encoding: .utf8) else {
      throw RasterError.unreadable(path: "standard input", reason: "it is no UTF-8 text")
    }
    let listed = text.split { separatedByNUL ? $0 == "\0" : $0.isNewline }.map(String.init).filter {
      !$0.isEmpty
    }
    guard !listed.isEmpty else {
      throw RasterError.unreadable(path: "standard input", reason: "it names no file")
    }
    return given[..<place].filter { $0 != "-" } + listed
      + given[given.index(after: place)...].filter { $0 != "-" }
  }
}
