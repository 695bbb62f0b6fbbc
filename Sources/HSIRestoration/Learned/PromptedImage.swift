import HSICore
import HSINetworks
import HSINumerics

/// A degraded scene as an MP-HSIR network sees it: a value for every place of the grid that is wanted.
enum PromptedImage {
  /// The image of a scene whose values may be missing: a row for every place.
  ///
  /// - Parameters:
  ///   - scene: NaN or infinite where values are missing; pixels that it does not hold are filled from those around them.
  ///   - zero: the value that stands for 0.
  static func filled(_ scene: Cube, _ input: MPHSIRInput, zero: Float) -> PixelMatrix {
    let values = scene.copyOfPixels()
    if input == .interpolated {
      SpectralGaps(scene.metadata.axis, .linear).fill(values)
      NearestPixels.fill(values, positions: scene.positions, shape: scene.shape)
    }
    for i in 0..<(values.rows * values.columns) where !values.pointer[i].isFinite { values.pointer[i] = zero }
    return scene.replacingPixels(by: values).filledImage()
  }

  /// An image on a grid that is `scale` times as fine.
  ///
  /// - Parameters:
  ///   - image: a row for every place of `shape`.
  ///   - grid: how the pixels of the two grids lie to each other; repeated pixels know no difference.
  static func enlarged(
    _ image: PixelMatrix, _ shape: CubeShape, by scale: Int, _ grid: CubicResampling.Grid, _ input: MPHSIRInput
  ) -> PixelMatrix {
    let (lines, samples, bands) = (shape.lines * scale, shape.samples * scale, shape.bands)
    if input == .interpolated {
      return CubicResampling(
        lines: shape.lines, samples: shape.samples, newLines: lines, newSamples: samples, grid
      ).apply(to: image)
    }
    let fine = PixelMatrix(rows: lines * samples, columns: bands)
    Parallel.forEach(lines) { line in
      for sample in 0..<samples {
        (fine.pointer + (line * samples + sample) * bands).update(
          from: image.pointer + (line / scale * shape.samples + sample / scale) * bands, count: bands)
      }
    }
    return fine
  }
}
