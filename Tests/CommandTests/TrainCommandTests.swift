import Foundation
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
  }

  @Test(arguments: [
    ("--patch 7", "--patch"), ("--patch 0", "--patch"), ("--stride 0", "--stride"),
    ("--evaluate-every 0", "--evaluate-every"), ("--patches-per-epoch 0", "--patches-per-epoch"),
    ("--lora r=4", "--lora"), ("--epochs 0", "--epochs"),
  ])
  func unusableNumbersAreRefused(_ options: String, _ name: String) throws {
    let place = try SampleScene.workplace()
    // The last of two values of an option counts.
    let result = try Tool.run(words("\(Self.train) --out o/w.safetensors \(options)"), in: place.url)
    #expect(result.status == 2, "\(result.errors)")
    #expect(result.errorLines.count == 1 && result.errorLines[0].contains(name), "\(result.errorLines)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty)
  }
}
