import Foundation
import HSICore

/// The header of a `.npy` file, versions 1 to 3.
public struct NumPyHeader: Equatable, Sendable {
  /// Extents, outermost first.
  public var dimensions: [Int]
  /// Type of the numbers; half precision counts as float32 with `isHalf`.
  public var type: SampleType
  /// True for 16-bit floats.
  public var isHalf: Bool
  public var isBigEndian: Bool
  /// True when the first axis is the fastest.
  public var isFortranOrder: Bool
  /// First byte of the numbers.
  public var dataOffset: Int

  static let signature: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]

  /// Bytes of the numbers.
  public var byteCount: Int { dimensions.reduce(isHalf ? 2 : type.size, *) }

  /// Parses the start of a file: signature, version, length, a Python dictionary of `descr`, `fortran_order`, `shape`.
  ///
  /// - Throws: `RasterError.unreadable`, `.unsupported` for types without a plain number.
  public init(parsing bytes: UnsafeRawBufferPointer, path: String) throws {
    func wrong(_ reason: String) -> RasterError { .unreadable(path: path, reason: reason) }
    guard bytes.count >= 10, bytes.prefix(6).elementsEqual(NumPyHeader.signature) else {
      throw wrong("it has no NumPy signature")
    }
    let major = bytes[6]
    guard (1...3).contains(major) else { throw wrong("its NumPy format version is \(major)") }
    let fieldSize = major == 1 ? 2 : 4
    guard bytes.count >= 8 + fieldSize else { throw wrong("its header is cut short") }
    let length = (0..<fieldSize).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
    guard length <= 1 << 20, length <= bytes.count - 8 - fieldSize else {
      throw wrong("its header is cut short")
    }
    dataOffset = 8 + fieldSize + length
    let text = String(decoding: bytes[(8 + fieldSize)..<dataOffset], as: UTF8.self)
    guard let description = NumPyHeader.value(of: "descr", in: text),
      let order = NumPyHeader.value(of: "fortran_order", in: text),
      let shape = NumPyHeader.value(of: "shape", in: text)
    else { throw wrong("its header is no NumPy header: \(text.prefix(80))") }
    guard order == "True" || order == "False" else { throw wrong("its fortran_order is \(order)") }
    isFortranOrder = order == "True"
    guard shape.hasPrefix("("), shape.hasSuffix(")") else { throw wrong("its shape is \(shape)") }
    let parts = shape.dropFirst().dropLast().split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    .filter { !$0.isEmpty }
    // NumPy itself knows 64 axes at most.
    guard parts.count <= 64 else { throw wrong("it has \(parts.count) axes") }
    dimensions = []
    var total = 8
    for part in parts {
      guard let extent = Int(part.hasSuffix("L") ? String(part.dropLast()) : part), extent >= 0 else {
        throw wrong("its shape is \(shape)")
      }
      let (product, overflow) = total.multipliedReportingOverflow(by: max(extent, 1))
      guard !overflow, product < 1 << 50 else { throw wrong("its shape \(shape) is too large") }
      total = product
      dimensions.append(extent)
    }
    let code = description.trimmingCharacters(in: CharacterSet(charactersIn: "'\""))
    isBigEndian = code.hasPrefix(">")
    let types: [String: (SampleType, Bool)] = [
      "u1": (.uint8, false), "i1": (.int8, false), "b1": (.uint8, false), "u2": (.uint16, false),
      "i2": (.int16, false), "u4": (.uint32, false), "i4": (.int32, false), "u8": (.uint64, false),
      "i8": (.int64, false), "f2": (.float32, true), "f4": (.float32, false), "f8": (.float64, false),
    ]
    let body = code.first.map { "<>|=".contains($0) } == true ? String(code.dropFirst()) : code
    guard let (type, isHalf) = types[body] else {
      throw RasterError.unsupported(
        path: path, feature: "an array of type \(description)", advice: "save plain integers or floats")
    }
    (self.type, self.isHalf) = (type, isHalf)
  }

  /// The text of a dictionary entry: a quoted string, a word, or a tuple in parentheses.
  private static func value(of key: String, in text: String) -> String? {
    for quote in ["'", "\""] {
      guard let found = text.range(of: quote + key + quote),
        let colon = text[found.upperBound...].firstIndex(of: ":")
      else { continue }
      let rest = text[text.index(after: colon)...].drop { $0 == " " }
      if rest.first == "(" {
        guard let end = rest.firstIndex(of: ")") else { return nil }
        return String(rest[...end])
      }
      if let mark = rest.first, mark == "'" || mark == "\"" {
        guard let end = rest.dropFirst().firstIndex(of: mark) else { return nil }
        return String(rest[...end])
      }
      return rest.prefix { $0 != "," && $0 != "}" }.trimmingCharacters(in: .whitespaces)
    }
    return nil
  }
}

/// NumPy arrays: `.npy` (local files are mapped, not read) and members of `.npz` archives (inflated into memory).
///
/// Axes are line, sample, band unless `--axes` tells otherwise; two axes are one band.
public enum NumPyFormat: CubeFormat {
  public static let name = "NumPy"

  public static func matches(_ location: RasterLocation) -> Bool {
    if location.isFolder { return false }
    return location.starts(with: NumPyHeader.signature)
      || (location.fileExtension == "npz" && location.starts(with: [0x50, 0x4B]))
  }

  public static func open(
    _ location: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> any CubeReader {
    var file = location.file
    var lists: [(name: String, values: [Double])] = []
    if !location.starts(with: NumPyHeader.signature) {
      // Braces: GDAL knows archives by the extension .zip only.
      let archive = "/vsizip/{\(file)}"
      let members = VSI.names(in: archive).filter { $0.hasSuffix(".npy") }
      let chosen = try member(
        of: archive, members, wanted: options.variable ?? location.part, given: location.given)
      file = archive + "/" + chosen
      lists = vectors(of: archive, members.filter { $0 != chosen })
    }
    let bytes = try NumPyFormat.contents(file, given: location.given, budget: context.memory.bytes)
    let header = try NumPyHeader(parsing: bytes.bytes, path: location.given)
    let wavelengths =
      lists.first { SpectralNames.isCentre($0.name) }
      ?? lists.first { SpectralNames.mayBeCentre($0.name) && SpectralNames.isPlausible($0.values) }
    let axes = options.axes ?? wavelengths.flatMap { bandsFirst(header, count: $0.values.count) }
    if options.axes == nil, axes != nil {
      context.logger.info(
        "\(location.given): axis 1 is as long as \(wavelengths?.name ?? "") and taken as the spectral one")
    }
    let array = try strided(header, bytes, axes: axes, path: location.given)
    let bands = array.shape.bands
    var metadata = CubeMetadata(bands: bands)
    func list(_ isNamed: (String) -> Bool) -> [Double]? {
      lists.first { isNamed($0.name) && $0.values.count == bands }?.values
    }
    if let wavelengths {
      FoundWavelengths(
        values: wavelengths.values, fwhm: list(SpectralNames.isWidth), unit: nil, place: wavelengths.name,
        source: .header
      ).install(in: &metadata, path: location.given, context: context)
    }
    if let flags = list(SpectralNames.isFlag), flags.allSatisfy({ $0 == 0 || $0 == 1 }) {
      for band in 0..<bands where flags[band] == 0 { metadata.axis.good[band] = false }
      metadata.sources["goodBands"] = .header
    }
    return try ArrayReader(
      path: location.given, format: "NumPy", files: [location.file], metadata: metadata, source: array,
      owner: bytes)
  }

  /// The bytes of an array: of a member of an archive at most the budget, and no more than its header promises.
  private static func contents(_ file: String, given: String, budget: Int) throws -> FileBytes {
    guard file.hasPrefix("/vsi"), let header = header(file), let size = VSI.status(file)?.size else {
      return try FileBytes(file, limit: budget)
    }
    let needed = Int.sum(header.dataOffset, header.byteCount)
    guard max(size, needed) <= budget else {
      throw CoreError.memory(
        purpose: "holding \(PathName(file).name) of \(given)", needed: max(size, needed), budget: budget)
    }
    return try FileBytes(file, limit: budget)
  }

  /// `bhw` where only the first of three axes is as long as the list of wavelengths, `hbw` where only the second is; else nil.
  private static func bandsFirst(_ header: NumPyHeader, count: Int) -> String? {
    let kept = ArrayAxes.counting(header.dimensions)
    guard kept.count == 3 else { return nil }
    let fitting = kept.indices.filter { header.dimensions[kept[$0]] == count }
    return fitting == [0] ? "bhw" : fitting == [1] ? "hbw" : nil
  }

  /// The cube that a header describes.
  static func strided(
    _ header: NumPyHeader, _ bytes: FileBytes, axes text: String?, path: String
  ) throws -> StridedArray {
    let size = header.isHalf ? 2 : header.type.size
    var distances = [Int](repeating: size, count: header.dimensions.count)
    var step = size
    let order = Array(header.dimensions.indices)
    for axis in header.isFortranOrder ? order : order.reversed() {
      distances[axis] = step
      step *= max(header.dimensions[axis], 1)
    }
    let kept = ArrayAxes.counting(header.dimensions)
    guard kept.count == 2 || kept.count == 3 else {
      throw RasterError.unsupported(
        path: path, feature: "an array of shape \(header.dimensions)", advice: "save an array of 2 or 3 axes")
    }
    let dimensions = kept.map { header.dimensions[$0] }
    let axes =
      try text.map { try ArrayAxes($0, rank: kept.count) }
      ?? ArrayAxes(line: 0, sample: 1, band: kept.count == 3 ? 2 : nil)
    guard let base = bytes.bytes.baseAddress, bytes.bytes.count >= header.dataOffset + header.byteCount else {
      throw RasterError.truncated(
        path: path, expected: header.dataOffset + header.byteCount, found: bytes.bytes.count)
    }
    return StridedArray(
      base: base + header.dataOffset, shape: axes.shape(dimensions),
      strides: ArrayStrides(
        line: distances[kept[axes.line]], sample: distances[kept[axes.sample]],
        band: axes.band.map { distances[kept[$0]] } ?? step),
      type: header.type, isByteSwapped: header.isBigEndian && size > 1, isHalf: header.isHalf, pages: bytes)
  }

  private static func header(_ path: String) -> NumPyHeader? {
    guard let first = VSI.prefix(path, count: 4096) else { return nil }
    return first.withUnsafeBytes { try? NumPyHeader(parsing: $0, path: path) }
  }

  private static func member(of archive: String, _ members: [String], wanted: String?, given: String) throws -> String {
    func stem(_ name: String) -> String { String(name.dropLast(4)) }
    if let wanted {
      if let found = members.first(where: { stem($0) == wanted || $0 == wanted }) { return found }
      throw RasterError.unreadable(
        path: given, reason: "it has no array \(wanted); it has " + members.map(stem).joined(separator: ", "))
    }
    let headers = members.map { (name: $0, header: header(archive + "/" + $0)) }
    for rank in [3, 2] {
      let fitting = headers.filter { $0.header?.dimensions.filter { $0 > 1 }.count == rank }
      let candidates = fitting.map {
        CubeChoice.Candidate(name: stem($0.name), dimensions: $0.header?.dimensions ?? [], type: $0.header?.type)
      }
      if let only = CubeChoice.only(candidates) { return fitting[only].name }
      if !fitting.isEmpty {
        throw RasterError.ambiguous(
          path: given, choices: fitting.map { "\(stem($0.name)) \($0.header?.dimensions ?? [])" },
          advice: "choose one with \(option: "variable") NAME")
      }
    }
    throw RasterError.unreadable(path: given, reason: "it holds no array of 2 or 3 axes")
  }

  /// The 1-D arrays of numbers of an archive.
  private static func vectors(of archive: String, _ members: [String]) -> [(name: String, values: [Double])] {
    members.compactMap { member in
      let name = String(member.dropLast(4))
      guard
        SpectralNames.isCentre(name) || SpectralNames.isWidth(name) || SpectralNames.isFlag(name)
          || SpectralNames.mayBeCentre(name),
        let bytes = try? FileBytes(archive + "/" + member, limit: 16 << 20),
        let header = try? NumPyHeader(parsing: bytes.bytes, path: member),
        header.dimensions.filter({ $0 > 1 }).count == 1, let count = header.dimensions.max(), count <= 1 << 20,
        let base = bytes.bytes.baseAddress, bytes.bytes.count >= header.dataOffset + header.byteCount
      else { return nil }
      let start = base + header.dataOffset
      guard header.isHalf else {
        return (name, storedNumbers(start, count: count, type: header.type, isByteSwapped: header.isBigEndian))
      }
      return (
        name,
        (0..<count).map { index in
          let bits = start.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
          return Double(StridedArray.single(half: header.isBigEndian ? bits.byteSwapped : bits))
        }
      )
    }
  }
}
