import Foundation
import HSICore
import HSINumerics
import HSIRaster
import HSISpectral
import HSIUnmixing

/// Compares abundances (and endmembers) with a reference, after optimal matching.
public struct UnmixingEvaluation: Sendable {
  /// By what endmembers are matched.
  public enum MatchBy: String, Sendable, CaseIterable {
    /// Spectral angle of the endmembers.
    case sad
    /// Abundance maps.
    case abundance
  }

  /// Abundance maps to judge.
  public var result: String
  /// Reference abundance maps on the same grid.
  public var reference: String
  /// Array inside the reference file (MATLAB, HDF5).
  public var referenceVariable: String?
  /// Endmembers of both sides; nil to compare maps only.
  public var endmembers: (result: String, reference: String)?
  /// By what endmembers are matched; nil for `sad` where spectra are given, else `abundance`.
  public var match: MatchBy?
  /// Whether angles are in degrees.
  public var usesDegrees = false

  /// A comparison of maps.
  public init(result: String, reference: String) {
    self.result = result
    self.reference = reference
  }

  /// Does the work. RMSE, SRE and AAD are over the pixels that are valid in both.
  ///
  /// - Throws: the errors of opening; `RasterError.inconsistent`, `UnmixingError.bandMismatch`, `.tooFewPixels`.
  public func run(_ context: RunContext) throws -> UnmixingFigures {
    let claim = context.claimThreads()
    defer { claim.release() }
    let estimate = try abundances(result, variable: nil, context)
    let truth = try abundances(reference, variable: referenceVariable, context)
    guard estimate.shape.lines == truth.shape.lines, estimate.shape.samples == truth.shape.samples else {
      throw RasterError.inconsistent(
        path: result,
        reason: "it has \(estimate.shape.lines) × \(estimate.shape.samples) pixels but the reference has "
          + "\(truth.shape.lines) × \(truth.shape.samples)", advice: "compare maps of the same grid")
    }
    let (a, b) = common(estimate, truth)
    guard a.rows > 0 else {
      throw UnmixingError.tooFewPixels(
        valid: 0, needed: 1, purpose: "a comparison of pixels valid in both files")
    }
    let spectra = try pairOfSpectra(context)
    if let spectra {
      try check(spectra.0, estimate.shape.bands, result)
      try check(spectra.1, truth.shape.bands, reference)
    }
    let order = try order(a, b, spectra)
    var errors = AbundanceErrors(endmembers: b.columns)
    errors.add(a, b, order: order)
    let unit = usesDegrees ? 180 / Double.pi : 1
    let angles = spectra.map { estimate, truth in
      order.enumerated().map { k, found in
        found.map { SpectralDistance.angle(Array(estimate[$0]), Array(truth[k])) * unit }
      }
    }
    return UnmixingFigures(
      pixels: a.rows, referenceNames: names(truth, b.columns, spectra?.1),
      resultNames: names(estimate, a.columns, spectra?.0),
      order: order, errors: errors, angles: angles, angleUnit: usesDegrees ? "deg" : "rad",
      aad: errors.meanAngle * unit)
  }

  private func abundances(_ path: String, variable: String?, _ context: RunContext) throws -> Cube {
    var open = OpenOptions()
    open.variable = variable
    let reader = try RasterFormats.open(path, options: open, context: context)
    let maps = reader.metadata.bandNames.indices.filter {
      reader.metadata.bandNames[$0].hasPrefix("abundance: ")
    }
    var selection = SelectionOptions()
    selection.bands = maps.isEmpty ? .all : .list(maps)
    return try FileSource(reader, selection, context: context).load(
      context, label: "reading \(URL(fileURLWithPath: path).lastPathComponent)")
  }

  /// The pixels that are valid in both, in the same order.
  private func common(_ first: Cube, _ second: Cube) -> (PixelMatrix, PixelMatrix) {
    var rows: [(Int, Int)] = []
    var (i, j) = (0, 0)
    while i < first.count, j < second.count {
      if first.positions[i] == second.positions[j] {
        rows.append((i, j))
        i += 1
        j += 1
      } else if first.positions[i] < second.positions[j] {
        i += 1
      } else {
        j += 1
      }
    }
    func gather(_ cube: Cube, _ indices: [Int]) -> PixelMatrix {
      let result = PixelMatrix(rows: indices.count, columns: cube.shape.bands)
      for (n, index) in indices.enumerated() {
        (result.pointer + n * cube.shape.bands).update(
          from: cube.pixels.pointer + index * cube.shape.bands, count: cube.shape.bands)
      }
      return result
    }
    return (gather(first, rows.map(\.0)), gather(second, rows.map(\.1)))
  }

  private func pairOfSpectra(_ context: RunContext) throws -> (SpectralLibrary, SpectralLibrary)? {
    guard let endmembers else { return nil }
    let read = try SpectralLibraryFile.read(endmembers.result, context: context)
    let second = try SpectralLibraryFile.read(endmembers.reference, context: context)
    let first = try UnmixingEvaluation.matched(read, to: second, named: endmembers.result, context)
    guard first.bands == second.bands else {
      throw UnmixingError.bandMismatch(
        spectra: first.bands, scene: second.bands,
        advice: "resample one of them with hsi spectra convert \(option: "like")")
    }
    // Only the bands that are finite and good in both count.
    func isFinite(_ library: SpectralLibrary, _ band: Int) -> Bool {
      (0..<library.count).allSatisfy { library.values[$0 * library.bands + band].isFinite }
    }
    let bands = (0..<first.bands).filter {
      first.axis.good[$0] && second.axis.good[$0] && isFinite(first, $0) && isFinite(second, $0)
    }
    guard !bands.isEmpty else {
      throw UnmixingError.bandMismatch(
        spectra: first.bands, scene: second.bands, advice: "no band is good in both")
    }
    return (first.selecting(bands: bands), second.selecting(bands: bands))
  }

  /// Spectra on the bands of others by their wavelengths, whatever their order; as they are where one side has none.
  private static func matched(
    _ spectra: SpectralLibrary, to other: SpectralLibrary, named name: String, _ context: RunContext
  ) throws -> SpectralLibrary {
    guard spectra.axis.wavelengths != nil, other.axis.wavelengths != nil else { return spectra }
    var all = spectra
    all.axis.good = [Bool](repeating: true, count: spectra.bands)
    if case .same(let bands) = BandMatching.match(all.axis, to: other.axis) { return spectra.selecting(bands: bands) }
    let resampled = try SpectralResampling.resample(spectra, to: other.axis, named: name)
    let covered = resampled.covered.indices.filter { resampled.covered[$0] }
    guard covered.count > 1 else {
      throw UnmixingError.bandMismatch(
        spectra: spectra.bands, scene: other.bands,
        advice: "their wavelengths do not overlap: compare spectra of one range")
    }
    context.warn(
      "W-SPECTRA-RESAMPLED",
      "\(name) is resampled to the wavelengths of the reference, \(covered.count) of \(other.bands) bands are compared")
    return resampled.library
  }

  private func check(_ spectra: SpectralLibrary, _ maps: Int, _ path: String) throws {
    guard spectra.count == maps else {
      throw RasterError.inconsistent(
        path: path, reason: "it has \(maps) maps but \(spectra.count) endmembers were given for it",
        advice: "give the endmembers of these abundances")
    }
  }

  private func order(
    _ estimate: PixelMatrix, _ truth: PixelMatrix, _ spectra: (SpectralLibrary, SpectralLibrary)?
  ) throws -> [Int?] {
    switch match ?? (spectra == nil ? .abundance : .sad) {
    case .abundance: return Matching.byAbundance(estimate, truth)
    case .sad:
      guard let spectra else {
        throw CoreError.invalidParameter(
          name: "\(option: "match")", value: "sad",
          requirement: "used with \(option: "endmembers") and \(option: "reference endmembers")")
      }
      func matrix(_ library: SpectralLibrary) -> Matrix<Double> {
        Matrix(rows: library.count, columns: library.bands, values: library.values)
      }
      return Matching.bySpectralAngle(matrix(spectra.0), matrix(spectra.1))
    }
  }

  private func names(_ cube: Cube, _ count: Int, _ spectra: SpectralLibrary?) -> [String] {
    if let spectra { return spectra.names }
    guard cube.metadata.bandNames.count == count else { return (1...max(1, count)).map { "endmember \($0)" } }
    return cube.metadata.bandNames.map {
      $0.hasPrefix("abundance: ") ? String($0.dropFirst("abundance: ".count)) : $0
    }
  }
}

/// Figures of a comparison, as text and JSON.
public struct UnmixingFigures {
  public let pixels: Int
  public let referenceNames: [String]
  public let resultNames: [String]
  public let order: [Int?]
  public let errors: AbundanceErrors
  public let angles: [Double?]?
  public let angleUnit: String
  public let aad: Double

  private func name(_ index: Int?) -> String { index.map { resultNames[$0] } ?? "–" }

  /// A table for people.
  public func text() -> String {
    let width = max(9, (referenceNames + order.map(name)).map(\.count).max() ?? 0)
    func pad(_ text: String) -> String { text.padding(toLength: width, withPad: " ", startingAt: 0) }
    func figure(_ value: Double?) -> String { value.map { String(format: "%10.5f", $0) } ?? "         –" }
    var text = "\(pad("reference"))  \(pad("matched"))        RMSE"
    text += angles == nil ? "\n" : "       SAD (\(angleUnit))\n"
    for (k, rmse) in errors.rmsePerEndmember.enumerated() {
      text += "\(pad(referenceNames[k]))  \(pad(name(order[k])))  \(figure(rmse))"
      if let angles { text += "       " + figure(angles[k]) }
      text += "\n"
    }
    text += "\npixels           \(pixels)\n"
    text += "abundance RMSE \(figure(errors.rmse))\n"
    text += String(format: "SRE            %10.3f dB\n", errors.signalToReconstruction)
    text += "AAD            \(figure(aad)) \(angleUnit)\n"
    if let mean = meanAngle { text += "mean SAD       \(figure(mean)) \(angleUnit)\n" }
    return text
  }

  private var meanAngle: Double? {
    let found = (angles ?? []).compactMap { $0 }
    return found.isEmpty ? nil : found.reduce(0, +) / Double(found.count)
  }

  /// The same as one object.
  public func json() throws -> String {
    var object: [String: Any] = [
      "pixels": pixels, "rmse": errors.rmse, "aad": aad, "angle_unit": angleUnit,
      "sre_db": errors.signalToReconstruction.isFinite ? errors.signalToReconstruction : NSNull(),
      "endmembers": referenceNames.indices.map { k -> [String: Any] in
        var entry: [String: Any] = [
          "reference": referenceNames[k], "matched": order[k].map { resultNames[$0] } ?? NSNull(),
          "rmse": errors.rmsePerEndmember[k],
        ]
        if let angle = angles?[k] { entry["sad"] = angle }
        return entry
      },
    ]
    if let meanAngle { object["mean_sad"] = meanAngle }
    let data = try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys])
    return String(decoding: data, as: UTF8.self)
  }
}
