import Foundation
import HSICore

/// A page over the items of a job: where each stands, what it took, the figures that matter, pictures and links.
public struct JobPage: Sendable {
  /// One item.
  public struct Item: Sendable {
    /// The input.
    public var name: String
    /// `done`, `failed` …
    public var state: String
    /// Time that its steps took; nil where none has ended.
    public var seconds: Double?
    /// Figures, each under the name of its step.
    public var figures: [(step: String, figure: ReportFigure)] = []
    /// Files to open, as addresses from the page.
    public var links: [(title: String, address: String)] = []
    /// Small pictures with what they show.
    public var pictures: [(title: String, picture: ReportPicture)] = []
    /// What went wrong.
    public var message: String?
    /// Warnings of its reports.
    public var warnings = 0

    /// An item.
    public init(name: String, state: String, seconds: Double? = nil) {
      (self.name, self.state, self.seconds) = (name, state, seconds)
    }
  }

  /// The job file.
  public var job: String
  /// In the order of the job.
  public var items: [Item]
  /// Further facts for the head of the page.
  public var facts: [(key: String, value: String)] = []
  /// What a reader should know about the page itself.
  public var notes: [String] = []

  /// A page over some items.
  public init(job: String, items: [Item]) { (self.job, self.items) = (job, items) }

  /// Colours of states, those of the palette that deficiencies tell apart.
  private static func colour(_ state: String) -> Colour {
    switch state {
    case "done": CategoricalPalette.colour(1)
    case "failed": CategoricalPalette.colour(0)
    case "running": CategoricalPalette.colour(2)
    case "interrupted", "outdated": CategoricalPalette.colour(3)
    default: Colour(0x9AA1A8)
    }
  }

  /// The page as UTF-8 text.
  ///
  /// - Parameter version: of hsi.
  public func html(version: String) -> Data {
    let counts = Dictionary(grouping: items, by: \.state).mapValues(\.count)
    let order = ["done", "failed", "running", "interrupted", "outdated", "pending"].filter { counts[$0] != nil }
    let lead = order.map { "\(NumberText.grouped(counts[$0] ?? 0)) \($0)" }.joined(separator: ", ")
    let seconds = items.compactMap(\.seconds)
    var rows = [("Items", NumberText.grouped(items.count))]
    if !seconds.isEmpty {
      let total = seconds.reduce(0, +)
      rows.append(("Time of all items", ProgressDisplay.duration(total)))
      rows.append(("Per item", ProgressDisplay.duration(total / Double(seconds.count))))
    }
    rows += facts.map { ($0.key, $0.value) }
    let header =
      "<dl class=\"facts\">" + rows.map { "<div><dt>\(e($0.0))</dt><dd>\(e($0.1))</dd></div>" }.joined() + "</dl>"
    let failed = items.filter { $0.state == "failed" }
    let failures =
      failed.isEmpty
      ? ""
      : "<section class=\"warnings\"><h2>Failed</h2><ul>"
        + failed.map { "<li>\(e($0.name)): \(e($0.message ?? "no message"))</li>" }.joined() + "</ul></section>"
    let remarks = notes.map { "<p class=\"note\">\(e($0))</p>" }.joined()
    return HTMLPage(
      title: "Job", kicker: "Batch job", name: (job as NSString).lastPathComponent, lead: e(lead + "."),
      header: header,
      sections: [
        failures,
        "<section><h2>Items</h2>\(remarks)<div class=\"items\">\(items.map(card).joined(separator: "\n"))</div></section>",
      ]
    ).data(version: version)
  }

  private func card(_ item: Item) -> String {
    var html = "<article class=\"item\"><h3>\(PageParts.swatch(JobPage.colour(item.state).hex))\(e(item.name))</h3>"
    let time = item.seconds.map { ", \(ProgressDisplay.duration($0))" } ?? ""
    let warned = item.warnings > 0 ? ", \(item.warnings) warning\(item.warnings == 1 ? "" : "s")" : ""
    html += "<p class=\"note\">\(e(item.state + time + warned))</p>"
    if let message = item.message, item.state == "failed" { html += "<p>\(e(message))</p>" }
    if !item.pictures.isEmpty {
      let pictures = item.pictures.map { title, picture in
        "<figure>\(PageParts.image(picture, title))<figcaption>\(e(title))</figcaption></figure>"
      }
      html += "<div class=\"thumbs\">\(pictures.joined())</div>"
    }
    if !item.figures.isEmpty {
      html += PageParts.list(item.figures.map { ("\($0.step): \(JobPage.inner($0.figure.name))", $0.figure.value) })
    }
    if !item.links.isEmpty {
      let links = item.links.map { "<a href=\"\(e(JobPage.address($0.address)))\">\(e($0.title))</a>" }
      html += "<p class=\"links\">\(links.joined(separator: " "))</p>"
    }
    return html + "</article>"
  }

  /// A name inside a line: its first letter small.
  private static func inner(_ name: String) -> String { name.prefix(1).lowercased() + name.dropFirst() }

  /// A relative path as an address: what is no letter of one is escaped, and it cannot be taken for a scheme.
  private static func address(_ path: String) -> String {
    let escaped = path.addingPercentEncoding(
      withAllowedCharacters: .alphanumerics.intersection(
        CharacterSet(charactersIn: Unicode.Scalar(0)...Unicode.Scalar(127))
      )
      .union(CharacterSet(charactersIn: "/-_.~")))
    return (path.hasPrefix("/") || path.hasPrefix(".") ? "" : "./") + (escaped ?? "")
  }

  private func e(_ text: String) -> String { Markup.escape(text) }
}
