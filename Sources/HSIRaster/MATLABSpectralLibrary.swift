import Foundation
import HSICore

/// Spectral libraries in MATLAB files: a matrix bands × spectra (a column per spectrum).
///
/// Which matrix: `--var`; `datalib`, `library`, `EE`, `M`, `E`, `endmembers`, `A` … in this order; the only matrix.
/// Names come from a char matrix, cell array or matrix of character codes with one entry per column, or from groups
/// `lib1`, `lib2` … with `material_names`. Columns that are named as wavelength, resolution or channel become the axis.
/// A matrix with more than four columns per row whose rows are named or whose columns have wavelengths holds one
/// spectrum per row.
enum MATLABSpectralLibrary: SpectralLibraryFormat {
  static let name = "MATLAB"

  private static let knownNames = [
    "datalib", "library", "lib", "spectral_library", "EE", "M", "E", "endmembers", "Endmembers", "A", "GT",
  ]

  static func matches(_ location: RasterLocation) -> Bool { MATLABFormat.matches(location) }

  static func read(_ location: RasterLocation, options: OpenOptions, context: RunContext) throws -> SpectralLibrary {
    let path = location.given
    let container: any MATLABContainer =
      MATLABFormat.isVersion73(location.firstBytes)
      ? try MATLAB73Container(location.file, given: path)
      : MATLABFileContainer(file: try MATLABFile(location.file, limit: context.memory.bytes))
    let entry = try choice(container, wanted: options.variable ?? location.part, path: path)
    guard entry.type != nil, entry.size.count == 2 else {
      throw RasterError.unsupported(
        path: path, feature: "a library in \(entry.summary)",
        advice: "choose a matrix bands × spectra with \(option: "variable")")
    }
    guard let values = container.doubles(entry.name), values.count == entry.size[0] * entry.size[1] else {
      throw RasterError.unreadable(
        path: path, reason: "\(entry.summary) is too large for a library or damaged")
    }
    let (rows, columns) = (entry.size[0], entry.size[1])
    func column(_ index: Int) -> [Double] { Array(values[(index * rows)..<((index + 1) * rows)]) }
    func row(_ index: Int) -> [Double] { (0..<columns).map { values[$0 * rows + index] } }

    let lists = names(container)
    var found: FoundWavelengths?
    func vector(_ count: Int) -> FoundWavelengths? {
      let titles: Set<String> = ["wavelengths", "wavelength", "wavlength", "wl", "lambda", "waves", "wavs"]
      for candidate in container.entries where candidate.vectorLength == count && candidate.type != nil {
        if titles.contains(candidate.field.lowercased()), let numbers = container.doubles(candidate.name) {
          return FoundWavelengths(
            values: numbers, fwhm: nil, unit: nil, place: "variable \(candidate.name)", source: .header)
        }
      }
      return nil
    }
    let isTransposed =
      columns > rows && !lists.contains { $0.count == columns } && vector(rows) == nil
      && (lists.contains { $0.count == rows } || vector(columns) != nil || columns > 4 * rows)
    if isTransposed { context.logger.info("\(path): the rows of \(entry.name) are taken as spectra") }
    let (count, bands) = isTransposed ? (rows, columns) : (columns, rows)
    found = vector(bands)
    var titles = lists.first { $0.count == count } ?? groupNames(container, count: count) ?? []
    if titles.isEmpty { titles = (0..<count).map { "spectrum \($0 + 1)" } }

    var kept: [Int] = []
    var fwhm: [Double]?
    for index in 0..<count {
      let title = titles[index].lowercased()
      if !isTransposed, title.hasPrefix("wavelength") {
        found = FoundWavelengths(
          values: column(index), fwhm: nil, unit: nil, place: "column \(titles[index])", source: .header)
      } else if !isTransposed,
        ["resolution", "fwhm", "bandwidth", "bandpass"].contains(where: { title.hasPrefix($0) })
      {
        fwhm = column(index)
      } else if !isTransposed, title.contains("channel number") || title == "channel" {
        continue
      } else {
        kept.append(index)
      }
    }
    found?.fwhm = fwhm
    return SpectralLibraryFile.library(
      names: kept.map { titles[$0] }, values: kept.flatMap { isTransposed ? row($0) : column($0) },
      bands: bands,
      found: found, path: path, context: context)
  }

  private static func choice(_ container: any MATLABContainer, wanted: String?, path: String) throws -> MATLABEntry {
    if let wanted { return try container.entry(wanted) }
    let matrices = container.entries.filter { $0.isMatrix }
    let lists = names(container).map { $0.count }
    // A matrix with one named column per spectrum comes first: in unmixing references `A` is also used for abundances.
    let named = matrices.filter { lists.contains($0.size[1]) }
    for candidates in [named, matrices] {
      for name in knownNames {
        if let entry = candidates.first(where: { $0.name == name }) { return entry }
      }
      if candidates.count == 1 { return candidates[0] }
    }
    guard !matrices.isEmpty else {
      throw RasterError.unreadable(path: path, reason: "it holds no matrix of spectra")
    }
    throw RasterError.ambiguous(
      path: path, choices: matrices.map { $0.summary }, advice: "choose one with \(option: "variable") NAME")
  }

  /// Lists of texts: char matrices, cell arrays, and matrices of character codes called `names`.
  private static func names(_ container: any MATLABContainer) -> [[String]] {
    container.entries.compactMap { entry in
      if entry.type == nil { return container.texts(entry.name) }
      guard entry.isMatrix, entry.field.lowercased().contains("name"),
        let codes = container.doubles(entry.name),
        codes.allSatisfy({ $0 >= 0 && $0 < 65_536 && $0 == $0.rounded() })
      else { return nil }
      return MATLABFile.rows(codes.map { UInt16($0) }, rows: entry.size[0], columns: entry.size[1])
    }
  }

  /// `soil 1`, `soil 2` … where matrices `lib1`, `lib2` … make up the columns and `material_names` names them.
  private static func groupNames(_ container: any MATLABContainer, count: Int) -> [String]? {
    var sizes: [Int] = []
    while let entry = container.entries.first(where: { $0.name == "lib\(sizes.count + 1)" && $0.type != nil }) {
      sizes.append(entry.size[1])
    }
    guard !sizes.isEmpty, sizes.reduce(0, +) == count else { return nil }
    let materials = container.texts("material_names")
    return sizes.enumerated().flatMap { group, size in
      let material = materials.flatMap { $0.indices.contains(group) ? $0[group] : nil } ?? "lib\(group + 1)"
      return (1...max(size, 1)).prefix(size).map { "\(material) \($0)" }
    }
  }
}
