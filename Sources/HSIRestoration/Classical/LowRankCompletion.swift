import HSICore
import HSINumerics

/// Low-rank matrix completion: missing values of the pixels × bands matrix follow from its leading components.
///
/// Missing values start as interpolated along the wavelength. Every round takes the leading components of the completed matrix,
/// bands brought to equal spread, and puts what they say in the missing places. The rank grows one by one, each from the result of
/// the one before (warm start), on a sample of at most 8192 pixels; it stops where one value in 20 that was held back is no longer
/// predicted better. The whole scene is then completed at that rank. Values that are there stay. Cost `iterations` (N L² + L³).
public struct LowRankCompletion: FillingRestorer {
  public static let description = MethodDescription(
    id: "lrmc", name: "Low-rank matrix completion", task: .inpaint,
    citation:
      "R. Mazumder, T. Hastie and R. Tibshirani, Spectral regularization algorithms for learning large incomplete matrices, "
      + "JMLR 11, 2010; with a hard limit of the rank",
    cost: "iterations (N L² + L³)",
    advice: "Missing values where pixels next to each other have little in common; it looks at spectra only.",
    parameters: [
      .rank("the one that predicts values held back best, at most 20"),
      ParameterDescription("iterations", 60, in: 1...10_000, "most rounds on the whole scene"),
      ParameterDescription(
        "tolerance", 1e-4, in: 0...1, "change of the missing values, relative to their spread, that ends it"),
    ], aliases: ["soft-impute", "matrix-completion"])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int {
    shape.pixels * (shape.bands * 4 + 16) + 8192 * shape.bands * 8 + 30 * shape.bands * shape.bands * 8
  }

  public func fill(
    _ scene: Cube, _ missing: MissingValues, noise: NoiseLevels?, _ context: RunContext
  ) throws -> RestoredScene {
    let rank: Int
    if let given = parameters["rank"] {
      rank = min(Int(given), scene.shape.bands)
    } else {
      rank = try LowRankCompletion.rank(of: scene, missing, context)
    }
    let completion = MatrixCompletion(scene, missing)
    let iterations = Int(parameters.value("iterations"))
    var done = 0
    for round in 0..<iterations {
      context.progress.report(phase: "completing", fraction: Double(round) / Double(iterations))
      let change = try completion.step(rank: rank, context)
      done = round + 1
      if change < parameters.value("tolerance") { break }
    }
    context.progress.report(phase: "completing", fraction: 1)
    completion.openBands()
    SpectralGaps(scene.metadata.axis, .monotone).fill(completion.values)
    return RestoredScene(
      scene: scene.replacingPixels(by: completion.values), rank: rank, facts: ["iterations": Double(done)])
  }

  /// The rank up to which values that were held back are predicted better and better.
  private static func rank(of scene: Cube, _ missing: MissingValues, _ context: RunContext) throws -> Int {
    let (bands, stride) = (scene.shape.bands, max((scene.count + 8191) / 8192, 1))
    let rows = Swift.stride(from: 0, to: scene.count, by: stride).map { $0 }
    let sample = PixelMatrix(rows: rows.count, columns: bands)
    var held: [(place: Int, value: Float)] = []
    for (n, row) in rows.enumerated() {
      var random = CounterRandom(seed: context.seed, stream: UInt64(row))
      for b in 0..<bands {
        let value = scene.pixels[row, b]
        let isHeld = random.uniform() < 0.05 && value.isFinite
        sample[n, b] = isHeld ? .nan : value
        if isHeld { held.append((n * bands + b, value)) }
      }
    }
    let part = Cube(
      shape: scene.shape, metadata: scene.metadata, pixels: sample, positions: rows.map { scene.positions[$0] })
    let lacking = MissingValues(part)
    guard !held.isEmpty, lacking.count < rows.count * bands else { return 1 }
    let completion = MatrixCompletion(part, lacking)
    let deviations = completion.deviations
    var (best, bestError, worse) = (1, Double.infinity, 0)
    let most = min(20, max(bands - lacking.bands.count - 1, 1))
    for rank in 1...most {
      context.progress.report(phase: "choosing the rank", fraction: Double(rank - 1) / Double(most))
      for _ in 0..<12 { if try completion.step(rank: rank, context) < 1e-3 { break } }
      let error = held.reduce(0.0) { sum, entry in
        let scaled = Double(completion.values.pointer[entry.place] - entry.value) / deviations[entry.place % bands]
        return sum + scaled * scaled
      }
      // A hundredth, so that the last grains are not paid for with many components.
      if error < 0.99 * bestError { (best, bestError, worse) = (rank, error, 0) } else { worse += 1 }
      if worse == 3 { break }
    }
    context.progress.report(phase: "choosing the rank", fraction: 1)
    return best
  }
}

/// A matrix whose missing values are replaced round by round.
final class MatrixCompletion {
  /// The completed matrix.
  let values: PixelMatrix
  /// Spread of the values that are there, per band; 1 where it is 0.
  let deviations: [Double]
  private let scene: Cube
  private let missing: MissingValues

  init(_ scene: Cube, _ missing: MissingValues) {
    (self.scene, self.missing) = (scene, missing)
    values = scene.copyOfPixels()
    deviations = MatrixCompletion.spread(scene)
    SpectralGaps(scene.metadata.axis, .linear).fill(values)
    NearestPixels.fill(values, positions: scene.positions, shape: scene.shape)
    // Bands without any value take no part.
    for band in missing.bands { for row in 0..<values.rows { values[row, band] = 0 } }
  }

  private static func spread(_ scene: Cube) -> [Double] {
    let (bands, count) = (scene.shape.bands, scene.count)
    var result = [Double](repeating: 1, count: bands)
    result.withUnsafeMutableBufferPointer { result in
      let (result, pixels) = (result, scene.pixels.pointer)
      Parallel.forEach(bands) { band in
        var (sum, number, squares) = (0.0, 0.0, 0.0)
        for row in 0..<count {
          let value = Double(pixels[row * bands + band])
          if value.isFinite { (sum, number) = (sum + value, number + 1) }
        }
        guard number > 0 else { return }
        for row in 0..<count {
          let value = Double(pixels[row * bands + band])
          if value.isFinite { squares += (value - sum / number) * (value - sum / number) }
        }
        let deviation = (squares / number).squareRoot()
        if deviation > 0 { result[band] = deviation }
      }
    }
    return result
  }

  /// Bands without any value become NaN.
  func openBands() { for band in missing.bands { for row in 0..<values.rows { values[row, band] = .nan } } }

  /// One round. Returns the root mean square change of the missing values in units of their bands' spread.
  func step(rank: Int, _ context: RunContext) throws -> Double {
    let bands = values.columns
    let statistics = try SceneStatistics(scene.replacingPixels(by: values), context, label: "components")
    let deviations = deviations
    let eigen = try Matrix<Double>(rows: bands, columns: bands) {
      statistics.covariance[$0, $1] / (deviations[$0] * deviations[$1])
    }.symmetricEigen()
    let axes = eigen.vectors.selecting(columns: Array(0..<min(rank, bands)))
    let projection = axes.multiplied(by: axes, .none, .transposed)
    // Row vectors: (y − ȳ) D⁻¹ V Vᵀ D.
    let operation = (0..<(bands * bands)).map { i in
      Float(projection[i / bands, i % bands] * deviations[i % bands] / deviations[i / bands])
    }
    let (mean, scales) = (statistics.mean.map(Float.init), deviations.map { Float(1 / $0) })
    let (count, chunk) = (values.rows, 512)
    let blocks = (count + chunk - 1) / chunk
    var changes = [Double](repeating: 0, count: blocks)
    var isUsed = [Bool](repeating: true, count: bands)
    for band in missing.bands { isUsed[band] = false }
    changes.withUnsafeMutableBufferPointer { changes in
      let (changes, target, given) = (changes, values.pointer, scene.pixels.pointer)
      Parallel.forEachChunk(of: count, chunk: chunk) { block, range in
        let n = range.count
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * n * bands) { work in
          guard let centred = work.baseAddress else { return }
          let predicted = centred + n * bands
          let base = range.lowerBound * bands
          for i in 0..<n {
            for b in 0..<bands {
              centred[i * bands + b] = target[base + i * bands + b] - mean[b]
              predicted[i * bands + b] = mean[b]
            }
          }
          BLAS.multiplyAdd(centred, operation, predicted, m: n, n: bands, k: bands, strides: (bands, bands, bands))
          var sum = 0.0
          for i in 0..<n {
            for b in 0..<bands where isUsed[b] && !given[base + i * bands + b].isFinite {
              let value = predicted[i * bands + b]
              let change = (value - target[base + i * bands + b]) * scales[b]
              sum += Double(change * change)
              target[base + i * bands + b] = value
            }
          }
          changes[block] = sum
        }
      }
    }
    let replaced = missing.count - missing.bands.count * count
    return (changes.reduce(0, +) / Double(max(replaced, 1))).squareRoot()
  }
}
