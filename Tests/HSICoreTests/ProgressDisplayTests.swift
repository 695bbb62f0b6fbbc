import HSICore
import Synchronization
import Testing

/// Text and time of a display under test.
private final class Bench: Sendable {
  private let state = Mutex<(text: String, now: Double)>(("", 100))
  var text: String { state.withLock { $0.text } }
  func wait(_ seconds: Double) { state.withLock { $0.now += seconds } }

  func display(_ mode: ProgressMode, isTerminal: Bool = true, width: Int = 80) -> ProgressDisplay {
    ProgressDisplay(
      mode: mode, isTerminal: isTerminal, width: { width }, clock: { self.state.withLock { $0.now } },
      write: { piece in self.state.withLock { $0.text += piece } })
  }
}

@Suite struct ProgressDisplayTests {
  @Test func dotsAreThoseOfGDAL() {
    let whole = "0...10...20...30...40...50...60...70...80...90...100 - done.\n"
    var once = DotProgress()
    #expect(once.advance(to: 1) == whole)
    var steps = DotProgress()
    let text = (0...1000).map { steps.advance(to: Double($0) / 1000) }.joined()
    #expect(text == whole)
    #expect(steps.advance(to: 1) == "", "done once")
    var odd = DotProgress()
    #expect(odd.advance(to: .nan) == "0" && odd.advance(to: -3) == "" && odd.advance(to: 0.11) == "...10")
  }

  @Test func barHasOneLinePerPhase() {
    let bench = Bench()
    let display = bench.display(.bar, isTerminal: false)
    for i in 0...4 { display.report(phase: "reading", fraction: Double(i) / 4) }
    display.report(phase: "unmixing", fraction: 0.5)
    display.clear()
    #expect(
      bench.text == """
        reading: 0...10...20...30...40...50...60...70...80...90...100 - done.
        unmixing: 0...10...20...30...40...50

        """)
  }

  @Test func jsonComesOncePerSecondAndAtTheEnd() {
    let bench = Bench()
    let display = bench.display(.json, isTerminal: false)
    for i in 0...32 {
      display.report(phase: "a \"b\"", fraction: Double(i) / 32, detail: i == 32 ? "J 1.5" : nil)
      bench.wait(0.0625)
    }
    #expect(
      bench.text == """
        {"phase":"a \\"b\\"","done":0.0}
        {"phase":"a \\"b\\"","done":0.5,"eta_s":1}
        {"phase":"a \\"b\\"","done":1.0,"eta_s":0,"detail":"J 1.5"}

        """)
  }

  @Test func terminalLineRewritesItself() {
    let bench = Bench()
    let display = bench.display(.auto)
    display.report(phase: "unmixing", fraction: 0)
    bench.wait(1)
    display.report(phase: "unmixing", fraction: 0.2, detail: "J 3.1")
    bench.wait(0.01)
    display.report(phase: "unmixing", fraction: 0.21, detail: "J 3.0")
    bench.wait(1)
    display.report(phase: "unmixing", fraction: 0.25, detail: "J 2.9")
    #expect(display.summary == "unmixing: 25 %, J 2.9, 6.0 s left")
    bench.wait(98)
    display.report(phase: "unmixing", fraction: 1, detail: "J 2.5")
    #expect(
      bench.text == "unmixing: 20 %, J 3.1" + "\r\u{1B}[Kunmixing: 25 %, J 2.9, 6.0 s left"
        + "\r\u{1B}[Kunmixing: done in 1:40 min, J 2.5\n")
    #expect(display.summary == "")
  }

  /// Whatever does not report is seen within two seconds, and seen to go on.
  @Test func timePassesWithoutReports() {
    let bench = Bench()
    let display = bench.display(.auto)
    bench.wait(1.9)
    display.tick()
    #expect(bench.text == "")
    bench.wait(0.1)
    display.tick()
    #expect(bench.text == "working, 2.0 s so far")
    display.report(phase: "fitting", fraction: 0)
    bench.wait(1)
    display.tick()
    display.tick()
    #expect(bench.text == "working, 2.0 s so far\r\u{1B}[Kfitting: 0 %")
    bench.wait(1.5)
    display.tick()
    #expect(bench.text.hasSuffix("\r\u{1B}[Kfitting: 0 %, 2.5 s so far"))
    display.clear()
    #expect(bench.text.hasSuffix("so far\r\u{1B}[K"))
    let other = Bench()
    for mode in [ProgressMode.none, .json, .bar] {
      let display = other.display(mode)
      other.wait(5)
      display.tick()
    }
    #expect(other.text == "")
  }

  @Test func shortPhasesAndOtherDevicesShowNothing() {
    for (mode, isTerminal) in [(ProgressMode.auto, true), (.auto, false), (.none, true)] {
      let bench = Bench()
      let display = bench.display(mode, isTerminal: isTerminal)
      for i in 0...10 {
        display.report(phase: "reading", fraction: Double(i) / 10)
        bench.wait(isTerminal && mode == .auto ? 0.015 : 5)
      }
      #expect(bench.text == "", "\(mode) \(isTerminal)")
    }
  }

  @Test func lineFitsTheTerminal() {
    let bench = Bench()
    let display = bench.display(.auto, width: 30)
    display.report(phase: "a phase with a rather long name", fraction: 0)
    bench.wait(1)
    display.report(phase: "a phase with a rather long name", fraction: 0.5)
    #expect(bench.text.count == 29)
  }
}
