import ArgumentParser
import Foundation
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
  var scene: String

  @Argument(help: "Weights with the released names: .pth, .pt or .safetensors.")
  var checkpoint: String

  @Option(help: "Number of principal components.")
  var components = 15

  @Option(help: "Components whose sign is turned, 1-based, e.g. 2,5.")
  var flip: String?

  @Option(help: "Text file with the name of a class in every line, in their order.")
  var names: String?

  @Option(help: "Model to write (.safetensors).")
  var out: String

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
    let flipped = try turned()
    var provenance = Provenance(
      options: ["scene": scene, "checkpoint": checkpoint, "components": "\(components)"], version: Version.number,
      libraries: Libraries.ofClassification, context: context)
    let provenancePath = noProv ? nil : out + ".prov.json"
    let inputs = [scene, checkpoint, names].compactMap { $0 }
    try ProductPaths.check(
      [out, provenancePath].compactMap { $0 }, replaceable: provenancePath, overwrite: overwrite, inputs: inputs)
    let weights = try LoLACheckpoint(WeightFile.open(checkpoint))
    let classes = try table(weights.shape.classes)
    let opened = InputOptions(scene: input)
    let reader = try opened.open(scene, context)
    let cube = try opened.source(reader, bands: .good, excludesZeroSpectra: true, context).load(context)
    guard cube.count > components else {
      throw ClassificationError.modelMismatch(
        model: checkpoint, reason: "\(components) components need more valid pixels than the \(cube.count) of the scene",
        advice: "give the scene that it was trained on")
    }
    let classifier = try weights.classifier(of: cube, components: components, flipped: flipped)
    var model = ClassificationModel(
      classifier, classes: classes, axis: cube.metadata.axis, trainingCounts: [], split: nil)
    model.card.source = (checkpoint as NSString).lastPathComponent
    model.card.createdBy = Version.text
    model.card.training = "imported; components fitted on all pixels of \((scene as NSString).lastPathComponent)"
    try model.write(to: out, overwrite: overwrite, inputs: reader.files + inputs)
    provenance.addInputs(reader.files)
    provenance.addInputs([checkpoint], hashData: true)
    provenance.finish(context)
    if let provenancePath { try OutputFile.write(provenance.json(), to: provenancePath, overwrite: true) }
    context.logger.notice(
      "\(classes.count) classes, patches of \(weights.shape.side) × \(weights.shape.side), \(components) components of \(cube.shape.bands) bands"
    )
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

  /// Classes 1, 2, … with the names of the file.
  private func table(_ count: Int) throws -> ClassTable {
    guard (2...ClassTable.limit).contains(count) else {
      throw ClassificationError.badModel(path: checkpoint, reason: "it tells \(count) classes apart")
    }
    var entries = (1...count).map { ClassEntry(name: "class \($0)", colour: LabelReading.palette($0 - 1)) }
    if let names {
      guard let data = FileManager.default.contents(atPath: names) else {
        throw RasterError.notFound(path: names)
      }
      let lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline).map {
        $0.trimmingCharacters(in: .whitespaces)
      }.filter { !$0.isEmpty }
      guard lines.count == count else {
        throw CoreError.invalidParameter(
          name: "--names", value: "a file of \(lines.count) names", requirement: "one of \(count), the classes of the checkpoint")
      }
      for (i, line) in lines.enumerated() { entries[i].name = line }
    }
    return ClassTable(values: (1...count).map { UInt16($0) }, entries: entries)
  }
}
