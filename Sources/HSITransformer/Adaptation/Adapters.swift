import HSICore

/// The register of adapters: one line per kind. Text, files, `hsi model merge` and every network follow from it.
public enum Adapters {
  /// What makes adapters of every kind, the default first.
  public static let kinds: [any AdapterConfiguration.Type] = [
    LowRankAdapter.Configuration.self,
    GatedLowRankAdapter.Configuration.self,
    ChannelAdapter.Configuration.self,
  ]

  /// What a text such as `lora:r=8,alpha=16` names; without a kind (`r=8`) it is the first one.
  ///
  /// - Parameter option: what the text was given for, named in errors.
  /// - Throws: `CoreError.invalidParameter`.
  public static func parse(_ text: String, option: String) throws -> any AdapterConfiguration {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    // A name alone stands for the usual settings, settings alone for the default kind.
    let isName = parts.count == 2 || kinds.contains { $0.kind == text }
    let name = isName ? String(parts[0]) : kinds[0].kind
    guard let kind = kinds.first(where: { $0.kind == name }) else {
      throw CoreError.invalidParameter(
        name: option, value: text,
        requirement: "of a known kind: " + kinds.map { "\($0.kind):\($0.grammar)" }.joined(separator: ", "))
    }
    return try kind.init(
      AdapterOptions(
        isName && parts.count == 1 ? "" : parts[parts.count - 1], of: text, option: option, known: names(kind.grammar),
        grammar: alternatives(kind.grammar)))
  }

  /// The same where only one kind can be used.
  public static func parse<Configuration: AdapterConfiguration>(
    _ text: String, as kind: Configuration.Type, option: String
  ) throws -> Configuration {
    guard let configuration = try parse(text, option: option) as? Configuration else {
      throw CoreError.invalidParameter(name: option, value: text, requirement: "of the kind \(kind.kind)")
    }
    return configuration
  }

  /// Whether a tensor belongs to an adapter, by its name.
  public static func isAdapter(tensor name: String) -> Bool { place(ofTensor: name) != nil }

  /// The place of the adapter that a tensor belongs to, nil for tensors of no kind.
  static func place(ofTensor name: String) -> String? {
    for kind in kinds {
      for tensor in kind.tensors where name.hasSuffix(tensor) {
        let place = name.dropLast(tensor.count)
        if place.isEmpty || place.hasSuffix(".") { return String(place.dropLast()) }
      }
    }
    return nil
  }

  /// What lies at a place of a file; nil where there is no adapter.
  ///
  /// - Throws: `TransformerError` for a damaged one.
  public static func configuration(at place: String, in source: AdapterSource) throws -> (any AdapterConfiguration)? {
    for kind in kinds { if let found = try kind.init(at: place, in: source) { return found } }
    return nil
  }

  /// The n-th place (from 0) of adapters beside a layer whose first place is `place`: `P`, `P.adapters.1`, `P.adapters.2` …
  static func place(_ number: Int, at place: ParameterScope) -> ParameterScope {
    number == 0 ? place : place["adapters"][number]
  }

  /// The layer's place of an adapter's, and its number there: P, 2 of `P.adapters.2`.
  static func layer(of place: String) -> (place: String, number: Int) {
    let parts = place.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[parts.count - 2] == "adapters", let number = Int(parts[parts.count - 1]), number > 0
    else { return (place, 0) }
    return (parts.dropLast(2).joined(separator: "."), number)
  }

  /// `r=RANK[,alpha=NUMBER]`: r, alpha.
  private static func names(_ grammar: String) -> [String] {
    grammar.split(whereSeparator: { "[],".contains($0) }).compactMap { $0.split(separator: "=").first.map(String.init) }
  }

  /// `r=RANK[,alpha=NUMBER]`: r=RANK or r=RANK,alpha=NUMBER.
  private static func alternatives(_ grammar: String) -> String {
    guard let bracket = grammar.firstIndex(of: "[") else { return grammar }
    return "\(grammar[..<bracket]) or \(grammar.filter { !"[]".contains($0) })"
  }
}

extension Sequence<Linear> {
  /// Whether any of the maps carries an adapter.
  public var hasAdapters: Bool { contains { !$0.adapters.isEmpty } }

  /// Puts an adapter beside every map that the configuration is for, behind those that it has, and returns them.
  @discardableResult
  public func attach(_ configuration: some AdapterConfiguration) -> [any Adapter] {
    let maps = Array(self)
    return maps.enumerated().filter { configuration.isAttached($0.offset, of: maps.count) }
      .map { $0.element.attach(configuration) }
  }

  /// Puts adapters of one kind that a file has at the first place of maps beside them, behind those that the maps have; their values
  /// are loaded with the other parameters.
  ///
  /// - Throws: `TransformerError` for the first damaged one.
  func attachAdapters(
    of kind: any AdapterConfiguration.Type, from source: AdapterSource
  ) throws -> [any Adapter] {
    try compactMap { linear in
      guard let configuration = try kind.init(at: linear.nextPlace.path, in: source) else { return nil }
      return linear.attach(configuration)
    }
  }

  /// Puts the adapters that a file has beside the maps; their values are loaded with the other parameters. Those that a map
  /// carries already stay.
  ///
  /// - Throws: `TransformerError` for the first damaged one.
  @discardableResult
  public func attachAdapters(from source: AdapterSource) throws -> [any Adapter] {
    var attached: [any Adapter] = []
    for linear in self {
      for number in 0... {
        let place = Adapters.place(number, at: linear.scope)
        guard let configuration = try Adapters.configuration(at: place.path, in: source) else { break }
        if !linear.places.contains(place.path) { attached.append(linear.attach(configuration, at: place)) }
      }
    }
    return attached
  }

  /// Folds all adapters into the weights beside them, as far as they are matrices; see `Linear.foldAdapters`.
  ///
  /// - Returns: true when nothing but matrices was there.
  @discardableResult
  public func foldAdapters() -> Bool { reduce(true) { $1.foldAdapters() && $0 } }

  /// What a file must say about the adapters beside their tensors: under `KEY` what the first one has, under `KEY.PLACE`
  /// what differs from it.
  public var adapterMetadata: [String: String] {
    var result: [String: String] = [:]
    for linear in self {
      for (place, adapter) in zip(linear.places, linear.adapters) {
        for (key, value) in (adapter.configuration as any AdapterConfiguration).metadata {
          if let first = result[key] {
            if first != value { result["\(key).\(place)"] = value }
          } else {
            result[key] = value
          }
        }
      }
    }
    return result
  }
}
