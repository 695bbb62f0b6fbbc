import Foundation
import HSICore
import Testing

@testable import HSIBatch

/// Windows of a raster, and steps that join what all of them have become.
@Suite("Windows and stages")
struct StageTests {
  /// A file whose text says how large it is.
  private static let catalogue = CommandCatalogue(
    [
      CommandCatalogue.Command(
        words: ["work"], arguments: ["in", "out"], takesMore: true,
        options: [
          .init(name: "window"), .init(name: "text"), .init(name: "overwrite", isFlag: true),
          .init(name: "weights", role: .model), .init(name: "columns"),
        ]),
      CommandCatalogue.Command(words: ["blind"], arguments: ["in", "out"], options: []),
    ]
  ) { path in
    let parts = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: " ").compactMap { Int($0) }
    return parts.flatMap { $0.count >= 2 ? ($0[0], $0[1]) : nil }
  }

  private func plan(_ place: BatchWorkplace, _ text: String) throws -> BatchPlan {
    try BatchPlan(place.job(text), StageTests.catalogue)
  }

  private let job = """
    version: 1
    inputs:
      - { scene: scene, windows: 40x30 }
    steps:
      - { id: look, run: work, with: { text: "{window}" }, out: "parts/{window}" }
      - { id: whole, run: work, over: all, in: look, out: "whole" }
      - { id: apply, run: work, with: { weights: "{whole}" }, out: "pieces/{stem}_{window}" }
      - { id: joined, run: work, over: scene, in: apply, out: "{stem}_joined" }
    """

  @Test func windowsCoverARasterOnce() throws {
    let windows = try SceneWindows("40x30").windows(lines: 61, samples: 100)
    #expect(windows.count == 9 && windows[4].name == "0001-0001")
    #expect(windows[8].window == PixelWindow(line: 60, sample: 80, lines: 1, samples: 20))
    #expect(windows.reduce(0) { $0 + $1.window.lines * $1.window.samples } == 6100)
    #expect(
      try SceneWindows("2048").windows(lines: 5, samples: 6).map(\.window) == [
        PixelWindow(line: 0, sample: 0, lines: 5, samples: 6)
      ])
    for text in ["", "0", "-1", "x", "3x", "1x2x3", "99999999999999999999", "4 x 4"] {
      #expect(throws: TemplateProblem.self) { try SceneWindows(text) }
    }
  }

  /// The window with its overlap is read; what lies within is cut out by its place there.
  @Test func windowsMayOverlap() throws {
    let place = try BatchWorkplace()
    try place.write("scene", "50 100")
    let text = """
      version: 1
      inputs:
        - { scene: scene, windows: 40x30, overlap: 6 }
      steps:
        - { id: a, run: work, out: "a/{window}" }
        - { id: b, run: work, with: { window: "{core}" }, in: a, out: "b/{window}" }
      """
    let plan = try plan(place, text)
    #expect(plan.job.stages == 1 && plan.items.count == 6)
    #expect(plan.items[0].steps.map(\.options) == [["--window=0,0,46,36"], ["--window=0,0,40,30"]])
    #expect(plan.items[4].steps.map(\.options) == [["--window=34,24,52,26"], ["--window=6,6,40,20"]])
    #expect(plan.items[5].steps.map(\.options) == [["--window=74,24,26,26"], ["--window=6,6,20,20"]])
    #expect(throws: BatchError.self) {
      try self.plan(place, text.replacingOccurrences(of: "overlap: 6", with: "overlap: -1"))
    }
  }

  @Test func itemsComeInStages() throws {
    let place = try BatchWorkplace()
    try place.write("scene", "50 100")
    let plan = try plan(place, job)
    #expect(plan.job.stages == 4)
    #expect(plan.items.map(\.stage) == [0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 3])
    #expect(plan.items.map(\.index) == Array(0..<14) && Set(plan.items.map(\.id)).count == 14)
    #expect(plan.items[1].steps[0].options == ["--text=0000-0001", "--window=40,0,40,30"])
    #expect(plan.items[5].steps[0].options.last == "--window=80,30,20,20")
    #expect(
      plan.items[6].steps[0].inputs
        == ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"].map {
          "parts/000" + $0.replacingOccurrences(of: "-", with: "-000")
        })
    #expect(plan.items[6].steps[0].output == "whole" && plan.items[13].steps[0].output == "scene_joined")
    #expect(plan.items[7].steps[0].options == ["--weights=whole", "--window=0,0,40,30"])
    #expect(plan.items[13].steps[0].inputs.count == 6 && plan.items[13].path == "scene")
  }

  @Test func aStageBeginsWhenTheOneBeforeIsOver() throws {
    let place = try BatchWorkplace()
    try place.write("scene", "50 100")
    for workers in [1, 4] {
      var settings = place.settings()
      settings.workers = workers
      settings.isForced = true
      let before = place.calls.count
      let outcome = try runBatch(plan(place, job), settings, threads: workers).outcome
      #expect(outcome.done == 14 && outcome.failed == 0 && outcome.left == 0)
      let outputs = place.calls.dropFirst(before).map { $0.split(separator: " ")[0] }
      #expect(outputs[6] == "whole" && outputs[13] == "scene_joined", "\(outputs)")
      #expect(outputs[..<6].allSatisfy { $0.hasPrefix("parts/") })
    }
    #expect(
      place.text("whole")?.hasPrefix("50 100\n0000-0000\n") == true
        || place.text("whole")?.contains("0001-0002") == true)
    let again = try runBatch(plan(place, job), place.settings()).outcome
    #expect(again.done == 14 && again.skipped == 14)
  }

  @Test func whatFailsHoldsUpWhatJoinsIt() throws {
    let place = try BatchWorkplace()
    try place.write("scene", "50 100 broken")
    let first = try runBatch(plan(place, job), place.settings()).outcome
    #expect(first.failed == 6 && first.done == 0 && first.left == 8)
    #expect(!place.exists("whole"))
    try place.write("scene", "50 100")
    var settings = place.settings()
    settings.onlyFailed = true
    // Those that failed, and all that had to wait for them.
    let second = try runBatch(plan(place, job), settings).outcome
    #expect(second.done == 14 && second.failed == 0, "\(second)")
  }

  @Test func aPartNeedsAStage() throws {
    let place = try BatchWorkplace()
    try place.write("scene", "50 100")
    var settings = place.settings()
    settings.shard = try Shard("0/2", environment: [:])
    #expect(throws: BatchError.self) { try runBatch(plan(place, job), settings) }
    settings.stage = 1
    let early = #expect(throws: BatchError.self) { try runBatch(plan(place, job), settings) }
    #expect(early?.identifier == "E-JOB-INPUTS")
    for stage in 0..<4 {
      for number in 0..<3 {
        var settings = place.settings()
        settings.stage = stage
        settings.shard = try Shard("\(number)/3", environment: [:])
        #expect(try runBatch(plan(place, job), settings).outcome.failed == 0)
      }
    }
    #expect(place.exists("scene_joined") && place.calls.count == 14)
    settings.stage = 9
    #expect(throws: CoreError.self) { try runBatch(plan(place, job), settings) }
  }

  @Test func jobsThatCannotBeAreRefused() throws {
    let place = try BatchWorkplace()
    try place.write("scene", "50 100")
    func refusal(_ old: String, _ new: String) throws -> String {
      let text = job.replacingOccurrences(of: old, with: new)
      #expect(text != job)
      do {
        _ = try plan(place, text)
        return ""
      } catch let error as BatchError { return error.problem }
    }
    #expect(try refusal("40x30", "big").contains("no size of windows"))
    #expect(try refusal("windows: 40x30", "width: 40").contains("unknown key"))
    #expect(try refusal(", windows: 40x30", "").contains("scene: FILE"))
    #expect(try refusal("scene: scene,", "scene: none,").contains("does not exist"))
    #expect(try refusal("over: all", "over: some").contains("all or scene"))
    #expect(try refusal("text: \"{window}\"", "window: \"0,0,1,1\"").contains("window of its own"))
    #expect(
      try refusal("{ id: look, run: work, with: { text: \"{window}\" }", "{ id: look, run: blind").contains("--window"))
    // A name that all inputs share must not have what differs between them.
    #expect(try refusal("\"whole\"", "\"{window}_whole\"").contains("{window}"))
    #expect(try refusal("parts/{window}", "parts/same").contains("twice"))
    try place.write("scene", "no size")
    #expect(try refusal("over: scene", "over: all").contains("cannot be told"))
  }

  @Test func longListsGoInFiles() throws {
    let place = try BatchWorkplace()
    let names = (0..<100_000).map { "pieces/a piece's \($0)" } + ["-x"]
    let arguments = try ArgumentFiles.write(names, beside: place.path("list"))
    #expect(arguments.count > 1 && arguments.allSatisfy { $0.hasPrefix("@") })
    let sizes = try arguments.map { try Data(contentsOf: URL(fileURLWithPath: String($0.dropFirst()))).count }
    #expect(sizes.allSatisfy { $0 <= 1 << 20 })
    let last = try #require(
      try arguments.last.map { try String(contentsOfFile: String($0.dropFirst()), encoding: .utf8) })
    #expect(last.hasSuffix("'pieces/a piece'\\''s 99999'\n'./-x'\n"))
  }

  @Test func aStageHasAnArrayOfItsOwn() throws {
    let place = try BatchWorkplace()
    try place.write("scene", "50 100")
    let plan = try plan(place, job)
    var options = SlurmScript.Options()
    options.stage = 2
    let script = try SlurmScript(
      plan, open: Array(7..<13), maximum: 1001, threads: 1, memory: nil, executable: "/usr/bin/hsi", options)
    #expect(script.array == "7-12" && script.tasks == 6)
    #expect(script.text.contains("--shard \"$SLURM_ARRAY_TASK_ID/14\" --stage 2\n"))
  }
}
