/// A block of memory that tensors share; returns to the pool with the last of them.
final class TensorStorage: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  let capacity: Int
  private let pool: BufferPool

  init(count: Int) {
    capacity = max(count, 1)
    pool = BufferPool.current
    pointer = pool.take(bytes: capacity * 4).bindMemory(to: Float.self, capacity: capacity)
  }

  deinit { pool.giveBack(UnsafeMutableRawPointer(pointer), bytes: capacity * 4) }
}

/// A dense single-precision array in row-major order (the last axis is contiguous), 64-byte aligned.
///
/// A value: copies share memory until one of them is changed through `mutableBuffer`, `fill` or a subscript. Images and
/// features are channels last: `[batch, rows, columns, channels]`, cubes `[batch, bands, rows, columns, channels]`.
public struct Tensor: Sendable {
  /// Extents, outermost axis first. A scalar has none.
  public let shape: [Int]
  /// Number of values.
  public let count: Int
  private(set) var storage: TensorStorage

  /// A tensor of arbitrary contents, to be written by the caller.
  public init(uninitialised shape: [Int]) {
    self.shape = shape
    count = shape.reduce(1, *)
    storage = TensorStorage(count: count)
  }

  /// A tensor of one value.
  public init(_ shape: [Int], repeating value: Float) {
    self.init(uninitialised: shape)
    storage.pointer.update(repeating: value, count: count)
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int]) -> Tensor { Tensor(shape, repeating: 0) }

  /// A tensor of given values in row-major order; as many as the shape has.
  public init(_ shape: [Int], _ values: [Float]) {
    self.init(uninitialised: shape)
    precondition(values.count == count, "\(values.count) values for shape \(shape)")
    values.withUnsafeBufferPointer { if let p = $0.baseAddress { storage.pointer.update(from: p, count: count) } }
  }

  private init(shape: [Int], storage: TensorStorage) {
    self.shape = shape
    count = shape.reduce(1, *)
    self.storage = storage
  }

  /// The same values under another shape of the same count; shares memory.
  public func reshaped(_ shape: [Int]) -> Tensor {
    let result = Tensor(shape: shape, storage: storage)
    precondition(result.count == count, "\(self.shape) cannot be seen as \(shape)")
    return result
  }

  /// First value, for reading. Valid while the tensor lives.
  public var pointer: UnsafePointer<Float> { UnsafePointer(storage.pointer) }

  /// First value, for writing by the code that has just made the tensor and not yet shared it.
  package var output: UnsafeMutablePointer<Float> { storage.pointer }

  /// True when no other tensor shares the memory.
  package var isUnique: Bool { mutating get { isKnownUniquelyReferenced(&storage) } }

  /// Calls `body` with the values for changing, after copying them when they are shared.
  public mutating func withMutableValues<R>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> R) rethrows -> R {
    if !isUnique { self = copy() }
    return try body(UnsafeMutableBufferPointer(start: storage.pointer, count: count))
  }

  /// The same values in memory of their own.
  public func copy() -> Tensor {
    let result = Tensor(uninitialised: shape)
    result.storage.pointer.update(from: storage.pointer, count: count)
    return result
  }

  /// All values in row-major order.
  public var values: [Float] { Array(UnsafeBufferPointer(start: storage.pointer, count: count)) }

  /// The only value of a tensor that has one.
  public var scalar: Float {
    precondition(count == 1, "shape \(shape) is not a scalar")
    return storage.pointer[0]
  }
}
