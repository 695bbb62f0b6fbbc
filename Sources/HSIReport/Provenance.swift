import Foundation
import HSICore

/// How a result came about: enough to make it again, nothing secret, no dump of the environment.
///
/// Begin with `init` when the command starts, add inputs and options, and call `finish` before writing.
/// With `SOURCE_DATE_EPOCH` in the environment both times are that instant, and what differs from run to run (elapsed
/// time, peak memory, modification times of inputs) is left out, so that reports can be compared byte by byte.
public struct Provenance: Codable, Sendable {
  /// A file that was read.
  public struct InputFile: Codable, Sendable {
    /// Path as the user gave it, secrets masked.
    public var path: String
    /// Bytes; nil for remote files.
    public var size: Int?
    /// Modification time, ISO 8601.
    public var modified: String?
    /// Digest of the contents: of headers always, of data on request.
    public var sha256: String?
  }

  /// The kind of machine.
  public struct Host: Codable, Sendable {
    /// `Linux` …
    public var system: String
    /// `x86_64`, `arm64`.
    public var architecture: String
    /// Processor model where the system tells.
    public var processor: String?
    /// Logical cores.
    public var cores: Int
    /// Memory in bytes.
    public var memoryBytes: Int
  }

  /// The command line, quoted for a shell, secrets masked.
  public var commandLine: String
  /// Every option after defaults, by name.
  public var options: [String: String]
  /// Version of hsi.
  public var version: String
  /// How it was built: `release`/`debug`, compiler, optional revision.
  public var build: String
  /// Versions of the libraries that did the work, by name.
  public var libraries: [String: String]
  /// Seed of all random draws.
  public var seed: UInt64
  /// What computed: `cpu`.
  public var device: String
  /// Worker threads.
  public var threads: Int
  /// Memory budget in bytes.
  public var memoryBudgetBytes: Int
  /// Files read.
  public var inputs: [InputFile]
  /// The kind of machine.
  public var host: Host
  /// Start, ISO 8601, UTC.
  public var started: String
  /// End, ISO 8601, UTC; nil until `finish`.
  public var finished: String?
  /// Seconds from start to end.
  public var elapsedS: Double?
  /// Largest resident memory of the process in bytes.
  public var peakMemoryBytes: Int?
  /// Distinct warnings in order.
  public var warnings: [Warning]

  private enum CodingKeys: String, CodingKey {
    case commandLine, options, version, build, libraries, seed, device, threads, memoryBudgetBytes, inputs,
      host
    case started, finished, elapsedS, peakMemoryBytes, warnings
  }
  private let began = Date()
  /// The time of day may go back.
  private let clock = ContinuousClock.now
  private var epoch: Date?

  /// Provenance that begins now.
  ///
  /// - Parameters:
  ///   - arguments: the command line, program name first.
  ///   - options: values after defaults, by option name.
  ///   - version: version of hsi.
  ///   - libraries: name to version, e.g. `["GDAL": "3.6.2"]`.
  ///   - environment: where `SOURCE_DATE_EPOCH` is looked up.
  public init(
    arguments: [String] = CommandLine.arguments, options: [String: String] = [:], version: String,
    build: String = Provenance.defaultBuild, libraries: [String: String] = [:],
    context: RunContext = RunContext(),
    device: String = "cpu", environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    commandLine = Secrets.commandLine(arguments)
    self.options = options.mapValues(Secrets.masked)
    self.version = version
    self.build = build
    self.libraries = libraries
    self.device = device
    seed = context.seed
    threads = context.threads
    memoryBudgetBytes = context.memory.bytes
    inputs = []
    warnings = []
    host = Host.current
    epoch = environment["SOURCE_DATE_EPOCH"].flatMap(Double.init).map { Date(timeIntervalSince1970: $0) }
    started = Provenance.text(epoch ?? began)
  }

  /// Adds files that were read. Headers (`.hdr`, `.xml`, `.json`, `.csv`, `.txt`, by extension, up to 16 MiB) get a
  /// digest; all files do with `hashData`. Paths that are not local files are recorded by name only.
  public mutating func addInputs(_ paths: [String], hashData: Bool = false) {
    for path in paths {
      var input = InputFile(path: Secrets.masked(path))
      if let attributes = try? FileManager.default.attributesOfItem(atPath: path),
        attributes[.type] as? FileAttributeType == .typeRegular
      {
        let size = (attributes[.size] as? NSNumber)?.intValue ?? 0
        input.size = size
        if epoch == nil { input.modified = (attributes[.modificationDate] as? Date).map(Provenance.text) }
        let isHeader = ["hdr", "xml", "json", "csv", "txt"].contains(
          (path as NSString).pathExtension.lowercased())
        if hashData || (isHeader && size <= 16 << 20) { input.sha256 = SHA256.hexadecimal(ofFile: path) }
      }
      inputs.append(input)
    }
  }

  /// Records end, elapsed time, peak memory and the warnings so far.
  public mutating func finish(_ context: RunContext) {
    warnings = context.warnings.warnings.map { warning in
      var masked = warning
      masked.message = Secrets.masked(warning.message)
      return masked
    }
    if let epoch {
      finished = Provenance.text(epoch)
      return
    }
    let end = Date()
    finished = Provenance.text(end)
    elapsedS = (clock.duration(to: .now) / .seconds(1) * 1000).rounded() / 1000
    peakMemoryBytes = Provenance.peakMemory
  }

  /// Largest resident memory of this process in bytes.
  public static var peakMemory: Int {
    var usage = rusage()
    #if canImport(Darwin)
      guard getrusage(RUSAGE_SELF, &usage) == 0 else { return 0 }
      return Int(usage.ru_maxrss)
    #else
      guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
      return Int(usage.ru_maxrss) * 1024
    #endif
  }

  /// `release` or `debug` and the Swift version.
  public static var defaultBuild: String {
    #if DEBUG
      let kind = "debug"
    #else
      let kind = "release"
    #endif
    #if compiler(>=6.3)
      return "\(kind), Swift 6.3"
    #elseif compiler(>=6.2)
      return "\(kind), Swift 6.2"
    #else
      return "\(kind), Swift 6"
    #endif
  }

  /// `OUT.prov.json`: this value as JSON.
  public func json() throws -> Data { try ReportCoding.encode(self) }

  static func text(_ date: Date) -> String {
    date.formatted(.iso8601)
  }
}

extension Provenance.Host {
  /// This machine.
  public static var current: Provenance.Host {
    let process = ProcessInfo.processInfo
    #if arch(x86_64)
      let architecture = "x86_64"
    #elseif arch(arm64)
      let architecture = "arm64"
    #else
      let architecture = "other"
    #endif
    #if os(Linux)
      let system = "Linux"
    #elseif os(macOS)
      let system = "macOS"
    #else
      let system = "other"
    #endif
    return Provenance.Host(
      system: system, architecture: architecture, processor: processorName, cores: process.processorCount,
      memoryBytes: Int(clamping: process.physicalMemory))
  }

  private static var processorName: String? {
    guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
