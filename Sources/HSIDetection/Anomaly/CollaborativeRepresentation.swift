import HSICore
import HSINumerics

/// Collaborative representation: how far a pixel is from what the pixels in a ring around it make up, near ones rather than far ones.
///
///     score(y) = |y − Xᵀ a|,   a = argmin |y − Xᵀ a|² + λ |Γ a|²,   Γ = diag |x_i − y|;   X: pixels of the ring × bands
///
/// Cost per pixel s² L + s³ / 3 with s pixels in the ring. Source: Li, Du, "Collaborative representation for hyperspectral anomaly
/// detection", IEEE TGRS 53(3), 2015.
public struct CollaborativeRepresentation: AnomalyDetector {
  public static let description = MethodDescription(
    id: "crd", name: "Collaborative representation detector", task: .anomaly, citation: "Li, Du, IEEE TGRS 53(3), 2015",
    cost: "N (s² L + s³ / 3), s pixels in the ring",
    advice: "Small objects before a smooth background; no covariance needed.",
    parameters: Neighbourhood.Windows.parameters(inner: 7, outer: 11) + [
      ParameterDescription("lambda", 1e-6, in: 1e-12...1e6, "Weight of the distances, λ.")
    ])

  public let bands = [DetectionBand("crd")]
  public let facts: [String: Double] = [:]
  private let windows: Neighbourhood.Windows
  private let lambda: Double

  public init(in source: any StripSource, _ parameters: MethodParameters, _ context: RunContext) throws {
    windows = try Neighbourhood.Windows(parameters)
    lambda = parameters.value("lambda")
  }

  public func detect(
    in source: any StripSource, _ context: RunContext, deliver: (ProductStrip) throws -> Void
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    BLAS.prepare()
    let shift = [Float](repeating: 0, count: source.shape.bands)
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

  private func score(_ line: Int, of held: Neighbourhood, _ out: UnsafeMutablePointer<Float>) {
    let (outer, inner) = (windows.outer, windows.inner)
    var work = RingFit(bands: held.bands)
    for sample in 0..<held.samples {
      let place = line * held.samples + sample
      guard held.isValid[place] else {
        out[sample] = .nan
        continue
      }
      let ring = held.places(
        lines: (line - outer)...(line + outer), samples: (sample - outer)...(sample + outer),
        hole: ((line - inner)...(line + inner), (sample - inner)...(sample + inner)))
      out[sample] = work.residual(place, ring, of: held, lambda)
    }
  }
}

/// The regression of a pixel on those of its ring.
private struct RingFit {
  private let bands: Int
  private var rows: [Double] = []
  private var gram: [Double] = []
  private var right: [Double] = []

  init(bands: Int) { self.bands = bands }

  /// |y − Xᵀ a|; NaN for an empty ring.
  mutating func residual(_ place: Int, _ ring: [Int], of held: Neighbourhood, _ lambda: Double) -> Float {
    let (bands, count) = (bands, ring.count)
    guard count > 0 else { return .nan }
    let y = held.values.pointer + place * bands
    if rows.count < (count + 1) * bands {
      rows = [Double](repeating: 0, count: (count + 1) * bands)
      gram = [Double](repeating: 0, count: (count + 1) * (count + 1))
      right = [Double](repeating: 0, count: count + 1)
    }
    var distances = [Double](repeating: 0, count: count)
    for (i, other) in ring.enumerated() {
      let x = held.values.pointer + other * bands
      var distance = 0.0
      for b in 0..<bands {
        rows[i * bands + b] = Double(x[b])
        let step = Double(x[b]) - Double(y[b])
        distance += step * step
      }
      distances[i] = distance
    }
    for b in 0..<bands { rows[count * bands + b] = Double(y[b]) }
    // The Gram matrix of ring and pixel together: its last row is the right side.
    let size = count + 1
    rows.withUnsafeBufferPointer { rows in
      gram.withUnsafeMutableBufferPointer { Double.gram(rows.baseAddress!, into: $0.baseAddress!, n: size, k: bands) }
    }
    for i in 0..<count { right[i] = gram[count * size + i] }
    // The system without the last row, closed up; equal pixels leave it singular, which a trace of the diagonal mends.
    var system = [Double](repeating: 0, count: count * count)
    var trace = 0.0
    for i in 0..<count {
      for j in 0...i { system[i * count + j] = gram[i * size + j] }
      trace += gram[i * size + i]
    }
    guard trace > 0 else { return Float(gram[count * size + count].squareRoot()) }
    for i in 0..<count { system[i * count + i] += lambda * distances[i] + 1e-12 * trace / Double(count) }
    let isFactored = system.withUnsafeMutableBufferPointer { Double.factorise($0.baseAddress!, order: count) }
    guard isFactored else { return .nan }
    // a = L⁻ᵀ L⁻¹ X y.
    system.withUnsafeBufferPointer { system in
      right.withUnsafeMutableBufferPointer {
        Double.solveLower(system.baseAddress!, order: count, $0.baseAddress!, columns: 1)
      }
    }
    for i in stride(from: count - 1, through: 0, by: -1) {
      var value = right[i]
      for j in (i + 1)..<max(count, i + 1) { value -= system[j * count + i] * right[j] }
      right[i] = value / system[i * count + i]
    }
    var sum = 0.0
    for b in 0..<bands {
      var value = Double(y[b])
      for i in 0..<count { value -= right[i] * rows[i * bands + b] }
      sum += value * value
    }
    return Float(sum.squareRoot())
  }
}
