import HSICore
import HSITransformer

/// The masked autoencoder of LESS ViT: it is shown some bands and some patches of an image and has to find the others.
///
/// Nothing is labelled. What the encoder has learned then serves `LESSClassifier` and `LESSSegmenter`. Names `encoder.…` and
/// `decoder.…` of the published checkpoints. Source: Si et al., arXiv 2503.12843; arXiv 2605.18541.
///
///     let mask = autoencoder.draw(for: input, &random)
///     let loss = autoencoder.loss(input, mask, tape)
public final class LESSAutoencoder: LESSNetwork, @unchecked Sendable {
  public let configuration: LESSAutoencoderConfiguration
  public let store: ParameterStore
  public let encoder: LESSEncoder
  private let decoder: LESSDecoder

  public init(_ configuration: LESSAutoencoderConfiguration, in store: ParameterStore) {
    (self.configuration, self.store) = (configuration, store)
    encoder = LESSEncoder(store.root["encoder"], configuration.encoder)
    decoder = LESSDecoder(store.root["decoder"], configuration)
  }

  public var linears: [Linear] { encoder.linears + decoder.linears }
  public var decoderHeads: Int { configuration.decoderHeads }

  /// Throws `LESSError` for an input that the network cannot see, or of which masks leave too little.
  public func check(_ input: LESSInput) throws {
    try input.check(for: configuration.encoder)
    try LESSMask.check(
      bands: input.bands, positions: LESSGrid(input, configuration.encoder).positions,
      bandRatio: configuration.channelMaskRatio, positionRatio: configuration.maskRatio)
  }

  /// Draws a mask for a batch; with a perception field all images share their positions.
  ///
  /// - Parameter among: the bands that may stay, for one of two instruments; all when nil.
  public func draw(for input: LESSInput, among: Range<Int>? = nil, _ random: inout CounterRandom) -> LESSMask {
    LESSMask.draw(
      images: input.batch, bands: input.bands, positions: LESSGrid(input, configuration.encoder).positions,
      bandRatio: configuration.channelMaskRatio, positionRatio: configuration.maskRatio, among: among,
      sharesPositions: configuration.encoder.perceptionRadius != nil, &random)
  }

  /// Patches `[B, C, N, p²]` of the whole image from what a mask leaves of it, radar behind optical; as far as the targets were
  /// normalised, so are these.
  public func callAsFunction(_ input: LESSInput, _ mask: LESSMask, _ tape: Tape) -> Variable {
    precondition(
      configuration.encoder.perceptionRadius == nil || mask.positions.allSatisfy { $0 == mask.positions[0] },
      "a perception field needs the same positions in all images")
    let grid = LESSGrid(input, configuration.encoder)
    return decoder(
      encoder(input, mask: mask, tape), mask, grid, radarBands: input.radar?.shape[1] ?? 0, tape)
  }

  /// What the patches should be.
  public func target(_ input: LESSInput, _ tape: Tape) -> Variable {
    let side = configuration.encoder.patch
    var patches = LESSTargets.patches(input.image, side: side, tape)
    if let radar = input.radar {
      let parts = [patches, LESSTargets.patches(radar, side: side, tape)]
      let shape = [input.batch, input.bands, patches.shape[2], patches.shape[3]]
      let joined = tape.concatenate(parts.map { tape.reshape($0, [input.batch, $0.value.count / input.batch]) })
      patches = tape.reshape(joined, shape)
    }
    return configuration.normalisesTargets ? LESSTargets.normalised(patches, tape) : patches
  }

  /// The loss of patches against their target; that of one instrument, or of two where there is radar. See `LESSLoss`.
  public func loss(
    _ patches: Variable, _ target: Variable, _ mask: LESSMask, radarBands: Int = 0, _ tape: Tape
  ) -> Variable {
    radarBands > 0
      ? LESSLoss.grouped(
        patches, target, hiddenBands: mask.hiddenBands, hiddenPositions: mask.hiddenPositions, radarBands: radarBands,
        isAbsolute: configuration.usesAbsoluteError, tape)
      : LESSLoss.valid(
        patches, target, hiddenBands: mask.hiddenBands, hiddenPositions: mask.hiddenPositions,
        isAbsolute: configuration.usesAbsoluteError, tape)
  }

  /// The loss of an input with a mask.
  public func loss(_ input: LESSInput, _ mask: LESSMask, _ tape: Tape) -> Variable {
    loss(self(input, mask, tape), target(input, tape), mask, radarBands: input.radar?.shape[1] ?? 0, tape)
  }
}

extension LESSAutoencoder {
  public static let architecture = "LESS-MAE"
  public static let task = "pre-training"
  public static let configurationKey = "less-autoencoder"

  public static func configuration(
    inferredFrom file: WeightFile, named name: String?
  ) throws -> LESSAutoencoderConfiguration {
    if let name {
      var configuration = try preset(name)
      configuration.encoder.isCompatible = true
      return configuration
    }
    let shapes = LESSCheckpoint(file, task: task)
    var configuration = LESSAutoencoderConfiguration()
    configuration.encoder = try shapes.encoder()
    configuration.decoderWidth = try shapes.extent("decoder.decoder_embed.weight", 0, of: 2)
    configuration.decoderDepth = shapes.depth("decoder.decoder_blocks")
    (configuration.decoderHeads, configuration.decoderChannelWidthPerHead) = try shapes.heads(
      "decoder.decoder_blocks.0", width: configuration.decoderWidth, periods: "decoder.pos_chan_embed.periods_c")
    configuration.channelMaskRatio = 0.75
    return configuration
  }
}
