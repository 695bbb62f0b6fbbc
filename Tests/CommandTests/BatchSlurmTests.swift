import Foundation
import HSIKit
import Testing

/// Submission to a Slurm of one node that the test starts for itself and stops again (Debian's packages).
@Suite struct BatchSlurmTests {
  static let programs = ["sbatch", "squeue", "scontrol", "slurmctld", "slurmd", "munged"]

  static func exists(_ program: String) -> Bool {
    ["/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"].contains {
      FileManager.default.isExecutableFile(atPath: $0 + program)
    }
  }

  static let isPossible =
    programs.allSatisfy(exists)
    && (try? Tool.launch(["bash", "-c", "getent hosts $(hostname -s)"]).status) == 0

  /// The daemons, in a folder with a short name: their sockets must fit into an address.
  private final class Cluster {
    let folder: String
    let environment: [String: String]

    private static let support = Tool.package.appendingPathComponent("Tests/CommandTests/Support")

    init() throws {
      var log = ""
      for _ in 0..<3 {
        let folder = "/tmp/hsl" + String(UInt32.random(in: 0...UInt32.max), radix: 36)
        let up = try Tool.launch(
          [
            "bash", "-c", Cluster.closing, Cluster.support.appendingPathComponent("slurm-up.sh").path, folder,
          ],
          environment: Cluster.path)
        if up.status == 0 {
          self.folder = folder
          environment = Cluster.path.merging(["SLURM_CONF": folder + "/slurm.conf"]) { $1 }
          return
        }
        log += up.errors
        Cluster.stop(folder)
      }
      throw NSError(domain: "Slurm does not start: " + log, code: 1)
    }

    /// Daemons are in folders that a user's path may lack.
    private static let path = [
      "PATH": Tool.executable.deletingLastPathComponent().path
        + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    ]

    /// Daemons must not inherit the descriptor by which Foundation learns that its process has ended.
    private static let closing =
      "for f in /proc/self/fd/*; do f=${f##*/}; [ $f -gt 2 ] && eval \"exec $f>&-\"; done; exec \"$0\" \"$@\""

    private static func stop(_ folder: String) {
      _ = try? Tool.launch([support.appendingPathComponent("slurm-down.sh").path, folder], environment: path)
      try? FileManager.default.removeItem(atPath: folder)
    }

    deinit { Cluster.stop(folder) }

    func run(_ line: String, _ folder: URL? = nil) throws -> Tool.Result {
      try Tool.launch(line.split(separator: " ").map(String.init), in: folder, environment: environment)
    }

    /// Waits until an array has ended; false after a minute.
    func wait(for job: String) throws -> Bool {
      for _ in 0..<300 {
        let left = try run("squeue -h -j \(job) -t PENDING,RUNNING,COMPLETING,CONFIGURING -o %i")
        if left.status == 0, left.output.isEmpty { return true }
        usleep(200_000)
      }
      return false
    }
  }

  /// An array over several scenes ends with the bytes of a local run; the bad one's task is FAILED and is submitted again
  /// when it is mended.
  @Test(
    .enabled(
      if: isPossible,
      "needs slurmctld, slurmd, munged and sbatch (apt-get install slurm-wlm munge) and a host name that resolves"))
  func arrayEqualsLocalRun() throws {
    let local = try BatchPlace(scenes: 4)
    let place = try BatchPlace(scenes: 4, bad: [2])
    let steps = """
        - { id: n, run: simulate noise, with: { sigma: 20 }, out: "{output}_n.npy" }
        - { id: d, run: denoise, with: { method: fasthyde }, in: n, out: "{output}_d.npy" }
      """
    for job in [local, place] { try job.job(steps, more: "defaults: { threads: 1, seed: 7 }") }
    #expect(try local.batch("run job.yml -q").status == 0)

    let cluster = try Cluster()
    let script = try cluster.run(
      "hsi batch submit --slurm job.yml --dry-run --concurrency 2 --time 5", place.url)
    #expect(script.status == 0 && script.output.contains("#SBATCH --array=0-3%2\n"))
    #expect(!place.exists("job.slurm"))
    let submitted = try cluster.run(
      "hsi batch submit --slurm job.yml --time 5 --sbatch-arg --comment=test", place.url)
    #expect(submitted.status == 0, "\(submitted.errors)")
    let job = submitted.output.trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(try cluster.wait(for: job))
    #expect(place.names("out").filter { $0.hasSuffix("_d.npy") } == ["00_d.npy", "01_d.npy", "03_d.npy"])
    let state = try cluster.run("scontrol -o show job \(job)_2")
    #expect(state.output.contains("JobState=FAILED"), "\(state.output)")
    let status = try cluster.run("hsi batch status job.yml --json", place.url)
    let decoded = try JSONDecoder().decode(BatchStatus.self, from: Data(status.output.utf8))
    #expect(decoded.count(.done) == 3 && decoded.count(.failed) == 1)
    #expect(decoded.slurm?.first?.tasks == ["COMPLETED": 3, "FAILED": 1], "\(status.output)")

    try place.mend(2)
    let again = try cluster.run("hsi batch submit --slurm job.yml --only-failed --time 5 -q", place.url)
    #expect(again.status == 0, "\(again.errors)")
    #expect(try cluster.wait(for: again.output.trimmingCharacters(in: .whitespacesAndNewlines)))
    let jobs = try JSONDecoder().decode(
      [SlurmSubmission].self, from: #require(place.data("job.slurm/jobs.json")))
    #expect(
      jobs.map(\.array) == ["0-3", "2"] && jobs.map(\.onlyFailed) == [false, true] && jobs[0].id == job)
    for name in local.names("out") where name.hasSuffix(".npy") {
      #expect(local.data("out/" + name) == place.data("out/" + name), "\(name)")
    }
    #expect(place.begun.values.filter { $0 > 1 }.count == 1, "only the failed step was begun twice")
    // Without Slurm the manifest alone tells.
    let alone = try place.status()
    #expect(alone.count(.done) == 4 && alone.slurm == nil)
    let nothing = try cluster.run("hsi batch submit --slurm job.yml", place.url)
    #expect(nothing.status == 0 && nothing.output.isEmpty && nothing.errors.contains("nothing to submit"))
  }

  /// Three stages of one raster, each an array that waits for the one before: the bytes of one run.
  @Test(
    .enabled(
      if: isPossible,
      "needs slurmctld, slurmd, munged and sbatch (apt-get install slurm-wlm munge) and a host name that resolves"))
  func stagesAreArraysThatWait() throws {
    let place = try BatchPlace(scenes: 1)
    try place.write(
      "job.yml",
      """
      version: 1
      inputs: [{ scene: scenes/00.dat, windows: 10x12 }]
      defaults: { threads: 1 }
      steps:
        - { id: look, run: statistics, out: "parts/{window}.safetensors" }
        - { id: whole, run: statistics merge, over: all, in: look, out: whole.safetensors }
        - { id: mnf, run: transform, with: { method: mnf, statistics: "{whole}" }, out: "parts/{window}.tif" }
        - { id: join, run: mosaic, over: scene, in: mnf, out: mnf.vrt }
      """)
    let cluster = try Cluster()
    let script = try cluster.run("hsi batch submit --slurm job.yml --dry-run --time 5", place.url)
    #expect(script.output.components(separatedBy: "#!/bin/bash").count == 5, "\(script.output)")
    let submitted = try cluster.run("hsi batch submit --slurm job.yml --time 5", place.url)
    #expect(submitted.status == 0, "\(submitted.errors)")
    let jobs = submitted.output.split(separator: "\n").map(String.init)
    #expect(jobs.count == 4)
    let waits = try cluster.run("scontrol -o show job \(jobs[3])")
    #expect(waits.output.contains("Dependency=afterok:\(jobs[2])"), "\(waits.output)")
    for job in jobs { #expect(try cluster.wait(for: job)) }
    #expect(try place.status().count(.done) == 10)
    #expect(place.begun.values.allSatisfy { $0 == 1 })
    #expect(try Tool.run(["statistics", "scenes/00.dat", "one.safetensors", "-q"], in: place.url).status == 0)
    #expect(place.data("whole.safetensors") == place.data("one.safetensors"))
    #expect(
      try Tool.run(
        ["transform", "scenes/00.dat", "one.dat", "--method", "mnf", "--statistics", "one.safetensors", "-q"],
        in: place.url
      ).status == 0)
    #expect(try Tool.run(["convert", "mnf.vrt", "joined.dat", "-q"], in: place.url).status == 0)
    #expect(place.data("joined.dat") == place.data("one.dat"))
  }

  @Test func withoutSlurm() throws {
    let place = try BatchPlace(scenes: 1)
    try place.job("  - { id: c, run: convert, out: \"{output}.npy\" }")
    let result = try Tool.launch(
      ["/usr/bin/env", "PATH=/nowhere", Tool.executable.path, "batch", "submit", "--slurm", "job.yml"],
      in: place.url)
    #expect(result.status == 1 && result.errorLines.count == 1)
    #expect(result.errors.contains("sbatch cannot be started") && result.errors.contains("[E-SLURM]"))
    let dry = try Tool.run(["batch", "submit", "--slurm", "job.yml", "--dry-run"], in: place.url)
    #expect(dry.status == 0 && dry.output.hasPrefix("#!/bin/bash\n"))
  }
}
