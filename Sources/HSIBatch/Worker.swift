import Foundation
import Glibc
import HSICore

/// A process that works on a job, such that others can tell whether it still lives.
struct Worker: Codable, Hashable, Sendable {
  var host: String
  var pid: Int32
  /// When the process started, in ticks since the machine did; tells processes with the same number apart.
  var started: UInt64
  /// Boot of the machine and its namespace of process numbers: processes can only be looked up within it.
  var machine: String

  /// This process.
  static let current: Worker = {
    let pid = getpid()
    let boot = text("/proc/sys/kernel/random/boot_id") ?? ""
    let space = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
    return Worker(host: hostName, pid: pid, started: startTime(of: pid) ?? 0, machine: boot + " " + space)
  }()

  /// The name of this machine up to the first dot.
  static let hostName = UnfinishedFolder.host

  /// Whether the process runs; nil where that cannot be told from here.
  var isAlive: Bool? {
    guard machine == Worker.current.machine, !machine.hasPrefix(" ") else { return nil }
    return Worker.startTime(of: pid) == started
  }

  /// Whether there is a process of that number on this machine that is more than an entry waiting to be asked for.
  static func isRunning(_ pid: Int32) -> Bool { startTime(of: pid) != nil }

  /// Field 22 of `/proc/PID/stat`; nil for processes that do not exist or are only waited for.
  private static func startTime(of pid: Int32) -> UInt64? {
    guard let stat = text("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return UInt64(fields[19])
  }

  private static func text(_ path: String) -> String? {
    (try? String(contentsOfFile: path, encoding: .utf8)).map {
      $0.trimmingCharacters(in: .whitespacesAndNewlines)
    }
  }
}
