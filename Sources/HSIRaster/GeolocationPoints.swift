import Foundation
import HSICore

/// The pixels of a window of a swath as points of longitude and latitude.
struct GeolocationPoints {
  private let window: PixelWindow
  /// Degrees per pixel of the window; longitudes run on across the date line; NaN for none.
  private var x: [Double] = []
  private var y: [Double] = []

  /// West, east, south and north of all points.
  struct Extent {
    var west, east, south, north: Double
  }

  init(_ arrays: GeolocationArrays, _ window: PixelWindow) {
    self.window = window
    for line in window.line..<(window.line + window.lines) {
      for sample in window.sample..<(window.sample + window.samples) {
        let index = line * arrays.samples + sample
        let isValid = arrays.isValid(index)
        x.append(isValid ? arrays.longitude[index] : .nan)
        y.append(isValid ? arrays.latitude[index] : .nan)
      }
    }
    let known = x.filter(\.isFinite)
    if let least = known.min(), let most = known.max(), most - least > 180 {
      for i in x.indices where x[i] < 0 { x[i] += 360 }
    }
  }

  /// Nil without points.
  var extent: Extent? {
    let (a, b) = (x.filter(\.isFinite), y.filter(\.isFinite))
    guard let west = a.min(), let east = a.max(), let south = b.min(), let north = b.max() else { return nil }
    return Extent(west: west, east: east, south: south, north: north)
  }

  /// Median distance of neighbours in degrees of latitude; nil without neighbours.
  var spacing: Double? {
    var distances: [Double] = []
    let stepLine = max(1, window.lines / 200)
    let stepSample = max(1, window.samples / 200)
    for line in stride(from: 0, to: window.lines, by: stepLine) {
      for sample in stride(from: 0, to: window.samples, by: stepSample) {
        let here = line * window.samples + sample
        for other in [
          sample + 1 < window.samples ? here + 1 : nil, line + 1 < window.lines ? here + window.samples : nil,
        ] {
          guard let other else { continue }
          let distance = ground(here, x[other], y[other])
          if distance.isFinite, distance > 0 { distances.append(distance) }
        }
      }
    }
    distances.sort()
    return distances.isEmpty ? nil : distances[distances.count / 2]
  }

  /// For every cell of a grid the nearest point, −1 where none is within one cell.
  func nearest(lines: Int, samples: Int, left: Double, top: Double, stepX: Double, stepY: Double) -> [Int32] {
    var best = [Int32](repeating: -1, count: lines * samples)
    var distance = [Float](repeating: .infinity, count: lines * samples)
    for i in x.indices where x[i].isFinite {
      let (column, row) = (
        Int(clamping: ((x[i] - left) / stepX).rounded(.down)), Int(clamping: ((top - y[i]) / stepY).rounded(.down))
      )
      guard (-1...lines).contains(row), (-1...samples).contains(column) else { continue }
      // A point can be the nearest of its own cell and the cells around.
      for l in max(0, row - 1)...max(0, min(lines - 1, row + 1)) {
        for s in max(0, column - 1)...max(0, min(samples - 1, column + 1)) {
          let (dx, dy) = (
            (x[i] - left) / stepX - Double(s) - 0.5, (top - y[i]) / stepY - Double(l) - 0.5
          )
          let squared = Float(dx * dx + dy * dy)
          let cell = l * samples + s
          if squared < distance[cell], squared <= 1 {
            distance[cell] = squared
            best[cell] = Int32(i)
          }
        }
      }
    }
    return best
  }

  private func ground(_ i: Int, _ x2: Double, _ y2: Double) -> Double {
    let dx = (x2 - x[i]) * cosine(degrees: y[i])
    return (dx * dx + (y2 - y[i]) * (y2 - y[i])).squareRoot()
  }
}

/// The cosine of an angle in degrees.
func cosine(degrees: Double) -> Double { cos(degrees * .pi / 180) }
