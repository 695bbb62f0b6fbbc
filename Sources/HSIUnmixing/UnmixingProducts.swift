import HSICore

extension ProductName {
  /// Share of every endmember, N × K.
  public static let abundances: ProductName = "abundances"
  /// Root-mean-square residual per pixel over the bands used, in the units of the scene, N × 1.
  public static let rmse: ProductName = "rmse"
  /// Guidance map h per pixel, of methods that learn one, N × 1.
  public static let guidance: ProductName = "guidance"
  /// What the endmembers do not explain, in the units of the scene, N × L; computed when it is wanted.
  public static let residual: ProductName = "residual"
}

extension ProductStrip {
  /// The result of unmixing for one strip.
  ///
  /// - Parameters:
  ///   - bands: L, values of a residual spectrum.
  ///   - residual: computes the residual spectra of some of the pixels.
  init(
    window: PixelWindow, positions: [Int32], abundances: PixelMatrix, rmse: [Float], guidance: [Float]? = nil,
    bands: Int, residual: @escaping (_ rows: Range<Int>, _ output: PixelMatrix) -> Void
  ) {
    self.init(window: window, positions: positions)
    self[.abundances] = abundances
    self[.rmse] = PixelMatrix(rows: rmse.count, columns: 1, values: rmse)
    self[.guidance] = guidance.map { PixelMatrix(rows: $0.count, columns: 1, values: $0) }
    set(.residual, columns: bands, compute: residual)
  }

  /// Abundances, N × K, of strips that unmixing delivers.
  public var abundances: PixelMatrix {
    guard let abundances = self[.abundances] else { preconditionFailure("a strip without abundances") }
    return abundances
  }

  /// Root-mean-square residual, N × 1, of strips that unmixing delivers.
  public var rmse: PixelMatrix {
    guard let rmse = self[.rmse] else { preconditionFailure("a strip without residuals") }
    return rmse
  }

  /// Guidance map, N × 1, of methods that learn one.
  public var guidance: PixelMatrix? { self[.guidance] }
}
