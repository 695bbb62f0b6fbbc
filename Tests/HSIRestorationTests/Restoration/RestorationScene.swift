import Foundation
import HSICore
import HSINumerics
import HSIRestoration

/// Smooth and textured abundances of four spectra with wavelengths, and what restorers are asked about them.
enum RestorationScene {
  static func clean(lines: Int = 36, samples: Int = 40, bands: Int = 24) -> Cube {
    let pixels = PixelMatrix(rows: lines * samples, columns: bands)
    for line in 0..<lines {
      for sample in 0..<samples {
        let (y, x) = (Double(line), Double(sample))
        let inside = (line / 11 + sample / 9) % 2 == 0
        var mix = [0.3 + 0.2 * sin(y / 5), 0.3 + 0.2 * cos(x / 6 + y / 9), inside ? 0.5 : 0.1, 0.1]
        if (line - 18) * (line - 18) + (sample - 22) * (sample - 22) < 60 { mix = [0.05, 0.1, 0.05, 0.9] }
        for b in 0..<bands {
          let t = Double(b) / Double(max(bands - 1, 1))
          let spectra = [
            0.15 + 0.5 * t, 0.6 - 0.45 * t, 0.1 + 0.6 * exp(-pow((t - 0.4) / 0.15, 2)), 0.05 + 0.7 * t * t,
          ]
          pixels[line * samples + sample, b] = Float(zip(mix, spectra).reduce(0) { $0 + $1.0 * $1.1 })
        }
      }
    }
    var metadata = CubeMetadata(bands: bands)
    metadata.axis = SpectralAxis(
      wavelengths: (0..<bands).map { 400 + 600 * Double($0) / Double(max(bands - 1, 1)) })
    return Cube(lines: lines, samples: samples, pixels: pixels, metadata: metadata)
  }

  static func degraded(_ id: String, _ values: [String: Double], _ scene: Cube, seed: UInt64 = 3) throws -> Cube {
    try Degradations.all.named(id, values).degrade(scene, DegradationTarget(scene.shape, seed: seed), RunContext())
      .scene
  }

  static func restored(_ id: String, _ values: [String: Double], _ scene: Cube, _ context: RunContext = RunContext())
    throws
    -> RestoredScene
  { try Restorers.all.named(id, values).restore(scene, noise: nil, context) }

  /// PSNR in dB.
  static func quality(_ scene: Cube, _ reference: Cube) throws -> Double {
    try RestorationMetrics(scene, reference: reference).mpsnr
  }

  /// Missing values as zeros: what is there to begin with.
  static func zeros(_ scene: Cube) -> Cube {
    SyntheticScene.with(scene, scene.pixels.values.map { $0.isFinite ? $0 : 0 })
  }

  static func bits(_ scene: Cube) -> [UInt32] { scene.pixels.values.map(\.bitPattern) }
}
