import Foundation
import Testing

/// What every command that works on a scene owes: inputs of any kind are protected and recorded, whatever the command.
///
/// The tables name every command; `everyCommandIsTried` holds them to what the parser says about itself.
@Suite struct SceneJobTests {
  /// What the words of a line stand for.
  struct Line: Sendable, CustomTestStringConvertible {
    /// Words of the command.
    var command: String
    /// The line with `OUT` for the output that would replace an input.
    var text: String
    /// Extension that the output has, so that the input must have it too.
    var suffix = ".dat"

    var testDescription: String { text }

    func words(_ output: String) -> [String] {
      text.replacing("OUT", with: output).split(separator: " ").map(String.init)
    }
  }

  /// Every command that takes `--mask` and writes files, with each of its outputs that may have any name.
  static let lines = [
    Line(command: "unmix", text: "unmix s.dat OUT --count 3 --no-prov"),
    Line(command: "unmix", text: "unmix s.dat a.tif --count 3 --residual OUT"),
    Line(command: "unmix", text: "unmix s.dat a.tif --count 3 --residual-spectra OUT"),
    Line(command: "unmix", text: "unmix s.dat a.tif --count 3 --stac OUT"),
    Line(command: "unmix", text: "unmix s.dat a.tif --count 3 --html OUT"),
    Line(command: "denoise", text: "denoise s.dat OUT --method pca"),
    Line(command: "denoise", text: "denoise s.dat a.tif --method pca --residual OUT"),
    Line(command: "denoise", text: "denoise s.dat a.tif --method pca --report OUT"),
    Line(command: "restore", text: "restore s.dat OUT --method pca"),
    Line(command: "restore", text: "restore s.dat a.tif --method pca --html OUT"),
    Line(command: "resample", text: "resample s.dat OUT --to sentinel2"),
    Line(command: "resample", text: "resample s.dat a.tif --to sentinel2 --stac OUT"),
    Line(command: "transform", text: "transform s.dat OUT --method mnf"),
    Line(command: "transform", text: "transform s.dat a.tif --method pca --save OUT"),
    Line(command: "transform", text: "transform s.dat OUT --features 2100-2300"),
    Line(command: "index", text: "index s.dat OUT --index ndvi --within 30"),
    Line(command: "endmembers", text: "endmembers s.dat OUT --count 3", suffix: ".hdr"),
    Line(command: "quicklook", text: "quicklook s.dat OUT", suffix: ".png"),
    Line(command: "simulate noise", text: "simulate noise s.dat OUT"),
    Line(command: "simulate degrade", text: "simulate degrade s.dat OUT --kind blur"),
    Line(command: "simulate degrade", text: "simulate degrade s.dat a.tif --kind blur --truth OUT"),
    Line(command: "simulate degrade", text: "simulate degrade s.dat a.tif --kind mask --missing-out OUT"),
    Line(command: "classify train", text: "classify train s.dat l.dat --model sam --train 50% --out OUT"),
    Line(
      command: "classify train", text: "classify train s.dat l.dat --model sam --train 50% --out x.st --split-out OUT"),
    Line(command: "classify predict", text: "classify predict s.dat OUT --model m.safetensors"),
    Line(command: "classify predict", text: "classify predict s.dat a.tif --model m.safetensors --prob OUT"),
    Line(command: "classify predict", text: "classify predict s.dat a.tif --model m.safetensors --report OUT"),
    Line(
      command: "classify finetune", text: "classify finetune s.dat l.dat --from lola.safetensors --epochs 1 --out OUT"),
    Line(
      command: "classify forget",
      text: "classify forget s.dat l.dat --from lola.safetensors --class 1 --steps 2 --out OUT"),
    Line(command: "statistics scene", text: "statistics scene s.dat OUT"),
    Line(command: "embed", text: "embed s.dat OUT --model m.safetensors"),
    Line(command: "spectra extract", text: "spectra extract s.dat OUT --labels l.dat", suffix: ".hdr"),
    Line(
      command: "spectra extract", text: "spectra extract s.dat x.csv --labels l.dat --deviation OUT", suffix: ".hdr"),
    Line(command: "detect", text: "detect s.dat OUT --anomaly"),
    Line(command: "detect", text: "detect s.dat a.tif --target-pixels 3,3 --report OUT"),
    Line(command: "cluster", text: "cluster s.dat OUT --count 3"),
    Line(command: "cluster", text: "cluster s.dat a.tif --count 3 --centres OUT", suffix: ".hdr"),
    Line(command: "match", text: "match s.dat OUT --library l.csv --method sam"),
    Line(command: "match", text: "match s.dat a.tif --library l.csv --method sam --fit OUT"),
    Line(command: "pretrain", text: "pretrain s.dat --out OUT"),
    Line(command: "classify import", text: "classify import s.dat lola.safetensors --out OUT"),
  ]

  /// Commands with `--mask` that write nothing, or refuse a mask.
  static let others: Set<String> = [
    "info", "evaluate restoration", "evaluate transfer", "convert", "mosaic", "train denoise", "train restore",
    "train predictor", "model prune",
  ]

  /// A folder with a scene, labels, a model, and masks of all pixels in several formats; made once, then copied.
  static func workplace() throws -> TemporaryFolder {
    let place = try SampleScene.workplace()
    let commands = [
      "simulate labels in/s_abundances.dat l.dat --purity 0.5", "convert in/s.dat s.dat",
      "convert l.dat all.dat", "spectra extract s.dat l.csv --labels l.dat", "quicklook s.dat mask.png --bands 1",
      "classify train s.dat l.dat --model sam --train 50% --guard 0 --out m.safetensors",
    ]
    for line in commands {
      let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
      try #require(result.status == 0, "\(line): \(result.errors)")
    }
    // A mask of ones.
    let header = try String(contentsOfFile: place.path("all.hdr"), encoding: .utf8)
    for name in ["mask.hdr"] { try Data(header.utf8).write(to: URL(fileURLWithPath: place.path(name))) }
    let size = try Data(contentsOf: URL(fileURLWithPath: place.path("all.dat"))).count
    try Data([UInt8](repeating: 1, count: size)).write(to: URL(fileURLWithPath: place.path("mask.dat")))
    return place
  }

  @Test("No output replaces the mask, whatever the command and the output", arguments: lines)
  func masksStay(line: Line) throws {
    let place = try Self.workplace()
    let target = "mask" + line.suffix
    let mask = line.suffix == ".png" ? "mask.png" : "mask.dat"
    let before = try Data(contentsOf: URL(fileURLWithPath: place.path(target)))
    let result = try Tool.run(line.words(target) + ["--mask", mask, "--overwrite"], in: place.url)
    #expect(result.status == 4, "\(result.errors)")
    #expect(result.errorLines.count == 1)
    #expect(result.errors.contains("E-OUTPUT-IS-INPUT"), "\(result.errors)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: place.path(target))) == before)
  }

  @Test(
    "No output replaces the file that its arguments were read from", arguments: lines.filter { $0.suffix == ".dat" })
  func argumentFilesStay(line: Line) throws {
    let place = try Self.workplace()
    let words = line.words("args.dat") + ["--overwrite"]
    let text = words.joined(separator: "\n")
    try Data(text.utf8).write(to: URL(fileURLWithPath: place.path("args.dat")))
    let result = try Tool.run(["@args.dat"], in: place.url)
    #expect(result.status == 4, "\(result.errors)")
    #expect(try String(contentsOfFile: place.path("args.dat"), encoding: .utf8) == text)
  }

  /// Lines whose provenance is looked at: every command that writes one.
  static let recorded = [
    "unmix s.dat o.tif --count 3", "denoise s.dat o.tif --method pca", "restore s.dat o.tif --method pca",
    "resample s.dat o.tif --to sentinel2", "transform s.dat o.tif --method ica --components 3",
    "index s.dat o.tif --index ndvi --within 30",
    "simulate noise s.dat o.tif", "simulate degrade s.dat o.tif --kind haze",
    "classify train s.dat l.dat --model sam --train 50% --guard 0 --out o.tif",
    "classify predict s.dat o.tif --model m.safetensors", "detect s.dat o.tif --anomaly",
    "cluster s.dat o.tif --count 3", "statistics s.dat o.tif",
    "match s.dat o.tif --library l.csv --method sam",
  ]

  @Test("Provenance lists mask and cutline, and arguments of files as the words they stand for", arguments: recorded)
  func provenanceIsComplete(line: String) throws {
    let place = try Self.workplace()
    try Data((line + " --mask mask.dat").utf8).write(to: URL(fileURLWithPath: place.path("args.txt")))
    let result = try Tool.run(["@args.txt"], in: place.url)
    #expect(result.status == 0, "\(result.errors)")
    let data = try Data(contentsOf: URL(fileURLWithPath: place.path("o.tif.prov.json")))
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let inputs = try #require(object["inputs"] as? [[String: Any]]).compactMap { $0["path"] as? String }
    #expect(inputs.contains("mask.dat") && inputs.contains("s.dat"), "\(inputs)")
    let command = try #require(object["command_line"] as? String)
    #expect(command.contains("--mask mask.dat") && !command.contains("@args"), "\(command)")
  }

  private struct Dump: Decodable {
    struct Command: Decodable {
      struct Argument: Decodable {
        struct Name: Decodable { var name: String }
        var names: [Name]?
      }
      var commandName: String
      var subcommands: [Command]?
      var arguments: [Argument]?
    }
    var command: Command
  }

  @Test("Every command that takes --mask is tried here")
  func everyCommandIsTried() throws {
    let text = try Tool.run(["--json-usage"]).output
    let dump = try JSONDecoder().decode(Dump.self, from: Data(text.utf8))
    var found: Set<String> = []
    func collect(_ command: Dump.Command, _ above: [String]) {
      let words = above + [command.commandName]
      if command.arguments?.contains(where: { $0.names?.contains { $0.name == "mask" } ?? false }) ?? false {
        found.insert(words.joined(separator: " "))
      }
      for subcommand in command.subcommands ?? [] { collect(subcommand, words) }
    }
    for command in dump.command.subcommands ?? [] { collect(command, []) }
    #expect(found == Set(Self.lines.map(\.command)).union(Self.others))
  }

  @Test(
    "A report on standard output ends in one newline",
    arguments: [
      "unmix s.dat o.tif --count 3 --report -", "denoise s.dat o.tif --method pca --report -",
      "restore s.dat o.tif --method pca --report -",
      "classify predict s.dat o.tif --model m.safetensors --report -", "detect s.dat o.tif --anomaly --report -",
      "match s.dat o.tif --library l.csv --method sam --report -",
      "classify evaluate l.dat l.dat --report -",
    ])
  func reportsEndInOneNewline(line: String) throws {
    let place = try Self.workplace()
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.hasPrefix("{") && result.output.hasSuffix("}\n"))
  }

  @Test("classify predict writes every product that other commands write")
  func predictProducts() throws {
    let place = try Self.workplace()
    let line = "classify predict s.dat o.tif --model m.safetensors --all --stac o.json --hash --mask mask.dat"
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == 0, "\(result.errors)")
    for name in [
      "o.tif", "o_prob.tif", "o_confidence.tif", "o_map.png", "o_report.json", "o_report.html", "o.json",
      "o.tif.prov.json",
    ] { #expect(FileManager.default.fileExists(atPath: place.path(name)), "\(name)") }
    let report = try Data(contentsOf: URL(fileURLWithPath: place.path("o_report.json")))
    let object = try #require(try JSONSerialization.jsonObject(with: report) as? [String: Any])
    let classes = try #require(object["classes"] as? [[String: Any]])
    let pixels = classes.compactMap { $0["pixels"] as? Int }
    #expect(pixels.reduce(0, +) == SampleScene.lines * SampleScene.samples)
    let shares = classes.compactMap { $0["share"] as? Double }
    #expect(abs(shares.reduce(0, +) - 1) < 1e-9)
    let outputs = try #require(object["outputs"] as? [[String: String]]).compactMap { $0["path"] }
    #expect(Set(outputs).isSuperset(of: ["o.tif", "o_prob.tif", "o_confidence.tif", "o_map.png", "o_report.html"]))
    let provenance = try #require(object["provenance"] as? [String: Any])
    let inputs = try #require(provenance["inputs"] as? [[String: Any]])
    #expect(inputs.allSatisfy { $0["sha256"] is String }, "digests of all inputs")
    let page = try String(contentsOfFile: place.path("o_report.html"), encoding: .utf8)
    #expect(page.contains("Probability of the class in the map"))
  }

  @Test(
    "A truncated tile is refused by hsi mosaic, whatever its layout",
    arguments: [
      "convert s.dat t.tif", "convert s.dat t.tif --co COMPRESS=NONE", "convert s.dat t.tif --co INTERLEAVE=BAND",
      "convert s.dat t.tif --co TILED=YES --co BLOCKXSIZE=16 --co BLOCKYSIZE=16",
    ])
  func truncatedTiles(line: String) throws {
    let place = try Self.workplace()
    let made = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    try #require(made.status == 0, "\(made.errors)")
    #expect(try Tool.run(["mosaic", "whole.vrt", "t.tif"], in: place.url).status == 0)
    let data = try Data(contentsOf: URL(fileURLWithPath: place.path("t.tif")))
    try data.prefix(data.count - 200).write(to: URL(fileURLWithPath: place.path("t.tif")))
    let result = try Tool.run(["mosaic", "cut.vrt", "t.tif"], in: place.url)
    #expect(result.status == 3, "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.path("cut.vrt")))
  }
}

/// Trainings of networks as users stop them and go on.
@Suite struct TrainingSessionTests {
  /// Six pixels per class of a small scene.
  private static let few = "--scheme fixed --train 6 --window 0,0,20,20"

  private func run(_ line: String, in place: TemporaryFolder) throws -> Tool.Result {
    try Tool.run(
      line.split(separator: " ").map(String.init), in: place.url, environment: ["SOURCE_DATE_EPOCH": "1700000000"])
  }

  @Test(
    "A training that was stopped and resumed ends with the bytes of one that was not",
    arguments: [
      "classify train s.dat l.dat --model cnn-1d --set epochs=8 --train 50% --guard 0 --validation 10%",
      "classify train s.dat l.dat --model cnn-3d --set epochs=2 --train 30% --guard 0",
      "classify finetune s.dat l.dat --from lola.safetensors --lora r=2 --epochs 20 \(few)",
    ])
  func resumed(line: String) throws {
    let place = try SceneJobTests.workplace()
    if line.contains("lola.safetensors") {
      let base = "classify train s.dat l.dat --model lola-specvit-tiny --set epochs=1 --set components=4"
      let made = try run("\(base) \(Self.few) --out lola.safetensors", in: place)
      try #require(made.status == 0, "\(made.errors)")
    }
    let whole = try run(line + " --out whole.safetensors", in: place)
    try #require(whole.status == 0, "\(whole.errors)")
    var pauses = 0
    var last = try run(line + " --out part.safetensors --minutes 0.004", in: place)
    while last.status == 0, FileManager.default.fileExists(atPath: place.path("part_training.safetensors")),
      pauses < 100
    {
      #expect(last.errors.contains("--resume goes on"), "\(last.errors)")
      pauses += 1
      // From the second time on there is time to finish.
      last = try run(line + " --out part.safetensors --resume" + (pauses < 2 ? " --minutes 0.004" : ""), in: place)
    }
    #expect(last.status == 0, "\(last.errors)")
    #expect(pauses > 0, "the run was never stopped")
    let (a, b) = try (
      Data(contentsOf: URL(fileURLWithPath: place.path("whole.safetensors"))),
      Data(contentsOf: URL(fileURLWithPath: place.path("part.safetensors")))
    )
    #expect(a == b)
  }

  @Test("Two adaptations of one model write the same bytes")
  func adaptedTwice() throws {
    let place = try SceneJobTests.workplace()
    let base = "classify train s.dat l.dat --model lola-specvit-tiny --set epochs=1 --set components=4"
    let made = try run("\(base) \(Self.few) --out lola.safetensors", in: place)
    try #require(made.status == 0, "\(made.errors)")
    var files: [Data] = []
    for folder in ["one", "two"] {
      try FileManager.default.createDirectory(atPath: place.path(folder), withIntermediateDirectories: true)
      let result = try run(
        "classify finetune s.dat l.dat --from lola.safetensors --lora r=2 --epochs 2 \(Self.few) --out \(folder)/a.safetensors",
        in: place)
      #expect(result.status == 0, "\(result.errors)")
      files.append(try Data(contentsOf: URL(fileURLWithPath: place.path("\(folder)/a.safetensors"))))
    }
    #expect(files[0] == files[1])
  }

  @Test("What learns in one go has nothing to resume")
  func oneGo() throws {
    let place = try SceneJobTests.workplace()
    let result = try run("classify train s.dat l.dat --model svm --guard 0 --out o.safetensors --resume", in: place)
    #expect(result.status == 2)
    #expect(result.errors.contains("learns in one go"), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.path("o.safetensors")))
  }
}
