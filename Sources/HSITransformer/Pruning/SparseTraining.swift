import CKernels
import HSICore

/// Training of a network with zeros in it by SR-STE: the network computes with the weights that stay, dense weights behind them are
/// trained, and what stays is decided anew at every update.
///
///     V = W ⊙ M(W)                           what the network sees; M keeps the largest by the rule of the parameter
///     W ← AdamW(W, ∂L/∂V + λ (1 − M) ⊙ W)    so that pruned weights can come back, and fade unless they do
///
/// Parameters without a rule are trained by AdamW alone. Memory: W and two moments. Cost: as dense training.
/// Source: Zhou et al. 2021, "Learning N:M fine-grained structured sparse neural networks from scratch", ICLR, arXiv 2102.04010.
public struct SparseTraining: UpdateRule {
  /// What stays.
  public let pruning: Pruning
  /// λ.
  public var penalty: Double
  /// AdamW.
  public var adam = AdamW()
  /// W at the beginning, by name.
  private let dense: [String: Tensor]

  /// The rule for a network whose weights are still dense; `pruning.apply` comes after it.
  ///
  /// - Parameter penalty: λ, 2·10⁻⁴ as published.
  public init(_ pruning: Pruning, of store: ParameterStore, penalty: Double = 2e-4) {
    self.pruning = pruning
    self.penalty = penalty
    dense = Dictionary(
      uniqueKeysWithValues: store.parameters.filter { pruning.rules[$0.name] != nil }.map { ($0.name, $0.value.copy()) }
    )
  }

  public var settings: String { "SR-STE \(pruning.pattern.text), penalty \(penalty), \(adam)" }

  private static let denseName = "dense"

  public func start(_ parameter: Parameter) -> UpdateState {
    var state = adam.start(parameter)
    if pruning.rules[parameter.name] != nil {
      state.tensors.append((SparseTraining.denseName, (dense[parameter.name] ?? parameter.value).copy()))
    }
    return state
  }

  public func update(_ parameter: Parameter, _ step: UpdateStep, _ state: inout UpdateState) {
    guard let rule = pruning.rules[parameter.name] else { return adam.update(parameter, step, &state) }
    var step = step
    let gradient = Tensor(uninitialised: parameter.shape)
    let count = parameter.value.count
    hsi_add_pruning_penalty(
      step.gradient.pointer, state.tensors[2].value.pointer, parameter.value.pointer, count, Float(step.scale),
      Float(penalty), gradient.output)
    (step.gradient, step.scale) = (gradient, 1)
    let weights = state.tensors[2].value.withMutableValues(\.baseAddress)
    if let weights {
      AdamKernel.update(weights, step, &state, adam.beta1, adam.beta2, adam.epsilon, isDecoupled: true)
    }
    parameter.set(rule.kept(state.tensors[2].value))
  }

  public func conform(_ parameter: Parameter) { pruning.conform(parameter) }
}
