import HSIKit

/// A value that can stand in a configuration file, in an `HSI_…` variable of the environment and, mostly, on the
/// command line.
struct Setting: Sendable {
  /// Key in a configuration file.
  let key: String
  /// Variable of the environment.
  let variable: String
  /// What it is, a few words.
  let meaning: String
  /// What its value must be, for messages.
  let requirement: String
  /// True for a file or folder, or a list of them: `~` and names relative to the file are resolved.
  var isPath = false
  /// Whether only the user may say it, and not the file of a folder.
  var isUsersOwn = false
  /// Whether a text is a value.
  let accepts: @Sendable (String) -> Bool

  /// All settings. A new one is one entry here.
  static let all: [Setting] = [
    Setting(
      key: "threads", variable: "HSI_NUM_THREADS", meaning: "worker threads",
      requirement: "a number from 1 to 4096, or auto",
      accepts: { $0 == "auto" || (Int($0).map { (1...4096).contains($0) } ?? false) }),
    Setting(
      key: "memory", variable: "HSI_MEMORY", meaning: "memory budget",
      requirement: "a size such as 512M or 4G",
      accepts: { MemoryBudget($0) != nil }),
    Setting(
      key: "seed", variable: "HSI_SEED", meaning: "seed of all random draws",
      requirement: "a number from 0, or random", accepts: { $0 == "random" || UInt64($0) != nil }),
    Setting(
      key: "progress", variable: "HSI_PROGRESS", meaning: "progress display",
      requirement: "auto, bar, json or none", accepts: { ProgressMode(rawValue: $0) != nil }),
    Setting(
      key: "log", variable: "HSI_LOG", meaning: "least level of messages",
      requirement: "error, warn, info, debug or trace", accepts: { LogLevel.named($0) != nil }),
    Setting(
      key: "log_format", variable: "HSI_LOG_FORMAT", meaning: "form of messages", requirement: "text or json",
      accepts: { ["text", "json"].contains($0) }),
    Setting(
      key: "device", variable: "HSI_DEVICE", meaning: "what computes; there is only the cpu",
      requirement: "cpu, auto, cuda or cuda:N",
      accepts: { $0.wholeMatch(of: /cpu|auto|cuda(:[0-9]{1,3})?/) != nil }),
    Setting(
      key: "tmpdir", variable: "HSI_TMPDIR", meaning: "folder of scratch files", requirement: "a folder",
      isPath: true, accepts: { !$0.isEmpty }),
    Setting(
      key: "model_path", variable: "HSI_MODEL_PATH", meaning: "folders of model files",
      requirement: "folders",
      isPath: true, accepts: { !$0.isEmpty }),
    Setting(
      key: "allow_remote", variable: RemoteAccess.variable,
      meaning: "whether files may lead out of their folder", requirement: "yes or no",
      isUsersOwn: true,
      accepts: { (RemoteAccess.affirmations + ["no", "false", "off", "0"]).contains($0.lowercased()) }),
  ]
}
