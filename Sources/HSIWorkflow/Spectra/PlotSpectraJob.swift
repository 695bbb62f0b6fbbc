import Foundation
import HSICore
import HSIRaster
import HSIReport

/// Draws a spectral library: an SVG, a PNG, or a page with a table.
public struct PlotSpectraJob: Sendable {
  /// The library, a spectrum, or a folder of spectra.
  public var library: String
  /// The picture, a name that ends in `.svg`, `.png` or `.html`.
  public var output: String
  /// Parts of the names of the spectra that are shown; empty for all.
  public var selected: [String] = []
  /// Whether an existing file may be replaced.
  public var overwrites = false

  /// A picture of a library.
  public init(library: String, output: String) { (self.library, self.output) = (library, output) }

  /// Does the work.
  ///
  /// - Throws: `CoreError.invalidParameter` for another extension and names that are not there; the errors of reading and
  ///   writing.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let kind = (output as NSString).pathExtension.lowercased()
    guard ["svg", "png", "html", "htm"].contains(kind) else {
      throw CoreError.invalidParameter(
        name: "the picture", value: output, requirement: "a name that ends in .svg, .png or .html")
    }
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read([library])
    plan.write(output)
    try plan.check()
    let all = try SpectralLibraryFile.read(library, context: context)
    let page = SpectraPage(try SpectraChoice.named(selected, in: all), path: library)
    let data =
      switch kind {
      case "svg": Data(page.chart.svgFile(width: 972, height: 420).utf8)
      case "png": try PNG.encode(page.chart.picture(width: 972, height: 420, scale: 2))
      default: page.html(version: Toolkit.version)
      }
    try plan.store(data, at: output)
    return JobResult(outputs: [ReportOutput(path: output, content: "picture of spectra")])
  }
}

/// Spectra of a library by parts of their names.
public enum SpectraChoice {
  /// The spectra whose names hold one of some words, whatever the letter case; all where there is no word.
  ///
  /// - Throws: `CoreError.invalidParameter` where no name holds one.
  public static func named(_ words: [String], in library: SpectralLibrary) throws -> SpectralLibrary {
    let wanted = words.map { $0.trimmingCharacters(in: .whitespaces).lowercased() }.filter { !$0.isEmpty }
    guard !wanted.isEmpty else { return library }
    let kept = library.names.indices.filter { i in wanted.contains { library.names[i].lowercased().contains($0) } }
    guard !kept.isEmpty else {
      throw CoreError.invalidParameter(
        name: "\(option: "select")", value: words.joined(separator: ","), requirement: "part of a name in the library")
    }
    return library.selecting(kept)
  }
}
