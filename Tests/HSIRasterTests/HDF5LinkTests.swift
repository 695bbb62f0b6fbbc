import CHDF5
import Foundation
import HSICore
import Testing

@testable import HSIRaster

/// Links in circles, several names of one array, and how much of a file is looked at before it is read.
@Suite(.timeLimit(.minutes(1))) struct HDF5LinkTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func file(_ name: String, _ fill: (HDF5Scratch) -> Void) -> String {
    let path = folder.file(name)
    let file = HDF5Scratch(path)
    fill(file)
    file.close()
    return path
  }

  private static let cube = (0..<120).map { Double($0) }

  /// The one array of a file, whatever leads to it.
  @Test func circles() throws {
    let path = file("circle.h5") {
      $0.array("cube", [4, 5, 6], Self.cube)
      $0.group("a")
      $0.group("a/b")
      $0.link("/a", "/a/self")
      $0.link("/", "/a/root")
      $0.link("/a", "/a/b/up")
      $0.link("/cube", "/a/b/same")
      $0.link("/cube", "/a/soft", isSoft: true)
      $0.link("/nowhere", "/dangling", isSoft: true)
    }
    let all = try HDF5File(path).arrays()
    #expect(all.map(\.path) == ["/a/b/same", "/a/soft", "/cube"])
    #expect(HDF5File.distinct(all).map(\.path) == ["/cube"])
    let reader = try openCube(path) { $0.axes = "hwb" }
    #expect(reader.shape == CubeShape(lines: 4, samples: 5, bands: 6))
    #expect(try openCube(path) { ($0.axes, $0.variable) = ("hwb", "a/b/same") }.shape == reader.shape)
    var seen: [String] = []
    _ = try HDF5File(path).arrays { seen.append($0) }
    #expect(seen == ["/a", "/a/b", "/a/b/same"], "every object once")
  }

  /// Two names of a list: the one that says what it is is found.
  @Test func namesOfLists() throws {
    let path = file("names.h5") {
      $0.array("cube", [4, 5, 6], Self.cube)
      $0.array("axis", [6], [400, 500, 600, 700, 800, 900])
      $0.link("/axis", "/wavelength")
    }
    #expect(try openCube(path).metadata.axis.wavelengths == [400, 500, 600, 700, 800, 900])
  }

  /// Groups that hold each other, level after level, have twice as many ways at each: each is entered once.
  @Test func waysWithoutEnd() throws {
    let path = file("ways.h5") { file in
      file.array("cube", [4, 5, 6], Self.cube)
      for level in 0..<14 { file.group("g\(level)") }
      for level in 0..<13 { for way in 0..<3 { file.link("/g\(level + 1)", "/g\(level)/way\(way)") } }
      file.link("/", "/g13/root")
    }
    #expect(try HDF5File(path).arrays().map(\.path) == ["/cube"])
  }

  /// The look at a file reads short lists only, so that large neighbours cost nothing.
  @Test func whatIsLookedAt() throws {
    let path = file("lists.h5") {
      $0.array("cube", [4, 5, 6], Self.cube)
      $0.array("short", [6], [1, 2, 3, 4, 5, 6])
      $0.array("long", [100_000], [Double](repeating: 1, count: 100_000))
      $0.chunked("packed", [4, 1000, 1000], chunk: [1, 1000, 1000])
      $0.chunked("packed list", [1_000_000], chunk: [1_000_000])
      $0.chunked("packed short", [60], chunk: [10])
    }
    var read: [String] = []
    #expect(HDF5Probe.walk(path) { read.append($0) })
    #expect(read == ["/packed short", "/short"])
  }

  /// What ended a child decides what is said: only a crash is damage.
  @Test func verdicts() throws {
    func text(_ status: Int32, _ array: String? = nil) -> String? {
      do {
        try HDF5Probe.judge(status, path: "x.h5", array: array)
        return nil
      } catch { return "\(error)" }
    }
    #expect(text(0) == nil && text(3 << 8) == nil)
    for signal in [SIGXCPU, SIGKILL] {
      let said = try #require(text(signal, "/cube"))
      #expect(said.contains("took longer than") && said.contains("/cube") && !said.contains("damaged"), "\(said)")
    }
    for status in [SIGSEGV, SIGABRT, SIGBUS, 9 << 8] {
      #expect(try #require(text(status)).contains("it is damaged"))
    }
  }
}
