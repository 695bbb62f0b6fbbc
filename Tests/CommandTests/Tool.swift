import Foundation

/// The built command, run as a process.
struct Tool {
  /// What a process did.
  struct Result {
    let status: Int32
    let output: String
    let errors: String
    /// Lines on standard error that report an error.
    var errorLines: [String] {
      errors.split(separator: "\n").map(String.init).filter { $0.hasPrefix("hsi: error:") }
    }
  }

  /// The executable, beside the test bundle.
  static let executable = Bundle.module.bundleURL.deletingLastPathComponent().appendingPathComponent("hsi")
  /// The root of the package.
  static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Runs `hsi` with arguments in a folder.
  static func run(
    _ arguments: [String], in folder: URL? = nil, environment: [String: String] = [:], wrapper: [String] = []
  ) throws -> Result {
    try launch(wrapper + [executable.path] + arguments, in: folder, environment: environment)
  }

  /// Runs any command line in a folder, with the built `hsi` first on the PATH.
  static func launch(_ line: [String], in folder: URL? = nil, environment: [String: String] = [:]) throws -> Result {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = line
    process.currentDirectoryURL = folder
    var variables = ProcessInfo.processInfo.environment
    variables["PATH"] = executable.deletingLastPathComponent().path + ":" + (variables["PATH"] ?? "")
    // The configuration of whoever runs the tests plays no part.
    variables["XDG_CONFIG_HOME"] = "/nonexistent"
    process.environment = variables.merging(environment) { $1 }
    let files = try TemporaryFolder()
    let out = files.url.appendingPathComponent("out")
    let err = files.url.appendingPathComponent("err")
    for url in [out, err] { try Data().write(to: url) }
    process.standardOutput = try FileHandle(forWritingTo: out)
    process.standardError = try FileHandle(forWritingTo: err)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: String(decoding: try Data(contentsOf: out), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: err), as: UTF8.self))
  }
}

/// A folder that disappears with this value.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-test-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// The path of a file in it.
  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  /// Names of all files in it, hidden ones included.
  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted() }
}
