import Foundation
import HSIKit
import Testing

/// What `hsi restore` does where nobody says what is wrong: rules first, then the predictor.
@Suite struct PredictorCommandTests {
  private func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }

  private func run(_ line: String, _ place: TemporaryFolder) throws -> Tool.Result {
    let result = try Tool.run(words(line), in: place.url)
    #expect(result.status == 0, "hsi \(line)\n\(result.errors)")
    return result
  }

  private func object(_ path: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
  }

  /// Weights that say the same of every scene: `task` with a probability, the rest shared by the others.
  private func weights(_ task: MPHSIRTask?, _ probability: Double, _ place: TemporaryFolder) throws -> String {
    let configuration = try #require(DegradationPredictorConfiguration(named: "degradation-predictor-tiny"))
    let network = DegradationPredictor(configuration, seed: 1)
    let chosen = task.flatMap { configuration.tasks.firstIndex(of: $0) } ?? configuration.tasks.count
    let others = (1 - probability) / Double(configuration.classes - 1)
    network.store["head.weight"]?.update { $0.update(repeating: 0) }
    network.store["head.bias"]?.update {
      for i in $0.indices { $0[i] = Float(Foundation.log(i == chosen ? probability : others)) }
    }
    let path = place.path("o/p.safetensors")
    try Model(network, card: Model<DegradationPredictor>.card("test", configuration)).write(to: path, overwrite: true)
    return "o/p.safetensors"
  }

  @Test(arguments: [(MPHSIRTask.haze, "dark-object", "dehaze"), (.poisson, "anscombe-fasthyde", "poisson")])
  func theMostLikelyTaskIsTaken(_ task: MPHSIRTask, method: String, name: String) throws {
    let place = try SampleScene.workplace()
    let file = try weights(task, 0.8, place)
    let result = try run("restore in/s.dat o/r.dat --predictor \(file) --all -v", place)
    #expect(result.errors.contains("restoring: \(name), because p.safetensors sees \(task.rawValue) 0.80"))
    let report = try object(place.path("o/r_report.json"))
    #expect(report["task"] as? String == name)
    #expect((report["method"] as? [String: Any])?["id"] as? String == method)
    let prediction = try #require(report["prediction"] as? [String: Any])
    #expect(prediction["threshold"] as? Double == 0.6 && prediction["views"] as? Int == 4)
    let classes = try #require(prediction["classes"] as? [[String: Any]])
    #expect(classes.count == 10 && classes.last?["name"] as? String == "nothing")
    #expect(abs(classes.reduce(0) { $0 + ($1["probability"] as? Double ?? 0) } - 1) < 1e-5)
    let page = try String(contentsOfFile: place.path("o/r_report.html"), encoding: .utf8)
    #expect(page.contains("What is wrong, by the predictor") && page.contains("80 %"))
    let record = try object(place.path("o/r.dat.prov.json"))
    let options = try #require(record["options"] as? [String: Any])
    #expect(options["task"] as? String == name && (options["prediction"] as? String)?.contains("0.80") == true)
    let inputs = try #require(record["inputs"] as? [[String: Any]])
    #expect(inputs.contains { $0["path"] as? String == file && $0["sha256"] != nil })
  }

  @Test func nothingIsWrong() throws {
    let place = try SampleScene.workplace()
    let file = try weights(nil, 0.9, place)
    let result = try run("restore in/s.dat o/r.dat --predictor \(file) --report o/r.json", place)
    #expect(result.errors.contains("W-UNCHANGED"))
    let values = try ["in/s.dat", "o/r.dat"].map { try SampleScene.floats(place.url.appendingPathComponent($0)) }
    #expect(values[0] == values[1])
    let report = try object(place.path("o/r.json"))
    #expect(report["task"] as? String == "auto" && report["prediction"] != nil)
    #expect(((report["method"] as? [String: Any])?["unchanged"] as? String)?.contains("nothing is wrong") == true)
  }

  /// Unsure, or sure of what cannot be done unasked: refused in one line that names the way out.
  @Test(arguments: [
    (MPHSIRTask.haze, 0.59, "not sure: haze 0.59"), (.superres, 0.9, "superres 0.90"), (.inpaint, 0.9, "--missing"),
    (.bands, 0.9, "--missing"),
  ]) func refusals(_ task: MPHSIRTask, _ probability: Double, _ words: String) throws {
    let place = try SampleScene.workplace()
    let file = try weights(task, probability, place)
    let result = try Tool.run(self.words("restore in/s.dat o/r.tif --predictor \(file)"), in: place.url)
    #expect(result.status == 3 && result.errors.contains("[E-TASK-UNCERTAIN]"), "\(result.status) \(result.errors)")
    #expect(result.errorLines.count == 1 && result.errors.contains(words) && result.errors.contains("--task"))
    #expect(!FileManager.default.fileExists(atPath: place.path("o/r.tif")))
  }

  @Test(arguments: [
    ("--task denoise", 2, "--predictor"), ("--method fasthyde", 2, "--predictor"),
    ("--predictor o/none.safetensors", 7, "E-WEIGHTS-NOT-FOUND"),
    ("--predictor in/s.dat", 7, "E-WEIGHTS"),
  ]) func badInput(_ options: String, _ status: Int32, _ words: String) throws {
    let place = try SampleScene.workplace()
    let file = try weights(.haze, 0.9, place)
    // The last of two values of an option counts.
    let result = try Tool.run(self.words("restore in/s.dat o/r.tif --predictor \(file) \(options)"), in: place.url)
    #expect(result.status == status && result.errorLines.count == 1, "\(result.status) \(result.errors)")
    #expect(result.errors.contains(words), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.path("o/r.tif")))
  }

  /// What can be seen without a guess comes first.
  @Test func rulesComeFirst() throws {
    let place = try SampleScene.workplace()
    let file = try weights(.haze, 0.99, place)
    _ = try run("simulate scene o/c.dat --rows 120 --cols 40 --bands 16 --endmembers 3 --snr 40 --seed 2", place)
    for (kind, task, words) in [
      ("missing-bands", "bands", "have no values"),
      ("stripe", "complex", "striped"), ("deadline", "complex", "are dead"),
    ] {
      _ = try run("simulate degrade o/c.dat o/d.dat --kind \(kind) --seed 4 --overwrite", place)
      let result = try run("restore o/d.dat o/r.dat --predictor \(file) --overwrite -v", place)
      #expect(
        result.errors.contains("restoring: \(task), because") && result.errors.contains(words), "\(result.errors)")
    }
    // Without a predictor, noise is what is left.
    guard BundledWeights.path(BundledWeights.predictor) == nil else { return }
    let clean = try run("restore o/c.dat o/r.dat --overwrite -v", place)
    #expect(clean.errors.contains("restoring: denoise, because no value is missing"), "\(clean.errors)")
  }

  /// Weights that come with hsi, or lie in a folder of HSI_MODEL_PATH, are used unasked; a task that is given needs none.
  @Test func weightsOfTheInstallation() throws {
    let place = try SampleScene.workplace()
    try FileManager.default.moveItem(
      atPath: place.path(try weights(.haze, 0.5, place)), toPath: place.path("o/\(BundledWeights.predictor)"))
    for (line, status) in [
      ("restore in/s.dat o/r.dat", 3), ("restore in/s.dat o/a.dat --task denoise", 0),
      ("restore in/s.dat o/b.dat --method fasthyde", 0),
    ] as [(String, Int32)] {
      let result = try Tool.run(
        words(line), in: place.url, environment: ["HSI_MODEL_PATH": place.path("o")])
      #expect(result.status == status, "\(line): \(result.errors)")
      #expect(result.errors.contains("haze 0.50") == (status == 3))
    }
  }

  /// Too small a scene is not guessed at.
  @Test func smallScenes() throws {
    let place = try SampleScene.workplace()
    let file = try weights(.haze, 0.99, place)
    let result = try run("restore in/s.dat o/r.dat --predictor \(file) --window 0,0,20,3 -v", place)
    #expect(result.errors.contains("restoring: denoise"), "\(result.errors)")
  }

  /// A predictor is trained, stopped, resumed, described, and used.
  @Test func training() throws {
    let place = try SampleScene.workplace()
    _ = try run("simulate scene o/c.dat --rows 48 --cols 48 --bands 40 --endmembers 4 --snr none --seed 2", place)
    let line =
      "train predictor o/c.dat --model degradation-predictor-tiny --patch 16 --stride 16 --scales 1 --band-steps 1"
      + " --tasks haze,noise --batch 2 --patches-per-epoch 4 --epochs 2 --evaluate-every 2"
    let trained = try run("\(line) --out o/w.safetensors -v", place)
    #expect(trained.errors.contains("best validation balanced accuracy 0."), "\(trained.errors)")
    let stopped = try run("\(line) --out o/v.safetensors --minutes 0.00001", place)
    #expect(stopped.errors.contains("W-STOPPED"))
    _ = try run("\(line) --out o/v.safetensors --resume", place)
    let weights = try ["w", "v"].map {
      try WeightFile.open(place.path("o/\($0).safetensors")).tensors.map { try $0.floats().values }
    }
    #expect(weights[0] == weights[1])
    let info = try run("model info o/w.safetensors", place)
    #expect(info.output.contains("balanced accuracy") && !info.output.contains("dB"), "\(info.output)")
    let curve = try String(contentsOfFile: place.path("o/w_curve.svg"), encoding: .utf8)
    #expect(curve.contains("balanced accuracy") && !curve.contains("MPSNR"))
    for (options, words) in [
      ("--tasks haze,fog", "--tasks is fog"), ("--patch 24", "--patch"), ("--patch 32", "--patch"),
    ] {
      let refused = try Tool.run(self.words("\(line) --out o/x.safetensors \(options)"), in: place.url)
      #expect(refused.status == 2 && refused.errors.contains(words), "\(refused.errors)")
      #expect(!FileManager.default.fileExists(atPath: place.path("o/x.safetensors")))
    }
    let other = try Tool.run(
      self.words("\(line) --from o/w.safetensors --tasks haze --out o/x.safetensors"), in: place.url)
    #expect(other.status == 2 && other.errors.contains("--tasks"), "\(other.errors)")
    let seen = try Tool.run(self.words("restore o/c.dat o/r.dat --predictor o/w.safetensors"), in: place.url)
    #expect([0, 3].contains(seen.status), "\(seen.errors)")
  }
}
