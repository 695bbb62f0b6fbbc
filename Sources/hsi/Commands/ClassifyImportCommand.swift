import ArgumentParser
import HSIKit

/// `hsi classify import`.
struct ClassifyImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Make a model of a checkpoint of the released LoLA-SpecViT and the scene it was trained on.",
    discussion: """
      A checkpoint holds neither the components that its network sees nor its classes: the components are fitted on \
      all valid pixels of SCENE, as the released code does, and classes are numbered from 1. The model then serves hsi \
      classify predict and finetune like any other. The sign of a component is free; --flip turns those that the \
      checkpoint saw the other way round.

      Examples:
        hsi classify import scene.mat checkpoint.pth --out model.safetensors
        hsi classify import scene.tif weights.safetensors --components 15 --flip 2,5 --names names.txt --out m.safetensors
      """)

  @Argument(help: "The scene that the network was trained on.")
  var scene: InputPath

  @Argument(help: "Weights with the released names: .pth, .pt or .safetensors.")
  var checkpoint: WeightsPath

  @Option(help: "Number of principal components.")
  var components = 15

  @Option(help: "Components whose sign is turned, 1-based, e.g. 2,5.")
  var flip: String?

  @Option(help: "Text file with the name of a class in every line, in their order.")
  var names: InputPath?

  @Option(help: "Model to write (.safetensors).")
  var out: OutputPath

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  @OptionGroup(title: "Input") var input: SceneOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    guard (1...1024).contains(components) else {
      throw CoreError.invalidParameter(name: "--components", value: "\(components)", requirement: "from 1 to 1024")
    }
    var job = ImportJob(scene: try input.request(scene), checkpoint: checkpoint.text, output: out.text)
    job.components = components
    job.flipped = try turned()
    job.names = names?.text
    job.overwrites = overwrite
    job.records.writesProvenance = !noProv
    try Terminal.show(job.run(context))
  }

  /// 0-based components of `--flip`.
  private func turned() throws -> Set<Int> {
    guard let flip else { return [] }
    let numbers = flip.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.allSatisfy({ $0.map { (1...components).contains($0) } ?? false }) else {
      throw CoreError.invalidParameter(
        name: "--flip", value: flip, requirement: "numbers from 1 to \(components), comma-separated")
    }
    return Set(numbers.compactMap { $0.map { $0 - 1 } })
  }
}
