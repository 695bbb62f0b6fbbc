import ArgumentParser
import HSIKit

/// `hsi train restore`.
struct TrainRestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Train one network to undo many degradations of clean scenes, or adapt one with LoRA.",
    discussion: """
      Scenes are cut into patches of as many bands as the network has, brought to [0, 1], and each is degraded by a task \
      drawn for it: noise, complex (noise), blur, motion, superres, inpaint, bands, haze, poisson. The best weights by \
      validation PSNR, the mean over all tasks, are written to OUT; beside it STEM_training.safetensors, from which \
      --resume goes on exactly where a run stopped, and STEM_curve.svg, the training curve.

      Examples:
        hsi train restore clean1.hdr clean2.hdr --out restorer.safetensors --epochs 20
        hsi train restore clean1.hdr clean2.hdr --out restorer.safetensors --epochs 20 --resume
        hsi train restore mine.hdr --from restorer.safetensors --adapter lora:r=8 --tasks haze --out mine.safetensors
      """)

  @Option(
    help: "Network: mp-hsir-24, mp-hsir-32, mp-hsir-natural or mp-hsir-remote.",
    completion: .list(MPHSIRConfiguration.names))
  var model = RestorationSubject.defaultVariant

  @Option(help: "Tasks to learn, comma-separated (default: all that the network knows).")
  var tasks: String?

  @Option(
    help: "What is made small: absolute (error) or decibel (the logarithm of the squared error of every sample).")
  var loss = RestorationSubject.Loss.absolute

  @OptionGroup var training: PatchTrainingOptions

  func run() throws {
    let context = try training.options.makeContext()
    var subject = RestorationSubject()
    subject.tasks = try tasks.map(DegradationTasks.parse)
    subject.loss = loss
    _ = try training.job(subject, variant: model).run(context)
  }
}

extension RestorationSubject.Loss: ExpressibleByArgument {}

/// Lists of degradations.
enum DegradationTasks {
  /// Names between commas.
  ///
  /// - Throws: `CoreError.invalidParameter` for an unknown one.
  static func parse(_ list: String) throws -> [MPHSIRTask] {
    try list.split(separator: ",", omittingEmptySubsequences: false).map { name in
      guard let task = MPHSIRTask(rawValue: String(name)) else {
        throw CoreError.invalidParameter(
          name: "--tasks", value: String(name),
          requirement: "one of " + MPHSIRTask.allCases.map(\.rawValue).joined(separator: ", "))
      }
      return task
    }
  }
}
