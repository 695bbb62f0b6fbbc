import Foundation
import Testing

@testable import HSIReport

@Suite struct HTMLReportTests {
  @Test func pageIsSelfContainedWellFormedAndEscaped() throws {
    let report = MockRun.report()
    let page = HTMLReport.page(report, figures: try MockRun.figures(encode: StoredPNG.encode))
    // To look at it: HSI_REPORT_PREVIEW=/tmp/report.html swift test --filter HTMLReportTests
    if let path = ProcessInfo.processInfo.environment["HSI_REPORT_PREVIEW"] {
      try page.write(to: URL(fileURLWithPath: path))
    }
    let text = String(decoding: page, as: UTF8.self)
    #expect(!text.contains("<script") && !text.contains("<link") && !text.contains("@import"))
    for match in text.matches(of: #/(?:src|href)="([^"]{0,12})/#) {
      #expect(match.1.hasPrefix("data:image/p"), "\(match.1)")
    }
    #expect(
      !text.contains("Water <shallow>") && text.contains("Water &lt;shallow&gt; &amp; &quot;clear&quot;"))
    #expect(!text.contains("X-Amz-Signature=abc") && !text.contains("user:pw"))
    #expect(text.contains("3 warnings") == false && text.contains("W-WL-UNITS"))
    try MarkupCheck.check(text)
  }

  @Test func pageWithoutPicturesOrOptionalParts() throws {
    var report = MockRun.report()
    report.convergence = nil
    report.residual = nil
    report.endmembers = []
    report.channels = []
    let text = String(decoding: HTMLReport.page(report, figures: UnmixingBody.Figures()), as: UTF8.self)
    #expect(!text.contains("<img") && !text.contains("Convergence"))
    try MarkupCheck.check(text)
  }
}

/// What holds for every page.
enum MarkupCheck {
  /// Every element is closed in order, and identifiers are unique.
  static func check(_ text: String) throws {
    let void: Set<Substring> = ["meta", "img", "br"]
    var open: [Substring] = []
    for match in text.matches(of: #/<(/?)([a-zA-Z0-9]+)(?:\s[^>]*?)?(/?)>/#) {
      let name = match.2
      if match.1 == "/" {
        #expect(open.popLast() == name)
      } else if match.3 != "/", !void.contains(name) {
        open.append(name)
      }
    }
    #expect(open.isEmpty, "\(open)")
    let identifiers = text.matches(of: #/\sid="([^"]+)"/#).map { $0.1 }
    #expect(Set(identifiers).count == identifiers.count)
  }
}
