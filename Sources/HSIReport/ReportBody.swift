/// What only one task has to say in its report: members of the JSON, their schema, and sections of the page.
///
/// A new task is one file with a type that conforms, and one line in `Reports`; `PredictionBody` is the shortest. The
/// rest comes with `Report`: scene, outputs with secrets masked, warnings, provenance, JSON, `hsi schema`, the frame of
/// the page.
public protocol ReportBody: Codable, Sendable {
  /// What the report says of every channel; `Never` where it says nothing.
  associatedtype Channel: ReportChannel
  /// The pictures of the page.
  associatedtype Figures

  /// Version of the schema, raised in its first part by changes that break readers.
  static var currentVersion: String { get }

  /// The command without `hsi`, e.g. `classify predict`.
  static var command: String { get }

  /// Key of `Report.subject` in JSON; `scene` unless said otherwise.
  static var subjectKey: String { get }

  /// The schema of the body's members, channels included.
  static var schema: ReportSchema { get }

  /// What the page says between its head and the files written.
  static func page(_ report: Report<Self>, _ figures: Figures) -> ReportPage

  /// The figures that matter, most important first, for an index over many reports; none unless said otherwise.
  static func figures(_ report: Report<Self>) -> [ReportFigure]

  /// The body without what differs from run to run, such as seconds; the same unless said otherwise.
  var reproducible: Self { get }
}

extension ReportBody {
  public static var subjectKey: String { "scene" }
  public var reproducible: Self { self }
  public static func figures(_ report: Report<Self>) -> [ReportFigure] { [] }
}

/// The bodies of all reports.
public enum Reports {
  /// One per task that reports.
  public static let bodies: [any ReportBody.Type] = [
    UnmixingBody.self, RestorationBody.self, RestoreBody.self, ClassificationBody.self, PredictionBody.self,
    DetectionBody.self, MatchBody.self,
  ]

  /// Names of the schemas.
  public static var names: [String] { bodies.map { $0.schema.name } }

  /// The JSON Schema of the report of that name or command; nil where there is none.
  public static func schema(_ name: String) -> String? {
    bodies.first { $0.schema.name == name || $0.command == name }.map { $0.schema.text(for: $0) }
  }
}
