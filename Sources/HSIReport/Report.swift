import Foundation
import HSICore

/// Everything that a run has to say: an envelope that all tasks share, and the body of the task.
///
/// In JSON the members of the body stand beside those of the envelope, in one object. Keys are snake_case, numbers that
/// are not finite become `null`, and members that are nil are left out. In Swift too a member of the body is reached
/// through the report: `report.endmembers` is `report.body.endmembers`.
@dynamicMemberLookup
public struct Report<Body: ReportBody>: Codable, Sendable {
  /// Version of the schema.
  public var version: String
  /// The command.
  public var command: String
  /// What the report is about, a scene or a map; its key in JSON is `Body.subjectKey`.
  public var subject: ReportScene
  /// All channels of the file; empty where the task has none or they are not known.
  public var channels: [Body.Channel]
  /// Files written.
  public var outputs: [ReportOutput]
  /// Warnings in order.
  public var warnings: [Warning]
  /// How the result came about.
  public var provenance: Provenance
  /// What only this task has to say.
  public var body: Body

  /// A report on one run. Secrets in the paths of outputs are masked; warnings are those of `provenance`; where runs are
  /// to be compared byte by byte (`SOURCE_DATE_EPOCH`) the body goes without what differs between them.
  public init(
    of subject: ReportScene, channels: [Body.Channel] = [], body: Body, outputs: [ReportOutput],
    provenance: Provenance
  ) {
    version = Body.currentVersion
    command = Body.command
    self.subject = subject
    self.channels = channels
    self.outputs = outputs.map { ReportOutput(path: Secrets.masked($0.path), content: $0.content) }
    warnings = provenance.warnings
    self.provenance = provenance
    self.body = provenance.elapsedS == nil ? body.reproducible : body
  }

  /// A member of the body.
  public subscript<Value>(dynamicMember path: WritableKeyPath<Body, Value>) -> Value {
    get { body[keyPath: path] }
    set { body[keyPath: path] = newValue }
  }

  /// A member of the body that is computed.
  public subscript<Value>(dynamicMember path: KeyPath<Body, Value>) -> Value { body[keyPath: path] }

  /// The JSON Schema, draft 2020-12.
  public static var schema: String { Body.schema.text(for: Body.self) }

  /// The report as JSON text.
  public func json() throws -> Data { try ReportCoding.encode(self) }

  // MARK: - One object for envelope and body

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: EnvelopeKey.self)
    version = try container.decode(String.self, forKey: .version)
    command = try container.decode(String.self, forKey: .command)
    subject = try container.decode(ReportScene.self, forKey: EnvelopeKey(stringValue: Body.subjectKey))
    channels = Self.hasChannels ? try container.decode([Body.Channel].self, forKey: .channels) : []
    outputs = try container.decode([ReportOutput].self, forKey: .outputs)
    warnings = try container.decode([Warning].self, forKey: .warnings)
    provenance = try container.decode(Provenance.self, forKey: .provenance)
    body = try Body(from: decoder)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: EnvelopeKey.self)
    try container.encode(version, forKey: .version)
    try container.encode(command, forKey: .command)
    try container.encode(subject, forKey: EnvelopeKey(stringValue: Body.subjectKey))
    if Self.hasChannels { try container.encode(channels, forKey: .channels) }
    try container.encode(outputs, forKey: .outputs)
    try container.encode(warnings, forKey: .warnings)
    try container.encode(provenance, forKey: .provenance)
    try body.encode(to: encoder)
  }

  private static var hasChannels: Bool { Body.Channel.self != Never.self }
}

/// Keys of the envelope. Not an enum, because that of the subject is the body's.
private struct EnvelopeKey: CodingKey {
  static let version = EnvelopeKey(stringValue: "version")
  static let command = EnvelopeKey(stringValue: "command")
  static let channels = EnvelopeKey(stringValue: "channels")
  static let outputs = EnvelopeKey(stringValue: "outputs")
  static let warnings = EnvelopeKey(stringValue: "warnings")
  static let provenance = EnvelopeKey(stringValue: "provenance")

  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
