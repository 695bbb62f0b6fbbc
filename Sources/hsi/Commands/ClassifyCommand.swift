import ArgumentParser

/// `hsi classify`: from labelled pixels to a map and its accuracy.
struct ClassifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "classify",
    abstract: "Train a classifier on labelled pixels, map a scene, judge the map.",
    discussion: """
      Examples:
        hsi classify split labels.tif --out split.tif
        hsi classify train scene.tif labels.tif --model svm --split split.tif --out model.safetensors
        hsi classify predict scene.tif map.tif --model model.safetensors
        hsi classify evaluate map.tif labels.tif --split split.tif --html report.html
      """,
    subcommands: [
      ClassifySplitCommand.self, ClassifyTrainCommand.self, ClassifyFinetuneCommand.self, ClassifyForgetCommand.self,
      ClassifyPredictCommand.self, ClassifyEvaluateCommand.self, ClassifyImportCommand.self,
    ])
}
