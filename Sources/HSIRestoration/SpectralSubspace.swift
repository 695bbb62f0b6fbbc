import HSICore
import HSINumerics

/// Principal components of a scene whose bands were first divided by their noise levels.
///
/// With band weights `D = diag(1/σ)`, the covariance `D C D = V Λ Vᵀ` of the weighted pixels gives components
/// `z = Vᵀ D (y − ȳ)`, which carry white noise of unit variance where the noise of the bands is independent
/// and σ is right (maximum noise fraction, Green et al., IEEE TGRS 26(1), 1988). Without weights they are
/// plain principal components. Statistics in double precision, projections in single. Cost N L² + L³, then 2
/// N L p per projection.
struct SpectralSubspace: Sendable {
  /// Mean spectrum.
  let mean: [Double]
  /// What bands are divided by.
  let scale: [Double]
  /// Variances of the components, descending.
  let values: [Double]
  /// V, L × L, columns in the order of `values`.
  let vectors: Matrix<Double>
  /// Variance of the noise in every component, `Σ_l v_l² (σ_l / scale_l)²`.
  let noise: [Double]
  private let count: Int

  /// Pixels that are projected at a time.
  private static let chunk = 1024

  /// - Parameters:
  ///   - noise: levels per band; a level below 1e-4 of the median of the positive ones counts as that.
  ///   - whitening: divide bands by their levels; else by nothing.
  init(_ scene: Cube, noise levels: NoiseLevels, whitening: Bool, _ context: RunContext) throws {
    let statistics = try SceneStatistics(scene, context, label: "principal components", precision: .double)
    try self.init(statistics, noise: levels, whitening: whitening)
  }

  init(_ statistics: SceneStatistics, noise levels: NoiseLevels, whitening: Bool) throws {
    let bands = statistics.mean.count
    let sigma = SpectralSubspace.floored(levels)
    scale = whitening ? sigma : [Double](repeating: 1, count: bands)
    mean = statistics.mean
    count = statistics.count
    let scale = scale
    let eigen = try Matrix<Double>(rows: bands, columns: bands) {
      statistics.covariance[$0, $1] / (scale[$0] * scale[$1])
    }.symmetricEigen()
    values = eigen.values.map { max(0, $0) }
    vectors = eigen.vectors
    noise = (0..<bands).map { i in
      (0..<bands).reduce(0) { sum, b in
        let part = eigen.vectors[b, i] * sigma[b] / scale[b]
        return sum + part * part
      }
    }
  }

  /// Levels that can be divided by.
  static func floored(_ levels: NoiseLevels) -> [Double] {
    let positive = levels.standardDeviations.filter { $0 > 0 }.sorted()
    let floor = positive.isEmpty ? 1 : 1e-4 * positive[positive.count / 2]
    return levels.standardDeviations.map { max($0, floor) }
  }

  /// Number of components whose variance exceeds that of noise alone: the largest sample eigenvalue of N
  /// pixels of white noise in L bands is near `(1 + √(L/N))²` (Marčenko–Pastur).
  var significant: Int {
    let edge = 1 + (Double(values.count) / Double(max(count, 1))).squareRoot()
    return zip(values, noise).prefix { $0 > $1 * edge * edge * 1.01 }.count
  }

  /// Number of leading components that hold more signal than noise, `λ > 2 σ²` (the rule of HySime).
  var dominant: Int { zip(values, noise).prefix { $0 > 2 * $1 }.count }

  /// The first `rank` components of all pixels: rank × N, a row per component.
  func project(_ pixels: PixelMatrix, rank: Int) -> PixelMatrix {
    let (bands, count) = (pixels.columns, pixels.rows)
    let result = PixelMatrix(rows: rank, columns: count)
    let mean = mean.map(Float.init)
    let axes = (0..<(bands * rank)).map { Float(vectors[$0 / rank, $0 % rank] / scale[$0 / rank]) }
    let (source, target) = (pixels.pointer, result.pointer)
    Parallel.forEachChunk(of: count, chunk: SpectralSubspace.chunk) { _, range in
      let n = range.count
      withUnsafeTemporaryAllocation(of: Float.self, capacity: n * (bands + rank)) { work in
        guard let centred = work.baseAddress else { return }
        let components = centred + n * bands
        for i in 0..<n {
          let row = source + (range.lowerBound + i) * bands
          for b in 0..<bands { centred[i * bands + b] = row[b] - mean[b] }
        }
        components.update(repeating: 0, count: n * rank)
        BLAS.multiplyAdd(
          centred, axes, components, m: n, n: rank, k: bands, strides: (bands, rank, rank))
        for j in 0..<rank {
          let plane = target + j * count + range.lowerBound
          for i in 0..<n { plane[i] = components[i * rank + j] }
        }
      }
    }
    return result
  }

  /// Spectra of components (rank × N): `ȳ + D⁻¹ V z`, N × L.
  func reconstruct(_ components: PixelMatrix) -> PixelMatrix {
    let (bands, rank, count) = (mean.count, components.rows, components.columns)
    let result = PixelMatrix(rows: count, columns: bands)
    let mean = mean.map(Float.init)
    let axes = (0..<(rank * bands)).map { Float(vectors[$0 % bands, $0 / bands] * scale[$0 % bands]) }
    let (source, target) = (components.pointer, result.pointer)
    Parallel.forEachChunk(of: count, chunk: SpectralSubspace.chunk) { _, range in
      let n = range.count
      let pixels = target + range.lowerBound * bands
      for i in 0..<n { for b in 0..<bands { pixels[i * bands + b] = mean[b] } }
      guard rank > 0 else { return }
      withUnsafeTemporaryAllocation(of: Float.self, capacity: n * rank) { work in
        guard let rows = work.baseAddress else { return }
        for j in 0..<rank {
          let plane = source + j * count + range.lowerBound
          for i in 0..<n { rows[i * rank + j] = plane[i] }
        }
        BLAS.multiplyAdd(rows, axes, pixels, m: n, n: bands, k: rank, strides: (rank, bands, bands))
      }
    }
    return result
  }
}

/// The rank that a user set, limited to the bands.
func chosenRank(_ parameters: MethodParameters, bands: Int, rule: Int) -> Int {
  min(bands, parameters["rank"].map { Int($0) } ?? rule)
}

extension ParameterDescription {
  /// Number of components kept.
  static func rank(_ rule: String) -> ParameterDescription {
    ParameterDescription("rank", nil, in: 1...10_000, "components kept; default: \(rule)")
  }
}
