import CKernels
import HSICore
import HSINumerics

/// The continuum of spectra and what is left without it.
///
/// The continuum c of a spectrum r is the upper convex hull of its points over wavelength, from its first to its last good band: what it would
/// be without absorptions (R. N. Clark and T. L. Roush, J. Geophys. Res. 89, 1984). Bands may come in any order and overlap: they are sorted
/// by wavelength, and of two at one wavelength the brighter one counts. Values that are not finite are no points and become NaN; r / c is
/// NaN where c is not above 0. Cost O(bands) per pixel.
///
/// ```swift
/// let continuum = try ContinuumRemoval(scene.metadata.axis)
/// let quotient = PixelMatrix(rows: scene.count, columns: scene.shape.bands)
/// continuum.apply(scene.pixels, form: .quotient, into: quotient)
/// ```
public struct ContinuumRemoval: Sendable {
  /// What is made of a spectrum r and its continuum c.
  public enum Form: Int, Sendable, CaseIterable {
    /// r / c: 1 where there is no absorption. Does not depend on the units.
    case quotient = 0
    /// 1 − r / c, the band depth.
    case depth = 1
    /// c − r, in the units of the spectrum.
    case difference = 2
    /// c.
    case hull = 3
  }

  /// Bands of a pixel.
  public let bands: Int
  let order: [UInt32]
  let places: [Double]

  /// Pixels that are computed at a time.
  static let chunk = 256

  /// The continuum over the good bands of an axis, or those within limits in nm, which then are its ends.
  ///
  /// - Throws: `SpectralError.inconsistent` without wavelengths, or fewer than three bands.
  public init(_ axis: SpectralAxis, within range: ClosedRange<Double>? = nil) throws {
    let all = try axis.places(for: "continuum removal")
    let used = axis.ascending.filter {
      axis.good[$0] && all[$0].isFinite && all[$0] > 0 && (range?.contains(all[$0]) ?? true)
    }
    guard used.count > 2 else {
      let place =
        range.map { " within \(PlainNumber.rounded($0.lowerBound))–\(PlainNumber.rounded($0.upperBound)) nm" } ?? ""
      throw SpectralError.inconsistent(
        name: "continuum removal",
        reason: "a continuum needs at least 3 good bands, and there are \(used.count)\(place)",
        advice: "choose wider limits, or another scene")
    }
    bands = axis.count
    order = used.map(UInt32.init)
    places = used.map { all[$0] }
  }

  /// Removes the continuum of every pixel: `output` becomes pixels × bands, NaN for bands that are not used.
  ///
  /// - Returns: pixels whose continuum is not above 0 everywhere (quotient and depth have NaN there), or that have no finite value.
  @discardableResult
  public func apply(_ pixels: PixelMatrix, form: Form, into output: PixelMatrix) -> Int {
    precondition(pixels.columns == bands, "pixels of \(pixels.columns) bands for \(bands)")
    output.reshape(rows: pixels.rows, columns: bands)
    let (source, target) = (pixels.pointer, output.pointer)
    if order.count < bands { target.update(repeating: .nan, count: pixels.rows * bands) }
    return counted(pixels.rows) { rows, scratch in
      hsi_continuum(
        source + rows.lowerBound * bands, bands, rows.count, order, places, places.count, Int32(form.rawValue),
        target + rows.lowerBound * bands, bands, scratch)
    }
  }

  /// Runs work on chunks of pixels with scratch, and adds up what it returns.
  func counted(_ count: Int, _ work: (Range<Int>, UnsafeMutablePointer<Double>) -> Int) -> Int {
    let chunks = (count + ContinuumRemoval.chunk - 1) / ContinuumRemoval.chunk
    var found = [Int](repeating: 0, count: chunks)
    found.withUnsafeMutableBufferPointer { found in
      guard let found = found.baseAddress else { return }
      Parallel.forEachChunk(of: count, chunk: ContinuumRemoval.chunk) { index, rows in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: hsi_continuum_scratch_size(places.count)) { scratch in
          guard let scratch = scratch.baseAddress else { return }
          found[index] = work(rows, scratch)
        }
      }
    }
    return found.reduce(0, +)
  }
}

/// Absorption features of pixels within limits: depth, position, width, asymmetry and area.
///
/// Every feature has a continuum of its own, between its limits. With the band depth `d = 1 − r / c`:
///
/// - depth: the largest d, at the band m;
/// - position in nm: the vertex of the parabola through d at m and the bands beside it;
/// - width in nm: full width at half depth, d linear between bands;
/// - asymmetry: `(A₂ − A₁) / (A₂ + A₁)` of the areas below and above band m: −1…1, 0 for a symmetric feature, positive where it has its tail
///   at longer wavelengths;
/// - area in nm: the integral of d.
///
/// A pixel without absorption has depth and area 0 and no position (NaN).
public struct AbsorptionFeatures: Sendable {
  /// What is told of each feature, in order.
  public static let properties = ["depth", "position", "width", "asymmetry", "area"]

  /// Limits in nm.
  public let ranges: [ClosedRange<Double>]
  private let continua: [ContinuumRemoval]

  /// Features within limits in nm.
  ///
  /// - Throws: `SpectralError.inconsistent` for limits with fewer than three good bands, or an axis without wavelengths.
  public init(_ axis: SpectralAxis, _ ranges: [ClosedRange<Double>]) throws {
    self.ranges = ranges
    continua = try ranges.map { try ContinuumRemoval(axis, within: $0) }
  }

  /// Names of the values of a pixel: `depth 2100-2250 nm` …
  public var names: [String] {
    ranges.flatMap { range in
      AbsorptionFeatures.properties.map {
        "\($0) \(PlainNumber.rounded(range.lowerBound))-\(PlainNumber.rounded(range.upperBound)) nm"
      }
    }
  }

  /// The features of every pixel: `output` becomes pixels × (5 · features).
  ///
  /// - Returns: pixels of which the feature with most of them has a continuum that is not above 0 everywhere; all values of a feature are
  ///   NaN there.
  @discardableResult
  public func apply(_ pixels: PixelMatrix, into output: PixelMatrix) -> Int {
    let width = AbsorptionFeatures.properties.count * ranges.count
    output.reshape(rows: pixels.rows, columns: width)
    let (source, target, bands) = (pixels.pointer, output.pointer, pixels.columns)
    var undefined = 0
    for (index, continuum) in continua.enumerated() {
      let start = index * AbsorptionFeatures.properties.count
      let found = continuum.counted(pixels.rows) { rows, scratch in
        hsi_absorption(
          source + rows.lowerBound * bands, bands, rows.count, continuum.order, continuum.places,
          continuum.places.count, target + rows.lowerBound * width + start, width, scratch)
      }
      undefined = max(undefined, found)
    }
    return undefined
  }
}
