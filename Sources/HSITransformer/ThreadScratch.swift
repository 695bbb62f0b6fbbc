import CKernels

/// Working memory of one kernel call, with the number of threads it is for.
///
/// The number is asked once: the pool's may change between the sizing and the call.
struct ThreadScratch {
  /// Threads that the kernel may use, to be passed on to it.
  let threads: Int32
  private let tensor: Tensor

  /// `size` gives the floats needed for that many threads.
  init(_ size: (_ threads: Int32) -> Int) {
    threads = hsi_pool_threads()
    tensor = Tensor(uninitialised: [size(threads)])
  }

  /// Valid while the scratch lives.
  var pointer: UnsafeMutablePointer<Float> { tensor.output }
}
