import HSICore

extension Degradation {
  /// The degraded scene, for scenes whose other bands may hold anything.
  ///
  /// Where every pixel changes on its own place (`StripDegradation`) this is `degrade`. Else
  /// the active bands are degraded as a scene of their own, so that a NaN in a band that counts as bad takes no pixel away. The other
  /// bands keep their values; where the grid changes, each follows on its own, and what is missing in it is NaN.
  ///
  /// - Throws: as `degrade`; `RestorationError.tooFewPixels` where no band is active.
  public func degradeActiveBands(
    _ scene: Cube, _ target: DegradationTarget, _ context: RunContext
  ) throws -> DegradedScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    let active = target.active.indices.filter { target.active[$0] }
    guard !active.isEmpty else { throw RestorationError.tooFewPixels(purpose: "degrading a scene without a good band") }
    guard active.count < scene.shape.bands, !(self is any StripDegradation) else {
      return try degrade(scene, target, context)
    }
    func degraded(_ bands: [Int]) throws -> DegradedScene {
      let part = scene.columns(bands)
      return try degrade(part, DegradationTarget(part.shape, range: target.range, seed: target.seed), context)
    }
    var result = try degraded(active)
    let part = result.scene
    let pixels = PixelMatrix(rows: part.count, columns: scene.shape.bands)
    pixels.put(part.pixels, at: active)
    let others = target.active.indices.filter { !target.active[$0] }
    for bands in reduction == 1 ? [others] : others.map({ [$0] }) {
      let other = reduction == 1 ? scene.columns(bands) : try degraded(bands).scene
      let rows = other.rowOfPlace()
      let values = PixelMatrix(rows: part.count, columns: bands.count)
      for (n, place) in part.positions.enumerated() {
        let row = Int(rows[Int(place)])
        for i in bands.indices { values[n, i] = row >= 0 ? other.pixels[row, i] : .nan }
      }
      pixels.put(values, at: bands)
    }
    result.scene = Cube(
      shape: CubeShape(lines: part.shape.lines, samples: part.shape.samples, bands: scene.shape.bands),
      metadata: scene.metadata.rescaled(by: 1 / Double(reduction)), pixels: pixels, positions: part.positions)
    return result
  }
}

extension Cube {
  /// The same pixels on some bands, in that order.
  func columns(_ bands: [Int]) -> Cube {
    let result = PixelMatrix(rows: count, columns: bands.count)
    for row in 0..<count {
      let (source, target) = (pixels.pointer + row * shape.bands, result.pointer + row * bands.count)
      for (i, band) in bands.enumerated() { target[i] = source[band] }
    }
    return Cube(
      shape: CubeShape(lines: shape.lines, samples: shape.samples, bands: bands.count),
      metadata: metadata.selecting(bands: bands), pixels: result, positions: positions)
  }
}

extension PixelMatrix {
  /// Puts the columns of another matrix of as many rows at some columns of this one.
  fileprivate func put(_ values: PixelMatrix, at places: [Int]) {
    for row in 0..<rows {
      for (i, place) in places.enumerated() { self[row, place] = values[row, i] }
    }
  }
}
