import HSICore

extension Cube {
  /// True where every band of valid pixel `index` is finite.
  private func isFinite(_ index: Int) -> Bool {
    // 0 · x is 0 for finite x and NaN otherwise.
    var sum: Float = 0
    for value in pixels.row(index) { sum += 0 * value }
    return sum == 0
  }

  /// The pixels without NaN and infinite values; the cube itself where that is all of them.
  func finitePixels() -> Cube {
    let kept = (0..<count).filter(isFinite)
    guard kept.count < count else { return self }
    let subset = PixelMatrix(rows: kept.count, columns: shape.bands)
    for (row, index) in kept.enumerated() {
      (subset.pointer + row * shape.bands).update(
        from: pixels.pointer + index * shape.bands, count: shape.bands)
    }
    return Cube(shape: shape, metadata: metadata, pixels: subset, positions: kept.map { positions[$0] })
  }

  /// The cube with new values for its finite pixels (in order), the others as they are.
  func replacingFinitePixels(by values: PixelMatrix) -> Cube {
    let result = PixelMatrix(rows: count, columns: shape.bands)
    var row = 0
    for index in 0..<count {
      let finite = isFinite(index)
      let source = finite ? values.pointer + row * shape.bands : pixels.pointer + index * shape.bands
      (result.pointer + index * shape.bands).update(from: source, count: shape.bands)
      if finite { row += 1 }
    }
    return Cube(shape: shape, metadata: metadata, pixels: result, positions: positions)
  }

  /// A cube of the same pixels with new values.
  func replacingPixels(by values: PixelMatrix) -> Cube {
    Cube(shape: shape, metadata: metadata, pixels: values, positions: positions)
  }
}
