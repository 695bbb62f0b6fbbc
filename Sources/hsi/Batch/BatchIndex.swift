import Foundation
import HSIKit

/// The page over a job, from its records and the reports that its steps wrote; nothing is run.
struct BatchIndex {
  /// Longest side of a small picture.
  private static let thumbnail = 220
  /// Pictures are shown of so many items, so that the page can be opened.
  private static let picturedItems = 300

  let plan: BatchPlan
  let status: BatchStatus
  /// The page, absolute.
  let path: String
  let context: RunContext

  /// Makes the page.
  ///
  /// - Throws: `CoreError.cancelled`.
  func page() throws -> JobPage {
    var items: [JobPage.Item] = []
    for (index, item) in status.items.enumerated() {
      try context.checkCancellation()
      items.append(describe(item, hasPictures: index < BatchIndex.picturedItems))
      context.progress.report(phase: "reading reports", fraction: Double(index + 1) / Double(status.items.count))
    }
    var page = JobPage(job: status.job, items: items)
    page.facts = [("Steps", (plan.items.first?.steps ?? []).map(\.id).joined(separator: ", "))]
    if items.count > BatchIndex.picturedItems {
      page.notes.append("Pictures are shown of the first \(BatchIndex.picturedItems) items.")
    }
    if status.damagedLines > 0 {
      page.notes.append("\(status.damagedLines) lines of the records cannot be read and are passed over.")
    }
    return page
  }

  private func describe(_ item: BatchStatus.Item, hasPictures: Bool) -> JobPage.Item {
    let seconds = item.steps.compactMap(\.seconds)
    var result = JobPage.Item(
      name: item.input, state: item.state.rawValue, seconds: seconds.isEmpty ? nil : seconds.reduce(0, +))
    result.message = item.steps.first { $0.state == .failed }.map {
      "step \($0.id), exit code \($0.exit ?? 1): \($0.message ?? "no message")"
    }
    var seen: Set<String> = []
    for step in item.steps where step.state == .done || step.state == .outdated {
      var files = step.outputs.map { ReportOutput(path: $0, content: "") }
      for name in step.outputs.flatMap(BatchIndex.reports) where seen.insert(name).inserted {
        guard let data = FileManager.default.contents(atPath: plan.job.resolved(name)),
          let digest = ReportDigest(json: data)
        else { continue }
        result.figures += digest.figures.map { (step.id, $0) }
        result.warnings += digest.warnings
        files += digest.outputs
      }
      for file in files where seen.insert("file " + file.path).inserted {
        add(file, of: step.id, to: &result, hasPictures: hasPictures)
      }
    }
    if FileManager.default.fileExists(atPath: plan.job.resolved(item.log)) {
      result.links.append(("log", address(item.log)))
    }
    return result
  }

  /// An output that may be a report, and the report that `--all` writes beside it.
  private static func reports(_ output: String) -> [String] {
    let suffix = (output as NSString).pathExtension
    if suffix.lowercased() == "json" { return [output] }
    return [(output as NSString).deletingPathExtension + "_report.json"]
  }

  private func add(_ file: ReportOutput, of step: String, to item: inout JobPage.Item, hasPictures: Bool) {
    let path = plan.job.resolved(file.path)
    guard FileManager.default.fileExists(atPath: path) else { return }
    switch (path as NSString).pathExtension.lowercased() {
    case "html": item.links.append(("\(step): report", address(file.path)))
    case "png" where hasPictures:
      guard let picture = small(path) else { return }
      item.pictures.append((file.content.isEmpty ? "\(step)" : "\(step): \(file.content)", picture))
    default: break
    }
  }

  /// A picture in the size of a thumbnail; nil for one that cannot be read.
  private func small(_ path: String) -> ReportPicture? {
    var quiet = context
    quiet.progress = SilentProgress()
    guard let reader = try? RasterFormats.open(path, context: quiet), reader.shape.bands != 2 else { return nil }
    var selection = SelectionOptions()
    selection.bands = .list(reader.shape.bands < 3 ? [0] : [0, 1, 2])
    if reader.shape.bands == 4 { selection.mask = MaskSelection(path: path, band: 3) }
    guard let source = try? FileSource(reader, selection, context: quiet),
      let image = try? Quicklook.render(
        source, limits: [ClosedRange<Float>](repeating: 0...255, count: 3), longestSide: BatchIndex.thumbnail, quiet)
    else { return nil }
    return try? ReportPicture(image, encode: PNG.encode)
  }

  /// The way from the page to a file of the job.
  private func address(_ file: String) -> String {
    func parts(_ path: String) -> [Substring] { path.split(separator: "/") }
    let target = parts(URL(fileURLWithPath: plan.job.resolved(file)).standardizedFileURL.path)
    let folder = parts(URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path)
    let common = zip(target, folder).prefix { $0 == $1 }.count
    return ([Substring](repeating: "..", count: folder.count - common) + target.dropFirst(common)).joined(
      separator: "/")
  }
}
