import HSICore
import HSINetworks
import HSINumerics
import HSIRaster
import HSISpectral

/// Bands that a scene is shown with to a classifier, made from those that it has.
struct TransferBands {
  /// What tables call it.
  let name: String
  /// Bands of the scene × bands shown; nil where bands are picked out.
  private let weights: Matrix<Double>?
  private let picked: [Int]
  /// The bands shown.
  let axis: SpectralAxis

  /// Some bands of a scene.
  init(_ name: String, _ bands: [Int], of axis: SpectralAxis) {
    (self.name, picked, weights, self.axis) = (name, bands, nil, axis.selecting(bands))
  }

  /// The bands of an instrument that a scene can show by Gaussian responses; nil where fewer than `least` lie within it.
  init?(_ set: BandSet, from axis: SpectralAxis, least: Int = 8) {
    guard let own = axis.wavelengths, let low = own.min(), let high = own.max(), let centres = set.axis.wavelengths
    else { return nil }
    let widths = set.axis.fwhm ?? SpectralResampling.spacings(centres)
    // Bands in gaps of the scene, such as those of water vapour, are left out.
    let inside = centres.indices.filter { band in
      (low...high).contains(centres[band]) && own.contains { abs($0 - centres[band]) <= widths[band] }
    }
    let shown = SpectralAxis(wavelengths: inside.map { centres[$0] }, fwhm: inside.map { widths[$0] })
    guard inside.count >= least,
      let weights = try? GaussianResponse.weights(
        from: own, to: shown.wavelengths ?? [], fwhm: shown.fwhm ?? [], named: set.name)
    else { return nil }
    (name, picked, self.weights, self.axis) = (set.name, [], weights, shown)
  }

  /// The bands of a model as linear interpolation of those shown has them, the nearest one beyond the ends: what is left to
  /// classifiers of fixed bands. The second part says whether the bands shown cover them all.
  func matched(to model: SpectralAxis) -> (weights: Matrix<Double>, covered: Bool) {
    switch BandMatching.match(axis, to: model) {
    case .same(let bands), .assumed(let bands):
      let weights = Matrix<Double>(rows: axis.count, columns: bands.count) { bands[$1] == $0 ? 1 : 0 }
      return (weights, true)
    case .resampled(let bands, let values):
      var weights = Matrix<Double>(rows: axis.count, columns: model.count)
      for (row, band) in bands.enumerated() {
        for column in 0..<model.count { weights[band, column] = values[row, column] }
      }
      return (weights, true)
    case .impossible:
      let own = axis.wavelengths ?? []
      let order = own.indices.sorted { own[$0] < own[$1] }
      var weights = Matrix<Double>(rows: axis.count, columns: model.count)
      for (column, wanted) in (model.wavelengths ?? []).enumerated() {
        let next = order.firstIndex { own[$0] >= wanted } ?? order.count
        if next == 0 || next == order.count {
          weights[order[min(next, order.count - 1)], column] = 1
        } else {
          let (before, after) = (order[next - 1], order[next])
          let share = (wanted - own[before]) / max(own[after] - own[before], .leastNormalMagnitude)
          weights[before, column] = 1 - share
          weights[after, column] = share
        }
      }
      return (weights, false)
    }
  }

  /// The scene as it is shown.
  func show(_ scene: Cube, _ context: RunContext) throws -> Cube {
    if let weights { return try TransferBands.weighted(scene, weights, axis) }
    let (bands, all) = (picked.count, scene.shape.bands)
    let pixels = PixelMatrix(rows: scene.count, columns: bands)
    for row in 0..<scene.count {
      let (from, to) = (scene.pixels.pointer + row * all, pixels.pointer + row * bands)
      for (n, band) in picked.enumerated() { to[n] = from[band] }
    }
    return Cube(
      shape: CubeShape(lines: scene.shape.lines, samples: scene.shape.samples, bands: bands),
      metadata: scene.metadata.selecting(bands: picked), pixels: pixels, positions: scene.positions)
  }

  /// A scene whose bands are weighted sums.
  static func weighted(_ scene: Cube, _ weights: Matrix<Double>, _ axis: SpectralAxis) throws -> Cube {
    let source = ResampledSource(scene, weights: weights, axis: axis)
    let strip = Strip()
    try source.read(lines: 0..<scene.shape.lines, into: strip)
    return Cube(shape: source.shape, metadata: source.metadata, pixels: strip.pixels, positions: strip.positions)
  }
}
