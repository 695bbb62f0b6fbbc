import HSICore
import HSINumerics

/// Filling of missing values in a subspace with a non-local filter (the class of FastHyIn).
///
/// The subspace and the noise of the bands are learned from the values that are there (`FactorAnalysis`). Pixels are projected by
/// least squares over the bands that they have, weighted by the noise; the images of the coordinates are filtered by
/// `BlockMatching` at the level of their remaining error, and projected again with the filtered images as what is known
/// beforehand. So pixels with few values learn from similar places; pixels without any take a smooth surface (`SmoothFilling`), bands
/// without any what is known beside them (`SpectralGaps`).
///
/// Unlike the paper no pixel has to be complete, and the error of the projection, which differs with what is missing, decides how
/// much a pixel relies on its surroundings. Cost `rounds` · (N L p² + 15 000 N p) flops.
public struct FastHyIn: FillingRestorer {
  public static let description = MethodDescription(
    id: "fasthyin", name: "Fast hyperspectral inpainting (FastHyIn class)", task: .inpaint,
    citation:
      "L. Zhuang and J. M. Bioucas-Dias, Fast hyperspectral image denoising and inpainting based on low-rank and sparse "
      + "representations, IEEE JSTARS 11(3), 2018",
    cost: "rounds (N L p² + 15 000 N p) flops",
    advice: "The best for missing values, many or few; bands that are missing everywhere are interpolated.",
    parameters: [
      .rank("the number that predicts values held back best, at most 16"),
      ParameterDescription("rounds", 3, in: 1...10, "projections, each with the filtered images of the one before"),
      ParameterDescription("keep", 1, in: 0...1, "1: values that are there stay; 0: they are denoised too"),
    ])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int {
    let rank = FactorAnalysis.mostFactors(bands: shape.bands)
    return shape.pixels * (shape.bands * 4 + rank * 20 + 128) + 300 * shape.bands * shape.bands * 8
  }

  public func fill(
    _ scene: Cube, _ missing: MissingValues, noise: NoiseLevels?, _ context: RunContext
  ) throws -> RestoredScene {
    if parameters.value("keep") >= 0.5, let whole = fillBandsOnly(scene, missing) { return whole }
    let bands = missing.observed.indices.filter { missing.observed[$0] > 0 }
    let levels = noise.map { noise in bands.map { noise.standardDeviations[$0] } }
    let model = try FactorAnalysis.learn(
      scene, bands: bands, levels: levels, rank: parameters["rank"].map { Int($0) }, rounds: 30, context)
    let places = ObservedPlaces(scene)
    let rank = model.rank
    var prior: PixelMatrix?
    var precisions = [Double](repeating: 1, count: rank)
    var components = PixelMatrix(rows: 0, columns: 0)
    let rounds = Int(parameters.value("rounds"))
    for round in 0..<rounds {
      let (estimates, variances) = try model.estimates(scene.pixels, precisions: precisions, prior: prior, context)
      places.fillEmpty(estimates, smoothly: round + 1 == rounds)
      components = estimates
      let denoises = parameters.value("keep") < 0.5
      guard round + 1 < rounds || denoises else { break }
      let filtered = PixelMatrix(rows: rank, columns: scene.count)
      for i in 0..<rank {
        let (source, target, scale) = (estimates.row(i), filtered.row(i), Float(1 / variances[i].squareRoot()))
        for n in source.indices { target[n] = source[n] * scale }
      }
      try BlockMatching().apply(to: filtered, PlaneFilling(scene), context)
      for i in 0..<rank {
        let (target, scale) = (filtered.row(i), Float(variances[i].squareRoot()))
        for n in target.indices { target[n] *= scale }
      }
      if round + 1 < rounds {
        prior = filtered
        precisions = variances.map { 2 / $0 }
      } else {
        components = filtered
      }
    }
    let result = model.reconstruct(components, bands: scene.shape.bands)
    if parameters.value("keep") >= 0.5 { result.restoreFinite(of: scene.pixels) }
    SpectralGaps(scene.metadata.axis, choosingFor: result).fill(result)
    var found = [Double](repeating: 0, count: scene.shape.bands)
    for (b, band) in bands.enumerated() { found[band] = model.variances[b].squareRoot() }
    return RestoredScene(
      scene: scene.replacingPixels(by: result), noise: NoiseLevels(standardDeviations: found), rank: rank)
  }
}

extension PixelMatrix {
  /// Takes back every finite value of another matrix of the same size.
  func restoreFinite(of other: PixelMatrix) {
    let (source, target, width) = (other.pointer, pointer, columns)
    Parallel.forEachChunk(of: rows, chunk: 4096) { _, rows in
      for i in (rows.lowerBound * width)..<(rows.upperBound * width) where source[i].isFinite { target[i] = source[i] }
    }
  }
}

/// The pixels of a scene that have any value.
struct ObservedPlaces {
  private let filling: PlaneFilling
  private let lines, samples: Int
  private let positions: [Int32]
  private let rows: [Int]
  private let isComplete: Bool
  private let smooth: SmoothFilling

  init(_ scene: Cube) {
    let (bands, source) = (scene.shape.bands, scene.pixels.pointer)
    rows = (0..<scene.count).filter { row in
      for b in 0..<bands where source[row * bands + b].isFinite { return true }
      return false
    }
    isComplete = rows.count == scene.count
    (lines, samples, positions) = (scene.shape.lines, scene.shape.samples, scene.positions)
    filling = PlaneFilling(lines: lines, samples: samples, positions: rows.map { scene.positions[$0] })
    var isKnown = [Bool](repeating: false, count: lines * samples)
    for row in rows { isKnown[Int(scene.positions[row])] = true }
    smooth = SmoothFilling(lines: lines, samples: samples, isKnown: isKnown)
  }

  /// Gives the other pixels values from around them, in every row of p × N.
  ///
  /// - Parameter smoothly: as a smooth surface (`SmoothFilling`), better and slower than `PlaneFilling`.
  func fillEmpty(_ components: PixelMatrix, smoothly: Bool) {
    guard !isComplete, !rows.isEmpty else { return }
    let (count, base) = (components.columns, components.pointer)
    Parallel.forEach(components.rows) { component in
      let plane = PixelMatrix(rows: 2, columns: lines * samples)
      let (known, image) = (plane.pointer, plane.pointer + lines * samples)
      let values = base + component * count
      for (n, row) in rows.enumerated() { known[n] = values[row] }
      filling.spread(known, into: image)
      if smoothly { smooth.fill(image) }
      var next = 0
      for row in 0..<count {
        if next < rows.count, rows[next] == row { next += 1 } else { values[row] = image[Int(positions[row])] }
      }
    }
  }
}
