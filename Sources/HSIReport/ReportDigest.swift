import Foundation
import HSICore

/// A figure of a report with its name, as an index shows it.
public struct ReportFigure: Sendable, Hashable {
  /// What it is, a word or two.
  public var name: String
  /// The value for people, with its unit.
  public var value: String

  /// A named figure.
  public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
}

/// What an index over many runs says of one of them, from the JSON of its report.
public struct ReportDigest: Sendable {
  /// The command without `hsi`.
  public let command: String
  /// The figures that matter, most important first.
  public let figures: [ReportFigure]
  /// Files written.
  public let outputs: [ReportOutput]
  /// How many warnings there were.
  public let warnings: Int

  /// The digest of a report of any task of `Reports`; nil for other JSON, and for a report that this version cannot read.
  public init?(json: Data) {
    struct Envelope: Decodable { var command: String }
    guard let command = try? ReportCoding.decode(Envelope.self, from: json).command,
      let body = Reports.bodies.first(where: { $0.command == command }), let digest = ReportDigest.read(body, json)
    else { return nil }
    self = digest
  }

  private init<Body: ReportBody>(_ report: Report<Body>) {
    command = report.command
    figures = Body.figures(report)
    outputs = report.outputs
    warnings = report.warnings.count
  }

  private static func read<Body: ReportBody>(_: Body.Type, _ json: Data) -> ReportDigest? {
    let report =
      (try? ReportCoding.decode(Report<Body>.self, from: json))
      ?? (try? ReportCoding.decodeWithGaps(Report<Body>.self, from: json))
    return report.map { ReportDigest($0) }
  }
}

extension UnmixingBody {
  public static func figures(_ report: Report<Self>) -> [ReportFigure] {
    var list = [ReportFigure("Method", report.body.method.id)]
    list.append(ReportFigure("Endmembers", "\(report.body.endmembers.count)"))
    if let residual = report.body.residual {
      list.append(ReportFigure("Median RMSE", NumberText.short(residual.median)))
    }
    if let convergence = report.body.convergence, !convergence.converged {
      list.append(ReportFigure("Convergence", "not reached"))
    }
    return list
  }
}

extension RestorationBody {
  public static func figures(_ report: Report<Self>) -> [ReportFigure] {
    var list = [ReportFigure("Method", report.body.method.id)]
    if let before = report.median(\.noiseBefore), let after = report.median(\.noiseAfter) {
      list.append(
        ReportFigure("Noise", "\(NumberText.short(before, digits: 3)) → \(NumberText.short(after, digits: 3))"))
    }
    if let residual = report.body.residual {
      list.append(ReportFigure("Removed", NumberText.percent(residual.share)))
    }
    return list
  }
}

extension RestoreBody {
  public static func figures(_ report: Report<Self>) -> [ReportFigure] {
    var list = [ReportFigure("Task", report.body.task), ReportFigure("Method", report.body.method.id)]
    if report.body.missing > 0 {
      list.append(
        ReportFigure(
          "Missing", "\(NumberText.grouped(report.body.missing)) → \(NumberText.grouped(report.body.missingAfter))"))
    }
    if let share = report.body.heldBack?.relative {
      list.append(ReportFigure("Held-back error", NumberText.percent(share)))
    }
    return list
  }
}

extension ClassificationBody {
  public static func figures(_ report: Report<Self>) -> [ReportFigure] {
    [
      ReportFigure("Overall accuracy", NumberText.percent(report.body.overall)),
      ReportFigure("Average accuracy", NumberText.percent(report.body.average)),
      ReportFigure("Kappa", NumberText.short(report.body.kappa, digits: 3)),
    ]
  }
}

extension PredictionBody {
  public static func figures(_ report: Report<Self>) -> [ReportFigure] {
    let shares = report.body.classes.sorted { $0.pixels > $1.pixels }
    return [
      ReportFigure("Model", report.body.model.id),
      ReportFigure("Mean confidence", NumberText.percent(report.body.confidence)),
      ReportFigure(
        "Classes", shares.prefix(3).map { "\($0.name) \(NumberText.percent($0.share))" }.joined(separator: ", ")),
    ]
  }
}
