import Foundation
import HSICore

/// A variable, struct field or cell of a MATLAB file, with its place in the bytes.
struct MATLABVariable {
  /// What MATLAB calls the class.
  enum Kind: String, Sendable {
    case numeric, text, cell, structure = "struct", sparse, object, other
  }

  var name: String
  var kind: Kind
  var isComplex = false
  /// Extent of every axis in MATLAB's order (first fastest).
  var dimensions: [Int]
  /// Type of the stored numbers, which MATLAB may keep narrower than the class.
  var type: SampleType?
  /// Bytes that hold the element, nil for a compressed variable that is not inflated yet.
  var bytes: FileBytes?
  /// The element's (or, for numbers, the real part's) place in `bytes`, or the compressed stream's in the file.
  var range: Range<Int>
  var isByteSwapped: Bool

  /// Extents without trailing ones beyond the second.
  var size: [Int] {
    var result = dimensions
    while result.count > 2, result.last == 1 { result.removeLast() }
    return result
  }

  /// Number of elements.
  var count: Int { dimensions.reduce(1, *) }

  /// `name 95×95×156 int16` for messages.
  var summary: String {
    let what = isComplex ? "complex" : type?.rawValue ?? kind.rawValue
    return "\(name) \(size.map { String($0) }.joined(separator: "×")) \(what)"
  }
}

/// MATLAB files of versions 4, 5, 6 and 7: lists the variables, finds struct fields, gives numbers.
///
/// Numbers of uncompressed variables stay in the mapped file; a compressed variable is inflated whole into memory
/// when it is used (its size as stored, within the memory budget), because deflate has no random access. Every length
/// in the file is checked against the bytes there are before it is used.
/// Format: MathWorks, "MAT-File Format", 2019.
final class MATLABFile {
  let path: String
  /// `MATLAB 4` or `MATLAB 5`.
  let format: String
  /// Variables in file order.
  private(set) var variables: [MATLABVariable] = []
  private let file: FileBytes
  private let isByteSwapped: Bool
  private let limit: Int
  /// Places of variables by their names, the first of equal ones.
  private lazy var names = Dictionary(variables.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }

  /// True for the first bytes of a version 5 to 7 file.
  static func isVersion5(_ first: [UInt8]) -> Bool {
    guard first.count >= 128 else { return false }
    let (version, mark) = (Array(first[124..<126]), Array(first[126..<128]))
    return (mark == [0x49, 0x4D] && version == [0, 1]) || (mark == [0x4D, 0x49] && version == [1, 0])
  }

  /// True for the first bytes of a version 4 file: a plausible header of its first variable.
  static func isVersion4(_ first: [UInt8]) -> Bool {
    first.withUnsafeBytes { MATLABFile.header4($0, at: 0) != nil }
  }

  /// Opens a file and lists its variables.
  ///
  /// - Parameter limit: bytes that an inflated variable may take.
  /// - Throws: `RasterError.notFound`, `.unreadable`.
  init(_ path: String, limit: Int = 4 << 30) throws {
    self.path = path
    self.limit = limit
    file = try FileBytes(path, limit: limit)
    let first = [UInt8](file.bytes.prefix(128))
    if MATLABFile.isVersion5(first) {
      format = "MATLAB 5"
      isByteSwapped = first[126] == 0x4D
      try list5()
    } else if MATLABFile.isVersion4(first) {
      format = "MATLAB 4"
      isByteSwapped = MATLABFile.header4(file.bytes, at: 0)?.isSwapped ?? false
      try list4()
    } else {
      throw RasterError.unreadable(path: path, reason: "it is no MATLAB file of version 4 to 7")
    }
  }

  /// The variable, struct field (`a.b`), struct element (`a(2).b`) or cell (`a(3)`) of a name, inflated.
  ///
  /// - Throws: `RasterError.unreadable` when there is none or the file is damaged there.
  func variable(_ name: String) throws -> MATLABVariable {
    var current: MATLABVariable?
    var element = 1
    for part in name.split(separator: ".", omittingEmptySubsequences: false) {
      var field = String(part)
      var index: Int?
      if field.hasSuffix(")"), let open = field.lastIndex(of: "(") {
        index = Int(field[field.index(after: open)...].dropLast()) ?? 0
        field = String(field[..<open])
      }
      let key = current.map { $0.count > 1 ? "(\(element)).\(field)" : field } ?? field
      let sibling = try current.map { try members(of: $0).first { $0.name == key } } ?? names[key].map { variables[$0] }
      guard let found = sibling else { throw missing(name) }
      var next = try loaded(found)
      if let index, next.kind == .cell {
        let cells = try members(of: next)
        guard cells.indices.contains(index - 1) else { throw missing(name) }
        next = cells[index - 1]
      }
      element = index ?? 1
      current = next
    }
    guard let current else { throw missing(name) }
    return current
  }

  /// A variable with its bytes in memory.
  ///
  /// - Throws: `CoreError.memory` when it does not fit the limit, `RasterError.unreadable`.
  func loaded(_ variable: MATLABVariable) throws -> MATLABVariable {
    guard variable.bytes == nil else { return variable }
    let needed = variable.count * (variable.type?.size ?? 0)
    guard needed <= limit else {
      throw CoreError.memory(
        purpose: "inflating the variable \(variable.name) of \(path)", needed: needed, budget: limit)
    }
    let stream = UnsafeRawBufferPointer(rebasing: file.bytes[variable.range])
    let inflated = try FileBytes.inflated(stream, path: path, limit: limit, allowsMore: false)
    return try matrix(in: inflated, at: 0, end: inflated.bytes.count)
  }

  /// Numbers of a loaded variable as double, in MATLAB's order; nil for other kinds or above a million.
  func doubles(_ variable: MATLABVariable) throws -> [Double]? {
    guard variable.kind == .numeric, !variable.isComplex, variable.count > 0, variable.count <= 1 << 20 else {
      return nil
    }
    let variable = try loaded(variable)
    guard let type = variable.type, let base = variable.bytes?.bytes.baseAddress,
      variable.range.count == variable.count * type.size
    else { return nil }
    return storedNumbers(
      base + variable.range.lowerBound, count: variable.count, type: type,
      isByteSwapped: variable.isByteSwapped)
  }

  /// Cells in cells that texts are looked for in: a list of names is one cell deep, a list of such lists two.
  private static let deepest = 8

  /// Texts of a variable: a char array's rows, or the texts of a cell array (the first one of a cell in it); nil for other kinds.
  func texts(_ variable: MATLABVariable) throws -> [String]? { try texts(variable, depth: 0) }

  private func texts(_ variable: MATLABVariable, depth: Int) throws -> [String]? {
    let variable = try loaded(variable)
    if variable.kind == .cell {
      guard depth < MATLABFile.deepest else { return nil }
      let cells = try members(of: variable)
      return try (depth == 0 ? cells : Array(cells.prefix(1))).map { try texts($0, depth: depth + 1)?.first ?? "" }
    }
    guard variable.kind == .text, variable.dimensions.count == 2, let bytes = variable.bytes else {
      return nil
    }
    let (rows, columns) = (variable.dimensions[0], variable.dimensions[1])
    guard rows * columns <= 1 << 20 else { return nil }
    if rows * columns == 0 { return [""] }
    if variable.range.count == rows * columns * 2 {
      let codes = (0..<(rows * columns)).map { index -> UInt16 in
        let code = bytes.bytes.loadUnaligned(
          fromByteOffset: variable.range.lowerBound + index * 2, as: UInt16.self)
        return isByteSwapped ? code.byteSwapped : code
      }
      return MATLABFile.rows(codes, rows: rows, columns: columns)
    }
    let raw = bytes.bytes[variable.range]
    if rows <= 1 { return [String(decoding: raw, as: UTF8.self)] }
    return MATLABFile.rows(raw.map { UInt16($0) }, rows: rows, columns: columns)
  }

  /// The rows of a column-major matrix of character codes, without trailing blanks.
  static func rows(_ codes: [UInt16], rows: Int, columns: Int) -> [String] {
    guard codes.count >= rows * columns else { return [] }
    return (0..<rows).map { row in
      var text = String(decoding: (0..<columns).map { codes[$0 * rows + row] }, as: UTF16.self)
      while let last = text.last, last.isWhitespace || last == "\0" { text.removeLast() }
      return text
    }
  }

  private func missing(_ name: String) -> RasterError {
    .unreadable(
      path: path,
      reason: "it has no variable \(name); it has " + variables.prefix(100).map { $0.summary }.joined(separator: ", "))
  }

  private func damaged(_ place: Int) -> RasterError {
    .unreadable(path: path, reason: "it is damaged near byte \(place)")
  }
}

// MARK: - Version 5

extension MATLABFile {
  private struct Tag {
    var type: UInt32
    var data: Range<Int>
    var next: Int
  }

  private func word(_ bytes: FileBytes, _ place: Int, _ end: Int) throws -> UInt32 {
    guard place >= 0, end - place >= 4, end <= bytes.bytes.count else { throw damaged(place) }
    let value = bytes.bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
    return isByteSwapped ? value.byteSwapped : value
  }

  private func tag(_ bytes: FileBytes, at place: Int, end: Int) throws -> Tag {
    let first = try word(bytes, place, end)
    if first >> 16 != 0 {
      let count = Int(first >> 16)
      guard count <= 4, end - place >= 8 else { throw damaged(place) }
      return Tag(type: first & 0xFFFF, data: (place + 4)..<(place + 4 + count), next: place + 8)
    }
    let count = Int(try word(bytes, place + 4, end))
    guard count <= end - place - 8 else { throw damaged(place) }
    let padded = first == 15 ? count : (count + 7) / 8 * 8
    return Tag(type: first, data: (place + 8)..<(place + 8 + count), next: min(place + 8 + padded, end))
  }

  private func list5() throws {
    var place = 128
    let end = file.bytes.count
    while end - place >= 8 {
      let tag: Tag
      do {
        tag = try self.tag(file, at: place, end: end)
      } catch {
        // A file cut short still gives the variables before the cut.
        if variables.isEmpty { throw error }
        return
      }
      if tag.type == 15 {
        let stream = UnsafeRawBufferPointer(rebasing: file.bytes[tag.data])
        let head = try? FileBytes.inflated(stream, path: path, limit: 2048, allowsMore: true)
        if let head, var found = try? matrix(in: head, at: 0, end: head.bytes.count, isPrefix: true) {
          found.bytes = nil
          found.range = tag.data
          variables.append(found)
        }
      } else if tag.type == 14, let found = try? matrix(in: file, at: place, end: end) {
        variables.append(found)
      }
      place = tag.next
      guard variables.count < 10_000 else { return }
    }
    guard !variables.isEmpty else { throw damaged(place) }
  }

  /// Reads the head of a matrix element. `isPrefix`: the bytes end within the element.
  private func matrix(in bytes: FileBytes, at start: Int, end: Int, isPrefix: Bool = false) throws -> MATLABVariable {
    let type = try word(bytes, start, end)
    let length = Int(try word(bytes, start + 4, end))
    guard type == 14, isPrefix || length <= end - start - 8 else { throw damaged(start) }
    let stop = isPrefix ? end : start + 8 + length
    if length == 0 {  // MATLAB writes an empty matrix so.
      return MATLABVariable(
        name: "", kind: .other, dimensions: [0, 0], bytes: bytes, range: stop..<stop,
        isByteSwapped: isByteSwapped)
    }
    let flags = try tag(bytes, at: start + 8, end: stop)
    let word0 = try word(bytes, flags.data.lowerBound, stop)
    let extents = try tag(bytes, at: flags.next, end: stop)
    let title = try tag(bytes, at: extents.next, end: stop)
    guard extents.type == 5, extents.data.count >= 8, extents.data.count <= 4 * 32 else {
      throw damaged(start)
    }
    var dimensions: [Int] = []
    var total = 1
    for place in stride(from: extents.data.lowerBound, to: extents.data.upperBound - 3, by: 4) {
      let extent = Int(Int32(bitPattern: try word(bytes, place, stop)))
      guard extent >= 0 else { throw damaged(place) }
      let (product, overflow) = total.multipliedReportingOverflow(by: max(extent, 1))
      guard !overflow, product < 1 << 40 else { throw damaged(place) }
      total = product
      dimensions.append(extent)
    }
    let name = String(decoding: bytes.bytes[title.data], as: UTF8.self)
    var result = MATLABVariable(
      name: name, kind: .other, dimensions: dimensions, bytes: bytes, range: title.next..<stop,
      isByteSwapped: isByteSwapped)
    result.isComplex = word0 & 0x0800 != 0
    switch word0 & 0xFF {
    case 1: result.kind = .cell
    case 2: result.kind = .structure
    case 3: result.kind = .object
    case 4: result.kind = .text
    case 5: result.kind = .sparse
    case 6...15: result.kind = .numeric
    default: break
    }
    if result.kind == .numeric || result.kind == .text, result.count > 0 {
      let place = title.next
      let first = try word(bytes, place, stop)
      let storage = first >> 16 != 0 ? first & 0xFFFF : first
      if !isPrefix { result.range = try tag(bytes, at: place, end: stop).data }
      if result.kind == .numeric {
        result.type =
          [
            1: .int8, 2: .uint8, 3: .int16, 4: .uint16, 5: .int32, 6: .uint32, 7: .float32, 9: .float64,
            12: .int64,
            13: .uint64,
          ][storage]
        guard let type = result.type, isPrefix || result.range.count >= result.count * type.size else {
          throw damaged(place)
        }
        if !isPrefix {
          let first = result.range.lowerBound
          result.range = first..<(first + result.count * type.size)
        }
      }
    }
    return result
  }

  /// The elements of a cell array or the fields of a struct; fields of a struct array are named `(2).field`.
  func members(of variable: MATLABVariable) throws -> [MATLABVariable] {
    let variable = try loaded(variable)
    guard let bytes = variable.bytes, variable.kind == .cell || variable.kind == .structure else { return [] }
    var place = variable.range.lowerBound
    let end = variable.range.upperBound
    var names: [String] = []
    if variable.kind == .structure {
      let length = try tag(bytes, at: place, end: end)
      let width = Int(try word(bytes, length.data.lowerBound, end))
      let table = try tag(bytes, at: length.next, end: end)
      guard width > 0, width <= 4096 else { throw damaged(place) }
      names = stride(from: table.data.lowerBound, to: table.data.upperBound - width + 1, by: width).map {
        String(decoding: bytes.bytes[$0..<($0 + width)].prefix { $0 != 0 }, as: UTF8.self)
      }
      place = table.next
    }
    let fields = variable.kind == .structure ? names.count : 1
    // Each element takes at least the 8 bytes of its tag.
    guard variable.count <= (end - place) / 8, variable.count * fields <= (end - place) / 8 else {
      throw damaged(place)
    }
    let total = variable.count * fields
    var result: [MATLABVariable] = []
    result.reserveCapacity(total)
    for index in 0..<total {
      let next = try tag(bytes, at: place, end: end)
      var element = try matrix(in: bytes, at: place, end: end)
      if !names.isEmpty {
        element.name = names[index % fields]
        if variable.count > 1 { element.name = "(\(index / fields + 1))." + element.name }
      }
      result.append(element)
      place = next.next
    }
    return result
  }
}

// MARK: - Version 4

extension MATLABFile {
  private struct Header4 {
    var isSwapped: Bool
    var type: SampleType
    var isText: Bool
    var isSparse: Bool
    var rows: Int
    var columns: Int
    var isComplex: Bool
    var name: Range<Int>
    var data: Range<Int>
    var next: Int
  }

  private static func header4(_ bytes: UnsafeRawBufferPointer, at place: Int) -> Header4? {
    guard place >= 0, bytes.count - place >= 21 else { return nil }
    func integer(_ index: Int, _ swapped: Bool) -> Int {
      let value = bytes.loadUnaligned(fromByteOffset: place + index * 4, as: Int32.self)
      return Int(swapped ? value.byteSwapped : value)
    }
    for swapped in [false, true] {
      let code = integer(0, swapped)
      let types: [SampleType] = [.float64, .float32, .int32, .int16, .uint16, .uint8]
      // Thousands: 0 for little endian, 1 for big endian numbers; hundreds: 0; tens: type; units: kind.
      guard code >= 0, code / 1000 == (swapped ? 1 : 0), code / 100 % 10 == 0, code / 10 % 10 < 6,
        code % 10 < 3
      else { continue }
      let (rows, columns, complex, length) = (
        integer(1, swapped), integer(2, swapped), integer(3, swapped), integer(4, swapped)
      )
      guard rows >= 0, columns >= 0, complex == 0 || complex == 1, length > 1, length <= 256,
        bytes.count - place >= 20 + length, bytes[place + 19 + length] == 0,
        bytes[(place + 20)..<(place + 19 + length)].allSatisfy({ $0 > 32 && $0 < 127 })
      else { continue }
      let type = types[code / 10 % 10]
      let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
      guard !overflow, count < 1 << 40 else { continue }
      let start = place + 20 + length
      let size = count * type.size
      return Header4(
        isSwapped: swapped, type: type, isText: code % 10 == 1, isSparse: code % 10 == 2, rows: rows,
        columns: columns, isComplex: complex == 1, name: (place + 20)..<(place + 19 + length),
        data: start..<(start + size), next: start + size * (1 + complex))
    }
    return nil
  }

  private func list4() throws {
    var place = 0
    while let header = MATLABFile.header4(file.bytes, at: place), header.data.upperBound <= file.bytes.count {
      var variable = MATLABVariable(
        name: String(decoding: file.bytes[header.name], as: UTF8.self), kind: .numeric,
        dimensions: [header.rows, header.columns], type: header.type, bytes: file, range: header.data,
        isByteSwapped: header.isSwapped)
      variable.isComplex = header.isComplex
      if header.isText { variable.kind = .other }
      if header.isSparse { variable.kind = .sparse }
      variables.append(variable)
      guard header.next > place, variables.count < 10_000 else { break }
      place = header.next
    }
    guard !variables.isEmpty else { throw damaged(place) }
  }
}

/// Stored numbers as double.
func storedNumbers(_ base: UnsafeRawPointer, count: Int, type: SampleType, isByteSwapped: Bool) -> [Double] {
  func integers<T: FixedWidthInteger>(_: T.Type) -> [Double] {
    (0..<count).map {
      let value = base.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)
      return Double(isByteSwapped ? value.byteSwapped : value)
    }
  }
  func bits<T: FixedWidthInteger>(_ index: Int, _: T.Type) -> T {
    let value = base.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: T.self)
    return isByteSwapped ? value.byteSwapped : value
  }
  switch type {
  case .uint8: return integers(UInt8.self)
  case .int8: return integers(Int8.self)
  case .uint16: return integers(UInt16.self)
  case .int16: return integers(Int16.self)
  case .uint32: return integers(UInt32.self)
  case .int32: return integers(Int32.self)
  case .uint64: return integers(UInt64.self)
  case .int64: return integers(Int64.self)
  case .float32: return (0..<count).map { Double(Float(bitPattern: bits($0, UInt32.self))) }
  case .float64: return (0..<count).map { Double(bitPattern: bits($0, UInt64.self)) }
  }
}
