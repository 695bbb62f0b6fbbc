import HSICore
import HSINumerics

/// Structural similarity of two images, band by band, in double precision.
///
/// `(2 μₓμᵧ + C₁)(2 σₓᵧ + C₂) / ((μₓ² + μᵧ² + C₁)(σₓ² + σᵧ² + C₂))` over 7 × 7 windows with equal weights, sample
/// covariances (divided by 48), C₁ = (0.01 R)², C₂ = (0.03 R)², R the data range; windows lie wholly in the image.
/// Source: Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 2004, in the uniform-window form of the common Python library.
enum SSIM {
  /// Edge of a window in pixels.
  static let edge = 7

  /// The mean over all windows without an invalid pixel, per band, and their number; the mean is NaN where there is none.
  ///
  /// Sums are taken line by line and added in line order: independent of threads. About 40 ns per value and thread.
  static func mean(_ pair: PixelPair, range: Double) -> (perBand: [Double], windows: Int) {
    let height = pair.lines - edge + 1
    guard height > 0, pair.samples >= edge else {
      return ([Double](repeating: .nan, count: pair.bands), 0)
    }
    let blocks = (pair.bands + 7) / 8
    let sums = UnsafeMutablePointer<Lanes>.allocate(capacity: height * blocks)
    let counts = UnsafeMutablePointer<Int>.allocate(capacity: height)
    sums.initialize(repeating: .zero, count: height * blocks)
    counts.initialize(repeating: 0, count: height)
    defer {
      sums.deallocate()
      counts.deallocate()
    }
    Parallel.forEach(height) { line in
      withUnsafeTemporaryAllocation(of: Moments.self, capacity: edge) { ring in
        for block in 0..<blocks {
          let (sum, count) = lineSum(pair, line: line, firstBand: 8 * block, range: range, ring)
          sums[line * blocks + block] = sum
          counts[line] = count
        }
      }
    }
    var windows = 0
    var total = [Double](repeating: 0, count: pair.bands)
    for line in 0..<height {
      windows += counts[line]
      for b in 0..<pair.bands { total[b] += sums[line * blocks + b / 8][b % 8] }
    }
    return (total.map { $0 / Double(windows) }, windows)
  }

  private typealias Lanes = SIMD8<Double>

  /// Sums of values, squares and products of eight bands.
  private struct Moments {
    var x = Lanes.zero
    var y = Lanes.zero
    var xx = Lanes.zero
    var yy = Lanes.zero
    var xy = Lanes.zero
    var invalid = 0

    @inline(__always)
    mutating func add(_ other: Moments) {
      x += other.x
      y += other.y
      xx += other.xx
      yy += other.yy
      xy += other.xy
      invalid += other.invalid
    }

    @inline(__always)
    mutating func subtract(_ other: Moments) {
      x -= other.x
      y -= other.y
      xx -= other.xx
      yy -= other.yy
      xy -= other.xy
      invalid -= other.invalid
    }
  }

  /// The sum over the windows whose first line is `line`, and their number.
  private static func lineSum(
    _ pair: PixelPair, line: Int, firstBand: Int, range: Double, _ ring: UnsafeMutableBufferPointer<Moments>
  ) -> (Lanes, Int) {
    let (c1, c2) = (Lanes(repeating: 1e-4 * range * range), Lanes(repeating: 9e-4 * range * range))
    let (mean, unbiased) = (1 / 49.0, 49 / 48.0)
    var window = Moments()
    var (sum, count) = (Lanes.zero, 0)
    for sample in 0..<pair.samples {
      let slot = sample % edge
      if sample >= edge { window.subtract(ring[slot]) }
      let column = columnSum(pair, line: line, sample: sample, firstBand: firstBand)
      ring[slot] = column
      window.add(column)
      guard sample >= edge - 1, window.invalid == 0 else { continue }
      let ux: Lanes = window.x * mean
      let uy: Lanes = window.y * mean
      let vx: Lanes = (window.xx * mean - ux * ux) * unbiased
      let vy: Lanes = (window.yy * mean - uy * uy) * unbiased
      let vxy: Lanes = (window.xy * mean - ux * uy) * unbiased
      let squares: Lanes = ux * ux + uy * uy + c1
      let product: Lanes = 2 * ux * uy + c1
      let variances: Lanes = vx + vy + c2
      let covariance: Lanes = 2 * vxy + c2
      sum += (product * covariance) / (squares * variances)
      count += 1
    }
    return (sum, count)
  }

  /// The moments of seven pixels below each other; invalid ones count as such and as zeros.
  @inline(__always)
  private static func columnSum(_ pair: PixelPair, line: Int, sample: Int, firstBand: Int) -> Moments {
    var column = Moments()
    for below in 0..<edge {
      let pixel = (line + below) * pair.samples + sample
      guard let (first, second) = pair.rows(pixel) else {
        column.invalid += 1
        continue
      }
      let x = load(first, firstBand, pair.bands, pair.map, clamps: false)
      let y = load(second, firstBand, pair.bands, pair.map, clamps: pair.clamps)
      column.x += x
      column.y += y
      column.xx += x * x
      column.yy += y * y
      column.xy += x * y
    }
    return column
  }

  /// Eight bands of a pixel, zeros beyond the last.
  @inline(__always)
  private static func load(
    _ row: UnsafePointer<Float>, _ firstBand: Int, _ bands: Int, _ map: PixelPair.Map, clamps: Bool
  ) -> Lanes {
    var values = SIMD8<Float>.zero
    if firstBand + 8 <= bands {
      values = UnsafeRawPointer(row + firstBand).loadUnaligned(as: SIMD8<Float>.self)
    } else {
      for i in 0..<(bands - firstBand) { values[i] = row[firstBand + i] }
    }
    let mapped = (Lanes(values) - map.low) * map.inverse
    return clamps ? mapped.clamped(lowerBound: .zero, upperBound: Lanes(repeating: 1)) : mapped
  }
}

/// A reference and a result on one grid, with the rows of the pixels that are valid in both.
struct PixelPair {
  /// Takes the range of the data to [0, 1].
  struct Map {
    let low: Double
    let inverse: Double
  }

  let lines: Int
  let samples: Int
  let bands: Int
  let reference: PixelMatrix
  let result: PixelMatrix
  /// Row in `reference` and in `result` of each pixel of the grid, −1 where it is invalid in either.
  let referenceRows: [Int32]
  let resultRows: [Int32]
  /// Pixels that are valid in both, as places in the grid, ascending.
  let common: [Int32]
  let map: Map
  /// Whether results are limited to [0, 1].
  let clamps: Bool

  init(_ result: Cube, _ reference: Cube, range: DataRange, clamps: Bool) throws {
    guard result.shape == reference.shape else {
      throw RestorationError.shapeMismatch(
        first: result.shape.description, second: reference.shape.description)
    }
    (lines, samples, bands) = (reference.shape.lines, reference.shape.samples, reference.shape.bands)
    (self.result, self.reference) = (result.pixels, reference.pixels)
    map = Map(low: range.low, inverse: 1 / range.width)
    self.clamps = clamps
    var (first, second) = ([Int32](repeating: -1, count: lines * samples), [Int32]())
    second = first
    for (row, place) in reference.positions.enumerated() { first[Int(place)] = Int32(row) }
    for (row, place) in result.positions.enumerated() { second[Int(place)] = Int32(row) }
    var shared: [Int32] = []
    shared.reserveCapacity(min(result.count, reference.count))
    for place in first.indices {
      if first[place] >= 0, second[place] >= 0 {
        shared.append(Int32(place))
      } else {
        first[place] = -1
      }
    }
    (referenceRows, resultRows, common) = (first, second, shared)
    guard !common.isEmpty else {
      throw RestorationError.tooFewPixels(purpose: "a comparison of pixels valid in both files")
    }
  }

  /// The spectra of a pixel of the grid, or nil where it is invalid in either.
  @inline(__always)
  func rows(_ pixel: Int) -> (reference: UnsafePointer<Float>, result: UnsafePointer<Float>)? {
    let row = referenceRows[pixel]
    guard row >= 0 else { return nil }
    return (
      UnsafePointer(reference.pointer + Int(row) * bands),
      UnsafePointer(result.pointer + Int(resultRows[pixel]) * bands)
    )
  }
}
