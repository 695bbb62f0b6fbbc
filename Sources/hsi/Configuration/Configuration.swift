import Foundation
import HSIKit

/// What the user has settled beside the command line: `HSI_…` variables, the project's file `./.hsi.toml` and the
/// user's file `$XDG_CONFIG_HOME/hsi/config.toml`, in this order of precedence.
///
/// The environment is the one place where libraries and child processes look: `install()` puts there what only a file
/// says.
struct Configuration {
  /// Where a value comes from.
  enum Origin: Equatable {
    /// An option.
    case commandLine(String)
    /// A variable of the environment.
    case environment(String)
    /// The project's file.
    case project(file: String, line: Int)
    /// The user's file.
    case user(file: String, line: Int)
    /// A rule of hsi.
    case builtIn(String)
  }

  /// A value that was set.
  struct Value {
    var text: String
    var origin: Origin
  }

  /// The project's file.
  static let projectFile = "./.hsi.toml"

  /// What was set, by key of `Setting`.
  private(set) var values: [String: Value] = [:]
  /// GDAL's options of the files, by name.
  private(set) var gdal: [String: Value] = [:]
  /// The environment of the process with what the files say.
  private(set) var environment: [String: String]

  /// Reads files and environment.
  ///
  /// - Throws: `ConfigurationError`, and `CoreError.invalidParameter` for a variable with a value that it cannot have.
  init(
    environment: [String: String] = ProcessInfo.processInfo.environment,
    projectFile: String = Configuration.projectFile
  ) throws {
    self.environment = environment
    if let path = Configuration.userFile(environment),
      let file = try SettingsFile(path, environment: environment)
    {
      add(file) { .user(file: path, line: $0) }
    }
    if let file = try SettingsFile(projectFile, environment: environment) {
      try file.requireSafe()
      add(file) { .project(file: projectFile, line: $0) }
    }
    for setting in Setting.all {
      guard let text = environment[setting.variable], !text.isEmpty else { continue }
      guard setting.accepts(text) else {
        throw CoreError.invalidParameter(
          name: setting.variable, value: text, requirement: setting.requirement)
      }
      values[setting.key] = Value(text: text, origin: .environment(setting.variable))
    }
    for setting in Setting.all { self.environment[setting.variable] = values[setting.key]?.text }
  }

  /// Where the user's file is; nil without a home.
  static func userFile(_ environment: [String: String]) -> String? {
    if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") {
      return folder + "/hsi/config.toml"
    }
    return environment["HOME"].flatMap { $0.isEmpty ? nil : $0 + "/.config/hsi/config.toml" }
  }

  /// Makes what the files say known to libraries and child processes. GDAL's options stay as the environment has them.
  func install() {
    for (key, value) in values {
      guard let setting = Setting.all.first(where: { $0.key == key }) else { continue }
      setenv(setting.variable, value.text, 1)
    }
    for (name, value) in gdal where environment[name] == nil { GDAL.setConfiguration(name, value.text) }
  }

  private mutating func add(_ file: SettingsFile, _ origin: (Int) -> Origin) {
    for (key, entry) in file.settings { values[key] = Value(text: entry.text, origin: origin(entry.line)) }
    for (name, entry) in file.gdal { gdal[name] = Value(text: entry.text, origin: origin(entry.line)) }
  }
}

extension Configuration.Origin {
  /// One word for programs.
  var kind: String {
    switch self {
    case .commandLine: "command line"
    case .environment: "environment"
    case .project: "project file"
    case .user: "user file"
    case .builtIn: "built-in"
    }
  }

  /// Where exactly: option, variable, file and line, rule.
  var place: String {
    switch self {
    case .commandLine(let option): option
    case .environment(let variable): variable
    case .project(let file, let line), .user(let file, let line): "\(file):\(line)"
    case .builtIn(let rule): rule
    }
  }
}
