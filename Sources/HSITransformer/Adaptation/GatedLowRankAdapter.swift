import CKernels

/// The low-rank adapter of LoLA-SpecViT, with a gate of full rank and a residual matrix.
///
///     y = W x + b + σ(G x) ⊙ [(α/r) · U (D x)] + R x
///
/// `D` = `lora_down.weight` [r, in], `U` = `lora_up.weight` [out, r], `G` = `lora_gate.weight` and `R` =
/// `lora_residual.weight`, both [out, in]. The gate depends on the input: only R can be folded. Extra cost of a row:
/// 2 in · out for the gate, 2 r (in + out) for the pair. Source: Zidi et al. 2025, arXiv 2506.17759.
public final class GatedLowRankAdapter: Adapter {
  /// Rank, scale, dropout.
  public struct Configuration: AdapterConfiguration {
    public static let kind = "lora-gated"
    public static let isMatrix = false
    public static let grammar = "r=RANK[,alpha=NUMBER]"
    /// Names that no other kind has.
    static let own = ["lora_gate.weight", "lora_residual.weight"]
    public static let tensors = LowRankPair.tensors + own

    /// Rank r.
    public var rank: Int
    /// Scale α; the product is multiplied by α / r.
    public var alpha: Double
    /// Probability with which an input value of the pair (not of gate and residual) is dropped in training.
    public var dropout: Double
    /// What all matrices are drawn from (LoLA-SpecViT); nil: D normal with σ = 1/√in, G with σ = 0.02, U and R zero.
    public var initialisation: Initialisation?
    /// Whether U starts at zero whatever it is drawn from.
    public var startsUpAtZero = false

    /// Rank 8, α = 2r by default, no dropout.
    public init(rank: Int = 8, alpha: Double? = nil, dropout: Double = 0, initialisation: Initialisation? = nil) {
      self.rank = rank
      self.alpha = alpha ?? Double(2 * rank)
      self.dropout = dropout
      self.initialisation = initialisation
    }

    public init(_ options: AdapterOptions) throws { self.init(rank: try options.rank(), alpha: options["alpha"]) }

    /// α where the file says it, else 2r.
    public init?(at place: String, in source: AdapterSource) throws {
      let own = Configuration.own.map { AdapterSource.name(place, $0) }
      guard own.contains(where: { source.shape($0) != nil }) else { return nil }
      guard let rank = try LowRankPair.rank(at: place, in: source) else {
        throw TransformerError.missingTensor(
          path: source.path, tensor: AdapterSource.name(place, LowRankPair.tensors[0]), model: [], instead: nil)
      }
      self.init(rank: rank, alpha: source.number(LowRankPair.alphaKey, at: place))
    }

    public var text: String { "\(kind):r=\(rank),alpha=\(alpha)" }

    public var metadata: [String: String] { [LowRankPair.alphaKey: "\(alpha)"] }

    public func make(_ scope: ParameterScope, input: Int, output: Int) -> any Adapter {
      GatedLowRankAdapter(scope, input: input, output: output, self)
    }
  }

  public let configuration: Configuration
  /// G, `[out, in]`.
  public let gate: Parameter
  /// R, `[out, in]`.
  public let residual: Parameter
  private let pair: LowRankPair
  private let gatePack = PackedWeights()
  private let gateBackwardPack = PackedWeights()

  /// An adapter at a scope.
  public init(_ scope: ParameterScope, input: Int, output: Int, _ configuration: Configuration) {
    self.configuration = configuration
    pair = LowRankPair(
      scope, input: input, output: output, rank: configuration.rank, alpha: configuration.alpha,
      dropout: configuration.dropout, initialisation: configuration.initialisation,
      startsUpAtZero: configuration.startsUpAtZero)
    gate = scope["lora_gate"].parameter(
      "weight", [output, input], configuration.initialisation ?? .normal(0.02), role: .adapter)
    residual = scope["lora_residual"].parameter(
      "weight", [output, input], configuration.initialisation ?? .constant(0), role: .adapter)
  }

  /// D, `[r, in]`.
  public var down: Parameter { pair.down }
  /// U, `[out, r]`.
  public var up: Parameter { pair.up }

  public func parameters(of part: AdapterPart) -> [Parameter] { part == .thin ? [down, up, gate] : [residual] }

  /// Never: the gate depends on the input.
  public func isMatrix(_ tape: Tape) -> Bool { false }

  public func add(_ part: AdapterPart, to matrix: inout Tensor) {
    precondition(part == .dense, "a gated adapter is no matrix")
    Elementwise.add(residual.value, into: &matrix)
  }

  public func accumulate(_ part: AdapterPart, matrixGradient gradient: UnsafePointer<Float>) {
    precondition(part == .dense, "a gated adapter is no matrix")
    guard residual.isTrainable else { return }
    let count = residual.value.count
    residual.accumulate { sum in for i in 0..<count { sum[i] += gradient[i] } }
  }

  public func forward(_ x: Tensor, rows: Int, _ tape: Tape, addingTo y: Tensor) -> (any AdapterPass)? {
    let step = pair.low(x, rows: rows, tape)
    let product = Tensor(uninitialised: [rows, pair.output])
    pair.high(step.low, rows: rows, keep: 0, product)
    let logits = Tensor(uninitialised: [rows, pair.output])
    LinearProducts.forward(
      x.pointer, rows: rows, gate.value, gate.version, gatePack, bias: nil, residual: nil, logits.output)
    let opening = Elementwise.apply(.sigmoid, logits)
    Elementwise.add(Elementwise.multiply(opening, product), into: y)
    return Pass(adapter: self, step: step, rows: rows, product: product, opening: opening)
  }

  private struct Pass: AdapterPass {
    let adapter: GatedLowRankAdapter
    let step: LowRankPair.Step
    let rows: Int
    /// (α/r) U D x.
    let product: Tensor
    /// σ(G x).
    let opening: Tensor

    func backward(_ gradient: Tensor, x: Tensor, inputGradient: inout Tensor?) {
      let (pair, gate) = (adapter.pair, adapter.gate)
      // d/d logits of σ: σ(1 − σ).
      let logitGradient = Elementwise.backward(
        .sigmoid, Elementwise.multiply(gradient, product), input: opening, output: opening)
      if gate.isTrainable {
        let scratch = Tensor(
          uninitialised: [hsi_linear_weight_gradient_scratch_size(rows, pair.input, pair.output)])
        gate.accumulate {
          hsi_linear_weight_gradient(
            x.pointer, logitGradient.pointer, rows, pair.input, pair.output, $0, nil, scratch.output)
        }
      }
      if let target = inputGradient?.output {
        LinearProducts.dataGradient(
          logitGradient.pointer, rows: rows, gate.value, gate.version, adapter.gateBackwardPack, residual: target,
          target)
      }
      pair.backward(
        Elementwise.multiply(gradient, opening), step, x: x, rows: rows, inputGradient: &inputGradient)
    }
  }

  public func fold(into matrix: inout Tensor) -> [Parameter] {
    let values = residual.value
    matrix.withMutableValues { for i in $0.indices { $0[i] += values.pointer[i] } }
    return [residual]
  }
}

extension AdapterConfiguration where Self == GatedLowRankAdapter.Configuration {
  /// LoLA-SpecViT's adapter: rank 8, α = 2r by default.
  public static func gatedLora(
    rank: Int = 8, alpha: Double? = nil, dropout: Double = 0, initialisation: Initialisation? = nil
  ) -> Self { Self(rank: rank, alpha: alpha, dropout: dropout, initialisation: initialisation) }
}
