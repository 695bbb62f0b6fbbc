import HSICore

/// Values per pixel of some lines of a scene as a dense image, from which patches are cut. Missing pixels hold zeros: in the
/// space of centred components, the mean.
public struct FeatureImage: Sendable {
  /// Lines.
  public let lines: Int
  /// Samples.
  public let samples: Int
  /// Values per pixel.
  public let components: Int
  /// `lines · samples × components`.
  public let values: PixelMatrix

  /// Scatters the values of valid pixels.
  ///
  /// - Parameters:
  ///   - values: valid pixels × components.
  ///   - positions: their places in the scene, `line · samples + sample`.
  ///   - firstLine: the line of the scene that becomes line 0.
  public init(lines: Int, samples: Int, values: PixelMatrix, positions: ArraySlice<Int32>, firstLine: Int = 0) {
    precondition(values.rows == positions.count)
    self.lines = lines
    self.samples = samples
    components = values.columns
    self.values = PixelMatrix(rows: lines * samples, columns: components)
    for (row, position) in positions.enumerated() {
      let place = Int(position) - firstLine * samples
      (self.values.pointer + place * components).update(from: values.pointer + row * components, count: components)
    }
  }
}
