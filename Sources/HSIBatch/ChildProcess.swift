import Foundation
import Glibc
import HSICore

/// Runs a program and waits for it.
enum ChildProcess {
  /// How a program ended.
  struct Outcome: Sendable {
    /// Exit code; 128 + signal when a signal ended it.
    var exit: Int
    var seconds: Double
    /// Largest resident memory in bytes.
    var peakMemoryBytes: Int
    /// Whether it was asked to stop.
    var wasStopped = false
    /// Its process number.
    var pid: pid_t = 0
  }

  /// Runs a program, standard output and error going to `output`.
  ///
  /// Once `cancellation` is set, or after `limit` seconds, the program gets SIGTERM, and SIGKILL `grace` seconds later.
  ///
  /// - Parameters:
  ///   - line: executable (a path, or looked up) and arguments.
  ///   - folder: where it runs; nil for the folder of this process.
  ///   - environment: added to that of this process.
  /// - Throws: `CoreError.cannotWrite` where the program cannot be started.
  static func run(
    _ line: [String], in folder: String? = nil, environment: [String: String] = [:], output: Int32,
    cancellation: CancellationFlag = CancellationFlag(), limit: Double = .infinity, grace: Double = 3
  ) throws -> Outcome {
    let clock = ContinuousClock()
    let start = clock.now
    // There is no portable way to start a process in another folder; env replaces itself by the program.
    let pid = try spawn((folder.map { ["/usr/bin/env", "-C", $0] } ?? []) + line, environment, output)
    var outcome = Outcome(exit: 0, seconds: 0, peakMemoryBytes: 0, pid: pid)
    var stopped: ContinuousClock.Instant?
    var pause: UInt32 = 1000
    while true {
      var status: Int32 = 0
      var usage = rusage()
      let ended = wait4(pid, &status, WNOHANG, &usage)
      let elapsed = start.duration(to: clock.now).seconds
      if ended == pid {
        outcome.exit = Int(status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F)
        outcome.seconds = elapsed
        outcome.peakMemoryBytes = Int(usage.ru_maxrss) << 10
        return outcome
      }
      if ended < 0, errno != EINTR {
        outcome.exit = 1
        outcome.seconds = elapsed
        return outcome
      }
      if let time = stopped {
        if time.duration(to: clock.now).seconds > grace { kill(pid, SIGKILL) }
      } else if cancellation.isCancelled || elapsed > limit {
        kill(pid, SIGTERM)
        stopped = clock.now
        outcome.wasStopped = true
      }
      usleep(pause)
      pause = min(pause * 2, 20_000)
    }
  }

  /// What a program prints and its exit code; nil when it cannot be started or takes longer than `limit` seconds.
  static func capture(_ line: [String], limit: Double = 20) -> (exit: Int, text: String)? {
    let path = FileManager.default.temporaryDirectory.path + "/hsi-\(getpid())-\(UUID().uuidString)"
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    unlink(path)
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    guard let outcome = try? run(line, output: descriptor, limit: limit), !outcome.wasStopped,
      (try? file.seek(toOffset: 0)) != nil, let data = try? file.read(upToCount: 16 << 20)
    else { return nil }
    return (outcome.exit, String(decoding: data, as: UTF8.self))
  }

  private static func spawn(_ line: [String], _ environment: [String: String], _ output: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // This process ignores signals that it takes from a queue; children would inherit that.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, number) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map {
      "\($0.key)=\($0.value)"
    }
    var pid: pid_t = 0
    let code = withStrings(line) { arguments in
      withStrings(variables) { values in posix_spawnp(&pid, line[0], &actions, &attributes, arguments, values)
      }
    }
    guard code == 0 else {
      throw CoreError.cannotWrite(
        path: line[0], reason: "it cannot be started: " + String(cString: strerror(code)))
    }
    return pid
  }

  private static func withStrings<R>(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
  ) -> R {
    var pointers = texts.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { buffer in
      // The list ends with nil, so it has an address.
      buffer.baseAddress.map(body)!
    }
  }
}

extension Duration {
  /// As a number.
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
