import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIUnmixing

/// Chooses the spectra of a library of classes that stand best for their classes.
///
/// ```swift
/// var job = OptimiseSpectraJob(library: "roofs.sli", output: "few.sli", classes: "level_2")
/// job.criterion = .ear
/// print(try job.run(RunContext()).text ?? "")
/// ```
public struct OptimiseSpectraJob: Sendable {
  /// The library.
  public var library: String
  /// The spectra that are kept: CSV for names that end so, else `.sli`, `.hdr` and `.csv`.
  public var output: String
  /// Where the classes come from, as for `UnmixMethodRequest.classes`.
  public var classes: String?
  /// What spectra are chosen by.
  public var criterion = EndmemberMeasures.Criterion.ear
  /// Spectra of every class; without effect on `ies`.
  public var perClass = 3
  /// RMSE up to which a spectrum counts as modelled, in reflectance.
  public var maxRMSE = 0.025
  /// Table of all measures (`.csv`); nil for none.
  public var table: String?
  /// Whether existing files may be replaced.
  public var overwrites = false

  /// The three spectra of every class with the least average RMSE.
  public init(library: String, output: String, classes: String?) {
    self.library = library
    self.output = output
    self.classes = classes
  }

  /// Does the work; the text of the result lists what was kept.
  ///
  /// - Throws: the errors of reading and writing, `CoreError.invalidParameter`, `CoreError.memory`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    guard perClass > 0, maxRMSE > 0, maxRMSE.isFinite else {
      throw CoreError.invalidParameter(
        name: perClass > 0 ? "\(option: "max rmse")" : "\(option: "per class")",
        value: "\(perClass > 0 ? maxRMSE : Double(perClass))",
        requirement: "a number above 0")
    }
    let read = try SpectralLibraryFile.read(library, context: context)
    let (assigned, files) = try LibraryClasses.assign(classes, to: read, path: library)
    let kept = assigned.indices.filter { assigned[$0] != nil }
    if kept.count < assigned.count {
      context.warn("W-LIB-CLASS", "\(library): \(assigned.count - kept.count) spectra have no class and are left out")
    }
    // Measured on the bands that all of them have; written with all.
    let good = (0..<read.bands).filter { band in
      read.axis.good[band] && kept.allSatisfy { read.values[$0 * read.bands + band].isFinite }
    }
    guard !good.isEmpty else {
      throw RasterError.inconsistent(
        path: library, reason: "no band has a value in every spectrum", advice: "remove spectra with gaps")
    }
    let needed = Int.product(48, kept.count, kept.count)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(purpose: "comparing \(kept.count) spectra", needed: needed, budget: context.memory.bytes)
    }
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read([library] + files)
    for file in SpectraOutput.files(output) { plan.write(file) }
    plan.write(table)
    try plan.check()
    let own = try ClassLibrary(
      read.selecting(kept).selecting(bands: good), classes: kept.compactMap { assigned[$0] })
    let unit = MESMA.unit(of: own.spectra)
    let measures = EndmemberMeasures(own, maxRMSE: maxRMSE * unit)
    let chosen = measures.best(perClass, by: criterion)
    let places = chosen.map { kept[own.places[$0]] }.sorted()
    let written = try SpectraOutput.write(
      read.selecting(places), to: output, overwrite: overwrites, inputs: plan.protected)
    var outputs = written.map { ReportOutput(path: $0, content: "spectra") }
    let rows = OptimiseSpectraJob.rows(measures, Set(chosen))
    if let table {
      let text = ([OptimiseSpectraJob.header] + rows.map(\.cells)).map {
        $0.map(OptimiseSpectraJob.field).joined(separator: ",")
      }
      try plan.store(Data((text.joined(separator: "\n") + "\n").utf8), at: table)
      outputs.append(ReportOutput(path: table, content: "measures"))
    }
    var result = JobResult(
      outputs: outputs,
      text: TextTable.text(
        [OptimiseSpectraJob.header.dropLast()] + rows.filter(\.isChosen).map { $0.cells.dropLast() }, left: [0, 1]))
    result.summary =
      "\(places.count) of \(kept.count) spectra by \(criterion.rawValue), kappa "
      + String(format: "%.3f", measures.kappa(chosen))
    return result
  }

  private static let header = ["spectrum", "class", "ear", "masa_deg", "modelled_inside", "modelled_outside", "chosen"]

  private struct Row {
    var cells: [String]
    var isChosen: Bool
  }

  private static func rows(_ measures: EndmemberMeasures, _ chosen: Set<Int>) -> [Row] {
    let library = measures.library
    let (ear, masa, counts) = (measures.averageRMSE, measures.averageAngle, measures.counts)
    return library.membership.indices.map { j in
      Row(
        cells: [
          library.spectra.names[j], library.classes[library.membership[j]], String(format: "%.5g", ear[j]),
          String(format: "%.3f", masa[j] * 180 / .pi), "\(counts.inside[j])", "\(counts.outside[j])",
          chosen.contains(j) ? "1" : "0",
        ], isChosen: chosen.contains(j))
    }
  }

  private static func field(_ text: String) -> String {
    let text = SpreadsheetText.guarded(text)
    guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
    return "\"\(text.replacingOccurrences(of: "\"", with: "\"\""))\""
  }
}
