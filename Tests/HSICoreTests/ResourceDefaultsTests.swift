import Testing

@testable import HSICore

@Suite struct ResourceDefaultsTests {
  private func defaults(_ environment: [String: String], files: [String: String] = [:], cores: Int = 8)
    -> ResourceDefaults
  {
    ResourceDefaults(environment: environment, cores: cores, readFile: { files[$0] })
  }

  @Test func environmentBeatsSlurmBeatsControlGroup() {
    let files = ["/sys/fs/cgroup/cpu.max": "150000 100000\n", "/sys/fs/cgroup/memory.max": "1073741824\n"]
    #expect(defaults(["HSI_NUM_THREADS": "3", "SLURM_CPUS_PER_TASK": "5"], files: files).threads == 3)
    #expect(defaults(["SLURM_CPUS_PER_TASK": "5"], files: files).threads == 5)
    #expect(defaults([:], files: files).threads == 2)
    #expect(defaults([:]).threads == 8)
    #expect(defaults(["HSI_NUM_THREADS": "zero"]).threads == 8)
    #expect(
      defaults(["HSI_MEMORY": "2G", "SLURM_MEM_PER_NODE": "100"], files: files).memory.bytes == 2 << 30)
    #expect(defaults(["SLURM_MEM_PER_NODE": "512"]).memory.bytes == 512 << 20)
    #expect(defaults(["SLURM_MEM_PER_CPU": "100", "SLURM_CPUS_PER_TASK": "4"]).memory.bytes == 400 << 20)
    let meminfo = ["/proc/meminfo": "MemTotal: 16 kB\nMemAvailable:    4194304 kB\n"]
    #expect(defaults([:], files: files.merging(meminfo) { $1 }).memory.bytes == 1_073_741_824 / 5 * 4)
    #expect(defaults([:], files: meminfo).memory.bytes == 2 << 30)
  }

  @Test(arguments: [
    ("512M", 512 << 20), ("4G", 4 << 30), ("1.5g", 3 << 29), ("800000", 800_000), ("2GiB", 2 << 30),
    ("64 MB", 0),
  ])
  func memoryText(text: String, bytes: Int) {
    if bytes > 0 { #expect(MemoryBudget(text)?.bytes == bytes) }
  }

  @Test(arguments: ["", "G", "-1G", "0", "nan", "1e30T", "inf", "4X"])
  func badMemoryText(text: String) { #expect(MemoryBudget(text) == nil) }
}
