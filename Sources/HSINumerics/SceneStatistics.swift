import COpenBLAS
import HSICore

/// Mean, correlation and covariance of the valid pixels of a source, accumulated over strips.
///
/// Sums are formed in single precision inside fixed blocks of `blockPixels` valid pixels (centred on a provisional
/// mean, the first block's, so that nothing cancels) and in double precision across blocks. Blocks are counted from
/// the first valid pixel of the scene, so strip height and thread count do not change a bit of the result.
/// Cost N·L² flops.
public struct SceneStatistics: Sendable {
  /// Number of valid pixels.
  public let count: Int
  /// Mean spectrum.
  public let mean: [Double]
  /// `Σ (y − ȳ)(y − ȳ)ᵀ / N`, L × L.
  public let covariance: Matrix<Double>
  /// Smallest and largest value per band.
  public let minimum: [Float]
  public let maximum: [Float]

  /// `Σ y yᵀ / N = covariance + ȳ ȳᵀ`.
  public var correlation: Matrix<Double> {
    Matrix(rows: mean.count, columns: mean.count) { covariance[$0, $1] + mean[$0] * mean[$1] }
  }

  /// Reads `source` once.
  public init(_ source: any StripSource, _ context: RunContext, label: String = "statistics") throws {
    var accumulator = StatisticsAccumulator(bands: source.shape.bands)
    try source.forEachStrip(context, label: label) { accumulator.add($0.pixels) }
    self = accumulator.finish()
  }

  init(count: Int, mean: [Double], covariance: Matrix<Double>, minimum: [Float], maximum: [Float]) {
    self.count = count
    self.mean = mean
    self.covariance = covariance
    self.minimum = minimum
    self.maximum = maximum
  }
}

/// Accumulates `SceneStatistics` from pixels in scene order.
public struct StatisticsAccumulator {
  /// Pixels per block.
  static let blockPixels = 1024
  /// Blocks that are computed at the same time.
  static let batch = 8

  private let bands: Int
  private let pending: PixelMatrix
  private var filled = 0
  private var count = 0
  private var shift: [Float]?
  private var sum: [Double]
  private var squares: [Double]
  private var minimum: [Float]
  private var maximum: [Float]

  /// An accumulator for spectra of `bands` values.
  public init(bands: Int) {
    self.bands = bands
    pending = PixelMatrix(rows: StatisticsAccumulator.blockPixels * StatisticsAccumulator.batch, columns: bands)
    sum = [Double](repeating: 0, count: bands)
    squares = [Double](repeating: 0, count: bands * bands)
    minimum = [Float](repeating: .infinity, count: bands)
    maximum = [Float](repeating: -.infinity, count: bands)
    BLAS.prepare()
  }

  /// Adds the next pixels of the scene.
  public mutating func add(_ pixels: PixelMatrix) {
    precondition(pixels.columns == bands)
    var taken = 0
    while taken < pixels.rows {
      let n = min(pixels.rows - taken, pending.rows - filled)
      (pending.pointer + filled * bands).update(from: pixels.pointer + taken * bands, count: n * bands)
      filled += n
      taken += n
      if filled == pending.rows { flush() }
    }
  }

  /// The statistics of everything added.
  public mutating func finish() -> SceneStatistics {
    flush()
    let n = Double(max(count, 1))
    let shift = (shift ?? [Float](repeating: 0, count: bands)).map(Double.init)
    let offset = sum.map { $0 / n }  // mean of the shifted pixels
    let covariance = Matrix<Double>(rows: bands, columns: bands) { i, j in
      let (a, b) = i <= j ? (i, j) : (j, i)
      return squares[a * bands + b] / n - offset[a] * offset[b]
    }
    return SceneStatistics(
      count: count, mean: zip(shift, offset).map(+), covariance: covariance, minimum: minimum, maximum: maximum)
  }

  private mutating func flush() {
    guard filled > 0 else { return }
    let (bands, filled, pending) = (self.bands, self.filled, self.pending)
    if shift == nil {
      // Provisional mean of the first block: the same whatever the strips.
      let n = min(filled, StatisticsAccumulator.blockPixels)
      shift = (0..<bands).map { b in Float((0..<n).reduce(0.0) { $0 + Double(pending[$1, b]) } / Double(n)) }
    }
    let blocks = (filled + StatisticsAccumulator.blockPixels - 1) / StatisticsAccumulator.blockPixels
    let partial = PixelMatrix(rows: blocks, columns: bands * bands)
    let extremes = PixelMatrix(rows: blocks, columns: 3 * bands)
    let shift = self.shift!
    Parallel.forEachChunk(of: filled, chunk: StatisticsAccumulator.blockPixels) { block, range in
      let base = pending.pointer + range.lowerBound * bands
      let total = extremes.pointer + block * 3 * bands
      for b in 0..<bands {
        total[b] = 0
        total[bands + b] = .infinity
        total[2 * bands + b] = -.infinity
      }
      for i in 0..<range.count {
        let row = base + i * bands
        for b in 0..<bands {
          let value = row[b]
          total[bands + b] = min(total[bands + b], value)
          total[2 * bands + b] = max(total[2 * bands + b], value)
          row[b] = value - shift[b]
          total[b] += row[b]
        }
      }
      cblas_ssyrk(
        CblasRowMajor, CblasUpper, CblasTrans, Int32(bands), Int32(range.count), 1, base, Int32(bands), 0,
        partial.pointer + block * bands * bands, Int32(bands))
    }
    for block in 0..<blocks {
      for b in 0..<bands {
        sum[b] += Double(extremes[block, b])
        minimum[b] = min(minimum[b], extremes[block, bands + b])
        maximum[b] = max(maximum[b], extremes[block, 2 * bands + b])
      }
      let values = partial.pointer + block * bands * bands
      squares.withUnsafeMutableBufferPointer { squares in
        for i in 0..<bands { for j in i..<bands { squares[i * bands + j] += Double(values[i * bands + j]) } }
      }
    }
    count += filled
    self.filled = 0
  }
}
