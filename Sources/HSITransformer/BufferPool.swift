import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#endif

/// Keeps blocks of memory that tensors gave back, so that after the first step or tile none is allocated afresh.
///
/// Size classes are an eighth of a power of two apart, so at most an eighth of a block is unused. A fresh block costs a
/// page fault per 4 KiB (6 ms for 16 MiB), a kept one nothing. Blocks are 64-byte aligned and come with arbitrary
/// contents. Thread-safe.
///
/// Kept and used blocks together take at most one and a half times the most that was ever in use at once (and 64 MiB): steps of one
/// shape never meet that limit, and of steps whose shapes change the sizes that were asked for longest ago go back to the system.
public final class BufferPool: Sendable {
  /// The pool that tensors made by this task take their memory from: one for the process unless a task chose another (to
  /// measure what it alone uses).
  @TaskLocal public static var current = BufferPool()

  /// An empty pool.
  public init() {}

  /// What the pool has done.
  public struct Statistics: Sendable, Equatable {
    /// Blocks taken from the system.
    public var allocations = 0
    /// Bytes in use by tensors.
    public var bytesInUse = 0
    /// The largest `bytesInUse` since the last `resetPeak()`.
    public var peakBytesInUse = 0
    /// Bytes kept for reuse.
    public var bytesKept = 0
  }

  private struct Block: @unchecked Sendable { let address: UnsafeMutableRawPointer }
  private struct State {
    var free: [Int: [Block]] = [:]
    /// When a size was asked for or given back last.
    var uses: [Int: Int] = [:]
    var clock = 0
    /// The most bytes that were ever in use.
    var high = 0
    var statistics = Statistics()

    mutating func note(_ size: Int) {
      clock += 1
      uses[size] = clock
    }

    /// Kept blocks beyond the limit, of the sizes that were asked for longest ago.
    mutating func surplus() -> [Block] {
      let limit = high + high / 2 + BufferPool.slack
      guard statistics.bytesInUse + statistics.bytesKept > limit else { return [] }
      var blocks: [Block] = []
      for size in free.keys.sorted(by: { uses[$0, default: 0] < uses[$1, default: 0] }) {
        while statistics.bytesInUse + statistics.bytesKept > limit, let block = free[size]?.popLast() {
          statistics.bytesKept -= size
          blocks.append(block)
        }
      }
      return blocks
    }
  }
  /// Bytes that may be kept whatever is in use.
  private static let slack = 64 << 20
  private let state = Mutex(State())

  /// The size of the block that serves a request: the next multiple of an eighth of a power of two, at least 256 bytes.
  static func classSize(_ bytes: Int) -> Int {
    guard bytes > 256 else { return 256 }
    let step = (1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)) / 8
    return (bytes + step - 1) / step * step
  }

  func take(bytes: Int) -> UnsafeMutableRawPointer {
    let size = BufferPool.classSize(bytes)
    let kept = state.withLock { state -> Block? in
      state.statistics.bytesInUse += size
      state.statistics.peakBytesInUse = max(state.statistics.peakBytesInUse, state.statistics.bytesInUse)
      state.high = max(state.high, state.statistics.bytesInUse)
      state.note(size)
      if let block = state.free[size]?.popLast() {
        state.statistics.bytesKept -= size
        return block
      }
      state.statistics.allocations += 1
      return nil
    }
    if let kept { return kept.address }
    var raw: UnsafeMutableRawPointer?
    guard posix_memalign(&raw, 64, size) == 0, let raw else {
      preconditionFailure("out of memory: \(size) bytes for a tensor")
    }
    return raw
  }

  func giveBack(_ address: UnsafeMutableRawPointer, bytes: Int) {
    let size = BufferPool.classSize(bytes)
    let block = Block(address: address)
    let surplus = state.withLock { state in
      state.statistics.bytesInUse -= size
      state.statistics.bytesKept += size
      state.free[size, default: []].append(block)
      state.note(size)
      return state.surplus()
    }
    for block in surplus { free(block.address) }
  }

  deinit { trim() }

  /// Gives all kept blocks back to the system.
  public func trim() {
    let blocks = state.withLock { state in
      let blocks = state.free.values.flatMap { $0 }
      state.free = [:]
      state.statistics.bytesKept = 0
      return blocks
    }
    for block in blocks { free(block.address) }
  }

  /// Starts a new measurement of the peak.
  public func resetPeak() { state.withLock { $0.statistics.peakBytesInUse = $0.statistics.bytesInUse } }

  /// What the pool has done so far.
  public var statistics: Statistics { state.withLock { $0.statistics } }
}
