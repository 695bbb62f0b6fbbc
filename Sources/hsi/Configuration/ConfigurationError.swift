import HSIKit

/// What is wrong with a configuration file.
enum ConfigurationError: HSIError {
  /// It exists but cannot be read, or is no text.
  case unreadable(file: String, reason: String)
  /// It is no TOML.
  case syntax(file: String, line: Int, reason: String)
  /// It has a key that means nothing.
  case unknownKey(place: String, key: String, known: [String])
  /// A file that came with data sets an option that only the user may set.
  case unsafeOption(place: String, name: String)
  /// A key has a value that it cannot have.
  case badValue(place: String, key: String, value: String, requirement: String)

  var category: ErrorCategory { .usage }
  var identifier: String { "E-CONFIG" }

  var problem: String {
    switch self {
    case .unreadable(let file, let reason): "the configuration \(file) cannot be read: \(reason)"
    case .syntax(let file, let line, let reason): "\(file), line \(line), is no TOML: \(reason)"
    case .unknownKey(let place, let key, let known):
      "\(place): there is no setting \(key), only \(known.joined(separator: ", "))"
    case .unsafeOption(let place, let name):
      "\(place): \(name) may load code, weaken checks or lead elsewhere, which the file of a folder must not decide"
    case .badValue(let place, let key, let value, let requirement):
      "\(place): \(key) is \(value) but must be \(requirement)"
    }
  }

  var advice: String? {
    switch self {
    case .unreadable: "mend it or move it away"
    case .unsafeOption: "if you trust it, set it with --config, in the environment or in your own configuration file"
    default: "mend the file; hsi help configuration describes it"
    }
  }
}
