import CKernels
import Foundation

/// A rule that turns gradients into changes of weights.
public enum OptimiserRule: Sendable, Equatable {
  /// Adam (Kingma, Ba 2015); weight decay is added to the gradient.
  case adam(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0)
  /// AdamW (Loshchilov, Hutter 2019): weights shrink by rate · decay beside the step.
  case adamW(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01)
  /// Stochastic gradient descent, `v ← μ v + g`, `w ← w − rate · v`.
  case sgd(momentum: Double = 0.9, weightDecay: Double = 0)
}

/// Applies a rule to the weights of a network, with its moments and step counts.
///
/// Weights without a gradient since the last `step` are left alone, moments and step count included, as PyTorch does. The
/// state can be saved and restored exactly: training that resumes ends with the same weights.
public final class Optimiser {
  /// Weights that share a rate.
  public struct Group {
    /// Name for logs and schedules.
    public var name: String
    /// The weights.
    public var parameters: [Parameter]
    /// Factor on the learning rate.
    public var rateFactor: Double

    /// A group with the given factor on the rate.
    public init(_ name: String, _ parameters: [Parameter], rateFactor: Double = 1) {
      self.name = name
      self.parameters = parameters
      self.rateFactor = rateFactor
    }
  }

  /// The rule.
  public let rule: OptimiserRule
  /// The groups.
  public let groups: [Group]
  private var moments: [String: Moments] = [:]

  private struct Moments {
    var steps = 0
    var first: Tensor
    var second: Tensor?
  }

  /// An optimiser without history.
  public init(_ rule: OptimiserRule, _ groups: [Group]) {
    self.rule = rule
    self.groups = groups
  }

  /// An optimiser of one group.
  public convenience init(_ rule: OptimiserRule, _ parameters: [Parameter]) {
    self.init(rule, [Group("weights", parameters)])
  }

  /// √Σg² over all gradients, in double precision.
  public var gradientNorm: Double {
    var sum = 0.0
    for parameter in groups.flatMap(\.parameters) {
      if let gradient = parameter.gradient { sum += Elementwise.sumOfSquares(gradient) }
    }
    return sum.squareRoot()
  }

  /// Scales all gradients so that their norm is at most `limit`; returns the norm before.
  @discardableResult
  public func clipGradients(toNorm limit: Double) -> Double {
    let norm = gradientNorm
    guard norm > limit else { return norm }
    let factor = Float(limit / (norm + 1e-6))
    for parameter in groups.flatMap(\.parameters) {
      parameter.updateGradient { for i in $0.indices { $0[i] *= factor } }
    }
    return norm
  }

  /// Changes all weights that have a gradient, and forgets the gradients.
  public func step(rate: Double) { step(rates: groups.map { _ in rate }) }

  /// The same with a rate for each group, and gradients that count as if scaled to a norm of at most `clipNorm`, which costs
  /// no pass over them. Returns their norm, 0 without a limit.
  @discardableResult
  public func step(rates: [Double], clipNorm: Double? = nil) -> Double {
    precondition(rates.count == groups.count)
    let norm = clipNorm == nil ? 0 : gradientNorm
    let factor = clipNorm.map { norm > $0 ? $0 / (norm + 1e-6) : 1 } ?? 1
    for (group, rate) in zip(groups, rates) {
      for parameter in group.parameters where parameter.isTrainable {
        if let gradient = parameter.gradient {
          apply(gradient, scale: factor, to: parameter, rate: rate * group.rateFactor)
        }
        parameter.clearGradient()
      }
    }
    return norm
  }

  private func apply(_ gradient: Tensor, scale: Double, to parameter: Parameter, rate: Double) {
    let usesSecond = if case .sgd = rule { false } else { true }
    var state =
      moments.removeValue(forKey: parameter.name)
      ?? Moments(first: .zeros(parameter.shape), second: usesSecond ? .zeros(parameter.shape) : nil)
    state.steps += 1
    state.first.withMutableValues { first in
      parameter.update { weights in
        guard let first = first.baseAddress, let weights = weights.baseAddress else { return }
        switch rule {
        case .sgd(let momentum, let decay):
          hsi_sgd_step(rate, momentum, decay, scale, 0, weights, gradient.pointer, gradient.count, first)
        case .adam(let beta1, let beta2, let epsilon, let decay),
          .adamW(let beta1, let beta2, let epsilon, let decay):
          let isDecoupled = if case .adamW = rule { true } else { false }
          state.second?.withMutableValues { second in
            guard let second = second.baseAddress else { return }
            var settings = hsi_adam(
              learning_rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, weight_decay: decay,
              decoupled: isDecoupled ? 1 : 0, gradient_scale: scale, step: state.steps)
            hsi_adam_step(&settings, weights, gradient.pointer, gradient.count, first, second)
          }
        }
      }
    }
    moments[parameter.name] = state
  }

  // MARK: - State

  /// The moments and step counts as named tensors, for a checkpoint.
  public var state: [(name: String, value: Tensor)] {
    moments.keys.sorted().flatMap { name -> [(String, Tensor)] in
      guard let state = moments[name] else { return [] }
      return [("\(name).steps", Tensor([1], [Float(state.steps)])), ("\(name).first", state.first)]
        + (state.second.map { [("\(name).second", $0)] } ?? [])
    }
  }

  /// Restores what `state` gave; tensors of other names are ignored.
  public func restore(_ tensor: (String) throws -> Tensor?) rethrows {
    for parameter in groups.flatMap(\.parameters) {
      guard let steps = try tensor("\(parameter.name).steps"), let first = try tensor("\(parameter.name).first"),
        first.count == parameter.value.count
      else { continue }
      moments[parameter.name] = Moments(
        steps: Int(steps.values[0]), first: first.reshaped(parameter.shape),
        second: try tensor("\(parameter.name).second")?.reshaped(parameter.shape))
    }
  }
}
