import ArgumentParser
import HSIKit

/// `hsi train denoise`.
struct TrainDenoiseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "denoise",
    abstract: "Train a denoiser on clean scenes with simulated noise, or adapt one with LoRA.",
    discussion: """
      Scenes are cut into patches of 31 bands, brought to [0, 1] and given noise. The best weights by validation PSNR \
      are written to OUT; beside it STEM_training.safetensors, from which --resume goes on exactly where a run stopped, \
      and STEM_curve.svg, the training curve.

      Examples:
        hsi train denoise clean1.hdr clean2.hdr --model hsdt-s --out denoiser.safetensors --epochs 20
        hsi train denoise clean1.hdr clean2.hdr --model hsdt-s --out denoiser.safetensors --epochs 20 --resume
        hsi train denoise mine.hdr --from denoiser.safetensors --adapter lora:r=8 --out mine.safetensors --epochs 5
      """)

  @Option(help: "Network: hsdt-tiny, hsdt-s, hsdt-m or hsdt-l.", completion: .list(HSDTConfiguration.names))
  var model = DenoisingSubject.defaultVariant

  @Option(
    help: "Schedule: compact (all noise at once, one cosine) or paper (three stages of HSDT, 110 epochs).",
    completion: NameCompletion.cases(of: DenoisingSubject.Schedule.self))
  var recipe = "compact"

  @Option(
    help:
      "What the compact schedule makes small: squared (error) or decibel (its logarithm per sample and band)."
  )
  var loss = DenoisingRecipe.Loss.squared

  @Option(help: "Last share of the compact schedule in which batch statistics are frozen, 0 to 1.")
  var freezeNorms = 0.25

  @OptionGroup var training: PatchTrainingOptions

  func run() throws {
    let context = try training.options.makeContext()
    var subject = DenoisingSubject()
    subject.schedule = try choice("--recipe", recipe, "compact or paper")
    (subject.loss, subject.frozenShare) = (loss, freezeNorms)
    _ = try training.job(subject, variant: model).run(context)
  }
}

extension DenoisingRecipe.Loss: ExpressibleByArgument {}
