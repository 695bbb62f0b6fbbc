import HSICore
import HSINumerics

/// Fills gaps of spectra from the values beside them, along the wavelength.
struct SpectralGaps: Sendable {
  /// Curves between values.
  enum Curve: Int, Sendable, CaseIterable {
    /// Straight lines.
    case linear = 1
    /// Cubic pieces whose slopes are those of parabolas through three values.
    case parabolic
    /// Cubic pieces that keep to the range of the two values beside them (Fritsch and Carlson, SIAM J. Numer. Anal. 17(2), 1980,
    /// with the harmonic means of Butland).
    case monotone
    /// The natural cubic spline.
    case spline
  }

  /// Bands by ascending wavelength.
  private let order: [Int]
  /// Wavelengths (or numbers) of the bands in that order, ascending.
  private let places: [Float]
  /// The curve between values.
  let curve: Curve

  init(_ axis: SpectralAxis, _ curve: Curve) {
    order = axis.ascending
    places = order.enumerated().map { Float(axis.wavelengths?[$0.element] ?? Double($0.offset)) }
    self.curve = curve
  }

  /// Replaces the values of some pixels that are not finite; beyond the first and the last value the curve is level. Pixels
  /// without any value stay as they are. Cost about 20 L flops per pixel.
  func fill(_ pixels: PixelMatrix) {
    let bands = order.count
    guard bands > 1 else { return }
    let base = pixels.pointer
    Parallel.forEachChunk(of: pixels.rows, chunk: 512) { _, rows in
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: bands) { known in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * bands) { slopes in
          for row in rows { fill(base + row * bands, known, slopes) }
        }
      }
    }
  }

  private func fill(
    _ pixel: UnsafeMutablePointer<Float>, _ known: UnsafeMutableBufferPointer<Int32>,
    _ slopes: UnsafeMutableBufferPointer<Float>
  ) {
    var count = 0
    for place in order.indices where pixel[order[place]].isFinite {
      known[count] = Int32(place)
      count += 1
    }
    guard count > 0, count < order.count else { return }
    func value(_ index: Int) -> Float { pixel[order[Int(known[index])]] }
    func place(_ index: Int) -> Float { places[Int(known[index])] }
    if curve != .linear { setSlopes(count, value, place, slopes) }
    var next = 0
    for position in order.indices {
      if next < count, Int(known[next]) == position {
        next += 1
        continue
      }
      let band = order[position]
      if next == 0 || next == count {
        pixel[band] = value(next == 0 ? 0 : count - 1)
        continue
      }
      let (left, right) = (next - 1, next)
      let width = place(right) - place(left)
      let t = width > 0 ? (places[position] - place(left)) / width : 0
      let (a, b) = (value(left), value(right))
      switch curve {
      case .linear: pixel[band] = a + t * (b - a)
      case .parabolic, .monotone, .spline:
        let s = 1 - t
        pixel[band] =
          a * s * s * (1 + 2 * t) + b * t * t * (1 + 2 * s) + width * s * t * (slopes[left] * s - slopes[right] * t)
      }
    }
  }

  /// Slopes at the known values. At the ends that of the only side (of the spline: no curvature); elsewhere the weighted harmonic
  /// mean of the slopes on either side, 0 at an extreme (monotone), the slope of the parabola through three values (parabolic), or
  /// what makes the curvature continuous (spline). `slopes` has room for twice as many values.
  private func setSlopes(
    _ count: Int, _ value: (Int) -> Float, _ place: (Int) -> Float, _ slopes: UnsafeMutableBufferPointer<Float>
  ) {
    func secant(_ index: Int) -> Float {
      let width = place(index + 1) - place(index)
      return width > 0 ? (value(index + 1) - value(index)) / width : 0
    }
    guard count > 1 else {
      slopes[0] = 0
      return
    }
    slopes[0] = secant(0)
    slopes[count - 1] = secant(count - 2)
    guard count > 2 else { return }
    if curve == .spline { return setSplineSlopes(count, place, secant, slopes) }
    for i in 1..<(count - 1) {
      let (before, after) = (secant(i - 1), secant(i))
      let (h0, h1) = (place(i) - place(i - 1), place(i + 1) - place(i))
      if curve == .parabolic {
        slopes[i] = h0 + h1 > 0 ? (h1 * before + h0 * after) / (h0 + h1) : 0
      } else if before * after > 0 {
        let (w0, w1) = (2 * h1 + h0, h1 + 2 * h0)
        slopes[i] = (w0 + w1) / (w0 / before + w1 / after)
      } else {
        slopes[i] = 0
      }
    }
  }

  /// `m_{i−1} / h_{i−1} + 2 (1 / h_{i−1} + 1 / h_i) m_i + m_{i+1} / h_i = 3 (s_{i−1} / h_{i−1} + s_i / h_i)` for slopes m, steps h and
  /// secants s; at the ends `2 m₀ + m₁ = 3 s₀`. Elimination from the first to the last and back.
  private func setSplineSlopes(
    _ count: Int, _ place: (Int) -> Float, _ secant: (Int) -> Float, _ slopes: UnsafeMutableBufferPointer<Float>
  ) {
    let least = (place(count - 1) - place(0)) * 1e-5 / Float(count)
    func inverse(_ index: Int) -> Float { 1 / max(place(index + 1) - place(index), least, .leastNormalMagnitude) }
    // What is to the right of the diagonal, over it.
    let next = UnsafeMutableBufferPointer(rebasing: slopes[count...])
    next[0] = 0.5
    slopes[0] = 1.5 * secant(0)
    for i in 1..<(count - 1) {
      let (a, b) = (inverse(i - 1), inverse(i))
      let diagonal = 2 * (a + b) - a * next[i - 1]
      next[i] = b / diagonal
      slopes[i] = (3 * (secant(i - 1) * a + secant(i) * b) - a * slopes[i - 1]) / diagonal
    }
    slopes[count - 1] = (3 * secant(count - 2) - slopes[count - 2]) / (2 - next[count - 2])
    for i in stride(from: count - 2, through: 0, by: -1) { slopes[i] -= next[i] * slopes[i + 1] }
  }
}

/// Gives pixels without any value what the nearest pixel with values has.
enum NearestPixels {
  /// Copies spectra in place; nearest in steps along lines and samples, the pixel that comes first in the image among equals. Where
  /// no pixel has a value nothing happens.
  static func fill(_ pixels: PixelMatrix, positions: [Int32], shape: CubeShape) {
    let bands = shape.bands
    var isEmpty = [Bool](repeating: false, count: pixels.rows)
    for row in 0..<pixels.rows { isEmpty[row] = !pixels.row(row).contains(where: \.isFinite) }
    guard isEmpty.contains(true), isEmpty.contains(false) else { return }
    // The row that a place takes its spectrum from, spread from place to place in rings.
    var source = [Int32](repeating: -1, count: shape.pixels)
    var front: [Int32] = []
    for (row, place) in positions.enumerated() where !isEmpty[row] {
      source[Int(place)] = Int32(row)
      front.append(place)
    }
    while !front.isEmpty {
      var next: [Int32] = []
      for place in front {
        let (line, sample) = (Int(place) / shape.samples, Int(place) % shape.samples)
        for (dy, dx) in [(-1, 0), (0, -1), (0, 1), (1, 0)] {
          let (y, x) = (line + dy, sample + dx)
          guard y >= 0, y < shape.lines, x >= 0, x < shape.samples, source[y * shape.samples + x] < 0 else { continue }
          source[y * shape.samples + x] = source[Int(place)]
          next.append(Int32(y * shape.samples + x))
        }
      }
      front = next
    }
    for (row, place) in positions.enumerated() where isEmpty[row] {
      (pixels.pointer + row * bands).update(from: pixels.pointer + Int(source[Int(place)]) * bands, count: bands)
    }
  }
}
