import CKernels
import COpenBLAS
import Dispatch
import HSIKit

/// What this machine can do at most, measured in the same run as everything else.
struct MachineLimits: Codable {
  /// Threads used.
  var threads: Int
  /// Single-precision matrix products of OpenBLAS, one per thread, 10⁹ flops per second.
  var sgemm: Double
  /// Memory traffic of copying, reads plus writes, 10⁹ bytes per second.
  var copy: Double
  /// Kernel level (1, 3, 4).
  var kernelLevel: Int

  /// Measures for about a second.
  static func measure() -> MachineLimits {
    MachineLimits(
      threads: Parallel.threads, sgemm: measureProducts(), copy: measureCopy(),
      kernelLevel: Int(hsi_kernel_level()))
  }

  /// The least time for some work that needs both, in seconds: whichever limit is the harder.
  func bound(flops: Double, bytes: Double) -> Double { max(flops / (sgemm * 1e9), bytes / (copy * 1e9)) }

  private static func measureProducts() -> Double {
    BLAS.prepare()
    let (size, threads) = (768, Parallel.threads)
    let matrices = (0..<(3 * threads)).map { _ in PixelMatrix(rows: size, columns: size) }
    for matrix in matrices { for i in 0..<(size * size) { matrix.pointer[i] = Float(i % 7) * 0.1 } }
    let seconds = bestTime(runs: 7) {
      Parallel.forEach(threads) { t in
        for _ in 0..<4 {
          cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(size), Int32(size), Int32(size), 1,
            matrices[3 * t].pointer, Int32(size), matrices[3 * t + 1].pointer, Int32(size), 0,
            matrices[3 * t + 2].pointer,
            Int32(size))
        }
      }
    }
    return 8 * Double(size * size * size * threads) / seconds / 1e9
  }

  private static func measureCopy() -> Double {
    let count = 32 << 20  // 128 MiB each, beyond the last-level cache
    let (source, target) = (PixelMatrix(rows: 1, columns: count), PixelMatrix(rows: 1, columns: count))
    source.pointer.update(repeating: 1, count: count)
    target.pointer.update(repeating: 2, count: count)
    let (from, to) = (source.pointer, target.pointer)
    let seconds = bestTime(runs: 7) {
      Parallel.forEachChunk(of: count, chunk: 1 << 20) { _, range in
        (to + range.lowerBound).update(from: from + range.lowerBound, count: range.count)
      }
    }
    return 8 * Double(count) / seconds / 1e9
  }
}

/// The shortest of several runs in seconds, after one that is not counted.
func bestTime(runs: Int, _ body: () throws -> Void) rethrows -> Double {
  try body()
  var best = Double.infinity
  for _ in 0..<runs {
    let start = DispatchTime.now().uptimeNanoseconds
    try body()
    best = min(best, Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
  }
  return best
}

/// One figure beside what the machine could reach.
struct Measurement: Codable {
  var name: String
  /// Best time in seconds.
  var seconds: Double
  /// Work that the method cannot avoid.
  var flops: Double
  var bytes: Double
  /// The time that this work takes at the limits of the machine.
  var bound: Double
  /// Share of the bound that was reached, 1 = the machine's limit.
  var fraction: Double { bound / seconds }

  init(_ name: String, seconds: Double, flops: Double, bytes: Double, _ limits: MachineLimits) {
    self.name = name
    self.seconds = seconds
    self.flops = flops
    self.bytes = bytes
    bound = limits.bound(flops: flops, bytes: bytes)
  }

  private enum CodingKeys: String, CodingKey { case name, seconds, flops, bytes, bound, fraction }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(name, forKey: .name)
    try values.encode(seconds, forKey: .seconds)
    try values.encode(flops, forKey: .flops)
    try values.encode(bytes, forKey: .bytes)
    try values.encode(bound, forKey: .bound)
    try values.encode(fraction, forKey: .fraction)
  }

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    name = try values.decode(String.self, forKey: .name)
    seconds = try values.decode(Double.self, forKey: .seconds)
    flops = try values.decode(Double.self, forKey: .flops)
    bytes = try values.decode(Double.self, forKey: .bytes)
    bound = try values.decode(Double.self, forKey: .bound)
  }
}
