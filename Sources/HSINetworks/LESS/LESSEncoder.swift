import HSITransformer

/// The encoder of LESS ViT: tokens of every band and patch of an image, with class entries.
///
///     x[c, n] = embedding(patch n of band c),   x[0, n], x[c, 0], x[0, 0] = class tokens
///     x ← blocks(x),   LN x
///
/// What a band is, it knows from its wavelength, so images of any instrument go through the same weights. Optical and radar channels have
/// an embedding each. With a mask only what it leaves is embedded and computed.
/// Names `cls_token`, `spatial_cls_token` (a band's summary), `channel_cls_token` (a position's), `optical_patch_embed`,
/// `radar_patch_embed`, `pos_chan_embed`, `blocks`, `norm`. Source: Si et al., "Towards scalable foundation model for multi-modal and
/// hyperspectral geospatial data", arXiv 2503.12843; "LESSViT: robust hyperspectral representation learning under spectral
/// configuration shift", arXiv 2605.18541.
public final class LESSEncoder {
  /// Its shape.
  public let configuration: LESSConfiguration
  /// Corner, first column and first row of the grid.
  private let classes: [Parameter]
  private let optical: TiedPatchEmbedding
  private let radar: TiedPatchEmbedding
  private let positions: LESSPositions
  private let blocks: [LESSBlock]
  private let norm: LayerNorm

  /// An encoder whose parameters are those of `scope`.
  public init(_ scope: ParameterScope, _ configuration: LESSConfiguration) {
    self.configuration = configuration
    let (width, depth) = (configuration.width, configuration.depth)
    classes = ["cls_token", "spatial_cls_token", "channel_cls_token"].map {
      scope.parameter($0, [1, 1, width], .normal(0.02), role: .table)
    }
    optical = TiedPatchEmbedding(scope["optical_patch_embed"], side: configuration.patch, width: width)
    radar = TiedPatchEmbedding(scope["radar_patch_embed"], side: configuration.patch, width: width)
    positions = LESSPositions(scope, configuration, configuration.block)
    blocks = (0..<depth).map { index in
      LESSBlock(
        scope["blocks"][index], configuration.block, dropout: configuration.dropout,
        dropPath: depth > 1 ? configuration.dropPath * Double(index) / Double(depth - 1) : 0)
    }
    norm = LayerNorm(scope["norm"], channels: width, epsilon: 1e-6)
    if !configuration.usesRadar { for parameter in radar.parameters { parameter.isTrainable = false } }
  }

  /// The linear maps of the blocks, which may carry adapters.
  public var linears: [Linear] { blocks.flatMap(\.linears) }

  /// The tokens `[B, 1 + C, 1 + N, width]` of an input that `LESSInput.check` has passed, or, with a mask, those of what it leaves.
  public func callAsFunction(_ input: LESSInput, mask: LESSMask? = nil, _ tape: Tape) -> Variable {
    let grid = LESSGrid(input, configuration)
    precondition(
      grid.bands == input.bands && input.image.shape[2] % configuration.patch == 0
        && input.image.shape[3] % configuration.patch == 0
        && mask.map {
          $0.bandCount == grid.bands && $0.positionCount == grid.positions && $0.bands.count == input.batch
        }
          ?? true,
      "LESS ViT of patches of \(configuration.patch): images \(input.image.shape), \(grid.bands) wavelengths")
    var x = withClasses(embedded(input, grid, mask, tape), tape)
    if let table = positions.table(grid, mask: mask) {
      x =
        table.shape[0] == x.shape[0] ? tape.add(x, Variable(table)) : tape.add(x, Variable(table), repeatedOver: 0..<1)
    }
    let places = positions.places(grid, mask: mask)
    return norm(blocks.reduce(x) { $1($0, places, tape) }, tape)
  }

  /// Tokens `[B, C, N, width]` of all patches, or of those that a mask leaves.
  private func embedded(_ input: LESSInput, _ grid: LESSGrid, _ mask: LESSMask?, _ tape: Tape) -> Variable {
    let (count, width) = (input.image.shape[1], configuration.width)
    let bands = mask?.bands[0].count ?? grid.bands
    let length = mask?.positions[0].count ?? grid.positions
    let shape = [input.batch, bands, length, width]
    guard mask != nil || input.radar != nil else {
      return tape.reshape(optical.tokens(optical.patches(input.image, tape), tape), shape)
    }
    // Rows of patches by embedding, and where each token's row lies among them.
    var wanted: (optical: [Int32], radar: [Int32]) = ([], [])
    var places: [(isRadar: Bool, row: Int)] = []
    places.reserveCapacity(input.batch * bands * length)
    for b in 0..<input.batch {
      for c in mask?.bands[b] ?? Array(0..<grid.bands) {
        for n in mask?.positions[b] ?? Array(0..<grid.positions) {
          if c < count {
            places.append((false, wanted.optical.count))
            wanted.optical.append(Int32((b * count + c) * grid.positions + n))
          } else {
            places.append((true, wanted.radar.count))
            wanted.radar.append(Int32((b * (grid.bands - count) + c - count) * grid.positions + n))
          }
        }
      }
    }
    let area = configuration.patch * configuration.patch
    func tokens(_ layer: TiedPatchEmbedding, _ image: Variable, _ rows: [Int32]) -> Variable {
      let patches = layer.patches(image, tape)
      let map = RowMap(inputCount: patches.shape[0], sources: rows)
      return layer.tokens(tape.rearrange(patches, map, width: area, shape: [rows.count, area]), tape)
    }
    var parts: [Variable] = []
    if !wanted.optical.isEmpty { parts.append(tokens(optical, input.image, wanted.optical)) }
    if let image = input.radar, !wanted.radar.isEmpty { parts.append(tokens(radar, image, wanted.radar)) }
    guard parts.count > 1 else { return tape.reshape(parts[0], shape) }
    let all = tape.concatenate(parts.map { tape.reshape($0, [1, $0.value.count]) })
    let map = RowMap(
      inputCount: places.count, sources: places.map { Int32($0.isRadar ? wanted.optical.count + $0.row : $0.row) })
    return tape.rearrange(all, map, width: width, shape: shape)
  }

  /// A grid with the class tokens before it, `[B, 1 + C, 1 + N, width]`.
  private func withClasses(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, bands, length, width) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    var sources: [Int32] = []
    sources.reserveCapacity((bands + 1) * (length + 1))
    for c in 0...bands {
      for n in 0...length {
        sources.append(c == 0 ? (n == 0 ? -1 : -3) : n == 0 ? -2 : Int32((c - 1) * length + n - 1))
      }
    }
    return tape.rearrange(
      x, RowMap(inputCount: bands * length, sources: sources), width: width, fills: classes.map { tape.variable($0) },
      shape: [batch, bands + 1, length + 1, width])
  }
}
