import Foundation
import HSICore
import HSINumerics

/// Removal of photon noise: values are brought to unit noise, denoised by `FastHyDe`, and brought back without bias.
///
/// With g photons per unit a value y becomes `2 √(g (y − offset) + 3/8)`, whose noise has about unit variance whatever the signal.
/// The result D goes back by the closed form of the exact unbiased inverse, `D²/4 + √(3/2)/(4 D) − 11/(8 D²) + 5 √(3/2)/(8 D³) −
/// 1/8`, not below 0. Where g is not told it is the median over bands of mean / noise variance. Cost that of `FastHyDe`.
public struct AnscombeFastHyDe: ClassicalRestorer {
  public static let description = MethodDescription(
    id: "anscombe-fasthyde", name: "Photon noise removal by variance stabilisation and FastHyDe",
    task: .removePhotonNoise,
    citation:
      "F. J. Anscombe, Biometrika 35, 1948; M. Mäkitalo and A. Foi, A closed-form approximation of the exact unbiased "
      + "inverse of the Anscombe variance-stabilizing transformation, IEEE TIP 20(9), 2011",
    cost: "N L² + L³ + 15 000 N p flops", advice: "Few photons: noise that grows with the signal.",
    parameters: [
      ParameterDescription(
        "gain", nil, in: 1e-9...1e12, "photons per unit of value; default: median of mean / noise variance"),
      ParameterDescription("offset", 0, in: -1e9...1e9, "value that stands for no photons"),
      .rank("those above the spectrum of pure noise"),
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int {
    subspaceBytes(shape) + shape.pixels * (shape.bands * 12 + 64)
  }

  public func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    if let noise { try noise.check(bands: scene.shape.bands) }
    let (finite, bands) = (scene.finitePixels(), scene.shape.bands)
    guard finite.count > 0 else { return unchanged(scene, "no pixel has a finite value in every band", context) }
    guard finite.count > 1 else { return unchanged(scene, "it has one valid pixel", context) }
    let offset = parameters.value("offset")
    guard let gain = try gain(finite, noise, offset, context) else {
      return unchanged(scene, "no noise was found in any band", context)
    }
    let stable = PixelMatrix(rows: finite.count, columns: bands)
    let (source, target) = (finite.pixels.pointer, stable.pointer)
    Parallel.forEachChunk(of: finite.count, chunk: 4096) { _, rows in
      for i in (rows.lowerBound * bands)..<(rows.upperBound * bands) {
        target[i] = Float(2 * (max(gain * (Double(source[i]) - offset), 0) + 0.375).squareRoot())
      }
    }
    var values: [String: Double] = [:]
    if let rank = parameters["rank"] { values["rank"] = rank }
    let unit = NoiseLevels(standardDeviations: [Double](repeating: 1, count: bands))
    let denoised = try FastHyDe(values).denoise(finite.replacingPixels(by: stable), noise: unit, context)
    let result = denoised.scene.pixels
    let out = result.pointer
    Parallel.forEachChunk(of: finite.count, chunk: 4096) { _, rows in
      for i in (rows.lowerBound * bands)..<(rows.upperBound * bands) {
        out[i] = Float(offset + AnscombeFastHyDe.inverse(Double(out[i])) / gain)
      }
    }
    return RestoredScene(
      scene: scene.replacingFinitePixels(by: result), rank: denoised.rank, facts: ["gain": gain])
  }

  /// Photons per unit of value; nil where no band has noise.
  private func gain(_ scene: Cube, _ noise: NoiseLevels?, _ offset: Double, _ context: RunContext) throws -> Double? {
    if let gain = parameters["gain"] { return gain }
    let levels = try noise ?? NoiseLevels.estimate(scene, context)
    let mean = try SceneStatistics(scene, context).mean
    let ratios = zip(mean, levels.standardDeviations).compactMap { mean, level in
      level > 0 && mean > offset ? (mean - offset) / (level * level) : nil
    }.filter(\.isFinite).sorted()
    return ratios.isEmpty ? nil : ratios[ratios.count / 2]
  }

  /// Photons of a denoised value.
  static func inverse(_ value: Double) -> Double {
    let d = max(value, 2 * 0.375.squareRoot())
    let root = 1.5.squareRoot()
    return max(d * d / 4 + root / (4 * d) - 11 / (8 * d * d) + 5 * root / (8 * d * d * d) - 0.125, 0)
  }
}
