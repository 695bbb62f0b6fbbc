import HSICore
import HSINumerics

extension SpectralResampling {
  /// The bands of an instrument that those of a scene make up, and how: `value_k = Σ_i scene_i · weights[i, k]` for band `kept[k]`.
  ///
  /// Resampling is linear, so what `resample` does to unit spectra are its weights. Bands of which a part lies where the scene has no
  /// usable band are not kept. Nil where none is, or one of the axes has no wavelengths.
  public static func weights(from scene: SpectralAxis, to target: SpectralAxis) -> (
    kept: [Int], weights: Matrix<Double>
  )? {
    guard scene.wavelengths != nil, target.wavelengths != nil else { return nil }
    let units = SpectralLibrary(
      names: (0..<scene.count).map { "\($0)" }, axis: scene, values: Matrix<Double>.identity(scene.count).values)
    guard let result = try? resample(units, to: target) else { return nil }
    let kept = target.goodBands.filter { result.covered[$0] }
    guard !kept.isEmpty else { return nil }
    return (
      kept, Matrix(rows: scene.count, columns: kept.count) { result.library.values[$0 * target.count + kept[$1]] }
    )
  }
}
