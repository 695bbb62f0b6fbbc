import HSICore
import HSINumerics

/// The spectrum at the smallest angle; see `SpectralAngleDetector`.
public struct AngleMatcher: SpectralMatcher {
  public static let description = MethodDescription(
    id: "sam", name: "Spectral angle mapper", task: .match, citation: "Kruse et al., Remote Sens. Environ. 44, 1993",
    cost: "2 N L K", advice: "Pixels that are full of one material, in any light.",
    parameters: [ParameterDescription("limit", 0.1, in: 0...3.2, "Largest angle in radians that is taken.")])

  private let mapper: SpectralAngleDetector

  public init(_ library: SpectralLibrary, _ parameters: MethodParameters) throws {
    mapper = try SpectralAngleDetector(library)
  }

  public func fit(_ pixels: PixelMatrix, fits: PixelMatrix, depths: PixelMatrix?) { mapper.score(pixels, into: fits) }
}

/// The spectrum of the smallest divergence; see `SpectralDivergenceDetector`.
public struct DivergenceMatcher: SpectralMatcher {
  public static let description = MethodDescription(
    id: "sid", name: "Spectral information divergence", task: .match,
    citation: "Chang, IEEE Trans. Inf. Theory 46(5), 2000",
    cost: "N L logarithms, 3 N L K", advice: "As sam, with more weight on what is dark.",
    parameters: [ParameterDescription("limit", 0.05, in: 0...1000, "Largest divergence that is taken.")])

  private let divergence: SpectralDivergenceDetector

  public init(_ library: SpectralLibrary, _ parameters: MethodParameters) throws {
    divergence = try SpectralDivergenceDetector(library)
  }

  public func fit(_ pixels: PixelMatrix, fits: PixelMatrix, depths: PixelMatrix?) {
    divergence.score(pixels, into: fits)
  }
}

/// The spectrum of the highest correlation over the bands.
///
///     r = Σ (x − x̄)(t − t̄) / sqrt(Σ (x − x̄)² Σ (t − t̄)²)
///
/// Neither brightness nor an offset counts. Spectra and pixels that are the same in all bands correlate with nothing. Source: van der Meer,
/// Bakker, Remote Sens. Environ. 61, 1997.
public struct CorrelationMatcher: SpectralMatcher {
  public static let description = MethodDescription(
    id: "correlation", name: "Spectral correlation mapper", task: .match,
    citation: "van der Meer, Bakker, Remote Sens. Environ. 61, 1997", cost: "2 N L K",
    advice: "Where an offset, such as haze, lies on the scene.",
    parameters: [ParameterDescription("limit", 0.95, in: -1...1, "Least correlation that is taken.")], aliases: ["scm"])

  public static var sense: ScoreSense { .higher }
  public let unusable: [Int: String]
  private let plan: ScorePlan

  public init(_ library: SpectralLibrary, _ parameters: MethodParameters) throws {
    try TargetFilters.check(library, bands: library.bands)
    let bands = library.bands
    var unusable: [Int: String] = [:]
    var columns: [[Double]] = []
    for k in 0..<library.count {
      let mean = library[k].reduce(0, +) / Double(bands)
      let centred = library[k].map { $0 - mean }
      let length = centred.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if length <= 1e-12 * abs(mean) * Double(bands).squareRoot() { unusable[k] = "is the same in all bands" }
      columns.append(centred.map { length > 0 ? $0 / length : 0 })
    }
    self.unusable = unusable
    // Sums with centred spectra need no centred pixels; the mean of a pixel is a column of its own.
    columns.append([Double](repeating: 1 / Double(bands), count: bands))
    plan = ScorePlan(
      Matrix(rows: bands, columns: columns.count) { columns[$1][$0] }, shift: nil, groups: [])
  }

  public func fit(_ pixels: PixelMatrix, fits: PixelMatrix, depths: PixelMatrix?) {
    let count = plan.valueCount - 1
    let norms = PixelMatrix(rows: pixels.rows, columns: 1)
    let values = PixelMatrix(rows: pixels.rows, columns: plan.valueCount)
    plan.score(pixels, norms: norms, values: values)
    let (from, to, lengths, bands) = (values.pointer, fits.pointer, norms.pointer, Float(pixels.columns))
    for n in 0..<pixels.rows {
      let mean = from[n * (count + 1) + count]
      let spread = lengths[n] - bands * mean * mean
      // Rounding of a constant pixel is no spread.
      let scale = spread > 1e-6 * lengths[n] ? 1 / spread.squareRoot() : .nan
      for k in 0..<count {
        let value = from[n * (count + 1) + k] * scale
        to[n * count + k] = value.isNaN ? .nan : max(-1, min(1, value))
      }
    }
  }
}
