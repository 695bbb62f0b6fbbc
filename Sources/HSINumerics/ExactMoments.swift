import CKernels
import COpenBLAS
import HSICore

/// Sums, sums of products, extremes and the number of pixels, without rounding: `Σ y` and `Σ y yᵀ` as whole numbers.
///
/// Single-precision values are whole numbers of a tiny unit, and so are their products. Blocks of pixels are split into digits of 22 bits
/// whose products a matrix product in double precision sums exactly (`hsi_exact.h`), and the totals are kept as digits to the base 2³². Nothing
/// is ever rounded, so no order of the pixels, no division into windows, strips, threads or machines, and no instruction level
/// changes a bit. Mean and covariance are rounded once, at the end. Source of the splitting: K. Ozaki, T. Ogita, S. Oishi and S. M. Rump,
/// Error-free transformations of matrix multiplication, Numer. Algorithms 59, 2012.
///
/// Cost 4 N L² flops for values of 24 significant bits, N L² for whole numbers below 2²². Memory about 20 L² bytes, and 8 L² + 16 kB · L
/// per thread.
///
/// ```swift
/// let left = ExactMoments(bands: 2), right = ExactMoments(bands: 2)
/// left.add(PixelMatrix(rows: 1, columns: 2, values: [0.1, 0.2]))
/// right.add(PixelMatrix(rows: 1, columns: 2, values: [0.3, 0.5]))
/// left.merge(right)
/// print(left.statistics.count, left.statistics.mean)
/// ```
public final class ExactMoments {
  /// Bands of the pixels.
  public let bands: Int
  /// Pixels added.
  public private(set) var count = 0
  /// Smallest and largest value per band; ∞ and −∞ without pixels.
  public private(set) var minimum: [Float]
  public private(set) var maximum: [Float]
  /// Bands in which a value was not finite: their mean and covariance are NaN.
  public private(set) var undefined: [Bool]
  let sums: ExactTotals
  let products: ExactTotals

  /// Nothing yet.
  public init(bands: Int) {
    self.bands = bands
    sums = ExactTotals(count: bands)
    products = ExactTotals(count: bands * (bands + 1) / 2)
    minimum = [Float](repeating: .infinity, count: bands)
    maximum = [Float](repeating: -.infinity, count: bands)
    undefined = [Bool](repeating: false, count: bands)
    BLAS.prepare()
  }

  /// Moments that were kept; nil where their parts do not fit each other.
  init?(count: Int, minimum: [Float], maximum: [Float], undefined: [Bool], sums: ExactTotals, products: ExactTotals) {
    let bands = minimum.count
    guard count >= 0, maximum.count == bands, undefined.count == bands, sums.count == bands,
      products.count == bands * (bands + 1) / 2
    else { return nil }
    (self.bands, self.count, self.minimum, self.maximum) = (bands, count, minimum, maximum)
    (self.undefined, self.sums, self.products) = (undefined, sums, products)
    BLAS.prepare()
  }

  /// Memory of moments while pixels are added, in bytes: totals in memory, as words, and rounded; scratch of the threads.
  static func bytes(bands: Int) -> Double {
    let square = Double(bands) * Double(bands)
    return square * 40 + Double(ExactMoments.slots(bands)) * (8 * square + 3 * 8 * 512 * Double(bands))
  }

  /// The same as a whole number.
  ///
  /// - Parameter bands: of the pixels.
  public static func memory(bands: Int) -> Int { Int(clamping: min(bytes(bands: bands), 4e18)) }

  /// Threads that work at the same time: as many as there are, while their scratch is small.
  private static func slots(_ bands: Int) -> Int {
    let each = max(1, 28 * bands * bands + 3 * 8 * 512 * bands)
    return max(1, min(Parallel.threads, 64, (512 << 20) / each))
  }

  private static let block = Int(HSI_EXACT_PIXELS)

  /// Adds pixels, in whatever order.
  public func add(_ pixels: PixelMatrix) {
    precondition(pixels.columns == bands, "pixels of \(pixels.columns) bands for moments of \(bands)")
    add(pixels.pointer, count: pixels.rows)
  }

  /// Adds `count` pixels, one after the other in memory.
  public func add(_ pixels: UnsafePointer<Float>, count n: Int) {
    guard n > 0, bands > 0 else {
      count += max(0, n)
      return
    }
    let (bands, block) = (bands, ExactMoments.block)
    let blocks = (n + block - 1) / block
    let slots = min(ExactMoments.slots(bands), blocks)
    // The first one adds to what is there; the others have totals of their own, merged at the end.
    let workers = (0..<slots).map { slot in
      ExactBlocks(bands: bands, sums: slot == 0 ? sums : nil, products: slot == 0 ? products : nil)
    }
    Parallel.forEach(blocks, threads: slots) { index in
      let start = index * block
      workers[Int(hsi_pool_thread_index()) % slots].add(pixels + start * bands, count: min(block, n - start))
    }
    for (slot, worker) in workers.enumerated() {
      if slot > 0 {
        sums.merge(worker.sums)
        products.merge(worker.products)
      }
      for b in 0..<bands {
        minimum[b] = min(minimum[b], worker.minimum[b])
        maximum[b] = max(maximum[b], worker.maximum[b])
        undefined[b] = undefined[b] || worker.undefined[b]
      }
    }
    count += n
  }

  /// Adds all that another one has seen; exact, so that any order and grouping gives the same.
  public func merge(_ other: ExactMoments) {
    precondition(other.bands == bands, "moments of \(other.bands) bands for \(bands)")
    count += other.count
    sums.merge(other.sums)
    products.merge(other.products)
    for b in 0..<bands {
      minimum[b] = min(minimum[b], other.minimum[b])
      maximum[b] = max(maximum[b], other.maximum[b])
      undefined[b] = undefined[b] || other.undefined[b]
    }
  }

  /// Mean, covariance and extremes, rounded from the exact sums.
  public var statistics: SceneStatistics {
    var mean = [Double](repeating: 0, count: bands)
    var covariance = Matrix<Double>(rows: bands, columns: bands)
    if count > 0, bands > 0 {
      let (first, second) = (sums.rounded(), products.rounded())
      covariance.values.withUnsafeMutableBufferPointer {
        hsi_exact_moments(
          Double(count), bands, first.high, first.low, second.high, second.low, &mean, $0.baseAddress)
      }
      for b in 0..<bands where undefined[b] {
        mean[b] = .nan
        for j in 0..<bands {
          covariance[b, j] = .nan
          covariance[j, b] = .nan
        }
      }
    }
    return SceneStatistics(
      count: count, mean: mean, covariance: covariance, minimum: minimum, maximum: maximum)
  }

  // MARK: - As whole numbers

  /// Everything as whole numbers, in a form that depends on nothing but the pixels.
  public struct Words: Sendable, Hashable {
    /// Pixels.
    public var count: Int
    /// Smallest and largest value per band.
    public var minimum: [Float]
    public var maximum: [Float]
    /// Bands in which a value was not finite.
    public var undefined: [Bool]
    /// `Σ y` in units of 2^(64 · unit): words of 64 bits in two's complement, the lowest first, each with a value per band.
    public var sums: (unit: Int, words: [[Int64]])
    /// The upper triangle of `Σ y yᵀ` by rows, likewise.
    public var products: (unit: Int, words: [[Int64]])

    /// Moments in parts, as `words` has them or a file.
    public init(
      count: Int, minimum: [Float], maximum: [Float], undefined: [Bool], sums: (unit: Int, words: [[Int64]]),
      products: (unit: Int, words: [[Int64]])
    ) {
      (self.count, self.minimum, self.maximum, self.undefined) = (count, minimum, maximum, undefined)
      (self.sums, self.products) = (sums, products)
    }

    public static func == (a: Words, b: Words) -> Bool {
      a.count == b.count && a.minimum == b.minimum && a.maximum == b.maximum && a.undefined == b.undefined
        && a.sums.unit == b.sums.unit && a.sums.words == b.sums.words && a.products.unit == b.products.unit
        && a.products.words == b.products.words
    }

    public func hash(into hasher: inout Hasher) {
      hasher.combine(count)
      hasher.combine(minimum)
      hasher.combine(sums.words)
    }
  }

  /// What is there, as whole numbers.
  public var words: Words {
    Words(
      count: count, minimum: minimum, maximum: maximum, undefined: undefined, sums: sums.words(),
      products: products.words())
  }

  /// Moments from whole numbers; nil where the parts do not fit each other.
  public convenience init?(_ words: Words) {
    let bands = words.minimum.count
    guard let sums = ExactTotals(count: bands, unit: words.sums.unit, words: words.sums.words),
      let products = ExactTotals(
        count: bands * (bands + 1) / 2, unit: words.products.unit, words: words.products.words)
    else { return nil }
    self.init(
      count: words.count, minimum: words.minimum, maximum: words.maximum, undefined: words.undefined, sums: sums,
      products: products)
  }
}

extension ExactMoments.Words {
  /// The moments of some of the bands, in the order given.
  public func selecting(bands: [Int]) -> ExactMoments.Words {
    let all = minimum.count
    func place(_ a: Int, _ b: Int) -> Int {
      let (i, j) = (min(a, b), max(a, b))
      return i * all - i * (i - 1) / 2 + j - i
    }
    let places = bands.indices.flatMap { i in bands.indices[i...].map { place(bands[i], bands[$0]) } }
    return ExactMoments.Words(
      count: count, minimum: bands.map { minimum[$0] }, maximum: bands.map { maximum[$0] },
      undefined: bands.map { undefined[$0] }, sums: (sums.unit, sums.words.map { word in bands.map { word[$0] } }),
      products: (products.unit, products.words.map { word in places.map { word[$0] } }))
  }
}

/// What one thread adds: scratch for a block, and totals.
private final class ExactBlocks {
  let sums: ExactTotals
  let products: ExactTotals
  var minimum: [Float]
  var maximum: [Float]
  var undefined: [Bool]
  private let bands: Int
  private var low: [Float]
  private var high: [Float]
  private var exponents: [Int32]
  private var bad: [UInt8]
  private var left: [UInt8]
  private var scales: [Double]
  private let rest: UnsafeMutablePointer<Double>
  private let product: UnsafeMutablePointer<Double>
  private var digits: [UnsafeMutablePointer<Double>] = []

  init(bands: Int, sums: ExactTotals?, products: ExactTotals?) {
    self.bands = bands
    self.sums = sums ?? ExactTotals(count: bands)
    self.products = products ?? ExactTotals(count: bands * (bands + 1) / 2)
    minimum = [Float](repeating: .infinity, count: bands)
    maximum = [Float](repeating: -.infinity, count: bands)
    undefined = [Bool](repeating: false, count: bands)
    (low, high) = (minimum, maximum)
    exponents = [Int32](repeating: 0, count: bands)
    bad = [UInt8](repeating: 0, count: bands)
    left = bad
    scales = [Double](repeating: 0, count: bands)
    rest = .allocate(capacity: bands * Int(HSI_EXACT_PIXELS))
    product = .allocate(capacity: bands * bands)
  }

  deinit {
    rest.deallocate()
    product.deallocate()
    for slice in digits { slice.deallocate() }
  }

  /// A digit of the values of a block: which bands have one, and its matrix, pixels × bands of the list.
  private struct Slice {
    var place: Int
    var bands: [UInt32]
    var isWhole: Bool
    var digits: UnsafeMutablePointer<Double>
  }

  func add(_ pixels: UnsafePointer<Float>, count n: Int) {
    hsi_exact_begin(pixels, n, bands, &low, &high, &exponents, &bad, rest)
    var (largest, smallest) = (Int.min, Int.max)
    for b in 0..<bands {
      minimum[b] = min(minimum[b], low[b])
      maximum[b] = max(maximum[b], high[b])
      undefined[b] = undefined[b] || bad[b] != 0
      let e = exponents[b]
      guard e != Int32.min else {
        scales[b] = 0
        continue
      }
      scales[b] = Double(sign: .plus, exponent: Int(e), significand: 1)
      (largest, smallest) = (max(largest, Int(e)), min(smallest, Int(e)))
    }
    guard largest >= smallest else { return }
    let slices = slices(of: n, smallest, largest)
    for (index, slice) in slices.enumerated() {
      for other in slices[index...] { add(slice, other, n, smallest, largest) }
    }
  }

  private func slices(of n: Int, _ smallest: Int, _ largest: Int) -> [Slice] {
    let bits = Int(HSI_EXACT_SLICE)
    var slices: [Slice] = []
    var sum = [Double](repeating: 0, count: bands)
    var list = [UInt32](0..<UInt32(bands))
    var isWhole = true
    while !list.isEmpty {
      let place = slices.count
      if digits.count == place { digits.append(.allocate(capacity: bands * Int(HSI_EXACT_PIXELS))) }
      let digits = digits[place]
      let count = hsi_exact_slice(rest, n, bands, digits, &sum, &left)
      let unit = -bits * (place + 1)
      sums.add(unit: smallest + unit, top: largest + unit + bits + 10) { planes, lowest, first, depth in
        hsi_exact_add(
          sum, bands, Double(sign: .plus, exponent: unit, significand: 1), scales, planes, bands, lowest, first, depth)
      }
      if !isWhole {
        // The columns of the list, next to each other.
        for row in 0..<n {
          for (k, b) in list.enumerated() { digits[row * list.count + k] = digits[row * bands + Int(b)] }
        }
      }
      slices.append(Slice(place: place, bands: list, isWhole: isWhole, digits: digits))
      guard count > 0 else { break }
      // A few bands are multiplied alone, many with all others.
      isWhole = isWhole && count * 4 > bands
      list = isWhole ? list : list.filter { left[Int($0)] != 0 }
    }
    return slices
  }

  private func add(_ a: Slice, _ b: Slice, _ n: Int, _ smallest: Int, _ largest: Int) {
    let bits = Int(HSI_EXACT_SLICE)
    let unit = -bits * (a.place + b.place + 2)
    let (rows, columns) = (Int32(a.bands.count), Int32(b.bands.count))
    let isSame = a.place == b.place
    if isSame {
      cblas_dsyrk(
        CblasRowMajor, CblasUpper, CblasTrans, rows, Int32(n), 1, a.digits, rows, 0, product, rows)
    } else if a.isWhole, b.isWhole {
      cblas_dsyr2k(
        CblasRowMajor, CblasUpper, CblasTrans, rows, Int32(n), 1, a.digits, rows, b.digits, columns, 0, product, rows)
    } else {
      cblas_dgemm(
        CblasRowMajor, CblasTrans, CblasNoTrans, rows, columns, Int32(n), 1, a.digits, rows, b.digits, columns, 0,
        product, columns)
    }
    let scale = Double(sign: .plus, exponent: unit, significand: 1)
    let isTriangle = a.isWhole && b.isWhole
    let total = products.count
    products.add(unit: 2 * smallest + unit, top: 2 * largest + unit + 54) { planes, lowest, first, depth in
      if isTriangle {
        hsi_exact_add_triangle(product, bands, scale, scales, planes, total, lowest, first, depth)
      } else {
        hsi_exact_add_pairs(
          product, a.bands, a.bands.count, b.bands, b.bands.count, isSame ? 1 : 0, bands, scale, scales, planes, total,
          lowest, first, depth)
      }
    }
  }
}
