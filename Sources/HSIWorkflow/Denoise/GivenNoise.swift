import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIRestoration
import HSITransformer

/// Standard deviations of the noise that the user knows.
enum GivenNoise {
  /// The level of every processed band.
  ///
  /// A file holds one number per band of the scene or per processed band, separated by white space, commas or
  /// semicolons; of lines with several columns, one per band, the last column counts. Lines that begin with `#` and a
  /// heading are skipped.
  ///
  /// - Parameters:
  ///   - bands: the processed bands, 0-based.
  ///   - total: bands of the scene.
  /// - Throws: `RasterError.notFound`, `RasterError.inconsistent`, `RestorationError.unusableNoise`.
  static func levels(_ noise: NoiseRequest, bands: [Int], total: Int) throws -> NoiseLevels {
    let text: String
    switch noise {
    case .level(let sigma):
      return NoiseLevels(standardDeviations: [Double](repeating: sigma, count: bands.count))
    case .file(let path): text = path
    }
    let values = try numbers(in: text, counts: [total, bands.count])
    let levels = values.count == total ? bands.map { values[$0] } : values
    if let place = levels.firstIndex(where: { !($0.isFinite && $0 >= 0) }) {
      throw RestorationError.unusableNoise(
        detail: "\(text) has \(levels[place]) for band \(bands[place] + 1)")
    }
    return NoiseLevels(standardDeviations: levels)
  }

  private static func numbers(in path: String, counts: [Int]) throws -> [Double] {
    guard FileManager.default.fileExists(atPath: path) else { throw RasterError.notFound(path: path) }
    let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int ?? 0
    guard size <= 4 << 20, let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw RasterError.unreadable(path: path, reason: "it is no text of noise levels")
    }
    var rows: [[Double]] = []
    for (number, line) in text.split(whereSeparator: \.isNewline).enumerated() {
      if line.hasPrefix("#") { continue }
      let words = line.split { $0.isWhitespace || $0 == "," || $0 == ";" }
      let values = words.compactMap { Double($0) }
      if values.count < words.count, rows.isEmpty { continue }
      guard values.count == words.count else {
        throw RasterError.unreadable(path: path, reason: "line \(number + 1) holds more than numbers")
      }
      if !values.isEmpty { rows.append(values) }
    }
    let all = rows.flatMap { $0 }
    if counts.contains(all.count) { return all }
    if counts.contains(rows.count) { return rows.compactMap(\.last) }
    throw RasterError.inconsistent(
      path: path,
      reason:
        "it has \(all.count) noise levels but the scene has \(counts[0]) bands, of which \(counts[1]) are used",
      advice: "give one number per band")
  }
}
