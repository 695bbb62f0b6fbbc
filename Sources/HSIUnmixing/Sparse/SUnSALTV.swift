import Foundation
import HSICore
import HSINumerics

/// Sparse unmixing with total variation (SUnSAL-TV).
///
/// `min ½ ‖D X − Y‖²_F + λ ‖X‖₁ + λ_tv Σ_i TV(x^i)` with `X ≥ 0`; TV is anisotropic, `Σ |x_n − x_n'|` over pairs of valid
/// neighbours in a line or column. ADMM on `V₁ = X` (data), `V₂ = X` (sparsity and sign), `V₃ = H X` (differences):
/// `V₁` is one small factor for all pixels, `V₂` and `V₃` are shrinkages, and `(2I + HᵀH) X = …` is diagonal under the
/// Fourier transform because H is taken periodic. Differences across the border, to missing pixels or into the
/// padding of the transform have weight zero, so the result is that of the problem above, not of a periodic one.
/// Of every split only `T = V − U` is kept. Over-relaxed by 1.6.
///
/// Ends when the change of all T is at most `tolerance · √(m N)`; this bounds primal and dual residuals.
/// 2 N m² flops and 2 m transforms per iteration; 24 bytes per spectrum and pixel of the padded image.
public struct SUnSALTV: SceneAbundanceEstimator {
  public static let description = MethodDescription(
    id: "sunsal-tv", name: "Sparse unmixing with total variation (SUnSAL-TV)", task: .sparse,
    citation:
      "M.-D. Iordache, J. M. Bioucas-Dias and A. Plaza, Total variation spatial regularization for sparse "
      + "hyperspectral unmixing, IEEE TGRS 50(11), 2012",
    cost: "2 N L m + (2 N m² + 5 m N log N) T, scene in memory",
    advice: "Smooth maps with sharp edges from noisy scenes; too large a lambda_tv erases small targets.",
    parameters: [
      SUnSAL.lambda(share: 0.01), SUnSAL.lambda("lambda_tv", share: 0.01, "weight of the total variation"),
      ParameterDescription(
        "mu", nil, in: 1e-12...1e12, "ADMM penalty; default 0.02 of the mean squared length of the spectra"),
      SUnSAL.iterations(200), SUnSAL.tolerance(1e-4),
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    // Padding to a fast size adds at most a tenth to either side.
    pixels * endmembers * 29 + 8 * LinearUnmixing.block * endmembers
  }

  public func solve(_ scene: Cube, _ endmembers: SpectralLibrary, _ context: RunContext) throws -> PixelMatrix {
    let claim = context.claimThreads()
    defer { claim.release() }
    let model = try LinearUnmixing(endmembers, weights: nil, method: "SUnSAL-TV")
    let system = try SplitSystem(model, mu: parameters["mu"], share: 0.02)
    let state = TotalVariationState(
      scene, system, lambda: SUnSAL.weight(parameters["lambda"], share: 0.01, endmembers),
      lambdaTV: SUnSAL.weight(parameters["lambda_tv"], share: 0.01, endmembers))
    let limit = parameters.value("tolerance") * Double(scene.count * endmembers.count).squareRoot()
    let iterations = Int(parameters.value("iterations"))
    for iteration in 1...iterations {
      try context.checkCancellation()
      let change = state.step()
      let converged = change <= limit
      context.progress.report(
        phase: "sparse regression", fraction: converged ? 1 : Double(iteration) / Double(iterations),
        detail: "residual \(Float(change))")
      if converged { break }
      if iteration == iterations {
        context.warn(
          "W-NOT-CONVERGED", "sunsal-tv stopped after \(iterations) iterations with residual \(Float(change))"
        )
      }
    }
    return state.abundances()
  }

  /// The objective at given abundances (N × m), in double precision.
  static func objective(
    _ scene: Cube, _ endmembers: SpectralLibrary, _ abundances: PixelMatrix, lambda: Double, lambdaTV: Double
  ) -> Double {
    let (bands, atoms, samples) = (scene.shape.bands, endmembers.count, scene.shape.samples)
    var grid = [Int](repeating: -1, count: scene.shape.pixels)
    for (n, place) in scene.positions.enumerated() { grid[Int(place)] = n }
    var (data, sparsity, variation) = (0.0, 0.0, 0.0)
    for n in 0..<scene.count {
      let x = abundances.row(n).map(Double.init)
      for l in 0..<bands {
        var residual = Double(scene.pixels[n, l])
        for i in 0..<atoms { residual -= x[i] * endmembers.values[i * bands + l] }
        data += residual * residual
      }
      sparsity += x.reduce(0) { $0 + abs($1) }
      let place = Int(scene.positions[n])
      let right = place % samples + 1 < samples ? grid[place + 1] : -1
      let below = place + samples < grid.count ? grid[place + samples] : -1
      for other in [right, below] where other >= 0 {
        for i in 0..<atoms { variation += abs(x[i] - Double(abundances[other, i])) }
      }
    }
    return data / 2 + lambda * sparsity + lambdaTV * variation
  }
}

/// The iteration of SUnSAL-TV on planes: spectrum by spectrum, padded lines × padded samples.
private final class TotalVariationState {
  private let scene: Cube
  private let atoms, lines, samples, plane: Int
  private let fft: FFT2D
  private let factor: [Float]
  private let sparseThreshold, variationThreshold: Float
  /// `1 / (2 + |h|²) / plane` for every frequency.
  private let gain: [Float]
  /// 1 where a pixel is valid; thresholds of the differences to the right and below exist where both ends are.
  private let valid, right, below: [Float]
  /// m × plane each: constant part of X, V₁, and T of data, sparsity, horizontal and vertical differences.
  private let constant, fit, dataState, sparseState, acrossState, downState: PixelMatrix
  private static let relaxation: Float = 1.6
  private static let chunk = 1024

  init(_ scene: Cube, _ system: SplitSystem, lambda: Double, lambdaTV: Double) {
    self.scene = scene
    atoms = system.factor.rows
    lines = FFT2D.fastSize(atLeast: scene.shape.lines)
    samples = FFT2D.fastSize(atLeast: scene.shape.samples)
    plane = lines * samples
    fft = FFT2D(lines: lines, samples: samples)
    factor = system.factor.values.map(Float.init)
    sparseThreshold = Float(lambda / system.mu)
    variationThreshold = Float(lambdaTV / system.mu)
    let (lines, samples, plane, atoms) = (lines, samples, plane, atoms)
    gain = (0..<(lines * (samples / 2 + 1))).map { f in
      let (u, v) = (f / (samples / 2 + 1), f % (samples / 2 + 1))
      let across = 2 - 2 * cos(2 * Double.pi * Double(v) / Double(samples))
      let down = 2 - 2 * cos(2 * Double.pi * Double(u) / Double(lines))
      return Float(1 / ((2 + across + down) * Double(plane)))
    }
    var valid = [Float](repeating: 0, count: plane)
    for place in scene.positions {
      valid[Int(place) / scene.shape.samples * samples + Int(place) % scene.shape.samples] = 1
    }
    right = (0..<plane).map { $0 % samples + 1 < samples ? valid[$0] * valid[$0 + 1] : 0 }
    below = (0..<plane).map { $0 + samples < plane ? valid[$0] * valid[$0 + samples] : 0 }
    self.valid = valid
    func planes() -> PixelMatrix { PixelMatrix(rows: atoms, columns: plane) }
    (constant, fit, dataState, sparseState) = (planes(), planes(), planes(), planes())
    (acrossState, downState) = (planes(), planes())
    let given = system.constant(scene.pixels)
    forEachPlace { n, place in
      for i in 0..<atoms { constant.pointer[i * plane + place] = given.pointer[n * atoms + i] }
    }
  }

  /// Abundances N × m: V₂, sparse and not negative.
  func abundances() -> PixelMatrix {
    let result = PixelMatrix(rows: scene.count, columns: atoms)
    forEachPlace { n, place in
      for i in 0..<atoms {
        result.pointer[n * atoms + i] = max(sparseState.pointer[i * plane + place] - sparseThreshold, 0)
      }
    }
    return result
  }

  private func forEachPlace(_ body: (Int, Int) -> Void) {
    for (n, position) in scene.positions.enumerated() {
      body(n, Int(position) / scene.shape.samples * samples + Int(position) % scene.shape.samples)
    }
  }

  /// One iteration; returns the norm of the change of all T.
  func step() -> Double {
    updateFit()
    var changes = [Double](repeating: 0, count: atoms)
    changes.withUnsafeMutableBufferPointer { changes in
      let changes = changes.baseAddress!
      Parallel.forEach(atoms) { changes[$0] = updatePlane($0) }
    }
    return changes.reduce(0, +).squareRoot()
  }

  /// `V₁ = F DᵀY + μF T₁` on valid pixels, `T₁` elsewhere.
  private func updateFit() {
    let (atoms, plane) = (self.atoms, self.plane)
    Parallel.forEachChunk(of: plane, chunk: TotalVariationState.chunk) { _, range in
      let first = range.lowerBound
      for i in 0..<atoms {
        (fit.pointer + i * plane + first).update(
          from: constant.pointer + i * plane + first, count: range.count)
      }
      BLAS.multiplyAdd(
        factor, dataState.pointer + first, fit.pointer + first, m: atoms, n: range.count,
        k: atoms,
        strides: (atoms, plane, plane))
      for n in range where valid[n] == 0 {
        for i in 0..<atoms { fit.pointer[i * plane + n] = dataState.pointer[i * plane + n] }
      }
    }
  }

  /// X of one spectrum, then its part of all T; returns the squared change.
  private func updatePlane(_ i: Int) -> Double {
    let offset = i * plane
    let (v1, t1, t2) = (fit.pointer + offset, dataState.pointer + offset, sparseState.pointer + offset)
    let (t3, t4) = (acrossState.pointer + offset, downState.pointer + offset)
    let work = PixelMatrix(rows: 1, columns: plane + fft.spectrumCount + 16)
    let x = work.pointer
    let spectrum = x + (plane + 15) / 16 * 16
    var change = 0.0
    valid.withUnsafeBufferPointer { valid in
      right.withUnsafeBufferPointer { right in
        below.withUnsafeBufferPointer { below in
          for n in 0..<plane {
            x[n] = 2 * v1[n] - t1[n] + 2 * sparse(t2[n], valid[n]) - t2[n]
          }
          // Hᵀ(2V₃ − T₃); (Hx)_n = x_n − x_right(n), periodic.
          for line in 0..<lines {
            let row = line * samples
            let next = line + 1 < lines ? row + samples : 0
            for s in 0..<samples {
              let n = row + s
              let across = 2 * shrink(t3[n], variationThreshold * right[n]) - t3[n]
              x[n] += across
              x[s + 1 < samples ? n + 1 : row] -= across
              let down = 2 * shrink(t4[n], variationThreshold * below[n]) - t4[n]
              x[n] += down
              x[next + s] -= down
            }
          }
          fft.forward(x, spectrum)
          for f in gain.indices {
            spectrum[2 * f] *= gain[f]
            spectrum[2 * f + 1] *= gain[f]
          }
          fft.inverse(spectrum, x)
          let relaxation = TotalVariationState.relaxation
          for line in 0..<lines {
            let row = line * samples
            let next = line + 1 < lines ? row + samples : 0
            var sum: Float = 0
            for s in 0..<samples {
              let n = row + s
              let d1 = x[n] - v1[n]
              let d2 = x[n] - sparse(t2[n], valid[n])
              let d3 = x[n] - x[s + 1 < samples ? n + 1 : row] - shrink(t3[n], variationThreshold * right[n])
              let d4 = x[n] - x[next + s] - shrink(t4[n], variationThreshold * below[n])
              t1[n] += relaxation * d1
              t2[n] += relaxation * d2
              t3[n] += relaxation * d3
              t4[n] += relaxation * d4
              sum += valid[n] * (d1 * d1 + d2 * d2) + right[n] * d3 * d3 + below[n] * d4 * d4
            }
            change += Double(sum)
          }
        }
      }
    }
    return change
  }

  /// The shrinkage of V₂: soft threshold and sign on valid pixels, nothing elsewhere.
  @inline(__always) private func sparse(_ t: Float, _ valid: Float) -> Float {
    valid > 0 ? max(t - sparseThreshold, 0) : t
  }

  @inline(__always) private func shrink(_ t: Float, _ threshold: Float) -> Float {
    t > threshold ? t - threshold : (t < -threshold ? t + threshold : 0)
  }
}
