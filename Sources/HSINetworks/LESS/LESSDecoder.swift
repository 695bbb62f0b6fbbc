import HSITransformer

/// The decoder of the masked autoencoder: the tokens that an encoder made of what a mask left become all patches of all bands.
///
/// Its grid holds, where the encoder saw nothing, `channel_mask_token` in the row of class entries, `spatial_mask_token` in their column
/// and `mask_token` elsewhere. Names besides these: `decoder_embed`, `pos_chan_embed`, `decoder_blocks`, `decoder_norm`,
/// `decoder_optical_pred`, `decoder_radar_pred`. Published networks compute rotary positions here and then do not use them, so that
/// their decoder does not know which token is where; so does this one where `LESSConfiguration.isCompatible`.
/// Source: Si et al., arXiv 2503.12843; arXiv 2605.18541.
public final class LESSDecoder {
  private let configuration: LESSAutoencoderConfiguration
  /// Elsewhere, first column, first row.
  private let masks: [Parameter]
  private let embedding: Linear
  private let positions: LESSPositions
  private let blocks: [LESSBlock]
  private let norm: LayerNorm
  private let optical: Linear
  private let radar: Linear

  init(_ scope: ParameterScope, _ configuration: LESSAutoencoderConfiguration) {
    self.configuration = configuration
    let (encoder, width) = (configuration.encoder, configuration.decoderWidth)
    masks = ["mask_token", "spatial_mask_token", "channel_mask_token"].map {
      scope.parameter($0, [1, 1, 1, width], .normal(0.02), role: .table)
    }
    func linear(_ name: String, _ input: Int, _ output: Int) -> Linear {
      Linear(scope[name], input: input, output: output, initialisation: .xavierUniform)
    }
    embedding = linear("decoder_embed", encoder.width, width)
    positions = LESSPositions(scope, encoder, configuration.decoderBlock)
    blocks = (0..<configuration.decoderDepth).map {
      LESSBlock(scope["decoder_blocks"][$0], configuration.decoderBlock, dropout: encoder.dropout)
    }
    norm = LayerNorm(scope["decoder_norm"], channels: width, epsilon: 1e-6)
    optical = linear("decoder_optical_pred", width, encoder.patch * encoder.patch)
    radar = linear("decoder_radar_pred", width, encoder.patch * encoder.patch)
    if !encoder.usesRadar { for parameter in radar.parameters { parameter.isTrainable = false } }
  }

  /// The linear maps that may carry adapters.
  var linears: [Linear] { [embedding] + blocks.flatMap(\.linears) + [optical, radar] }

  /// Patches `[B, C, N, p²]` of the whole grid, radar behind optical.
  ///
  /// - Parameters:
  ///   - tokens: `[B, 1 + bands left, 1 + positions left, width of the encoder]`.
  ///   - radarBands: how many of the bands are radar.
  func callAsFunction(
    _ tokens: Variable, _ mask: LESSMask, _ grid: LESSGrid, radarBands: Int, _ tape: Tape
  ) -> Variable {
    let (encoder, width) = (configuration.encoder, configuration.decoderWidth)
    var x = filled(embedding(tokens, tape), mask, tape)
    if let table = positions.table(grid) { x = tape.add(x, Variable(table), repeatedOver: 0..<1) }
    let places = positions.places(grid, isTurning: !encoder.isCompatible)
    x = norm(blocks.reduce(x) { $1($0, places, tape) }, tape)
    func part(_ bands: Range<Int>, _ layer: Linear) -> Variable {
      var sources: [Int32] = []
      sources.reserveCapacity(bands.count * grid.positions)
      for c in bands {
        for n in 0..<grid.positions { sources.append(Int32((c + 1) * (grid.positions + 1) + n + 1)) }
      }
      let map = RowMap(inputCount: (grid.bands + 1) * (grid.positions + 1), sources: sources)
      let rows = tape.rearrange(
        x, map, width: width, shape: [x.shape[0], bands.count, grid.positions, width])
      return layer(rows, tape)
    }
    let count = grid.bands - radarBands
    guard radarBands > 0 else { return part(0..<count, optical) }
    let parts = [part(0..<count, optical), part(count..<grid.bands, radar)]
    let area = encoder.patch * encoder.patch
    let joined = tape.concatenate(parts.map { tape.reshape($0, [x.shape[0], $0.value.count / x.shape[0]]) })
    return tape.reshape(joined, [x.shape[0], grid.bands, grid.positions, area])
  }

  /// The whole grid `[B, 1 + C, 1 + N, width]`: tokens where they belong, mask tokens elsewhere.
  private func filled(_ x: Variable, _ mask: LESSMask, _ tape: Tape) -> Variable {
    let (batch, rows, columns, width) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let (height, length) = (mask.bandCount + 1, mask.positionCount + 1)
    var sources = [Int32](repeating: -1, count: batch * height * length)
    for b in 0..<batch {
      let start = b * height * length
      for n in 0..<length { sources[start + n] = -3 }
      for c in 1..<height { sources[start + c * length] = -2 }
      for (i, c) in ([0] + mask.bands[b].map { $0 + 1 }).enumerated() {
        for (j, n) in ([0] + mask.positions[b].map { $0 + 1 }).enumerated() {
          sources[start + c * length + n] = Int32((b * rows + i) * columns + j)
        }
      }
    }
    // One sample to the map, because every image has a mask of its own.
    return tape.rearrange(
      x, RowMap(inputCount: batch * rows * columns, sources: sources), width: width,
      fills: masks.map { tape.variable($0) }, shape: [batch, height, length, width])
  }
}
