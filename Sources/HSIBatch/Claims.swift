import Foundation
import Glibc
import HSICore
import Synchronization

/// Who works on which item: a folder per item in `NAME.claims`, made by one rename, which one process wins.
///
/// The folder holds who took it. As long as the process lives it renews the folder's time; a claim that was not renewed
/// for `staleAfter` seconds, or whose process is known to be dead, may be taken over.
final class Claims: Sendable {
  /// Who holds a claim.
  struct Holder: Codable, Sendable {
    var worker: Worker
    /// Distinguishes claims of one process.
    var number: Int
  }

  let folder: String
  /// Seconds between renewals.
  let heartbeat: Double
  /// Seconds without renewal after which a claim is void.
  let staleAfter: Double
  private let held = Mutex<[String: Int]>([:])
  /// Claims whose time lies ahead, as after a clock that went back: that time, and since when it has stood still.
  private let ahead = Mutex<[String: (time: Double, since: ContinuousClock.Instant)]>([:])

  init(folder: String, heartbeat: Double = 30, staleAfter: Double = 300) {
    (self.folder, self.heartbeat, self.staleAfter) = (folder, heartbeat, staleAfter)
  }

  private static let counter = Atomic<Int>(0)
  private var suffix: String { "\(Worker.hostName)-\(getpid())" }

  /// Takes an item; false when somebody else has it.
  ///
  /// - Throws: `CoreError.cannotWrite`, `.diskFull`.
  func take(_ item: String) throws -> Bool {
    let number = Claims.counter.add(1, ordering: .relaxed).newValue
    let prepared = "\(folder)/.new-\(suffix)-\(number)"
    try Folders.make(prepared)
    defer { Claims.remove(prepared) }
    let owner = try JSONEncoder().encode(Holder(worker: .current, number: number))
    try OutputFile.write(owner, to: prepared + "/owner.json", overwrite: true)
    let target = folder + "/" + item
    let code = rename(prepared, target) == 0 ? 0 : errno
    // On network file systems a rename may succeed and be reported as failed.
    if code == 0 || isMine(target, number) { return keep(item, number) }
    guard code == EEXIST || code == ENOTEMPTY else { throw OutputFile.failure(code, path: target) }
    guard isStale(item), clear(item) else { return false }
    guard rename(prepared, target) == 0 || isMine(target, number) else { return false }
    return keep(item, number)
  }

  private func keep(_ item: String, _ number: Int) -> Bool {
    held.withLock { $0[item] = number }
    return true
  }

  /// Gives an item back, unless somebody took it over.
  func release(_ item: String) {
    guard let number = held.withLock({ $0.removeValue(forKey: item) }) else { return }
    let target = folder + "/" + item
    guard isMine(target, number) else { return }
    let old = "\(folder)/.old-\(suffix)-\(number)"
    if rename(target, old) == 0 { Claims.remove(old) }
  }

  /// Gives everything back.
  func releaseAll() {
    for item in held.withLock({ Array($0.keys) }) { release(item) }
    unlink(clockPath)
  }

  /// Renews all claims of this process.
  func renew() {
    for item in held.withLock({ Array($0.keys) }) { utimensat(AT_FDCWD, folder + "/" + item, nil, 0) }
  }

  /// Who works on an item now; nil when nobody does.
  func holder(of item: String) -> Holder? {
    guard let holder = Claims.holder(folder + "/" + item), !isStale(item) else { return nil }
    return holder
  }

  private static func holder(_ path: String) -> Holder? {
    FileManager.default.contents(atPath: path + "/owner.json").flatMap {
      try? JSONDecoder().decode(Holder.self, from: $0)
    }
  }

  private func isMine(_ path: String, _ number: Int) -> Bool {
    guard let holder = Claims.holder(path) else { return false }
    return holder.worker == .current && holder.number == number
  }

  /// Whether the claim of an item is void: its process is dead, or has not renewed it.
  private func isStale(_ item: String) -> Bool {
    let path = folder + "/" + item
    if let alive = Claims.holder(path)?.worker.isAlive { return !alive }
    guard let time = Claims.time(path), let now = fileSystemTime() else { return false }
    guard time > now else { return now - time > staleAfter }
    // By that clock it would be fresh for as long as the clock went back.
    let since = ahead.withLock { ahead -> ContinuousClock.Instant in
      if let known = ahead[item], known.time == time { return known.since }
      ahead[item] = (time, .now)
      return .now
    }
    return since.duration(to: .now).seconds > staleAfter
  }

  /// Takes a void claim out of the way; one process at a time may do so for an item.
  private func clear(_ item: String) -> Bool {
    let lock = "\(folder)/.lock-\(item)"
    guard mkdir(lock, 0o777) == 0 else {
      // Its maker may have died between the next lines.
      if let time = Claims.time(lock), let now = fileSystemTime(), abs(now - time) > staleAfter { rmdir(lock) }
      return false
    }
    defer { rmdir(lock) }
    guard isStale(item) else { return false }
    let old = "\(folder)/.old-\(suffix)-\(Claims.counter.add(1, ordering: .relaxed).newValue)"
    guard rename(folder + "/" + item, old) == 0 else { return errno == ENOENT }
    Claims.remove(old)
    return true
  }

  private static func remove(_ path: String) {
    guard access(path, F_OK) == 0 else { return }
    unlink(path + "/owner.json")
    // Whoever was killed while it wrote has left more than that.
    if rmdir(path) != 0, errno == ENOTEMPTY || errno == EEXIST { try? FileManager.default.removeItem(atPath: path) }
  }

  private static func time(_ path: String) -> Double? {
    var info = stat()
    guard stat(path, &info) == 0 else { return nil }
    return Double(info.st_mtim.tv_sec) + Double(info.st_mtim.tv_nsec) / 1e9
  }

  private var clockPath: String { "\(folder)/.clock-\(suffix)" }

  /// The present by the clock of the file server, which also dates the claims.
  private func fileSystemTime() -> Double? {
    let descriptor = open(clockPath, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { return Date().timeIntervalSince1970 }
    defer { close(descriptor) }
    futimens(descriptor, nil)
    return Claims.time(clockPath)
  }
}
