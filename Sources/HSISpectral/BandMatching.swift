import CKernels
import HSICore
import HSINumerics

/// How the bands of a scene serve a model that was made for certain bands.
public enum BandMatching: Sendable {
  /// These 0-based bands of the file are the model's.
  case same([Int])
  /// As many bands as the model has; nothing tells whether they are the same because one side has no wavelengths.
  case assumed([Int])
  /// The model's bands are weighted sums of these bands of the file: `value_b = Σ_i bands[i] · weights[i, b]`.
  case resampled([Int], weights: Matrix<Double>)
  /// They do not.
  case impossible(reason: String)

  /// Bands of the file to read; empty where nothing fits.
  public var bands: [Int] {
    switch self {
    case .same(let bands), .assumed(let bands), .resampled(let bands, _): bands
    case .impossible: []
    }
  }

  /// Centres that differ by less than this share of the width are the same band.
  private static let tolerance = 0.01

  /// Matches the good bands of a scene to those of a model.
  ///
  /// Bands whose centres agree within 1 % of their width are the same and are picked out, whatever their order. Otherwise
  /// the good bands are resampled as spectral libraries are (`SpectralResampling`), provided that they reach over all
  /// bands of the model.
  public static func match(_ scene: SpectralAxis, to model: SpectralAxis) -> BandMatching {
    let good = scene.goodBands
    guard let wanted = model.wavelengths, let own = scene.wavelengths else {
      if good.count == model.count { return .assumed(good) }
      if scene.count == model.count { return .assumed(Array(0..<scene.count)) }
      let lacking = model.wavelengths == nil ? "the model" : "the scene"
      return .impossible(
        reason: "the model has \(model.count) bands and the scene \(good.count), and \(lacking) has no wavelengths")
    }
    let widths = model.fwhm ?? SpectralResampling.spacings(wanted)
    let picked = wanted.indices.compactMap { b -> Int? in
      let nearest = good.min { (abs(own[$0] - wanted[b]), $0) < (abs(own[$1] - wanted[b]), $1) }
      guard let nearest, abs(own[nearest] - wanted[b]) <= tolerance * max(widths[b], 0.1) else { return nil }
      return nearest
    }
    if picked.count == wanted.count { return .same(picked) }
    guard !good.isEmpty else { return .impossible(reason: "the scene has no good bands") }
    // Resampling is linear, so what it does to unit spectra are its weights.
    let units = SpectralLibrary(
      names: good.map { "\($0)" }, axis: scene.selecting(good), values: Matrix<Double>.identity(good.count).values)
    guard let result = try? SpectralResampling.resample(units, to: model) else {
      return .impossible(reason: ranges(own, good, wanted) + ", which do not overlap")
    }
    let missing = wanted.indices.filter { !result.covered[$0] }
    guard missing.isEmpty else {
      let first = missing.map { wanted[$0] }.min() ?? 0
      return .impossible(
        reason: ranges(own, good, wanted) + ": \(missing.count) bands of the model, the first at "
          + "\(PlainNumber.rounded(first)) nm, are not covered")
    }
    return .resampled(good, weights: Matrix(rows: good.count, columns: wanted.count, values: result.library.values))
  }

  private static func ranges(_ own: [Double], _ good: [Int], _ wanted: [Double]) -> String {
    func text(_ values: [Double]) -> String {
      "\(PlainNumber.rounded(values.min() ?? 0))–\(PlainNumber.rounded(values.max() ?? 0)) nm"
    }
    return "the model was trained on \(text(wanted)) and the scene has \(text(good.map { own[$0] }))"
  }
}

/// A source whose bands are weighted sums of those of another one.
public final class ResampledSource: StripSource {
  public let shape: CubeShape
  public let metadata: CubeMetadata
  private let source: any StripSource
  private let weights: Matrix<Double>
  private let strip = Strip()
  private var scratch: [Double]

  /// - Parameters:
  ///   - weights: bands of the source × bands offered.
  ///   - axis: the bands offered.
  public init(_ source: any StripSource, weights: Matrix<Double>, axis: SpectralAxis) {
    precondition(weights.rows == source.shape.bands && weights.columns == axis.count)
    self.source = source
    self.weights = weights
    shape = CubeShape(lines: source.shape.lines, samples: source.shape.samples, bands: axis.count)
    var metadata = source.metadata.replacingBands(
      names: [String](repeating: "", count: axis.count), quantity: source.metadata.quantity)
    metadata.axis = axis
    metadata.bandNames = []
    self.metadata = metadata
    scratch = [Double](repeating: 0, count: hsi_project_scratch_size(weights.rows, weights.columns))
  }

  public var blockLines: Int { source.blockLines }
  public var workingBytesPerLine: Int { source.workingBytesPerLine + shape.samples * (source.shape.bands * 4 + 4) }

  public func read(lines: Range<Int>, into target: Strip) throws {
    try source.read(lines: lines, into: strip)
    target.window = strip.window
    target.positions = strip.positions
    target.pixels.reshape(rows: strip.count, columns: shape.bands)
    hsi_project(
      strip.pixels.pointer, weights.rows, strip.count, weights.rows, weights.values, weights.columns,
      target.pixels.pointer, weights.columns, &scratch)
  }
}
