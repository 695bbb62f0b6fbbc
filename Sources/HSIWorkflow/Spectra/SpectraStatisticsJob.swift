import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSISpectral

/// Numbers about the spectra of a library, class by class: means, deviations, and how far the spectra of a class lie apart.
///
/// ```swift
/// var job = SpectraStatisticsJob(library: "roofs.sli")
/// job.classes = "level_2"
/// job.means = "means.sli"
/// print(try job.run(RunContext()).text ?? "")
/// ```
public struct SpectraStatisticsJob: Sendable {
  /// The library.
  public var library: String
  /// Where the classes come from, as for `UnmixMethodRequest.classes`; nil for one class of all spectra.
  public var classes: String?
  /// Mean spectra of the classes (`.sli` or `.csv`); nil for none.
  public var means: String?
  /// Standard deviations (n − 1) of the classes; nil for none.
  public var deviations: String?
  /// Whether existing files may be replaced.
  public var overwrites = false

  /// Numbers about a library.
  public init(library: String) { self.library = library }

  private struct Class {
    var name: String
    var members: [Int]
  }

  /// Does the work; the text of the result is a table: spectra, mean value, and mean and largest angle between the spectra of a class and
  /// their mean in degrees. Values that a spectrum lacks do not count.
  ///
  /// - Throws: the errors of reading and writing, `CoreError.invalidParameter`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let read = try SpectralLibraryFile.read(library, context: context)
    var plan = OutputPlan(overwrites: overwrites, context)
    var groups = [Class(name: "all", members: Array(0..<read.count))]
    plan.read([library])
    if let classes {
      let (assigned, files) = try LibraryClasses.assign(classes, to: read, path: library)
      plan.read(files)
      groups = []
      for (index, name) in assigned.enumerated() {
        guard let name else { continue }
        if let place = groups.firstIndex(where: { $0.name.lowercased() == name.lowercased() }) {
          groups[place].members.append(index)
        } else {
          groups.append(Class(name: name, members: [index]))
        }
      }
      let lost = assigned.count { $0 == nil }
      if lost > 0 { context.warn("W-LIB-CLASS", "\(library): \(lost) spectra have no class and are left out") }
    }
    for file in [means, deviations].compactMap({ $0 }).flatMap(SpectraOutput.files) { plan.write(file) }
    try plan.check()
    let mean = groups.map { SpectraStatisticsJob.moments($0.members, of: read) }
    var result = JobResult()
    for (path, values, content) in [
      (means, mean.flatMap(\.mean), "mean spectra"), (deviations, mean.flatMap(\.deviation), "standard deviations"),
    ] {
      guard let path else { continue }
      let files = try SpectraOutput.write(
        SpectralLibrary(names: groups.map(\.name), axis: read.axis, values: values), to: path, overwrite: overwrites,
        inputs: plan.protected)
      result.outputs += files.map { ReportOutput(path: $0, content: content) }
    }
    var rows = [["class", "spectra", "mean", "mean angle", "largest angle"]]
    for (group, moments) in zip(groups, mean) {
      let angles = group.members.map { SpectralDistance.angle(read[$0], moments.mean) * 180 / .pi }
      let known = moments.mean.filter(\.isFinite)
      rows.append(
        [
          group.name, "\(group.members.count)",
          String(format: "%.4g", known.reduce(0, +) / Double(max(known.count, 1))),
          String(format: "%.2f°", angles.reduce(0, +) / Double(max(angles.count, 1))),
          String(format: "%.2f°", angles.max() ?? 0),
        ])
    }
    result.text = TextTable.text(rows, left: [0])
    result.summary = "\(read.count) spectra in \(groups.count) class\(groups.count == 1 ? "" : "es")"
    return result
  }

  /// Mean and standard deviation per band, of the values that there are.
  private static func moments(
    _ members: [Int], of library: SpectralLibrary
  ) -> (mean: [Double], deviation: [Double]) {
    var (means, deviations): ([Double], [Double]) = ([], [])
    for band in 0..<library.bands {
      let values = members.map { library.values[$0 * library.bands + band] }.filter(\.isFinite)
      let mean = values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
      means.append(mean)
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      deviations.append(values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : .nan)
    }
    return (means, deviations)
  }
}
