import Foundation
import HSIKit
import Testing

@testable import hsi

/// Configuration files, the environment and options: precedence, origins, errors.
@Suite struct ConfigurationTests {
  /// A folder with a project file, and a user file under `xdg`.
  private func workplace(project: String? = nil, user: String? = nil) throws -> TemporaryFolder {
    let place = try SampleScene.workplace()
    if let project { try Data(project.utf8).write(to: place.url.appendingPathComponent(".hsi.toml")) }
    if let user {
      let folder = place.url.appendingPathComponent("xdg/hsi")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Data(user.utf8).write(to: folder.appendingPathComponent("config.toml"))
    }
    return place
  }

  private func run(
    _ line: String, _ place: TemporaryFolder, _ environment: [String: String] = [:]
  ) throws -> Tool.Result {
    try Tool.run(
      line.split(separator: " ").map(String.init), in: place.url,
      environment: ["XDG_CONFIG_HOME": place.path("xdg")].merging(environment) { $1 })
  }

  private func shown(
    _ key: String, _ options: String, _ place: TemporaryFolder, _ environment: [String: String] = [:]
  ) throws -> [String] {
    let result = try run("config show --json \(options)", place, environment)
    #expect(result.status == 0, "\(result.errors)")
    let all = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: [String: Any]]
    let one = try #require(all?[key])
    return ["value", "source", "place"].map { "\(one[$0] ?? "")" }
  }

  @Test func precedence() throws {
    let place = try workplace(
      project: "# this project\nthreads = 2\nseed = 7\n",
      user: "memory = \"700M\"\nthreads = 3\nlog = 'info'\n")
    let user = place.path("xdg/hsi/config.toml")
    #expect(try shown("memory", "", place) == ["734003200", "user file", user + ":1"])
    #expect(try shown("log", "", place) == ["info", "user file", user + ":3"])
    #expect(try shown("threads", "", place) == ["2", "project file", "./.hsi.toml:2"])
    #expect(
      try shown("threads", "", place, ["HSI_NUM_THREADS": "1"]) == ["1", "environment", "HSI_NUM_THREADS"])
    #expect(
      try shown("threads", "-j 4", place, ["HSI_NUM_THREADS": "1"]) == ["4", "command line", "--threads"])
    #expect(try shown("progress", "", place) == ["auto", "built-in", "default"])
    // Slurm's allocation is a rule of hsi: what a file says comes before it.
    #expect(try shown("threads", "", place, ["SLURM_CPUS_PER_TASK": "1"])[0] == "2")
    let bare = try workplace()
    #expect(
      try shown("threads", "", bare, ["SLURM_CPUS_PER_TASK": "1"]) == [
        "1", "built-in", "SLURM_CPUS_PER_TASK",
      ])
    #expect(
      try shown("tmpdir", "", bare, ["HSI_TMPDIR": "", "SLURM_TMPDIR": "", "TMPDIR": "/var/tmp"])[0]
        == "/var/tmp")
  }

  /// The settings reach the work: the seed of the project's file is in the provenance, and a budget of 1 KiB is refused.
  @Test func takesEffect() throws {
    let place = try workplace(project: "seed = 7\nthreads = 1\n")
    let line = "unmix in/s.dat o/a.tif --endmembers in/s_endmembers.sli --overwrite"
    func provenance(_ options: String, _ environment: [String: String] = [:]) throws -> String {
      let result = try run(line + options, place, environment)
      #expect(result.status == 0, "\(result.errors)")
      return try String(contentsOfFile: place.path("o/a.tif.prov.json"), encoding: .utf8)
    }
    let own = try provenance("")
    #expect(own.contains(/"seed"\s*:\s*7\b/) && own.contains(/"threads"\s*:\s*1\b/))
    #expect(try provenance("", ["HSI_SEED": "8"]).contains(/"seed"\s*:\s*8\b/))
    #expect(try provenance(" --seed 9", ["HSI_SEED": "8"]).contains(/"seed"\s*:\s*9\b/))
    let small = try workplace(project: "memory = \"1K\"\n")
    #expect(try run("unmix in/s.dat o/b.tif --count 3", small).status == 6)
    let shown = try workplace(user: "progress = \"bar\"\n")
    #expect(
      try run("unmix in/s.dat o/c.tif --endmembers in/s_endmembers.sli", shown).errors.contains("100 - done.")
    )
  }

  @Test func gdalOptionsAndSecrets() throws {
    let place = try workplace(
      project: "[gdal]\nGDAL_CACHEMAX = 100\nAWS_SECRET_ACCESS_KEY = \"hunter2\"\nX = true\n")
    #expect(try shown("gdal.GDAL_CACHEMAX", "", place) == ["100", "project file", "./.hsi.toml:2"])
    #expect(try shown("gdal.X", "", place)[0] == "YES")
    #expect(
      try shown("gdal.GDAL_CACHEMAX", "--config GDAL_CACHEMAX 7", place) == ["7", "command line", "--config"])
    #expect(
      try shown("gdal.GDAL_CACHEMAX", "", place, ["GDAL_CACHEMAX": "9"]) == [
        "9", "environment", "GDAL_CACHEMAX",
      ])
    let text = try run("config", place).output
    #expect(text.contains("***") && !text.contains("hunter2"))
  }

  @Test(arguments: [
    ("threads = \"many\"", "line 1: threads is many"), ("\nthreads = 0", "line 2: threads is 0"),
    ("# c\nthreds = 4", "line 2: there is no setting threds"), ("memory = [1, 2]", "line 1: memory is a"),
    ("seed = -1", "line 1: seed is -1"), ("threads = 1\nthreads = 2", "line 2"), ("x = [", "line 1"),
    ("gdal = 3", "line 1: gdal is set"), ("[gdal]\nA = [1]", "line 2: gdal.A is a"),
    ("[log]\na = 1", "line 2: there is no setting log.a"),
    ("[gdal]\n[gdal]", "line 2"), ("threads = 4 5", "line 1"), ("log = \"info", "line 1"),
    ("log = info", "line 1"),
    ("seed = 0x", "line 1"), ("x = {a = 1}", "line 1"), ("[[x]]", "line 1"), ("= 3", "line 1"),
    ("a.\n", "line 1"),
    ("device = \"tpu\"", "device is tpu"), ("progress = true", "progress is YES"),
    ("model_path = [1]", "model_path is a"),
  ])
  func badFile(text: String, place wanted: String) throws {
    for isUser in [false, true] {
      let place = isUser ? try workplace(user: text) : try workplace(project: text)
      let result = try run("info in/s.dat", place)
      #expect(result.status == 2 && result.output.isEmpty)
      #expect(result.errorLines.count == 1 && result.errors.contains("[E-CONFIG]"), "\(result.errors)")
      #expect(
        result.errors.contains(wanted) && result.errors.contains(isUser ? "config.toml" : "./.hsi.toml"),
        "\(result.errors)")
    }
  }

  @Test(arguments: [
    ("HSI_NUM_THREADS", "x"), ("HSI_MEMORY", "much"), ("HSI_LOG", "loud"), ("HSI_LOG_FORMAT", "xml"),
    ("HSI_DEVICE", "gpu"), ("HSI_SEED", "-1"), ("HSI_PROGRESS", "yes"),
  ])
  func badVariable(name: String, value: String) throws {
    let place = try workplace()
    let result = try run("info in/s.dat", place, [name: value])
    #expect(
      result.status == 2 && result.errorLines.count == 1 && result.errors.contains(name), "\(result.errors)")
    #expect(try run("info in/s.dat", place, [name: ""]).status == 0)
  }

  @Test func otherDevicesFallBack() throws {
    let place = try workplace()
    let result = try run("info in/s.dat", place, ["HSI_DEVICE": "cuda:0"])
    #expect(result.status == 0 && result.errors.contains("W-DEVICE"))
    #expect(try run("info in/s.dat", place, ["HSI_DEVICE": "auto"]).errors.isEmpty)
  }

  /// A folder in place of the file, and one that may not be read.
  @Test func unreadableFile() throws {
    let place = try workplace()
    try FileManager.default.createDirectory(
      atPath: place.path(".hsi.toml"), withIntermediateDirectories: false)
    let result = try run("info in/s.dat", place)
    #expect(result.status == 2 && result.errors.contains("[E-CONFIG]"), "\(result.errors)")
    // What does not depend on settings goes on.
    #expect(try run("--version", place).status == 0)
  }

  @Test func modelPath() throws {
    let place = try workplace(project: "model_path = [\"nowhere\", \"models\"]\n")
    let folder = place.url.appendingPathComponent("models")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let weights = Tool.package.appendingPathComponent("Sources/HSIRestoration/Resources/hsdt-s.safetensors")
    try FileManager.default.createSymbolicLink(
      at: folder.appendingPathComponent("mine.safetensors"), withDestinationURL: weights)
    for name in ["mine", "mine.safetensors"] {
      let result = try run("model info \(name)", place)
      #expect(result.status == 0 && result.output.contains("models/mine.safetensors"), "\(result.errors)")
    }
    #expect(try run("model info mine", place, ["HSI_MODEL_PATH": "elsewhere"]).status == 7)
    #expect(try run("model info other", place).status == 7)
  }

  /// Whatever a file holds, reading it ends with settings or a `ConfigurationError`.
  @Test func survivesDamage() throws {
    let whole = """
      threads = 8 # eight
      memory = "16G"
      model_path = ["~/models", '/shared/models']
      log = "info"
      [gdal]
      GDAL_CACHEMAX = 512
      GDAL_HTTP_TIMEOUT = 1e3
      "quoted key" = true

      """
    let bytes = Array(whole.utf8)
    var random = CounterRandom(seed: 5, stream: 1)
    func draw(_ bound: Int) -> Int { random.index(below: bound) }
    let alphabet: [UInt8] =
      Array("[]{}=\"'\\#\n\t.,_-+:0123456789eExuU\u{0}\u{7f}".utf8) + [0x80, 0xC3, 0xFF]
    var (passed, refused) = (0, 0)
    for round in 0..<3000 {
      var damaged = bytes
      for _ in 0..<(1 + round % 6) {
        let place = draw(damaged.count)
        switch draw(4) {
        case 0: damaged[place] = alphabet[draw(alphabet.count)]
        case 1: damaged.insert(alphabet[draw(alphabet.count)], at: place)
        case 2: damaged.removeSubrange(place..<min(damaged.count, place + 1 + draw(8)))
        default: damaged.insert(contentsOf: damaged[place..<min(damaged.count, place + draw(40))], at: place)
        }
        if damaged.isEmpty { damaged = [10] }
      }
      do {
        _ = try SettingsFile(Data(damaged), name: "/etc/f", environment: ["HOME": "/h"])
        passed += 1
      } catch is ConfigurationError {
        refused += 1
      }
    }
    #expect(passed > 50 && refused > 1000, "\(passed) \(refused)")
    for nested in ["[", "{a=", "a.", "[a."] {
      let text =
        (nested == "{a=" ? "x = " : nested == "[" ? "x = " : "") + String(repeating: nested, count: 100_000)
      #expect(throws: ConfigurationError.self) {
        try SettingsFile(Data(text.utf8), name: "f", environment: [:])
      }
    }
    #expect(throws: ConfigurationError.self) {
      try SettingsFile(Data(repeating: 10, count: (1 << 20) + 1), name: "f", environment: [:])
    }
  }

  @Test func syntax() throws {
    typealias Entry = SettingsText.Entry
    let text = """
      \u{FEFF}# comment
      a = 1 # one\r
      "b c".'d' = "x\\t\\"\\u00e9" # two
      [ t . u ]
      list = [ 'a', "b", # three
        -1_000, [], 0x1F,
      ]
      r = -1.5e3
      n = true

      """
    #expect(
      try SettingsText.parse(text) == [
        Entry(path: ["a"], value: .whole(1), line: 2),
        Entry(path: ["b c", "d"], value: .text("x\t\"é"), line: 3),
        Entry(
          path: ["t", "u", "list"],
          value: .list([.text("a"), .text("b"), .whole(-1000), .list([]), .whole(31)]), line: 5),
        Entry(path: ["t", "u", "r"], value: .real(-1500), line: 8),
        Entry(path: ["t", "u", "n"], value: .truth(true), line: 9),
      ])
    #expect(throws: SettingsText.Malformed(line: 2, reason: "a is set twice, first in line 1")) {
      try SettingsText.parse("a = 1\na = 2")
    }
  }

  @Test func pathsOfFiles() throws {
    let file = try SettingsFile(
      Data("tmpdir = \"scratch\"\nmodel_path = [\"~/m\", \"/abs\", \"x\"]".utf8),
      name: "/etc/hsi/config.toml",
      environment: ["HOME": "/home/me"])
    #expect(file.settings["tmpdir"]?.text == "/etc/hsi/scratch")
    #expect(file.settings["model_path"]?.text == "/home/me/m:/abs:/etc/hsi/x")
  }
}
