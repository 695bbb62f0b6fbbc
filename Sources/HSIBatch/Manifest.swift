import Foundation
import Glibc
import HSICore
import Synchronization

/// What is known about the steps of a job: a folder with one file per process that worked on it, a JSON object per line.
///
/// Nobody writes to a file of another process. Readers merge all files; the last record by sequence counts (a writer numbers its records
/// behind all that it has read), whatever the clocks of the machines say. A last line
/// without its end (a process was killed, the disk was full) is waited for, other lines that cannot be read are
/// counted and passed over.
final class Manifest: Sendable {
  struct Key: Hashable {
    var item: String
    var step: String
  }

  private struct State {
    var offsets: [String: UInt64] = [:]
    var last: [Key: (record: ManifestRecord, place: Place, isRecent: Bool)] = [:]
    /// Whether the file under a path is this job's, by the last record that names it.
    var owners: [String: (place: Place, owned: Bool)] = [:]
    var damaged = 0
    /// Highest sequence number of all records.
    var highest = 0
    /// Whether what is read from now on is news.
    var isMarked = false
  }

  /// Where a record stands in the order of all: time and writer decide among records without numbers, and between processes that did
  /// not know of each other.
  private struct Place: Comparable {
    var sequence: Int
    var time: String
    var writer: String

    static func < (a: Place, b: Place) -> Bool { (a.sequence, a.time, a.writer) < (b.sequence, b.time, b.writer) }
  }

  let folder: String
  private let state = Mutex(State())

  init(folder: String) { self.folder = folder }

  /// Longest line that is looked at.
  private static let lineLimit = 1 << 20

  /// Reads what was appended since the last call.
  func refresh() {
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
      .filter { $0.hasPrefix("w-") && $0.hasSuffix(".jsonl") }.sorted()
    state.withLock { state in
      for name in names {
        let offset = state.offsets[name] ?? 0
        guard let file = FileHandle(forReadingAtPath: folder + "/" + name) else { continue }
        defer { try? file.close() }
        guard let end = try? file.seekToEnd(), end > offset, (try? file.seek(toOffset: offset)) != nil,
          let data = try? file.readToEnd(), let last = data.lastIndex(of: 0x0A)
        else { continue }
        let complete = data[data.startIndex...last]
        state.offsets[name] = offset + UInt64(complete.count)
        for line in complete.split(separator: 0x0A) { Manifest.add(line, name, &state) }
      }
    }
  }

  private static func add(_ line: Data, _ writer: String, _ state: inout State) {
    guard line.count <= lineLimit, let record = try? JSONDecoder().decode(ManifestRecord.self, from: line)
    else {
      state.damaged += 1
      return
    }
    let key = Key(item: record.item, step: record.step)
    let sequence = record.sequence ?? 0
    guard (0...Manifest.highestSequence).contains(sequence) else {
      state.damaged += 1
      return
    }
    state.highest = max(state.highest, sequence)
    let place = Place(sequence: sequence, time: record.time, writer: writer)
    // A writer's own records follow each other as they stand in its file.
    if let other = state.last[key], other.place > place, other.place.writer != writer { return }
    state.last[key] = (record, place, state.isMarked)
    for output in record.outputs {
      if let other = state.owners[output.path], other.place > place, other.place.writer != writer { continue }
      state.owners[output.path] = (place, record.owned)
    }
  }

  /// No job counts as far: behind a damaged number there must be room for others.
  private static let highestSequence = 1 << 60

  /// The number for a record that comes after all that were read.
  var nextSequence: Int { state.withLock { $0.highest + 1 } }

  /// Records that are read from now on are recent: they were written while this process looked on.
  func mark() { state.withLock { $0.isMarked = true } }

  /// Whether the last record of a step was written since `mark()`.
  func isRecent(_ item: String, _ step: String) -> Bool {
    state.withLock { $0.last[Key(item: item, step: step)]?.isRecent ?? false }
  }

  /// The last record of a step.
  func record(_ item: String, _ step: String) -> ManifestRecord? {
    state.withLock { $0.last[Key(item: item, step: step)]?.record }
  }

  /// Whether a file was made by this job.
  func owns(_ path: String) -> Bool { state.withLock { $0.owners[path]?.owned ?? false } }

  /// Lines that could not be read.
  var damagedLines: Int { state.withLock { $0.damaged } }
}

/// Appends the records of this process.
final class ManifestWriter: Sendable {
  private struct State {
    var descriptor: Int32 = -1
    var sequence = 0
  }

  private let folder: String
  private let state = Mutex(State())

  /// - Parameter folder: made with the first record.
  init(folder: String) { self.folder = folder }

  deinit {
    let descriptor = state.withLock { $0.descriptor }
    if descriptor >= 0 { close(descriptor) }
  }

  /// Writes a record and has it reach the disk; its time is set, and its sequence number, above that of all records of this process.
  ///
  /// - Parameter next: the least number that it may have, from the manifest as it was read.
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`.
  func append(_ record: ManifestRecord, next: Int = 1) throws {
    try state.withLock { state in
      if state.descriptor < 0 { state.descriptor = try open() }
      var record = record
      record.time = ManifestRecord.now()
      state.sequence = max(state.sequence + 1, next)
      record.sequence = state.sequence
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      var line = try encoder.encode(record)
      line.append(0x0A)
      do {
        try line.withUnsafeBytes { try OutputBytes.write($0, to: state.descriptor, for: folder) }
      } catch {
        // What was written of the line must not meet the next one.
        close(state.descriptor)
        state.descriptor = -1
        throw error
      }
      guard fsync(state.descriptor) == 0 || errno == EINVAL else {
        throw OutputFile.failure(errno, path: folder)
      }
    }
  }

  /// A new file `w-HOST-PID.jsonl`; a number is added where one exists (process numbers come round).
  private func open() throws -> Int32 {
    try Folders.make(folder)
    let base = "\(folder)/w-\(Worker.hostName)-\(getpid())"
    for number in 1...10_000 {
      let path = base + (number == 1 ? "" : "-\(number)") + ".jsonl"
      let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return descriptor }
      guard errno == EEXIST else { throw OutputFile.failure(errno, path: path) }
    }
    throw CoreError.cannotWrite(path: folder, reason: "it is full of files of this process number")
  }
}

/// Making folders.
enum Folders {
  /// Makes a folder and those above it.
  ///
  /// - Throws: `CoreError.cannotWrite`, `.diskFull`.
  static func make(_ path: String) throws {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
      guard isFolder.boolValue else {
        throw CoreError.cannotWrite(
          path: path, reason: "there is a file of this name where a folder is needed")
      }
      return
    }
    let parent = FilePaths.folder(path)
    if parent != path, parent != "." { try make(parent) }
    if mkdir(path, 0o777) != 0, errno != EEXIST { throw OutputFile.failure(errno, path: path) }
  }
}
