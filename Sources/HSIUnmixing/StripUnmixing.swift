import HSICore
import HSINumerics

/// Unmixing with known endmembers.
public enum StripUnmixing {
  /// Solves every pixel of `scene` by a per-pixel method, strip by strip, and hands each strip to `deliver` in order.
  ///
  /// - Parameters:
  ///   - endmembers: K spectra on the bands of `scene`.
  ///   - weights: channel weights, or nil.
  ///   - uncertainty: for the product `sigma`; prepared for the same endmembers and method.
  /// - Returns: number of valid pixels.
  @discardableResult
  public static func run(
    _ scene: any StripSource, _ method: any AbundanceEstimator, _ endmembers: SpectralLibrary,
    weights: [Double]? = nil, uncertainty: AbundanceUncertainty? = nil, _ context: RunContext,
    deliver: (ProductStrip) throws -> Void
  ) throws -> Int {
    let claim = context.claimThreads()
    defer { claim.release() }
    try check(endmembers, bands: scene.shape.bands)
    let solver = try method.prepare(endmembers, weights: weights)
    // A model with more terms than endmembers leaves the residual of all of them.
    let expanded = solver as? any ExpandedAbundanceSolver
    let residual = Residual(expanded?.terms ?? endmembers)
    let abundances = PixelMatrix(rows: 0, columns: endmembers.count)
    var (count, unconverged, empty) = (0, 0, 0)
    try scene.forEachStrip(
      context, label: "abundances", extraBytesPerPixel: 12 * endmembers.count + 8 + 4 * (expanded?.terms.count ?? 0)
    ) {
      strip in
      unconverged += try solver.solve(strip.pixels, into: abundances)
      count += strip.count
      empty += emptyRows(abundances)
      let coefficients = expanded?.coefficients(strip.pixels, abundances) ?? abundances
      let rmse = residual.rmse(strip.pixels, coefficients)
      var product = ProductStrip(
        window: strip.window, positions: strip.positions, abundances: abundances, rmse: rmse, bands: scene.shape.bands
      ) { residual.spectra(strip.pixels, coefficients, of: $0, into: $1) }
      product[.sigma] = uncertainty?.sigma(abundances, rmse: rmse)
      try deliver(product)
    }
    warnOfEmpty(empty, of: count, type(of: method).description, context)
    if unconverged > 0 {
      context.warn(
        "W-NOT-CONVERGED",
        "\(type(of: method).description.id) met its limit of iterations in \(unconverged) of \(count) pixels: raise it with "
          + "\(option: "set") iterations=")
    }
    return count
  }

  /// Solves a scene by a method that couples pixels; the scene is loaded, so it must fit the memory budget.
  ///
  /// - Returns: number of valid pixels.
  @discardableResult
  public static func run(
    _ scene: any StripSource, _ method: any SceneAbundanceEstimator, _ endmembers: SpectralLibrary,
    _ context: RunContext, deliver: (ProductStrip) throws -> Void
  ) throws -> Int {
    let claim = context.claimThreads()
    defer { claim.release() }
    try check(endmembers, bands: scene.shape.bands)
    let shape = scene.shape
    let needed =
      shape.pixels * (shape.bands + 1) * 4
      + method.workingBytes(pixels: shape.pixels, bands: shape.bands, endmembers: endmembers.count)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "\(type(of: method).description.id) on \(shape)", needed: needed,
        budget: context.memory.bytes)
    }
    let cube = try scene.load(context)
    let abundances = try method.solve(cube, endmembers, context)
    warnOfEmpty(emptyRows(abundances), of: cube.count, type(of: method).description, context)
    let residual = Residual(endmembers)
    let rmse = residual.rmse(cube.pixels, abundances)
    try deliver(
      ProductStrip(
        window: shape.window, positions: cube.positions, abundances: abundances, rmse: rmse, bands: shape.bands
      ) {
        residual.spectra(cube.pixels, abundances, of: $0, into: $1)
      })
    return cube.count
  }

  /// Pixels of which nothing is explained.
  private static func emptyRows(_ abundances: PixelMatrix) -> Int {
    let columns = abundances.columns
    return (0..<abundances.rows).count { n in (0..<columns).allSatisfy { abundances.pointer[n * columns + $0] == 0 } }
  }

  /// Says where a method has left nothing of more than a tenth of the pixels, and how sparsity leaves more.
  private static func warnOfEmpty(_ empty: Int, of count: Int, _ method: MethodDescription, _ context: RunContext) {
    guard empty * 10 > count else { return }
    let isSparse = method.parameters.contains { $0.name == "lambda" }
    context.warn(
      "W-NO-ABUNDANCES",
      "\(method.id) gives \(empty) of \(count) pixels no abundance at all: "
        + (isSparse
          ? "lambda counts in squared units of the data; lower it with \(option: "set") lambda=, or bring scene and spectra to larger units"
          : "check the spectra, \(option: "nodata") and the units of scene and spectra"))
  }

  private static func check(_ endmembers: SpectralLibrary, bands: Int) throws {
    guard endmembers.bands == bands else {
      throw UnmixingError.bandMismatch(
        spectra: endmembers.bands, scene: bands,
        advice:
          "give both wavelengths so that the spectra can be resampled, or select matching bands with \(option: "band list")"
      )
    }
    for i in 0..<endmembers.count where endmembers[i].contains(where: { !$0.isFinite }) {
      throw UnmixingError.invalidSpectra(name: endmembers.names[i])
    }
  }
}
