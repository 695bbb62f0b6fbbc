import Foundation
import HSICore

/// What a body puts on the page of its report; the frame around it is that of `HTMLReport`. `lead`, `header` and
/// `sections` are markup, the others plain text.
public struct ReportPage: Sendable {
  /// What stands before the name of the subject in the title of the page, e.g. `Unmixing of`.
  public var title: String
  /// The task, above the heading.
  public var kicker: String
  /// The outcome in one paragraph.
  public var lead: String
  /// What follows it in the head; nil for the facts of the subject.
  public var header: String?
  /// Sections in order; an empty one shows nothing.
  public var sections: [String]

  /// The parts of a page.
  public init(title: String, kicker: String, lead: String, header: String? = nil, sections: [String]) {
    self.title = title
    self.kicker = kicker
    self.lead = lead
    self.header = header
    self.sections = sections
  }
}

/// A page for people: everything is inside, no script, no request to anywhere.
public struct HTMLPage: Sendable {
  /// What stands before the name in the title of the page.
  public var title: String
  /// Above the heading.
  public var kicker: String
  /// The heading.
  public var name: String
  /// The outcome in one paragraph, as markup.
  public var lead: String
  /// What follows it in the head, as markup.
  public var header: String
  /// Sections in order, as markup.
  public var sections: [String]

  /// The parts of a page; `lead`, `header` and `sections` are markup.
  public init(title: String, kicker: String, name: String, lead: String, header: String = "", sections: [String]) {
    self.title = title
    self.kicker = kicker
    self.name = name
    self.lead = lead
    self.header = header
    self.sections = sections
  }

  /// The page as UTF-8 text. Deterministic for equal input.
  ///
  /// - Parameter version: of hsi, as the generator of the page.
  public func data(version: String) -> Data {
    func e(_ text: String) -> String { Markup.escape(text) }
    let text = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
      <meta name="generator" content="hsi \(e(version))">
      <title>\(e("\(title) \(name)"))</title>
      <style>
      \(ReportStyle.css)
      </style>
      </head>
      <body>
      <main>
      <header>
      <p class="kicker">\(e(kicker))</p>
      <h1>\(e(name))</h1>
      <p class="lead">\(lead)</p>
      \(header)
      </header>
      \(sections.joined(separator: "\n"))
      </main>
      </body>
      </html>

      """
    return Data(text.utf8)
  }
}

/// The report of a run as one page for people.
public enum HTMLReport {
  /// The page as UTF-8 text. Deterministic for equal input.
  public static func page<Body>(_ report: Report<Body>, figures: Body.Figures) -> Data {
    let page = Body.page(report, figures)
    let sections =
      [PageParts.warnings(report.warnings)] + page.sections
      + [PageParts.outputs(report.outputs), PageParts.provenance(report.provenance)]
    return HTMLPage(
      title: page.title, kicker: page.kicker, name: (report.subject.path as NSString).lastPathComponent,
      lead: page.lead, header: page.header ?? PageParts.sceneFacts(report.subject), sections: sections
    ).data(version: report.provenance.version)
  }
}
