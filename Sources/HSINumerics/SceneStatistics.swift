import CKernels
import COpenBLAS
import HSICore

/// Mean, correlation and covariance of the valid pixels of a source, accumulated over strips.
///
/// Sums are formed inside fixed blocks of `blockPixels` valid pixels, centred on a provisional mean (the first
/// block's, so that nothing cancels), and in double precision across blocks. Blocks are counted from the first valid
/// pixel of the scene, so strip height and thread count do not change a bit of the result. Cost N·L² flops. Exact sums
/// (`ExactMoments`) depend on no order or division of the pixels at all.
///
/// Of a source that knows its statistics (`KnownStatistics`) nothing is read.
public struct SceneStatistics: Sendable {
  /// Arithmetic of the products inside a block.
  public enum Precision: Sendable {
    /// Errors about 1e-7 of the variance: enough for principal components.
    case single
    /// Errors about 1e-15: needed where the smallest eigenvalues matter (noise estimates). Half the speed.
    case double
    /// No errors but one rounding at the end: where statistics may come from parts of a scene that were put together, so that
    /// they are the same bits. A third of the speed of double precision.
    case exact
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
  private let precision: SceneStatistics.Precision
  /// Exact sums where they are wanted; else the sums below.
  let exact: ExactMoments?
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
    guard precision != .exact else { return ExactMoments.bytes(bands: bands) }
    let square = Double(bands) * Double(bands)
    return square * (Double(batch) * (precision == .single ? 4 : 8) + 16)
  }

  /// An accumulator for spectra of `bands` values.
  public init(bands: Int, precision: SceneStatistics.Precision = .single) {
    self.bands = bands
    self.precision = precision
    exact = precision == .exact ? ExactMoments(bands: bands) : nil
    pending = PixelMatrix(rows: StatisticsAccumulator.blockPixels, columns: bands)
    sum = [Double](repeating: 0, count: bands)
    squares = [Double](repeating: 0, count: exact == nil ? bands * bands : 0)
    minimum = [Float](repeating: .infinity, count: bands)
    maximum = [Float](repeating: -.infinity, count: bands)
    let values = exact == nil ? bands * (bands + 1) : 0
    workStride = (values * (precision == .single ? 4 : 8) + 63) / 64 * 64
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

  /// Adds what another accumulator of the same precision has seen, as if its pixels had come after those of this one; associative to
  /// rounding, and exact sums without it. The other one may go on.
  ///
  /// Blocks are counted from the first pixel of each: parts that begin at multiples of `blockPixels` are cut as the whole is.
  public func merge(_ other: StatisticsAccumulator) {
    precondition(other.bands == bands, "statistics of \(other.bands) bands for \(bands)")
    precondition(other.precision == precision, "statistics of two precisions")
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
      let m = min(step, n - start)
      switch precision {
      case .single: flushBatch(Float.self, pixels + start * bands, m)
      case .double: flushBatch(Double.self, pixels + start * bands, m)
      case .exact: break
      }
    }
    count += n
  }

  private func flushBatch<T: AccumulationScalar>(_: T.Type, _ pixels: UnsafePointer<Float>, _ n: Int) {
    let (bands, stride, block) = (self.bands, workStride, StatisticsAccumulator.blockPixels)
    let low = extremes.pointer
    let work = work
    func parts(_ index: Int) -> (products: T.Pointer, sums: T.Pointer) {
      let products = (work + index * stride).assumingMemoryBound(to: T.self)
      return (products, products + bands * bands)
    }
    shift.withUnsafeBufferPointer { shift in
      let shift = shift.baseAddress!
      Parallel.forEachChunk(of: n, chunk: block) { index, range in
        let (products, sums) = parts(index)
        let minimum = low + index * 2 * bands
        withUnsafeTemporaryAllocation(of: T.self, capacity: range.count * bands) { centred in
          guard let centred = centred.baseAddress else { return }
          T.centre(
            pixels + range.lowerBound * bands, range.count, bands, shift, centred, sums, minimum,
            minimum + bands)
          T.rankUpdate(centred, range.count, bands, products)
        }
      }
    }
    let blocks = (n + block - 1) / block
    for index in 0..<blocks {
      let sums = parts(index).sums
      let minimum = low + index * 2 * bands
      for b in 0..<bands {
        sum[b] += sums[b].asDouble
        self.minimum[b] = Swift.min(self.minimum[b], minimum[b])
        maximum[b] = Swift.max(maximum[b], minimum[bands + b])
      }
    }
    squares.withUnsafeMutableBufferPointer { squares in
      let total = squares.baseAddress!
      Parallel.forEachChunk(of: bands, chunk: 32) { _, rows in
        for index in 0..<blocks {
          let products = parts(index).products
          for i in rows { for j in i..<bands { total[i * bands + j] += products[i * bands + j].asDouble } }
        }
      }
    }
  }
}

/// The two arithmetics of a block.
private protocol AccumulationScalar: BLASScalar {
  typealias Pointer = UnsafeMutablePointer<Self>
  var asDouble: Double { get }
  /// `centred = pixels − shift`, with sums of the result and extremes of the pixels per band.
  static func centre(
    _ pixels: UnsafePointer<Float>, _ count: Int, _ bands: Int, _ shift: UnsafePointer<Float>,
    _ centred: Pointer,
    _ sums: Pointer, _ minimum: UnsafeMutablePointer<Float>, _ maximum: UnsafeMutablePointer<Float>)
  /// Upper triangle of `centredᵀ · centred`.
  static func rankUpdate(_ centred: Pointer, _ count: Int, _ bands: Int, _ products: Pointer)
}

extension Float: AccumulationScalar {
  fileprivate var asDouble: Double { Double(self) }

  fileprivate static func centre(
    _ pixels: UnsafePointer<Float>, _ count: Int, _ bands: Int, _ shift: UnsafePointer<Float>,
    _ centred: Pointer,
    _ sums: Pointer, _ minimum: UnsafeMutablePointer<Float>, _ maximum: UnsafeMutablePointer<Float>
  ) {
    hsi_centre(pixels, count, bands, shift, centred, sums, minimum, maximum)
  }

  fileprivate static func rankUpdate(_ centred: Pointer, _ count: Int, _ bands: Int, _ products: Pointer) {
    cblas_ssyrk(
      CblasRowMajor, CblasUpper, CblasTrans, Int32(bands), Int32(count), 1, centred, Int32(bands), 0,
      products,
      Int32(bands))
  }
}

extension Double: AccumulationScalar {
  fileprivate var asDouble: Double { self }

  fileprivate static func centre(
    _ pixels: UnsafePointer<Float>, _ count: Int, _ bands: Int, _ shift: UnsafePointer<Float>,
    _ centred: Pointer,
    _ sums: Pointer, _ minimum: UnsafeMutablePointer<Float>, _ maximum: UnsafeMutablePointer<Float>
  ) {
    sums.update(repeating: 0, count: bands)
    minimum.update(repeating: .infinity, count: bands)
    maximum.update(repeating: -.infinity, count: bands)
    for i in 0..<count {
      let (row, target) = (pixels + i * bands, centred + i * bands)
      for b in 0..<bands {
        let value = row[b]
        minimum[b] = value < minimum[b] ? value : minimum[b]
        maximum[b] = value > maximum[b] ? value : maximum[b]
        let difference = Double(value) - Double(shift[b])
        target[b] = difference
        sums[b] += difference
      }
    }
  }

  fileprivate static func rankUpdate(_ centred: Pointer, _ count: Int, _ bands: Int, _ products: Pointer) {
    cblas_dsyrk(
      CblasRowMajor, CblasUpper, CblasTrans, Int32(bands), Int32(count), 1, centred, Int32(bands), 0,
      products,
      Int32(bands))
  }
}
