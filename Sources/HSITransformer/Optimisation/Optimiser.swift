/// Applies a rule to the weights of a network, with what it remembers about each of them.
///
/// Weights without a gradient since the last `step` are left alone, memory and step count included, as PyTorch does. The
/// state can be saved and restored exactly: training that resumes ends with the same weights.
public final class Optimiser {
  /// Weights that share rate and decay.
  public struct Group {
    /// Name for logs.
    public var name: String
    /// The weights.
    public var parameters: [Parameter]
    /// Learning rate over time, for `step(at:)`.
    public var schedule: LearningRateSchedule
    /// Factor on the learning rate.
    public var rateFactor: Double
    /// Weight decay.
    public var decay: Double

    /// A group that follows the common rate and does not decay by default.
    public init(
      _ name: String, _ parameters: [Parameter], schedule: LearningRateSchedule = .constant(1e-3),
      rateFactor: Double = 1, decay: Double = 0
    ) {
      self.name = name
      self.parameters = parameters
      self.schedule = schedule
      self.rateFactor = rateFactor
      self.decay = decay
    }
  }

  /// The rule.
  public let rule: any UpdateRule
  /// The groups.
  public let groups: [Group]
  private var states: [String: UpdateState] = [:]

  /// An optimiser without history.
  public init(_ rule: any UpdateRule, _ groups: [Group]) {
    self.rule = rule
    self.groups = groups
  }

  /// An optimiser of one group.
  public convenience init(_ rule: any UpdateRule, _ parameters: [Parameter], decay: Double = 0) {
    self.init(rule, [Group("weights", parameters, decay: decay)])
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

  /// The same with the rates of the groups' schedules.
  @discardableResult
  public func step(at time: TrainingTime, clipNorm: Double? = nil) -> Double {
    step(rates: groups.map { $0.schedule.rate(at: time) }, clipNorm: clipNorm)
  }

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
          // Taken out, so that it is changed in place.
          var state = states.removeValue(forKey: parameter.name) ?? rule.start(parameter)
          state.steps += 1
          let step = UpdateStep(gradient: gradient, scale: factor, rate: rate * group.rateFactor, decay: group.decay)
          rule.update(parameter, step, &state)
          states[parameter.name] = state
        }
        parameter.clearGradient()
      }
    }
    return norm
  }

  // MARK: - State

  /// What the rule remembers as named tensors, for a checkpoint: `NAME.steps`, `NAME.first` …
  public var state: [(name: String, value: Tensor)] {
    states.keys.sorted().flatMap { name -> [(String, Tensor)] in
      guard let state = states[name] else { return [] }
      return [("\(name).steps", Tensor([1], [Float(state.steps)]))]
        + state.tensors.map { ("\(name).\($0.name)", $0.value) }
    }
  }

  /// Restores what `state` gave; tensors of other names are ignored, parameters without history start afresh.
  ///
  /// - Throws: `TransformerError` for tensors that are not those of the rule.
  public func restore(_ tensor: (String) throws -> Tensor?) throws {
    states = [:]
    for parameter in groups.flatMap(\.parameters) {
      guard let steps = try tensor("\(parameter.name).steps") else { continue }
      var state = try rule.restored(parameter) { try tensor("\(parameter.name).\($0)") }
      state.steps = min(max(0, Int(clamping: steps.values[0])), 1 << 53)
      states[parameter.name] = state
    }
  }
}
