import CHDF5
import Foundation
import HSICore
import Synchronization

/// Keeps a crash of the HDF5 library on a damaged file out of this process: a child process walks the file first.
///
/// A library cannot know what to start, so a program that wants the protection names an executable with `install`,
/// which `hsi` does with itself. The child (`examine`) opens every object and attribute as `hsi` would and reads short lists; before
/// the numbers of another array are read that have to be unpacked, a second one reads one of them at both ends of it. So the cost
/// is that of what is opened, however large its neighbours are. A child has 60 seconds of processor time: waiting for a disk or
/// for other programs does not count. When it dies, the file is refused. Without `install`, and for damage inside the compressed
/// pixels, the library is on its own.
public enum HDF5Probe {
  private struct State {
    var command: [String] = []
    var passed: Set<[String]> = []
  }

  private static let state = Mutex(State())

  /// Seconds of processor time that a child has.
  private static let seconds = 60

  /// Names the executable and its arguments to which the name of a file, and of an array in it, are added; an empty list switches
  /// probing off.
  public static func install(_ command: [String]) { state.withLock { $0.command = command } }

  /// The work of the child: touches everything in a file that opening it could touch, or the ends of an array.
  ///
  /// - Returns: true when the file could be opened.
  public static func examine(_ path: String, array: String? = nil) -> Bool {
    // The kernel ends the child with SIGXCPU then.
    var limit = rlimit(rlim_cur: rlim_t(seconds), rlim_max: rlim_t(seconds + 10))
    setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &limit)
    // The parent ignores these, and children inherit that.
    for number in [SIGINT, SIGTERM, SIGXCPU] { signal(number, SIG_DFL) }
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    let chunk = array.map { look(path, at: $0) }
    let isOpen = chunk != nil || walk(path)
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    // A chunk is held packed, unpacked and in between.
    let allowed = Int.sum(largest(for: VSI.status(path)?.size ?? 0), .product(3, chunk ?? 0))
    if Int(usage.ru_maxrss) << 10 > allowed { _exit(excess) }
    return isOpen
  }

  /// Exit status of a child that took more memory than any whole file of its size needs.
  private static let excess: Int32 = 9

  /// Memory that walking a file of so many bytes may take: damaged lengths of texts make the library ask for gigabytes.
  static func largest(for size: Int) -> Int { (1 << 30) + 2 * min(size, Int.max / 4) }

  /// Opens every object of a file and reads short lists; true when the file itself could be opened.
  ///
  /// - Parameter reading: called with the path of every array that is read.
  static func walk(_ path: String, reading: (String) -> Void = { _ in }) -> Bool {
    guard let file = try? HDF5File(path, isProbed: true) else { return false }
    file.touchAttributes(of: "/")
    for entry in HDF5File.distinct(file.arrays(visiting: { file.touchAttributes(of: $0) })).prefix(2000) {
      guard let array = try? file.open(entry.path), array.isSmall else { continue }
      reading(entry.path)
      _ = array.doubles()
      _ = array.texts()
      _ = array.references()
      touchEnds(of: array)
    }
    return true
  }

  /// Reads the ends of an array.
  ///
  /// - Returns: bytes of its chunks, 0 where there is none such.
  private static func look(_ path: String, at name: String) -> Int {
    guard let file = try? HDF5File(path, isProbed: true), let array = file.array(name) else { return 0 }
    touchEnds(of: array)
    return array.chunkBytes
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

  /// Lets a child examine a file, or an array of it, once per process.
  ///
  /// - Throws: `RasterError.unreadable` when the child did not survive.
  static func check(_ path: String, array: String? = nil) throws {
    let names = [path] + (array.map { [$0] } ?? [])
    let (command, isKnown) = state.withLock { ($0.command, $0.passed.contains(names)) }
    guard let program = command.first, !isKnown else { return }
    guard let status = run(program, command + names) else { return }
    try judge(status, path: path, array: array)
    state.withLock { _ = $0.passed.insert(names) }
  }

  /// Whether a child that ended so found a file, or an array of it, whole.
  ///
  /// - Parameter status: as `waitpid` gives it.
  /// - Throws: `RasterError.unreadable`.
  static func judge(_ status: Int32, path: String, array: String?) throws {
    func refused(_ reason: String) -> RasterError { .unreadable(path: path, reason: reason) }
    let place = array.map { " at \($0)" } ?? ""
    let signal = status & 0x7F
    // The system ends what takes too much memory, too.
    guard signal != SIGXCPU, signal != SIGKILL else {
      throw refused(
        "a look\(place.isEmpty ? " at it" : place) took longer than \(seconds) s of processor time, or was ended by the "
          + "system (tried in a process of its own)")
    }
    guard signal == 0 else {
      throw refused(
        "it is damaged: the HDF5 library crashes on it\(place) (tried in a process of its own)")
    }
    guard status >> 8 != excess else {
      throw refused(
        "it is damaged: the HDF5 library takes more than 1 GiB of memory for a look at it\(place)")
    }
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
