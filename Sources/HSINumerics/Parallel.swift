import CKernels
import HSICore
import Synchronization

/// The thread pool of the toolkit.
///
/// Work is cut by size, never by the number of threads, so results do not depend on it. A call from inside an item
/// runs serially.
///
/// Bodies are not `@Sendable`: they capture pointers and objects as they are, and the compiler does not check them. What keeps
/// them safe is that all have ended when the call returns, and that each writes to places which no other one reads or writes.
public enum Parallel {
  /// Sets the number of threads of the process (at least 1), for work that is not done under a context.
  public static func setThreads(_ count: Int) { hsi_pool_set_threads(Int32(max(1, count))) }

  /// The number of threads that work of the calling thread is shared by: what it has claimed, else that of the process.
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
  public static func tryForEach(_ count: Int, threads: Int = Int(Int32.max), _ body: (Int) throws -> Void) throws {
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

/// The number of threads that work of one thread is shared by, until it is released.
public struct ThreadClaim {
  private let former: Int32

  fileprivate init(_ threads: Int) { former = hsi_pool_claim(Int32(clamping: max(1, threads))) }

  /// Ends the claim: what was claimed before holds again. On the thread that made it.
  public func release() { _ = hsi_pool_claim(former) }
}

extension RunContext {
  /// Claims the threads of the context: parallel loops and kernels that this thread starts are shared by `threads` threads, not
  /// by those of the process. Every function of the libraries that is given a context and does real work begins with
  ///
  /// ```swift
  /// let claim = context.claimThreads()
  /// defer { claim.release() }
  /// ```
  ///
  /// Claims nest; inside an item of a parallel loop, which runs serially, they have no effect. Results do not depend on them.
  public func claimThreads() -> ThreadClaim { ThreadClaim(threads) }
}
