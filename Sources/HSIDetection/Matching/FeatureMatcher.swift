import CKernels
import HSICore
import HSINumerics
import HSISpectral

/// The spectrum whose absorption features fit best, feature by feature without the continuum, as the expert systems of mineral mapping do.
///
/// The features of a spectrum lie between the points where it touches its continuum; the deepest of them, at most `features`, count by
/// their area. In a pixel each has a continuum of its own, the line through its end bands: with q, the pixel without that, and l, the spectrum
/// without its,
///
///     q ≈ a + b l,   fit = Σ w r²,   depth = Σ w b (1 − min l)
///
/// over the features with 0 < b ≤ `ratio` that are at least `depth` deep in the pixel; deeper ones are something else's. Fits run from 0 to 1. Sources: Clark et al., "Imaging
/// spectroscopy: Earth and planetary remote sensing with the USGS Tetracorder and expert systems", J. Geophys. Res. 108(E12), 2003;
/// Kokaly, USGS Open-File Report 2011-1155 (MICA).
public struct FeatureMatcher: SpectralMatcher {
  public static let description = MethodDescription(
    id: "features", name: "Continuum-removed feature fitting", task: .match,
    citation: "Clark et al., J. Geophys. Res. 108(E12), 2003; Kokaly, USGS OFR 2011-1155",
    cost: "10 N per band of a feature, K spectra", advice: "Minerals and other materials with absorption bands.",
    parameters: [
      ParameterDescription("limit", 0.7, in: 0...1, "Least fit that is taken."),
      ParameterDescription("depth", 0.01, in: 0...1, "Least depth of a feature in a pixel."),
      ParameterDescription(
        "ratio", 3, in: 0.1...1000, "Most times that a feature of a pixel is as deep as that of the spectrum."),
      ParameterDescription("features", 3, in: 1...20, "Most features of a spectrum."),
      ParameterDescription("library-depth", 0.03, in: 0.001...1, "Least depth of a feature in a spectrum."),
    ])

  public static var sense: ScoreSense { .higher }
  public static var givesDepth: Bool { true }

  /// A feature of a spectrum.
  public struct Feature: Sendable, Hashable {
    /// Spectrum of the library.
    public var spectrum: Int
    /// Limits in nm.
    public var range: ClosedRange<Double>
    /// Depth and share of the area of all features of the spectrum.
    public var depth: Double
    public var weight: Double
  }

  /// The features that are looked for.
  public let features: [Feature]
  public let unusable: [Int: String]
  private let count: Int
  private let leastDepth: Float
  private let mostRatio: Float
  private let packed: [hsi_feature]
  private let bands: [UInt32]
  private let places: [Float]
  private let shape: [Float]

  public init(_ library: SpectralLibrary, _ parameters: MethodParameters) throws {
    guard let wavelengths = library.axis.wavelengths else {
      throw DetectionError.badTarget(
        name: library.names.first ?? "", reason: "has no wavelengths, by which features are told",
        advice: "give those of the scene with \(option: "wavelengths"), or use another \(option: "method")")
    }
    let continuum = try ContinuumRemoval(library.axis)
    let values = PixelMatrix(rows: library.count, columns: library.bands, values: library.values.map { Float($0) })
    let quotients = PixelMatrix(rows: 0, columns: library.bands)
    continuum.apply(values, form: .quotient, into: quotients)
    let order = library.axis.ascending.filter {
      library.axis.good[$0] && wavelengths[$0].isFinite && wavelengths[$0] > 0
    }
    let (most, least) = (Int(clamping: parameters.value("features")), parameters.value("library-depth"))
    var (all, unusable): ([Feature], [Int: String]) = ([], [:])
    var (packed, bands, places, shape): ([hsi_feature], [UInt32], [Float], [Float]) = ([], [], [], [])
    for k in 0..<library.count {
      let curve = order.map { Double(quotients[k, $0]) }
      guard curve.allSatisfy(\.isFinite) else {
        unusable[k] = "is not above 0 in all bands"
        continue
      }
      var found = FeatureMatcher.features(curve, order.map { wavelengths[$0] }, least: least)
      found.sort { ($1.area, $0.first) < ($0.area, $1.first) }
      found = Array(found.prefix(most))
      let total = found.reduce(0) { $0 + $1.area }
      guard total > 0 else {
        unusable[k] = "has no absorption as deep as \(PlainNumber.rounded(least))"
        continue
      }
      for feature in found {
        let used = (feature.first...feature.last).map { order[$0] }
        let ends = (wavelengths[used[0]], wavelengths[used[used.count - 1]])
        // The spectrum under the same line as pixels, in double precision.
        let (left, right) = (
          library.values[k * library.bands + used[0]], library.values[k * library.bands + used[used.count - 1]]
        )
        let along = used.map { (wavelengths[$0] - ends.0) / (ends.1 - ends.0) }
        let own = zip(used, along).map { library.values[k * library.bands + $0] / (left + (right - left) * $1) }
        let mean = own.reduce(0, +) / Double(own.count)
        let norm = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }.squareRoot()
        let depth = 1 - (own.min() ?? 1)
        guard norm > 0, depth > 0 else { continue }
        packed.append(
          hsi_feature(
            first: bands.count, count: used.count, spectrum: UInt32(clamping: k), weight: Float(feature.area / total),
            depth: Float(depth), norm: Float(norm)))
        bands += used.map { UInt32(clamping: $0) }
        places += along.map { Float($0) }
        shape += own.map { Float(($0 - mean) / norm) }
        all.append(Feature(spectrum: k, range: ends.0...ends.1, depth: depth, weight: feature.area / total))
      }
    }
    guard !all.isEmpty else {
      throw DetectionError.badTarget(
        name: library.names.first ?? "",
        reason: "and all others have no absorption features on the bands that are used",
        advice: "use \(option: "method") sam, or other bands")
    }
    (features, self.unusable, count) = (all, unusable, library.count)
    leastDepth = Float(parameters.value("depth"))
    mostRatio = Float(parameters.value("ratio"))
    (self.packed, self.bands, self.places, self.shape) = (packed, bands, places, shape)
  }

  /// Stretches of a curve of quotients between places where it touches 1, deep enough and of three bands at least.
  private static func features(
    _ curve: [Double], _ wavelengths: [Double], least: Double
  ) -> [(first: Int, last: Int, area: Double)] {
    var found: [(first: Int, last: Int, area: Double)] = []
    var start = 0
    for i in curve.indices.dropFirst() where curve[i] > 1 - 1e-6 {
      let depth = 1 - (curve[start...i].min() ?? 1)
      if i - start >= 2, depth >= least, wavelengths[i] > wavelengths[start] {
        var area = 0.0
        for b in start..<i {
          let step = wavelengths[b + 1] - wavelengths[b]
          area += step * (2 - curve[b] - curve[b + 1]) / 2
        }
        found.append((start, i, area))
      }
      start = i
    }
    return found
  }

  public func fit(_ pixels: PixelMatrix, fits: PixelMatrix, depths: PixelMatrix?) {
    packed.withUnsafeBufferPointer { packed in
      bands.withUnsafeBufferPointer { bands in
        places.withUnsafeBufferPointer { places in
          shape.withUnsafeBufferPointer { shape in
            var plan = hsi_feature_plan(
              features: packed.baseAddress, feature_count: packed.count, spectrum_count: count,
              bands: bands.baseAddress, places: places.baseAddress, shape: shape.baseAddress, least_depth: leastDepth,
              most_ratio: mostRatio)
            hsi_fit_features(
              &plan, pixels.pointer, pixels.columns, pixels.rows, fits.pointer, depths?.pointer)
          }
        }
      }
    }
  }
}
