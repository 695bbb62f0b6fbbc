import HSICore
import HSINumerics
import HSIRestoration

/// Piecewise constant and smooth abundances of three spectra, with and without noise.
enum SyntheticScene {
  static func clean(lines: Int = 40, samples: Int = 48, bands: Int = 20) -> Cube {
    let pixels = PixelMatrix(rows: lines * samples, columns: bands)
    for line in 0..<lines {
      for sample in 0..<samples {
        let inside = (line / 10 + sample / 12) % 2 == 0
        let ramp = Float(line) / Float(lines)
        let mix: [Float] =
          inside ? [0.7, 0.3 * ramp, 0.3 - 0.3 * ramp] : [0.1, 0.9 - 0.5 * ramp, 0.5 * ramp]
        for b in 0..<bands {
          let t = Float(b) / Float(max(bands - 1, 1))
          let spectra: [Float] = [0.2 + 0.6 * t, 0.8 - 0.5 * t, 0.3 + 2 * t * (1 - t)]
          pixels[line * samples + sample, b] = mix[0] * spectra[0] + mix[1] * spectra[1] + mix[2] * spectra[2]
        }
      }
    }
    return Cube(lines: lines, samples: samples, pixels: pixels)
  }

  /// `scale · (clean + N(0, σ²))`.
  static func noisy(_ scene: Cube, sigma: Double, seed: UInt64 = 1, scale: Float = 1) -> Cube {
    var random = CounterRandom(seed: seed)
    let values = scene.pixels.values.map { scale * ($0 + Float(sigma * random.normal())) }
    return with(scene, values)
  }

  static func with(_ scene: Cube, _ values: [Float]) -> Cube {
    Cube(
      shape: scene.shape, metadata: scene.metadata,
      pixels: PixelMatrix(rows: scene.count, columns: scene.shape.bands, values: values),
      positions: scene.positions)
  }

  static func error(_ a: Cube, _ b: Cube) -> Double {
    let squares = zip(a.pixels.values, b.pixels.values).map { Double($0 - $1) * Double($0 - $1) }
    return (squares.reduce(0, +) / Double(max(squares.count, 1))).squareRoot()
  }

  /// The scene without some of its pixels.
  static func dropping(_ scene: Cube, where isMissing: (Int) -> Bool) -> Cube {
    let kept = (0..<scene.count).filter { !isMissing($0) }
    let values = kept.flatMap { Array(scene.pixels.row($0)) }
    return Cube(
      shape: scene.shape, metadata: scene.metadata,
      pixels: PixelMatrix(rows: kept.count, columns: scene.shape.bands, values: values),
      positions: kept.map { scene.positions[$0] })
  }
}
