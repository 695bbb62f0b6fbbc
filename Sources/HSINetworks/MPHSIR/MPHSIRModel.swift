import HSITransformer

/// An MP-HSIR with its weights and what is known about them.
public typealias MPHSIRModel = Model<MPHSIR>

extension MPHSIR {
  public static let architecture = "MP-HSIR"
  public static let task = "restoration"
  public static let citation =
    "Z. Wu, Y. Chen, N. Yokoya and W. He, MP-HSIR: a multi-prompt framework for universal hyperspectral image restoration, "
    + "arXiv:2503.09131"
  public static let configurationKey = "mp-hsir"

  public static func describe(_ configuration: MPHSIRConfiguration, in card: inout ModelCard) {
    card.bands = configuration.bands
    card.normalisation = "image minimum and maximum to [0, 1]"
  }

  /// Without the prefix `net.` that the training program puts before all names.
  public static func named(_ file: WeightFile) -> WeightFile { file.droppingPrefix("net.") }

  /// Loads all weights, and the table of text embeddings from the same file.
  ///
  /// - Throws: `TransformerError.missingTextEmbeddings` for published checkpoints, which lack the table; others as `ParameterStore.load`.
  public func load(_ file: WeightFile, isIgnored: (String) -> Bool) throws {
    try load(file, text: .stored, isIgnored: isIgnored)
  }

  /// Loads all weights, and the table of text embeddings from where it is said to be. Nothing changes when an error is thrown.
  ///
  /// Masks and index tables of window attention (`attn_mask`, `relative_position_index`) may be in the file and are passed over: they
  /// follow from the size of images and windows.
  ///
  /// - Throws: as `load(_:isIgnored:)`.
  func load(_ file: WeightFile, text source: MPHSIRTextEmbeddings, isIgnored: (String) -> Bool = { _ in false }) throws
  {
    let table = text.table
    let known = store.parameters.filter { $0 !== table }
    let tensors = try file.tensors(for: known.map { ($0.name, $0.shape) }) { _ in
      false
    } isIgnored: {
      $0 == table.name || $0.hasSuffix(".attn_mask") || $0.hasSuffix(".relative_position_index") || isIgnored($0)
    }
    let embeddings = try source.table(for: file, tasks: configuration.tasks)
    for parameter in known {
      if let tensor = tensors[parameter.name] { parameter.set(tensor) }
    }
    table.set(embeddings)
  }

  /// Reads a file: one of ours, or a checkpoint of the reference (`.ckpt`, `.pth`, or safetensors with its names).
  ///
  /// - Parameters:
  ///   - name: the preset of a file that does not say what it holds; the shapes of its tensors tell when nil.
  ///   - text: where the embeddings of the tasks are, for files that lack them.
  /// - Throws: as `ModelFile.init` and `load(_:isIgnored:)`.
  public static func read(
    _ path: String, named name: String? = nil, text: MPHSIRTextEmbeddings = .stored
  ) throws -> MPHSIRModel {
    try read(WeightFile.open(path), named: name, text: text)
  }

  /// Reads an opened file; see `read(_:named:text:)`.
  public static func read(
    _ file: WeightFile, named name: String? = nil, text: MPHSIRTextEmbeddings = .stored
  ) throws -> MPHSIRModel {
    try ModelFile<MPHSIR>(file, named: name).model { try $0.load($1, text: text) }
  }

  /// A preset, or what the shapes say. The rate of drop path leaves no trace in weights.
  public static func configuration(inferredFrom file: WeightFile, named name: String?) throws -> MPHSIRConfiguration {
    try name.map(preset) ?? inferred(from: file)
  }

  private static func inferred(from file: WeightFile) throws -> MPHSIRConfiguration {
    /// Extent of an axis of a tensor that has `axes` of them.
    func extent(_ name: String, _ axis: Int, of axes: Int) throws -> Int {
      guard let tensor = file[name], tensor.shape.count == axes, (1...100_000).contains(tensor.shape[axis]) else {
        throw TransformerError.unknownArchitecture(
          path: file.path, task: task, detail: "it has no \(name) of \(axes) axes")
      }
      return tensor.shape[axis]
    }
    func depth(_ stage: String) -> Int {
      var depth = 0
      while depth < 64, file["\(stage).blocks.\(depth).norm1.weight"] != nil { depth += 1 }
      return depth
    }
    var configuration = MPHSIRConfiguration()
    configuration.channels = try extent("patch_embed.proj.weight", 0, of: 4)
    configuration.bands = try extent("patch_embed.proj.weight", 1, of: 4)
    configuration.tasks = try extent("prompt1.text_prompt_learnable", 1, of: 5)
    configuration.promptSize = try extent("prompt1.visual_prompt", 2, of: 4)
    let stages = ["encoder_level1", "encoder_level2", "latent"]
    configuration.blocks = stages.map(depth)
    configuration.refinement = depth("refinement")
    configuration.heads = try stages.map { try extent("\($0).blocks.0.attn.relative_position_bias_table", 1, of: 2) }
    let relative = try extent("latent.blocks.0.attn.relative_position_bias_table", 0, of: 2)
    configuration.window = (Int(clamping: Double(relative).squareRoot()) + 1) / 2
    configuration.prompts = try extent("latent.blocks.0.local_spectral_attn.prompt_param", 2, of: 4)
    let (width, hidden) = (4 * configuration.channels, try extent("latent.blocks.0.mlp.fc2.weight", 1, of: 2))
    if configuration.hidden(width) != hidden {
      configuration.expansion = (Double(hidden) + 0.5) / Double(width)
    }
    return configuration
  }
}
