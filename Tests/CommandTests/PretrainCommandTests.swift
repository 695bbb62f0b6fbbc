import Foundation
import HSIKit
import Testing

/// `hsi pretrain`, classifiers that start from it, and `hsi embed`.
@Suite(.serialized) struct PretrainCommandTests {
  private func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }

  private func run(_ line: String, _ place: TemporaryFolder) throws -> Tool.Result {
    let result = try Tool.run(words(line), in: place.url)
    #expect(result.status == 0, "hsi \(line)\n\(result.errors)")
    return result
  }

  private func exists(_ name: String, _ place: TemporaryFolder) -> Bool {
    FileManager.default.fileExists(atPath: place.path(name))
  }

  private func object(_ path: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
  }

  /// A small pre-training of eight steps.
  private static let brief =
    "--epochs 2 --windows-per-epoch 16 --batch 4 --evaluate-every 4 --side 8 --most-bands 12 --seed 2"

  /// Weights of an untrained small network, quicker than training.
  private func base(_ place: TemporaryFolder) throws -> String {
    var configuration = try #require(LESSAutoencoderConfiguration(named: "less-tiny"))
    (configuration.encoder.width, configuration.encoder.depth, configuration.encoder.heads) = (32, 1, 1)
    (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (16, 1, 1)
    let network = LESSAutoencoder(configuration, seed: 1)
    try Model(network, card: Model<LESSAutoencoder>.card("test", configuration)).write(
      to: place.path("o/base.safetensors"), overwrite: true)
    return "o/base.safetensors"
  }

  /// Labels and a scene in the working folder.
  private func labels(_ place: TemporaryFolder) throws {
    _ = try run("simulate labels in/s_abundances.dat l.dat --purity 0.5", place)
  }

  @Test func pretrainWritesWeightsStateCurveAndExamples() throws {
    let place = try SampleScene.workplace()
    let result = try run("pretrain in/s.dat --out o/b.safetensors \(Self.brief) -v", place)
    #expect(
      result.errors.contains("trained 8 of 8 steps") && result.errors.contains("PSNR of hidden values"),
      "\(result.errors)")
    for name in ["b.safetensors", "b_training.safetensors", "b_curve.svg", "b_examples.png"] {
      #expect(exists("o/" + name, place), "\(name)")
    }
    let model = try Model<LESSAutoencoder>.read(place.path("o/b.safetensors"))
    #expect(model.card.trainingData == "s.dat" && model.card.seed == 2 && model.card.metrics?.first?.name == "PSNR")
    #expect(model.card.training?.contains("bands also of aviris") == true)
    // Refused without --overwrite; another scene does not go on from this state.
    let again = try Tool.run(words("pretrain in/s.dat --out o/b.safetensors \(Self.brief)"), in: place.url)
    #expect(again.status == 4 && again.errorLines.count == 1)
    let other = try Tool.run(
      words("pretrain in/spots.dat --out o/b.safetensors --resume \(Self.brief)"), in: place.url)
    #expect(other.status == 7 && other.errorLines.count == 1, "\(other.errors)")
    #expect(try Model<LESSAutoencoder>.read(place.path("o/b.safetensors")).card.training == model.card.training)
  }

  @Test("Equal pre-trainings write equal bytes, one that was stopped and resumed as well")
  func resumesExactly() throws {
    let place = try SampleScene.workplace()
    let line = "pretrain in/s.dat \(Self.brief) --own-bands --out"
    var files: [Data] = []
    for (folder, pieces) in [("a", [""]), ("b", [""]), ("c", [" --minutes 0", " --resume"])] {
      try FileManager.default.createDirectory(
        atPath: place.path("o/" + folder), withIntermediateDirectories: true)
      let output = "o/\(folder)/w.safetensors"
      for piece in pieces {
        let result = try Tool.run(
          words("\(line) \(output)\(piece)"), in: place.url, environment: ["SOURCE_DATE_EPOCH": "1700000000"])
        #expect(result.status == 0, "\(result.errors)")
      }
      files.append(try Data(contentsOf: URL(fileURLWithPath: place.path(output))))
    }
    #expect(files[0] == files[1], "two runs")
    #expect(files[0] == files[2], "a run that was stopped and resumed")
  }

  /// Trained on some bands, a model maps a scene that has others, in strips or in one piece.
  @Test(arguments: ["", "--probe", "--lora r=2"]) func classifiersStartFromIt(_ scope: String) throws {
    let place = try SampleScene.workplace()
    let file = try base(place)
    try labels(place)
    let settings = "--set epochs=2 --set windows=8 --set batch=4 --set side=8 --set bands=10"
    _ = try run(
      "classify train in/s.dat l.dat --model less-tiny --from \(file) \(scope) \(settings) --train 50% --guard 0 --out m.safetensors",
      place)
    let record = try object(place.path("m.safetensors.prov.json"))
    let inputs = try #require(record["inputs"] as? [[String: Any]])
    #expect(inputs.contains { $0["path"] as? String == file })
    _ = try run("classify predict in/s.dat o/a.tif --model m.safetensors --prob o/ap.dat", place)
    let small = "--memory 64M -j 1"
    _ = try run("classify predict in/s.dat o/b.tif --model m.safetensors --prob o/bp.dat \(small)", place)
    let probabilities = try ["o/ap.dat", "o/bp.dat"].map {
      try SampleScene.floats(place.url.appendingPathComponent($0))
    }
    #expect(probabilities[0] == probabilities[1] && probabilities[0].allSatisfy { (0...1).contains($0) })
    _ = try run("convert in/s.dat o/part.dat --wl 500-1500", place)
    let other = try run("classify predict o/part.dat o/c.tif --model m.safetensors", place)
    #expect(!other.errors.contains("error") && exists("o/c.tif", place))
    // The encoder stays as it was where only the head was trained.
    let trained = try WeightFile.open(place.path("m.safetensors"))
    let before = try WeightFile.open(place.path(file))
    let name = "encoder.blocks.0.mlp.fc1.weight"
    let (a, b) = (try #require(trained[name]).floats().values, try #require(before[name]).floats().values)
    #expect((a == b) == (scope == "--probe"))
  }

  /// A model of a scene is adapted to one with other bands, and maps it with the adapter; transfer takes part with its weights.
  @Test func adaptersForOtherBands() throws {
    let place = try SampleScene.workplace()
    try labels(place)
    let file = try base(place)
    let settings = "--set epochs=1 --set windows=8 --set batch=4 --set side=8 --set bands=8"
    _ = try run(
      "classify train in/s.dat l.dat --model less-tiny --from \(file) \(settings) --train 50% --guard 0 --out m.safetensors",
      place)
    _ = try run("convert in/s.dat o/part.dat --wl 500-1500", place)
    _ = try run(
      "classify finetune o/part.dat l.dat --from m.safetensors --epochs 1 --train 50% --guard 0 --out o/a.safetensors",
      place)
    let result = try run(
      "classify predict o/part.dat o/p.tif --model m.safetensors --adapter o/a.safetensors", place)
    #expect(exists("o/p.tif", place) && !result.errors.contains("W-MODEL-SCALE"))
    let table = try run(
      "evaluate transfer in/s.dat l.dat --model less-tiny,sam --from \(file) --probe \(settings) --train 50% --guard 0",
      place)
    #expect(table.output.contains("less-tiny, probe  trained (32)") && !table.errors.contains("W-MODEL"))
  }

  @Test func scenesOfAnotherScaleAreSaid() throws {
    let place = try SampleScene.workplace()
    try labels(place)
    let settings = "--set epochs=1 --set windows=4 --set side=8 --set bands=6"
    _ = try run(
      "classify train in/s.dat l.dat --model less-tiny --from \(try base(place)) \(settings) --train 50% --guard 0 --out m.safetensors",
      place)
    _ = try run("convert in/s.dat o/scaled.dat --ot float32", place)
    let path = place.url.appendingPathComponent("o/scaled.dat")
    let scaled = try SampleScene.floats(path).map { $0 * 10_000 }
    try scaled.withUnsafeBytes { try Data($0).write(to: path) }
    let result = try run("classify predict o/scaled.dat o/m.tif --model m.safetensors", place)
    #expect(result.errors.contains("W-MODEL-SCALE"))
    let usual = try run("classify predict in/s.dat o/n.tif --model m.safetensors", place)
    #expect(!usual.errors.contains("W-MODEL-SCALE"))
  }

  @Test func embedding() throws {
    let place = try SampleScene.workplace()
    let file = try base(place)
    _ = try run("embed in/s.dat o/f.dat --model \(file) --components 3 --most-bands 10", place)
    _ = try run("embed in/s.dat o/g.dat --model \(file) --components 3 --most-bands 10 --memory 64M -j 1", place)
    let values = try ["o/f.dat", "o/g.dat"].map { try SampleScene.floats(place.url.appendingPathComponent($0)) }
    #expect(values[0].count == 3 * SampleScene.lines * SampleScene.samples && values[0] == values[1])
    // Components come strongest first.
    let pixels = SampleScene.lines * SampleScene.samples
    let variances = (0..<3).map { band in
      let part = values[0][(band * pixels)..<((band + 1) * pixels)].map(Double.init)
      let mean = part.reduce(0, +) / Double(pixels)
      return part.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }
    #expect(variances[0] > variances[1] && variances[1] > variances[2] && variances[2] > 0)
    _ = try run("embed in/s.dat o/h.dat --model \(file) --components 0 --most-bands 10", place)
    #expect(try SampleScene.floats(place.url.appendingPathComponent("o/h.dat")).count == 32 * pixels)
    let record = try object(place.path("o/f.dat.prov.json"))
    let inputs = try #require(record["inputs"] as? [[String: Any]])
    #expect(inputs.contains { $0["path"] as? String == file && $0["sha256"] != nil })
  }

  /// One line, the documented code, nothing written.
  @Test(arguments: [
    ("pretrain in/nowl.dat --out o/x.safetensors", 3, "--wavelengths"),
    ("pretrain in/s.dat --out o/x.safetensors --side 64", 2, "--side"),
    ("pretrain in/s.dat --out o/x.safetensors --side 9", 2, "--side"),
    ("pretrain in/s.dat --validation in/nan.dat --out o/x.safetensors --side 8", 2, "judge"),
    ("train denoise in/s.dat --validation in/nan.dat --out o/x.safetensors --patch 8", 3, "valid"),
    ("pretrain in/s.dat --out o/x.safetensors --drop 0.5,x", 2, "--drop"),
    ("pretrain in/s.dat --out o/x.safetensors --model less-huge", 2, "less-tiny"),
    ("pretrain in/nan.dat --out o/x.safetensors", 2, "--side"),
    ("pretrain in/s.dat --out o/x.safetensors --wl 500-520", 3, "band"),
    ("pretrain in/s.dat --out o/x.safetensors --from in/s.dat", 7, "s.dat"),
    ("pretrain in/s.dat --out o/x.safetensors --memory 1M", 6, "memory"),
    ("embed in/nowl.dat o/x.tif --model o/base.safetensors", 3, "--wavelengths"),
    ("embed in/s.dat o/x.tif --model in/s.dat", 7, "s.dat"),
    ("embed in/s.dat o/x.tif --model o/base.safetensors --components -1", 2, "--components"),
    ("embed in/s.dat o/x.tif --model o/none.safetensors", 7, "none.safetensors"),
    ("classify train in/s.dat l.dat --model svm --from o/base.safetensors --out o/x", 2, "less-tiny"),
    ("classify train in/s.dat l.dat --model less-tiny --probe --out o/x", 2, "--from"),
    (
      "classify train in/s.dat l.dat --model less-tiny --from o/base.safetensors --probe --lora r=2 --out o/x", 2,
      "--adapter"
    ),
    ("classify train in/nowl.dat l.dat --model less-tiny --out o/x --train 50% --guard 0", 7, "--wavelengths"),
  ]) func refusals(_ line: String, _ status: Int32, _ words: String) throws {
    let place = try SampleScene.workplace()
    _ = try base(place)
    try labels(place)
    // The scene without its wavelengths.
    let header = try String(contentsOfFile: place.path("in/s.hdr"), encoding: .utf8)
    let bare = header.replacing(/wavelength = \{[^}]*\}\n/, with: "").replacing(/fwhm = \{[^}]*\}\n/, with: "")
    try Data(bare.utf8).write(to: URL(fileURLWithPath: place.path("o/nowl.hdr")))
    try FileManager.default.copyItem(atPath: place.path("in/s.dat"), toPath: place.path("o/nowl.dat"))
    let result = try Tool.run(self.words(line.replacing("in/nowl", with: "o/nowl")), in: place.url)
    #expect(result.status == status, "\(line): \(result.status) \(result.errors)")
    #expect(
      result.errorLines.filter { $0.contains("error") }.count == 1 && result.errors.contains(words), "\(result.errors)")
    #expect(!exists("o/x.safetensors", place) && !exists("o/x.tif", place) && !exists("o/x", place))
  }
}
