import CHDF5
import Foundation
import HSICore
import Synchronization

/// Keeps a crash of the HDF5 library on a damaged file out of this process: a child process walks the file first.
///
/// A library cannot know what to start, so a program that wants the protection names an executable with `install`,
/// which `hsi` does with itself. The child (`examine`) opens every object, attribute and list as `hsi` would and reads
/// one number at both ends of every array; it has 60 seconds. When it dies, the file is refused. Without `install`,
/// and for damage inside the compressed pixels, the library is on its own.
public enum HDF5Probe {
  private struct State {
    var command: [String] = []
    var passed: Set<String> = []
  }

  private static let state = Mutex(State())

  /// Names the executable and its arguments to which a file name is added; an empty list switches probing off.
  public static func install(_ command: [String]) { state.withLock { $0.command = command } }

  /// The work of the child: touches everything in a file that opening it could touch.
  ///
  /// - Returns: true when the file could be opened.
  public static func examine(_ path: String) -> Bool {
    alarm(60)
    // The parent ignores these, and children inherit that.
    for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    let isOpen = walk(path)
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    if Int(usage.ru_maxrss) << 10 > largest(for: VSI.status(path)?.size ?? 0) { _exit(excess) }
    return isOpen
  }

  /// Exit status of a child that took more memory than any whole file of its size needs.
  private static let excess: Int32 = 9

  /// Memory that walking a file of so many bytes may take: damaged lengths of texts make the library ask for gigabytes.
  static func largest(for size: Int) -> Int { (1 << 30) + 2 * min(size, Int.max / 4) }

  /// Opens every object of a file; true when the file itself could be opened.
  static func walk(_ path: String) -> Bool {
    guard let file = try? HDF5File(path, isProbed: true) else { return false }
    file.touchAttributes(of: "/")
    for entry in file.arrays(visiting: { file.touchAttributes(of: $0) }).prefix(2000) {
      guard let array = try? file.open(entry.path) else { continue }
      if entry.dimensions.count <= 1 {
        _ = array.doubles()
        _ = array.texts()
        _ = array.references()
      }
      touchEnds(of: array)
    }
    return true
  }

  private static func touchEnds(of array: HDF5Array) {
    guard array.type != nil, !array.dimensions.isEmpty, !array.dimensions.contains(0) else { return }
    let ones = [Int](repeating: 1, count: array.dimensions.count)
    let zeros = ones.map { _ in 0 }
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 16) { memory in
      guard let base = memory.baseAddress else { return }
      for start in [zeros, array.dimensions.map { $0 - 1 }] {
        try? array.read(start: start, count: ones, into: base, shape: ones, origin: zeros)
      }
    }
  }

  /// Lets a child examine a file, once per file and process.
  ///
  /// - Throws: `RasterError.unreadable` when the child did not survive.
  static func check(_ path: String) throws {
    let (command, isKnown) = state.withLock { ($0.command, $0.passed.contains(path)) }
    guard let program = command.first, !isKnown else { return }
    guard let status = run(program, command + [path]) else { return }
    guard status & 0x7F == 0 else {
      let reason =
        status & 0x7F == SIGALRM ? "does not come to an end on it within a minute" : "crashes on it"
      throw RasterError.unreadable(
        path: path, reason: "it is damaged: the HDF5 library \(reason) (tried in a process of its own)")
    }
    guard status >> 8 != excess else {
      throw RasterError.unreadable(
        path: path, reason: "it is damaged: the HDF5 library takes more than 1 GiB of memory for a look at it")
    }
    state.withLock { _ = $0.passed.insert(path) }
  }

  /// Starts a program without output and waits for it: its wait status, or nil when it cannot be started.
  private static func run(_ program: String, _ arguments: [String]) -> Int32? {
    var actions = posix_spawn_file_actions_t()
    guard posix_spawn_file_actions_init(&actions) == 0 else { return nil }
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
    }
    var variables = ProcessInfo.processInfo.environment
    variables["SWIFT_BACKTRACE"] = "enable=no"
    var words = arguments.map { strdup($0) } + [nil]
    var settings = variables.map { strdup($0.key + "=" + $0.value) } + [nil]
    defer { for text in words + settings { free(text) } }
    var child = pid_t()
    guard posix_spawn(&child, program, &actions, nil, &words, &settings) == 0 else { return nil }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { return nil }
    }
    return status
  }
}
