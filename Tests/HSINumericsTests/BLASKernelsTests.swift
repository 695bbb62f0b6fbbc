import CKernels
import Testing

@testable import HSINumerics

@Suite struct BLASKernelsTests {
  @Test func newProcessorsGetTheirKernels() {
    for known in ["Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids", "Excavator"] {
      #expect(BLASKernels.better(than: known, level: 4) == nil)
    }
    for old in ["Prescott", "Core2", "Nehalem", "Sandybridge", "Generic", "Unknown"] {
      #expect(BLASKernels.better(than: old, level: 4) == "SKYLAKEX")
      #expect(BLASKernels.better(than: old, level: 3) == "HASWELL")
      #expect(BLASKernels.better(than: old, level: 2) == nil)
    }
  }

  /// Whatever OpenBLAS thinks of this processor, what is used needs no less than the processor has.
  @Test func whatIsUsed() {
    var levels = [Int32](repeating: 0, count: 8)
    let count = Int(hsi_kernel_supported_levels(&levels, 8))
    let highest = Int(levels.prefix(count).max() ?? 0)
    #expect(BLASKernels.better(than: BLAS.configuration.core, level: highest) == nil)
  }
}
