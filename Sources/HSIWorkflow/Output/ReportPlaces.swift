/// Where a job leaves its reports.
public struct ReportPlaces: Sendable {
  /// The JSON report; `-` hands it back as `JobResult.text`.
  public var json: String?
  /// The self-contained HTML page.
  public var html: String?

  /// No report unless named.
  public init(json: String? = nil, html: String? = nil) {
    self.json = json
    self.html = html
  }

  /// True when a report is wanted in any form.
  var isWanted: Bool { json != nil || html != nil }
}
