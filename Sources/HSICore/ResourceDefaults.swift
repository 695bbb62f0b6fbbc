import Foundation

/// How many threads and how much memory to use when the user does not say: environment, then Slurm, then the limits
/// of the control group, then the machine.
public struct ResourceDefaults: Sendable {
  /// Environment variables to look at.
  public var environment: [String: String]
  /// Reads a small text file such as `/sys/fs/cgroup/memory.max`; nil when it does not exist.
  public var readFile: @Sendable (String) -> String?
  /// Cores that this process may run on.
  public var cores: Int

  /// The defaults of this process; the parameters exist for tests.
  public init(
    environment: [String: String] = ProcessInfo.processInfo.environment,
    cores: Int = RunContext.availableThreads,
    readFile: @escaping @Sendable (String) -> String? = { try? String(contentsOfFile: $0, encoding: .utf8) }
  ) {
    self.environment = environment
    self.cores = cores
    self.readFile = readFile
  }

  /// A default with the rule that it follows from, for `hsi config show`.
  public struct Choice<Value: Sendable>: Sendable {
    public var value: Value
    /// A variable of the environment, or a few words.
    public var rule: String
  }

  /// `HSI_NUM_THREADS`, else `SLURM_CPUS_PER_TASK`, else the control group's quota, else all cores.
  public var threads: Int { threadChoice.value }

  /// `threads` with its rule.
  public var threadChoice: Choice<Int> {
    for name in ["HSI_NUM_THREADS", "SLURM_CPUS_PER_TASK"] {
      if let text = environment[name], let count = Int(text), count > 0 { return Choice(value: count, rule: name) }
    }
    if let quota = processorQuota {
      return Choice(value: max(1, min(cores, Int(clamping: quota.rounded(.up)))), rule: "quota of the control group")
    }
    return Choice(value: cores, rule: "all cores")
  }

  /// `HSI_MEMORY`, else `SLURM_MEM_PER_NODE` or `SLURM_MEM_PER_CPU` × cores (MB), else 80 % of the control group's
  /// limit, else half of the free memory; at least 256 MiB.
  public var memory: MemoryBudget { memoryChoice.value }

  /// `memory` with its rule.
  public var memoryChoice: Choice<MemoryBudget> {
    if let text = environment["HSI_MEMORY"], let budget = MemoryBudget(text) {
      return Choice(value: budget, rule: "HSI_MEMORY")
    }
    if let text = environment["SLURM_MEM_PER_NODE"], let megabytes = Int(text), (1...1 << 40).contains(megabytes) {
      return Choice(value: MemoryBudget(bytes: megabytes << 20), rule: "SLURM_MEM_PER_NODE")
    }
    if let text = environment["SLURM_MEM_PER_CPU"], let megabytes = Int(text), (1...1 << 30).contains(megabytes) {
      let cpus = environment["SLURM_CPUS_PER_TASK"].flatMap { Int($0) } ?? 1
      return Choice(
        value: MemoryBudget(bytes: megabytes * min(max(1, cpus), 1 << 12) << 20),
        rule: "SLURM_MEM_PER_CPU × SLURM_CPUS_PER_TASK")
    }
    let free = availableBytes ?? Int(ProcessInfo.processInfo.physicalMemory)
    if let limit = controlGroupLimit, limit < Int(ProcessInfo.processInfo.physicalMemory) {
      return Choice(
        value: MemoryBudget(bytes: max(256 << 20, min(limit / 5 * 4, free))),
        rule: "80 % of the limit of the control group")
    }
    return Choice(value: MemoryBudget(bytes: max(256 << 20, free / 2)), rule: "half of the free memory")
  }

  /// Folder of scratch files: `HSI_TMPDIR`, else `SLURM_TMPDIR`, else `TMPDIR`; nil for that of the output.
  public var scratchFolder: Choice<String>? {
    for name in ["HSI_TMPDIR", "SLURM_TMPDIR", "TMPDIR"] {
      if let path = environment[name], !path.isEmpty { return Choice(value: path, rule: name) }
    }
    return nil
  }

  private var processorQuota: Double? {
    if let text = readFile("/sys/fs/cgroup/cpu.max") {
      let parts = text.split(whereSeparator: \.isWhitespace)
      if parts.count == 2, let quota = Double(parts[0]), let period = Double(parts[1]), period > 0 {
        return quota / period
      }
      return nil
    }
    guard let quota = readFile("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").flatMap(number), quota > 0,
      let period = readFile("/sys/fs/cgroup/cpu/cpu.cfs_period_us").flatMap(number), period > 0
    else { return nil }
    return quota / period
  }

  private var controlGroupLimit: Int? {
    for path in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
      if let value = readFile(path).flatMap(number), value > 0, value < 1e15 { return Int(clamping: value) }
    }
    return nil
  }

  private var availableBytes: Int? {
    guard let text = readFile("/proc/meminfo") else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
      let parts = line.split(separator: " ")
      if parts.count >= 2, let kilobytes = Int(parts[1]) { return kilobytes << 10 }
    }
    return nil
  }

  private func number(_ text: String) -> Double? {
    Double(text.trimmingCharacters(in: .whitespacesAndNewlines))
  }
}
