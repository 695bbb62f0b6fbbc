/// A number that a user can set with `--set NAME=VALUE`.
public struct ParameterDescription: Sendable, Codable {
  /// Name on the command line, the symbol of the paper where it has one: `lambda0`.
  public var name: String
  /// Value when the user says nothing; nil where a rule decides.
  public var defaultValue: Double?
  /// Smallest and largest value accepted.
  public var range: ClosedRange<Double>
  /// One line: what it does, and the rule where there is no fixed default.
  public var meaning: String

  /// A numeric parameter.
  public init(_ name: String, _ defaultValue: Double?, in range: ClosedRange<Double>, _ meaning: String) {
    self.name = name
    self.defaultValue = defaultValue
    self.range = range
    self.meaning = meaning
  }
}

/// Parameter values given by the user, checked against what a method declares.
public struct MethodParameters: Sendable {
  private let values: [String: Double]
  private let method: String
  private let parameters: [ParameterDescription]

  /// Checks names and ranges.
  ///
  /// - Parameters:
  ///   - values: what the user set.
  ///   - method: name of the method on the command line, for messages.
  ///   - parameters: what the method declares.
  /// - Throws: `CoreError.unknownParameter`, `CoreError.invalidParameter`.
  public init(_ values: [String: Double], method: String, parameters: [ParameterDescription]) throws {
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      guard let parameter = parameters.first(where: { $0.name == name }) else {
        throw CoreError.unknownParameter(name: name, method: method, known: parameters.map(\.name))
      }
      guard parameter.range.contains(value) else {
        throw CoreError.invalidParameter(
          name: "\(method) \(name)", value: "\(value)",
          requirement: "from \(parameter.range.lowerBound) to \(parameter.range.upperBound)")
      }
    }
    self.values = values
    self.method = method
    self.parameters = parameters
  }

  /// The value given by the user, or the default; nil where a rule decides.
  public subscript(name: String) -> Double? {
    values[name] ?? parameters.first { $0.name == name }?.defaultValue
  }

  /// The value of a parameter that has a default.
  public func value(_ name: String) -> Double {
    guard let value = self[name] else {
      preconditionFailure("\(method) declares no default for \(name)")
    }
    return value
  }

  /// True when the user gave the value.
  public func isSet(_ name: String) -> Bool { values[name] != nil }
}

extension MethodParameters {
  /// Checks names and ranges against a description.
  ///
  /// - Throws: `CoreError.unknownParameter`, `CoreError.invalidParameter`.
  public init(_ values: [String: Double], for description: MethodDescription) throws {
    try self.init(values, method: description.id, parameters: description.parameters)
  }
}
