import HSICore
import HSIRaster
import HSIReport
import HSIUnmixing

/// Takes unmixed strips in order, hands them to the sink, and keeps reduced maps and statistics for pictures and reports.
final class UnmixProducts {
  private static let withExtras: ProductName = "abundances with extra bands"

  private let sink: ProductSink
  private let extras: [UnmixExtraBand]
  private let count: Int
  private let row: PixelMatrix
  private let hasModels: Bool
  /// Reduced maps: K abundances, residual, guidance, and the number of the model where there are models.
  private(set) var previews: PreviewMaps
  private(set) var statistics: AbundanceStatistics.Accumulator
  private(set) var validPixels = 0
  private(set) var negativePixels = 0
  private(set) var hasGuidance = false
  /// What the abundance file holds, in the geometry of the scene.
  let abundanceShape: CubeShape
  let abundanceMetadata: CubeMetadata

  /// Opens the files of the maps.
  ///
  /// - Parameters:
  ///   - metadata: of the bands used.
  ///   - names: of the K endmembers.
  init(
    _ sink: ProductSink, paths: UnmixPaths, shape: CubeShape, metadata: CubeMetadata, names: [String],
    extras: [UnmixExtraBand], writesGuidance: Bool, hasModels: Bool = false, writing: RasterWriting
  ) throws {
    self.sink = sink
    self.extras = extras
    self.hasModels = hasModels
    count = names.count
    row = PixelMatrix(rows: 0, columns: count + extras.count)
    previews = PreviewMaps(shape: shape, layers: count + (hasModels ? 3 : 2))
    statistics = AbundanceStatistics.Accumulator(endmembers: count)
    let labels = names.map { "abundance: \($0)" } + extras.map(\.rawValue)
    abundanceShape = CubeShape(lines: shape.lines, samples: shape.samples, bands: labels.count)
    func described(_ bands: CubeMetadata, _ product: String?) -> CubeMetadata {
      var bands = bands
      bands.nodata = writing.nodata(bands: bands.bands)
      if let product { bands.extra = [HeaderField("HSI_PRODUCT", product)] }
      return bands
    }
    let abundances = metadata.replacingBands(names: labels, quantity: .abundance)
    abundanceMetadata = described(abundances, nil)
    try sink.open(
      RasterProduct(
        extras.isEmpty ? .abundances : UnmixProducts.withExtras, path: paths.output.main, content: "abundances",
        metadata: described(abundances, "abundance")))
    if let path = paths.residual {
      let bands = metadata.replacingBands(names: ["rmse"], quantity: .unknown)
      try sink.open(RasterProduct(.rmse, path: path, content: "rmse", metadata: described(bands, "rmse")))
    }
    if let path = paths.residualSpectra {
      try sink.open(
        RasterProduct(
          .residual, path: path, content: "residual spectra", metadata: described(metadata, "residual")))
    }
    func open(_ product: ProductName, _ path: String?, _ content: String, names: [String]) throws {
      guard let path else { return }
      let bands = metadata.replacingBands(names: names, quantity: .unknown)
      try sink.open(RasterProduct(product, path: path, content: content, metadata: described(bands, product.rawValue)))
    }
    try open(.sigma, paths.sigma, "standard deviations", names: names.map { "sigma: \($0)" })
    try open(.shade, paths.shade, "shade", names: ["shade"])
    try open(.normalised, paths.normalised, "abundances without shade", names: names.map { "normalised: \($0)" })
    if let path = paths.model {
      var bands = metadata.replacingBands(names: ["model"] + names.map { "spectrum: \($0)" }, quantity: .unknown)
      bands.nodata = [Double?](repeating: -1, count: bands.bands)
      bands.extra = [HeaderField("HSI_PRODUCT", "model")]
      var product = RasterProduct(.model, path: path, content: "models", metadata: bands)
      product.type = .int32
      try sink.open(product)
    }
    if writesGuidance, let path = paths.guidance {
      let bands = metadata.replacingBands(names: ["guidance h"], quantity: .unknown)
      try sink.open(
        RasterProduct(.guidance, path: path, content: "guidance", metadata: described(bands, "guidance")))
    }
  }

  /// Writes one strip.
  func add(_ delivered: ProductStrip) throws {
    var strip = delivered
    let (n, abundances, rmse, guidance) = (strip.count, strip.abundances, strip.rmse, strip.guidance)
    validPixels += n
    statistics.add(abundances)
    if !extras.isEmpty {
      row.reshape(rows: n, columns: count + extras.count)
      for i in 0..<n {
        let source = abundances.row(i)
        let target = row.row(i)
        for k in 0..<count { target[k] = source[k] }
        for (e, extra) in extras.enumerated() {
          target[count + e] = extra.value(abundances: source, rmse: rmse[i, 0])
        }
      }
      strip[UnmixProducts.withExtras] = row
    }
    try sink.write(strip)
    let models = hasModels ? strip[.model] : nil
    if guidance != nil { hasGuidance = true }
    for i in 0..<n where abundances.row(i).contains(where: { $0 < 0 }) { negativePixels += 1 }
    previews.add(window: strip.window, positions: strip.positions) { i, layer in
      if layer < count { return abundances[i, layer] }
      if layer == count + 2 { return models?[i, 0] ?? .nan }
      return layer == count ? rmse[i, 0] : guidance?[i, 0] ?? .nan
    }
  }
}
