import HSINumerics

/// A low-rank adapter (LoRA) beside a linear layer or 1 × 1 convolution.
///
///     y = W x + b + (α/r) · U (D x)                              plain
///     y = W x + b + σ(G x) ⊙ [(α/r) · U (D x)] + R x             with gate and residual
///
/// `D` = `lora_down.weight` [r, in], `U` = `lora_up.weight` [out, r], `G` = `lora_gate.weight` and `R` =
/// `lora_residual.weight`, both [out, in]. Sources: Hu et al. 2021 (plain); Zidi et al. 2025, LoLA-SpecViT (gated).
public final class LowRankAdapter {
  /// What an adapter is made of.
  public struct Configuration: Sendable, Equatable {
    /// Rank r.
    public var rank: Int
    /// Scale α; the product is multiplied by α / r.
    public var alpha: Double
    /// Probability with which an input value of the adapter is dropped in training.
    public var dropout: Double
    /// Whether the full-rank gate and residual of LoLA-SpecViT are there.
    public var isGated: Bool

    /// Rank 8, α = 2r by default, no dropout, plain.
    public init(rank: Int = 8, alpha: Double? = nil, dropout: Double = 0, isGated: Bool = false) {
      self.rank = rank
      self.alpha = alpha ?? Double(2 * rank)
      self.dropout = dropout
      self.isGated = isGated
    }
  }

  /// What it is made of.
  public let configuration: Configuration
  /// D, `[r, in]`.
  public let down: Parameter
  /// U, `[out, r]`.
  public let up: Parameter
  /// G, `[out, in]`.
  public let gate: Parameter?
  /// R, `[out, in]`.
  public let residual: Parameter?

  /// α / r.
  public var scale: Float { Float(configuration.alpha / Double(configuration.rank)) }

  /// A fresh adapter: D normal with σ = 1/√in and U zero, so that the layer computes at first what it computed before; with
  /// `initialisation` all matrices are drawn from it instead (LoLA-SpecViT draws U too).
  public init(
    _ scope: ParameterScope, input: Int, output: Int, _ configuration: Configuration,
    initialisation: Initialisation? = nil
  ) {
    self.configuration = configuration
    let rank = configuration.rank
    down = scope["lora_down"].parameter(
      "weight", [rank, input], initialisation ?? .normal(1 / Double(input).squareRoot()))
    up = scope["lora_up"].parameter("weight", [output, rank], initialisation ?? .constant(0))
    gate =
      configuration.isGated
      ? scope["lora_gate"].parameter("weight", [output, input], initialisation ?? .normal(0.02)) : nil
    residual =
      configuration.isGated
      ? scope["lora_residual"].parameter("weight", [output, input], initialisation ?? .constant(0)) : nil
  }

  var parameters: [Parameter] { [down, up, gate, residual].compactMap { $0 } }

  /// `(α/r) U D`, [out, in].
  var product: Tensor {
    let (output, rank, input) = (up.shape[0], up.shape[1], down.shape[1])
    let result = Tensor(uninitialised: [output, input])
    Products.multiply(
      up.value.pointer, .none, down.value.pointer, .none, result.output, m: output, n: input, k: rank, scale: scale)
    return result
  }

  /// Adds what a gradient of the folded matrix `W + (α/r) U D + R` means for U, D and R.
  func accumulate(foldedGradient gradient: UnsafePointer<Float>) {
    let (output, rank, input) = (up.shape[0], up.shape[1], down.shape[1])
    if up.isTrainable {
      up.accumulate {
        Products.multiply(
          gradient, .none, down.value.pointer, .transposed, $0, m: output, n: rank, k: input, scale: scale, keep: 1)
      }
    }
    if down.isTrainable {
      down.accumulate {
        Products.multiply(
          up.value.pointer, .transposed, gradient, .none, $0, m: rank, n: input, k: output, scale: scale, keep: 1)
      }
    }
    if let residual, residual.isTrainable {
      residual.accumulate { sum in for i in 0..<(output * input) { sum[i] += gradient[i] } }
    }
  }
}
