import Foundation
import HSICore
import HSINumerics

/// How near a restored cube is to its reference.
///
/// All figures are of the data with `range` brought to [0, 1], over the pixels that are valid in both cubes. Sums are
/// double precision and independent of threads. Source: the evaluation of HSDT (Lai, Yan, Fu, ICCV 2023); ERGAS after
/// Wald, 2000.
public struct RestorationMetrics: Sendable {
  /// What is measured, and how.
  public struct Options: Sendable {
    /// The values that stand for 0 and 1.
    public var range = DataRange.unit
    /// Range R in the constants of SSIM: 1, or 2 (`legacySSIMRange`).
    public var ssimRange = 1.0
    /// Whether the result is limited to [0, 1] first, as published tables do.
    public var clamps = false

    /// SSIM with range 1 on data in [0, 1], as they are.
    public init() {}
  }

  /// The range that SSIM took for floating-point images in the library versions behind older published tables.
  public static let legacySSIMRange = 2.0

  /// Pixels valid in both.
  public let pixels: Int
  /// SSIM windows without an invalid pixel.
  public let windows: Int
  /// `10 log₁₀(1 / MSE)` per band in dB, ∞ where a band is the same in both.
  public let psnrPerBand: [Double]
  /// Mean structural similarity per band; empty where no 7 × 7 window is wholly valid.
  public let ssimPerBand: [Double]
  /// Root mean square error per band, in the scale of [0, 1].
  public let rmsePerBand: [Double]
  /// Mean spectral angle in radians: `arccos((t·o + 10⁻⁸) / (|t| + 10⁻⁸) / (|o| + 10⁻⁸))`, its argument limited to ±1.
  /// The small terms, kept for comparison with published tables, leave up to about 10⁻⁴ between equal cubes.
  public let sam: Double
  /// `100 √(mean over bands of (RMSE / mean of the reference)²)`; bands whose mean is 0 are left out, NaN if all are.
  public let ergas: Double

  /// Mean of `psnrPerBand` in dB.
  public var mpsnr: Double { psnrPerBand.reduce(0, +) / Double(psnrPerBand.count) }
  /// Mean of `ssimPerBand`, nil where no window is wholly valid.
  public var mssim: Double? {
    ssimPerBand.isEmpty ? nil : ssimPerBand.reduce(0, +) / Double(ssimPerBand.count)
  }
  /// Root mean square error over all bands and pixels, in the scale of [0, 1].
  public var rmse: Double {
    (rmsePerBand.reduce(0) { $0 + $1 * $1 } / Double(rmsePerBand.count)).squareRoot()
  }

  /// Compares two cubes of the same size.
  ///
  /// - Throws: `RestorationError.shapeMismatch`, `.tooFewPixels` where no pixel is valid in both;
  ///   `CoreError.invalidParameter` for an SSIM range that is not positive.
  public init(_ result: Cube, reference: Cube, options: Options = Options()) throws {
    guard options.ssimRange > 0, options.ssimRange.isFinite else {
      throw CoreError.invalidParameter(
        name: "SSIM range", value: "\(options.ssimRange)", requirement: "above 0")
    }
    let pair = try PixelPair(result, reference, range: options.range, clamps: options.clamps)
    self.init(pair, ssimRange: options.ssimRange)
  }

  /// Compares two images `[bands][lines][samples]` all of whose pixels are valid. Copies both.
  ///
  /// - Throws: as above; `RestorationError.tooFewPixels` for an empty image.
  public init(
    planes result: UnsafePointer<Float>, reference: UnsafePointer<Float>, shape: CubeShape,
    options: Options = Options()
  ) throws {
    try self.init(
      Cube(planes: result, shape: shape), reference: Cube(planes: reference, shape: shape), options: options)
  }

  private init(_ pair: PixelPair, ssimRange: Double) {
    let errors = PixelErrors(pair)
    pixels = pair.common.count
    let count = Double(pixels)
    rmsePerBand = errors.squares.map { ($0 / count).squareRoot() }
    psnrPerBand = errors.squares.map { -10 * log10($0 / count) }
    sam = errors.angle / count
    let ratios = zip(errors.squares, errors.reference).compactMap { square, sum -> Double? in
      abs(sum / count) > 1e-12 ? square / count / ((sum / count) * (sum / count)) : nil
    }
    ergas = 100 * (ratios.reduce(0, +) / Double(ratios.count)).squareRoot()
    let similarity = SSIM.mean(pair, range: ssimRange)
    windows = similarity.windows
    ssimPerBand = similarity.windows > 0 ? similarity.perBand : []
  }
}

/// Sums over the common pixels, taken in blocks of 4096 and added in block order.
private struct PixelErrors {
  /// Σ (t − o)² per band.
  var squares: [Double]
  /// Σ t per band.
  var reference: [Double]
  /// Σ angle.
  var angle = 0.0

  init(_ pair: PixelPair) {
    let bands = pair.bands
    let stride = 2 * bands + 1
    let chunk = 4096
    let blocks = (pair.common.count + chunk - 1) / chunk
    let sums = UnsafeMutablePointer<Double>.allocate(capacity: blocks * stride)
    sums.initialize(repeating: 0, count: blocks * stride)
    defer { sums.deallocate() }
    Parallel.forEachChunk(of: pair.common.count, chunk: chunk) { block, places in
      let squares = sums + block * stride
      let reference = squares + bands
      for place in places {
        guard let (t, o) = pair.rows(Int(pair.common[place])) else { continue }
        var (tt, oo, to) = (0.0, 0.0, 0.0)
        for b in 0..<bands {
          let x = (Double(t[b]) - pair.map.low) * pair.map.inverse
          var y = (Double(o[b]) - pair.map.low) * pair.map.inverse
          if pair.clamps { y = min(max(y, 0), 1) }
          squares[b] += (x - y) * (x - y)
          reference[b] += x
          tt += x * x
          oo += y * y
          to += x * y
        }
        let cosine = (to + 1e-8) / (tt.squareRoot() + 1e-8) / (oo.squareRoot() + 1e-8)
        reference[bands] += acos(min(max(cosine, -1), 1))
      }
    }
    squares = [Double](repeating: 0, count: bands)
    reference = squares
    for block in 0..<blocks {
      let part = sums + block * stride
      for b in 0..<bands {
        squares[b] += part[b]
        reference[b] += part[bands + b]
      }
      angle += part[2 * bands]
    }
  }
}

extension Cube {
  /// The cube of an image `[bands][lines][samples]`, all of whose pixels are valid.
  convenience init(planes: UnsafePointer<Float>, shape: CubeShape) {
    let pixels = PixelMatrix(rows: shape.pixels, columns: shape.bands)
    let out = pixels.pointer
    Parallel.forEachChunk(of: shape.pixels, chunk: 4096) { _, places in
      for b in 0..<shape.bands {
        for n in places { out[n * shape.bands + b] = planes[b * shape.pixels + n] }
      }
    }
    self.init(lines: shape.lines, samples: shape.samples, pixels: pixels)
  }
}
