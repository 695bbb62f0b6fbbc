import CHDF5
import Foundation
import HSICore

/// A local HDF5 file (also NetCDF-4, HDF-EOS5 and MATLAB 7.3), opened for reading through the HDF5 C library.
///
/// Paths inside the file are absolute (`/group/array`). Used by one thread at a time.
final class HDF5File {
  /// An array found in the file.
  struct Entry: Sendable {
    /// Absolute path inside the file.
    let path: String
    /// Extent of every axis, slowest first.
    let dimensions: [Int]
    /// Type of its numbers; nil for text, references and compounds.
    let type: SampleType?
    /// The object itself, whatever path leads to it.
    let object: HDF5Object
  }

  /// The file on disk.
  let path: String
  fileprivate let id: hid_t
  /// Whether this process is the child that examines the file.
  private let isProbed: Bool

  /// Opens a file.
  ///
  /// - Parameter isProbed: true skips `HDF5Probe`.
  /// - Throws: `RasterError.notFound`, `.unreadable` when it is no HDF5 file or damaged.
  init(_ path: String, isProbed: Bool = false) throws {
    HDF5File.prepare()
    guard access(path, F_OK) == 0 else { throw RasterError.notFound(path: path) }
    _ = try HDF5Superblock(path)
    if !isProbed { try HDF5Probe.check(path) }
    id = H5Fopen(path, 0, 0)
    self.path = path
    self.isProbed = isProbed
    guard id >= 0 else { throw RasterError.unreadable(path: path, reason: "it is no valid HDF5 file") }
  }

  deinit { if id >= 0 { H5Fclose(id) } }

  /// True when the HDF5 signature stands at byte 0, 512, 1024, 2048 …
  static func isHDF5(_ path: String) -> Bool {
    prepare()
    return H5Fis_hdf5(path) > 0
  }

  /// Every array below `group`, in name order (depth and number are bounded, so that a damaged file ends).
  ///
  /// A group is entered once, whatever number of links leads to it and in however many circles; an array that several links of
  /// such groups lead to is listed under each of its names (`distinct` keeps one).
  /// - Parameter visiting: called once with a path of every object on the way.
  func arrays(below group: String = "/", visiting: (String) -> Void = { _ in }) -> [Entry] {
    var found: [Entry] = []
    var visited = 0
    var known: Set<HDF5Object> = [object(at: group)?.object ?? HDF5Object(file: 0, address: 0)]
    func visit(_ path: String, depth: Int) {
      guard depth < 16, visited < 20_000 else { return }
      for name in children(of: path) {
        visited += 1
        let child = path == "/" ? "/" + name : path + "/" + name
        guard let (object, kind) = object(at: child) else { continue }
        let isNew = known.insert(object).inserted
        if isNew { visiting(child) }
        if kind == H5I_GROUP {
          if isNew, !name.hasPrefix("#") { visit(child, depth: depth + 1) }
        } else if kind == H5I_DATASET, let array = try? open(child) {
          found.append(Entry(path: child, dimensions: array.dimensions, type: array.type, object: object))
        }
      }
    }
    visit(group, depth: 0)
    return found
  }

  /// Arrays of which each is listed once, under the shortest of its names (the first of equally long ones).
  static func distinct(_ entries: [Entry]) -> [Entry] {
    var kept: [HDF5Object: Int] = [:]
    for (index, entry) in entries.enumerated() {
      if let other = kept[entry.object], entries[other].path.utf8.count <= entry.path.utf8.count { continue }
      kept[entry.object] = index
    }
    return kept.values.sorted().map { entries[$0] }
  }

  /// What stands at a path, and its kind; nil where it cannot be opened.
  private func object(at path: String) -> (object: HDF5Object, kind: H5I_type_t)? {
    let object = H5Oopen(id, path, 0)
    guard object >= 0 else { return nil }
    defer { H5Oclose(object) }
    var identity: (UInt64, UInt64) = (0, 0)
    let isKnown = withUnsafeMutableBytes(of: &identity) {
      hsi_h5_identity(object, $0.baseAddress?.assumingMemoryBound(to: CUnsignedLongLong.self)) == 0
    }
    guard isKnown else { return nil }
    return (HDF5Object(file: identity.0, address: identity.1), H5Iget_type(object))
  }

  /// Lets a child process look at an array before its numbers are read, once.
  ///
  /// - Throws: the errors of `HDF5Probe.check`.
  fileprivate func examine(_ array: String) throws {
    if !isProbed { try HDF5Probe.check(path, array: array) }
  }

  /// Names of the members of a group, sorted.
  func children(of group: String) -> [String] {
    let object = H5Gopen2(id, group, 0)
    guard object >= 0 else { return [] }
    defer { H5Gclose(object) }
    var info = H5G_info_t()
    guard H5Gget_info(object, &info) >= 0 else { return [] }
    return (0..<min(info.nlinks, 20_000)).compactMap { index in
      let length = H5Lget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, index, nil, 0, 0)
      guard length > 0, length < 4096 else { return nil }
      var buffer = [CChar](repeating: 0, count: length + 1)
      guard H5Lget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, index, &buffer, length + 1, 0) >= 0
      else { return nil }
      return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// True when a group or array stands at `path`.
  func exists(_ path: String) -> Bool {
    var partial = ""
    for part in path.split(separator: "/") {
      partial += "/" + part
      guard H5Lexists(id, partial, 0) > 0 else { return false }
    }
    return true
  }

  /// The array at `path`.
  func open(_ path: String) throws -> HDF5Array { try HDF5Array(file: self, path: path) }

  /// The array at `path`, or nil when there is none.
  func array(_ path: String) -> HDF5Array? { exists(path) ? try? open(path) : nil }

  /// An attribute of the object at `path`, or nil when it is absent or of a kind that cannot be read.
  func attribute(_ name: String, of path: String = "/") -> HDF5Attribute? {
    guard path == "/" || exists(path), H5Aexists_by_name(id, path, name, 0) > 0 else { return nil }
    let attribute = H5Aopen_by_name(id, path, name, 0, 0)
    guard attribute >= 0 else { return nil }
    defer { H5Aclose(attribute) }
    let (type, space) = (H5Aget_type(attribute), H5Aget_space(attribute))
    defer {
      H5Tclose(type)
      H5Sclose(space)
    }
    let count = Int(H5Sget_simple_extent_npoints(space))
    guard type >= 0, space >= 0, count >= 1, count <= 1 << 20 else { return nil }
    switch H5Tget_class(type) {
    case H5T_INTEGER, H5T_FLOAT:
      var values = [Double](repeating: 0, count: count)
      return H5Aread(attribute, hsi_h5_double(), &values) >= 0 ? .numbers(values) : nil
    case H5T_STRING:
      return HDF5File.strings(type: type, space: space, count: count) { H5Aread(attribute, $0, $1) }
        .map { .texts($0) }
    default: return nil
    }
  }

  /// Reads every attribute of an object and forgets it.
  func touchAttributes(of path: String) {
    for name in attributeNames(of: path) { _ = attribute(name, of: path) }
  }

  /// Names of the attributes of an object, sorted, a thousand at most.
  func attributeNames(of path: String) -> [String] {
    let object = H5Oopen(id, path, 0)
    guard object >= 0 else { return [] }
    let count = H5Aget_num_attrs(object)
    H5Oclose(object)
    return (0..<min(max(count, 0), 1000)).compactMap { index in
      var buffer = [CChar](repeating: 0, count: 1024)
      let length = H5Aget_name_by_idx(id, path, H5_INDEX_NAME, H5_ITER_INC, hsize_t(index), &buffer, 1024, 0)
      guard length > 0, length < 1024 else { return nil }
      return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// Reads `count` strings of fixed or variable length with `read`.
  fileprivate static func strings(
    type: hid_t, space: hid_t, count: Int, read: (hid_t, UnsafeMutableRawPointer) -> herr_t
  ) -> [String]? {
    if H5Tis_variable_str(type) > 0 {
      let memory = H5Tcopy(hsi_h5_c_string())
      H5Tset_size(memory, -1)
      H5Tset_cset(memory, H5Tget_cset(type))
      defer { H5Tclose(memory) }
      var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
      guard read(memory, &pointers) >= 0 else { return nil }
      let texts = pointers.map { $0.map { String(cString: $0) } ?? "" }
      H5Dvlen_reclaim(memory, space, 0, &pointers)
      return texts
    }
    let size = H5Tget_size(type)
    guard size > 0, size <= 1 << 20, Int.product(size, count) <= 1 << 26 else { return nil }
    var bytes = [UInt8](repeating: 0, count: size * count)
    guard read(type, &bytes) >= 0 else { return nil }
    return (0..<count).map { index in
      let text = bytes[(index * size)..<((index + 1) * size)].prefix { $0 != 0 }
      return String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespaces)
    }
  }

  /// Opens the library and keeps it from printing (its error handler is one per thread).
  private static func prepare() {
    H5open()
    H5Eset_auto2(0, nil, nil)
    // Links into other files are a class of links that the library can go without.
    if !RemoteAccess.isAllowed { H5Lunregister(H5L_TYPE_EXTERNAL) }
  }
}

/// An object of an HDF5 file by its place, which all paths that lead to it share.
struct HDF5Object: Hashable, Sendable {
  /// Number of the file, for links may lead to others.
  let file: UInt64
  /// Place in the file.
  let address: UInt64
}

/// The value of an attribute.
enum HDF5Attribute: Sendable {
  case numbers([Double])
  case texts([String])

  /// The first number (texts are parsed).
  var number: Double? { numbers.first }
  /// All numbers (texts are parsed; empty when one is no number).
  var numbers: [Double] {
    switch self {
    case .numbers(let values): values
    case .texts(let texts):
      texts.allSatisfy { Double($0) != nil } ? texts.compactMap { Double($0) } : []
    }
  }
  /// The first text.
  var text: String? {
    if case .texts(let texts) = self { return texts.first }
    return nil
  }
}

/// An array in an HDF5 file.
final class HDF5Array {
  /// Absolute path inside the file.
  let path: String
  /// Extent of every axis, slowest first.
  let dimensions: [Int]
  /// Type of its numbers; nil for text, references and compounds.
  let type: SampleType?
  /// What the type is, for messages.
  let typeName: String
  /// Chunk shape, or nil when contiguous.
  let chunk: [Int]?
  /// A file elsewhere that holds its numbers, which are not read then.
  private let foreign: String?
  private let file: HDF5File
  private var id: hid_t
  private let elementSize: Int
  private var isExamined = false

  fileprivate init(file: HDF5File, path: String) throws {
    self.file = file
    self.path = path
    id = H5Dopen2(file.id, path, 0)
    guard id >= 0 else { throw RasterError.unreadable(path: file.path, reason: "it has no array \(path)") }
    let (space, stored, properties) = (H5Dget_space(id), H5Dget_type(id), H5Dget_create_plist(id))
    defer {
      H5Sclose(space)
      H5Tclose(stored)
      H5Pclose(properties)
    }
    foreign = HDF5Array.foreignFile(properties)
    let rank = Int(H5Sget_simple_extent_ndims(space))
    var extents = [hsize_t](repeating: 0, count: max(rank, 1))
    if rank > 0 { H5Sget_simple_extent_dims(space, &extents, nil) }
    dimensions = rank > 0 ? extents.prefix(rank).map { Int(clamping: $0) } : []
    var chunks = [hsize_t](repeating: 0, count: max(rank, 1))
    let isChunked =
      rank > 0 && H5Pget_layout(properties) == H5D_CHUNKED
      && H5Pget_chunk(properties, Int32(rank), &chunks) == Int32(rank)
    chunk = isChunked ? chunks.map { Int(clamping: $0) } : nil
    (type, typeName) = HDF5Array.classify(stored)
    elementSize = H5Tget_size(stored)
  }

  deinit { if id >= 0 { H5Dclose(id) } }

  /// A file outside the folder of this one in which numbers of the array lie (external storage, virtual arrays); nil where
  /// there is none, or where arrays may lie anywhere.
  private static func foreignFile(_ properties: hid_t) -> String? {
    guard !RemoteAccess.isAllowed else { return nil }
    var names: [String] = []
    var buffer = [CChar](repeating: 0, count: 4097)
    func text() -> String { String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    for index in 0..<max(H5Pget_external_count(properties), 0) {
      if H5Pget_external(properties, UInt32(index), 4096, &buffer, nil, nil) >= 0 { names.append(text()) }
    }
    if H5Pget_layout(properties) == H5D_VIRTUAL {
      var count = 0
      guard H5Pget_virtual_count(properties, &count) >= 0 else { return "a virtual array" }
      for index in 0..<count {
        if H5Pget_virtual_filename(properties, index, &buffer, 4096) >= 0 { names.append(text()) }
      }
    }
    return names.first { $0.hasPrefix("/") || $0.split(separator: "/").contains("..") }
  }

  /// Number of elements; nil when it does not fit in memory arithmetic.
  var count: Int? {
    var product = 1
    for extent in dimensions {
      let (next, overflow) = product.multipliedReportingOverflow(by: extent)
      if overflow || next > 1 << 46 { return nil }
      product = next
    }
    return product
  }

  /// Bytes of a chunk when it is unpacked, 0 for arrays that are not chunked.
  var chunkBytes: Int { chunk.map { $0.reduce(elementSize) { Int.product($0, $1) } } ?? 0 }

  /// Whether a look at the array costs next to nothing, so that the look at the whole file includes it: a list.
  var isSmall: Bool { dimensions.count <= 1 && (count ?? .max) <= 1 << 16 && chunkBytes <= 1 << 20 }

  /// Lets a child process read numbers at both ends first, where the library would have to unpack them and the look at the file
  /// did not include this array.
  ///
  /// - Throws: `RasterError.unreadable` when the child did not survive or took too long.
  func examine() throws {
    guard !isExamined else { return }
    if chunk != nil, !isSmall { try file.examine(path) }
    isExamined = true
  }

  /// What speaks against the array being whole: an axis beyond any scene, or so many numbers that the file, which is
  /// far smaller, can hold hardly any of them. Nil for a plausible one.
  ///
  /// Damaged files claim such arrays; reading them would take hours and fill the memory. Compression by deflate saves
  /// at most a factor of 1032.
  var implausible: String? {
    if let axis = dimensions.first(where: { $0 > 1 << 22 }) { return "an axis of \(axis)" }
    guard let type, let stored = VSI.status(file.path)?.size else { return nil }
    var claims = [count]
    if let chunk {
      claims.append(chunk.reduce(Int?(1)) { total, extent in total.flatMap { HDF5Array.product($0, extent) } })
    }
    for claim in claims {
      guard let claim, let bytes = HDF5Array.product(claim, type.size) else {
        return "more numbers than any memory holds"
      }
      if bytes > max(256 << 20, stored > Int.max / 1200 ? Int.max : 1200 * stored) {
        return "\(MemoryBudget.text(bytes)) of numbers in a file of \(MemoryBudget.text(stored))"
      }
    }
    return nil
  }

  private static func product(_ a: Int, _ b: Int) -> Int? {
    let (result, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? nil : result
  }

  /// - Throws: `RasterError.unreadable` when the array is not plausible; `CoreError.memory` when one of its chunks,
  ///   which can only be read whole, does not fit.
  func require(_ context: RunContext) throws {
    try requireOwn()
    if let reason = implausible {
      throw RasterError.unreadable(
        path: file.path, reason: "it is damaged or hardly written: \(path) claims \(reason)")
    }
    guard let chunk, let type else { return }
    let bytes = chunk.reduce(type.size) { Int.product($0, $1) }
    guard bytes <= max(context.memory.bytes / 2, 64 << 20) else {
      throw CoreError.memory(
        purpose: "one chunk of \(file.path)\(path)", needed: .product(2, bytes), budget: context.memory.bytes)
    }
  }

  /// - Throws: `RasterError.foreign` when its numbers lie elsewhere.
  private func requireOwn() throws {
    if let foreign { throw RasterError.foreign(path: file.path + path, target: "a file elsewhere: \(foreign)") }
  }

  /// Reopens the array with a cache that holds `bytes` of decompressed chunks.
  func setCache(bytes: Int) {
    guard chunk != nil else { return }
    let access = H5Pcreate(hsi_h5_dataset_access())
    defer { H5Pclose(access) }
    H5Pset_chunk_cache(access, 12_421, bytes, 0.75)
    let again = H5Dopen2(file.id, path, access)
    guard again >= 0 else { return }
    H5Dclose(id)
    id = again
  }

  /// Reads a block (`start`, `count` per axis) into part of a row-major array of shape `shape` at `origin`, in this
  /// machine's byte order. `stride` and `block` select several equal blocks per axis (1 and 1 for a plain one).
  func read(
    start: [Int], count: [Int], stride: [Int]? = nil, block: [Int]? = nil,
    into memory: UnsafeMutableRawPointer,
    shape: [Int], origin: [Int]
  ) throws {
    try requireOwn()
    guard let type else {
      throw RasterError.unsupported(
        path: file.path, feature: "\(path) of type \(typeName)",
        advice: "choose a numeric array with \(option: "variable")")
    }
    try examine()
    let rank = dimensions.count
    let extents = zip(count, block ?? [Int](repeating: 1, count: rank)).map { $0 * $1 }
    guard start.count == rank, count.count == rank, shape.count == rank, origin.count == rank,
      zip(origin, extents).map({ $0 + $1 }).elementsEqual(shape, by: { $0 <= $1 }), !extents.contains(0)
    else {
      throw RasterError.inputOutput(path: file.path, action: "reading", reason: "bad window of \(path)")
    }
    let unsigned: ([Int]) -> [hsize_t] = { $0.map { hsize_t($0) } }
    let space = H5Dget_space(id)
    let target = H5Screate_simple(Int32(rank), unsigned(shape), nil)
    defer {
      H5Sclose(space)
      H5Sclose(target)
    }
    let selected = H5Sselect_hyperslab(
      space, H5S_SELECT_SET, unsigned(start), unsigned(stride ?? [Int](repeating: 1, count: rank)),
      unsigned(count), unsigned(block ?? [Int](repeating: 1, count: rank)))
    let placed = H5Sselect_hyperslab(target, H5S_SELECT_SET, unsigned(origin), nil, unsigned(extents), nil)
    guard selected >= 0, placed >= 0, H5Dread(id, HDF5Array.native(type), target, space, 0, memory) >= 0
    else {
      throw RasterError.inputOutput(
        path: file.path, action: "reading",
        reason: "the HDF5 library failed on \(path); the file may be damaged")
    }
  }

  /// All numbers as double, row-major; nil for other types or above a million of them.
  func doubles() -> [Double]? {
    guard foreign == nil, type != nil, let count, count > 0, count <= 1 << 20, implausible == nil,
      (try? examine()) != nil
    else {
      return nil
    }
    var values = [Double](repeating: 0, count: count)
    return H5Dread(id, hsi_h5_double(), 0, 0, 0, &values) >= 0 ? values : nil
  }

  /// All texts; nil for other types.
  func texts() -> [String]? {
    let (stored, space) = (H5Dget_type(id), H5Dget_space(id))
    defer {
      H5Tclose(stored)
      H5Sclose(space)
    }
    guard foreign == nil, H5Tget_class(stored) == H5T_STRING, let count, count > 0, count <= 1 << 16,
      (try? examine()) != nil
    else {
      return nil
    }
    return HDF5File.strings(type: stored, space: space, count: count) { H5Dread(id, $0, 0, 0, 0, $1) }
  }

  /// Paths of the objects that an array of references points to; nil for other types.
  func references() -> [String]? {
    let stored = H5Dget_type(id)
    defer { H5Tclose(stored) }
    guard foreign == nil, H5Tget_class(stored) == H5T_REFERENCE, H5Tequal(stored, hsi_h5_reference()) > 0, let count,
      count > 0,
      count <= 1 << 16, (try? examine()) != nil
    else { return nil }
    var values = [hobj_ref_t](repeating: 0, count: count)
    guard H5Dread(id, hsi_h5_reference(), 0, 0, 0, &values) >= 0 else { return nil }
    var paths: [String] = []
    for index in values.indices {
      let object = withUnsafePointer(to: &values[index]) { H5Rdereference2(id, 0, H5R_OBJECT, $0) }
      guard object >= 0 else { return nil }
      defer { H5Oclose(object) }
      var buffer = [CChar](repeating: 0, count: 4096)
      let length = H5Iget_name(object, &buffer, buffer.count)
      guard length > 0, length < buffer.count else { return nil }
      paths.append(String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    return paths
  }

  /// An attribute of this array.
  func attribute(_ name: String) -> HDF5Attribute? { file.attribute(name, of: path) }

  private static func classify(_ type: hid_t) -> (SampleType?, String) {
    let size = H5Tget_size(type)
    switch H5Tget_class(type) {
    case H5T_INTEGER:
      let isSigned = H5Tget_sign(type) == H5T_SGN_2
      switch size {
      case 1: return (isSigned ? .int8 : .uint8, "8-bit integer")
      case 2: return (isSigned ? .int16 : .uint16, "16-bit integer")
      case 4: return (isSigned ? .int32 : .uint32, "32-bit integer")
      case 8: return (isSigned ? .int64 : .uint64, "64-bit integer")
      default: return (nil, "\(size * 8)-bit integer")
      }
    case H5T_FLOAT:
      if size > 8 { return (nil, "\(size * 8)-bit float") }
      return size > 4 ? (.float64, "double") : (.float32, "float")
    case H5T_STRING: return (nil, "text")
    case H5T_COMPOUND: return (nil, "compound or complex")
    case H5T_REFERENCE: return (nil, "reference")
    case H5T_ENUM: return (nil, "enumeration")
    default: return (nil, "another kind")
    }
  }

  private static func native(_ type: SampleType) -> hid_t {
    switch type {
    case .uint8: hsi_h5_uint8()
    case .int8: hsi_h5_int8()
    case .uint16: hsi_h5_uint16()
    case .int16: hsi_h5_int16()
    case .uint32: hsi_h5_uint32()
    case .int32: hsi_h5_int32()
    case .uint64: hsi_h5_uint64()
    case .int64: hsi_h5_int64()
    case .float32: hsi_h5_float()
    case .float64: hsi_h5_double()
    }
  }
}
