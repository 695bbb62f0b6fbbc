import ArgumentParser
import HSIKit

/// `hsi train predictor`.
struct TrainPredictorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predictor",
    abstract: "Train a network to tell what is wrong with a scene, for hsi restore --task auto.",
    discussion: """
      Scenes are cut into patches of as many bands and pixels as the network sees; each is degraded in one way that is \
      drawn for it, or left as it is: noise, complex (noise), blur, motion, superres, inpaint, bands, haze, poisson, \
      nothing. The best weights by balanced accuracy on validation patches are written to OUT; beside it \
      STEM_training.safetensors, from which --resume goes on exactly where a run stopped, and STEM_curve.svg, the \
      training curve.

      Examples:
        hsi train predictor clean1.hdr clean2.hdr --out predictor.safetensors
        hsi train predictor clean1.hdr --out haze.safetensors --tasks haze,blur
      """)

  @Option(
    help: "Network: degradation-predictor or degradation-predictor-tiny.",
    completion: .list(DegradationPredictorConfiguration.names))
  var model = PredictorSubject.defaultVariant

  @Option(help: "Tasks to tell apart, comma-separated (default: all, or those of the weights of --from).")
  var tasks: String?

  @OptionGroup var training: PatchTrainingOptions

  func run() throws {
    let context = try training.options.makeContext()
    var subject = PredictorSubject()
    subject.tasks = try tasks.map(DegradationTasks.parse)
    _ = try training.job(subject, variant: model).run(context)
  }
}
