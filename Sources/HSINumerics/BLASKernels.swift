import CKernels
import COpenBLAS
import Foundation

/// The kernels of OpenBLAS for this processor.
///
/// OpenBLAS chooses its kernels by a list of processors when it is loaded. One that is newer than the list gets kernels for processors
/// of 2004 (Debian 12's version 0.3.21 on an Emerald Rapids: a fifth of the speed). Here the instruction sets decide: AVX-512 gets
/// those of `SkylakeX`, AVX2 those of `Haswell`. Nothing is done where OpenBLAS knows the processor, where the environment variable
/// OPENBLAS_CORETYPE is set, or where the library has no choice.
enum BLASKernels {
  /// Names of kernels that need AVX2 or more, as OpenBLAS spells them.
  private static let modern: Set<String> = ["haswell", "zen", "excavator", "skylakex", "cooperlake", "sapphirerapids"]

  /// What OpenBLAS is told for a processor; nil where its own choice is kept.
  ///
  /// - Parameters:
  ///   - chosen: the kernels that OpenBLAS chose.
  ///   - level: the highest instruction-set level of the processor (`hsi_levels.h`).
  static func better(than chosen: String, level: Int) -> String? {
    guard !modern.contains(chosen.lowercased()), level >= 3 else { return nil }
    return level >= 4 ? "SKYLAKEX" : "HASWELL"
  }

  /// Makes the choice, once and before anything is computed.
  static func choose() {
    #if os(Linux) && arch(x86_64)
      guard ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] == nil else { return }
      var levels = [Int32](repeating: 0, count: 8)
      let count = Int(hsi_kernel_supported_levels(&levels, 8))
      let highest = Int(levels.prefix(count).max() ?? 0)
      guard let name = better(than: String(cString: openblas_get_corename()), level: highest) else { return }
      typealias Step = @convention(c) () -> Void
      guard let forget = dlsym(nil, "gotoblas_dynamic_quit"), let start = dlsym(nil, "gotoblas_dynamic_init") else {
        return
      }
      setenv("OPENBLAS_CORETYPE", name, 1)
      unsafeBitCast(forget, to: Step.self)()
      unsafeBitCast(start, to: Step.self)()
      unsetenv("OPENBLAS_CORETYPE")
    #endif
  }
}
