import ArgumentParser
import HSIKit

/// `hsi train`: networks from a user's own scenes.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a network on scenes.",
    discussion: """
      Examples:
        hsi train denoise clean1.hdr clean2.hdr --model hsdt-s --out denoiser.safetensors --epochs 20
        hsi train restore clean1.hdr clean2.hdr --out restorer.safetensors --epochs 20
        hsi train predictor clean1.hdr clean2.hdr --out predictor.safetensors
      """, subcommands: [TrainDenoiseCommand.self, TrainRestoreCommand.self, TrainPredictorCommand.self])
}
