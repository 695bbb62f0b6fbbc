import HSIClassification
import HSICore
import HSIRaster

/// Splits of labelled pixels as rasters: 1 training, 2 validation, 3 test, 4 guard band, 0 none.
public enum SplitRaster {
  /// A split on the pixels of labels or a scene.
  ///
  /// - Throws: `ClassificationError.grid` for another size, `.badLabels` for values that are no role.
  public static func read(
    _ path: String, lines: Int, samples: Int, window: PixelWindow? = nil, _ context: RunContext
  ) throws -> (split: Split, files: [String]) {
    let (reader, cube) = try ClassRaster.band(of: path, variable: nil, nodata: nil, context)
    guard (reader.shape.lines, reader.shape.samples) == (lines, samples) else {
      throw ClassificationError.grid(
        path: path,
        reason:
          "it has \(reader.shape.lines) lines × \(reader.shape.samples) samples but the labels \(lines) × \(samples)",
        advice: "make the split from these labels with hsi classify split")
    }
    var roles = [PixelRole](repeating: .none, count: lines * samples)
    for (row, place) in cube.positions.enumerated() {
      let value = cube.pixels[row, 0]
      guard value == value.rounded(), (0...4).contains(value), let role = PixelRole(rawValue: UInt8(value)) else {
        throw ClassificationError.badLabels(
          path: path,
          reason: "a split holds 0 to 4 but line \(Int(place) / samples), sample \(Int(place) % samples) is \(value)",
          advice: "pass a raster of hsi classify split")
      }
      roles[Int(place)] = role
    }
    let facts =
      reader.metadata.summary.flatMap { SplitFacts(parsing: $0) }
      ?? SplitFacts(scheme: "file", training: "given", validation: "given", guardRadius: 0, seed: 0)
    let whole = Split(lines: lines, samples: samples, roles: roles, facts: facts)
    return (window.map { whole.cropped(to: $0) } ?? whole, reader.files)
  }

  /// Writes a split as a raster of roles.
  public static func write(
    _ split: Split, like metadata: CubeMetadata, to path: String, options: OutputOptions, _ context: RunContext
  ) throws -> [String] {
    let claim = context.claimThreads()
    defer { claim.release() }
    return try ClassRaster.write(
      { Float(split.roles[$0].rawValue) }, lines: split.lines, samples: split.samples, classes: PixelRole.entries,
      type: .uint8, name: "split", like: metadata, summary: split.facts.text, to: path, options: options, context)
  }

  /// Pixels of each class by role, as a table.
  public static func table(_ split: Split, _ labels: LabelMap) -> String {
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
