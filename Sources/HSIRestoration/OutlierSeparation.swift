import HSICore
import HSINumerics

/// What of a scene is not scene: outliers, column offsets and the level of the remaining noise, band by band.
final class OutlierSeparation: @unchecked Sendable {
  /// The scene without offsets, outliers replaced by the estimate.
  let corrected: PixelMatrix
  /// The estimate of the last `update`.
  private(set) var estimate: PixelMatrix
  /// Noise level per band of the values that are no outliers.
  private(set) var levels: NoiseLevels
  /// Share of values that are outliers, and of columns of bands that carry an offset.
  private(set) var outlierShare = 0.0
  private(set) var stripedShare = 0.0

  private let scene: Cube
  private let columns: ColumnIndex
  private let threshold: Float
  /// 1 where a value was recognised before the first round.
  private let certain: UnsafeMutablePointer<UInt8>
  /// Levels by details of whole blocks without marked values, where there are enough; share of outliers per
  /// band.
  private var spatial: [Double]
  private var shares: [Double]

  /// - Parameter threshold: residuals beyond this many levels are outliers.
  init(_ scene: Cube, levels: NoiseLevels, threshold: Float) {
    self.scene = scene
    self.threshold = threshold
    let (count, bands) = (scene.count, scene.shape.bands)
    columns = ColumnIndex(scene)
    corrected = PixelMatrix(rows: count, columns: bands)
    estimate = corrected
    certain = .allocate(capacity: count * bands)
    certain.update(repeating: 0, count: count * bands)
    self.levels = levels
    spatial = levels.standardDeviations
    shares = [Double](repeating: 0, count: bands)
    let grid = scene.rowOfPlace()
    collect { state, band in state.prepare(band, grid) }
  }

  deinit { certain.deallocate() }

  /// Noise levels of the corrected scene, from its statistics: the smaller of the spatial estimate and the
  /// regression on other bands, which outliers that were replaced by predictions lower by `√(1 − share)`.
  /// Unlike the residual of a fit that weighs bands by their levels, neither can draw itself towards zero.
  func updateLevels(_ statistics: SceneStatistics) throws {
    let bands = scene.shape.bands
    guard scene.count > 2 * bands, bands > 1 else {
      levels = NoiseLevels(standardDeviations: spatial)
      return
    }
    let regression = try NoiseLevels.regressionLevels(statistics)
    levels = NoiseLevels(
      standardDeviations: (0..<bands).map { b in
        let predicted = regression[b] / max(1 - shares[b], 0.05).squareRoot()
        return spatial[b] > 0 ? min(spatial[b], predicted) : predicted
      })
  }

  /// Takes a new estimate of the scene (N × L) and separates what it leaves.
  func update(_ estimate: PixelMatrix) {
    self.estimate = estimate
    var offsets = [ColumnOffsets.Estimate](repeating: ([], []), count: scene.shape.bands)
    offsets.withUnsafeMutableBufferPointer { offsets in
      let offsets = offsets
      let state = self
      Parallel.forEach(scene.shape.bands) { offsets[$0] = state.residualOffsets($0) }
    }
    let stripes = ColumnOffsets().independent(offsets)
    collect { state, band in state.separate(band, stripes[band]) }
  }

  /// What was found in a band.
  private struct Found {
    /// A new spatial level, or nil to keep the present one.
    var level: Double?
    var outliers = 0
    var stripes = 0
  }

  /// Runs `body` on every band and adds up what it finds.
  private func collect(_ body: (OutlierSeparation, Int) -> Found) {
    let (count, bands) = (scene.count, scene.shape.bands)
    var found = [Found](repeating: Found(), count: bands)
    found.withUnsafeMutableBufferPointer { found in
      let found = found
      let state = self
      Parallel.forEach(bands) { found[$0] = body(state, $0) }
    }
    for (band, result) in found.enumerated() {
      if let level = result.level { spatial[band] = level }
      shares[band] = Double(result.outliers) / Double(max(count, 1))
    }
    outlierShare = shares.reduce(0, +) / Double(max(bands, 1))
    stripedShare = Double(found.reduce(0) { $0 + $1.stripes }) / Double(max(columns.count * bands, 1))
  }

  // MARK: Before the first round

  /// Marks what is certain in one band, removes plain stripes, fills the marked values from around them, and
  /// returns the noise level of what is left.
  private func prepare(_ band: Int, _ grid: [Int32]) -> Found {
    let (count, bands, samples) = (scene.count, scene.shape.bands, scene.shape.samples)
    let source = scene.pixels.pointer + band
    var values = (0..<count).map { source[$0 * bands] }
    var marks = [UInt8](repeating: 0, count: count)
    markScatteredValues(values, grid, scene.shape, &marks)
    for c in columns.deadColumns(values) { for row in columns.column(c) { marks[Int(row)] = 1 } }
    let stripes = ColumnOffsets().estimate(
      values, ignored: marks, grid: grid, lines: scene.shape.lines, samples: samples)
    for c in 0..<samples where abs(stripes.offset[c]) > ColumnOffsets().significance * stripes.error[c] {
      for row in columns.column(c) { values[Int(row)] -= stripes.offset[c] }
    }
    let kept = (0..<count).filter { marks[$0] == 0 }
    let level = spatialLevel(values, marks, grid)
    if kept.count < count, !kept.isEmpty {
      // As if the marked pixels were missing.
      let known = Cube(
        shape: CubeShape(lines: scene.shape.lines, samples: samples, bands: 1),
        metadata: CubeMetadata(bands: 1),
        pixels: PixelMatrix(rows: kept.count, columns: 1, values: kept.map { values[$0] }),
        positions: kept.map { scene.positions[$0] })
      let plane = PixelMatrix(rows: scene.shape.lines, columns: samples)
      PlaneFilling(known).spread(known.pixels.pointer, into: plane.pointer)
      for n in 0..<count where marks[n] != 0 { values[n] = plane.pointer[Int(scene.positions[n])] }
    }
    let target = corrected.pointer + band
    for n in 0..<count {
      target[n * bands] = values[n]
      certain[n * bands + band] = marks[n]
    }
    return Found(level: level, outliers: count - kept.count)
  }

  private func spatialLevel(_ values: [Float], _ marks: [UInt8], _ grid: [Int32]) -> Double? {
    let samples = scene.shape.samples
    var details: [Float] = []
    for line in 0..<max(scene.shape.lines - 1, 0) {
      for c in 0..<max(samples - 1, 0) {
        let place = line * samples + c
        let (a, b) = (Int(grid[place]), Int(grid[place + 1]))
        let (d, e) = (Int(grid[place + samples]), Int(grid[place + samples + 1]))
        guard a >= 0, b >= 0, d >= 0, e >= 0, marks[a] | marks[b] | marks[d] | marks[e] == 0 else { continue }
        details.append(abs(values[a] - values[b] - values[d] + values[e]) / 2)
      }
    }
    guard details.count >= 16 else { return nil }
    let level = Double(median(&details)) * 1.4826
    return level > 0 ? level : nil
  }

  // MARK: Every round

  /// What the estimate leaves of a band.
  private func residual(_ band: Int) -> [Float] {
    let bands = scene.shape.bands
    let (source, fit) = (scene.pixels.pointer + band, estimate.pointer + band)
    return (0..<scene.count).map { source[$0 * bands] - fit[$0 * bands] }
  }

  /// Median absolute deviation of the unmarked residual; one that a fit has drawn to zero is not believed
  /// below the noise.
  private func level(_ residual: [Float], _ band: Int) -> Float {
    let bands = scene.shape.bands
    var sizes: [Float] = []
    sizes.reserveCapacity(residual.count)
    for n in residual.indices where certain[n * bands + band] == 0 { sizes.append(abs(residual[n])) }
    return max(1.4826 * median(&sizes), 0.8 * Float(levels.standardDeviations[band]))
  }

  /// Median of the residual of every column, with its standard error.
  private func residualOffsets(_ band: Int) -> ColumnOffsets.Estimate {
    let bands = scene.shape.bands
    let residual = residual(band)
    let spread = 1.2533 * level(residual, band)
    var result: ColumnOffsets.Estimate = (
      [Float](repeating: 0, count: columns.count), [Float](repeating: 0, count: columns.count)
    )
    for c in 0..<columns.count {
      var column = columns.column(c).compactMap {
        certain[Int($0) * bands + band] == 0 ? residual[Int($0)] : nil
      }
      guard column.count >= 8 else { continue }
      result.offset[c] = median(&column)
      result.error[c] = spread / Float(column.count).squareRoot()
    }
    return result
  }

  /// Separates one band, given the offsets of its columns.
  private func separate(_ band: Int, _ offsets: [Float]) -> Found {
    let bands = scene.shape.bands
    let (fit, target) = (estimate.pointer + band, corrected.pointer + band)
    var residual = residual(band)
    for c in 0..<columns.count where offsets[c] != 0 {
      for row in columns.column(c) { residual[Int(row)] -= offsets[c] }
    }
    let limit = threshold * level(residual, band)
    var outliers = 0
    for n in residual.indices {
      let isOutlier = certain[n * bands + band] != 0 || abs(residual[n]) > limit
      outliers += isOutlier ? 1 : 0
      target[n * bands] = fit[n * bands] + (isOutlier ? 0 : residual[n])
    }
    return Found(outliers: outliers, stripes: offsets.count { $0 != 0 })
  }
}
