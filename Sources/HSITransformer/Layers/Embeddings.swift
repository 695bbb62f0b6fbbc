import Foundation

/// Rows of a learned table `weight` `[count, width]` by index; σ = 0.02 at first.
public final class Embedding {
  let weight: Parameter

  /// A table of `count` rows of `width` values.
  public init(_ scope: ParameterScope, count: Int, width: Int, initialisation: Initialisation = .normal(0.02)) {
    weight = scope.parameter("weight", [count, width], initialisation, role: .table)
  }

  /// The rows `indices`, all below the count: `[indices, width]`.
  public func callAsFunction(_ indices: [Int], _ tape: Tape) -> Variable {
    let (count, width) = (weight.shape[0], weight.shape[1])
    precondition(indices.allSatisfy { (0..<count).contains($0) }, "\(weight.name) has \(count) rows")
    let map = RowMap(inputCount: count, sources: indices.map { Int32($0) })
    return tape.rearrange(tape.variable(weight), map, width: width, shape: [indices.count, width])
  }
}

/// The patch embedding that all bands of an image share, `e = W₂ relu(W₁ vec(patch) + b₁) + b₂` with patches row-major and
/// W₁ of twice the width. Names `proj.0`, `proj.2`. Source: LESS ViT (Si et al., arXiv 2503.12843).
public final class TiedPatchEmbedding {
  let first: Linear
  let second: Linear
  private let side: Int

  /// Patches of `side × side` pixels, tokens of `width` values.
  public init(_ scope: ParameterScope, side: Int, width: Int) {
    self.side = side
    first = Linear(scope["proj"][0], input: side * side, output: 2 * width)
    second = Linear(scope["proj"][2], input: 2 * width, output: width)
  }

  /// `[B, C, H, W]` to `[B, C, H W / side², width]`, positions row-major; H and W are multiples of the side.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, bands, rows, columns) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    precondition(rows % side == 0 && columns % side == 0, "patches of \(side) in \(x.shape)")
    let patches = tape.pixelUnshuffle(tape.reshape(x, [batch * bands, rows, columns, 1]), by: side)
    let hidden = tape.activation(.relu, first(patches, tape))
    return tape.reshape(
      second(hidden, tape), [batch, bands, rows * columns / (side * side), second.output])
  }
}

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

/// A learned factor per channel of the last axis, `gamma ⊙ x` (layer scale). Source: Touvron et al., arXiv 2103.17239.
public final class LayerScale {
  let gamma: Parameter

  /// Factors that start at `value`.
  public init(_ scope: ParameterScope, channels: Int, value: Float) {
    gamma = scope.parameter("gamma", [channels], .constant(value), role: .norm)
  }

  /// Applies the layer.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.multiply(x, tape.variable(gamma), repeatedOver: 0..<(x.shape.count - 1))
  }
}
