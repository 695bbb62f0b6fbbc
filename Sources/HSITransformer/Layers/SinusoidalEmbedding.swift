import Foundation

/// Sines, then cosines of a quantity at geometrically spaced frequencies: `sc(q) = [sin(q ω_k)] ‖ [cos(q ω_k)]`,
/// `ω_k = 10000^(−k / (width / 2))`. Source: Vaswani et al. 2017; LESS ViT uses it for wavelengths and places.
public enum SinusoidalEmbedding {
  /// `[values, width]`. Frequencies and phases are rounded to single precision, as the published networks were trained with:
  /// at wavelengths in nanometres that matters to 10⁻⁴.
  public static func table(_ values: [Float], width: Int) -> Tensor {
    precondition(width % 2 == 0, "sines and cosines in \(width) values")
    let half = width / 2
    let frequencies = (0..<half).map { 1 / Float(pow(10_000, Double(Float($0) / Float(half)))) }
    let result = Tensor(uninitialised: [values.count, width])
    for (row, value) in values.enumerated() {
      for (k, frequency) in frequencies.enumerated() {
        let phase = Double(value * frequency)
        result.output[row * width + k] = Float(sin(phase))
        result.output[row * width + half + k] = Float(cos(phase))
      }
    }
    return result
  }
}
