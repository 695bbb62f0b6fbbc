import CKernels
import HSICore
import HSINumerics

/// Collaborative sparse unmixing (CLSUnSAL): spectra of the library are switched on or off for the whole scene.
///
/// `min ½ ‖D X − Y‖²_F + λ Σ_i ‖x^i‖₂` with `X ≥ 0`, where `x^i` is the abundance map of spectrum i. ADMM as in `SUnSAL`;
/// the shrinkage acts on rows: `U ← max(0, 1 − (λ/μ)/‖t^i₊‖) t^i₊` with `T = X − V`. Only T is kept, since
/// `V = U − T`. Over-relaxed by 1.6. Ends when `‖X − U‖_F ≤ tolerance · √(m N)` (the change of T, which bounds primal
/// and dual residual). 2 N m² flops per iteration; 12 N m bytes.
public struct CLSUnSAL: SceneAbundanceEstimator {
  public static let description = MethodDescription(
    id: "clsunsal", name: "Collaborative sparse unmixing (CLSUnSAL)", task: .sparse,
    citation:
      "M.-D. Iordache, J. M. Bioucas-Dias and A. Plaza, Collaborative sparse regression for hyperspectral unmixing, "
      + "IEEE TGRS 52(1), 2014",
    cost: "2 N L m + 2 N m² T, scene in memory",
    advice: "When few library spectra make up the whole scene; lambda decides how many survive.",
    parameters: [SUnSAL.lambda(share: 0.1), SUnSAL.mu, SUnSAL.iterations(1000), SUnSAL.tolerance(1e-5)])

  private let parameters: MethodParameters
  private static let relaxation: Float = 1.6
  /// Pixels per item of the pool; also the fixed split of the row norms.
  private static let block = 256

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int { 12 * pixels * endmembers }

  public func solve(_ scene: Cube, _ endmembers: SpectralLibrary, _ context: RunContext) throws -> PixelMatrix {
    let claim = context.claimThreads()
    defer { claim.release() }
    let model = try LinearUnmixing(endmembers, weights: nil, method: "CLSUnSAL")
    let (pixels, atoms) = (scene.count, model.endmembers.columns)
    let system = try SplitSystem(model, mu: parameters["mu"])
    let constant = system.constant(scene.pixels)
    let state = PixelMatrix(rows: pixels, columns: atoms)
    let threshold = SUnSAL.weight(parameters["lambda"], share: 0.1, endmembers) / system.mu
    let limit = parameters.value("tolerance") * Double(pixels * atoms).squareRoot()
    let iterations = Int(parameters.value("iterations"))

    var scale = CLSUnSAL.scales(CLSUnSAL.squaredNorms(state), threshold)
    for iteration in 1...iterations {
      try context.checkCancellation()
      let (change, norms) = step(system, constant, state, scale)
      scale = CLSUnSAL.scales(norms, threshold)
      let active = scale.count { $0 > 0 }
      let converged = change <= limit
      context.progress.report(
        phase: "sparse regression", fraction: converged ? 1 : Double(iteration) / Double(iterations),
        detail: "residual \(Float(change)), \(active) of \(atoms) spectra")
      if converged { break }
      if iteration == iterations {
        context.warn(
          "W-NOT-CONVERGED", "clsunsal stopped after \(iterations) iterations with residual \(Float(change))")
      }
    }
    // U = scale · T₊, in place of the constant part.
    let (result, source) = (constant.pointer, state.pointer)
    Parallel.forEachChunk(of: pixels, chunk: CLSUnSAL.block) { _, range in
      for n in range {
        for i in 0..<atoms { result[n * atoms + i] = scale[i] * max(source[n * atoms + i], 0) }
      }
    }
    return constant
  }

  /// One iteration on T; returns `‖X − U‖_F` and the squared norms of the rows of the new `T₊`.
  private func step(
    _ system: SplitSystem, _ constant: PixelMatrix, _ state: PixelMatrix, _ scale: [Float]
  ) -> (Double, [Double]) {
    let (pixels, atoms) = (state.rows, state.columns)
    let blocks = (pixels + CLSUnSAL.block - 1) / CLSUnSAL.block
    var partial = [Double](repeating: 0, count: blocks * (atoms + 1))
    partial.withUnsafeMutableBufferPointer { partial in
      let (partial, t, c) = (partial.baseAddress!, state.pointer, constant.pointer)
      Parallel.forEachChunk(of: pixels, chunk: CLSUnSAL.block) { index, range in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * range.count * atoms) { work in
          let right = work.baseAddress!
          let x = right + range.count * atoms
          let base = range.lowerBound * atoms
          for n in 0..<range.count {
            for i in 0..<atoms {
              let value = t[base + n * atoms + i]
              right[n * atoms + i] = 2 * scale[i] * max(value, 0) - value
              x[n * atoms + i] = c[base + n * atoms + i]
            }
          }
          system.addProduct(right, rows: range.count, to: x)
          let sums = partial + index * (atoms + 1)
          var change = 0.0
          for n in 0..<range.count {
            for i in 0..<atoms {
              let place = base + n * atoms + i
              let difference = x[n * atoms + i] - scale[i] * max(t[place], 0)
              change += Double(difference * difference)
              let value = t[place] + CLSUnSAL.relaxation * difference
              t[place] = value
              if value > 0 { sums[i] += Double(value * value) }
            }
          }
          sums[atoms] = change
        }
      }
    }
    var norms = [Double](repeating: 0, count: atoms)
    var change = 0.0
    for b in 0..<blocks {
      for i in 0..<atoms { norms[i] += partial[b * (atoms + 1) + i] }
      change += partial[b * (atoms + 1) + atoms]
    }
    return (change.squareRoot(), norms)
  }

  private static func squaredNorms(_ state: PixelMatrix) -> [Double] {
    [Double](repeating: 0, count: state.columns)  // T starts at zero
  }

  private static func scales(_ squaredNorms: [Double], _ threshold: Double) -> [Float] {
    squaredNorms.map { $0 > threshold * threshold ? Float(1 - threshold / $0.squareRoot()) : 0 }
  }
}

/// The linear step of splitting methods on a library: `F = (DᵀD + μI)⁻¹`, `X = F DᵀY + μF R`.
struct SplitSystem: Sendable {
  let mu: Double
  /// `D F`, L × m: the constant part of X is `Y` times this.
  private let projection: Matrix<Double>
  /// `μ F`, m × m.
  let factor: Matrix<Double>
  private let packed: [Float]

  init(_ model: LinearUnmixing, mu given: Double?, share: Double = 0.005) throws {
    let gram = model.gram
    let atoms = gram.rows
    let mu = given ?? SplitSystem.defaultPenalty(gram, share: share)
    var shifted = gram
    for i in 0..<atoms { shifted[i, i] += mu }
    let inverse = try shifted.inversePositiveDefinite()
    self.mu = mu
    projection = model.weighted.multiplied(by: inverse)
    factor = inverse.map { $0 * mu }
    var packed = [Float](repeating: 0, count: hsi_gemm_packed_size(atoms, atoms))
    hsi_gemm_pack(factor.values.map(Float.init), atoms, atoms, atoms, &packed)
    self.packed = packed
  }

  /// A share of the mean squared length of the spectra. With 0.005, on coherent libraries (30 to 200 smooth spectra), the objective is
  /// within 1 % after 100 to 200 iterations; a factor of 4 either way needs about twice as many.
  static func defaultPenalty(_ gram: Matrix<Double>, share: Double = 0.005) -> Double {
    let trace = (0..<gram.rows).reduce(0) { $0 + gram[$1, $1] }
    return trace > 0 ? share * trace / Double(gram.rows) : 1
  }

  /// `Y D F`, N × m, formed in double precision.
  func constant(_ pixels: PixelMatrix) -> PixelMatrix {
    let atoms = factor.rows
    let result = PixelMatrix(rows: pixels.rows, columns: atoms)
    LinearUnmixing.products(pixels, projection) { products, first, count in
      let target = result.pointer + first * atoms
      for i in 0..<(count * atoms) { target[i] = Float(products[i]) }
    }
    return result
  }

  /// `x += right · μF` for pixel-major rows of m values.
  func addProduct(_ right: UnsafePointer<Float>, rows: Int, to x: UnsafeMutablePointer<Float>) {
    let atoms = factor.rows
    hsi_gemm(right, atoms, packed, x, atoms, rows, atoms, atoms, 1)
  }
}
