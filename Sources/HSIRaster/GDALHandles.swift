import CGDAL
import HSICore
import HSINumerics
import Synchronization

/// Further handles of a GeoTIFF whose codec only GDAL knows: its blocks are unpacked by several threads, each with a handle of its own.
///
/// Memory: GDAL's block cache is one for all handles, and a handle holds a packed and an unpacked block.
final class GDALHandles {
  /// Bytes of a request below which one thread does it.
  static let least = 4 << 20

  private struct Handle: @unchecked Sendable { let dataset: GDALDatasetH }

  private let name: String
  private let options: GDALStrings
  private let block: (samples: Int, lines: Int)
  private let idle = Mutex<[Handle]>([])

  /// - Parameters:
  ///   - options: those that the first handle was opened with.
  ///   - block: samples and lines of a block.
  init(_ name: String, options: [String], block: (Int, Int)) {
    (self.name, self.block) = (name, block)
    self.options = GDALStrings(options)
  }

  deinit {
    let handles = idle.withLock { $0 }
    GDAL.collecting { _ in for handle in handles { GDALClose(handle.dataset) } }
  }

  /// Reads a window in parts that are whole blocks wide and high.
  ///
  /// - Parameters:
  ///   - first: the handle that is there, which one thread uses.
  ///   - body: reads a part through a handle.
  func read(_ window: PixelWindow, first: GDALDatasetH, _ body: (GDALDatasetH, PixelWindow) throws -> Void) throws {
    let parts = self.parts(of: window)
    let threads = min(Parallel.threads, parts.count)
    guard threads > 1 else { return try body(first, window) }
    idle.withLock { $0.append(Handle(dataset: first)) }
    defer { idle.withLock { $0.removeAll { $0.dataset == first } } }
    try Parallel.tryForEach(parts.count, threads: threads) { i in
      guard let handle = self.idle.withLock({ $0.popLast() }) ?? self.opened() else {
        throw RasterError.unreadable(path: self.name, reason: "it cannot be opened once more")
      }
      defer { self.idle.withLock { $0.append(handle) } }
      try body(handle.dataset, parts[i])
    }
  }

  private func opened() -> Handle? {
    GDAL.collecting { _ in
      options.lendConstant { try? GDAL.opened(name, GDAL_OF_RASTER, options: $0) }.map { Handle(dataset: $0) }
    }
  }

  private func parts(of window: PixelWindow) -> [PixelWindow] {
    func cuts(_ first: Int, _ count: Int, _ size: Int) -> [Range<Int>] {
      let (start, end) = (first / size * size, first + count)
      return stride(from: start, to: end, by: size).map { max($0, first)..<min($0 + size, end) }
    }
    return cuts(window.line, window.lines, block.lines).flatMap { lines in
      cuts(window.sample, window.samples, block.samples).map {
        PixelWindow(line: lines.lowerBound, sample: $0.lowerBound, lines: lines.count, samples: $0.count)
      }
    }
  }
}
