import HSICore
import HSINumerics

/// Hyperspectral signal identification by minimum error (HySime).
///
/// Noise variances by inter-band regression (`NoiseEstimate`), bands taken as independent (`R_n` is diagonal), then the eigenvectors `v_i` of the signal correlation `R_x` are
/// kept where projecting on them lowers the mean squared error: `δ_i = −v_iᵀ R_y v_i + 2 v_iᵀ R_n v_i < 0`. The
/// number of negative δ is the dimension of the signal subspace, one figure for the number of endmembers.
/// One pass over the scene, N·L² + O(L³) flops.
public struct HySime: CountEstimator {
  public static let description = MethodDescription(
    id: "hysime", name: "Hyperspectral signal identification by minimum error (HySime)", task: .count,
    citation:
      "J. M. Bioucas-Dias and J. M. P. Nascimento, Hyperspectral subspace identification, IEEE TGRS 46(8), 2008",
    cost: "N L² + L³, one pass",
    advice:
      "The default: it needs no threshold. Remove bad channels first; many lines of calibration residue raise it."
  )

  public init(_ parameters: MethodParameters) throws {}

  public func count(_ scene: any StripSource, _ context: RunContext) throws -> CountEstimate {
    let claim = context.claimThreads()
    defer { claim.release() }
    let statistics = try SceneStatistics(scene, context, precision: .double)
    try requirePixels(statistics, 2, purpose: "counting endmembers with HySime")
    return try count(NoiseEstimate(statistics))
  }

  /// The count from second moments of signal and noise; `evidence` holds all δ, ascending.
  public func count(_ estimate: NoiseEstimate) throws -> CountEstimate {
    let bands = estimate.noise.rows
    let trace = (0..<bands).reduce(0) { $0 + estimate.signal[$1, $1] }
    // Residuals of regressions on all other bands are correlated by construction; what they say is their variance.
    let variances = estimate.variances
    let noise = Matrix<Double>(rows: bands, columns: bands) {
      $0 == $1 ? variances[$0] + trace / Double(bands) * 1e-10 : 0
    }
    let vectors = try estimate.signal.symmetricEigen().vectors
    let total = quadraticForms(vectors, estimate.correlation)
    let noisePower = quadraticForms(vectors, noise)
    let cost = zip(total, noisePower).map { -$0 + 2 * $1 }.sorted()
    return CountEstimate(count: cost.count { $0 < 0 }, evidence: cost)
  }

  /// `v_iᵀ S v_i` for every column of `vectors`.
  private func quadraticForms(_ vectors: Matrix<Double>, _ form: Matrix<Double>) -> [Double] {
    let product = form.multiplied(by: vectors)
    return (0..<vectors.columns).map { j in
      (0..<vectors.rows).reduce(0) { $0 + vectors[$1, j] * product[$1, j] }
    }
  }
}

/// Throws unless a scene has enough pixels and is neither empty nor all zero.
func requirePixels(_ statistics: SceneStatistics, _ needed: Int, purpose: String) throws {
  guard statistics.count >= needed else {
    throw UnmixingError.tooFewPixels(valid: statistics.count, needed: needed, purpose: purpose)
  }
  guard statistics.maximum.contains(where: { $0 != 0 }) || statistics.minimum.contains(where: { $0 != 0 })
  else {
    throw UnmixingError.noVariation(detail: "all values are zero")
  }
}
