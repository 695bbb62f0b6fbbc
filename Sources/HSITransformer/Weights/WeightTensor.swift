import HSICore

/// One tensor of a weight file; its numbers stay in the file until they are asked for.
public struct WeightTensor: Sendable {
  /// Dotted name, such as `head.conv.weight`.
  public internal(set) var name: String
  /// Type of the numbers in the file.
  public let type: ScalarType
  /// Extents, outermost axis first.
  public let shape: [Int]
  /// Number of values.
  public let count: Int

  /// Where the numbers are; makes them available at the first call.
  let source: any WeightSource
  /// Position of the first number, in numbers from the start of the source.
  let offset: Int
  /// Distance between neighbours along each axis, in numbers.
  let strides: [Int]

  /// - Parameters:
  ///   - shape: checked by the caller against the source: every number lies inside it.
  ///   - strides: row-major order when nil.
  init(
    name: String, type: ScalarType, shape: [Int], count: Int, source: any WeightSource, offset: Int = 0,
    strides: [Int]? = nil
  ) {
    self.name = name
    self.type = type
    self.shape = shape
    self.count = count
    self.source = source
    self.offset = offset
    self.strides = strides ?? WeightTensor.rowMajor(shape)
  }

  /// Bytes in the file; less than those of the numbers where zeros are left out (`SparseStorage`).
  public var storedBytes: Int { source.storedBytes ?? count * type.size }

  /// The numbers in single precision. Memory: 4 bytes per value.
  ///
  /// - Throws: `TransformerError` when the file turns out to be damaged.
  public func floats() throws -> Tensor {
    let tensor = Tensor(uninitialised: shape)
    guard count > 0 else { return tensor }
    let output = tensor.output
    try source.withBytes { bytes, swaps in
      switch type {
      case .float32:
        if isRowMajor, !swaps, let base = bytes.baseAddress {
          UnsafeMutableRawPointer(output).copyMemory(from: base + offset * 4, byteCount: count * 4)
        } else {
          gather(bytes, UInt32.self, swaps) { output[$0] = Float(bitPattern: $1) }
        }
      case .float64: gather(bytes, UInt64.self, swaps) { output[$0] = Float(Double(bitPattern: $1)) }
      case .float16: gather(bytes, UInt16.self, swaps) { output[$0] = WeightTensor.single(half: $1) }
      case .bfloat16: gather(bytes, UInt16.self, swaps) { output[$0] = Float(bitPattern: UInt32($1) << 16) }
      case .int64: gather(bytes, Int64.self, swaps) { output[$0] = Float($1) }
      case .int32: gather(bytes, Int32.self, swaps) { output[$0] = Float($1) }
      case .int16: gather(bytes, Int16.self, swaps) { output[$0] = Float($1) }
      case .int8: gather(bytes, Int8.self, swaps) { output[$0] = Float($1) }
      case .uint64: gather(bytes, UInt64.self, swaps) { output[$0] = Float($1) }
      case .uint32: gather(bytes, UInt32.self, swaps) { output[$0] = Float($1) }
      case .uint16: gather(bytes, UInt16.self, swaps) { output[$0] = Float($1) }
      case .uint8: gather(bytes, UInt8.self, swaps) { output[$0] = Float($1) }
      case .bool: gather(bytes, UInt8.self, swaps) { output[$0] = $1 == 0 ? 0 : 1 }
      }
    }
    return tensor
  }

  /// The numbers of an integer tensor in row-major order.
  ///
  /// - Throws: `TransformerError.unsupportedScalar` for floating-point tensors and numbers beyond `Int`.
  public func ints() throws -> [Int] {
    guard !type.isFloatingPoint else {
      throw TransformerError.unsupportedScalar(path: source.path, tensor: name, type: type.rawValue)
    }
    guard count > 0 else { return [] }
    var values = [Int](repeating: 0, count: count)
    var fits = true
    try source.withBytes { bytes, swaps in
      switch type {
      case .int64: gather(bytes, Int64.self, swaps) { values[$0] = Int($1) }
      case .int32: gather(bytes, Int32.self, swaps) { values[$0] = Int($1) }
      case .int16: gather(bytes, Int16.self, swaps) { values[$0] = Int($1) }
      case .int8: gather(bytes, Int8.self, swaps) { values[$0] = Int($1) }
      case .uint64:
        gather(bytes, UInt64.self, swaps) {
          fits = fits && $1 <= UInt64(Int.max)
          values[$0] = Int(clamping: $1)
        }
      case .uint32: gather(bytes, UInt32.self, swaps) { values[$0] = Int($1) }
      case .uint16: gather(bytes, UInt16.self, swaps) { values[$0] = Int($1) }
      default: gather(bytes, UInt8.self, swaps) { values[$0] = Int($1) }
      }
    }
    guard fits else {
      throw TransformerError.unsupportedScalar(path: source.path, tensor: name, type: type.rawValue)
    }
    return values
  }

  /// The numbers as they are stored, little endian and in row-major order, handed to `body` in pieces.
  func withStoredBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard count > 0 else { return }
    try source.withBytes { bytes, swaps in
      if isRowMajor, !swaps {
        return try body(
          UnsafeRawBufferPointer(rebasing: bytes[(offset * type.size)..<((offset + count) * type.size)]))
      }
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count * type.size, alignment: 8)
      defer { memory.deallocate() }
      switch type.size {
      case 8:
        gather(bytes, UInt64.self, swaps) { memory.storeBytes(of: $1, toByteOffset: $0 * 8, as: UInt64.self) }
      case 4:
        gather(bytes, UInt32.self, swaps) { memory.storeBytes(of: $1, toByteOffset: $0 * 4, as: UInt32.self) }
      case 2:
        gather(bytes, UInt16.self, swaps) { memory.storeBytes(of: $1, toByteOffset: $0 * 2, as: UInt16.self) }
      default:
        gather(bytes, UInt8.self, swaps) { memory.storeBytes(of: $1, toByteOffset: $0, as: UInt8.self) }
      }
      try body(UnsafeRawBufferPointer(memory))
    }
  }

  /// Distances between neighbours when the last axis is contiguous.
  static func rowMajor(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    var step = 1
    for axis in shape.indices.reversed() {
      strides[axis] = step
      // An extent of zero leaves nothing to address.
      step = step.multipliedReportingOverflow(by: max(shape[axis], 1)).partialValue
    }
    return strides
  }

  private var isRowMajor: Bool {
    var step = 1
    for axis in shape.indices.reversed() where shape[axis] != 1 {
      if strides[axis] != step { return false }
      step *= shape[axis]
    }
    return true
  }

  /// Calls `body(i, number i)` in row-major order.
  @inline(__always)
  private func gather<T: FixedWidthInteger>(
    _ bytes: UnsafeRawBufferPointer, _: T.Type, _ swaps: Bool, _ body: (Int, T) -> Void
  ) {
    guard let base = bytes.baseAddress else { return }
    let size = MemoryLayout<T>.size
    @inline(__always) func number(_ position: Int) -> T {
      let value = base.loadUnaligned(fromByteOffset: position * size, as: T.self)
      return swaps ? value.byteSwapped : value
    }
    if isRowMajor {
      for i in 0..<count { body(i, number(offset + i)) }
      return
    }
    var index = [Int](repeating: 0, count: shape.count)
    var position = offset
    for i in 0..<count {
      body(i, number(position))
      var axis = shape.count - 1
      while axis >= 0 {
        index[axis] += 1
        position += strides[axis]
        if index[axis] < shape[axis] { break }
        position -= strides[axis] * shape[axis]
        index[axis] = 0
        axis -= 1
      }
    }
  }

  /// IEEE half to single precision.
  static func single(half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10) & 0x1F
    let fraction = UInt32(half & 0x3FF)
    switch exponent {
    case 0:
      let magnitude = Float(fraction) * 0x1p-24
      return sign == 0 ? magnitude : -magnitude
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }
}

/// The bytes that a tensor lies in.
protocol WeightSource: Sendable {
  /// The file, for messages.
  var path: String { get }
  /// Bytes in the file, where they are others than those of the numbers.
  var storedBytes: Int? { get }
  /// Calls `body` with the bytes and whether numbers are stored in the other byte order.
  func withBytes(_ body: (UnsafeRawBufferPointer, _ swaps: Bool) throws -> Void) throws
}

extension WeightSource {
  var storedBytes: Int? { nil }
}
