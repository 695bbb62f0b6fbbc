import ArgumentParser
import HSIKit

/// What learning writes, and the division that it follows or makes.
struct TrainingOutputs: ParsableArguments {
  @Option(help: "File to write (.safetensors).")
  var out: OutputPath

  @Option(help: "Split to follow, a raster of hsi classify split.")
  var split: InputPath?

  @Option(help: "Write the split that was made here.")
  var splitOut: OutputPath?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @Flag(
    help:
      "Continue the run of a network from its state beside OUT (STEM_training.safetensors), or begin one that can be continued."
  )
  var resume = false

  @Option(help: "Stop the run of a network after so many minutes; --resume goes on.")
  var minutes: Double?

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  /// What the job writes.
  func request() throws -> TrainingOutputRequest {
    if split != nil, let splitOut {
      throw CoreError.invalidParameter(
        name: "--split-out", value: splitOut.text, requirement: "left out with --split")
    }
    var request = TrainingOutputRequest(out.text)
    request.split = splitOut?.text
    request.overwrites = overwrite
    request.resumes = resume
    request.timeLimit = minutes.map { $0 * 60 }
    request.records.writesProvenance = !noProv
    return request
  }

  /// The division to follow, or else the one to make.
  func division(_ options: SplitOptions) throws -> LabelDivision {
    let made = try options.division()
    return split.map { .file($0.text) } ?? made
  }
}
