import Foundation
import HSICore

/// MATLAB files: versions 4 to 7 by an own parser (`MATLABFile`), 7.3 through HDF5.
///
/// Axes of extent 1 do not count where there are more than three. Which variable is the cube, in this order: `--var`; a matrix bands × pixels whose sides the file gives (`nRow`
/// and `nCol`, `lines` and `cols`, …) or that fits `--size`; the only 3-D numeric variable, or the only one that
/// is neither a picture of bytes nor a mask (`CubeChoice`); a 3-D variable named like the file; one of the customary names; the only 2-D numeric variable (a label map, or bands × pixels of a square
/// image). Axes are rows × columns × bands; pixels of a matrix bands × pixels run down the columns.
public enum MATLABFormat: CubeFormat {
  public static let name = "MATLAB"

  public static func matches(_ location: RasterLocation) -> Bool {
    if location.isFolder { return false }
    if MATLABFile.isVersion5(location.firstBytes) { return true }
    let isNamed = location.fileExtension == "mat"
    if isNamed, isVersion73(location.firstBytes) { return true }
    return isNamed && MATLABFile.isVersion4(location.firstBytes)
  }

  /// HDF5's signature, at the start or after MATLAB's text of 512 bytes.
  static func isVersion73(_ first: [UInt8]) -> Bool {
    let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
    return [0, 512].contains { first.count >= $0 + 8 && Array(first[$0..<($0 + 8)]) == signature }
  }

  public static func open(
    _ location: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> any CubeReader {
    let container: any MATLABContainer =
      isVersion73(location.firstBytes)
      ? try MATLAB73Container(location.file, given: location.given)
      : MATLABFileContainer(file: try MATLABFile(location.file, limit: context.memory.bytes))
    var wanted = options
    if let part = location.part { wanted.variable = part }
    return try MATLABCube(container: container, options: wanted, path: location.given, context: context)
      .reader()
  }
}

/// A variable of either kind of file, without its numbers.
struct MATLABEntry {
  /// Name with dots for struct fields.
  var name: String
  /// Extents in MATLAB's order, no trailing ones beyond the second.
  var size: [Int]
  /// Type of real numeric variables, nil for everything else.
  var type: SampleType?
  /// For messages.
  var summary: String

  /// The last component of the name.
  var field: String { name.split(separator: ".").last.map(String.init) ?? name }
  /// Length of a vector, nil for other shapes.
  var vectorLength: Int? { size.count == 2 && size.contains(1) ? max(size[0], size[1]) : nil }
  var isCube: Bool { type != nil && axes.count == 3 && !size.contains(0) }
  /// The axes that count: all, or those that are longer than 1 where there are more than three.
  var axes: [Int] { ArrayAxes.counting(size) }
  var isMatrix: Bool { type != nil && size.count == 2 && size[0] > 1 && size[1] > 1 }
}

/// What the two kinds of MATLAB files have in common.
protocol MATLABContainer {
  var path: String { get }
  var format: String { get }
  /// Top-level variables.
  var entries: [MATLABEntry] { get }
  /// Fields of structs, one level down.
  func fields() -> [MATLABEntry]
  /// Fields of the struct of a name with dots; none where there is no such struct.
  func members(_ name: String) -> [MATLABEntry]
  /// The entry of a name with dots.
  func entry(_ name: String) throws -> MATLABEntry
  /// Numbers of a small variable in MATLAB's order.
  func doubles(_ name: String) -> [Double]?
  /// Texts of a char or cell variable.
  func texts(_ name: String) -> [String]?
  /// The numbers as a cube: the axes that count in the order given (rows, columns, bands), or bands × pixels of an image of so many
  /// lines.
  func source(_ name: String, pixelLines: Int?, axes: ArrayAxes?) throws -> (any CubeArraySource, AnyObject?)
}

/// The choice of the cube among the variables, and its metadata.
struct MATLABCube {
  let container: any MATLABContainer
  let options: OpenOptions
  let path: String
  let context: RunContext

  private static let knownNames = [
    "indian_pines_corrected", "indian_pines", "paviaU", "pavia", "salinas_corrected", "salinas",
    "salinasA_corrected", "salinasA", "KSC", "Botswana", "DataCube", "data", "cube", "HSI", "hsi", "ref",
    "rad", "img",
    "input",
  ]
  private static let sideNames = [
    ("nrow", "ncol"), ("lines", "cols"), ("rows", "cols"), ("lines", "samples"), ("nrows", "ncols"),
    ("height", "width"), ("h", "w"), ("nl", "nc"),
  ]

  func reader() throws -> any CubeReader {
    let (entry, lines) = try choice()
    guard entry.type != nil else {
      throw RasterError.unsupported(
        path: path, feature: "the variable \(entry.summary)",
        advice: "choose a real numeric array with \(option: "variable")"
      )
    }
    let order = try lines == nil ? axes(of: entry) : nil
    let (source, owner) = try container.source(entry.name, pixelLines: lines, axes: order)
    if entry.size.count > 3 { context.logger.info("\(path): axes of extent 1 of \(entry.summary) do not count") }
    var metadata = CubeMetadata(bands: source.shape.bands)
    if let lines {
      context.logger.info("\(path): \(entry.name) read as bands × pixels of an image of \(lines) lines")
    }
    if let found = wavelengths(entry, bands: source.shape.bands) {
      found.install(in: &metadata, path: path, context: context)
    }
    installNamed(entry, in: &metadata)
    if source.shape.bands == 1 { installClasses(in: &metadata) }
    return try ArrayReader(
      path: path, format: container.format, files: [container.path], metadata: metadata, source: source,
      owner: owner)
  }

  /// The meaning of a cube's axes where it is not rows, columns, bands: as the user says, or where only the first, or only the second,
  /// is as long as a list of wavelengths.
  private func axes(of entry: MATLABEntry) throws -> ArrayAxes? {
    if let text = options.axes { return try ArrayAxes(text, rank: entry.axes.count) }
    guard entry.isCube else { return nil }
    let extents = entry.axes.map { entry.size[$0] }
    guard numbers(beside: entry, bands: extents[2], SpectralNames.isCentre) == nil else { return nil }
    let fitting = (0..<2).filter { numbers(beside: entry, bands: extents[$0], SpectralNames.isCentre) != nil }
    guard fitting.count == 1, extents[0] != extents[1] else { return nil }
    context.logger.info(
      "\(path): axis \(fitting[0] + 1) of \(entry.name) is as long as its wavelengths and taken as the spectral one")
    return fitting == [0] ? ArrayAxes(line: 1, sample: 2, band: 0) : ArrayAxes(line: 0, sample: 2, band: 1)
  }

  /// The variable and, for a matrix bands × pixels, the lines of its image.
  private func choice() throws -> (MATLABEntry, Int?) {
    if let name = options.variable {
      let entry = try container.entry(name)
      if entry.axes.count > 3 {
        throw RasterError.unsupported(
          path: path, feature: "an array of \(entry.size.count) axes (\(entry.summary))",
          advice: "save a 3-D array of it")
      }
      return (entry, entry.isMatrix ? pixelLines(of: entry) : nil)
    }
    var all = container.entries
    if !all.contains(where: { $0.isCube || $0.isMatrix }) { all += container.fields() }
    let matrices = all.filter { $0.isMatrix && !MATLABCube.isPalette($0) }
    let bundles = matrices.filter { declaredLines(of: $0) != nil }
    if let bundle = bundles.first(where: { ["v", "y", "x"].contains($0.name.lowercased()) }) ?? bundles.first {
      return (bundle, declaredLines(of: bundle))
    }
    let cubes = all.filter { $0.isCube }
    if cubes.count == 1 { return (cubes[0], nil) }
    if let only = CubeChoice.only(cubes.map { .init(name: $0.name, dimensions: $0.size, type: $0.type) }) {
      return (cubes[only], nil)
    }
    if let named = preferred(cubes) { return (named, nil) }
    if cubes.isEmpty {
      if let matrix = matrices.first(where: { ["v", "y"].contains($0.name.lowercased()) }),
        let lines = pixelLines(of: matrix)
      {
        return (matrix, lines)
      }
      if matrices.count == 1 { return (matrices[0], pixelLines(of: matrices[0])) }
      if let named = preferred(matrices) { return (named, pixelLines(of: named)) }
    }
    if cubes.isEmpty, matrices.isEmpty, let many = all.first(where: { $0.type != nil && $0.axes.count > 3 }) {
      throw RasterError.unsupported(
        path: path, feature: "an array of \(many.size.count) axes (\(many.summary))", advice: "save a 3-D array of it")
    }
    guard !cubes.isEmpty || !matrices.isEmpty else {
      throw RasterError.unreadable(
        path: path,
        reason: "it holds no numeric image, only " + all.map { $0.summary }.joined(separator: ", "))
    }
    throw RasterError.ambiguous(
      path: path, choices: (cubes.isEmpty ? matrices : cubes).map { $0.summary },
      advice: "choose one with \(option: "variable") NAME")
  }

  private func preferred(_ entries: [MATLABEntry]) -> MATLABEntry? {
    let stem = URL(fileURLWithPath: container.path).deletingPathExtension().lastPathComponent.lowercased()
    if let entry = entries.first(where: { $0.field.lowercased() == stem }) { return entry }
    for name in MATLABCube.knownNames {
      if let entry = entries.first(where: { $0.field == name }) { return entry }
    }
    return nil
  }

  /// Lines of the image that a matrix bands × pixels holds, by the file's own numbers.
  private func declaredLines(of entry: MATLABEntry) -> Int? {
    func scalar(_ name: String) -> Int? {
      let matches = container.entries.filter { $0.name.lowercased() == name && $0.size == [1, 1] }
      return matches.lazy.compactMap { container.doubles($0.name)?.first.flatMap { Int(exactly: $0) } }.first
    }
    if let bands = scalar("nband"), bands != entry.size[0] { return nil }
    for (first, second) in MATLABCube.sideNames {
      guard let lines = scalar(first), let samples = scalar(second), lines > 0, samples > 0 else { continue }
      if entry.size[1] % lines == 0, entry.size[1] / lines == samples { return lines }
    }
    return nil
  }

  /// Lines of the image that a matrix bands × pixels holds: by `--size`, by the file, or a square.
  private func pixelLines(of entry: MATLABEntry) -> Int? {
    let (bands, pixels) = (entry.size[0], entry.size[1])
    if let size = options.size { return size.lines * size.samples == pixels ? size.lines : nil }
    if let lines = declaredLines(of: entry) { return lines }
    let side = Int(clamping: Double(pixels).squareRoot().rounded())
    let isUsualName = ["y", "v", "xt"].contains(entry.field.lowercased())
    guard side * side == pixels, side > 1, isUsualName || pixels >= 16 * bands else { return nil }
    context.logger.info("\(path): \(entry.name) is taken as a square image of \(side) × \(side) pixels")
    return side
  }

  /// Bad bands, and the further variables of files that `MATLABWriter` wrote, beside a cube of its names.
  private func installNamed(_ entry: MATLABEntry, in metadata: inout CubeMetadata) {
    let bands = metadata.bands
    if let flags = numbers(beside: entry, bands: bands, SpectralNames.isFlag),
      flags.values.allSatisfy({ $0 == 0 || $0 == 1 })
    {
      for (band, flag) in flags.values.enumerated() where flag == 0 { metadata.axis.good[band] = false }
      metadata.sources["goodBands"] = .header
    }
    guard entry.name == "cube" || entry.name == "abundances" else { return }
    func column(_ name: String) -> [Double]? {
      guard
        container.entries.contains(where: { $0.name == name && $0.type != nil && $0.vectorLength == bands })
      else { return nil }
      return container.doubles(name)
    }
    if entry.name == "abundances" { metadata.quantity = .abundance }
    if container.entries.contains(where: { $0.name == "band_names" }),
      let names = container.texts("band_names"), names.count == bands
    {
      metadata.bandNames = names
    }
    if let scale = column("scale"), let offset = column("offset"), (scale + offset).allSatisfy(\.isFinite) {
      (metadata.scale, metadata.offset) = (scale, offset)
      metadata.sources["scale"] = .header
    }
    if container.entries.contains(where: { $0.name == "nodata" && $0.size == [1, 1] && $0.type != nil }),
      let value = container.doubles("nodata")?.first
    {
      metadata.nodata = [Double?](repeating: value, count: bands)
      metadata.sources["nodata"] = .header
    }
  }

  /// Names of the classes of a label map, from a variable of texts beside it, with their colours where a matrix of as many
  /// rows gives them. The first name is that of value 1 unless it is one of the background.
  private func installClasses(in metadata: inout CubeMetadata) {
    let wanted: Set<String> = [
      "classnames", "classname", "classlabels", "labelnames", "labelname", "labelsnames", "names", "classes",
      "categories",
      "legend", "materials", "materialnames", "gtnames", "labels",
    ]
    func key(_ name: String) -> String { name.lowercased().filter(\.isLetter) }
    for entry in container.entries where entry.type == nil && wanted.contains(key(entry.field)) {
      guard let names = container.texts(entry.name)?.map({ $0.trimmingCharacters(in: .whitespaces) }), names.count > 1,
        names.allSatisfy({ !$0.isEmpty })
      else { continue }
      let colours = classColours(count: names.count)
      let first = ClassEntry.isBackground(names[0]) ? 0 : 1
      metadata.classes =
        (first == 0 ? [] : [ClassEntry(name: "Unclassified", colour: [0, 0, 0])])
        + names.enumerated().map { ClassEntry(name: $1, colour: colours?[$0] ?? []) }
      metadata.quantity = .class
      metadata.sources["classes"] = .header
      context.logger.info("\(path): \(names.count) names of classes from \(entry.name)")
      return
    }
  }

  /// Names of matrices with a row of red, green and blue per class.
  private static let paletteNames: Set<String> = [
    "colors", "colours", "color", "colour", "classcolors", "classcolours", "palette", "colormap", "cmap",
  ]

  /// Whether a matrix holds colours by its name and shape, so that it cannot be the image.
  private static func isPalette(_ entry: MATLABEntry) -> Bool {
    entry.isMatrix && entry.size[1] == 3 && paletteNames.contains(entry.field.lowercased().filter(\.isLetter))
  }

  /// Rows of red, green and blue, 0…1 or 0…255.
  private func classColours(count: Int) -> [[UInt8]]? {
    let found = container.entries.first { MATLABCube.isPalette($0) && $0.size[0] == count }
    guard let found, let values = container.doubles(found.name), values.count == 3 * count,
      values.allSatisfy({ (0...255).contains($0) })
    else { return nil }
    let scale: Double = values.allSatisfy { $0 <= 1 } ? 255 : 1
    return (0..<count).map { row in (0..<3).map { UInt8((values[$0 * count + row] * scale).rounded()) } }
  }

  private func wavelengths(_ entry: MATLABEntry, bands: Int) -> FoundWavelengths? {
    guard
      let found = numbers(beside: entry, bands: bands, SpectralNames.isCentre)
        ?? numbers(beside: entry, bands: bands, SpectralNames.mayBeCentre).flatMap({
          SpectralNames.isPlausible($0.values) ? $0 : nil
        })
    else { return nil }
    return FoundWavelengths(
      values: found.values, fwhm: numbers(beside: entry, bands: bands, SpectralNames.isWidth)?.values, unit: nil,
      place: "variable \(found.name)", source: .header)
  }

  /// The first list of as many numbers as there are bands whose name is of a kind: among the variables, else among the fields of the
  /// struct that holds the cube and of its structs of metadata.
  private func numbers(
    beside entry: MATLABEntry, bands: Int, _ isNamed: (String) -> Bool
  ) -> (name: String, values: [Double])? {
    let prefix = entry.name.split(separator: ".").dropLast().joined(separator: ".")
    var all = container.entries
    if !prefix.isEmpty {
      all += container.fields()
      for middle in ["info", "Info", "metadata", "meta"] { all += container.members(prefix + "." + middle) }
    }
    for candidate in all where candidate.name != entry.name && candidate.type != nil && candidate.vectorLength == bands
    {
      if isNamed(candidate.field), let values = container.doubles(candidate.name), values.count == bands {
        return (candidate.name, values)
      }
    }
    return nil
  }
}

// MARK: - Versions 4 to 7

struct MATLABFileContainer: MATLABContainer {
  let file: MATLABFile
  var path: String { file.path }
  var format: String { file.format }

  var entries: [MATLABEntry] { file.variables.map { MATLABFileContainer.entry($0, name: $0.name) } }

  private static func entry(_ variable: MATLABVariable, name: String) -> MATLABEntry {
    let isNumeric = variable.kind == .numeric && !variable.isComplex
    return MATLABEntry(
      name: name, size: variable.size, type: isNumeric ? variable.type : nil, summary: variable.summary)
  }

  func fields() -> [MATLABEntry] {
    file.variables.filter { $0.kind == .structure && $0.count == 1 }.flatMap { structure -> [MATLABEntry] in
      let members = (try? file.members(of: structure)) ?? []
      return members.map { MATLABFileContainer.named($0, structure.name + "." + $0.name) }
    }
  }

  func members(_ name: String) -> [MATLABEntry] {
    guard let variable = try? file.variable(name), variable.kind == .structure, variable.count == 1,
      let members = try? file.members(of: variable)
    else { return [] }
    return members.map { MATLABFileContainer.named($0, name + "." + $0.name) }
  }

  /// An entry whose summary has its full name, which is the one to choose it by.
  private static func named(_ variable: MATLABVariable, _ name: String) -> MATLABEntry {
    var found = entry(variable, name: name)
    found.summary = name + found.summary.drop { $0 != " " }
    return found
  }

  func entry(_ name: String) throws -> MATLABEntry {
    MATLABFileContainer.named(try file.variable(name), name)
  }

  func doubles(_ name: String) -> [Double]? {
    guard let variable = try? file.variable(name) else { return nil }
    return try? file.doubles(variable)
  }

  func texts(_ name: String) -> [String]? {
    guard let variable = try? file.variable(name) else { return nil }
    return try? file.texts(variable)
  }

  func source(_ name: String, pixelLines: Int?, axes order: ArrayAxes?) throws -> (any CubeArraySource, AnyObject?) {
    let variable = try file.variable(name)
    guard let type = variable.type, let bytes = variable.bytes, let base = bytes.bytes.baseAddress,
      variable.range.count == variable.count * type.size
    else { throw RasterError.unreadable(path: path, reason: "\(name) holds no numbers") }
    let size = type.size
    let extents = variable.size
    let shape: CubeShape
    let strides: ArrayStrides
    if let pixelLines {
      shape = CubeShape(lines: pixelLines, samples: extents[1] / pixelLines, bands: extents[0])
      strides = ArrayStrides(line: extents[0] * size, sample: pixelLines * extents[0] * size, band: size)
    } else {
      var steps = [size]
      for extent in extents { steps.append(steps[steps.count - 1] * extent) }
      let kept = MATLABFileContainer.entry(variable, name: name).axes
      let axes = (order ?? ArrayAxes(line: 0, sample: 1, band: kept.count > 2 ? 2 : nil)).among(kept)
      shape = axes.shape(extents)
      strides = ArrayStrides(
        line: steps[axes.line], sample: steps[axes.sample], band: steps[axes.band ?? extents.count])
    }
    let array = StridedArray(
      base: base + variable.range.lowerBound, shape: shape, strides: strides, type: type,
      isByteSwapped: variable.isByteSwapped, pages: bytes)
    return (array, bytes)
  }
}

// MARK: - Version 7.3

struct MATLAB73Container: MATLABContainer {
  let file: HDF5File
  var path: String { file.path }
  var format: String { "MATLAB 7.3" }
  let entries: [MATLABEntry]

  init(_ path: String, given: String) throws {
    guard !path.hasPrefix("/vsi") else {
      throw RasterError.unsupported(
        path: given, feature: "a MATLAB 7.3 file that is not local", advice: "copy the file here first")
    }
    file = try HDF5File(path)
    var entries: [MATLABEntry] = []
    for name in file.children(of: "/") where !name.hasPrefix("#") {
      if let array = file.array("/" + name) {
        entries.append(MATLAB73Container.entry(array, name: name))
      } else {
        let isSparse = file.attribute("MATLAB_sparse", of: "/" + name) != nil
        entries.append(
          MATLABEntry(
            name: name, size: [1, 1], type: nil, summary: name + (isSparse ? " sparse" : " struct")))
      }
    }
    self.entries = entries
  }

  private static func entry(_ array: HDF5Array, name: String) -> MATLABEntry {
    let kind = array.attribute("MATLAB_class")?.text ?? ""
    let isEmpty = (array.attribute("MATLAB_empty")?.number ?? 0) != 0
    let isNumeric = !["char", "cell", "struct", "function_handle"].contains(kind) && !isEmpty
    var size = Array(array.dimensions.reversed())
    if size.count == 1 { size.append(1) }
    while size.count > 2, size.last == 1 { size.removeLast() }
    let type = isNumeric ? array.type : nil
    let what = type?.rawValue ?? (kind.isEmpty || isNumeric ? array.typeName : kind)
    return MATLABEntry(
      name: name, size: size, type: type,
      summary: "\(name) \(size.map { String($0) }.joined(separator: "×")) \(what)")
  }

  func fields() -> [MATLABEntry] {
    file.children(of: "/").filter { !$0.hasPrefix("#") }.flatMap { group in
      file.children(of: "/" + group).compactMap { field in
        guard let array = file.array("/\(group)/\(field)") else { return nil }
        return MATLAB73Container.entry(array, name: group + "." + field)
      }
    }
  }

  func members(_ name: String) -> [MATLABEntry] {
    let group = "/" + name.replacing(".", with: "/")
    return file.children(of: group).compactMap { field in
      file.array(group + "/" + field).map { MATLAB73Container.entry($0, name: name + "." + field) }
    }
  }

  /// The array of a name with dots; a reference is followed once, `(2)` chooses among several.
  private func array(_ name: String) throws -> HDF5Array {
    var index: Int?
    let parts = name.split(separator: ".").map { part -> String in
      guard part.hasSuffix(")"), let open = part.lastIndex(of: "(") else { return String(part) }
      index = Int(part[part.index(after: open)...].dropLast()) ?? 0
      return String(part[..<open])
    }
    guard let array = file.array("/" + parts.joined(separator: "/")) else {
      throw RasterError.unreadable(
        path: path,
        reason: "it has no variable \(name); it has " + (entries.map { $0.summary }.joined(separator: ", ")))
    }
    guard let references = array.references() else { return try plausible(array) }
    guard references.indices.contains((index ?? 1) - 1) else {
      throw RasterError.unreadable(path: path, reason: "\(name) has only \(references.count) elements")
    }
    return try plausible(file.open(references[(index ?? 1) - 1]))
  }

  private func plausible(_ array: HDF5Array) throws -> HDF5Array {
    if let reason = array.implausible {
      throw RasterError.unreadable(
        path: path, reason: "it is damaged or hardly written: \(array.path) claims \(reason)")
    }
    return array
  }

  func entry(_ name: String) throws -> MATLABEntry { MATLAB73Container.entry(try array(name), name: name) }

  func doubles(_ name: String) -> [Double]? {
    // HDF5's row-major order of reversed axes is MATLAB's column-major order.
    (try? array(name)).flatMap { $0.doubles() }
  }

  func texts(_ name: String) -> [String]? {
    guard let array = file.array("/" + name.replacingOccurrences(of: ".", with: "/")) else { return nil }
    if let references = array.references() {
      return references.map { path in file.array(path).flatMap { text(of: $0) } ?? "" }
    }
    return text(of: array).map { [$0] }
  }

  private func text(of array: HDF5Array) -> String? {
    guard array.attribute("MATLAB_class")?.text == "char", let codes = array.doubles() else { return nil }
    return String(decoding: codes.map { UInt16(clamping: Int(clamping: $0)) }, as: UTF16.self)
  }

  func source(_ name: String, pixelLines: Int?, axes order: ArrayAxes?) throws -> (any CubeArraySource, AnyObject?) {
    let array = try array(name)
    let rank = array.dimensions.count
    if let pixelLines {
      let segment = HDF5Source.Segment(
        array: array, layout: .pixelList(lines: pixelLines), bands: Array(0..<array.dimensions[1]))
      return (try HDF5Source(file: file, segments: [segment]), nil)
    }
    // MATLAB's axes are those of HDF5 backwards; such of extent 1 do not count where there are more than three.
    let kept = MATLAB73Container.entry(array, name: name).axes.map { rank - 1 - $0 }
    guard kept.count == 2 || kept.count == 3, kept.allSatisfy({ $0 >= 0 }) else {
      throw RasterError.unsupported(
        path: path, feature: "an array of \(rank) axes (\(name))", advice: "save a 3-D array of it")
    }
    let axes = (order ?? ArrayAxes(line: 0, sample: 1, band: kept.count == 3 ? 2 : nil)).among(kept)
    let segment = HDF5Source.Segment(
      array: array, layout: .axes(axes), bands: Array(0..<(axes.band.map { array.dimensions[$0] } ?? 1)))
    return (try HDF5Source(file: file, segments: [segment]), nil)
  }
}
