import Logging

/// The names of levels in `HSI_LOG` and configuration files.
enum LogLevel {
  /// `error`, `warn` (or `warning`), `info`, `debug`, `trace`; nil for anything else.
  static func named(_ name: String) -> Logger.Level? {
    switch name {
    case "error": .error
    case "warn", "warning": .warning
    case "info": .info
    case "debug": .debug
    case "trace": .trace
    default: nil
    }
  }

  /// The name of a level.
  static func name(_ level: Logger.Level) -> String { level == .warning ? "warn" : level.rawValue }
}
