import HSICore

/// Makes networks sparse: what of their weights can be pruned, and by which rule of each.
///
///     let plan = Pruning(.groups(kept: 2, of: 4), of: network.store)
///     plan.apply(to: network.store)
///     let trainer = Trainer(task, rule: SparseTraining(plan, of: network.store))
public struct Pruning: Sendable, Equatable {
  /// What was asked for.
  public let pattern: PruningPattern
  /// The rule of every parameter that is pruned, by its name.
  public let rules: [String: PruningRule]
  /// Weights of the parameters that are pruned, and how many of them stay.
  public let count, kept: Int

  /// Under which model cards say the pattern.
  public static let key = "pruning"

  /// The plan for a network: matrices and kernels with at least a group of inputs are pruned; biases, norms, tables, adapters, and
  /// kernels that see one channel only stay.
  public init(_ pattern: PruningPattern, of store: ParameterStore) {
    self.pattern = pattern
    let least =
      switch pattern {
      case .groups(_, let group): group
      case .density: 2
      }
    let pruned = store.parameters.filter { $0.role == .weight && $0.shape.count >= 2 && $0.shape[1] >= least }
    count = pruned.reduce(0) { $0 + $1.value.count }
    switch pattern {
    case .groups(let kept, let group):
      rules = Dictionary(uniqueKeysWithValues: pruned.map { ($0.name, .groups(kept: kept, of: group)) })
      self.kept = pruned.reduce(0) {
        $0 + $1.value.count / max($1.shape[1], 1) * ($1.shape[1] / group * kept + $1.shape[1] % group)
      }
    case .density(let share):
      let shares = ErdosRenyi.densities(pruned.map(\.shape), density: share)
      let counts = zip(pruned, shares).map { max(1, Int(clamping: ($1 * Double($0.value.count)).rounded())) }
      rules = Dictionary(uniqueKeysWithValues: zip(pruned, counts).map { ($0.name, .largest($1)) })
      kept = counts.reduce(0, +)
    }
  }

  /// Zeroes what does not stay.
  public func apply(to store: ParameterStore) {
    for parameter in store.parameters { conform(parameter) }
  }

  /// The same for one parameter.
  func conform(_ parameter: Parameter) {
    if let rule = rules[parameter.name] { parameter.set(rule.kept(parameter.value)) }
  }
}

extension ModelCard {
  /// The pattern that weights were pruned by, as users write it; nil where they were not.
  public var pruning: String? {
    get { configuration?[Pruning.key] }
    set {
      var settings = configuration ?? [:]
      settings[Pruning.key] = newValue
      if configuration != nil || newValue != nil { configuration = settings }
    }
  }

  /// What a file holds: without zeros, where weights were pruned.
  ///
  /// - Throws: `TransformerError` for a damaged file that a tensor lies in.
  public func packed(
    _ contents: [(name: String, content: SafetensorsWriter.Content)]
  ) throws -> [(name: String, content: SafetensorsWriter.Content)] {
    pruning == nil ? contents : try SparseStorage.packed(contents)
  }
}
