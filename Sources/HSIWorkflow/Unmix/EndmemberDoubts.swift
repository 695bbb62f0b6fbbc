import Foundation
import HSICore
import HSIReport
import HSISpectral
import HSIUnmixing

/// What speaks against endmembers that were found: names that mean nothing, two of a kind, single pixels.
enum EndmemberDoubts {
  /// Two endmembers closer than this (1.7°, in radians) are one: library minerals that are told apart lie at 4° and more.
  static let duplicate = 0.03
  /// An endmember that is the largest in no more pixels than this, and nearly pure in one of them, is an outlier.
  static let outlierPixels = 2.0

  /// Warns of endmembers that resemble no library spectrum.
  static func warnOfNames(
    _ endmembers: SpectralLibrary, _ matches: [NameEndmembers.Match?], _ context: RunContext
  ) {
    let far = matches.enumerated().compactMap { k, match in
      match.flatMap { $0.isAccepted ? nil : (endmembers.names[k], $0) }
    }
    guard !far.isEmpty else { return }
    let list = far.map { name, match in
      let next = match.runnerUp.map { ", then \($0.name) at \(degrees($0.angle))" } ?? ""
      return "\(name) (nearest: \(match.name) at \(degrees(match.angle))\(next))"
    }
    context.warn(
      "W-NAMES",
      "\(far.count) of \(endmembers.count) endmembers lie further than \(degrees(NameEndmembers.limit)) from every library "
        + "spectrum and keep their numbers: \(list.joined(separator: "; "))")
  }

  /// Warns of pairs of endmembers that are hardly different.
  static func warnOfDuplicates(_ endmembers: SpectralLibrary, used: [Bool]? = nil, _ context: RunContext) {
    let channels = (0..<endmembers.bands).filter { used?[$0] ?? true }
    let spectra = (0..<endmembers.count).map { k in channels.map { endmembers.values[k * endmembers.bands + $0] } }
    var pairs: [String] = []
    for i in spectra.indices {
      for j in (i + 1)..<max(i + 1, spectra.count) {
        let angle = SpectralDistance.angle(spectra[i], spectra[j])
        if angle < duplicate { pairs.append("\(endmembers.names[i]) and \(endmembers.names[j]) (\(degrees(angle)))") }
      }
    }
    guard !pairs.isEmpty else { return }
    context.warn(
      "W-DUPLICATES",
      "endmembers that are hardly different: \(pairs.joined(separator: ", ")); fewer endmembers may do, or brightness varies "
        + "and \(option: "normalise") helps")
  }

  /// Warns of endmembers that occur in one or two pixels only.
  static func warnOfOutliers(
    _ names: [String], _ statistics: [AbundanceStatistics], pixels: Int, _ context: RunContext
  ) {
    let single = zip(names, statistics).filter {
      $1.dominantShare * Double(pixels) <= outlierPixels + 0.5 && $1.maximum > 0.9
    }
    guard pixels > 100, !single.isEmpty else { return }
    context.warn(
      "W-OUTLIERS",
      "\(single.map(\.0).joined(separator: ", ")): the largest abundance in no more than \(Int(clamping: outlierPixels)) pixels; "
        + "outliers rather than materials, or one endmember too many")
  }

  private static func degrees(_ angle: Double) -> String {
    "\((angle * 180 / .pi).formatted(.number.precision(.fractionLength(0...1))))°"
  }
}
