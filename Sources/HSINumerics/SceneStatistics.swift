import CKernels
import COpenBLAS
import HSICore

/// Mean, correlation and covariance of the valid pixels of a source, accumulated over strips.
///
/// In double precision sums are exact (`ExactMoments`): no order or division of the pixels changes a bit. In single precision they are
/// formed inside fixed blocks of `blockPixels` valid pixels, centred on a provisional mean (the first block's, so that nothing cancels),
/// and in double precision across blocks. Blocks are counted from the first valid pixel of the scene, so strip height and thread
/// count do not change a bit of the result. Cost N·L² flops in single precision, up to four times as many in double.
///
/// Of a source that knows its statistics (`KnownStatistics`) nothing is read.
public struct SceneStatistics: Sendable {
  /// Arithmetic of the products inside a block.
  public enum Precision: Sendable {
    /// Errors about 1e-7 of the variance: enough for principal components.
    case single
    /// Exact sums, rounded once: needed where the smallest eigenvalues matter (noise estimates), and where parts of a scene
    /// are put together.
    case double
  }

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
  public init(
    _ source: any StripSource, _ context: RunContext, label: String = "statistics",
    precision: Precision = .single
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    if let known = source as? any KnownStatistics {
      self = try known.knownStatistics()
      return
    }
    let needed = StatisticsAccumulator.bytes(bands: source.shape.bands, precision: precision)
    guard needed <= Double(max(context.memory.bytes, 64 << 20)) else {
      throw CoreError.memory(
        purpose: "statistics of \(source.shape.bands) bands", needed: Int(clamping: min(needed, 5e18)),
        budget: context.memory.bytes)
    }
    let accumulator = StatisticsAccumulator(bands: source.shape.bands, precision: precision)
    if let cube = source as? Cube {
      try context.checkCancellation()
      accumulator.add(cube.pixels)
    } else {
      try source.forEachStrip(context, label: label) { accumulator.add($0.pixels) }
    }
    self = accumulator.finish()
  }

  /// The statistics of both scenes' pixels; associative and commutative to rounding.
  public func merging(_ other: SceneStatistics) -> SceneStatistics {
    precondition(other.mean.count == mean.count, "statistics of \(other.mean.count) bands for \(mean.count)")
    guard count > 0, other.count > 0 else { return count > 0 ? self : other }
    let (n, m) = (Double(count), Double(other.count))
    let step = zip(other.mean, mean).map { $0 - $1 }
    return SceneStatistics(
      count: count + other.count, mean: zip(mean, step).map { $0 + $1 * m / (n + m) },
      covariance: Matrix(rows: mean.count, columns: mean.count) { i, j in
        (n * covariance[i, j] + m * other.covariance[i, j]) / (n + m) + step[i] * step[j] * (n / (n + m))
          * (m / (n + m))
      }, minimum: zip(minimum, other.minimum).map { min($0, $1) },
      maximum: zip(maximum, other.maximum).map { max($0, $1) })
  }

  init(count: Int, mean: [Double], covariance: Matrix<Double>, minimum: [Float], maximum: [Float]) {
    self.count = count
    self.mean = mean
    self.covariance = covariance
    self.minimum = minimum
    self.maximum = maximum
  }
}

/// A source whose pixels have been looked at before: methods that need no more than statistics read nothing of it.
public protocol KnownStatistics: StripSource {
  /// The statistics of all pixels, on the bands that are offered.
  ///
  /// - Throws: where they are not known after all.
  func knownStatistics() throws -> SceneStatistics
  /// The noise from differences of neighbours.
  ///
  /// - Throws: where it is not known.
  func knownNoise() throws -> NeighbourNoise
}

/// Accumulates `SceneStatistics` from pixels in scene order. Whole blocks are taken from the caller's memory; only
/// the pixels left over between calls are copied.
public final class StatisticsAccumulator {
  /// Pixels per block.
  static let blockPixels = 512
  /// Blocks that are computed at the same time.
  static let batch = 16

  private let bands: Int
  /// Exact sums, in double precision; else the sums below.
  private let exact: ExactMoments?
  private let pending: PixelMatrix
  private var filled = 0
  private var count = 0
  private var shift: [Float] = []
  private var sum: [Double]
  private var squares: [Double]
  private var minimum: [Float]
  private var maximum: [Float]
  /// Per block of a batch: the L × L products, then the L sums.
  private let work: UnsafeMutableRawPointer
  private let workStride: Int
  private let extremes: PixelMatrix

  /// Memory that an accumulator takes: the products of a batch of blocks, their sum, and the covariance at the end.
  static func bytes(bands: Int, precision: SceneStatistics.Precision) -> Double {
    guard precision == .single else { return ExactMoments.bytes(bands: bands) }
    return Double(bands) * Double(bands) * (Double(batch) * 4 + 16)
  }

  /// An accumulator for spectra of `bands` values.
  public init(bands: Int, precision: SceneStatistics.Precision = .single) {
    self.bands = bands
    exact = precision == .double ? ExactMoments(bands: bands) : nil
    pending = PixelMatrix(rows: StatisticsAccumulator.blockPixels, columns: bands)
    sum = [Double](repeating: 0, count: bands)
    squares = [Double](repeating: 0, count: exact == nil ? bands * bands : 0)
    minimum = [Float](repeating: .infinity, count: bands)
    maximum = [Float](repeating: -.infinity, count: bands)
    let values = exact == nil ? bands * (bands + 1) : 0
    workStride = (values * 4 + 63) / 64 * 64
    work = .allocate(byteCount: workStride * StatisticsAccumulator.batch, alignment: 64)
    extremes = PixelMatrix(rows: StatisticsAccumulator.batch, columns: 2 * bands)
    BLAS.prepare()
  }

  deinit { work.deallocate() }

  /// Adds the next pixels of the scene.
  public func add(_ pixels: PixelMatrix) {
    precondition(pixels.columns == bands)
    add(pixels.pointer, count: pixels.rows)
  }

  /// Adds the next `count` pixels of the scene, one after the other.
  public func add(_ pixels: UnsafePointer<Float>, count n: Int) {
    let block = StatisticsAccumulator.blockPixels
    var taken = 0
    if filled > 0 {
      taken = min(n, block - filled)
      (pending.pointer + filled * bands).update(from: pixels, count: taken * bands)
      filled += taken
      if filled == block {
        flush(pending.pointer, pixels: block)
        filled = 0
      }
    }
    let whole = (n - taken) / block * block
    flush(pixels + taken * bands, pixels: whole)
    taken += whole
    if taken < n {
      pending.pointer.update(from: pixels + taken * bands, count: (n - taken) * bands)
      filled = n - taken
    }
  }

  /// Adds what another accumulator of the same precision has seen, as if its pixels had come after those of this one: exact in
  /// double precision, associative to rounding in single. The other one may go on.
  ///
  /// Blocks are counted from the first pixel of each: parts that begin at multiples of `blockPixels` are cut as the whole is.
  public func merge(_ other: StatisticsAccumulator) {
    precondition(other.bands == bands, "statistics of \(other.bands) bands for \(bands)")
    precondition((other.exact == nil) == (exact == nil), "statistics of two precisions")
    flushPending()
    if let exact, let others = other.exact {
      exact.merge(others)
    } else if other.count > 0 {
      if count == 0 { shift = other.shift }
      // What the other one summed up is centred on its own shift: y − s = (y − s') + d, d = s' − s.
      let d = zip(other.shift, shift).map { Double($0) - Double($1) }
      let n = Double(other.count)
      for i in 0..<bands {
        for j in i..<bands {
          squares[i * bands + j] +=
            other.squares[i * bands + j] + d[i] * other.sum[j] + d[j] * other.sum[i] + n * d[i] * d[j]
        }
      }
      for b in 0..<bands {
        sum[b] += other.sum[b] + n * d[b]
        minimum[b] = min(minimum[b], other.minimum[b])
        maximum[b] = max(maximum[b], other.maximum[b])
      }
      count += other.count
    }
    if other.filled > 0 { flush(other.pending.pointer, pixels: other.filled) }
  }

  private func flushPending() {
    flush(pending.pointer, pixels: filled)
    filled = 0
  }

  /// The exact sums of everything added; nil in single precision.
  public var moments: ExactMoments? {
    flushPending()
    return exact
  }

  /// The statistics of everything added.
  public func finish() -> SceneStatistics {
    flushPending()
    if let exact { return exact.statistics }
    let n = Double(max(count, 1))
    let shift = shift.isEmpty ? [Double](repeating: 0, count: bands) : shift.map(Double.init)
    let offset = sum.map { $0 / n }  // mean of the shifted pixels
    let covariance = Matrix<Double>(rows: bands, columns: bands) { i, j in
      let (a, b) = i <= j ? (i, j) : (j, i)
      return squares[a * bands + b] / n - offset[a] * offset[b]
    }
    return SceneStatistics(
      count: count, mean: zip(shift, offset).map(+), covariance: covariance, minimum: minimum,
      maximum: maximum)
  }

  private func flush(_ pixels: UnsafePointer<Float>, pixels n: Int) {
    guard n > 0 else { return }
    if let exact { return exact.add(pixels, count: n) }
    let block = StatisticsAccumulator.blockPixels
    if shift.isEmpty {
      let rows = min(n, block)
      var first = [Double](repeating: 0, count: bands)
      for i in 0..<rows { for b in 0..<bands { first[b] += Double(pixels[i * bands + b]) } }
      shift = first.map { Float($0 / Double(rows)) }
    }
    let step = block * StatisticsAccumulator.batch
    for start in stride(from: 0, to: n, by: step) {
      flushBatch(pixels + start * bands, min(step, n - start))
    }
    count += n
  }

  private func flushBatch(_ pixels: UnsafePointer<Float>, _ n: Int) {
    let (bands, stride, block) = (self.bands, workStride, StatisticsAccumulator.blockPixels)
    let low = extremes.pointer
    let work = work
    func parts(_ index: Int) -> (products: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>) {
      let products = (work + index * stride).assumingMemoryBound(to: Float.self)
      return (products, products + bands * bands)
    }
    shift.withUnsafeBufferPointer { shift in
      let shift = shift.baseAddress!
      Parallel.forEachChunk(of: n, chunk: block) { index, range in
        let (products, sums) = parts(index)
        let minimum = low + index * 2 * bands
        withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count * bands) { centred in
          guard let centred = centred.baseAddress else { return }
          hsi_centre(
            pixels + range.lowerBound * bands, range.count, bands, shift, centred, sums, minimum, minimum + bands)
          // Upper triangle of centredᵀ · centred.
          cblas_ssyrk(
            CblasRowMajor, CblasUpper, CblasTrans, Int32(bands), Int32(range.count), 1, centred, Int32(bands), 0,
            products, Int32(bands))
        }
      }
    }
    let blocks = (n + block - 1) / block
    for index in 0..<blocks {
      let sums = parts(index).sums
      let minimum = low + index * 2 * bands
      for b in 0..<bands {
        sum[b] += Double(sums[b])
        self.minimum[b] = Swift.min(self.minimum[b], minimum[b])
        maximum[b] = Swift.max(maximum[b], minimum[bands + b])
      }
    }
    squares.withUnsafeMutableBufferPointer { squares in
      let total = squares.baseAddress!
      Parallel.forEachChunk(of: bands, chunk: 32) { _, rows in
        for index in 0..<blocks {
          let products = parts(index).products
          for i in rows { for j in i..<bands { total[i * bands + j] += Double(products[i * bands + j]) } }
        }
      }
    }
  }
}
