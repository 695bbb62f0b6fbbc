import Foundation
import HSIKit
import Testing

/// Jobs as a user runs them.
@Suite struct BatchCommandTests {
  private let convert = "  - { id: c, run: convert, with: { wl: 500-900 }, out: \"{output}.npy\" }"
  private let chain = """
      - { id: n, run: simulate noise, with: { sigma: 20 }, out: "{output}_n.npy" }
      - { id: d, run: denoise, with: { method: fasthyde, report: "{output}.json" }, in: n, out: "{output}_d.npy" }
    """

  /// A bad scene among many: the others are done, and it is when it is mended.
  @Test func badSceneAmongMany() throws {
    let place = try BatchPlace(scenes: 4, bad: [1])
    try place.job(chain, more: "retries: 1")
    let run = try place.batch("run job.yml --workers 2")
    #expect(run.status == 5 && run.output.isEmpty)
    #expect(run.errorLines.count == 1)
    #expect(run.errors.contains("hsi: error: job.yml: 1 of 4 items failed; see hsi batch status job.yml"))
    #expect(
      run.errors.contains("scenes/01.dat: step n failed with exit code 3:") && run.errors.contains("01.dat"))
    #expect(run.errors.contains("hsi: scenes/03.dat: done in "))
    for name in ["00", "02", "03"] {
      #expect(
        place.exists("out/\(name)_n.npy") && place.exists("out/\(name)_d.npy")
          && place.exists("out/\(name).json"))
    }
    let report = try JSONDecoder().decode(BatchReport.self, from: #require(place.data("job.report.json")))
    #expect(report.failures.map(\.input) == ["scenes/01.dat"] && report.failures[0].exit == 3)
    #expect(
      report.failures[0].attempts == 2 && report.failures[0].logTail.contains { $0.hasPrefix("hsi: error: ") }
    )
    #expect(report.done.count == 3 && report.counts["failed"] == 1)
    let status = try place.batch("status job.yml")
    #expect(status.status == 0 && status.output.hasPrefix("job.yml: 4 items: 3 done, 1 failed\n"))
    #expect(status.output.contains("failed scenes/01.dat, step n, exit code 3, 2 tries: "))
    // Nothing but the failed item is run again.
    let before = place.records().count
    try place.mend(1)
    let retry = try place.batch("retry job.yml")
    #expect(retry.status == 0, "\(retry.errors)")
    #expect(place.records().count == before + 4 && place.exists("out/01_d.npy"))
    let again = try place.batch("run job.yml")
    #expect(again.status == 0 && again.errors.contains("4 items: 4 done (4 before)"))
    #expect(place.records().count == before + 4)
  }

  /// A pattern that matches the results of its own job finds the inputs of the first time; a header that is lost or emptied is made
  /// again.
  @Test func ownResultsAndLostHeaders() throws {
    let place = try BatchPlace(scenes: 2)
    let text =
      "version: 1\ninputs: [\"scenes/*.dat\"]\nsteps:\n"
      + "  - { id: c, run: convert, with: { wl: 500-900 }, out: \"scenes/{stem}_c.dat\" }\n"
    try Data(text.utf8).write(to: place.url.appendingPathComponent("own.yml"))
    #expect(try place.batch("run own.yml").status == 0)
    let again = try place.batch("run own.yml")
    #expect(again.status == 0 && again.errors.contains("2 items: 2 done (2 before)"), "\(again.errors)")
    let header = place.url.appendingPathComponent("scenes/00_c.hdr")
    let whole = try Data(contentsOf: header)
    try FileManager.default.removeItem(at: header)
    let lost = try place.batch("run own.yml")
    #expect(lost.status == 0 && lost.errors.contains("2 items: 2 done (1 before)"), "\(lost.errors)")
    #expect(try Data(contentsOf: header) == whole)
    try Data().write(to: header)
    #expect(try place.batch("run own.yml").status == 0)
    #expect(try Data(contentsOf: header) == whole)
    // A file that is there but not the job's is still refused.
    let other = text.replacing("id: c", with: "id: other").replacing("_c.dat", with: "_x.dat")
    try Data(other.utf8).write(to: place.url.appendingPathComponent("other.yml"))
    try Data("x".utf8).write(to: place.url.appendingPathComponent("scenes/00_x.dat"))
    let refused = try place.batch("run other.yml")
    #expect(refused.status != 0 && refused.errors.contains("00_x.dat"), "\(refused.errors)")
  }

  @Test func noneDone() throws {
    let place = try BatchPlace(scenes: 2, bad: [0, 1])
    try place.job(convert)
    let run = try place.batch("run job.yml -q")
    #expect(run.status == 1)
    #expect(
      run.errors
        == "hsi: error: job.yml: all 2 items failed; see hsi batch status job.yml, and the logs; hsi batch retry runs the failed ones again [E-BATCH-NONE]\n"
    )
  }

  /// The bytes of shards, of workers and of one run are the same; `--shard auto` reads Slurm's variables.
  @Test func shardsGiveTheSameBytes() throws {
    let whole = try BatchPlace(scenes: 5)
    let parts = try BatchPlace(scenes: 5)
    for place in [whole, parts] { try place.job(chain, more: "defaults: { seed: 7 }") }
    #expect(try whole.batch("run job.yml -q").status == 0)
    #expect(try parts.batch("run job.yml -q --shard 1/3").status == 0)
    #expect(parts.names("out").filter { $0.hasSuffix("_d.npy") } == ["01_d.npy", "04_d.npy"])
    #expect(try parts.batch("run job.yml -q --shard 0/3 --workers 3 --memory 1G").status == 0)
    let environment = [
      "SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_COUNT": "3",
      "SLURM_ARRAY_TASK_STEP": "1",
    ]
    #expect(try parts.batch("run job.yml -q --shard auto", environment: environment).status == 0)
    for name in whole.names("out") where name.hasSuffix(".npy") {
      #expect(whole.data("out/" + name) == parts.data("out/" + name), "\(name)")
    }
    #expect(parts.begun.count == 10 && parts.begun.values.allSatisfy { $0 == 1 })
    #expect(try parts.batch("run job.yml --shard auto").status == 2)
  }

  /// Two runs at once, each with two workers, on many quick items.
  @Test func twoRunsAtOnce() throws {
    let place = try BatchPlace(scenes: 30)
    try place.job(convert)
    let script = """
      hsi batch run job.yml -q --workers 2 & a=$!; hsi batch run job.yml -q --workers 2 & b=$!
      wait $a; r=$?; wait $b; exit $((r + $?))
      """
    let both = try Tool.launch(["bash", "-c", script], in: place.url)
    #expect(both.status == 0, "\(both.errors)")
    #expect(place.begun.count == 30 && place.begun.values.allSatisfy { $0 == 1 }, "\(place.begun)")
    // One of them may have come too late to do anything.
    #expect((1...2).contains(place.names("job.manifest").count) && place.names("job.claims").isEmpty)
    let status = try place.status()
    #expect(status.count(.done) == 30)
    #expect(place.names("out").count == 30)
  }

  /// A step that takes long, for tests that interrupt it.
  private func slow(_ iterations: Int) -> String {
    """
      - { id: q, run: convert, out: "{output}_q.npy" }
      - { id: u, run: unmix, with: { count: 3, method: sunsal-tv, set: { iterations: \(iterations), tolerance: 0 }, no-prov: true }, out: "{output}_u.tif" }
    """
  }

  /// SIGKILL of the run in the middle of a scene: its step stops, what was done stays, and the next run ends with the
  /// bytes of a run that was never killed.
  @Test func killedInTheMiddle() throws {
    let whole = try BatchPlace(scenes: 3)
    let place = try BatchPlace(scenes: 3)
    try whole.job(slow(300))
    #expect(try whole.batch("run job.yml -q").status == 0)
    try place.job(slow(1_000_000))
    let script = """
      hsi batch run job.yml -q & p=$!
      for i in $(seq 600); do
        c=$(cat /proc/$p/task/*/children 2>/dev/null)
        grep -qs '"state":"running","step":"u"' job.manifest/* && [ -n "$c" ] && break; sleep 0.05
      done
      sleep 0.3; kill -9 $p; wait $p
      for i in $(seq 120); do kill -0 $c 2>/dev/null || break; sleep 0.05; done
      kill -0 $c 2>/dev/null && exit 9; exit 0
      """
    let killed = try Tool.launch(["bash", "-c", script], in: place.url)
    #expect(killed.status == 0, "the step outlived its run: \(killed.errors)")
    #expect(place.names("out") == ["00_q.npy"], "\(place.names("out"))")
    #expect(try place.status().count(.interrupted) == 1)
    try place.job(slow(300))
    let resumed = try place.batch("run job.yml")
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(place.begun.filter { $0.key.hasSuffix(" q") }.values.sorted() == [1, 1, 1])
    for name in whole.names("out") {
      #expect(whole.data("out/" + name) == place.data("out/" + name), "\(name)")
    }
    #expect(place.names("out") == whole.names("out"))
  }

  /// SIGTERM: the step stops, records and claims are in order, 143 within 5 seconds.
  @Test func terminated() throws {
    let place = try BatchPlace(scenes: 2)
    try place.job(slow(1_000_000))
    let script = """
      hsi batch run job.yml & p=$!
      for i in $(seq 600); do grep -qs '"state":"running","step":"u"' job.manifest/* && break; sleep 0.05; done
      sleep 0.3; s=$(date +%s%N); kill -TERM $p; wait $p; r=$?; echo $(( ($(date +%s%N) - s) / 1000000 )); exit $r
      """
    let result = try Tool.launch(["bash", "-c", script], in: place.url)
    #expect(result.status == 143, "\(result.errors)")
    #expect((Int(result.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 9999) < 5000)
    #expect(result.errorLines == ["hsi: error: terminated"])
    #expect(place.names("job.claims").isEmpty && place.names("out") == ["00_q.npy"])
    #expect(place.records().last?.state == .interrupted)
    try place.job(slow(5))
    #expect(try place.batch("run job.yml -q").status == 0)
    #expect(place.exists("out/00_u.tif") && place.exists("out/01_u.tif"))
  }

  /// What is wrong with a job is found before anything runs; nothing is written.
  @Test(arguments: [
    ("  - { id: c, run: convert, out: \"{output}.npy\", wth: 1 }", 2, "line 6: unknown key `wth`"),
    (
      "  - { id: c, run: convret, out: \"{output}.npy\" }", 2,
      "`run: convret` is no command; there are info, "
    ),
    ("  - { id: c, run: batch run, out: \"{output}.npy\" }", 2, "`run: batch run` is no command"),
    (
      "  - { id: c, run: denoise, with: { methd: hyres }, out: \"{output}.npy\" }", 2,
      "hsi denoise has no option --methd"
    ),
    (
      "  - { id: c, run: convert, in: d, out: \"{output}.npy\" }\n  - { id: d, run: convert, in: c, out: \"{output}2.npy\" }",
      2, "wait for each other in a circle"
    ),
    (
      "  - { id: c, run: convert, in: x, out: \"{output}.npy\" }", 2,
      "takes its input from x, which is no step"
    ),
    ("  - { id: c, run: convert, out: \"out/all.npy\" }", 2, "out/all.npy would be written twice"),
    ("  - { id: c, run: convert, out: \"scenes/01.dat\" }", 2, "would write over the input scenes/01.dat"),
    (
      "  - { id: c, run: unmix, with: { endmembers: none.sli }, out: \"{output}.npy\" }", 3,
      "none.sli, which the step c"
    ),
    (
      "  - { id: c, run: convert, out: \"file/{stem}.npy\" }", 4,
      "there is a file of this name where a folder is needed"
    ),
  ])
  func badJobs(steps: String, code: Int32, message: String) throws {
    let place = try BatchPlace(scenes: 2)
    try place.write("file", "x")
    try place.job(steps)
    let run = try place.batch("run job.yml")
    #expect(run.status == code && run.errorLines.count == 1 && run.output.isEmpty)
    #expect(run.errors.contains(message), "\(run.errors)")
    #expect(!place.exists("out") && place.records().isEmpty && place.names("scenes").count == 4)
    if code != 4 { #expect(try place.batch("plan job.yml").status == code) }
  }

  @Test func badCommandLines() throws {
    let place = try BatchPlace(scenes: 1)
    try place.job(convert)
    for (line, code, message) in [
      ("run none.yml", 3, "there is no such job file"), ("run scenes", 3, "the job file cannot be read"),
      ("run job.yml --shard 2/2", 2, "--shard is 2/2 but must be K/N"),
      ("run job.yml --workers 0", 2, "--workers is 0"),
      ("run job.yml --shard auto", 2, "SLURM_ARRAY_TASK_ID"), ("submit job.yml", 2, "--slurm"),
      ("run", 2, "job"),
      ("run scenes/00.dat", 2, "it is not UTF-8 text"),
    ] {
      let result = try place.batch(line)
      #expect(result.status == Int32(code) && result.errors.contains(message), "\(line): \(result.errors)")
      #expect(result.errorLines.count == 1)
    }
    #expect(!place.exists("out"))
  }

  /// A full disk (a file-size limit of 1 KiB) ends with a clear error, no half-written output, and a job that goes on.
  @Test func fullDisk() throws {
    let place = try BatchPlace(scenes: 3)
    try place.job(convert)
    let result = try Tool.launch(["bash", "-c", "ulimit -f 1; exec hsi batch run job.yml"], in: place.url)
    #expect([1, 6].contains(result.status), "\(result.errors)")
    #expect(result.errors.contains("no space left on the disk"))
    #expect(place.names("out").isEmpty)
    let again = try place.batch("run job.yml")
    #expect(again.status == 0, "\(again.errors)")
    #expect(place.names("out").count == 3)
  }

  /// Threads, memory and seed: command line, then job file, then environment; workers share.
  @Test func precedence() throws {
    let place = try BatchPlace(scenes: 1)
    try place.job(
      "  - { id: n, run: simulate noise, out: \"{output}.npy\" }",
      more: "defaults: { threads: 3, memory: 512M, seed: 5 }")
    let environment = ["HSI_NUM_THREADS": "2", "HSI_MEMORY": "1G", "HSI_SEED": "8"]
    func lastLine(_ options: String) throws -> String {
      let run = try place.batch("run job.yml -q --force " + options, environment: environment)
      #expect(run.status == 0, "\(run.errors)")
      let log = try #require(place.names("logs").first)
      let text = String(decoding: place.data("logs/" + log) ?? Data(), as: UTF8.self)
      return text.split(separator: "\n").last { $0.contains(" try 1: ") }.map(String.init) ?? ""
    }
    #expect(try lastLine("").contains("--threads=3 --memory=536870912 --seed=5 "))
    #expect(try lastLine("-j 1 --memory 256M --seed 6").contains("--threads=1 --memory=268435456 --seed=6 "))
    #expect(try lastLine("--workers 2").contains("--threads=1 --memory=268435456 --seed=5 "))
    try place.job("  - { id: n, run: simulate noise, out: \"{output}.npy\" }")
    #expect(try lastLine("").contains("--threads=2 --memory=1073741824 --seed=8 "))
  }

  @Test func planShowsAndWritesNothing() throws {
    let place = try BatchPlace(scenes: 2)
    try place.job(chain)
    let names = place.names(".")
    let text = try place.batch("plan job.yml --workers 2 -j 4 --memory 1G")
    #expect(text.status == 0 && text.errors.isEmpty)
    #expect(text.output.contains("job.yml: 2 items, steps n: simulate noise, d: denoise"))
    #expect(
      text.output.contains("  1  scenes/01.dat → out/01_n.npy, out/01_d.npy, out/01.json, about 225 KiB"))
    #expect(text.output.contains("2 at a time, each with 2 threads and 512 MiB of memory"))
    let json = try place.batch("plan job.yml --json")
    let plan = try JSONDecoder().decode(PlanEstimate.self, from: Data(json.output.utf8))
    #expect(plan.total == 2 && plan.items[0].diskBytes == 2 * 24 * 20 * 60 * 4)
    #expect(place.names(".") == names)
  }

  /// The page over a job: states, figures of the reports, pictures, links that lead somewhere; nothing is run.
  @Test func pageOverAJob() throws {
    let place = try BatchPlace(scenes: 3, bad: [1])
    try place.job(
      "  - { id: clean, run: denoise, with: { method: pca, all: true }, out: \"{output}_c.tif\" }\n"
        + "  - { id: u, run: unmix, with: { count: 3, report: \"r/{stem} #1.json\" }, in: clean, out: \"{output}.tif\" }"
    )
    #expect(try place.batch("run job.yml").status == 5)
    let records = place.records().count
    let made = try place.batch("report job.yml")
    #expect(made.status == 0 && made.output.isEmpty && made.errors.hasPrefix("hsi: 3 items in "), "\(made.errors)")
    let text = String(decoding: try #require(place.data("job.report.html")), as: UTF8.self)
    for part in [
      "2 done, 1 failed", "scenes/01.dat", "exit code 3", "clean: noise", "u: endmembers", "u: median RMSE",
      "picture after",
    ] { #expect(text.contains(part), "\(part)") }
    let links = text.matches(of: /href="\.\/([^"]+)"/).map { String($0.1).removingPercentEncoding ?? "" }
    #expect(links.count >= 5 && links.allSatisfy { place.exists($0) }, "\(links)")
    #expect(!text.contains("<script") && text.matches(of: /src="data:image\/png/).count == 4)
    // A page elsewhere links to the same files; it replaces nothing that it is not told to, and no result ever.
    #expect(try place.batch("report job.yml --out logs/index.html").status == 0)
    let other = String(decoding: try #require(place.data("logs/index.html")), as: UTF8.self)
    #expect(other.contains("href=\"../out/00_c_report.html\""))
    #expect(try place.batch("report job.yml --out logs/index.html").status == 4)
    #expect(try place.batch("report job.yml --out out/00.tif --overwrite").status == 4)
    #expect(try place.batch("report job.yml").status == 0 && place.records().count == records)
    #expect(try place.batch("report none.yml").status != 0)
  }

  /// Whatever option of a step names a file to write, its folder is made and the step is done once.
  @Test(arguments: [
    ("unmix", "count: 3, residual-spectra: \"new/{stem}.tif\""), ("unmix", "count: 3, stac: \"new/{stem}.json\""),
    ("unmix", "count: 3, composite: \"new/{stem}.png\", guidance: \"new/g/{stem}.tif\""),
    ("denoise", "method: pca, residual: \"new/{stem}.tif\", html: \"new/{stem}.html\""),
    ("convert", "stac: \"new/{stem}.json\""),
  ])
  func outputsInNewFolders(run command: String, with options: String) throws {
    let place = try BatchPlace(scenes: 1)
    try place.job("  - { id: s, run: \(command), with: { \(options) }, out: \"{output}.tif\" }")
    let run = try place.batch("run job.yml")
    #expect(run.status == 0, "\(run.errors)")
    #expect(!place.names("new").isEmpty)
    let again = try place.batch("run job.yml")
    #expect(again.errors.contains("1 items: 1 done (1 before)"), "\(again.errors)")
  }

  /// A mask is an input of a step: when it changes, the step is run again.
  @Test func aChangedMaskIsNoticed() throws {
    let place = try BatchPlace(scenes: 1)
    func mask(_ value: UInt8) throws {
      try place.write(
        "mask.hdr", "ENVI\nlines = 24\nsamples = 20\nbands = 1\ndata type = 1\ninterleave = bsq\nbyte order = 0\n")
      var values = [UInt8](repeating: 1, count: 24 * 20)
      values[7] = value
      try Data(values).write(to: place.path("mask.dat"))
    }
    try mask(1)
    try place.job("  - { id: s, run: unmix, with: { count: 3, mask: mask.dat }, out: \"{output}.tif\" }")
    #expect(try place.batch("run job.yml").status == 0)
    try mask(0)
    let again = try place.batch("run job.yml")
    #expect(again.status == 0 && again.errors.contains("1 done;"), "\(again.errors)")
  }
}
