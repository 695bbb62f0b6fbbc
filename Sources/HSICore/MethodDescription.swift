/// What users and documents are told about a method of any task.
public struct MethodDescription: Sendable, Codable {
  /// Name on the command line, e.g. `hyres`.
  public var id: String
  /// Name in the field, e.g. `Support vector machine, radial kernel`.
  public var name: String
  /// What it does.
  public var task: MethodTask
  /// Paper: authors, title or journal, year.
  public var citation: String
  /// Cost in N pixels, L bands and what else the method has: K endmembers, m library spectra, T iterations, n training pixels,
  /// C classes, p components.
  public var cost: String
  /// When to use it, one sentence.
  public var advice: String
  /// What can be set.
  public var parameters: [ParameterDescription]
  /// Other names on the command line.
  public var aliases: [String]

  /// The public face of a method.
  public init(
    id: String, name: String, task: MethodTask, citation: String, cost: String, advice: String,
    parameters: [ParameterDescription] = [], aliases: [String] = []
  ) {
    self.id = id
    self.name = name
    self.task = task
    self.citation = citation
    self.cost = cost
    self.advice = advice
    self.parameters = parameters
    self.aliases = aliases
  }
}
