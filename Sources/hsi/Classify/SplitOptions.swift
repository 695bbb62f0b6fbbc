import ArgumentParser
import HSIKit

/// How labelled pixels are divided.
struct SplitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How: disjoint (blocks with a guard band), random, or fixed (the same number per class).", valueName: "scheme"))
  var scheme = "disjoint"

  @Option(name: .customLong("train"), help: "Pixels to learn from: a share (10%), or a number; per class with fixed.")
  var training = "10%"

  @Option(help: "Share of pixels to choose settings by, e.g. 5%.")
  var validation = "0%"

  @Option(
    name: .customLong("guard"),
    help: "Distance in pixels between test pixels and all others: half the patch of the model.")
  var guardRadius: Int?

  /// The request, with a radius where none was given.
  func request(defaultGuard: Int) throws -> SplitRequest {
    guard let kind = SplitRequest.Scheme(rawValue: scheme) else {
      throw CoreError.invalidParameter(
        name: "--scheme", value: scheme,
        requirement: "one of " + (SplitRequest.Scheme.allCases.map(\.rawValue) + ["file (hsi classify split)"]).joined(separator: ", "))
    }
    guard let amount = SplitRequest.Amount(training) else {
      throw CoreError.invalidParameter(
        name: "--train", value: training, requirement: "a share such as 10% or a number of pixels from 1")
    }
    var share = 0.0
    if !["0", "0%"].contains(validation) {
      guard case .share(let value)? = SplitRequest.Amount(validation), value < 0.9 else {
        throw CoreError.invalidParameter(
          name: "--validation", value: validation, requirement: "a share such as 5%, below 90%")
      }
      share = value
    }
    let radius = guardRadius ?? defaultGuard
    guard (0...10_000).contains(radius) else {
      throw CoreError.invalidParameter(name: "--guard", value: "\(radius)", requirement: "from 0 to 10000 pixels")
    }
    return SplitRequest(scheme: kind, training: amount, validation: share, guardRadius: radius)
  }

  /// Writes a split as a raster of roles.
  static func write(
    _ split: Split, like metadata: CubeMetadata, to path: String, options: OutputOptions, _ context: RunContext
  ) throws -> [String] {
    try context.writeClasses(
      { Float(split.roles[$0].rawValue) }, lines: split.lines, samples: split.samples, classes: PixelRole.entries,
      type: .uint8, name: "split", like: metadata, summary: split.facts.text, to: path, options: options)
  }

  /// Pixels of each class by role, as a table.
  static func table(_ split: Split, _ labels: LabelMap) -> String {
    let roles: [PixelRole] = [.training, .validation, .test, .guardBand]
    let counts = roles.map { split.counts($0, of: labels) }
    var rows = [["value", "class", "labelled"] + roles.map(\.name)]
    for (index, value) in labels.classes.values.enumerated() {
      rows.append(
        ["\(value)", labels.classes.names[index], "\(labels.counts[index])"] + counts.map { "\($0[index])" })
    }
    rows.append(["", "all", "\(labels.labelled)"] + counts.map { "\($0.reduce(0, +))" })
    return TextTable.text(rows, left: [1])
  }
}

/// Columns of text.
enum TextTable {
  /// Rows of equal length, right-aligned but for the columns in `left`.
  static func text(_ rows: [[String]], left: Set<Int> = []) -> String {
    guard let columns = rows.first?.count else { return "" }
    let widths = (0..<columns).map { c in rows.map { $0[c].count }.max() ?? 0 }
    return rows.map { row in
      let line = row.enumerated().map { c, cell in
        let space = String(repeating: " ", count: widths[c] - cell.count)
        return left.contains(c) ? cell + space : space + cell
      }.joined(separator: "  ")
      return line.replacing(/\ +$/, with: "") + "\n"
    }.joined()
  }
}
