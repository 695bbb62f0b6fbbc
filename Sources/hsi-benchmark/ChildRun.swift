import Foundation
import HSICore

/// One run of a command to its end, with the most memory that it had: what `wait4` says of it alone.
struct ChildRun {
  /// Most bytes that were resident; those that stood in this process when the command began count as well, so that this process
  /// stays small.
  let peak: Int
  let seconds: Double
  /// Seconds of processors.
  let processor: Double
  /// What is to be said beside the figure: nothing for a run that ended well, else its exit code, a refusal for want of memory, or that it
  /// was ended.
  let remark: String
  /// What it wrote to standard error, its last lines.
  let message: String

  init(_ program: String, _ words: [String], in folder: String, patience: Double) throws {
    let errors = folder + "/errors.txt"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let path = URL(fileURLWithPath: program).path
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var arguments: [UnsafeMutablePointer<CChar>?] = ([path] + words).map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    let manager = FileManager.default
    let here = manager.currentDirectoryPath
    guard manager.changeCurrentDirectoryPath(folder) else {
      throw CoreError.cannotWrite(path: folder, reason: "it is gone")
    }
    let status = posix_spawn(&process, path, &actions, nil, &arguments, environ)
    _ = manager.changeCurrentDirectoryPath(here)
    guard status == 0 else {
      throw CoreError.cannotWrite(path: program, reason: "it cannot be run: \(String(cString: strerror(status)))")
    }
    let begin = Date()
    var (end, usage, isEnded) = (Int32(0), rusage(), false)
    while true {
      let found = wait4(process, &end, WNOHANG, &usage)
      if found == process { break }
      guard found == 0 || errno == EINTR else {
        throw CoreError.cannotWrite(path: program, reason: "it cannot be waited for")
      }
      if !isEnded, Date().timeIntervalSince(begin) > patience {
        isEnded = true
        kill(process, SIGKILL)
      }
      usleep(500)
    }
    seconds = Date().timeIntervalSince(begin)
    peak = usage.ru_maxrss << 10
    func time(_ value: timeval) -> Double { Double(value.tv_sec) + Double(value.tv_usec) / 1e6 }
    processor = time(usage.ru_utime) + time(usage.ru_stime)
    let text = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
    message = String(text.suffix(600))
    if isEnded {
      remark = ", ended"
    } else if end & 0x7f != 0 {
      remark = ", signal \(end & 0x7f)"
    } else if end >> 8 != 0 {
      remark = text.contains("E-MEMORY") ? ", refused" : ", exit \(end >> 8)"
    } else {
      remark = ""
    }
    if end != 0 { FileHandle.standardError.write(Data("\(words.joined(separator: " ")): \(message)\n".utf8)) }
  }
}
