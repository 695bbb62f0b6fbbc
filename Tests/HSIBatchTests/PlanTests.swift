import Foundation
import HSICore
import Testing

@testable import HSIBatch

@Suite("Plans of jobs")
struct PlanTests {
  private func problem(_ place: BatchWorkplace, _ text: String) -> String {
    do {
      _ = try place.plan(text)
      return "no error"
    } catch let error as BatchError {
      return "\(error.category) \(error.description)"
    } catch {
      return "another error: \(error)"
    }
  }

  private func job(_ inputs: String, _ steps: String, output: String = "out/{stem}") -> String {
    "version: 1\ninputs:\n\(inputs)\noutput: \"\(output)\"\nsteps:\n\(steps)"
  }

  private let one = "  - { id: a, run: work, out: \"{output}.tif\" }"

  @Test("find patterns, lists and tables, sorted bytewise")
  func inputs() throws {
    let place = try BatchWorkplace()
    for name in [
      "s/b/x.hdr", "s/B/x.hdr", "s/ä/x.hdr", "s/b/y.dat", "s/.h/x.hdr", "t/1/2/z.hdr", "t/z.hdr", "l[1].hdr",
    ] {
      try place.write(name, "x")
    }
    try place.write("list.txt", "# comment\n\n  t/z.hdr \r\ns/b/y.dat\n")
    try place.write(
      "table.csv", "\u{FEFF}path,site,\"a b\"\nt/z.hdr,\"x, \"\"y\"\"\",1\n\"s/b/y.dat\", k ,2\n")
    func paths(_ inputs: String, output: String = "out/{index}") throws -> [String] {
      try place.plan(job(inputs, one, output: output)).items.map(\.path)
    }
    #expect(try paths("  - s/*/*.hdr") == ["s/B/x.hdr", "s/b/x.hdr", "s/ä/x.hdr"])
    #expect(try paths("  - \"t/**/z.hdr\"") == ["t/1/2/z.hdr", "t/z.hdr"])
    #expect(try paths("  - \"s/[a-z]/?.d*\"") == ["s/b/y.dat"])
    #expect(try paths("  - \"l[1].hdr\"") == ["l[1].hdr"])
    #expect(try paths("  - list: list.txt") == ["t/z.hdr", "s/b/y.dat"])
    let absolute = place.path("s") + "/b/*.hdr"
    #expect(try paths("  - \"\(absolute)\"") == [place.path("s/b/x.hdr")])
    let table = try place.plan(
      job(
        "  - table: table.csv",
        "  - { id: a, run: work, with: {text: \"{site}{a b}\"}, out: \"{output}.tif\" }", output: "o/{site}"))
    #expect(table.items.map { $0.steps[0].options } == [["--text=x, \"y\"1"], ["--text=k2"]])
    #expect(table.items.map { $0.steps[0].output } == ["o/x, \"y\".tif", "o/k.tif"])
  }

  @Test("keep outputs where the template puts them")
  func outputsStayInside() throws {
    let place = try BatchWorkplace()
    try place.write("s/x.dat", "x")
    func planned(_ value: String, _ template: String, _ step: String? = nil) throws -> [String] {
      try place.write("t.csv", "path,site,more\ns/x.dat,\"\(value)\",.\n")
      let plan = try place.plan(job("  - table: t.csv", step ?? one, output: template))
      return plan.items.flatMap { $0.steps.flatMap(\.outputs) }
    }
    #expect(try planned("north", "out/{site}/{stem}") == ["out/north/x.tif"])
    #expect(try planned("a/b/../c", "out/{site}/{stem}") == ["out/a/c/x.tif"])
    #expect(try planned("/a", "out/{site}/{stem}") == ["out/a/x.tif"])
    #expect(try planned("k", "{site}/{stem}") == ["k/x.tif"])
    #expect(try planned("k", "../elsewhere/{site}") == ["../elsewhere/k.tif"])
    #expect(try planned("k", "/tmp/r/{site}/../{stem}") == ["/tmp/r/x.tif"], "the author may go up")
    #expect(try planned("k", "{dir}/{stem}_{site}") == ["s/x_k.tif"])
    for (value, template) in [
      ("../..", "out/{site}/{stem}"), ("a/../../b", "out/{site}/{stem}"), ("/etc", "{site}/{stem}"),
      ("../x", "{site}/{stem}"), ("..", "out/{site}/{stem}"), (".", "out/{site}{more}/{stem}"),
      ("/../../etc", "out/a{site}/{stem}"), ("../../etc", "/tmp/r/{site}/{stem}"), ("../../x", "../out/{site}/{stem}"),
    ] {
      let found = try? planned(value, template)
      #expect(found == nil, "\(value) in \(template) gives \(found ?? [])")
    }
    let side = "  - { id: a, run: work, with: {report: \"r/{site}.json\"}, out: \"{output}.tif\" }"
    #expect(try planned("k", "o/{stem}", side) == ["o/x.tif", "r/k.json"])
    #expect(problem(place, job("  - table: t.csv", side)).contains("no error"))
    #expect(throws: BatchError.self) { try planned("../../k", "o/{stem}", side) }
    #expect(problem(place, job("  - table: t.csv", side)).contains("leads out of r"))
  }

  @Test("refuse options of GDAL that only the user may set")
  func unsafeOptions() throws {
    let place = try BatchWorkplace()
    try place.write("s/x.dat", "x")
    try place.write("t.csv", "path,opt\ns/x.dat,gdal_driver_path\n")
    let step = "  - { id: a, run: work, with: {config: \"OPTION=x\"}, out: \"{output}.tif\" }"
    func found(_ option: String) -> String {
      problem(place, job("  - table: t.csv", step.replacingOccurrences(of: "OPTION", with: option)))
    }
    #expect(found("GDAL_CACHEMAX") == "no error")
    for option in ["GDAL_DRIVER_PATH", "PYTHONSO", "{opt}"] {
      #expect(found(option).contains("line 6") && found(option).contains("may load code"), "\(found(option))")
    }
    #expect(
      problem(
        place, job("  - table: t.csv", "  - { id: a, run: work, with: {allow_remote: true}, out: \"{output}.tif\" }")
      )
      .contains("decided by hsi batch"))
  }

  @Test("fill in variables")
  func variables() throws {
    let place = try BatchWorkplace()
    for name in ["s/b/x.y.hdr", "s/c/d/x.hdr"] { try place.write(name, "x") }
    func outputs(_ template: String, _ inputs: String = "  - \"s/**/*.hdr\"") throws -> [String?] {
      try place.plan(job(inputs, one, output: template)).items.map { $0.steps[0].output }
    }
    #expect(try outputs("{stem}") == ["x.y.tif", "x.tif"])
    #expect(try outputs("o/{name}") == ["o/x.y.hdr.tif", "o/x.hdr.tif"])
    #expect(try outputs("o/{dir}_{index}") == ["o/s/b_0.tif", "o/s/c/d_1.tif"])
    #expect(try outputs("o/{relpath}") == ["o/b/x.y.tif", "o/c/d/x.tif"])
    #expect(try outputs("o/./{{{stem}}}/../{index}") == ["o/0.tif", "o/1.tif"])
    #expect(
      try outputs("o/{relpath}", "  - ../\(place.url.lastPathComponent)/s/c/d/x.hdr").first??.hasSuffix(
        "s/c/d/x.tif") == true)
    #expect(
      problem(place, job("  - s/c/d/x.hdr", one, output: "{nothing}")).contains(
        "there is no {nothing} here; there are {dir} {index}"))
  }

  @Test(
    "name the line of steps that commands do not take",
    arguments: [
      ("{ id: a, run: wrok, out: \"{output}.tif\" }", "`run: wrok` is no command; there are work, deep work"),
      (
        "{ id: a, run: work, with: {wiat: 1}, out: \"{output}.tif\" }",
        "line 6: the step a: hsi work has no option --wiat"
      ),
      ("{ id: a, run: work, with: {fast: 3}, out: \"{output}.tif\" }", "--fast is true or false"),
      ("{ id: a, run: work, with: {wait: true}, out: \"{output}.tif\" }", "--wait takes a value, not true"),
      ("{ id: a, run: work, with: {wait: [1, 2]}, out: \"{output}.tif\" }", "--wait takes one value"),
      (
        "{ id: a, run: work, with: {overwrite: true}, out: \"{output}.tif\" }",
        "`overwrite` is decided by hsi batch"
      ),
      ("{ id: a, run: work }", "hsi work takes IN OUT, but `in` and `out` give 1"),
      (
        "{ id: a, run: deep work, in: [input, input], out: \"{output}.tif\" }",
        "takes IN OUT, but `in` and `out` give 3"
      ),
      ("{ id: a, run: work, in: [input, input] }", "the step a writes nothing"),
      (
        "{ id: a, run: work, with: {library: no.sli}, out: \"{output}.tif\" }",
        "no.sli, which the step a of in/s reads, does not exist"
      ),
      (
        "{ id: a, run: work, with: {weights: w.safetensors}, out: \"{output}.tif\" }",
        "w.safetensors, which the step a"
      ),
      ("{ id: a, run: work, out: \"in/s\" }", "the step a of in/s would write over the input in/s"),
      (
        "{ id: a, run: work, with: {report: \"{output}.tif\"}, out: \"{output}.tif\" }",
        "out/s.tif would be written twice"
      ),
    ])
  func steps(step: String, message: String) throws {
    let place = try BatchWorkplace()
    try place.write("in/s", "x")
    let problem = problem(place, job("  - in/s", "  - " + step))
    #expect(problem.contains(message), "\(problem)")
  }

  @Test("accept options in every form")
  func options() throws {
    let place = try BatchWorkplace()
    try place.write("in/s", "x")
    try place.write("w.bin", "x")
    let plan = try place.plan(
      job(
        "  - in/s",
        "  - { id: a, run: work, with: {set: [x=1, y=2], wait: -3, fast: false, weights: w.bin}, out: \"{output}.tif\" }"
      ))
    #expect(plan.items[0].steps[0].options == ["--set=x=1", "--set=y=2", "--wait=-3", "--weights=w.bin"])
    // A name of a network is no file.
    #expect(
      problem(
        place, job("  - in/s", "  - { id: a, run: work, with: {weights: hsdt}, out: \"{output}.tif\" }"))
        == "no error")
  }

  @Test("refuse outputs that collide and inputs that are missing")
  func collisions() throws {
    let place = try BatchWorkplace()
    for name in ["s/a/rfl.hdr", "s/b/rfl.hdr"] { try place.write(name, "x") }
    #expect(
      problem(place, job("  - s/*/rfl.hdr", one)).contains(
        "out/rfl.tif would be written twice: by the step a of s/a/rfl.hdr and the step a of s/b/rfl.hdr; use {relpath}"
      ))
    #expect(problem(place, job("  - s/*/rfl.hdr\n  - s/a/rfl.hdr", one, output: "{index}")) == "no error")
    #expect(
      problem(place, job("  - s/*/rfl.hdr\n  - s/*/rfl.hdr", one, output: "{index}")).contains(
        "the input s/a/rfl.hdr is listed twice (lines 3 and 4 of the job file)"))
    #expect(problem(place, job("  - q/*.hdr", one)).contains("input job.yml") == false)
    #expect(problem(place, job("  - q/*.hdr", one)).contains("line 3: no file matches `q/*.hdr`"))
    #expect(problem(place, job("  - s/none.hdr", one)).contains("the input s/none.hdr does not exist"))
    #expect(problem(place, job("  - list: none.txt", one)).contains("none.txt does not exist"))
    try place.write("list.txt", "s/1.hdr\ns/2.hdr\n")
    #expect(
      problem(place, job("  - list: list.txt", one)).contains("2 inputs do not exist, the first is s/1.hdr"))
    try place.write("list.txt", "# nothing\n")
    #expect(problem(place, job("  - list: list.txt", one)).contains("there are no inputs"))
    for (table, message) in [
      ("file\na\n", "has no column `path`"), ("path,stem\na,b\n", "must not be called `stem`"),
      ("path,x\na\n", "line 2: it has 1 fields but the table has 2 columns"),
      ("path,path\n", "two have the name"),
      ("path\n\"a\n", "a quote is not closed"), ("", "it is empty"), ("path,x\n,b\n", "`path` is empty"),
    ] {
      try place.write("t.csv", table)
      let problem = problem(place, job("  - table: t.csv", one))
      #expect(problem.contains(message), "\(problem)")
    }
    #expect(problem(place, "") != "no error")
    #expect(throws: BatchError.self) { try BatchJob(path: place.path("absent.yml")) }
    #expect(throws: BatchError.self) { try BatchJob(path: place.url.path) }
  }

  @Test("survive damaged tables and templates")
  func fuzz() {
    var random = SplitMix(state: 3)
    let marks = Array("\",\n\r{}ab\u{FEFF}ä ".utf8)
    for _ in 0..<3000 {
      let bytes = (0..<random.below(60)).map { _ in marks[random.below(marks.count)] }
      let text = String(decoding: bytes, as: UTF8.self)
      do {
        let table = try DelimitedTable(text)
        #expect(table.rows.allSatisfy { $0.fields.count == table.columns.count })
      } catch {
        #expect(error is TemplateProblem)
      }
      do {
        _ = try PathTemplate(text).expanded(["a": "1"])
      } catch {
        #expect(error is TemplateProblem)
      }
    }
  }

  @Test("keep the names of items when others come and go")
  func identifiers() throws {
    let place = try BatchWorkplace()
    for name in ["in/b", "in/c"] { try place.write(name, "x") }
    let before = try place.plan(BatchWorkplace.simple).items.map(\.id)
    try place.write("in/a", "x")
    let after = try place.plan(BatchWorkplace.simple).items.map(\.id)
    #expect(Array(after.dropFirst()) == before && Set(after).count == 3)
  }

  @Test("share items between shards", arguments: [1, 2, 3, 7])
  func shards(count: Int) throws {
    let parts = try (0..<count).map { try Shard("\($0)/\(count)", environment: [:]) }
    for index in 0..<20 { #expect(parts.filter { $0.contains(index) }.count == 1) }
    #expect(parts[0].contains(count))
  }

  @Test func shardWords() throws {
    for text in ["", "1", "3/3", "-1/3", "1/0", "a/b", "1/2/3", "1/"] {
      #expect(throws: BatchError.self) { try Shard(text, environment: [:]) }
    }
    func auto(_ id: String, _ min: String, _ count: String, _ step: String? = nil) throws -> Shard {
      var environment = [
        "SLURM_ARRAY_TASK_ID": id, "SLURM_ARRAY_TASK_MIN": min, "SLURM_ARRAY_TASK_COUNT": count,
      ]
      environment["SLURM_ARRAY_TASK_STEP"] = step
      return try Shard("auto", environment: environment)
    }
    #expect(try auto("3", "0", "10") == Shard("3/10", environment: [:]))
    #expect(try auto("7", "5", "4") == Shard("2/4", environment: [:]))
    #expect(try auto("9", "1", "5", "4") == Shard("2/5", environment: [:]))
    #expect(throws: BatchError.self) { try auto("9", "0", "3") }
    #expect(throws: BatchError.self) { try Shard("auto", environment: [:]) }
  }
}
