import HSICore

/// The method of a run: what it was told, what it found and chose.
public struct ReportMethod: Codable, Sendable {
  /// Name on the command line.
  public var id: String
  /// Name in the field.
  public var name: String
  /// `blind`, `abundance`, `sparse`, where methods of one command have different tasks.
  public var task: String?
  /// Paper.
  public var citation: String?
  /// Why this method, where it may be chosen: `given`, or the reason of the automatic choice.
  public var reason: String?
  /// Parameters and figures that the method reports, by name.
  public var settings: [String: Double]
  /// Spectral components kept, of methods that choose a number.
  public var rank: Int?
  /// Figures and choices that the method reports, by name, where they are told from parameters.
  public var facts: [String: Double]?
  /// Why the scene was returned unchanged, where it was.
  public var unchanged: String?
  /// The weights, of learned methods.
  public var model: ReportWeights?

  /// A method and its settings.
  public init(
    id: String, name: String, task: String? = nil, citation: String? = nil, reason: String? = nil,
    settings: [String: Double] = [:], rank: Int? = nil, facts: [String: Double]? = nil, unchanged: String? = nil,
    model: ReportWeights? = nil
  ) {
    self.id = id
    self.name = name
    self.task = task
    self.citation = citation
    self.reason = reason
    self.settings = settings
    self.rank = rank
    self.facts = facts
    self.unchanged = unchanged
    self.model = model
  }

  /// What a page lists of it; rows without a value are not shown.
  var rows: [(key: String, value: String)] {
    var rows = [("Method", "\(name) (\(id))"), ("Chosen", reason ?? ""), ("Source", citation ?? "")]
    rows += settings.sorted { $0.key < $1.key }.map { ($0.key, NumberText.short($0.value)) }
    if let rank { rows.append(("components kept", "\(rank)")) }
    rows += (facts ?? [:]).sorted { $0.key < $1.key }.map {
      (ReportMethod.words($0.key), NumberText.short($0.value))
    }
    if let model {
      rows.append(("Weights", model.weights))
      rows += model.card.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
    return rows
  }

  /// A name as reports in JSON have it in words: `missingBands` becomes "missing bands".
  static func words(_ name: String) -> String {
    name.reduce(into: "") { text, letter in
      if letter.isUppercase { text.append(" ") }
      text.append(contentsOf: letter.lowercased())
    }
  }
}

/// What is known about trained weights of a method.
public struct ReportWeights: Codable, Sendable {
  /// File of the weights, or `bundled`.
  public var weights: String
  /// Facts of its card by name (`architecture`, `training_data`, `licence` …).
  public var card: [String: String]

  /// A weight file and its card.
  public init(weights: String, card: [String: String]) {
    self.weights = Secrets.masked(weights)
    self.card = card
  }
}

/// A trained model that made a map.
public struct ReportModel: Codable, Sendable {
  /// The model file.
  public var path: String
  /// Name on the command line.
  public var id: String
  /// Name in the field.
  public var name: String
  /// Paper.
  public var citation: String
  /// Settings and facts of training, by name.
  public var settings: [String: String]

  /// A model.
  public init(path: String, id: String, name: String, citation: String, settings: [String: String]) {
    self.path = Secrets.masked(path)
    self.id = id
    self.name = name
    self.citation = citation
    self.settings = settings
  }

  /// What a page lists of it.
  var rows: [(key: String, value: String)] {
    [("Model", "\(name) (\(id))"), ("Source", citation), ("File", path)]
      + settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
