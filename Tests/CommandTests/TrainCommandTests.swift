import Foundation
import HSIKit
import Testing

/// `hsi train denoise` from the command line: what an interruption leaves, and options that cannot be used.
@Suite struct TrainCommandTests {
  private static let train =
    "train denoise in/s.dat --model hsdt-tiny --patch 8 --stride 8 --scales 1 --band-steps 1 --batch 2 --evaluate-every 2"

  private func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }

  /// Interrupted training keeps the weights and the state that were saved, and goes on from them.
  @Test func interruptionKeepsWhatWasSaved() throws {
    let place = try SampleScene.workplace()
    let line = "\(Self.train) --out o/w.safetensors --epochs 100000"
    let script = """
      \(Tool.executable.path) \(line) & p=$!
      for i in $(seq 200); do [ -e o/w_training.safetensors ] && break; sleep 0.1; done
      kill -INT $p; wait $p; exit $?
      """
    let stopped = try Tool.launch(["bash", "-c", script], in: place.url)
    #expect(stopped.status == 130, "\(stopped.errors)")
    let left = try FileManager.default.contentsOfDirectory(atPath: place.path("o")).sorted()
    #expect(left == ["w.safetensors", "w_training.safetensors"])
    let resumed = try Tool.run(words("\(line) --resume --minutes 0.001"), in: place.url)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(
      resumed.errors.contains(
        /W-STOPPED: stopped after \d+ of \d+ steps: o\/w\.safetensors is what was best so far; --resume goes on/),
      "\(resumed.errors)")
  }

  /// A run without a judgement yet has nothing to show but its state.
  @Test func stoppedBeforeTheFirstJudgement() throws {
    let place = try SampleScene.workplace()
    let line = "\(Self.train) --evaluate-every 100000 --epochs 100000 --out o/w.safetensors --minutes 0.001"
    let stopped = try Tool.run(words(line), in: place.url)
    #expect(stopped.status == 0, "\(stopped.errors)")
    #expect(
      stopped.errors.contains(
        /W-STOPPED: stopped after \d+ of \d+ steps, before anything was judged; --resume goes on/),
      "\(stopped.errors)")
    let left = try FileManager.default.contentsOfDirectory(atPath: place.path("o")).sorted()
    #expect(left == ["w_curve.svg", "w_training.safetensors"])
  }

  /// A run that was killed in the middle of its work and resumed ends with the same weights as one that never was.
  @Test func killedAndResumedEndsWithTheSameBytes() throws {
    let place = try SampleScene.workplace()
    let line = "\(Self.train) --epochs 2 --patches-per-epoch 24 --evaluate-every 3"
    let whole = try Tool.run(words("\(line) --out o/whole.safetensors"), in: place.url)
    #expect(whole.status == 0, "\(whole.errors)")
    let script = """
      \(Tool.executable.path) \(line) --out o/killed.safetensors & p=$!
      for i in $(seq 400); do [ -e o/killed_training.safetensors ] && break; sleep 0.05; done
      kill -KILL $p; wait $p; exit 0
      """
    _ = try Tool.launch(["bash", "-c", script], in: place.url)
    let resumed = try Tool.run(words("\(line) --out o/killed.safetensors --resume"), in: place.url)
    #expect(resumed.status == 0, "\(resumed.errors)")
    let tensors = try ["whole", "killed"].map { name in
      try WeightFile.open(place.path("o/\(name).safetensors")).tensors.map {
        ($0.name, try $0.floats().values)
      }
    }
    #expect(tensors[0].count > 100 && tensors[0].map(\.0) == tensors[1].map(\.0))
    for (a, b) in zip(tensors[0], tensors[1]) { #expect(a.1 == b.1, "\(a.0)") }
    // The states differ only in the seconds that training took.
    let states = try ["whole", "killed"].map { name in
      try WeightFile.open(place.path("o/\(name)_training.safetensors")).tensors.map {
        ($0.name, try $0.floats().values)
      }
    }
    #expect(states[0].map(\.0) == states[1].map(\.0))
    for (a, b) in zip(states[0], states[1]) { #expect(a.1 == b.1, "\(a.0)") }
  }

  /// A state of version 0.1, stopped after 4 of 20 steps, goes on to the weights that version 0.1 ended with (instruction levels
  /// differ in the last bits).
  @Test func statesOfVersion01AreResumed() throws {
    let folder = try TemporaryFolder()
    let fixtures = Tool.package.appendingPathComponent("Tests/CommandTests/Fixtures/training-0.1")
    let scene = Tool.package.appendingPathComponent("SampleData/scene.dat").path
    for (from, to) in [("v01_base", "v01_base"), ("step4_training", "w_training")] {
      try FileManager.default.copyItem(
        at: fixtures.appendingPathComponent("\(from).safetensors"),
        to: folder.url.appendingPathComponent("\(to).safetensors"))
    }
    let line =
      "train denoise \(scene) --from v01_base.safetensors --patch 8 --stride 8 --scales 1 --band-steps 1 --batch 4 "
      + "--evaluate-every 3 --epochs 2 --patches-per-epoch 40 --out w.safetensors --resume"
    let refused = try Tool.run(words("\(line) --seed 6"), in: folder.url)
    #expect(refused.status == 7 && refused.errorLines.count == 1 && refused.errors.contains("[E-TRAINING-STATE]"))
    let result = try Tool.run(words("\(line) --seed 5"), in: folder.url)
    #expect(result.status == 0, "\(result.errors)")
    let found = try WeightFile.open(folder.path("w.safetensors")).tensors
    let expected = try WeightFile.open(fixtures.appendingPathComponent("whole.safetensors").path)
    #expect(found.count == expected.tensors.count)
    for tensor in found {
      let values = try #require(expected[tensor.name]).floats().values
      #expect(try zip(tensor.floats().values, values).allSatisfy { abs($0 - $1) < 1e-5 }, "\(tensor.name)")
    }
  }

  /// A state is continued with the same scenes, scales and band steps only.
  @Test func resumingWithOtherDataIsRefused() throws {
    let place = try SampleScene.workplace()
    let line = "\(Self.train) --out o/w.safetensors --epochs 1 --patches-per-epoch 4"
    #expect(try Tool.run(words(line), in: place.url).status == 0)
    for other in ["--scales 1,2", "--band-steps 1,1", "--stride 4", "--validation in/spots.dat"] {
      let result = try Tool.run(words("\(line) --resume \(other)"), in: place.url)
      #expect(
        result.status != 0 && result.errors.contains("[E-TRAINING-STATE]"), "\(other): \(result.errors)")
    }
    let changed = line.replacingOccurrences(of: "in/s.dat", with: "in/spots.dat")
    let result = try Tool.run(words("\(changed) --resume"), in: place.url)
    #expect(result.errors.contains("[E-TRAINING-STATE]"), "\(result.errors)")
    #expect(try Tool.run(words("\(line) --resume"), in: place.url).status == 0)
  }

  @Test func memoryIsRefusedBeforeAnythingIsRead() throws {
    let place = try SampleScene.workplace()
    let line = "\(Self.train) --out o/w.safetensors --epochs 1"
    let refused = try Tool.run(words("\(line) --batch 64 --memory 20M"), in: place.url)
    #expect(refused.status == 6, "\(refused.errors)")
    #expect(refused.errorLines.count == 1 && refused.errors.contains("[E-MEMORY]"), "\(refused.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty)
    let fits = try Tool.run(words("\(line) --patches-per-epoch 2 --memory 20M"), in: place.url)
    #expect(fits.status == 0, "\(fits.errors)")
  }

  /// Base, adapters on top of it, and adapters folded into it: the folded weights restore as the adapter file does.
  @Test func adaptersFromTheCommandLine() throws {
    let folder = try TemporaryFolder()
    let scene = Tool.package.appendingPathComponent("SampleData/scene.dat").path
    func run(_ line: String) throws {
      let result = try Tool.run(words(line), in: folder.url)
      #expect(result.status == 0, "\(line): \(result.errors)")
    }
    let options =
      "--patch 8 --stride 8 --scales 1 --band-steps 1 --batch 2 --epochs 1 --rate 1e-2 --evaluate-every 4"
    try run(
      "train denoise \(scene) --model hsdt-tiny --out base.safetensors --patches-per-epoch 8 \(options)")
    try run(
      "train denoise \(scene) --from base.safetensors --lora r=8 --out mine.safetensors --patches-per-epoch 16 \(options)"
    )
    let tensors = try WeightFile.open(folder.path("mine.safetensors")).tensors
    let up = tensors.filter { $0.name.contains("lora_up") }
    #expect(try up.count > 30 && up.contains { try $0.floats().values.contains { $0 != 0 } })
    // What is not an adapter is what the base had.
    let base = try WeightFile.open(folder.path("base.safetensors"))
    for tensor in base.tensors where tensor.name.hasSuffix("weight") {
      if let kept = tensors.first(where: { $0.name == tensor.name }) {
        #expect(try kept.floats().values == tensor.floats().values, "\(tensor.name)")
      }
    }
    try run("model merge mine.safetensors merged.safetensors")
    let window = "--window 0,0,20,16 -b 1-31 --model hsdt --no-prov"
    for name in ["base", "mine", "merged"] {
      try run("denoise \(scene) \(name).dat --weights \(name).safetensors \(window)")
    }
    let results = try ["base", "mine", "merged"].map {
      try SampleScene.floats(folder.url.appendingPathComponent("\($0).dat"))
    }
    func distance(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } }
    let (learnt, folded) = (distance(results[0], results[1]), distance(results[1], results[2]))
    let largest = results[0].reduce(0) { max($0, abs($1)) }
    #expect(
      folded < 1e-6 * largest && learnt > 1000 * folded, "learnt \(learnt), folded \(folded) of \(largest)")
  }

  @Test(arguments: [
    ("--patch 7", "--patch"), ("--patch 0", "--patch"), ("--stride 0", "--stride"),
    ("--evaluate-every 0", "--evaluate-every"), ("--patches-per-epoch 0", "--patches-per-epoch"),
    ("--lora r=4", "--adapter"), ("--adapter none", "--adapter"), ("--epochs 0", "--epochs"),
    ("--freeze-norms 1.5", "--freeze-norms"),
  ])
  func unusableNumbersAreRefused(_ options: String, _ name: String) throws {
    let place = try SampleScene.workplace()
    // The last of two values of an option counts.
    let result = try Tool.run(words("\(Self.train) --out o/w.safetensors \(options)"), in: place.url)
    #expect(result.status == 2, "\(result.errors)")
    #expect(result.errorLines.count == 1 && result.errorLines[0].contains(name), "\(result.errorLines)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty)
  }

  /// A network for many tasks is trained, adapted, and used by `hsi restore`.
  @Test func restoringNetworks() throws {
    let place = try SampleScene.workplace()
    let simulated = try Tool.run(
      words("simulate scene o/t.dat --rows 64 --cols 48 --bands 40 --endmembers 4 --snr none --variability 0"),
      in: place.url)
    #expect(simulated.status == 0, "\(simulated.errors)")
    let line =
      "train restore o/t.dat --model mp-hsir-tiny --patch 32 --stride 16 --scales 1 --band-steps 1 --batch 2"
      + " --patches-per-epoch 2 --epochs 1 --evaluate-every 1"
    let trained = try Tool.run(words("\(line) --out o/w.safetensors"), in: place.url)
    #expect(trained.status == 0, "\(trained.errors)")
    let adapted = try Tool.run(
      words("\(line) --from o/w.safetensors --lora r=2 --tasks haze,bands --out o/a.safetensors"), in: place.url)
    #expect(adapted.status == 0, "\(adapted.errors)")
    for (task, more) in [("denoise", ""), ("superres", " --scale 2"), ("deblur", ""), ("dehaze", ""), ("auto", "")] {
      let restored = try Tool.run(
        words("restore o/t.dat o/\(task).tif --task \(task)\(more) --model mp-hsir --weights o/a.safetensors"),
        in: place.url)
      #expect(restored.status == 0, "\(task): \(restored.errors)")
    }
    let wrong = try Tool.run(words("\(line) --tasks haze,fog --out o/x.safetensors"), in: place.url)
    #expect(wrong.status == 2 && wrong.errors.contains("--tasks is fog"), "\(wrong.errors)")
    let foreign = try Tool.run(
      words("restore o/t.dat o/x.tif --model mp-hsir --weights \(ModelCommandTests.checkpoint)"), in: place.url)
    #expect(foreign.status == 7, "\(foreign.errors)")
    let both = try Tool.run(
      words("restore o/t.dat o/x.tif --model mp-hsir --method wiener --weights o/a.safetensors"), in: place.url)
    #expect(both.status == 2, "\(both.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.path("o/x.tif")))
  }
}
