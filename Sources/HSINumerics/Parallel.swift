import CKernels
import Synchronization

/// The thread pool of the toolkit.
///
/// Work is cut by size, never by the number of threads, so results do not depend on it. A call from inside an item
/// runs serially.
///
/// Bodies are not `@Sendable`: they capture pointers and objects as they are, and the compiler does not check them. What keeps
/// them safe is that all have ended when the call returns, and that each writes to places which no other one reads or writes.
public enum Parallel {
  /// Sets the number of threads (at least 1).
  public static func setThreads(_ count: Int) { hsi_pool_set_threads(Int32(max(1, count))) }

  /// The number of threads in use.
  public static var threads: Int { Int(hsi_pool_threads()) }

  /// Calls `body(0) … body(count − 1)`, each once, on the pool; returns when all are done.
  ///
  /// Bodies that keep something per thread, in the place that `hsi_pool_thread_index()` tells, pass the number of
  /// `threads` that there is room for: another task may change the pool's meanwhile.
  public static func forEach(_ count: Int, threads: Int = Int(Int32.max), _ body: (Int) -> Void) {
    guard count > 0 else { return }
    guard count > 1 else { return body(0) }
    withoutActuallyEscaping(body) { body in
      let box = Box(body)
      withExtendedLifetime(box) {
        hsi_pool_run_on(
          Int32(threads), Int32(count),
          { context, index in
            Unmanaged<Box>.fromOpaque(context!).takeUnretainedValue().body(Int(index))
          }, Unmanaged.passUnretained(box).toOpaque())
      }
    }
  }

  /// Splits `0..<total` into ranges of `chunk` items (the last may be shorter) and calls `body(index, range)`.
  public static func forEachChunk(of total: Int, chunk: Int, _ body: (Int, Range<Int>) -> Void) {
    let count = (total + chunk - 1) / chunk
    forEach(count) { i in body(i, (i * chunk)..<min(total, (i + 1) * chunk)) }
  }

  /// Like `forEach` for bodies that throw: all items run, the error of the lowest index is thrown.
  public static func tryForEach(
    _ count: Int, threads: Int = Int(Int32.max), _ body: (Int) throws -> Void
  ) throws {
    let failure = Mutex<(index: Int, error: any Error)?>(nil)
    forEach(count, threads: threads) { index in
      do {
        try body(index)
      } catch {
        failure.withLock { first in
          if first == nil || index < first!.index { first = (index, error) }
        }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
  }

  private final class Box {
    let body: (Int) -> Void
    init(_ body: @escaping (Int) -> Void) { self.body = body }
  }
}
