import HSICore

/// A value that a pickle makes. Containers, tensors and storages are numbers into the lists of the unpickler, so that
/// nesting costs no stack and shared values no copies.
enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  /// Bytes, an integer beyond 64 bits, or something else that carries nothing of use.
  case opaque
  case global(PickleGlobal)
  case container(Int)
  case tensor(Int)
  case storage(Int)
  case numpyDtype(String)
  case bytes([UInt8])
}

/// A list, tuple, set or dictionary (keys and values in turn).
struct PickleContainer {
  enum Kind { case list, tuple, set, dictionary }
  let kind: Kind
  var items: [PickleValue] = []
}

/// The storage that a persistent identifier names; its bytes are elsewhere in the file.
struct PickledStorage {
  let key: String
  let typeName: String
  /// Nil for types that are not read, and for untyped ones.
  let type: ScalarType?
  let isUntyped: Bool
  /// Numbers, or bytes when untyped.
  let count: Int
}

/// A view of a storage, checked to lie inside it.
struct PickledTensor {
  let storage: Int
  let typeName: String
  let type: ScalarType?
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}

/// Reads pickles of tensors and containers, protocols 2 to 5; executes nothing.
///
/// A pickle is a program for a stack machine whose opcodes can call any Python function by name. This machine knows the
/// opcodes that build containers, and the calls of `PickleGlobal`; it refuses every other name at its first mention.
/// Memory is proportional to the pickle and bounded by `Limits`; there is no recursion. Source: CPython, `pickletools`.
struct Unpickler {
  /// What no checkpoint needs more of.
  enum Limits {
    static let bytes = 32 << 20
    static let objects = 1 << 20
    static let axes = 64
    static let integerBytes = 1 << 10
  }

  let path: String
  private(set) var containers: [PickleContainer] = []
  private(set) var tensors: [PickledTensor] = []
  private(set) var storages: [PickledStorage] = []
  /// Bytes read so far.
  private(set) var position: Int

  private let bytes: UnsafeRawBufferPointer
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  /// Items that calls have copied; no more than the file has bytes, or a few bytes could ask for endless copies.
  private var copied = 0

  /// - Parameter position: where to begin.
  init(_ bytes: UnsafeRawBufferPointer, position: Int = 0, path: String) {
    self.bytes = bytes
    self.position = position
    self.path = path
  }

  /// Runs one pickle to its end and returns its value.
  ///
  /// - Throws: `TransformerError.refusedGlobal`, `.badCheckpoint`, `.tooLarge`.
  mutating func run() throws -> PickleValue {
    stack = []
    marks = []
    memo = [:]
    let start = position
    while true {
      guard position - start <= Limits.bytes, stack.count <= Limits.objects,
        containers.count <= Limits.objects,
        tensors.count <= Limits.objects, storages.count <= Limits.objects, memo.count <= Limits.objects,
        marks.count <= Limits.objects
      else { throw TransformerError.tooLarge(path: path, detail: "its pickle describes too many objects") }
      let opcode = try byte()
      if opcode == UInt8(ascii: ".") { return try pop() }
      try execute(opcode)
    }
  }

  // MARK: Opcodes

  private mutating func execute(_ opcode: UInt8) throws {
    switch opcode {
    case 0x80:  // PROTO
      let version = try byte()
      guard (2...5).contains(version) else { throw failure("pickle protocol \(version) is not read") }
    case 0x95: position += min(8, bytes.count - position)  // FRAME
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "1"): _ = try popMark()
    case UInt8(ascii: "2"): stack.append(try top())
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case UInt8(ascii: "J"): stack.append(.int(Int(Int32(truncatingIfNeeded: try unsigned(4)))))
    case UInt8(ascii: "K"): stack.append(.int(try unsigned(1)))
    case UInt8(ascii: "M"): stack.append(.int(try unsigned(2)))
    case UInt8(ascii: "G"):
      stack.append(.float(Double(bitPattern: UInt64(bitPattern: Int64(try unsigned(8))).byteSwapped)))
    case 0x8A: stack.append(try longInteger(unsigned(1)))
    case 0x8B: stack.append(try longInteger(unsigned(4)))
    case UInt8(ascii: "X"), UInt8(ascii: "T"): stack.append(.string(try text(unsigned(4))))
    case 0x8C, UInt8(ascii: "U"): stack.append(.string(try text(unsigned(1))))
    case 0x8D: stack.append(.string(try text(unsigned(8))))
    case UInt8(ascii: "B"): stack.append(.bytes(Array(try take(unsigned(4)))))
    case UInt8(ascii: "C"): stack.append(.bytes(Array(try take(unsigned(1)))))
    case 0x8E, 0x96: stack.append(.bytes(Array(try take(unsigned(8)))))
    case UInt8(ascii: "]"): push(.list, [])
    case UInt8(ascii: "}"): push(.dictionary, [])
    case UInt8(ascii: ")"): push(.tuple, [])
    case 0x8F: push(.set, [])
    case UInt8(ascii: "l"): push(.list, try popMark())
    case UInt8(ascii: "t"): push(.tuple, try popMark())
    case 0x91: push(.set, try popMark())
    case UInt8(ascii: "d"): push(.dictionary, try pairs(popMark()))
    case 0x85, 0x86, 0x87: push(.tuple, try pop(Int(opcode) - 0x84))
    case UInt8(ascii: "a"): try append([pop()], to: .list)
    case UInt8(ascii: "e"): try append(popMark(), to: .list)
    case 0x90: try append(popMark(), to: .set)
    case UInt8(ascii: "s"): try append(pop(2), to: .dictionary)
    case UInt8(ascii: "u"): try append(pairs(popMark()), to: .dictionary)
    case UInt8(ascii: "q"): memo[try unsigned(1)] = try top()
    case UInt8(ascii: "r"): memo[try unsigned(4)] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "h"): stack.append(try recall(unsigned(1)))
    case UInt8(ascii: "j"): stack.append(try recall(unsigned(4)))
    case UInt8(ascii: "c"): stack.append(.global(try global(module: line(), name: line())))
    case 0x93:  // STACK_GLOBAL
      let names = try pop(2)
      guard case .string(let module) = names[0], case .string(let name) = names[1] else {
        throw failure("a global without a name")
      }
      stack.append(.global(try global(module: module, name: name)))
    case UInt8(ascii: "i"):  // INST names its class as GLOBAL does
      _ = try global(module: line(), name: line())
      throw failure("an instance made in the old way")
    case UInt8(ascii: "Q"): stack.append(try persistent(pop()))
    case UInt8(ascii: "R"), 0x81:  // REDUCE, NEWOBJ
      let parts = try pop(2)
      stack.append(try call(parts[0], items(of: parts[1], .tuple)))
    case 0x92:  // NEWOBJ_EX
      let parts = try pop(3)
      guard try items(of: parts[2], .dictionary).isEmpty else { throw failure("a call with named arguments") }
      stack.append(try call(parts[0], items(of: parts[1], .tuple)))
    case UInt8(ascii: "b"): try build()
    default: throw failure("opcode \(opcode) of its pickle is not read")
    }
  }

  /// BUILD sets attributes: dropped for containers, whose items are all that counts.
  private mutating func build() throws {
    let state = try pop()
    switch try top() {
    case .container: break
    case .numpyDtype:
      // (version, byte order, …): only the order of this machine's kind is understood.
      let items = try items(of: state, .tuple)
      guard items.count > 1, case .string(let order) = items[1], order != ">" else {
        stack[stack.count - 1] = .numpyDtype("")
        return
      }
    default: throw failure("attributes for something that has none")
    }
  }

  private func global(module: String, name: String) throws -> PickleGlobal {
    guard let global = PickleGlobal(module: module, name: name) else {
      throw TransformerError.refusedGlobal(path: path, name: shortened("\(module).\(name)"))
    }
    return global
  }

  /// What a call of one of the known globals makes.
  private mutating func call(_ callee: PickleValue, _ arguments: [PickleValue]) throws -> PickleValue {
    guard case .global(let global) = callee else { throw failure("a call of something that is no function") }
    switch global {
    case .tensor(let version): return try rebuild(arguments, version: version)
    case .parameter:
      guard case .tensor? = arguments.first else { throw failure("a parameter without a tensor") }
      return arguments[0]
    case .dictionary:
      // OrderedDict(list of pairs) is how old versions of Python write it; defaultdict(type) is empty.
      guard case .container(let index)? = arguments.last else { return make(.dictionary, []) }
      var items = containers[index].items
      try charge(items.count)
      if containers[index].kind != .dictionary {
        items = try items.flatMap { pair in
          guard case .container(let index) = pair, containers[index].items.count == 2 else {
            throw failure("a dictionary of something else than pairs")
          }
          return containers[index].items
        }
      }
      return make(.dictionary, items)
    case .set, .size:
      let members = try arguments.first.map { try items(of: $0, nil) } ?? []
      try charge(members.count)
      return make(global == .set ? .set : .tuple, members)
    case .device: return arguments.first ?? .none
    case .builtin: return .opaque
    case .numpyDtype:
      guard case .string(let name)? = arguments.first else { return .numpyDtype("") }
      return .numpyDtype(name)
    case .numpyScalar: return numpyScalar(arguments)
    case .latin1:
      guard arguments.count == 2, case .string(let text) = arguments[0], case .string("latin1") = arguments[1]
      else {
        throw failure("text in an unknown encoding")
      }
      try charge(text.utf8.count)
      return .bytes(
        try text.unicodeScalars.map {
          guard $0.value < 256 else { throw failure("text in an unknown encoding") }
          return UInt8($0.value)
        })
    case .storage, .dtype: throw failure("a call of a type of numbers")
    }
  }

  private func numpyScalar(_ arguments: [PickleValue]) -> PickleValue {
    guard arguments.count == 2, case .numpyDtype(let type) = arguments[0],
      case .bytes(let bytes) = arguments[1]
    else { return .opaque }
    return bytes.withUnsafeBytes { raw -> PickleValue? in
      switch (type, raw.count) {
      case ("f8", 8): raw.little(UInt64.self, at: 0).map { .float(Double(bitPattern: $0)) }
      case ("f4", 4): raw.little(UInt32.self, at: 0).map { .float(Double(Float(bitPattern: $0))) }
      case ("i8", 8): raw.little(Int64.self, at: 0).map { .int(Int($0)) }
      case ("i4", 4): raw.little(Int32.self, at: 0).map { .int(Int($0)) }
      case ("b1", 1): .bool(raw[0] != 0)
      default: nil
      }
    } ?? .opaque
  }

  // MARK: Tensors

  /// `('storage', type, key, place, count)`; a sixth item is a view in files of before 2018.
  private mutating func persistent(_ identifier: PickleValue) throws -> PickleValue {
    let parts = try items(of: identifier, .tuple)
    guard parts.count == 5 || parts.count == 6, case .string("storage") = parts[0],
      case .global(.storage(let name, let type, let isUntyped)) = parts[1], case .string(let key) = parts[2],
      case .int(let count) = parts[4], count >= 0
    else { throw failure("a storage that is not described as PyTorch does") }
    if parts.count == 6 {
      guard case .none = parts[5] else { throw failure("a storage inside another, as before PyTorch 0.4") }
    }
    storages.append(
      PickledStorage(key: key, typeName: name, type: type, isUntyped: isUntyped, count: count))
    return .storage(storages.count - 1)
  }

  /// `(storage, offset, shape, strides, …)`, and the type of numbers as the seventh in version 3.
  private mutating func rebuild(_ arguments: [PickleValue], version: Int) throws -> PickleValue {
    guard arguments.count >= 4, case .storage(let index) = arguments[0], case .int(let offset) = arguments[1]
    else { throw failure("a tensor that is not described as PyTorch does") }
    let shape = try integers(arguments[2])
    let strides = try integers(arguments[3])
    let storage = storages[index]
    var (typeName, type, capacity) = (storage.typeName, storage.type, storage.count)
    if version == 3 {
      guard arguments.count >= 7, case .global(.dtype(let name, let dtype)) = arguments[6] else {
        throw failure("a tensor without a type")
      }
      (typeName, type) = (name, dtype)
      let bytes =
        storage.isUntyped
        ? storage.count : storage.count.multipliedReportingOverflow(by: storage.type?.size ?? 1).partialValue
      capacity = bytes / (dtype?.size ?? 1)
    } else if storage.isUntyped {
      throw failure("a tensor without a type")
    }
    guard shape.count == strides.count, shape.count <= Limits.axes, offset >= 0,
      let count = (type ?? .uint8).count(of: shape), strides.allSatisfy({ $0 >= 0 })
    else { throw failure("a tensor of shape \(shape.prefix(8)) and strides \(strides.prefix(8))") }
    if count > 0 {
      var last = offset
      for (extent, stride) in zip(shape, strides) {
        let (step, overflow) = (extent - 1).multipliedReportingOverflow(by: stride)
        let (sum, overflows) = last.addingReportingOverflow(step)
        guard !overflow, !overflows else { throw failure("a tensor that lies outside its storage") }
        last = sum
      }
      guard last < capacity else { throw failure("a tensor that lies outside its storage") }
      guard count <= capacity else {
        throw TransformerError.tooLarge(
          path: path, detail: "a tensor of \(count) values repeats a storage of \(capacity)")
      }
    }
    tensors.append(
      PickledTensor(
        storage: index, typeName: typeName, type: type, offset: count > 0 ? offset : 0, shape: shape,
        strides: strides))
    return .tensor(tensors.count - 1)
  }

  private func integers(_ value: PickleValue) throws -> [Int] {
    let items = try items(of: value, nil)
    guard items.count <= Limits.axes else { throw failure("a tensor of \(items.count) axes") }
    return try items.map {
      guard case .int(let value) = $0 else { throw failure("a tensor whose shape is not numbers") }
      return value
    }
  }

  // MARK: Stack

  private func top() throws -> PickleValue {
    guard let value = stack.last, stack.count > marks.last ?? 0 else {
      throw failure("its pickle has an empty stack")
    }
    return value
  }

  private mutating func pop() throws -> PickleValue {
    let value = try top()
    stack.removeLast()
    return value
  }

  private mutating func pop(_ count: Int) throws -> [PickleValue] {
    guard stack.count - (marks.last ?? 0) >= count else { throw failure("its pickle has an empty stack") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popMark() throws -> [PickleValue] {
    guard let mark = marks.popLast() else { throw failure("its pickle lacks a mark") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func charge(_ items: Int) throws {
    copied += items
    guard copied <= bytes.count else {
      throw TransformerError.tooLarge(path: path, detail: "its pickle copies its contents over and over")
    }
  }

  private mutating func make(_ kind: PickleContainer.Kind, _ items: [PickleValue]) -> PickleValue {
    containers.append(PickleContainer(kind: kind, items: items))
    return .container(containers.count - 1)
  }

  private mutating func push(_ kind: PickleContainer.Kind, _ items: [PickleValue]) {
    stack.append(make(kind, items))
  }

  private mutating func append(_ items: [PickleValue], to kind: PickleContainer.Kind) throws {
    guard case .container(let index) = try top(), containers[index].kind == kind else {
      throw failure("items for something that takes none")
    }
    containers[index].items += items
  }

  private func pairs(_ items: [PickleValue]) throws -> [PickleValue] {
    guard items.count % 2 == 0 else { throw failure("a key without a value") }
    return items
  }

  private func items(of value: PickleValue, _ kind: PickleContainer.Kind?) throws -> [PickleValue] {
    guard case .container(let index) = value, kind == nil || containers[index].kind == kind else {
      throw failure("arguments of an unexpected kind")
    }
    return containers[index].items
  }

  private func recall(_ key: Int) throws -> PickleValue {
    guard let value = memo[key] else { throw failure("its pickle recalls what it did not keep") }
    return value
  }

  // MARK: Bytes

  private mutating func byte() throws -> UInt8 {
    guard position < bytes.count else { throw failure("its pickle ends early") }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer.SubSequence {
    guard count >= 0, count <= bytes.count - position else { throw failure("its pickle ends early") }
    defer { position += count }
    return bytes[position..<(position + count)]
  }

  /// A little-endian number of 1, 2, 4 or 8 bytes; the last as two's complement.
  private mutating func unsigned(_ size: Int) throws -> Int {
    var value: UInt64 = 0
    for (i, byte) in try take(size).enumerated() { value |= UInt64(byte) << (8 * UInt64(i)) }
    return Int(truncatingIfNeeded: value)
  }

  private mutating func text(_ count: Int) throws -> String {
    String(decoding: try take(count), as: UTF8.self)
  }

  /// Text up to a line feed.
  private mutating func line() throws -> String {
    guard let end = bytes[position...].prefix(4096).firstIndex(of: 10) else {
      throw failure("a name without end")
    }
    defer { position = end + 1 }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }

  private mutating func longInteger(_ count: Int) throws -> PickleValue {
    guard count >= 0, count <= Limits.integerBytes else { throw failure("an integer of \(count) bytes") }
    let digits = try take(count)
    guard count <= 8 else { return .opaque }
    var value: UInt64 = digits.last.map { $0 & 0x80 != 0 } == true ? .max << (8 * UInt64(count)) : 0
    if count == 8 { value = 0 }
    for (i, byte) in digits.enumerated() { value |= UInt64(byte) << (8 * UInt64(i)) }
    return .int(Int(truncatingIfNeeded: value))
  }

  private func failure(_ detail: String) -> TransformerError { .badCheckpoint(path: path, detail: detail) }
}
