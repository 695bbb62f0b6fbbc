import Foundation
import HSICore
import Testing

@testable import HSIBatch

@Suite("Job files")
struct JobFileTests {
  private func parse(_ text: String, name: String = "job.yml") throws -> BatchJob {
    try BatchJob(Data(text.utf8), path: "/tmp/" + name)
  }

  private func problem(_ text: String) -> String {
    do {
      _ = try parse(text)
      return "no error"
    } catch let error as BatchError {
      return error.description
    } catch {
      return "another error: \(error)"
    }
  }

  static let good = """
    version: 1
    defaults: { threads: auto, memory: 8G, overwrite: false, seed: 7 }
    inputs:
      - "scenes/*/rfl.hdr"            # globs such as *.hdr, & more
      - list: granules.txt
      - table: scenes.csv
    output: "out/{stem}"
    steps:
      - { id: dn,  run: denoise,  with: { method: fasthyde, set: {rank: 12, eps: 1e-3}, all: true }, out: "{output}_dn.tif" }
      - { id: ab,  run: unmix,    with: { endmembers: lib.sli, method: fcls }, in: dn, out: "{output}_ab.tif" }
    retries: 1
    on_error: stop
    """

  static let json = """
    {"version": 1,
     "defaults": {"threads": "auto", "memory": "8G", "overwrite": false, "seed": 7},
     "inputs": ["scenes/*/rfl.hdr", {"list": "granules.txt"}, {"table": "scenes.csv"}],
     "output": "out/{stem}",
     "steps": [
       {"id": "dn", "run": "denoise", "with": {"method": "fasthyde", "set": {"rank": 12, "eps": 1e-3}, "all": true},
        "out": "{output}_dn.tif"},
       {"id": "ab", "run": "unmix", "with": {"endmembers": "lib.sli", "method": "fcls"}, "in": "dn",
        "out": "{output}_ab.tif"}],
     "retries": 1, "on_error": "stop"}
    """

  @Test("mean the same in YAML and JSON", arguments: [good, json])
  func values(text: String) throws {
    let job = try parse(text)
    #expect(job.name == "job" && job.folder == "/tmp")
    #expect(
      job.defaults == .init(threads: nil, memory: MemoryBudget(bytes: 8 << 30), overwrite: false, seed: "7"))
    #expect(job.inputs.count == 3)
    #expect(job.steps.map(\.id) == ["dn", "ab"])
    #expect(job.steps[0].command == ["denoise"] && job.steps[1].inputs == [.step("dn")])
    #expect(job.retries == 1 && !job.continuesOnError)
    #expect(job.steps[0].options.map(\.name) == ["method", "set", "all"])
    guard case .texts(let set) = job.steps[0].options[1].value,
      case .flag(true) = job.steps[0].options[2].value
    else {
      Issue.record("wrong kinds")
      return
    }
    #expect(try set.map { try $0.expanded([:]) } == ["rank=12", "eps=1e-3"])
  }

  @Test(
    "are refused with the line",
    arguments: [
      (
        "output: \"out", "outptu: \"out",
        "line 7: unknown key `outptu`; a job has the keys version, defaults, inputs"
      ),
      ("version: 1", "version: 2", "line 1: this hsi reads version 1"),
      ("version: 1\n", "", "line 1: `version: 1` is missing"),
      ("memory: 8G", "memory: much", "line 2: `memory` is a size"),
      ("memory: 8G", "memroy: 8G", "line 2: unknown key `memroy`; `defaults` has the keys threads, memory"),
      ("threads: auto", "threads: 0", "line 2: `threads` is a number from 1 to 4096"),
      ("overwrite: false", "overwrite: maybe", "line 2: `overwrite` is true or false"),
      ("seed: 7", "seed: -7", "line 2: `seed` is a number from 0, or random"),
      (
        "list: granules.txt", "lits: granules.txt",
        "line 5: unknown key `lits`; an input has the keys list, table"
      ),
      ("list: granules.txt", "{ list: a, table: b }", "line 5: an input is a path"),
      ("id: dn, ", "", "line 9: a step has no `id`"),
      ("id: dn", "id: d/n", "line 9: `id` is a word"),
      ("id: ab", "id: dn", "line 10: two steps have the id dn"),
      ("id: ab", "id: stem", "line 10: the id stem is the name of a variable"),
      ("in: dn", "in: dm", "line 10: the step ab takes its input from dm, which is no step"),
      ("run: unmix,", "", "line 10: the step ab has no `run`"),
      ("retries: 1", "retries: -1", "line 11: `retries` is a number from 0 to 100"),
      ("on_error: stop", "on_error: panic", "line 12: `on_error` is continue or stop"),
      ("{output}_ab.tif", "{output_ab.tif", "line 10: `out`: `{output_ab.tif` has a { without }"),
      ("{output}_ab.tif", "output}_ab.tif", "line 10: `out`: `output}_ab.tif` has a } without {"),
      ("retries: 1", "retries: [1", "line 12: no valid YAML"),
      ("retries: 1", "retries: 1\nretries: 2", "the key retries stands twice"),
      (
        "retries: 1", "retries: &x 1", "line 11: anchors and aliases (&name, *name) are not used in job files"
      ),
      ("\"scenes/*/rfl.hdr\" ", "*.hdr ", "line 4: anchors and aliases"),
      ("retries: 1", "retries:", "line 11: `retries` has no value"),
      ("with: { endmembers: lib.sli, method: fcls }", "with: fcls", "line 10: `with` is a mapping"),
    ])
  func refused(old: String, new: String, message: String) {
    let text = JobFileTests.good.replacingOccurrences(of: old, with: new)
    #expect(text != JobFileTests.good)
    let problem = problem(text)
    #expect(problem.contains(message), "\(problem)")
    #expect(problem.contains("/tmp/job.yml") && problem.hasSuffix("[E-JOB]") && !problem.contains("\n"))
  }

  @Test("put steps in the order of their use, and refuse circles")
  func order() throws {
    func job(_ steps: String) -> String { "version: 1\ninputs: [a]\nsteps:\n" + steps }
    let turned = job(
      """
        - { id: c, run: work, in: [b, "{a}"], out: c.tif }
        - { id: b, run: work, with: { library: "{a}" }, out: b.tif }
        - { id: a, run: work, out: a.tif }
      """)
    #expect(try parse(turned).steps.map(\.id) == ["a", "b", "c"])
    let circle = job(
      """
        - { id: a, run: work, in: c, out: a.tif }
        - { id: b, run: work, in: a, out: b.tif }
        - { id: c, run: work, in: b, out: c.tif }
        - { id: d, run: work, out: d.tif }
      """)
    #expect(problem(circle).contains("line 4: the steps a, b, c wait for each other in a circle"))
    #expect(problem(job("  - { id: a, run: work, in: a, out: a.tif }")).contains("circle"))
  }

  @Test("cannot stand for more than they hold")
  func bombs() {
    var bomb = "version: 1\na: &a [x, x, x, x, x, x, x, x, x]\n"
    for (name, last) in zip("bcdefghi", "abcdefgh") {
      bomb +=
        "\(name): &\(name) [" + [String](repeating: "*\(last)", count: 9).joined(separator: ", ") + "]\n"
    }
    #expect(problem(bomb).contains("line 2: anchors"))
    // Anchors behind what looks like a comment.
    #expect(problem("\"a #\": &a [1]\n\"b #\": {? *a : 1}").contains("anchors"))
    #expect(problem("\"a\n #\": &a [1]").contains("anchors"))
    #expect(problem("\"a\\\" #\": &a [1]").contains("anchors"))
    #expect(problem("a: 1 # b\u{2028}c: &a [1]").contains("line breaks"))
    #expect(problem("a: 1 # b\rc: &a [1]").contains("anchors"))
    // Not where they are text.
    #expect(problem("a: 'x &b *c' # &d *e").contains("unknown key `a`"))
    let open = String(repeating: "[", count: 100_000)
    let dashes = String(repeating: "- ", count: 100_000)
    for text in [
      open, dashes, String(repeating: "{a: ", count: 50_000), open + String(repeating: "]", count: 100_000),
    ] {
      #expect(problem(text).contains("nested too deeply"))
    }
    #expect(
      problem((0..<1000).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")).contains(
        "deep"))
    #expect(problem(String(repeating: "#", count: 5 << 20)).contains("larger than 4 MiB"))
    #expect(problem("").contains("it is empty"))
    #expect(problem("a: 1\n---\nb: 2").contains("E-JOB"))
    #expect(problem("\u{0}").contains("UTF-8"))
  }

  /// 3000 damaged job files end with an error or a job, never with a crash.
  @Test("survive damage")
  func fuzz() {
    var random = SplitMix(state: 1)
    let marks = Array("{}[]:,-&*!|>'\"%@`\n\t #?~".utf8)
    let seeds = [Array(JobFileTests.good.utf8), Array(JobFileTests.json.utf8)]
    for round in 0..<3000 {
      var bytes = seeds[round % 2]
      for _ in 0...random.below(6) {
        let place = random.below(bytes.count)
        switch random.below(5) {
        case 0: bytes[place] = UInt8(random.below(256))
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(marks[random.below(marks.count)], at: place)
        case 3: bytes.removeSubrange(place..<min(bytes.count, place + random.below(40)))
        default:
          bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + random.below(60))], at: place)
        }
        if bytes.isEmpty { bytes = [0x61] }
      }
      do {
        _ = try BatchJob(Data(bytes), path: "job.yml")
      } catch {
        #expect(error is BatchError, "\(error)")
      }
    }
  }
}

/// A small generator for damage.
struct SplitMix {
  var state: UInt64

  mutating func below(_ limit: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((z ^ (z >> 31)) % UInt64(max(1, limit)))
  }
}
