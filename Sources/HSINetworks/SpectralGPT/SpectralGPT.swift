import HSICore
import HSITransformer

/// The masked autoencoder of SpectralGPT: cubes of some bands and pixels are tokens, most are hidden, and the others have to tell them.
///
///     x = embedding(cube) + space[l] + band group[t],   encoder(x of the tokens that stay),
///     decoder(encoded tokens and mask tokens + their places) = cubes
///
/// The tables of places are learned, so images have the bands and the size of the network. Names of the published checkpoints; shapes and
/// numbers of weights are those of the published networks, values are compared with an independent implementation only. Source: Hong et
/// al., "SpectralGPT: spectral remote sensing foundation model", IEEE TPAMI, 2024.
public final class SpectralGPT: Network, @unchecked Sendable {
  public let configuration: SpectralGPTConfiguration
  public let store: ParameterStore
  private let core: SpectralGPTCore
  /// Of positions and of groups of bands.
  private let places, decoderPlaces: [Parameter]
  private let decoderEmbedding: Linear
  private let maskToken: Parameter
  private let decoder: [SpectralGPTBlock]
  private let decoderNorm: LayerNorm
  private let prediction: Linear

  public init(_ configuration: SpectralGPTConfiguration, in store: ParameterStore) {
    (self.configuration, self.store) = (configuration, store)
    let root = store.root
    func tables(_ prefix: String, _ width: Int) -> [Parameter] {
      [("spatial", configuration.positions), ("temporal", configuration.groups)].map { name, count in
        root.parameter("\(prefix)pos_embed_\(name)", [1, count, width], .truncatedNormal(0.02), role: .table)
      }
    }
    let width = configuration.decoderWidth
    core = SpectralGPTCore(root, configuration)
    places = tables("", configuration.width)
    decoderEmbedding = Linear(
      root["decoder_embed"], input: configuration.width, output: width, initialisation: .xavierUniform)
    maskToken = root.parameter("mask_token", [1, 1, width], .normal(0.02), role: .table)
    decoderPlaces = tables("decoder_", width)
    decoder = (0..<configuration.decoderDepth).map {
      SpectralGPTBlock(root["decoder_blocks"][$0], width: width, heads: configuration.decoderHeads)
    }
    decoderNorm = LayerNorm(root["decoder_norm"], channels: width, epsilon: 1e-6)
    prediction = Linear(
      root["decoder_pred"], input: width, output: configuration.area, initialisation: .xavierUniform)
  }

  public var linears: [Linear] { core.linears + [decoderEmbedding] + decoder.flatMap(\.linears) + [prediction] }

  /// The tokens that stay in each image, ascending, from uniform draws `[B][T · L]`: those with the smallest.
  public func kept(_ draws: [[Float]]) -> [[Int]] {
    draws.map { row in
      precondition(row.count == configuration.tokens, "\(row.count) draws for \(configuration.tokens) tokens")
      return row.indices.sorted { (row[$0], $0) < (row[$1], $1) }.prefix(configuration.keptTokens).sorted()
    }
  }

  /// The tokens that stay in each of some images, drawn.
  public func draw(images: Int, _ random: inout CounterRandom) -> [[Int]] {
    kept((0..<images).map { _ in (0..<configuration.tokens).map { _ in Float(random.uniform()) } })
  }

  /// Encoded tokens `[B, tokens that stay, width]` of images `[B, bands, size, size]`; the others are not computed. All stay when nil.
  public func encoded(_ image: Variable, kept: [[Int]]? = nil, _ tape: Tape) -> Variable {
    let (batch, count) = (image.shape[0], configuration.tokens)
    let kept = kept ?? (0..<batch).map { _ in Array(0..<count) }
    let rows = kept.enumerated().flatMap { b, list in list.map { Int32(b * count + $0) } }
    let cubes = tape.rearrange(
      core.cubes(image, tape), RowMap(inputCount: batch * count, sources: rows), width: configuration.area,
      shape: [batch, kept[0].count, configuration.area])
    let x = tape.add(core.embed(cubes, tape), table(places, kept, configuration.width, tape))
    return core.norm(core.transform(x, tape), tape)
  }

  /// The places of some tokens, `[B, tokens, width]`.
  private func table(_ tables: [Parameter], _ kept: [[Int]], _ width: Int, _ tape: Tape) -> Variable {
    let counts = [configuration.positions, configuration.groups]
    let parts = zip(tables, counts).enumerated().map { axis, pair in
      let sources = kept.joined().map { Int32(axis == 0 ? $0 % counts[0] : $0 / counts[0]) }
      return tape.rearrange(
        tape.variable(pair.0), RowMap(inputCount: pair.1, sources: sources), width: width,
        shape: [kept.count, kept[0].count, width])
    }
    return tape.add(parts[0], parts[1])
  }

  /// All cubes `[B, T · L, u p²]` of images of which some tokens are shown.
  public func callAsFunction(_ image: Variable, kept: [[Int]], _ tape: Tape) -> Variable {
    let (batch, count, width) = (image.shape[0], configuration.tokens, configuration.decoderWidth)
    let shown = decoderEmbedding(encoded(image, kept: kept, tape), tape)
    var sources = [Int32](repeating: -1, count: batch * count)
    for (b, list) in kept.enumerated() {
      for (i, token) in list.enumerated() { sources[b * count + token] = Int32(b * list.count + i) }
    }
    let full = tape.rearrange(
      shown, RowMap(inputCount: batch * kept[0].count, sources: sources), width: width,
      fill: tape.variable(maskToken), shape: [batch, count, width])
    let places = table(decoderPlaces, [Array(0..<count)], width, tape)
    let x = decoder.reduce(tape.add(full, places, repeatedOver: 0..<1)) { $1($0, tape) }
    return prediction(decoderNorm(x, tape), tape)
  }

  /// What the cubes should be, `[B, T · L, u p²]`, as they are in the image.
  public func target(_ image: Variable, _ tape: Tape) -> Variable { core.cubes(image, tape) }

  /// The loss of cubes against a target: that of hidden tokens, and that of sums over all groups of bands.
  ///
  ///     L = Σ_hidden mean_k (y − t)² / hidden + mean_{b, l, k} (Σ_t y − Σ_t t)²
  ///
  /// The second part takes no notice of the mask, and the target as it is where the first one's is normalised; as published.
  public func loss(_ cubes: Variable, _ target: Variable, kept: [[Int]], _ tape: Tape) -> Variable {
    let (batch, count) = (cubes.shape[0], configuration.tokens)
    let hidden = batch * count - kept.reduce(0) { $0 + $1.count }
    let weights = Tensor([batch, count], repeating: 1 / Float(max(hidden, 1)))
    for (b, list) in kept.enumerated() { for token in list { weights.output[b * count + token] = 0 } }
    let goal = configuration.normalisesTargets ? LESSTargets.normalised(target, tape) : target
    func sums(_ x: Variable) -> Variable {
      let groups = tape.reshape(x, [batch, configuration.groups, configuration.positions, configuration.area])
      return tape.scale(tape.mean(groups, over: 1..<2), by: Float(configuration.groups))
    }
    let everywhere = Tensor(
      [batch, configuration.positions], repeating: 1 / Float(batch * configuration.positions))
    return tape.add(
      tape.weightedVectorError(cubes, goal, weights: weights),
      tape.weightedVectorError(sums(cubes), sums(target), weights: everywhere))
  }

  /// The loss of images of which some tokens are shown.
  public func loss(_ image: Variable, kept: [[Int]], _ tape: Tape) -> Variable {
    loss(self(image, kept: kept, tape), target(image, tape), kept: kept, tape)
  }
}

extension SpectralGPT {
  public static let architecture = "SpectralGPT"
  public static let task = "pre-training"
  public static let citation =
    "D. Hong et al., SpectralGPT: spectral remote sensing foundation model, IEEE Trans. Pattern Analysis and Machine Intelligence, 2024"

  public static func describe(_ configuration: SpectralGPTConfiguration, in card: inout ModelCard) {
    card.bands = configuration.bands
  }

  public static func configuration(
    inferredFrom file: WeightFile, named name: String?
  ) throws -> SpectralGPTConfiguration {
    if let name { return try preset(name) }
    let shapes = SpectralGPTShapes(file, task: task)
    var configuration = try shapes.core()
    let positions = try shapes.extent("pos_embed_spatial", 1, of: 3)
    configuration.bands = try shapes.extent("pos_embed_temporal", 1, of: 3) * configuration.group
    configuration.size = try shapes.side(of: positions) * configuration.patch
    configuration.decoderWidth = try shapes.extent("decoder_embed.weight", 0, of: 2)
    configuration.decoderDepth = shapes.depth("decoder_blocks")
    configuration.decoderHeads = shapes.heads(configuration.decoderWidth, decoder: true)
    return configuration
  }
}
