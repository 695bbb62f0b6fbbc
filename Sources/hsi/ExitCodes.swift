import HSIKit

/// The exit codes of all commands, in one place (documented in docs/command-line.md).
enum ExitCodes {
  static let processing: Int32 = 1
  static let usage: Int32 = 2
  static let input: Int32 = 3
  static let output: Int32 = 4
  static let partial: Int32 = 5
  static let resource: Int32 = 6
  static let model: Int32 = 7
  static let interrupted: Int32 = 130

  /// The code of an error of the library.
  static func code(for error: any HSIError) -> Int32 {
    switch error.category {
    case .processing: processing
    case .usage: usage
    case .input: input
    case .output: output
    case .resource: resource
    case .model: model
    case .partial: partial
    case .interrupted: interrupted
    }
  }
}
