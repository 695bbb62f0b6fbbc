import ArgumentParser
import HSIKit

/// What learning writes, and the division that it follows or makes.
struct TrainingOutputs: ParsableArguments {
  @Option(help: "File to write (.safetensors).")
  var out: String

  @Option(help: "Split to follow, a raster of hsi classify split.")
  var split: String?

  @Option(help: "Write the split that was made here.")
  var splitOut: String?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  private var provenancePath: String? { noProv ? nil : out + ".prov.json" }

  /// Refuses outputs that exist, are inputs, or name the same file twice, before anything is computed.
  func check(inputs: [String]) throws {
    if split != nil, let splitOut {
      throw CoreError.invalidParameter(name: "--split-out", value: splitOut, requirement: "left out with --split")
    }
    try ProductPaths.check(
      [out, splitOut, provenancePath].compactMap { $0 }, replaceable: provenancePath, overwrite: overwrite,
      inputs: inputs + [split].compactMap { $0 })
  }

  /// The division to follow, or else the one to make.
  func division(_ request: SplitRequest) -> TrainingScene.Division { split.map { .file($0) } ?? .request(request) }

  /// Writes the split where it was asked for.
  func writeSplit(of training: TrainingScene, inputs: [String], _ context: RunContext) throws {
    guard let splitOut else { return }
    var writing = OutputOptions()
    writing.overwrite = overwrite
    writing.inputs = inputs
    let metadata = training.reader.metadata.cropping(to: training.source.window)
    _ = try SplitOptions.write(training.split, like: metadata, to: splitOut, options: writing, context)
  }

  /// Completes the provenance, and writes it unless it is not wanted.
  func write(_ provenance: inout Provenance, _ context: RunContext) throws {
    provenance.finish(context)
    if let provenancePath { try OutputFile.write(provenance.json(), to: provenancePath, overwrite: true) }
  }
}
