import HSITransformer

/// MP-HSIR: a U-Net of transformer blocks on `[B, H, W, bands]` that restores images which suffer from one of several degradations;
/// which one, it is told by an integer.
///
///     e₁ = E₁(conv x)          C,  H × W            p_i = prompts of the task (`MPHSIRVisualPrompt`)
///     e₂ = E₂(down e₁)         2C, H/2              s_i = fusion of e_i and p_i (`MPHSIRFusion`)
///     b  = bottleneck(down e₂) 4C, H/4
///     d₂ = D₂(reduce [up b; s₂])                    2C
///     d₁ = refinement(D₁([up d₂; s₁]))              2C
///     y  = conv d₁ + x
///
/// Prompts act on the skip paths only. The result is not clamped; training and metrics of the paper clamp it to [0, 1]. H and W must be
/// multiples of `configuration.granularity` (32). Channels attend to each other over the whole image, so tiles of an image do not give
/// what the whole gives. Parameter names, shapes and order of values are those of the published checkpoints, misspelt
/// `gobal_spectral_attn` included; the table of text embeddings, which those lack, is `text_prompt.clip_prompt`.
/// Cost at 64 × 64 pixels: 31 GFLOP for `mp-hsir-natural`, 70 for `mp-hsir-remote`.
/// Source: Wu, Chen, Yokoya, He, "MP-HSIR: a multi-prompt framework for universal hyperspectral image restoration", arXiv 2503.09131.
public final class MPHSIR: Network, @unchecked Sendable {
  /// The shape of the network.
  public let configuration: MPHSIRConfiguration
  /// All weights and the table of text embeddings.
  public let store: ParameterStore

  private let embedding: Convolution
  let prompts: [MPHSIRVisualPrompt]
  private let fusions: [MPHSIRFusion]
  private let encoders: [MPHSIRStage]
  private let downs: [Convolution]
  private let bottleneck: MPHSIRStage
  private let ups: [Convolution]
  private let reduction: Linear
  private let decoders: [MPHSIRStage]
  private let refinement: MPHSIRStage
  private let output: Convolution
  let text: MPHSIRTextPrompt

  /// A network in a store; where the store draws, with the initial weights of the reference.
  public init(_ configuration: MPHSIRConfiguration, in store: ParameterStore) {
    self.configuration = configuration
    self.store = store
    let (root, c, blocks, heads) = (store.root, configuration.channels, configuration.blocks, configuration.heads)
    let windows = MPHSIRWindows()
    func stage(_ name: String, _ width: Int, _ heads: Int, _ ratio: Int, _ rates: Range<Int>) -> MPHSIRStage {
      MPHSIRStage(
        root[name], configuration, channels: width, heads: heads, ratio: ratio,
        rates: rates.map { configuration.dropPathRate($0) }, windows: windows)
    }
    func convolution(_ name: String, _ input: Int, _ output: Int) -> Convolution {
      Convolution(root[name]["body"][0], input: input, output: output)
    }
    embedding = Convolution(root["patch_embed"]["proj"], input: configuration.bands, output: c)
    prompts = [1, 2].map { level in
      MPHSIRVisualPrompt(
        root["prompt\(level)"], tasks: configuration.tasks, width: level * c, size: configuration.promptSize / level,
        hidden: configuration.hidden(level * c))
    }
    fusions = [1, 2].map { level in
      MPHSIRFusion(
        root["fusion\(level)"], width: level * c, heads: 4 * level, hidden: configuration.hidden(2 * level * c))
    }
    // Levels own the ranges 0 ..< b₁, b₁ ..< b₁ + b₂ and the rest of the drop-path rates.
    let (first, second) = (0..<blocks[0], blocks[0]..<(blocks[0] + blocks[1]))
    let encoder1 = stage("encoder_level1", c, heads[0], 8, first)
    let down1 = convolution("down1_2", c, c / 2)
    let encoder2 = stage("encoder_level2", 2 * c, heads[1], 16, second)
    let down2 = convolution("down2_3", 2 * c, c)
    bottleneck = stage("latent", 4 * c, heads[2], 32, second.upperBound..<(second.upperBound + blocks[2]))
    let up3 = convolution("up3_2", 4 * c, 8 * c)
    reduction = Linear(root["reduce_chan_level2"], input: 4 * c, output: 2 * c, bias: false, kernelAxes: 2)
    let decoder2 = stage("decoder_level2", 2 * c, heads[1], 16, second)
    let up2 = convolution("up2_1", 2 * c, 4 * c)
    let decoder1 = stage("decoder_level1", 2 * c, heads[0], 8, first)
    refinement = stage(
      "refinement", 2 * c, heads[0], 8, second.lowerBound..<(second.lowerBound + configuration.refinement))
    output = Convolution(root["output"], input: 2 * c, output: configuration.bands)
    (encoders, downs, ups, decoders) = ([encoder1, encoder2], [down1, down2], [up2, up3], [decoder1, decoder2])
    text = MPHSIRTextPrompt(root["text_prompt"], tasks: configuration.tasks)
  }

  /// The linear maps that may carry low-rank adapters, with their dotted names.
  public var linears: [Linear] {
    prompts.flatMap(\.linears) + fusions.flatMap(\.linears) + encoders.flatMap(\.linears) + bottleneck.linears
      + [reduction] + decoders.flatMap(\.linears) + refinement.linears
  }

  /// Restores images that suffer from one degradation.
  ///
  /// - Parameters:
  ///   - x: `[B, H, W, bands]`, values in [0, 1].
  ///   - task: its id, below `configuration.tasks`.
  public func callAsFunction(_ x: Variable, task: Int, _ tape: Tape) -> Variable {
    self(x, tasks: Array(repeating: [task], count: x.shape[0]), tape)
  }

  /// Restores images.
  ///
  /// - Parameters:
  ///   - x: `[B, H, W, bands]`, values in [0, 1].
  ///   - tasks: for each sample the ids of its degradations; several ids ask for the mean of their prompts.
  ///   - mixesBatch: true lets every sample see the texts of its neighbours in the batch, as the reference does (and as its training
  ///     did); false, the default, restores each sample as if it were alone.
  /// - Returns: `[B, H, W, bands]`.
  public func callAsFunction(_ x: Variable, tasks: [[Int]], mixesBatch: Bool = false, _ tape: Tape) -> Variable {
    precondition(
      x.shape.count == 4 && x.shape[3] == configuration.bands && tasks.count == x.shape[0],
      "MP-HSIR of \(configuration.bands) bands got an input of shape \(x.shape) and \(tasks.count) tasks")
    precondition(
      x.shape[1] % configuration.granularity == 0 && x.shape[2] % configuration.granularity == 0,
      "MP-HSIR needs rows and columns in multiples of \(configuration.granularity), got \(x.shape)")
    let (text, weights) = self.text(tasks)
    func skip(_ level: Int, _ features: Variable) -> Variable {
      let (rows, columns) = (features.shape[1], features.shape[2])
      let part =
        tape.pooling.map { ImagePart(rows: rows, columns: columns, tile: $0.place, factor: 1 << level) }
        ?? ImagePart(rows: rows, columns: columns)
      let prompt = prompts[level](
        text: Variable(text), weights: Variable(weights), part: part, mixesBatch: mixesBatch, tape)
      return fusions[level](features, prompt, tape)
    }
    func down(_ level: Int, _ x: Variable) -> Variable { tape.pixelUnshuffle(downs[level](x, tape), by: 2) }
    func up(_ level: Int, _ x: Variable) -> Variable { tape.pixelShuffle(ups[level](x, tape), by: 2) }
    let fine = encoders[0](embedding(x, tape), tape)
    let coarse = encoders[1](down(0, fine), tape)
    let deepest = bottleneck(down(1, coarse), tape)
    let joined = reduction(tape.concatenate([up(1, deepest), skip(1, coarse)]), tape)
    let decoded = decoders[1](joined, tape)
    let full = decoders[0](tape.concatenate([up(0, decoded), skip(0, fine)]), tape)
    return tape.add(output(refinement(full, tape), tape), x)
  }
}
