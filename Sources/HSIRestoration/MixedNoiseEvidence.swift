import HSICore
import HSINumerics

/// Signs of noise that is not Gaussian, as shares of values or columns.
public struct MixedNoiseEvidence: Sendable, Codable {
  /// Share of values that stand out from all their 8 neighbours by 5 noise levels, by more than those differ among
  /// themselves and by the spread of their band; or that recur scattered over a band. The larger of both per band.
  public var impulses: Double
  /// Share of columns of bands most of whose values are one and the same, in bands that have others. A column that is so in most
  /// bands is part of a flat scene.
  public var deadColumns: Double
  /// Share of columns of bands with a significant offset (`Destriping`) that sets them off from the columns beside them: at least half
  /// of it goes beyond the mean of theirs. A blurred scene has none.
  public var stripedColumns: Double

  /// True where any of them is more than Gaussian noise or scenes show: 1 in 5000 values, 1 in 1000 dead
  /// columns, 1 in 200 striped ones.
  public var isMixed: Bool { impulses > 2e-4 || hasBadColumns }

  /// True where dead or striped columns are: 1 in 1000, or 1 in 200.
  public var hasBadColumns: Bool { deadColumns > 1e-3 || stripedColumns > 5e-3 }

  /// Measures a scene. Cost about 200 N L.
  public init(_ scene: Cube, noise: NoiseLevels) {
    let finite = scene.finitePixels()
    let bands = scene.shape.bands
    let stripes = ColumnOffsets().estimate(finite)
    let total = Double(max(bands * scene.shape.samples, 1))
    stripedColumns = Double(stripes.reduce(0) { $0 + MixedNoiseEvidence.sharp($1) }) / total
    let grid = finite.rowOfPlace()
    let index = ColumnIndex(finite)
    var counts = [Int](repeating: 0, count: bands)
    var dead = [[Int]](repeating: [], count: bands)
    counts.withUnsafeMutableBufferPointer { counts in
      dead.withUnsafeMutableBufferPointer { dead in
        let (counts, dead, scene) = (counts, dead, finite)
        Parallel.forEach(bands) { band in
          let values = (0..<scene.count).map { scene.pixels.pointer[$0 * bands + band] }
          let limit = 5 * Float(noise.standardDeviations[band])
          var scattered = [UInt8](repeating: 0, count: values.count)
          dead[band] = index.deadColumns(values)
          for c in dead[band] { for row in index.column(c) { scattered[Int(row)] = 2 } }
          markScatteredValues(values, grid, scene.shape, &scattered)
          counts[band] = max(
            MixedNoiseEvidence.isolated(values, grid, scene.shape, limit), scattered.count { $0 == 1 })
        }
      }
    }
    impulses = Double(counts.reduce(0, +)) / Double(max(bands * finite.count, 1))
    var times = [Int](repeating: 0, count: scene.shape.samples)
    for c in dead.joined() { times[c] += 1 }
    deadColumns = Double(times.reduce(0) { $0 + ($1 * 2 > bands && bands > 2 ? 0 : $1) }) / total
  }

  /// Columns whose offset goes beyond the mean of those beside it by half of itself at least.
  private static func sharp(_ offsets: [Float]) -> Int {
    offsets.indices.count { c in
      let beside = [c - 1, c + 1].filter(offsets.indices.contains).map { offsets[$0] }
      guard offsets[c] != 0, !beside.isEmpty else { return false }
      return abs(offsets[c] - beside.reduce(0, +) / Float(beside.count)) >= abs(offsets[c]) / 2
    }
  }

  /// Number of values above or below all 8 neighbours by more than `limit`, than the range of the neighbours, and than the
  /// standard deviation of the band (from its median absolute deviation).
  private static func isolated(_ values: [Float], _ grid: [Int32], _ shape: CubeShape, _ limit: Float) -> Int {
    guard limit > 0, shape.lines > 2, shape.samples > 2 else { return 0 }
    var sorted = values
    let centre = median(&sorted)
    var deviations = values.map { abs($0 - centre) }
    let spread = 1.4826 * median(&deviations)
    let around = [-1, 0, 1].flatMap { y in [-1, 0, 1].map { y * shape.samples + $0 } }.filter { $0 != 0 }
    var count = 0
    for line in 1..<(shape.lines - 1) {
      for sample in 1..<(shape.samples - 1) {
        let place = line * shape.samples + sample
        guard grid[place] >= 0 else { continue }
        let value = values[Int(grid[place])]
        var (low, high) = (Float.infinity, -Float.infinity)
        for step in around where grid[place + step] >= 0 {
          let other = values[Int(grid[place + step])]
          (low, high) = (min(low, other), max(high, other))
        }
        guard low <= high else { continue }
        // A bright spot of the scene stands out from noise, but hardly from the spread of its band.
        let jump = max(value - high, low - value)
        if jump > limit, jump > high - low, jump > spread { count += 1 }
      }
    }
    return count
  }
}

extension ColumnIndex {
  /// Columns three quarters of whose values are one and the same; none where more than half of all columns
  /// are such.
  func deadColumns(_ values: [Float]) -> [Int] {
    let dead = (0..<count).filter { c in
      var column = column(c).map { values[Int($0)] }
      guard column.count >= 4 else { return false }
      let centre = median(&column)
      return column.count { $0 == centre } * 4 > column.count * 3
    }
    return dead.count * 2 <= count ? dead : []
  }
}
