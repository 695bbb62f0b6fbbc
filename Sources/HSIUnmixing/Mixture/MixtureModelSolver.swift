import CKernels
import HSICore
import HSINumerics

/// The models of MESMA prepared for a library, and the search for the best one of every pixel.
///
/// Memory: 16 m² bytes for a library of m spectra and, per thread, `hsi_mesma_scratch_size`; 8 m bytes per pixel of a block. The result of a
/// pixel depends on that pixel alone, to the last bit.
public struct MixtureModelSolver: Sendable {
  /// What a model has to keep, in the units of the scene.
  struct Limits: Sendable {
    var fractions = -0.05...1.05
    var shade = 0.0...0.8
    var rmse = 0.025
    var fusion = 0.007
    var residual: Double?
    var residualBands = 7
  }

  /// The models of some pixels.
  public final class Result {
    /// Fractions of the classes, N × C; NaN in pixels without a model.
    public let fractions = PixelMatrix(rows: 0, columns: 1)
    /// Spectrum of every class, N × C, as a place in the library (`ClassLibrary.spectra`); −1 where the class is not in the model.
    public fileprivate(set) var members: [Int32] = []
    /// Root-mean-square residual in the units of the scene; NaN in pixels without a model.
    public fileprivate(set) var rmse: [Float] = []
    /// Endmembers of the model, shade included; 0 in pixels without one.
    public fileprivate(set) var levels: [Int32] = []

    /// Nothing yet.
    public init() {}
  }

  /// What fractions and shade may miss a limit by: a pixel that is a spectrum of the library is one in single precision only.
  private static let slack = 1e-6

  /// The library.
  public let library: ClassLibrary
  /// Endmembers of a model, shade included.
  public let levels: ClosedRange<Int>
  /// Value that stands for a reflectance of 1.
  public let unit: Double
  /// Spectrum of shade, nil for zero.
  let shade: [Double]?
  private let limits: Limits
  private let starts: [Int]
  /// Channels × spectra, and spectra × channels, shade taken off.
  private let columns: Matrix<Double>
  private let rows: [Double]
  private let gram: [Double]

  init(_ library: ClassLibrary, shade: [Double]?, levels: ClosedRange<Int>, unit: Double, _ limits: Limits) {
    self.library = library
    self.shade = shade
    self.unit = unit
    self.limits = limits
    // A model has at most one spectrum of every class.
    self.levels = levels.lowerBound...max(levels.lowerBound, min(levels.upperBound, library.classes.count + 1))
    starts = library.starts
    let (count, bands) = (library.spectra.count, library.spectra.bands)
    var rows = library.spectra.values
    if let shade { for i in 0..<count { for l in 0..<bands { rows[i * bands + l] -= shade[l] } } }
    self.rows = rows
    columns = Matrix(rows: count, columns: bands, values: rows).transposed
    gram = columns.gram.values
  }

  /// The same limits on another library of the same classes.
  func replacing(_ library: ClassLibrary) -> MixtureModelSolver {
    MixtureModelSolver(library, shade: shade, levels: levels, unit: unit, limits)
  }

  /// Models of a level.
  public func modelCount(level: Int) -> Int {
    // Elementary symmetric polynomials of the sizes of the classes.
    var counts = [1] + [Int](repeating: 0, count: max(0, level - 1))
    for c in library.classes.indices {
      let size = starts[c + 1] - starts[c]
      for s in stride(from: counts.count - 1, to: 0, by: -1) {
        counts[s] = .sum(counts[s], .product(counts[s - 1], size))
      }
    }
    return counts.last ?? 0
  }

  /// Models of all levels.
  public var modelCount: Int { levels.reduce(0) { .sum($0, modelCount(level: $1)) } }

  /// Pixels that are solved at a time: as many as have products with the library of 32 MiB, and are looked at in seconds.
  var block: Int {
    let room = (32 << 20) / (8 * library.spectra.count)
    return max(32, min(2048, room, 4_000_000_000 / max(1, modelCount)) / 32 * 32)
  }

  /// Bytes that the search needs beside its pixels.
  public var workingBytes: Int {
    let count = library.spectra.count
    let scratch = hsi_mesma_scratch_size(count, Int32(levels.upperBound - 1), hsi_pool_threads())
    return .sum(
      .product(16, count, count), .product(8, scratch), .product(8, block, count),
      .product(4, block, library.spectra.bands))
  }

  /// Finds the models of up to `block` pixels, from row `first` on.
  func solve(_ pixels: PixelMatrix, _ range: Range<Int>, into result: Result) {
    let (bands, count, classes) = (pixels.columns, library.spectra.count, library.classes.count)
    let n = range.count
    result.fractions.reshape(rows: n, columns: classes)
    result.fractions.pointer.update(repeating: .nan, count: n * classes)
    result.members = [Int32](repeating: -1, count: n * classes)
    result.rmse = [Float](repeating: .nan, count: n)
    result.levels = [Int32](repeating: 0, count: n)
    guard n > 0 else { return }
    let scene = PixelMatrix(rows: n, columns: bands)
    scene.pointer.update(from: pixels.pointer + range.lowerBound * bands, count: n * bands)
    if let shade { takeOff(shade, scene) }
    var products = [Double](repeating: 0, count: n * count)
    var packing = [Double](repeating: 0, count: hsi_project_scratch_size(bands, count))
    hsi_project_f64(scene.pointer, bands, n, bands, columns.values, count, &products, count, &packing)
    var energy = [Double](repeating: 0, count: n)
    hsi_pixel_norms(scene.pointer, bands, n, bands, nil, &energy)
    var below = [Double](repeating: .infinity, count: n)
    var chosen = below
    let threads = hsi_pool_threads()
    var scratch = [Double](
      repeating: 0, count: hsi_mesma_scratch_size(count, Int32(levels.upperBound - 1), threads))
    for level in levels {
      let size = level - 1
      var rss = (0..<n).map { limit(level, below: below[$0], bands: bands) }
      var models = [Int32](repeating: -1, count: n * size)
      var fractions = [Double](repeating: 0, count: n * size)
      search(size, scene, products, energy, &rss, &models, &fractions, &scratch, threads)
      for i in 0..<n {
        let found = models[i * size] >= 0
        let rmse = found ? (max(0, rss[i]) / Double(bands)).squareRoot() : .infinity
        let isTaken = found && (level == levels.lowerBound || below[i] - rmse >= limits.fusion)
        below[i] = rmse
        guard isTaken, rmse < chosen[i] else { continue }
        chosen[i] = rmse
        result.rmse[i] = Float(rmse)
        result.levels[i] = Int32(level)
        for c in 0..<classes {
          result.members[i * classes + c] = -1
          result.fractions[i, c] = 0
        }
        for t in 0..<size {
          let spectrum = Int(models[i * size + t])
          let c = library.membership[spectrum]
          result.members[i * classes + c] = Int32(spectrum)
          result.fractions[i, c] = Float(fractions[i * size + t])
        }
      }
    }
  }

  /// Residual sums of squares that a model of a level must stay below to matter.
  private func limit(_ level: Int, below: Double, bands: Int) -> Double {
    var rmse = limits.rmse
    // What the highest level finds matters only where it improves on the level below by enough; what others find decides about the next.
    if level == levels.upperBound, level > levels.lowerBound, below.isFinite {
      rmse = min(rmse, below - limits.fusion)
      if rmse < 0 { return -.infinity }
    }
    return (Double(bands) * rmse * rmse).nextUp
  }

  private func takeOff(_ shade: [Double], _ scene: PixelMatrix) {
    let shift = shade.map(Float.init)
    var (sums, low, high) = (shift, shift, shift)
    hsi_centre(scene.pointer, scene.rows, scene.columns, shift, scene.pointer, &sums, &low, &high)
  }

  private func search(
    _ size: Int, _ scene: PixelMatrix, _ products: [Double], _ energy: [Double], _ rss: inout [Double],
    _ models: inout [Int32], _ fractions: inout [Double], _ scratch: inout [Double], _ threads: Int32
  ) {
    guard size <= library.classes.count else { return }
    gram.withUnsafeBufferPointer { gram in
      starts.withUnsafeBufferPointer { starts in
        rows.withUnsafeBufferPointer { rows in
          products.withUnsafeBufferPointer { products in
            energy.withUnsafeBufferPointer { energy in
              rss.withUnsafeMutableBufferPointer { rss in
                models.withUnsafeMutableBufferPointer { models in
                  fractions.withUnsafeMutableBufferPointer { fractions in
                    var job = hsi_mesma_job()
                    job.spectra = library.spectra.count
                    job.classes = library.classes.count
                    job.bands = scene.columns
                    starts.withMemoryRebound(to: Int.self) { job.class_start = $0.baseAddress }
                    job.gram = gram.baseAddress
                    job.members = Int32(size)
                    job.min_fraction = limits.fractions.lowerBound - MixtureModelSolver.slack
                    job.max_fraction = limits.fractions.upperBound + MixtureModelSolver.slack
                    job.min_shade = limits.shade.lowerBound - MixtureModelSolver.slack
                    job.max_shade = limits.shade.upperBound + MixtureModelSolver.slack
                    job.residual_limit = limits.residual ?? 0
                    job.residual_run = limits.residual == nil ? 0 : limits.residualBands
                    job.library = rows.baseAddress
                    job.pixels = scene.rows
                    job.products = products.baseAddress
                    job.energy = energy.baseAddress
                    job.scene = UnsafePointer(scene.pointer)
                    job.rss = rss.baseAddress
                    job.model = models.baseAddress
                    job.fractions = fractions.baseAddress
                    hsi_mesma_solve(&job, &scratch, threads)
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  /// The residual spectra of some pixels, `y` less what their models explain, as rows of `output` (reshaped); NaN without a model.
  func residual(
    _ pixels: PixelMatrix, rows range: Range<Int>, members: [Int32], fractions: PixelMatrix, into output: PixelMatrix
  ) {
    let (bands, classes) = (pixels.columns, library.classes.count)
    output.reshape(rows: range.count, columns: bands)
    Parallel.forEachChunk(of: range.count, chunk: 256) { _, chunk in
      for i in chunk {
        let n = range.lowerBound + i
        let (source, target) = (pixels.pointer + n * bands, output.pointer + i * bands)
        for l in 0..<bands {
          var value = Double(source[l]) - (shade?[l] ?? 0)
          for c in 0..<classes where members[n * classes + c] >= 0 || fractions[n, c].isNaN {
            let spectrum = max(0, Int(members[n * classes + c]))
            value -= Double(fractions[n, c]) * rows[spectrum * bands + l]
          }
          target[l] = Float(value)
        }
      }
    }
  }
}
