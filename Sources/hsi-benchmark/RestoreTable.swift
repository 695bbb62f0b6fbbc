import Foundation
import HSIKit

/// The records of `hsi-benchmark restore` as a page of documentation.
struct RestoreTable {
  typealias Record = RestoreAccuracy.Record

  let records: [Record]
  let scenes: [String]
  let command: String
  let side: Int

  private let degraded = RestoreAccuracy.degraded

  /// The page.
  var markdown: String {
    var page = """
      # Accuracy of restoration

      Made by `\(command)`; every run is in the JSON file beside this page. Denoising has a page of its own, \
      [accuracy-restoration.md](accuracy-restoration.md).

      Each scene is cut to at most \(side) × \(side) pixels and brought to [0, 1]; results are limited to [0, 1] before they are \
      measured. Every method has its default parameters, is told what a user would know (the kernel, the scale, where values are \
      missing), and estimates the noise itself. \
      Constants were chosen on other scenes, but for how strong the weight of `tv-deconvolution` begins, which was tried on Pavia \
      University, CAVE toys and HYDICE; the defaults are the winners here. `\(degraded)` is the scene as it was: \
      missing values 0, small pixels repeated. MPSNR in dB, mean over bands, strengths, seeds and scenes; MSSIM with data range 1; \
      SAM in radians; PSNR of the whole cube; seconds on one thread, where the table was made.

      Of missing values and bands MPSNR and MSSIM count the bands in which something is missing only, and "missing" is the MPSNR of \
      the missing values alone. Blur without noise, corners kept on corners, values and bands missing at random, haze and photons \
      follow the protocol of MP-HSIR; the rest is what users have: noise of σ 2 of 255 with a blur and an image that goes on beside \
      its borders, pixels that are means over areas, clouds, dead detectors.


      """
    page += reading + "\n"
    for heading in headings { page += section(heading) }
    return page
  }

  private var headings: [String] {
    unique(RestoreCase.all.map(\.heading)) { name in records.contains { $0.heading == name } }
  }

  private func unique(_ names: [String], _ isThere: (String) -> Bool) -> [String] {
    var result: [String] = []
    for name in names where !result.contains(name) && isThere(name) { result.append(name) }
    return result
  }

  private func methods(_ here: [Record]) -> [String] { unique(here.map(\.method)) { _ in true } }

  // MARK: - Reading

  /// What wins where and where it loses, from the records.
  private var reading: String {
    var text = """
      ## What wins

      Gain in MPSNR over the degraded scene, and over the best of the other methods, in dB. "worst" is the least gain of a scene over \
      all strengths and seeds of a row; below 0 the method does harm there.

      | task | degradation | best method | gain | worst | over the next | best in |
      |---|---|---|---|---|---|---|

      """
    for heading in headings {
      let here = records.filter { $0.heading == heading }
      let names = methods(here).filter { $0 != degraded }
      let ranked = names.map { name in
        (name: name, mpsnr: mean(here.filter { $0.method == name }.map(\.mpsnr)))
      }.sorted { $0.mpsnr > $1.mpsnr }
      guard let best = ranked.first, let task = here.first?.task else { continue }
      let base = mean(here.filter { $0.method == degraded }.map(\.mpsnr))
      let own = here.filter { $0.method == best.name }
      let gains = own.compactMap { record in
        partner(of: record, degraded, here).map { (scene: record.scene, gain: record.mpsnr - $0.mpsnr) }
      }
      let worst = gains.min { $0.gain < $1.gain }
      let won = own.filter { record in
        names.allSatisfy { partner(of: record, $0, here).map { $0.mpsnr <= record.mpsnr } ?? true }
      }
      text += "| \(task) | \(heading) | `\(best.name)` | \(signed(best.mpsnr - base)) | "
      text += worst.map { "\(signed($0.gain)) (\($0.scene))" } ?? ""
      text += " | " + (ranked.count > 1 ? "\(signed(best.mpsnr - ranked[1].mpsnr)) (`\(ranked[1].name)`)" : "–")
      text += " | \(won.count) of \(own.count) |\n"
    }
    let harm = headings.flatMap { heading -> [String] in
      let here = records.filter { $0.heading == heading }
      return methods(here).filter { $0 != degraded }.compactMap { name in
        let own = here.filter { $0.method == name }
        let worse = own.filter { record in partner(of: record, degraded, here).map { $0.mpsnr > record.mpsnr } ?? false
        }
        guard !worse.isEmpty else { return nil }
        let strengths = unique(worse.map(\.strength)) { _ in true }.joined(separator: "; ")
        return "- \(heading): `\(name)` in \(worse.count) of \(own.count) runs (\(strengths))."
      }
    }
    if !harm.isEmpty { text += "\nWorse than the scene as it was:\n\n" + harm.joined(separator: "\n") + "\n" }
    return text
  }

  /// The run of another method on the same scene.
  private func partner(of record: Record, _ method: String, _ here: [Record]) -> Record? {
    here.first {
      $0.method == method && $0.scene == record.scene && $0.strength == record.strength && $0.seed == record.seed
    }
  }

  // MARK: - Tables

  private func section(_ heading: String) -> String {
    let here = records.filter { $0.heading == heading }
    let strengths = unique(RestoreCase.all.filter { $0.heading == heading }.map(\.strength)) { name in
      here.contains { $0.strength == name }
    }
    let names = methods(here)
    let places = scenes.filter { name in here.contains { $0.scene == name } }
    let isPartly = here.contains { $0.hidden != nil }
    let columns =
      strengths + places + ["mean MPSNR", "MSSIM", "SAM", "PSNR"] + (isPartly ? ["missing"] : []) + ["seconds"]
    var text = "\n## \(heading)\n\n| method | " + columns.joined(separator: " | ") + " |\n"
    text += "|---|" + String(repeating: "---|", count: columns.count) + "\n"
    func cells(_ parts: [String], _ key: (Record) -> String, _ rows: [Record]) -> [String] {
      parts.map { part in
        let own = mean(rows.filter { key($0) == part }.map(\.mpsnr))
        let best = names.map { name in mean(here.filter { $0.method == name && key($0) == part }.map(\.mpsnr)) }.max()
        let cell = String(format: "%.2f", own)
        return own >= (best ?? 0) - 0.005 ? "**\(cell)**" : cell
      }
    }
    for name in names {
      let rows = here.filter { $0.method == name }
      var line = cells(strengths, \.strength, rows) + cells(places, \.scene, rows)
      line.append(String(format: "%.2f", mean(rows.map(\.mpsnr))))
      line.append(String(format: "%.3f", mean(rows.map(\.mssim))))
      line.append(String(format: "%.3f", mean(rows.map(\.sam))))
      line.append(String(format: "%.2f", mean(rows.map(\.psnr))))
      if isPartly { line.append(String(format: "%.2f", mean(rows.compactMap(\.hidden)))) }
      line.append(name == degraded ? "" : String(format: "%.2f", mean(rows.map(\.seconds))))
      text += "| \(name == degraded ? name : "`\(name)`") | " + line.joined(separator: " | ") + " |\n"
    }
    return text
  }

  private func mean(_ values: [Double]) -> Double {
    values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
  }

  private func signed(_ value: Double) -> String { String(format: "%+.2f", value) }
}
