import HSICore
import HSINumerics

/// Local RX: the squared Mahalanobis distance from the pixels in a ring around each pixel.
///
///     score(x) = (x − μ)ᵀ C⁻¹ (x − μ),   C = (1 − α) S + α diag(S);   μ, S of the pixels inside `outer` and outside `inner`
///
/// Sums over the ring follow it along a line: columns of pixels come and go, so that a step costs products of its rim, not of all of it;
/// every line begins anew, so that rounding does not pile up. α keeps C invertible where the ring has hardly more pixels than bands.
/// Pixels whose ring has fewer than three pixels get no score. Cost per pixel 2 (outer + inner) L² + L³ / 3. Source: Kwon, Nasrabadi, "Kernel RX-algorithm", IEEE TGRS 43(2), 2005
/// (dual window); sums that follow the window: Molero et al., IEEE J. Sel. Top. Appl. Earth Obs. 6(2), 2013.
public struct LocalRX: AnomalyDetector {
  public static let description = MethodDescription(
    id: "local-rx", name: "Local RX, dual window", task: .anomaly,
    citation: "Kwon, Nasrabadi, IEEE TGRS 43(2), 2005; Molero et al., IEEE JSTARS 6(2), 2013",
    cost: "N (2 (outer + inner) L² + L³ / 3)",
    advice: "Small objects in scenes whose background changes from place to place.",
    parameters: Neighbourhood.Windows.parameters(inner: 5, outer: 21) + [
      ParameterDescription("shrinkage", 0.01, in: 1e-6...1, "Share of independent bands in the covariance of a ring.")
    ], aliases: ["lrx"])

  public let bands = [DetectionBand("local-rx")]
  public let facts: [String: Double]
  private let windows: Neighbourhood.Windows
  private let shrinkage: Double
  private let shift: [Float]

  public init(in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext) throws {
    windows = try Neighbourhood.Windows(parameters)
    shrinkage = parameters.value("shrinkage")
    let statistics = try SceneStatistics(source, context, label: "mean")
    guard statistics.count > 0 else {
      throw DetectionError.tooFewPixels(valid: 0, needed: 4, purpose: "a background")
    }
    shift = statistics.mean.map { Float($0) }
    facts = ["pixels": Double(statistics.count)]
  }

  public func detect(
    in source: any StripSource, _ context: RunContext, deliver: (ProductStrip) throws -> Void
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    BLAS.prepare()
    try Neighbourhood.forEach(source, radius: windows.outer, shift: shift, context) { held, lines, strip in
      let scores = [Float](unsafeUninitializedCapacity: lines.count * held.samples) { all, count in
        let out = all.baseAddress!
        Parallel.forEach(lines.count) { index in
          guard !context.cancellation.isCancelled else { return }
          score(lines.lowerBound - held.firstLine + index, of: held, out + index * held.samples)
        }
        count = lines.count * held.samples
      }
      try context.checkCancellation()
      try deliver(strip.scored(scores))
    }
  }

  /// Scores of one held line.
  private func score(_ line: Int, of held: Neighbourhood, _ out: UnsafeMutablePointer<Float>) {
    var ring = RingSums(bands: held.bands)
    let (outer, inner) = (windows.outer, windows.inner)
    let tall = (line - outer)...(line + outer)
    let low = (line - inner)...(line + inner)
    ring.add(held.places(lines: tall, samples: -outer...outer, hole: (low, -inner...inner)), of: held, sign: 1)
    for sample in 0..<held.samples {
      if sample > 0 {
        let (first, last) = (sample - outer - 1, sample + outer)
        let (out, into) = (sample - inner - 1, sample + inner)
        ring.add(
          held.places(lines: tall, samples: last...last) + held.places(lines: low, samples: out...out), of: held,
          sign: 1)
        ring.add(
          held.places(lines: tall, samples: first...first) + held.places(lines: low, samples: into...into), of: held,
          sign: -1)
      }
      let place = line * held.samples + sample
      out[sample] = held.isValid[place] ? ring.distance(held.values.pointer + place * held.bands, shrinkage) : .nan
    }
  }
}

extension Strip {
  /// The scores of the pixels of an image, lines × samples, as a strip of results.
  func scored(_ scores: [Float]) -> ProductStrip {
    let values = PixelMatrix(rows: positions.count, columns: 1)
    for (n, place) in positions.enumerated() { values[n, 0] = scores[Int(place)] }
    var result = ProductStrip(window: window, positions: positions)
    result[.detection] = values
    return result
  }
}

/// Sums over the pixels of a ring, in double precision.
private struct RingSums {
  private let bands: Int
  private var count = 0
  private var sums: [Double]
  /// Lower triangle of Σ x xᵀ.
  private var squares: [Double]
  private var rows: [Double] = []
  private var factor: [Float]
  private var difference: [Float]
  private var scaled: [Double]

  init(bands: Int) {
    self.bands = bands
    sums = [Double](repeating: 0, count: bands)
    squares = [Double](repeating: 0, count: bands * bands)
    factor = [Float](repeating: 0, count: bands * bands)
    difference = [Float](repeating: 0, count: bands)
    scaled = [Double](repeating: 0, count: bands)
  }

  /// Takes pixels in, or out again.
  mutating func add(_ places: [Int], of held: Neighbourhood, sign: Double) {
    guard !places.isEmpty else { return }
    let (bands, count) = (bands, places.count)
    if rows.count < count * bands { rows = [Double](repeating: 0, count: count * bands) }
    rows.withUnsafeMutableBufferPointer { rows in
      sums.withUnsafeMutableBufferPointer { sums in
        for (i, place) in places.enumerated() {
          let pixel = held.values.pointer + place * bands
          for b in 0..<bands {
            let value = Double(pixel[b])
            rows[i * bands + b] = value
            sums[b] += sign * value
          }
        }
      }
      squares.withUnsafeMutableBufferPointer {
        Double.addOuter(rows.baseAddress!, alpha: sign, to: $0.baseAddress!, n: bands, k: count)
      }
    }
    self.count += sign > 0 ? count : -count
  }

  /// Squared distance of a pixel from the ring; NaN where that has too few pixels.
  mutating func distance(_ pixel: UnsafePointer<Float>, _ shrinkage: Double) -> Float {
    guard count >= 3 else { return .nan }
    let (bands, n) = (bands, Double(count))
    let level = (0..<bands).reduce(0) { max($0, squares[$1 * bands + $1] / n) }
    var alpha = shrinkage
    while alpha <= 1 {
      // In units of each band's own deviation, so that fp32 holds it.
      for b in 0..<bands {
        let mean = sums[b] / n
        let variance = squares[b * bands + b] / n - mean * mean
        let isConstant = variance <= 1e-13 * level
        scaled[b] = isConstant ? 0 : 1 / variance.squareRoot()
        difference[b] = Float((Double(pixel[b]) - mean) * scaled[b])
      }
      factor.withUnsafeMutableBufferPointer { factor in
        squares.withUnsafeBufferPointer { squares in
          for i in 0..<bands {
            let scale = (1 - alpha) * scaled[i]
            let mean = sums[i] / n
            for j in 0..<i {
              factor[i * bands + j] = Float((squares[i * bands + j] / n - mean * sums[j] / n) * scale * scaled[j])
            }
            factor[i * bands + i] = 1
          }
        }
      }
      let isFactored = factor.withUnsafeMutableBufferPointer { Float.factorise($0.baseAddress!, order: bands) }
      if isFactored {
        return factor.withUnsafeBufferPointer { factor in
          difference.withUnsafeMutableBufferPointer { difference in
            Float.solveLower(factor.baseAddress!, order: bands, difference.baseAddress!, columns: 1)
            return Float.sumOfSquares(difference.baseAddress!, count: bands)
          }
        }
      }
      alpha = alpha < 1 ? min(1, alpha * 10) : 2
    }
    return .nan
  }
}
