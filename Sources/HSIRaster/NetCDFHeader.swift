import Foundation
import HSICore

/// A look at the header of a NetCDF-3 file before the NetCDF library has one, which allocates whatever the header promises: gigabytes
/// for a file of two kilobytes whose length of an attribute is damaged.
///
/// Layout: Unidata, "NetCDF Classic Format Specification" (CDF-1, CDF-2 and CDF-5). Cost: the header, read once.
struct NetCDFHeader {
  /// Why a header cannot be read.
  private struct Failure: Error { let detail: String }

  /// Bytes of a header that are looked at; what lies behind is left to the library.
  private static let most = 16 << 20

  private let bytes: [UInt8]
  private let size: Int
  /// Numbers of CDF-5 have eight bytes, those of the others four.
  private let width: Int
  private let offsetWidth: Int
  private var place = 4

  /// Refuses a local NetCDF-3 file whose header promises more than the file has; any other file passes.
  ///
  /// - Throws: `RasterError.unreadable`.
  static func check(_ path: String) throws {
    guard !path.hasPrefix("/vsi"), let start = VSI.prefix(path, count: 4), start.count == 4,
      Array(start.prefix(3)) == Array("CDF".utf8), [1, 2, 5].contains(start[3]), let size = VSI.status(path)?.size,
      let bytes = VSI.prefix(path, count: min(size, most))
    else { return }
    var header = NetCDFHeader(bytes: bytes, size: size, version: start[3])
    do {
      try header.walk()
    } catch let failure as Failure {
      throw RasterError.unreadable(path: path, reason: "its NetCDF header is damaged: \(failure.detail)")
    }
  }

  private init(bytes: [UInt8], size: Int, version: UInt8) {
    (self.bytes, self.size) = (bytes, size)
    (width, offsetWidth) = (version == 5 ? 8 : 4, version == 1 ? 4 : 8)
  }

  private mutating func walk() throws {
    // Records, any number of them.
    try skip(width)
    try list(tag: 10, what: "axes", least: 2 * width) { header in
      try header.skipName()
      try header.skip(header.width)
    }
    try attributes()
    try list(tag: 11, what: "arrays", least: 3 * width) { header in
      try header.skipName()
      let axes = try header.count("axes of an array", bytesEach: header.width)
      try header.skip(axes * header.width)
      try header.attributes()
      try header.skip(4 + header.width + header.offsetWidth)
    }
  }

  private mutating func attributes() throws {
    try list(tag: 12, what: "attributes", least: 2 * width + 4) { header in
      try header.skipName()
      let kind = try header.number(4)
      let sizes = [1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8]
      guard let each = sizes[kind] else { throw Failure(detail: "an attribute of kind \(kind)") }
      let values = try header.count("values of an attribute", bytesEach: each)
      try header.skip((values * each + 3) / 4 * 4)
    }
  }

  /// A tag, a number and as many items; or zeros for nothing.
  private mutating func list(
    tag: Int, what: String, least: Int, _ item: (inout NetCDFHeader) throws -> Void
  ) throws {
    guard !isBeyond else { return }
    let found = try number(4)
    let items = try count(what, bytesEach: least)
    guard found == tag || found == 0 && items == 0 else {
      throw Failure(detail: "no list of \(what) where one belongs")
    }
    for _ in 0..<items where !isBeyond { try item(&self) }
  }

  private mutating func skipName() throws {
    let letters = try count("letters of a name", bytesEach: 1)
    try skip((letters + 3) / 4 * 4)
  }

  /// What follows is not looked at.
  private var isBeyond: Bool { place >= bytes.count && bytes.count < size }

  /// A number of things that take bytes in the rest of the file.
  private mutating func count(_ what: String, bytesEach: Int) throws -> Int {
    let value = try number(width)
    guard value >= 0, value <= (size - min(place, size)) / max(1, bytesEach) else {
      throw Failure(detail: "\(value) \(what) in a file of \(size) bytes")
    }
    return value
  }

  private mutating func number(_ width: Int) throws -> Int {
    guard !isBeyond, place + width <= bytes.count else {
      if bytes.count < size { place = bytes.count; return 0 }
      throw Failure(detail: "it ends too early")
    }
    defer { place += width }
    let value = bytes[place..<(place + width)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int(clamping: value)
  }

  private mutating func skip(_ count: Int) throws {
    place = Int.sum(place, count)
    guard place <= size else { throw Failure(detail: "it ends too early") }
  }
}
