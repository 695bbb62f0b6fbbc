/// A low-rank adapter (LoRA) beside a linear layer or 1 × 1 convolution.
///
///     y = W x + b + (α/r) · U (D x)
///
/// `D` = `lora_down.weight` [r, in], `U` = `lora_up.weight` [out, r]. Extra cost of a row: 2 r (in + out). Source: Hu et al.
/// 2021, "LoRA: low-rank adaptation of large language models", arXiv 2106.09685.
public final class LowRankAdapter: Adapter {
  /// Rank, scale, dropout.
  public struct Configuration: AdapterConfiguration {
    public static let kind = "lora"
    public static let grammar = "r=RANK[,alpha=NUMBER]"
    public static let tensors = LowRankPair.tensors
    public static let requiredToFold = [LowRankPair.alphaKey]

    /// Rank r.
    public var rank: Int
    /// Scale α; the product is multiplied by α / r.
    public var alpha: Double
    /// Probability with which an input value of the adapter is dropped in training.
    public var dropout: Double
    /// What both matrices are drawn from; nil: D normal with σ = 1/√in, U zero.
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

    /// α where the file says it, else 2r. A pair with a gate or a residual is of another kind.
    public init?(at place: String, in source: AdapterSource) throws {
      let others = GatedLowRankAdapter.Configuration.own.map { AdapterSource.name(place, $0) }
      guard others.allSatisfy({ source.shape($0) == nil }), let rank = try LowRankPair.rank(at: place, in: source)
      else {
        return nil
      }
      self.init(rank: rank, alpha: source.number(LowRankPair.alphaKey, at: place))
    }

    public var text: String { "\(kind):r=\(rank),alpha=\(alpha)" }

    public var metadata: [String: String] { [LowRankPair.alphaKey: "\(alpha)"] }

    public func make(_ scope: ParameterScope, input: Int, output: Int) -> any Adapter {
      LowRankAdapter(scope, input: input, output: output, self)
    }
  }

  public let configuration: Configuration
  private let pair: LowRankPair

  /// An adapter at a scope.
  public init(_ scope: ParameterScope, input: Int, output: Int, _ configuration: Configuration) {
    self.configuration = configuration
    pair = LowRankPair(
      scope, input: input, output: output, rank: configuration.rank, alpha: configuration.alpha,
      dropout: configuration.dropout, initialisation: configuration.initialisation,
      startsUpAtZero: configuration.startsUpAtZero)
  }

  /// D, `[r, in]`.
  public var down: Parameter { pair.down }
  /// U, `[out, r]`.
  public var up: Parameter { pair.up }

  public func parameters(of part: AdapterPart) -> [Parameter] { part == .thin ? [down, up] : [] }

  public func isMatrix(_ tape: Tape) -> Bool { !pair.drops(tape) }

  public func add(_ part: AdapterPart, to matrix: inout Tensor) { if part == .thin { pair.add(to: &matrix) } }

  public func accumulate(_ part: AdapterPart, matrixGradient gradient: UnsafePointer<Float>) {
    if part == .thin { pair.accumulate(matrixGradient: gradient) }
  }

  public func forward(_ x: Tensor, rows: Int, _ tape: Tape, addingTo y: Tensor) -> (any AdapterPass)? {
    let step = pair.low(x, rows: rows, tape)
    pair.high(step.low, rows: rows, keep: 1, y)
    return Pass(pair: pair, step: step, rows: rows)
  }

  private struct Pass: AdapterPass {
    let pair: LowRankPair
    let step: LowRankPair.Step
    let rows: Int

    func backward(_ gradient: Tensor, x: Tensor, inputGradient: inout Tensor?) {
      pair.backward(gradient, step, x: x, rows: rows, inputGradient: &inputGradient)
    }
  }

  public func fold(into matrix: inout Tensor) -> [Parameter] {
    pair.fold(into: &matrix, alpha: configuration.alpha)
    return [down, up]
  }
}

extension AdapterConfiguration where Self == LowRankAdapter.Configuration {
  /// Plain LoRA: rank 8, α = 2r by default.
  public static func lora(
    rank: Int = 8, alpha: Double? = nil, dropout: Double = 0, initialisation: Initialisation? = nil
  ) -> Self { Self(rank: rank, alpha: alpha, dropout: dropout, initialisation: initialisation) }
}
