import HSICore

/// What of a trained network changes when it is adapted, and how: what users write as `lora:r=8`, `sara:share=0.1`,
/// `prune:2:4` or `none`.
public enum Adaptation: Sendable {
  /// An adapter beside linear maps is trained; the weights stay as they are.
  case beside(any AdapterConfiguration)
  /// The share of the weights that matter least is trained (`SaRA`).
  case within(share: Double)
  /// All weights are trained, and those of a pattern stay (`SparseTraining`).
  case pruned(PruningPattern)
  /// All weights are trained.
  case everything

  private static let sara = (kind: "sara", grammar: "share=SHARE")
  private static let prune = (kind: "prune", grammar: "KEPT:GROUP or prune:density=SHARE")
  private static let none = "none"

  /// Under which model cards of adapted networks say what was changed.
  public static let key = "adaptation"

  /// What can be written, the default first.
  public static var grammar: [String] {
    Adapters.kinds.map { "\($0.kind):\($0.grammar)" } + [
      "\(sara.kind):\(sara.grammar)", "\(prune.kind):\(prune.grammar)", none,
    ]
  }

  /// Reads what a user wrote; without a kind (`r=8`) it is `lora`.
  ///
  /// - Parameter option: what the text was given for, named in errors.
  /// - Throws: `CoreError.invalidParameter`.
  public init(_ text: String, option: String) throws {
    if text == Adaptation.none {
      self = .everything
      return
    }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if parts[0] == Adaptation.prune.kind {
      self = .pruned(try PruningPattern(parts.count == 2 ? String(parts[1]) : "2:4", option: option))
      return
    }
    guard parts[0] == Adaptation.sara.kind else {
      let isSettings = parts.count == 1 && !Adapters.kinds.contains { $0.kind == text } && text.contains("=")
      guard isSettings || Adapters.kinds.contains(where: { $0.kind == parts[0] }) else {
        throw CoreError.invalidParameter(
          name: option, value: text, requirement: "of a known kind: " + Adaptation.grammar.joined(separator: ", "))
      }
      self = .beside(try Adapters.parse(text, option: option))
      return
    }
    var share = 0.1
    if parts.count == 2 {
      let grammar = Adaptation.sara.grammar
      share =
        try AdapterOptions(parts[1], of: text, option: option, known: ["share"], grammar: grammar)["share"] ?? share
    }
    guard share <= 1 else {
      throw CoreError.invalidParameter(name: option, value: text, requirement: "a share above 0 and at most 1")
    }
    self = .within(share: share)
  }

  /// The same as a user would write it.
  public var text: String {
    switch self {
    case .beside(let configuration): configuration.text
    case .within(let share): "\(Adaptation.sara.kind):share=\(share)"
    case .pruned(let pattern): "\(Adaptation.prune.kind):\(pattern.text)"
    case .everything: Adaptation.none
    }
  }

  /// Whether files of what was adapted hold all weights of the network.
  public var isWhole: Bool {
    switch self {
    case .beside, .within: false
    case .pruned, .everything: true
    }
  }

  /// What stays of the weights, where some are pruned.
  public var pattern: PruningPattern? {
    guard case .pruned(let pattern) = self else { return nil }
    return pattern
  }

  /// Whether the adapted network is one of the base's own shape once everything is folded.
  public var isFoldable: Bool {
    guard case .beside(let configuration) = self else { return true }
    return type(of: configuration).isMatrix
  }

  /// Makes a network ready to be adapted: puts adapters beside its maps, and says what is trained and by which rule.
  ///
  /// - Parameters:
  ///   - linears: maps that may get an adapter.
  ///   - isHead: parameters that are trained whole in any case, such as a last layer for new classes.
  public func begin(
    _ linears: some Sequence<Linear>, _ store: ParameterStore, head isHead: (Parameter) -> Bool = { _ in false }
  ) -> AdaptationPlan {
    switch self {
    case .beside(let configuration):
      let added = Set(linears.attach(configuration).flatMap { $0.parameters.map(\.name) })
      store.train { added.contains($0.name) || isHead($0) }
      return AdaptationPlan(rule: nil, kept: added.union(store.trainable.map(\.name)), of: store)
    case .within(let share):
      store.train { _ in true }
      let head = Set(store.parameters.filter { !$0.isBuffer && isHead($0) }.map(\.name))
      let rest = store.trainable.filter { !head.contains($0.name) }
      let threshold = SaRA.threshold(share: share, of: rest)
      return AdaptationPlan(
        rule: SaRA(threshold: threshold, whole: head), kept: head, changed: rest, of: store)
    case .pruned(let pattern):
      store.train { _ in true }
      let pruning = Pruning(pattern, of: store)
      let rule = SparseTraining(pruning, of: store)
      pruning.apply(to: store)
      return AdaptationPlan(rule: rule, kept: Set(store.trainable.map(\.name)), of: store)
    case .everything:
      store.train { _ in true }
      return AdaptationPlan(rule: nil, kept: Set(store.trainable.map(\.name)), of: store)
    }
  }
}

extension Adaptation {
  /// Gives a network with the weights of the base what `AdaptationPlan.contents` held; adapters stay beside its maps.
  ///
  /// - Parameters:
  ///   - isHead: parameters that the file has whole.
  ///   - isIgnored: names in the file that belong to none.
  /// - Throws: `TransformerError` for tensors that are missing, do not fit, or are of something else.
  public func load(
    _ file: WeightFile, _ linears: some Sequence<Linear>, _ store: ParameterStore, head isHead: (Parameter) -> Bool,
    isIgnored: (String) -> Bool = { _ in false }
  ) throws {
    var added = Set<String>()
    if case .beside(let configuration) = self {
      added = Set(
        try linears.attachAdapters(of: type(of: configuration), from: AdapterSource(file)).flatMap {
          $0.parameters.map(\.name)
        })
      guard !added.isEmpty else { throw TransformerError.noAdapter(path: file.path) }
    }
    func isStored(_ parameter: Parameter) -> Bool {
      if self.isWhole { return !parameter.isBuffer }
      return added.contains(parameter.name) || isHead(parameter)
    }
    try store.load(file, only: { isStored($0) || ($0.role == .statistic && file[$0.name] != nil) }) {
      isIgnored($0) || SparseDifference.target(of: $0).map { store[$0] != nil } ?? false
    }
    for parameter in store.parameters {
      let changes = try SparseDifference.changes(of: parameter.name, count: parameter.value.count, in: file)
      if let changes { parameter.update { for (place, value) in changes { $0[place] = value } } }
    }
  }
}

/// How a network that `Adaptation.begin` has made ready is trained, and what of it is kept beside its base.
public struct AdaptationPlan {
  /// The rule of the optimiser that must be used; nil for that of the task.
  public let rule: (any UpdateRule)?
  /// Parameters that are kept whole.
  private let kept: Set<String>
  /// Values at the start, of parameters of which the difference is kept, and of running statistics.
  private let start, statistics: [String: Tensor]

  fileprivate init(
    rule: (any UpdateRule)?, kept: Set<String>, changed: [Parameter] = [], of store: ParameterStore
  ) {
    (self.rule, self.kept) = (rule, kept)
    func values(_ parameters: [Parameter]) -> [String: Tensor] {
      Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.value) })
    }
    start = values(changed)
    statistics = values(store.parameters.filter { $0.role == .statistic })
  }

  /// What a file holds that turns the base into the adapted network: whole parameters, running statistics that changed, and of the
  /// others the values that changed.
  public func contents(
    of store: ParameterStore
  ) -> [(name: String, content: SafetensorsWriter.Content)] {
    store.contents {
      kept.contains($0.name) || statistics[$0.name].map { [value = $0.value] in $0.values != value.values } ?? false
    }
      + SparseDifference.contents(store.parameters) { start[$0] }
  }
}
