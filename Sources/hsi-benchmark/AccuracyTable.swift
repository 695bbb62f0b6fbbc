import Foundation
import HSICore

/// The accuracy records as a page of documentation.
struct AccuracyTable {
  let records: [Accuracy.Record]
  let command: String
  let date: Date

  private var scenes: [String] {
    (SceneCollection.names + SceneCollection.drawn).filter { name in records.contains { $0.scene == name } }
  }
  private var counts: [Int] { Set(records.map(\.bad)).sorted() }
  private var labels: [String] {
    Accuracy.methods.map(\.label).filter { label in records.contains { $0.method == label } }
  }

  /// The page.
  var markdown: String {
    let seeds = Set(records.map(\.seed)).count
    let machine =
      "\(ProcessInfo.processInfo.operatingSystemVersionString), \(RunContext.availableThreads) cores"
    var text = """
      # Accuracy of blind unmixing

      Made by `\(command)` on \(ISO8601DateFormatter().string(from: date)) (\(machine)); up to \(seeds) seeds, corrupted \
      channels \(counts.map(String.init).joined(separator: ", ")), \(records.count) runs. Every run is in the JSON file \
      beside this page.

      Every method starts from the same `RobustStart` (threshold 0.4, VCA seed = case seed), has the same δ₀ (0.1 for raw
      pixels, 1 for unit length) and, where it has a sparsity weight, the weight that the discrepancy rule finds; no
      method sees the truth. RRLbS-V has no such choices. Seeds vary noise, synthetic spectra and abundances, which
      channels are spoiled and how (uniform noise, strong additive noise, half saturated, zeros), and VCA's directions.
      Abundance errors are after the assignment of least error; spectral angles are on the uncorrupted channels. Cases
      of one scene are not independent.

      Raw and unit-length pixels are separate tables, because the references follow different conventions (Samson's maps
      fit pixels of unit length, Moffett's fit raw ones).


      """
    text += defaultTable
    for unitLength in [false, true] {
      text += "## \(unitLength ? "Pixels of unit length" : "Raw pixels")\n\n"
      text += "Abundance RMSE, mean ± standard deviation over seeds and conditions; SAD in radians.\n\n"
      text += sceneTable(unitLength)
      text += "\nAbundance RMSE by number of corrupted channels, mean over scenes.\n\n"
      text += conditionTable(unitLength)
      text += "\n" + comparison(unitLength) + "\n"
    }
    text += "## Time\n\nSeconds per run, median over cases: " + times + "\n"
    return text
  }

  /// What `hsi unmix --count K` runs beside the best of all other rows of both conventions.
  private var defaultTable: String {
    let runs = records.filter { $0.method == Accuracy.defaultLabel }
    guard !runs.isEmpty else { return "" }
    var text = "## The default\n\n"
    text +=
      "What `hsi unmix SCENE OUT --count K` runs: the method `auto`, which chooses raw or unit-length pixels and the method "
      + "from the scene. Beside it the best row of the two tables below, chosen with the truth in hand.\n\n"
    text +=
      "| scene | default | unit length chosen | best single method | of the same runs, default within 2 % or better |\n"
    text += "|---|---|---|---|---|\n"
    var totals: (own: [Double], best: [Double]) = ([], [])
    // Rows of fewer cases are no rivals.
    let labels = labels.filter { select($0, true).count >= select(self.labels[0], true).count }
    for scene in scenes {
      let own = runs.filter { $0.scene == scene }
      let rows = labels.flatMap { label in
        [false, true].map { (label, $0, select(label, $0, scene: scene)) }
      }
      guard !own.isEmpty, let best = rows.min(by: { mean($0.2.map(\.rmse)) < mean($1.2.map(\.rmse)) }) else { continue }
      let (value, other) = (mean(own.map(\.rmse)), mean(best.2.map(\.rmse)))
      let held = own.count { run in
        guard let rival = best.2.first(where: { $0.seed == run.seed && $0.bad == run.bad }) else { return false }
        return run.rmse <= 1.02 * rival.rmse
      }
      let unit = own.count(where: \.unitLength)
      text += String(format: "| %@ | %.3f±%.3f | ", scene, value, deviation(own.map(\.rmse)))
      text += "\(unit) of \(own.count) | \(best.0), \(best.1 ? "unit length" : "raw"), "
      text += String(format: "%.3f | %d of %d |\n", other, held, own.count)
      totals.own.append(value)
      totals.best.append(other)
    }
    text += String(format: "| mean | %.4f | | %.4f | |\n", mean(totals.own), mean(totals.best))
    let fixed = labels.flatMap { label in
      [false, true].map { unit in
        (label, unit, mean(scenes.map { mean(select(label, unit, scene: $0).map(\.rmse)) }))
      }
    }
    if let best = fixed.min(by: { $0.2 < $1.2 }) {
      text += String(
        format:
          "\nThe best single row over all scenes, \(best.0) on \(best.1 ? "unit-length" : "raw") pixels: %.4f.\n\n",
        best.2)
    }
    return text
  }

  private func select(_ label: String, _ unitLength: Bool, scene: String? = nil, bad: Int? = nil) -> [Accuracy.Record] {
    records.filter {
      $0.method == label && $0.unitLength == unitLength && (scene == nil || $0.scene == scene)
        && (bad == nil || $0.bad == bad)
    }
  }

  private func sceneTable(_ unitLength: Bool) -> String {
    var text = "| method | " + scenes.joined(separator: " | ") + " | mean | SAD |\n"
    text += "|---|" + String(repeating: "---|", count: scenes.count + 2) + "\n"
    let means = labels.map { label in
      scenes.map { mean(select(label, unitLength, scene: $0).map(\.rmse)) }
    }
    for (i, label) in labels.enumerated() {
      let cells = scenes.enumerated().map { j, scene -> String in
        let values = select(label, unitLength, scene: scene).map(\.rmse)
        guard !values.isEmpty else { return "–" }
        let cell = String(format: "%.3f±%.3f", mean(values), deviation(values))
        let best = means.map { $0[j] }.filter { $0 > 0 }.min() ?? 0
        return means[i][j] <= best + 5e-4 ? "**\(cell)**" : cell
      }
      let angles = scenes.map { mean(select(label, unitLength, scene: $0).map(\.sad)) }
      text += "| \(label) | " + cells.joined(separator: " | ")
      text +=
        cells.contains("–") ? " | – | – |\n" : String(format: " | %.4f | %.3f |\n", mean(means[i]), mean(angles))
    }
    let cases = scenes.map { String(select(labels[0], unitLength, scene: $0).count) }
    // Rows that were measured on fewer cases say so.
    for label in labels where select(label, unitLength).count < select(labels[0], unitLength).count {
      text += "| cases of \(label) | "
      text += scenes.map { String(select(label, unitLength, scene: $0).count) }.joined(separator: " | ") + " | | |\n"
    }
    return text + "| cases (seeds × conditions) | " + cases.joined(separator: " | ") + " | | |\n"
  }

  private func conditionTable(_ unitLength: Bool) -> String {
    var text = "| method | " + counts.map { "\($0) bad" }.joined(separator: " | ") + " |\n"
    text += "|---|" + String(repeating: "---|", count: counts.count) + "\n"
    for label in labels {
      let cells = counts.map { count -> String in
        guard scenes.allSatisfy({ !select(label, unitLength, scene: $0, bad: count).isEmpty }) else { return "–" }
        return String(
          format: "%.4f",
          mean(scenes.map { mean(select(label, unitLength, scene: $0, bad: count).map(\.rmse)) }))
      }
      text += "| \(label) | " + cells.joined(separator: " | ") + " |\n"
    }
    return text
  }

  /// How often the RRLbS methods are better or worse than the others by more than 2 %, case by case.
  private func comparison(_ unitLength: Bool) -> String {
    var text =
      "Cases won : lost (RMSE smaller : larger by more than 2 %):\n\n| against | rrlbs | rrlbs-v |\n|---|---|---|\n"
    for other in labels where other != "rrlbs" && other != "rrlbs-v" {
      var cells: [String] = []
      for own in ["rrlbs", "rrlbs-v"] {
        var (won, lost) = (0, 0)
        let rivals = select(other, unitLength)
        for a in select(own, unitLength) {
          guard let b = rivals.first(where: { $0.scene == a.scene && $0.seed == a.seed && $0.bad == a.bad }) else {
            continue
          }
          if a.rmse < 0.98 * b.rmse { won += 1 }
          if a.rmse > 1.02 * b.rmse { lost += 1 }
        }
        cells.append("\(won) : \(lost)")
      }
      text += "| \(other) | " + cells.joined(separator: " | ") + " |\n"
    }
    return text
  }

  private var times: String {
    labels.map { label in
      let values = records.filter { $0.method == label }.map(\.seconds).sorted()
      return "\(label) \(String(format: "%.2f", values.isEmpty ? 0 : values[values.count / 2]))"
    }.joined(separator: ", ") + "."
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }

  private func deviation(_ values: [Double]) -> Double {
    let centre = mean(values)
    return (values.reduce(0) { $0 + ($1 - centre) * ($1 - centre) } / Double(max(1, values.count - 1)))
      .squareRoot()
  }
}
