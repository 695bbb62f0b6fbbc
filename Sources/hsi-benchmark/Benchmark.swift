import ArgumentParser
import HSIKit

/// Measurements, never run by the tests.
@main
struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hsi-benchmark",
    abstract: "Measure speed and memory beside the limits of the machine, and accuracy.",
    subcommands: [
      UnmixingSpeed.self, TransformSpeed.self, BlindMemory.self, ReadingSpeed.self, Accuracy.self, LibraryAccuracy.self,
      ChannelDetection.self, CountAccuracy.self,
      NetworkSpeed.self,
      RestorationAccuracy.self, RestoreAccuracy.self, InpaintingSpeed.self,
      ClassificationAccuracy.self, FewLabelsAccuracy.self, AdapterAccuracy.self,
      ClassificationSpeed.self, DetectionAccuracy.self, DetectionSpeed.self, KillRuns.self, MemoryTable.self,
      ProcessSpeed.self,
    ])
}
