import Foundation
import HSICore
import Synchronization
import Testing

@testable import HSIBatch

@Suite("Running jobs")
struct RunnerTests {
  /// A workplace with inputs `in/0` … and what they hold.
  private func place(_ contents: [String]) throws -> BatchWorkplace {
    let place = try BatchWorkplace()
    for (index, text) in contents.enumerated() { try place.write("in/\(index)", text) }
    return place
  }

  private let graph = """
    version: 1
    inputs: ["in/*"]
    output: "out/{stem}"
    steps:
      - { id: a, run: work, with: { text: A }, out: "{output}.a" }
      - { id: b, run: work, with: { text: B, report: "{output}.json" }, in: [a, input], out: "{output}.b" }
    """

  @Test("runs every step once and leaves alone what is done")
  func resume() throws {
    let place = try place(["x", "y", "z"])
    let first = try runBatch(place.plan(graph), place.settings())
    #expect(first.outcome == BatchOutcome(total: 3, done: 3))
    #expect(place.text("out/1.b") == "yA\nyB\n" && place.exists("out/2.json"))
    #expect(place.calls.count == 6)
    #expect(place.calls[0].contains("--threads=2 --memory=\(1 << 30) --seed=0"))
    let again = try runBatch(place.plan(graph), place.settings())
    #expect(again.outcome == BatchOutcome(total: 3, done: 3, skipped: 3))
    #expect(place.calls.count == 6)
    #expect(place.names("job.claims").isEmpty)
    let done = place.records().filter { $0.state == .done }
    #expect(done.count == 6 && done.allSatisfy { $0.outputs.allSatisfy { $0.sha256?.count == 64 } })
  }

  @Test("runs again what changed, and only that")
  func changes() throws {
    let place = try place(["x", "y"])
    func run(_ text: String? = nil, _ change: (inout BatchSettings) -> Void = { _ in }) throws -> [String] {
      let before = place.calls.count
      var settings = place.settings()
      change(&settings)
      let outcome = try runBatch(place.plan(text ?? graph), settings).outcome
      #expect(outcome.done == 2)
      return place.calls.dropFirst(before).map { String($0.prefix { $0 != " " }) }.sorted()
    }
    let both = ["out/0.a", "out/0.b", "out/1.a", "out/1.b"]
    #expect(try run() == both)
    #expect(try run() == [])
    // Options of a step: it and what follows from it.
    #expect(try run(graph.replacingOccurrences(of: "text: B", with: "text: C")) == ["out/0.b", "out/1.b"])
    #expect(try run() == ["out/0.b", "out/1.b"])
    #expect(try run(graph.replacingOccurrences(of: "text: A", with: "text: C")) == both)
    #expect(try run() == both)
    // An input; an output that was lost or cut.
    try place.write("in/1", "longer")
    #expect(try run() == ["out/1.a", "out/1.b"])
    try FileManager.default.removeItem(atPath: place.path("out/0.b"))
    #expect(try run() == ["out/0.b"])
    try place.write("out/0.a", "")
    #expect(try run() == ["out/0.a"])
    // Same size, other contents: seen by --verify only.
    let right = try #require(place.text("out/0.a"))
    try place.write("out/0.a", String(right.reversed()))
    #expect(try run() == [])
    #expect(try run { $0.verifies = true } == ["out/0.a"])
    #expect(place.text("out/0.a") == right)
    // Version and seed, and force.
    #expect(try run { $0.version = "test 2" } == both)
    #expect(try run() == both)
    #expect(try run { $0.seed = "9" } == both)
    #expect(
      try run {
        $0.seed = "9"; $0.isForced = true
      } == both)
    // Threads and memory do not matter.
    #expect(
      try run {
        $0.seed = "9"; $0.workers = 2
      } == [])
  }

  @Test("sees other weights")
  func weights() throws {
    let place = try place(["x"])
    let text = BatchWorkplace.simple.replacingOccurrences(
      of: "run: work", with: "run: work, with: {weights: w.bin}")
    try place.write("w.bin", "1")
    _ = try runBatch(place.plan(text), place.settings())
    try place.write("w.bin", "1")
    #expect(try runBatch(place.plan(text), place.settings()).outcome.skipped == 1)
    try place.write("w.bin", "2")
    #expect(try runBatch(place.plan(text), place.settings()).outcome.skipped == 0)
  }

  @Test("goes on after a bad item, tries again, and retries only what failed")
  func failures() throws {
    let place = try place(["x", "broken", "once", "silent", "killed"])
    let text = graph + "\nretries: 1"
    let first = try runBatch(place.plan(text), place.settings())
    #expect(first.outcome == BatchOutcome(total: 5, done: 3, failed: 2))
    #expect(first.events.contains("failed in/1 a 3 in/1 is broken"))
    #expect(first.events.contains("failed in/3 a 1 the command ended well but did not write out/3.a"))
    #expect(place.calls.filter { $0.hasPrefix("out/2.a ") }.count == 2, "tried again")
    #expect(place.calls.filter { $0.hasPrefix("out/1.a ") }.count == 2)
    #expect(!place.calls.contains { $0.hasPrefix("out/1.b ") }, "what needs a failed step is not run")
    #expect(
      place.text("out/4.b") == "killedA\nkilledB\n" && !place.names("out").contains { $0.hasSuffix(".part") })
    try place.write("in/1", "mended")
    try FileManager.default.removeItem(atPath: place.path("out/0.a"))
    var settings = place.settings()
    settings.onlyFailed = true
    let retry = try runBatch(place.plan(text), settings)
    #expect(retry.outcome == BatchOutcome(total: 2, done: 1, failed: 1))
    #expect(place.text("out/1.b") == "mendedA\nmendedB\n" && !place.exists("out/0.a"))
  }

  @Test("stops after the first failure when told so")
  func stopping() throws {
    let place = try place(["x", "broken", "y", "z"])
    let run = try runBatch(place.plan(BatchWorkplace.simple + "\non_error: stop"), place.settings())
    #expect(run.outcome == BatchOutcome(total: 4, done: 1, failed: 1, left: 2))
  }

  @Test("does not touch files that it did not make")
  func foreign() throws {
    let place = try place(["x", "y"])
    try place.write("out/0.txt", "precious")
    let run = try runBatch(place.plan(BatchWorkplace.simple), place.settings())
    #expect(run.outcome == BatchOutcome(total: 2, done: 1, failed: 1))
    #expect(
      run.events.contains { $0.hasPrefix("failed in/0 a 4") && $0.contains("out/0.txt exists already") })
    #expect(place.text("out/0.txt") == "precious")
    // Not after a failure either.
    #expect(try runBatch(place.plan(BatchWorkplace.simple), place.settings()).outcome.failed == 1)
    #expect(place.text("out/0.txt") == "precious")
    let text = BatchWorkplace.simple + "\ndefaults: { overwrite: true }"
    #expect(try runBatch(place.plan(text), place.settings()).outcome.done == 2)
    #expect(place.text("out/0.txt") == "x\n")
  }

  @Test("gives the same bytes in shards, with workers, and at once")
  func shards() throws {
    let contents = (0..<9).map { "scene \($0)" }
    func bytes(_ place: BatchWorkplace) -> [String?] {
      (0..<9).flatMap { [place.text("out/\($0).a"), place.text("out/\($0).b")] }
    }
    let whole = try place(contents)
    _ = try runBatch(whole.plan(graph), whole.settings())
    let parts = try place(contents)
    for number in [2, 0, 1] {
      var settings = parts.settings()
      settings.shard = try Shard("\(number)/3", environment: [:])
      settings.workers = number + 1
      #expect(try runBatch(parts.plan(graph), settings).outcome == BatchOutcome(total: 3, done: 3))
    }
    #expect(bytes(parts) == bytes(whole) && !bytes(whole).contains(nil))
    var settings = parts.settings()
    settings.shard = try Shard("11/12", environment: [:])
    #expect(try runBatch(parts.plan(graph), settings).outcome == BatchOutcome())
  }

  /// Three runs at once, each with two workers, on 40 items: every step is started once.
  @Test("shares items with other runs, each of which waits for all")
  func together() throws {
    let place = try place((0..<40).map { $0 % 10 == 3 ? "broken" : "scene \($0)" })
    let plan = try place.plan(graph)
    let all = Mutex<[BatchOutcome]>([])
    let group = DispatchGroup()
    for _ in 0..<3 {
      group.enter()
      let thread = Thread {
        var settings = place.settings()
        settings.workers = 2
        if let run = try? runBatch(plan, settings) { all.withLock { $0.append(run.outcome) } }
        group.leave()
      }
      thread.start()
    }
    group.wait()
    let outcomes = all.withLock { $0 }
    #expect(outcomes.count == 3)
    #expect(outcomes.allSatisfy { $0.total == 40 && $0.done == 36 && $0.failed == 4 })
    let started = Dictionary(grouping: place.records().filter { $0.state == .running }) {
      $0.item + " " + $0.step
    }
    #expect(started.count == 36 * 2 + 4 && started.values.allSatisfy { $0.count == 1 })
    #expect(place.calls.count == 76)
    #expect(place.names("job.claims").isEmpty)
  }

  @Test("stops its children and records that, when it is cancelled")
  func cancelled() throws {
    let place = try place(["x", "y"])
    let text = BatchWorkplace.simple.replacingOccurrences(
      of: "run: work", with: "run: work, with: {wait: 30}")
    let flag = CancellationFlag()
    DispatchQueue.global().asyncAfter(deadline: .now() + 0.5) { flag.cancel() }
    let start = Date()
    #expect(throws: CoreError.self) { try runBatch(place.plan(text), place.settings(), cancellation: flag) }
    #expect(Date().timeIntervalSince(start) < 10)
    #expect(place.records().map(\.state) == [.running, .interrupted])
    #expect(place.names("job.claims").isEmpty && !place.exists("out/0.txt"))
    let plan = try place.plan(text)
    let status = BatchStatus(plan, version: "test 1", seed: "0")
    #expect(status.count(.interrupted) == 1 && status.count(.pending) == 1)
  }

  @Test("takes over what a lost run left")
  func lost() throws {
    let place = try place(["x"])
    let plan = try place.plan(BatchWorkplace.simple)
    let item = plan.items[0].id
    // As after SIGKILL: begun, an output already under its final name, a claim of a process that is gone.
    let writer = ManifestWriter(folder: place.path("job.manifest"))
    try writer.append(
      ManifestRecord(
        time: "", item: item, step: "a", state: .running, fingerprint: "f",
        outputs: [.init(path: "out/0.txt")],
        owned: true, attempt: 1))
    try place.write("out/0.txt", "old")
    try place.write("out/.0.txt.\(Worker.hostName).99999999.a1.part/0.txt", "half")
    // A process that has ended but was not asked for is as good as gone; one that runs is not.
    let zombie = try Zombie()
    try place.write("out/.0.txt.\(Worker.hostName).\(zombie.pid).a1.part/0.txt.ovr.tmp", "half")
    try place.write("out/.0.txt.\(Worker.hostName).\(getpid()).a1.part/0.txt", "half")
    var worker = Worker.current
    worker.started += 1
    let holder = try JSONEncoder().encode(Claims.Holder(worker: worker, number: 1))
    try place.write("job.claims/\(item)/owner.json", String(decoding: holder, as: UTF8.self))
    #expect(BatchStatus(plan, version: "test 1", seed: "0").count(.interrupted) == 1)
    #expect(try runBatch(plan, place.settings()).outcome.done == 1)
    #expect(place.text("out/0.txt") == "x\n")
    #expect(place.names("out") == [".0.txt.\(Worker.hostName).\(getpid()).a1.part", "0.txt"])
  }

  @Test("waits for an item of another machine, and takes it over when that gives no sign of life")
  func lostMachine() throws {
    let place = try place(["x", "y"])
    let plan = try place.plan(BatchWorkplace.simple)
    let elsewhere = Worker(host: "elsewhere", pid: 1, started: 1, machine: "another boot")
    let holder = try JSONEncoder().encode(Claims.Holder(worker: elsewhere, number: 1))
    try place.write(
      "job.claims/\(plan.items[0].id)/owner.json", String(decoding: holder, as: UTF8.self))
    var settings = place.settings()
    settings.claimTimes = (heartbeat: 0.1, stale: 1)
    let run = try runBatch(plan, settings)
    #expect(run.events == ["done in/1", "waiting", "done in/0"])
    #expect(run.outcome == BatchOutcome(total: 2, done: 2) && place.calls.count == 2)
  }

  /// As after a clock that was an hour ahead: the record of the failure lies in the future of this run.
  @Test("runs what failed again, whatever the clock said when it failed")
  func clockWentBack() throws {
    let place = try place(["broken", "x"])
    let plan = try place.plan(BatchWorkplace.simple)
    #expect(try runBatch(plan, place.settings()).outcome == BatchOutcome(total: 2, done: 1, failed: 1))
    for name in place.names("job.manifest") {
      let text = try #require(place.text("job.manifest/" + name))
      try place.write("job.manifest/" + name, text.replacing(/"time":"2\d\d\d-/, with: "\"time\":\"2999-"))
    }
    try place.write("in/0", "mended")
    #expect(try runBatch(plan, place.settings()).outcome == BatchOutcome(total: 2, done: 2, skipped: 1))
    #expect(BatchStatus(plan, version: "test 1", seed: "0").count(.done) == 2, "the later record counts")
    var forced = place.settings()
    forced.isForced = true
    #expect(try runBatch(plan, forced).outcome == BatchOutcome(total: 2, done: 2))
    #expect(place.calls.filter { $0.hasPrefix("out/1.txt ") }.count == 2)
    // Nor do those of a clock that was behind hide it.
    for name in place.names("job.manifest") {
      let text = try #require(place.text("job.manifest/" + name))
      try place.write("job.manifest/" + name, text.replacing(/"time":"2\d\d\d-/, with: "\"time\":\"2001-"))
    }
    #expect(try runBatch(plan, place.settings()).outcome.skipped == 2)
  }

  @Test("takes over a claim whose time lies ahead and stands still")
  func claimAhead() throws {
    let place = try place(["x"])
    let plan = try place.plan(BatchWorkplace.simple)
    let elsewhere = Worker(host: "elsewhere", pid: 1, started: 1, machine: "another boot")
    let claim = "job.claims/\(plan.items[0].id)"
    try place.write(
      claim + "/owner.json",
      String(decoding: JSONEncoder().encode(Claims.Holder(worker: elsewhere, number: 1)), as: UTF8.self))
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: 3600)], ofItemAtPath: place.path(claim))
    var settings = place.settings()
    settings.claimTimes = (heartbeat: 0.1, stale: 1)
    let start = ContinuousClock.now
    #expect(try runBatch(plan, settings).outcome.done == 1)
    #expect(ContinuousClock.now - start > .seconds(1), "it might have been renewed")
  }

  @Test("says at once where it cannot write")
  func unwritable() throws {
    let place = try place(["x"])
    try place.write("out", "a file")
    #expect(throws: CoreError.self) { try runBatch(place.plan(BatchWorkplace.simple), place.settings()) }
    #expect(place.calls.isEmpty)
    try FileManager.default.removeItem(atPath: place.path("job.claims"))
    try place.write("job.claims", "a file")
    #expect(throws: CoreError.self) { try runBatch(place.plan(BatchWorkplace.simple), place.settings()) }
  }

  @Test("reports counts, times and the ends of logs")
  func report() throws {
    let place = try place(["x", "broken"])
    let plan = try place.plan(graph)
    _ = try runBatch(plan, place.settings())
    let status = BatchStatus(plan, version: "test 1", seed: "0")
    #expect(
      status.counts == ["done": 1, "failed": 1, "running": 0, "interrupted": 0, "outdated": 0, "pending": 0])
    #expect(BatchStatus(plan, version: "test 2", seed: "0").count(.outdated) == 1)
    try BatchReport(status, plan.job, version: "test 1").write(plan.job)
    let data = try Data(contentsOf: place.url.appendingPathComponent("job.report.json"))
    let report = try JSONDecoder().decode(BatchReport.self, from: data)
    #expect(report.failures.count == 1 && report.done.count == 1)
    let failure = try #require(report.failures.first)
    #expect(failure.input == "in/1" && failure.exit == 3 && failure.message == "in/1 is broken")
    #expect(failure.logTail.contains("hsi: error: in/1 is broken") && place.exists(failure.log))
  }
}

@Suite("Slurm scripts")
struct SlurmScriptTests {
  private func script(
    _ open: [Int], items: Int = 5, maximum: Int = 1001, threads: Int? = nil, memory: MemoryBudget? = nil,
    _ change: (inout SlurmScript.Options) -> Void = { _ in }
  ) throws -> SlurmScript {
    let place = try BatchWorkplace()
    for index in 0..<items { try place.write("in/\(index)", "x") }
    var options = SlurmScript.Options()
    change(&options)
    return try SlurmScript(
      try place.plan(BatchWorkplace.simple), open: open, maximum: maximum, threads: threads, memory: memory,
      executable: "/opt/it's here/hsi", options)
  }

  @Test("have a task per open item while numbers allow, else spread the items")
  func arrays() throws {
    #expect(try script([0, 1, 2, 3, 4]).array == "0-4")
    let rest = try script([1, 3, 4])
    #expect(rest.array == "1,3-4" && rest.shards == 5 && rest.tasks == 3)
    let few = try script([0, 1, 2, 3, 4], maximum: 4)
    #expect(few.array == "0-2" && few.shards == 3 && few.tasks == 3)
    let asked = try script([0, 1, 2, 3, 4]) {
      $0.arraySize = 2; $0.concurrency = 1
    }
    #expect(asked.array == "0-1" && asked.shards == 2 && asked.text.contains("--array=0-1%1\n"))
    #expect(try script([2]) { $0.arraySize = 7 }.array == "0")
    #expect(SlurmScript.ranges([0, 1, 2, 7, 9, 10]) == ["0-2", "7", "9-10"])
  }

  @Test("ask for what a task needs and become hsi")
  func text() throws {
    let text = try script([0, 1, 2, 3, 4], threads: 4, memory: MemoryBudget(bytes: 4 << 30)) {
      $0.time = "1:00:00"
      $0.onlyFailed = true
      $0.runOptions = ["--seed", "3"]
    }.text
    for line in [
      "#!/bin/bash", "#SBATCH --cpus-per-task=4", "#SBATCH --mem=5376M", "#SBATCH --time=1:00:00",
      "#SBATCH --requeue",
      "#SBATCH --open-mode=append", "#SBATCH --signal=B:TERM@60", "export OPENBLAS_NUM_THREADS=1",
      "export HSI_NUM_THREADS=\"${SLURM_CPUS_PER_TASK:-1}\"",
    ] { #expect(text.contains(line + "\n"), "\(line)") }
    #expect(text.contains("exec '/opt/it'\\''s here/hsi' batch run /"))
    #expect(text.hasSuffix("/job.yml --shard \"$SLURM_ARRAY_TASK_ID/5\" --only-failed --seed 3\n"))
    #expect(text.contains("/job.slurm/%A_%a.log"))
  }

  @Test("directives hold no line break, and a percent sign is one")
  func namesOfFolders() throws {
    let place = try BatchWorkplace()
    func script(_ folder: String) throws -> String {
      try place.write(folder + "/in/x", "x")
      try place.write(folder + "/job.yml", BatchWorkplace.simple)
      let plan = try BatchPlan(BatchJob(path: place.path(folder + "/job.yml")), BatchWorkplace.catalogue)
      return try SlurmScript(
        plan, open: [0], maximum: 1001, threads: nil, memory: nil, executable: "/opt/hsi", SlurmScript.Options()
      ).text
    }
    let text = try script("50% of it's #1")
    #expect(text.contains("/50%% of it's #1/job.slurm/%A_%a.log\"\n"))
    #expect(text.contains("/50% of it'\\''s #1' || exit 3"))
    for folder in ["a\ntouch x #", "a\rb", "a\"b", "a\\b", "a\u{1B}b"] {
      #expect(throws: BatchError.self) { try script(folder) }
    }
    let odd = try self.script([0]) { $0.time = "1:00\n#SBATCH --wrap=x %j" }.text
    #expect(
      odd.split(separator: "\n").filter { $0.hasPrefix("#SBATCH --time") } == [
        "#SBATCH --time=1:00__SBATCH_--wrap=x__j"
      ])
  }

  @Test func statesAreCounted() {
    #expect(
      Slurm.count("RUNNING\nPENDING\nRUNNING\nslurm_load: x\n\nCANCELLED by 0\n") == [
        "RUNNING": 2, "PENDING": 1, "CANCELLED": 1,
      ])
  }
}

/// A child that has ended and is not waited for as long as this value lives.
private final class Zombie {
  let pid: pid_t

  init() throws {
    var child: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/true"), nil]
    var none: [UnsafeMutablePointer<CChar>?] = [nil]
    defer { free(arguments[0]) }
    guard posix_spawn(&child, "/bin/true", nil, nil, &arguments, &none) == 0 else {
      throw CocoaError(.fileNoSuchFile)
    }
    pid = child
    var info = siginfo_t()
    // Waits for its end and leaves the entry.
    waitid(P_PID, id_t(child), &info, WEXITED | WNOWAIT)
  }

  deinit { waitpid(pid, nil, 0) }
}
