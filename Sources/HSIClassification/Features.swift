import HSICore
import HSINumerics
import HSITransformer

/// How a spectrum becomes what a classifier sees: an affine map, fitted once and kept with the model.
///
/// `z = C ((x − m) ⊙ s)`: mean m and factor s per band, and components C (dimension × bands) where there are some. All
/// numbers are single precision from the moment of fitting, so that a model does the same before and after it was in a
/// file.
public struct Features: Sendable {
  /// What is fitted.
  public enum Recipe: Sendable, Hashable {
    /// Nothing: the values as they are.
    case raw
    /// Zero mean and unit deviation (N in the denominator) per band.
    case standardised
    /// Principal components of the bands as they are, at most so many: eigenvectors of the covariance (N − 1), the
    /// coefficient of largest magnitude of each positive. Whitened ones are divided by the root of their variance.
    case components(Int, whitened: Bool)
  }

  /// Mean per band.
  public let mean: [Float]
  /// Factor per band.
  public let factor: [Float]
  /// Components, dimension × bands, whitening included; nil where bands stay bands.
  public let components: Matrix<Float>?
  /// Variances of the components before whitening, of fits only.
  public let variances: [Double]
  private let packed: PackedMatrix?

  /// Bands of the scene.
  public var bands: Int { mean.count }
  /// Values that a classifier sees per pixel.
  public var dimension: Int { components?.rows ?? bands }

  init(mean: [Float], factor: [Float], components: Matrix<Float>?, variances: [Double] = []) {
    self.mean = mean
    self.factor = factor
    self.components = components
    self.variances = variances
    packed = components.map { PackedMatrix(transposing: $0.values, rows: $0.rows, columns: $0.columns) }
  }

  /// Fits on pixels (pixels × bands). Cost N L² + L³ with components, N L without.
  ///
  /// - Throws: `ClassificationError.constantSpectra` when no band varies.
  public static func fit(_ recipe: Recipe, _ pixels: PixelMatrix) throws -> Features {
    let bands = pixels.columns
    let ones = [Float](repeating: 1, count: bands)
    if recipe == .raw { return Features(mean: [Float](repeating: 0, count: bands), factor: ones, components: nil) }
    guard pixels.rows > 0 else { throw ClassificationError.constantSpectra }
    guard case .components(let wanted, let isWhitened) = recipe else {
      let (mean, variance) = moments(pixels)
      guard variance.contains(where: { $0 > 0 }) else { throw ClassificationError.constantSpectra }
      // A band that does not vary says nothing: it becomes 0.
      return Features(
        mean: mean.map(Float.init), factor: variance.map { $0 > 0 ? Float(1 / $0.squareRoot()) : 0 }, components: nil)
    }
    let accumulator = StatisticsAccumulator(bands: bands, precision: .double)
    accumulator.add(pixels)
    let statistics = accumulator.finish()
    // The accumulator divides by N.
    let unbiased = Double(pixels.rows) / Double(max(1, pixels.rows - 1))
    let eigen = try statistics.covariance.symmetricEigen()
    let variances = eigen.values.map { $0 * unbiased }
    let floor = 1e-12 * max(variances[0], 0)
    let count = min(wanted, variances.prefix { $0 > floor }.count)
    guard count > 0 else { throw ClassificationError.constantSpectra }
    let components = Matrix<Float>(rows: count, columns: bands) { k, l in
      Float(eigen.vectors[l, k] / (isWhitened ? variances[k].squareRoot() : 1))
    }
    return Features(
      mean: statistics.mean.map(Float.init), factor: ones, components: components,
      variances: Array(variances.prefix(count)))
  }

  /// Means and variances (N) per band in double precision, two passes.
  private static func moments(_ pixels: PixelMatrix) -> (mean: [Double], variance: [Double]) {
    let (n, bands) = (Double(pixels.rows), pixels.columns)
    var mean = [Double](repeating: 0, count: bands)
    var variance = mean
    for row in 0..<pixels.rows { for b in 0..<bands { mean[b] += Double(pixels[row, b]) } }
    for b in 0..<bands { mean[b] /= n }
    for row in 0..<pixels.rows {
      for b in 0..<bands {
        let d = Double(pixels[row, b]) - mean[b]
        variance[b] += d * d
      }
    }
    // What rounding alone can make of a constant band.
    return (mean, variance.indices.map { b in variance[b] / n > 1e-12 * mean[b] * mean[b] ? variance[b] / n : 0 })
  }

  // MARK: - Applying

  /// Pixels handled at a time.
  static let chunk = 256

  /// The features of consecutive rows of `bands` values, `count × dimension`. Serial; at most `chunk` rows.
  func apply(_ pixels: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>) {
    func standardise(_ target: UnsafeMutablePointer<Float>) {
      mean.withUnsafeBufferPointer { mean in
        factor.withUnsafeBufferPointer { factor in
          for n in 0..<count {
            let (row, result) = (pixels + n * bands, target + n * bands)
            for b in 0..<mean.count { result[b] = (row[b] - mean[b]) * factor[b] }
          }
        }
      }
    }
    guard let packed else { return standardise(out) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: count * bands) { centred in
      guard let base = centred.baseAddress else { return }
      standardise(base)
      packed.multiply(base, rows: count, out)
    }
  }

  /// The features of all pixels (pixels × dimension), on all threads.
  public func apply(_ pixels: PixelMatrix) -> PixelMatrix {
    precondition(pixels.columns == bands)
    let result = PixelMatrix(rows: pixels.rows, columns: dimension)
    let (source, target) = (pixels.pointer, result.pointer)
    Parallel.forEachChunk(of: pixels.rows, chunk: Features.chunk) { _, rows in
      apply(source + rows.lowerBound * bands, count: rows.count, into: target + rows.lowerBound * dimension)
    }
    return result
  }

  // MARK: - Model files

  /// What a model file holds.
  public var contents: [(name: String, content: SafetensorsWriter.Content)] { contents(named: Features.name) }

  /// The name that its tensors begin with.
  static let name = "features"

  /// What a model file holds under another name.
  func contents(named name: String) -> [(name: String, content: SafetensorsWriter.Content)] {
    var list: [(name: String, content: SafetensorsWriter.Content)] = [
      ("\(name).mean", .floats(Tensor([bands], mean))), ("\(name).factor", .floats(Tensor([bands], factor))),
    ]
    if let components {
      list.append(("\(name).components", .floats(Tensor([components.rows, bands], components.values))))
    }
    return list
  }

  /// Reads what `contents` wrote.
  ///
  /// - Throws: `TransformerError`, `ClassificationError.badModel` for sizes that contradict each other and numbers that
  ///   are not finite.
  public init(_ file: WeightFile) throws { try self.init(file, named: Features.name) }

  /// Reads what `contents(named:)` wrote.
  init(_ file: WeightFile, named name: String) throws {
    let mean = try file.vector("\(name).mean")
    let factor = try file.vector("\(name).factor", count: mean.count)
    var components: Matrix<Float>?
    if file["\(name).components"] != nil {
      let (shape, values) = try file.matrix("\(name).components", columns: mean.count)
      components = Matrix(rows: shape, columns: mean.count, values: values)
    }
    self.init(mean: mean, factor: factor, components: components)
  }
}

extension WeightFile {
  /// The finite numbers of a tensor with one axis.
  ///
  /// - Throws: `ClassificationError.badModel`, `TransformerError`.
  func vector(_ name: String, count: Int? = nil) throws -> [Float] {
    guard let tensor = self[name], tensor.shape.count == 1, tensor.count > 0, count.map({ $0 == tensor.count }) ?? true
    else {
      throw ClassificationError.badModel(
        path: path, reason: "it has no tensor \(name) of \(count.map { "\($0) values" } ?? "one axis")")
    }
    return try finite(tensor)
  }

  /// The finite numbers of a tensor with two axes, and its rows.
  func matrix(_ name: String, columns: Int) throws -> (rows: Int, values: [Float]) {
    guard let tensor = self[name], tensor.shape.count == 2, tensor.shape[1] == columns, tensor.shape[0] > 0 else {
      throw ClassificationError.badModel(path: path, reason: "it has no tensor \(name) of rows of \(columns) values")
    }
    return (tensor.shape[0], try finite(tensor))
  }

  /// The numbers of an integer tensor with one axis.
  func integers(_ name: String, in range: ClosedRange<Int>) throws -> [Int] {
    guard let tensor = self[name], tensor.shape.count == 1 else {
      throw ClassificationError.badModel(path: path, reason: "it has no tensor \(name) of one axis")
    }
    let values = try tensor.ints()
    guard values.allSatisfy(range.contains) else {
      throw ClassificationError.badModel(path: path, reason: "\(name) has numbers outside \(range)")
    }
    return values
  }

  private func finite(_ tensor: WeightTensor) throws -> [Float] {
    let values = try tensor.floats().values
    guard values.allSatisfy(\.isFinite) else {
      throw ClassificationError.badModel(path: path, reason: "\(tensor.name) has numbers that are not finite")
    }
    return values
  }
}
