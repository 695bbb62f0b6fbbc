import HSITransformer

/// What the blocks of a pass are told about the places of tokens; nil for nothing.
struct LESSPlaces: Sendable {
  /// Rotary table of the bands, class entry first.
  var bands: RotaryTable?
  /// Rotary table of the positions, class entry first.
  var positions: RotaryTable?
  /// Both for every token of the grid, for attention among all of them.
  var grid: [RotaryTable] = []
  /// What positions must not see, `[1, 1 + N, 1 + N]`.
  var mask: Tensor?
}

/// Positions and wavelengths of the tokens of LESS ViT.
///
/// Rotary: `u = 2 (i + ½) / g − 1` down and across, `u = 2 λ̂ − 1` with λ̂ the wavelength from 0 to 1 of the trained range; periods
/// `100^(2k / (d_s / 2))` and `100^(2k / d_c)`, kept in files as `pos_chan_embed.periods_hw` and `periods_c`. The class entries are
/// not turned. Without rotation: sines and cosines of metres and nanometres, `(spatial + spectral) / 2`, where the class entries lack
/// their half; see `table`. Source: Si et al., arXiv 2503.12843; arXiv 2605.18541.
final class LESSPositions {
  private let periods: (position: Parameter, band: Parameter)?
  private let shape: LESSBlockShape
  private let configuration: LESSConfiguration

  /// `configuration` is that of the encoder, `shape` that of the blocks that the positions are for.
  init(_ scope: ParameterScope, _ configuration: LESSConfiguration, _ shape: LESSBlockShape) {
    (self.shape, self.configuration) = (shape, configuration)
    guard shape.isRotary else {
      periods = nil
      return
    }
    func buffer(_ name: String, _ width: Int, _ axes: Int) -> Parameter {
      let values = RotaryTable.periods(width: width, axes: axes, base: 100)
      let parameter = scope["pos_chan_embed"].buffer(name, [values.count], 0)
      parameter.set(Tensor([values.count], values))
      return parameter
    }
    let widths = shape.rotaryWidths
    periods = (buffer("periods_hw", widths.position, 2), buffer("periods_c", widths.band, 1))
  }

  /// What the blocks are told.
  ///
  /// - Parameters:
  ///   - mask: what was left over for the encoder; nil for the whole grid.
  ///   - isTurning: false leaves rotation out.
  func places(_ grid: LESSGrid, mask: LESSMask? = nil, isTurning: Bool = true) -> LESSPlaces {
    var places = LESSPlaces()
    if let radius = configuration.perceptionRadius {
      places.mask = PerceptionField.mask(grid, radius: radius, kept: mask?.positions.first)
    }
    guard let periods, isTurning else { return places }
    func centres(_ count: Int) -> [Float] { (0..<count).map { 2 * (Float($0) + 0.5) / Float(count) - 1 } }
    let (down, across) = (centres(grid.rows), centres(grid.columns))
    let all = 0..<grid.positions
    var positions = RotaryTable(
      coordinates: [all.map { down[$0 / grid.columns] }, all.map { across[$0 % grid.columns] }],
      periods: periods.position.value.values, skipping: 1)
    let (least, greatest) = (Float(configuration.shortestWavelength), Float(configuration.longestWavelength))
    var bands = RotaryTable(
      coordinates: [grid.wavelengths.map { 2 * (($0 - least) / (greatest - least)) - 1 }],
      periods: periods.band.value.values, skipping: 1)
    if let mask {
      positions = positions.selecting(mask.positions.map { [0] + $0.map { $0 + 1 } })
      bands = bands.selecting(mask.bands.map { [0] + $0.map { $0 + 1 } })
    }
    guard shape.attention == .full else {
      (places.positions, places.bands) = (positions, bands)
      return places
    }
    let (rows, columns) = (bands.cosine.shape[1], positions.cosine.shape[1])
    func everywhere(_ table: RotaryTable, _ entry: (Int) -> Int) -> RotaryTable {
      table.selecting((0..<table.cosine.shape[0]).map { _ in (0..<(rows * columns)).map(entry) })
    }
    places.grid = [everywhere(positions) { $0 % columns }, everywhere(bands) { $0 / columns }]
    return places
  }

  /// What is added to the tokens of a grid, `[1 or B, 1 + C, 1 + N, width]`; nil where positions turn.
  ///
  /// `[sc(x) ‖ sc(y)]` of half the width each with x across and y down in metres, and `sc(λ)` in nanometres, both halved; phases in
  /// single precision (`SinusoidalEmbedding`).
  func table(_ grid: LESSGrid, mask: LESSMask? = nil) -> Tensor? {
    guard !shape.isRotary else { return nil }
    let width = shape.width
    // Published networks count pixels where their patches lie.
    let step = configuration.isCompatible ? grid.resolution : grid.resolution * Float(grid.patch)
    let axis = SinusoidalEmbedding.table(
      (0..<max(grid.rows, grid.columns)).map { Float($0) * step }, width: width / 2)
    let bands = SinusoidalEmbedding.table(grid.wavelengths, width: width)
    let samples = mask?.bands.count ?? 1
    let (height, length) = (1 + (mask?.bands[0].count ?? grid.bands), 1 + (mask?.positions[0].count ?? grid.positions))
    let result = Tensor.zeros([samples, height, length, width])
    for b in 0..<samples {
      for c in 0..<height {
        let spectral = c == 0 ? nil : bands.pointer + (mask?.bands[b][c - 1] ?? c - 1) * width
        for n in 0..<length {
          let target = result.output + ((b * height + c) * length + n) * width
          if n > 0 {
            let position = mask?.positions[b][n - 1] ?? n - 1
            let places = [position % grid.columns, position / grid.columns]
            for (half, place) in places.enumerated() {
              for k in 0..<(width / 2) { target[half * width / 2 + k] = axis.pointer[place * width / 2 + k] }
            }
          }
          if let spectral { for k in 0..<width { target[k] += spectral[k] } }
          for k in 0..<width { target[k] *= 0.5 }
        }
      }
    }
    return result
  }
}
