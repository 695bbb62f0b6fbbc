import CKernels
import Foundation
import HSICore
import HSINumerics

/// The start of every blind method: a factorisation that badly corrupted channels cannot spoil.
///
/// 1. Channels are judged by how well the others predict them (`ChannelHealth`); only the best enter the start, all the
///    factorisation.
/// 2. VCA on the good channels (the best fitting of several trials) gives M⁰ there; fully constrained least squares, floored at 0.02 and renormalised,
///    gives A⁰; channels left out get least squares on A⁰, clipped at a tiny positive value.
/// 3. The spectral angle between neighbours, in the K leading scores of the good channels, weighs the edges of the
///    pixel grid; the mean weight of a pixel's edges is its prior purity.
///
/// Why: a wrong start is the one thing that no loss function repairs (plain VCA with corrupted channels: abundance
/// RMSE 0.2–0.5 for every method, with this start 0.02–0.1). Cost N·L² flops once, plus VCA and FCLS.
/// Source: Nascimento and Bioucas-Dias 2005 (VCA); the rest is ours, docs/accuracy-unmixing.md measures it.
public struct RobustStart: Sendable {
  /// Channels with a quality at or below this are left out of the start. Default 0.4: at 0.2 saturated channels
  /// (quality up to 0.32) enter and ruin every method.
  public var threshold: Double
  /// Abundances are raised to this before they start (multiplicative updates cannot leave zero).
  public var floor: Double

  /// The recommended start.
  public init(threshold: Double = 0.4, floor: Double = 0.02) {
    self.threshold = threshold
    self.floor = floor
  }

  /// Makes the start for `scene` (values ≥ 0: see `clipNegatives`). Random directions of VCA come from
  /// `context.seed`.
  ///
  /// - Parameters:
  ///   - unitLength: whether the pixels were divided by their length (`normalise`); only recorded.
  /// - Throws: `UnmixingError.tooFewPixels`, `.tooManyEndmembers`, `.noVariation`, `CoreError.invalidParameter`.
  public func make(_ scene: Cube, count: Int, unitLength: Bool = false, _ context: RunContext) throws -> BlindStart {
    let claim = context.claimThreads()
    defer { claim.release() }
    let bands = scene.shape.bands
    try RobustStart.check(scene, count: count)
    let correlation = RobustStart.correlation(scene.pixels)
    let mean = RobustStart.mean(scene.pixels)
    let health = try ChannelHealth(correlation: correlation, mean: mean)
    try context.checkCancellation()
    let kept = health.best(count: count, threshold: threshold)
    let good = (0..<bands).filter { kept[$0] && correlation[$0, $0] > 0 }
    guard count <= good.count else {
      throw UnmixingError.tooManyEndmembers(
        count: count, limit: good.count, reason: "only \(good.count) channels are usable")
    }

    let vertices = try VertexStart(
      scene.pixels, correlation: correlation, mean: mean, channels: good, count: count, seed: context.seed)
    try context.checkCancellation()
    var largest: Float = 0
    for n in 0..<scene.count { for l in good { largest = max(largest, scene.pixels[n, l]) } }
    let tiny = 1e-6 * Double(largest)
    let endmembers = vertices.endmembers.map { max($0, tiny) }

    let abundances = try startingAbundances(scene, endmembers, good)
    var complete = Matrix<Float>(rows: count, columns: bands)
    for k in 0..<count { for (i, l) in good.enumerated() { complete[k, l] = Float(endmembers[k, i]) } }
    let bad = (0..<bands).filter { !good.contains($0) }
    if !bad.isEmpty {
      let fitted = try RobustStart.leastSquaresEndmembers(scene.pixels, abundances)
      for k in 0..<count { for l in bad { complete[k, l] = Float(max(fitted[l, k], tiny)) } }
    }

    var graph = NeighbourGraph(positions: scene.positions, samples: scene.shape.samples)
    let scores = try RobustStart.scores(scene.pixels, correlation, good, count)
    let (right, down) = graph.angleWeights(scores: scores, dimension: count)
    graph.setWeights(right: right, down: down)
    return BlindStart(
      endmembers: complete, abundances: abundances, channelQuality: health.quality, keptChannels: kept,
      healthyChannels: health.healthy(),
      purity: graph.meanWeights, rightWeight: right, downWeight: down, unitLength: unitLength)
  }

  // MARK: - Pixels

  /// Sets negative values to zero, in place; returns how many there were.
  @discardableResult
  public static func clipNegatives(_ pixels: PixelMatrix) -> Int {
    let total = pixels.rows * pixels.columns
    var counts = [Int](repeating: 0, count: (total + 65535) / 65536)
    counts.withUnsafeMutableBufferPointer { counts in
      let output = counts
      let values = pixels.pointer
      Parallel.forEachChunk(of: total, chunk: 65536) { index, range in
        var count = 0
        for i in range where values[i] < 0 {
          values[i] = 0
          count += 1
        }
        output[index] = count
      }
    }
    return counts.reduce(0, +)
  }

  /// Divides every pixel by its length over the `kept` channels (scaled as if over all), in place.
  ///
  /// Removes brightness: helps where shadow and slope vary it (Samson: RMSE 0.23 → 0.07) and harms where brightness
  /// is what tells materials apart (Moffett: 0.06 → 0.15), so it is the user's choice.
  ///
  /// - Returns: the length of every pixel; pixels of length 0 stay zero.
  @discardableResult
  public static func normalise(_ pixels: PixelMatrix, kept: [Bool]) -> [Float] {
    let bands = pixels.columns
    let weights = kept.map { $0 ? Double(bands) / Double(max(1, kept.count(where: { $0 }))) : 0 }
    var squares = [Double](repeating: 0, count: pixels.rows)
    hsi_pixel_norms(pixels.pointer, bands, pixels.rows, bands, weights, &squares)
    squares.withUnsafeBufferPointer { squares in
      let values = pixels.pointer
      Parallel.forEachChunk(of: pixels.rows, chunk: 512) { _, range in
        for n in range {
          let scale = squares[n] > 0 ? Float(1 / squares[n].squareRoot()) : 0
          for l in 0..<bands { values[n * bands + l] *= scale }
        }
      }
    }
    return squares.map { Float($0.squareRoot()) }
  }

  /// `Σ y yᵀ / N` with exact products summed in double.
  static func correlation(_ pixels: PixelMatrix) -> Matrix<Double> {
    let bands = pixels.columns
    var result = Matrix<Double>(rows: bands, columns: bands)
    var scratch = [Double](repeating: 0, count: hsi_gram_scratch_size(pixels.rows, bands))
    hsi_gram(pixels.pointer, bands, pixels.rows, bands, &result.values, &scratch)
    let scale = 1 / Double(max(pixels.rows, 1))
    for i in result.values.indices { result.values[i] *= scale }
    return result
  }

  static func mean(_ pixels: PixelMatrix) -> [Double] {
    var sums = [Double](repeating: 0, count: pixels.columns)
    var scratch = [Double](repeating: 0, count: hsi_channel_sums_scratch_size(pixels.rows, pixels.columns))
    hsi_channel_sums(pixels.pointer, pixels.columns, pixels.rows, pixels.columns, nil, &sums, nil, &scratch)
    return sums.map { $0 / Double(max(pixels.rows, 1)) }
  }

  /// Whether so many endmembers can be found in so many bands at all.
  ///
  /// - Throws: `CoreError.invalidParameter` below 2, `UnmixingError.tooManyEndmembers`.
  static func check(count: Int, bands: Int) throws {
    guard count >= 2 else {
      throw CoreError.invalidParameter(
        name: "the number of endmembers", value: "\(count)", requirement: "at least 2 for blind unmixing")
    }
    let limit = min(bands, Int(HSI_NMF_MAX_ENDMEMBERS))
    guard count <= limit else {
      throw UnmixingError.tooManyEndmembers(
        count: count, limit: limit,
        reason: limit < bands ? "blind methods go no further" : "the scene has \(limit) bands")
    }
  }

  static func check(_ scene: Cube, count: Int) throws {
    try check(count: count, bands: scene.shape.bands)
    let needed = max(2 * count, 4)
    guard scene.count >= needed else {
      throw UnmixingError.tooFewPixels(valid: scene.count, needed: needed, purpose: "blind unmixing")
    }
    let bands = scene.shape.bands
    let first = scene.pixels.row(0)
    for n in 1..<scene.count {
      let row = scene.pixels.row(n)
      for l in 0..<bands where row[l] != first[l] { return }
    }
    throw UnmixingError.noVariation(detail: "all valid pixels are the same")
  }

  // MARK: - Pieces

  private func startingAbundances(_ scene: Cube, _ endmembers: Matrix<Double>, _ good: [Int]) throws -> PixelMatrix {
    // Channels left out get zero weight, so the pixels need not be copied.
    let (count, bands) = (endmembers.rows, scene.shape.bands)
    var weights = [Double](repeating: 0, count: bands)
    var values = [Double](repeating: 0, count: count * bands)
    for (i, l) in good.enumerated() {
      weights[l] = 1
      for k in 0..<count { values[k * bands + l] = endmembers[k, i] }
    }
    let spectra = SpectralLibrary(
      names: endmemberNames(count), axis: SpectralAxis(count: bands), values: values)
    let abundances = PixelMatrix(rows: 0, columns: count)
    try FCLS().prepare(spectra, weights: weights).solve(scene.pixels, into: abundances)
    RobustStart.raise(abundances, to: floor)
    return abundances
  }

  /// Raises abundances to `floor` and divides every row by its sum.
  static func raise(_ abundances: PixelMatrix, to floor: Double) {
    let count = abundances.columns
    let values = abundances.pointer
    let least = Float(floor)
    Parallel.forEachChunk(of: abundances.rows, chunk: 4096) { _, range in
      for n in range {
        let row = values + n * count
        var sum: Float = 0
        for k in 0..<count {
          row[k] = max(row[k], least)
          sum += row[k]
        }
        for k in 0..<count { row[k] /= sum }
      }
    }
  }

  /// `(Y Aᵀ)(A Aᵀ)⁻¹`, channels × endmembers.
  static func leastSquaresEndmembers(_ pixels: PixelMatrix, _ abundances: PixelMatrix) throws -> Matrix<
    Double
  > {
    let (bands, count) = (pixels.columns, abundances.columns)
    let (sums, gram) = abundanceSums(pixels, abundances)
    var ridged = Matrix(rows: count, columns: count, values: gram)
    let ridge = 1e-12 * (0..<count).reduce(0) { $0 + ridged[$1, $1] }
    for k in 0..<count { ridged[k, k] += ridge }
    return try ridged.solvedPositiveDefinite(Matrix(rows: bands, columns: count, values: sums).transposed)
      .transposed
  }

  /// `Y Aᵀ` (channels × endmembers) and `A Aᵀ`.
  static func abundanceSums(_ pixels: PixelMatrix, _ abundances: PixelMatrix) -> (
    sums: [Double], gram: [Double]
  ) {
    let (bands, count, rows) = (pixels.columns, abundances.columns, pixels.rows)
    var sums = [Double](repeating: 0, count: bands * count)
    var gram = [Double](repeating: 0, count: count * count)
    var scratch = [Double](
      repeating: 0,
      count: max(hsi_outer_scratch_size(rows, bands, count), hsi_gram_scratch_size(rows, count)))
    hsi_outer(pixels.pointer, bands, rows, bands, abundances.pointer, count, &sums, &scratch)
    hsi_gram(abundances.pointer, count, rows, count, &gram, &scratch)
    return (sums, gram)
  }

  /// The K leading scores of the good channels scaled to unit RMS: N × K.
  static func scores(
    _ pixels: PixelMatrix, _ correlation: Matrix<Double>, _ good: [Int], _ count: Int
  ) throws -> [Double] {
    let rms = good.map { correlation[$0, $0].squareRoot() }
    let scaled = Matrix<Double>(rows: good.count, columns: good.count) { i, j in
      correlation[good[i], good[j]] / (rms[i] * rms[j])
    }
    var basis = try scaled.symmetricEigen().vectors.selecting(columns: Array(0..<count))
    for i in 0..<good.count { for k in 0..<count { basis[i, k] /= rms[i] } }
    return VertexStart.project(pixels, basis, good)
  }
}
