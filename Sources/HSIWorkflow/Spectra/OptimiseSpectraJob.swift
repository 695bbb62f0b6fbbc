import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIUnmixing

/// Chooses the spectra of a library of classes that stand best for their classes, or those that a scene calls for.
///
/// ```swift
/// var job = OptimiseSpectraJob(library: "roofs.sli", output: "few.sli", classes: "level_2")
/// job.criterion = .ear
/// print(try job.run(RunContext()).text ?? "")
/// ```
public struct OptimiseSpectraJob: Sendable {
  /// What spectra are chosen by.
  public enum Criterion: String, CaseIterable, Sendable {
    /// `EndmemberMeasures.Criterion` of the same names.
    case ear, masa, cob, ies
    /// Those that a scene calls for and that are not alike (`AMUSES`), whatever their class.
    case amuses

    /// What it is among the measures of pairs; nil for `amuses`.
    var measure: EndmemberMeasures.Criterion? { EndmemberMeasures.Criterion(rawValue: rawValue) }
  }

  /// The library.
  public var library: String
  /// The spectra that are kept: CSV for names that end so, else `.sli`, `.hdr` and `.csv`.
  public var output: String
  /// Where the classes come from, as for `UnmixMethodRequest.classes`; `amuses` needs none.
  public var classes: String?
  /// What spectra are chosen by.
  public var criterion = Criterion.ear
  /// The scene that `amuses` chooses for, on its good bands; nil for the other criteria.
  public var scene: SceneRequest?
  /// Spectra of every class; without effect on `ies` and `amuses`.
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
    guard (scene != nil) == (criterion == .amuses) else {
      throw CoreError.invalidParameter(
        name: "\(option: "scene")", value: scene?.path ?? "not given",
        requirement: scene == nil ? "the scene that amuses chooses for" : "given with amuses alone")
    }
    let opened = try scene?.open(context)
    let read = try SpectralLibraryFile.read(library, context: context)
    let one = read.names.map { _ in String?.some("all") }
    let (assigned, files) =
      opened != nil && classes == nil ? (one, []) : try LibraryClasses.assign(classes, to: read, path: library)
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
    plan.read([library] + files + (opened?.files ?? []))
    for file in SpectraOutput.files(output) { plan.write(file) }
    plan.write(table)
    try plan.check()
    let own = try ClassLibrary(
      read.selecting(kept).selecting(bands: good), classes: kept.compactMap { assigned[$0] })
    let unit = MESMA.unit(of: own.spectra)
    let measures = EndmemberMeasures(own, maxRMSE: maxRMSE * unit)
    let pruning = try opened.map { try prune(read.selecting(kept), for: $0, context) }
    let chosen: [Int]
    if let pruning {
      let taken = Set(pruning.selection)
      chosen = own.places.indices.filter { taken.contains(own.places[$0]) }
    } else {
      chosen = measures.best(perClass, by: criterion.measure ?? .ear)
    }
    let places = chosen.map { kept[own.places[$0]] }.sorted()
    let written = try SpectraOutput.write(
      read.selecting(places), to: output, overwrite: overwrites, inputs: plan.protected)
    var outputs = written.map { ReportOutput(path: $0, content: "spectra") }
    let rows = OptimiseSpectraJob.rows(measures, Set(chosen), pruning)
    let header = OptimiseSpectraJob.header(pruning)
    if let table {
      let text = ([header] + rows.map(\.cells)).map {
        $0.map(OptimiseSpectraJob.field).joined(separator: ",")
      }
      try plan.store(Data((text.joined(separator: "\n") + "\n").utf8), at: table)
      outputs.append(ReportOutput(path: table, content: "measures"))
    }
    var result = JobResult(
      outputs: outputs,
      text: TextTable.text(
        [header.dropLast()] + rows.filter(\.isChosen).map { $0.cells.dropLast() }, left: [0, 1]))
    result.summary =
      "\(places.count) of \(kept.count) spectra by \(criterion.rawValue)"
      + (pruning.map { ", the scene as \($0.eigenvectors) eigenvectors" } ?? "")
      + (own.classes.count > 1 || pruning == nil ? String(format: ", kappa %.3f", measures.kappa(chosen)) : "")
    return result
  }

  /// The spectra that a scene calls for, on the bands that both have.
  private func prune(_ spectra: SpectralLibrary, for scene: OpenScene, _ context: RunContext) throws -> AMUSES {
    let bands = try scene.bands(default: .good)
    let fit = try LibraryFit(
      spectra, path: library, axis: scene.metadata.axis, bands: bands, needsAll: true, context: context)
    let source = try scene.source(bands: .list(fit.bands), excludesZeroSpectra: true, context)
    return try AMUSES(source, fit.library, context)
  }

  private static func header(_ pruning: AMUSES?) -> [String] {
    ["spectrum", "class", "ear", "masa_deg", "modelled_inside", "modelled_outside"]
      + (pruning == nil ? [] : ["music_distance"]) + ["chosen"]
  }

  private struct Row {
    var cells: [String]
    var isChosen: Bool
  }

  private static func rows(_ measures: EndmemberMeasures, _ chosen: Set<Int>, _ pruning: AMUSES?) -> [Row] {
    let library = measures.library
    let (ear, masa, counts) = (measures.averageRMSE, measures.averageAngle, measures.counts)
    return library.membership.indices.map { j in
      Row(
        cells: [
          library.spectra.names[j], library.classes[library.membership[j]], String(format: "%.5g", ear[j]),
          String(format: "%.3f", masa[j] * 180 / .pi), "\(counts.inside[j])", "\(counts.outside[j])",
        ] + (pruning.map { [String(format: "%.5f", $0.distances[library.places[j]])] } ?? [])
          + [chosen.contains(j) ? "1" : "0"], isChosen: chosen.contains(j))
    }
  }

  private static func field(_ text: String) -> String {
    let text = SpreadsheetText.guarded(text)
    guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
    return "\"\(text.replacingOccurrences(of: "\"", with: "\"\""))\""
  }
}
