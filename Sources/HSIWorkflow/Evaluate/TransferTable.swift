import Foundation
import HSIClassification

/// Accuracy of classifiers by the bands that they learned from and mapped with, as text and JSON.
public struct TransferTable: Sendable {
  /// Figures of one run, as shares.
  public struct Figures: Sendable, Codable, Equatable {
    /// Overall accuracy.
    public var overall: Double
    /// Average accuracy of the classes.
    public var average: Double
    /// Cohen's κ.
    public var kappa: Double
    /// Mean intersection over union of the classes.
    public var meanIoU: Double

    init(_ matrix: ConfusionMatrix) {
      let accuracy = Accuracy(matrix)
      (overall, average, kappa) = (accuracy.overall, accuracy.average, accuracy.kappa)
      meanIoU = matrix.meanIntersectionOverUnion
    }
  }

  /// A classifier, what it learned from and what it mapped with.
  public struct Row: Sendable {
    /// The classifier and where it started.
    public var model: String
    /// Name of the bands that it learned from, and their number.
    public var trainedOn: String, trainedBands: Int
    /// Name of the bands that it mapped with, and their number.
    public var mappedOn: String, mappedBands: Int
    /// Whether bands of the model that the scene does not cover were taken from the nearest ones.
    public var isExtended: Bool
    /// One per run.
    public var accuracies: [Figures]

    /// Mean and deviation of a figure over the runs.
    public func spread(_ figure: (Figures) -> Double) -> Spread { Spread(accuracies.map(figure)) }
  }

  /// In the order in which they were measured.
  public let rows: [Row]
  /// Pixels that the first run learned from.
  public let trainingPixels: Int
  /// Pixels that the first run was judged on.
  public let testPixels: Int
  /// Distance between test pixels and all others.
  public let guardRadius: Int
  /// Number of classes.
  public let classes: Int

  /// A table for people.
  public var text: String {
    let runs = rows.first?.accuracies.count ?? 0
    func cell(_ row: Row, _ figure: (Figures) -> Double) -> String {
      let spread = row.spread(figure)
      let mean = String(format: "%.1f", 100 * spread.mean)
      return runs > 1 ? mean + String(format: " ± %.1f", 100 * spread.deviation) : mean
    }
    var cells = [["model", "trained on", "mapped with", "OA %", "AA %", "kappa %", "mIoU %"]]
    for row in rows {
      cells.append(
        [
          row.model, "\(row.trainedOn) (\(row.trainedBands))",
          "\(row.mappedOn) (\(row.mappedBands))\(row.isExtended ? " *" : "")", cell(row, \.overall),
          cell(row, \.average),
          cell(row, \.kappa), cell(row, \.meanIoU),
        ])
    }
    var text = "training    \(trainingPixels) pixels of \(classes) classes\n"
    text += "test        \(testPixels) pixels, \(guardRadius) or more from those that were learned from\n"
    if runs > 1 { text += "runs        \(runs): mean ± standard deviation\n" }
    text += "\n" + TextTable.text(cells, left: [0, 1, 2])
    if rows.contains(where: \.isExtended) {
      text += "* bands of the model that the scene does not cover: its nearest ones\n"
    }
    return text
  }

  /// The same as one object, every run included.
  public func json() throws -> String {
    struct Entry: Encodable {
      var model, trained_on, mapped_with: String
      var trained_bands, mapped_bands: Int
      var extended: Bool
      var runs: [[String: Double]]
    }
    struct Object: Encodable {
      var training_pixels, test_pixels, guard_radius, classes: Int
      var rows: [Entry]
    }
    let entries = rows.map { row in
      Entry(
        model: row.model, trained_on: row.trainedOn, mapped_with: row.mappedOn, trained_bands: row.trainedBands,
        mapped_bands: row.mappedBands, extended: row.isExtended,
        runs: row.accuracies.map {
          ["overall": $0.overall, "average": $0.average, "kappa": $0.kappa, "mean_iou": $0.meanIoU]
        })
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let data = try encoder.encode(
      Object(
        training_pixels: trainingPixels, test_pixels: testPixels, guard_radius: guardRadius, classes: classes,
        rows: entries))
    return String(decoding: data, as: UTF8.self)
  }
}
