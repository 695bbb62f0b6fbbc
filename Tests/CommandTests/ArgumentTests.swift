import Foundation
import Testing

@testable import hsi

/// Response files, spellings of GDAL and OTB, help topics, lists on standard input, SIGUSR1.
@Suite struct ArgumentTests {
  @Test(arguments: [
    ("a b", ["a", "b"]), ("  a\n\tb\n", ["a", "b"]), ("'a b' \"c d\"", ["a b", "c d"]), ("a\\ b", ["a b"]),
    ("# c d\na # b\n#e", ["a", "#", "b"]), ("''", [""]), ("--x='1 2'", ["--x=1 2"]), ("", []),
    ("'\\'", ["\\"]),
    ("\"a\\\"b\"", ["a\"b"]),
  ])
  func words(text: String, wanted: [String]) { #expect(ResponseFile.words(text) == wanted) }

  @Test func openQuote() { #expect(ResponseFile.words("a 'b") == nil) }

  @Test(arguments: [
    ("-srcwin 1 2 3 4 in out", "--window=1,2,3,4 in out"),
    ("-projwin 1 9 5 2 in out", "--bbox=1,2,5,9 in out"),
    ("-b 1 -b 3-4 in out", "-b 1,3-4 in out"), ("-ram 256 in", "--memory 256M in"),
    ("-ram 2G in", "--memory 2G in"),
    ("--config A B in", "--config A=B in"), ("--config A=B in", "--config A=B in"),
    ("-a_nodata -9999 in", "--nodata=-9999 in"),
    ("--output-format ENVI", "--of ENVI"), ("-o out in", "in out"), ("--output=out in -- x", "in out -- x"),
    ("- -0", "- --null"), ("--json-usage", "--experimental-dump-help"),
  ])
  func spellings(given: String, wanted: String) {
    #expect(
      ArgumentSpelling.tolerated(given.split(separator: " ").map(String.init)).joined(separator: " ")
        == wanted)
  }

  private func run(_ line: [String], _ place: TemporaryFolder) throws -> Tool.Result {
    try Tool.run(line, in: place.url)
  }

  @Test func responseFiles() throws {
    let place = try SampleScene.workplace()
    try Data("# a window\n--window 2,3,4,5\nin/s.dat 'o/a b.dat'\n".utf8).write(
      to: place.url.appendingPathComponent("args"))
    for (number, line) in [
      ["convert", "@args"], ["convert", "--optfile", "args"], ["convert", "--optfile=args"],
    ].enumerated() {
      let result = try run(line + (number > 0 ? ["--overwrite"] : []), place)
      #expect(result.status == 0, "\(result.errors)")
      #expect(try run(["info", "o/a b.dat"], place).output.contains("5 lines × 4 samples × 60 bands"))
    }
    let absent = try run(["convert", "@none"], place)
    #expect(absent.status == 3 && absent.errorLines.count == 1)
    try Data("'x".utf8).write(to: place.url.appendingPathComponent("open"))
    let open = try run(["convert", "@open"], place)
    #expect(open.status == 3 && open.errors.contains("quotation"), "\(open.errors)")
    #expect(try run(["convert", "@o"], place).status == 3)
  }

  @Test func bandsOfGDAL() throws {
    let place = try SampleScene.workplace()
    let result = try run(
      ["convert", "in/s.dat", "o/a.dat", "-b", "3", "-b", "1", "-srcwin", "0", "0", "2", "2"], place)
    #expect(result.status == 0, "\(result.errors)")
    #expect(try run(["info", "o/a.dat"], place).output.contains("2 lines × 2 samples × 2 bands"))
  }

  @Test func helpTopics() throws {
    let place = try TemporaryFolder()
    for topic in HelpTopics.all {
      let result = try run(["help", topic.name], place)
      #expect(result.status == 0 && result.errors.isEmpty && result.output == topic.text + "\n")
      #expect(result.output.split(separator: "\n").allSatisfy { $0.count <= 82 }, "\(topic.name)")
    }
    for setting in Setting.all {
      #expect(HelpTopics.text("configuration")?.contains(setting.variable) == true)
    }
    #expect(try run(["help", "unmix"], place).output == run(["unmix", "--help"], place).output)
    let unknown = try run(["help", "cooking"], place)
    #expect(unknown.status == 2 && unknown.errors.contains("exit-codes"))
  }

  @Test func usageAsJSON() throws {
    let place = try TemporaryFolder()
    for line in [["--json-usage"], ["unmix", "--json-usage"]] {
      let result = try run(line, place)
      let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
      #expect(result.status == 0 && object?["command"] is [String: Any])
    }
  }

  /// `hsi train` reads names of scenes from standard input; the names decide, not the pipe.
  @Test func listsOnStandardInput() throws {
    let place = try SampleScene.workplace()
    let tail = "--model hsdt-tiny --epochs 1 --out o/w.safetensors --patch 8"
    for (list, option) in [("printf 'in/none.dat\\n'", ""), ("printf 'in/none.dat\\0'", "-0")] {
      let result = try Tool.launch(
        ["bash", "-c", "\(list) | hsi train denoise - \(option) \(tail)"], in: place.url)
      #expect(result.status == 3 && result.errors.contains("in/none.dat does not exist"), "\(result.errors)")
    }
    let empty = try Tool.launch(["bash", "-c", "hsi train denoise - \(tail) < /dev/null"], in: place.url)
    #expect(empty.status == 3 && empty.errors.contains("names no file"), "\(empty.errors)")
  }

  /// SIGUSR1 tells where the work stands and does not end it; the scene is large enough for SIGTERM to find it at work.
  @Test func progressOnSignal() throws {
    let place = try SampleScene.workplace()
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let scene = root.appendingPathComponent("SampleData/scene.dat").path
    let script = """
      hsi unmix \(scene) o/a.tif --count 5 --method rrlbs --set iterations=100000 --set tolerance=0 2> err &
      for i in $(seq 600); do
        sleep 0.1; kill -USR1 $! || break
        grep -q 'rrlbs' err && break
      done
      kill -TERM $!; wait $!
      """
    let result = try Tool.launch(["bash", "-c", script], in: place.url)
    let errors = try String(contentsOfFile: place.path("err"), encoding: .utf8)
    #expect(result.status == 143 && errors.contains("hsi: rrlbs: "), "\(result.status) \(errors)")
  }
}
