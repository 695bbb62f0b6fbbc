import HSITransformer

/// An HSDT with its weights and what is known about them.
public typealias HSDTModel = Model<HSDT>

extension HSDT {
  public static let architecture = "HSDT"
  public static let task = "denoising"
  public static let citation =
    "Z. Lai, C. Yan and Y. Fu, Hybrid spectral denoising transformer with guided attention, ICCV 2023"
  public static let configurationKey = "hsdt"

  public static func describe(_ configuration: HSDTConfiguration, in card: inout ModelCard) {
    card.bands = configuration.bands
    card.normalisation = "cube minimum and maximum to [0, 1]"
  }

  /// A preset, or what the shapes say; the learnable queries say how many bands the network was built for.
  public static func configuration(inferredFrom file: WeightFile, named name: String?) throws -> HSDTConfiguration {
    var configuration = try name.map(preset) ?? inferred(from: file)
    if let bands = file["head.attn.attn.attn_proj.weight"]?.shape.first, (1...10_000).contains(bands) {
      configuration.bands = bands
    }
    return configuration
  }

  /// Width from the tail, stages from the names of encoder layers, down-sampling where a stage has one 3×3×3 convolution.
  private static func inferred(from file: WeightFile) throws -> HSDTConfiguration {
    var configuration = HSDTConfiguration()
    guard let tail = file["tail.weight"], tail.shape.count == 5, (1...1024).contains(tail.shape[1]) else {
      throw TransformerError.unknownArchitecture(
        path: file.path, task: task, detail: "it has no tail.weight of five axes")
    }
    configuration.channels = tail.shape[1]
    configuration.layers = 0
    configuration.samples = []
    while configuration.layers < 32,
      file.tensors.contains(where: { $0.name.hasPrefix("encoder.layers.\(configuration.layers).") })
    {
      if file["encoder.layers.\(configuration.layers).conv.weight"] != nil {
        configuration.samples.insert(configuration.layers)
      }
      configuration.layers += 1
    }
    guard configuration.layers > 0 else {
      throw TransformerError.unknownArchitecture(path: file.path, task: task, detail: "it has no encoder.layers")
    }
    if let head = file["head.conv.dw_conv.0.weight"], head.shape.count == 5 {
      configuration.inputChannels = head.shape[1]
    }
    configuration.usesBatchNorm = file["head.bn.weight"] != nil
    return configuration
  }
}
