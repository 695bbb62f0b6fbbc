import HSICore

/// Parts of rasters that have been looked at, in a form that depends on nothing but which pixels they cover.
struct WindowSet: Hashable, Sendable, Codable {
  /// A raster and what of it is covered.
  struct Raster: Hashable, Sendable, Codable {
    /// What tells it from others: a digest of size, bands and some of its pixels.
    var id: String
    var lines: Int
    var samples: Int
    /// `[x, y, width, height]`: bands of lines from the top, as high as they can be, each as runs from the left.
    var windows: [[Int]]
  }

  /// By digest.
  private(set) var rasters: [Raster] = []

  /// Nothing.
  init() {}

  /// One window.
  init(id: String, lines: Int, samples: Int, window: PixelWindow) {
    rasters = [
      Raster(
        id: id, lines: lines, samples: samples,
        windows: [[window.sample, window.line, window.samples, window.lines]])
    ]
  }

  /// What a file says of one raster.
  init(_ raster: Raster) { rasters = [raster] }

  /// Adds the windows of another.
  ///
  /// - Returns: a window that both have a part of, as a text; nil, and only then are they added, where there is none.
  mutating func merge(_ other: WindowSet) -> String? {
    var result = rasters
    for raster in other.rasters {
      guard let place = result.firstIndex(where: { $0.id == raster.id }) else {
        result.append(raster)
        continue
      }
      let (joined, overlap) = WindowSet.joined(result[place].windows + raster.windows)
      if let overlap { return overlap.map { "\($0)" }.joined(separator: ",") }
      result[place].windows = joined
    }
    rasters = result.sorted { $0.id < $1.id }
    return nil
  }

  /// Whether every raster is covered wholly.
  var isComplete: Bool {
    rasters.allSatisfy { $0.windows == [[0, 0, $0.samples, $0.lines]] }
  }

  /// Rectangles as bands of lines with runs, and a part that two of them share.
  private static func joined(_ windows: [[Int]]) -> (windows: [[Int]], overlap: [Int]?) {
    let edges = Set(windows.flatMap { [$0[1], $0[1] + $0[3]] }).sorted()
    let byTop = windows.sorted { ($0[1], $0[0]) < ($1[1], $1[0]) }
    var (active, next) = ([[Int]](), 0)
    var bands: [(top: Int, bottom: Int, runs: [[Int]])] = []
    for (top, bottom) in zip(edges, edges.dropFirst()) {
      active.removeAll { $0[1] + $0[3] <= top }
      while next < byTop.count, byTop[next][1] <= top {
        active.append(byTop[next])
        next += 1
      }
      var runs: [[Int]] = []
      for window in active.sorted(by: { $0[0] < $1[0] }) {
        let (left, right) = (window[0], window[0] + window[2])
        if let last = runs.last, left < last[1] {
          return (windows, [left, top, min(right, last[1]) - left, bottom - top])
        }
        if let last = runs.last, last[1] == left {
          runs[runs.count - 1][1] = right
        } else {
          runs.append([left, right])
        }
      }
      if let last = bands.last, last.bottom == top, last.runs == runs {
        bands[bands.count - 1].bottom = bottom
      } else {
        bands.append((top, bottom, runs))
      }
    }
    return (
      bands.flatMap { band in band.runs.map { [$0[0], band.top, $0[1] - $0[0], band.bottom - band.top] } }, nil
    )
  }
}
