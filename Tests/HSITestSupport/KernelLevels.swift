import CKernels
import Testing

/// Runs `body` at every kernel level of this processor, for the calling thread and the pool jobs that it starts.
public func atEveryKernelLevel(_ body: (Int32) throws -> Void) rethrows {
  var levels = [Int32](repeating: 0, count: 8)
  let count = hsi_kernel_supported_levels(&levels, 8)
  defer { hsi_kernel_set_level(0) }
  for level in levels[..<Int(count)] {
    #expect(hsi_kernel_set_level(level) == 0)
    try body(level)
  }
}
