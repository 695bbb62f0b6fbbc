import Foundation
import Glibc
import HSICore
import Synchronization

/// What is known about the steps of a job: a folder with one file per process that worked on it, a JSON object per line.
///
/// Nobody writes to a file of another process. Readers merge all files; the last record by time counts. A last line
/// without its end (a process was killed, the disk was full) is waited for, other lines that cannot be read are
/// counted and passed over.
final class Manifest: Sendable {
  struct Key: Hashable {
    var item: String
    var step: String
  }

  private struct State {
    var offsets: [String: UInt64] = [:]
    var last: [Key: (record: ManifestRecord, writer: String)] = [:]
    /// Whether the file under a path is this job's, by the last record that names it.
    var owners: [String: (time: String, owned: Bool)] = [:]
    var damaged = 0
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
    if let other = state.last[key],
      (other.record.time, other.writer) > (record.time, writer) && other.writer != writer
    {
      return
    }
    state.last[key] = (record, writer)
    for output in record.outputs {
      if let other = state.owners[output.path], other.time > record.time { continue }
      state.owners[output.path] = (record.time, record.owned)
    }
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
    var lastTime = ""
  }

  private let folder: String
  private let state = Mutex(State())

  /// - Parameter folder: made with the first record.
  init(folder: String) { self.folder = folder }

  deinit {
    let descriptor = state.withLock { $0.descriptor }
    if descriptor >= 0 { close(descriptor) }
  }

  /// Writes a record and has it reach the disk; its time is set, later than that of all records before it.
  ///
  /// - Throws: `CoreError.diskFull`, `.cannotWrite`.
  func append(_ record: ManifestRecord) throws {
    try state.withLock { state in
      if state.descriptor < 0 { state.descriptor = try open() }
      var record = record
      var date = Date()
      record.time = ManifestRecord.text(date)
      while record.time <= state.lastTime {
        date += 1e-6
        record.time = ManifestRecord.text(date)
      }
      state.lastTime = record.time
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      var line = try encoder.encode(record)
      line.append(0x0A)
      var done = 0
      while done < line.count {
        let count = line.withUnsafeBytes {
          write(state.descriptor, $0.baseAddress.map { $0 + done }, $0.count - done)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          let code = count == 0 ? ENOSPC : errno
          // What was written of the line must not meet the next one.
          close(state.descriptor)
          state.descriptor = -1
          throw OutputFile.failure(code, path: folder)
        }
        done += count
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
