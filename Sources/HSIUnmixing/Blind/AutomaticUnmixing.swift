import Foundation
import HSICore
import HSINumerics

/// The default of blind unmixing: chosen by what a scene shows, without seeing any truth.
///
/// 1. Brightness that varies (`BrightnessSpread`) asks for pixels of unit length; `BlindUnmixing.factorise` decides that before
///    this method begins.
/// 2. Where the pixels that VCA picks enclose a raw scene down to its noise, nothing is left to learn, and moving the endmembers
///    only fits noise: fully constrained least squares on them. "Down to its noise": the residual of FCLS, over the good channels,
///    in units of their noise, is at most `limit` in the mean square.
/// 3. Otherwise RRLbS-V, which moves the endmembers to where no pixel is pure.
///
/// At most the work of RRLbS-V until it converges, and one FCLS of 20 000 pixels. `docs/accuracy-unmixing.md` has the row. Where FCLS is
/// chosen there is no guidance map.
public struct AutomaticUnmixing: BlindUnmixer {
  public static let description = MethodDescription(
    id: "auto", name: "Automatic choice (auto)", task: .blind,
    citation: "this toolkit: FCLS on VCA endmembers where they enclose the scene, RRLbS-V elsewhere",
    cost: "that of RRLbS-V at most",
    advice:
      "The default: unit length where brightness varies, VCA with FCLS where pixels are pure, RRLbS-V elsewhere; says which.",
    parameters: parameters)

  /// Those of RRLbS-V with a stopping rule that scenes meet: 20 to 116 iterations on five of them (`docs/blind-unmixing.md`).
  private static let parameters = RRLbSV.description.parameters.map { parameter in
    var parameter = parameter
    switch parameter.name {
    case "iterations": parameter.defaultValue = 300
    case "tolerance": parameter.defaultValue = 1e-5
    default: break
    }
    return parameter
  }

  /// Mean square of the residual in units of noise up to which endmembers enclose a scene.
  public static let limit = 1.1
  /// Pixels that are looked at, spread evenly.
  private static let looks = 20_000

  private let learning: RRLbSV

  /// Parameters are those of RRLbS-V, where that is chosen.
  public init(_ parameters: MethodParameters) throws { learning = try RRLbSV(parameters) }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    learning.workingBytes(pixels: pixels, bands: bands, endmembers: endmembers)
      + min(pixels, AutomaticUnmixing.looks) * (8 * bands + 4 * endmembers)
  }

  public func unmix(_ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext) throws -> BlindResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (scene, start) = try MultiplicativeMethod.prepare(scene, count: count, start, context)
    guard !start.unitLength, let excess = try AutomaticUnmixing.excess(scene, start),
      excess <= AutomaticUnmixing.limit
    else {
      var result = try learning.unmix(scene, count: count, start: start, context)
      result.choice = "RRLbS-V"
      return result
    }
    let (spectra, weights) = AutomaticUnmixing.vertices(start, axis: scene.metadata.axis)
    let abundances = PixelMatrix(rows: 0, columns: count)
    try FCLS().prepare(spectra, weights: weights).solve(scene.pixels, into: abundances)
    return BlindResult(
      endmembers: spectra, abundances: abundances, channelWeights: weights, objective: [], converged: true,
      settings: ["excess": excess],
      choice: "FCLS with VCA endmembers (they enclose the scene down to its noise)")
  }

  /// The endmembers of a start, and the weights of the channels that it used.
  private static func vertices(_ start: BlindStart, axis: SpectralAxis) -> (SpectralLibrary, [Double]) {
    let spectra = SpectralLibrary(
      names: endmemberNames(start.endmembers.rows), axis: axis, values: start.endmembers.values.map(Double.init))
    return (spectra, start.keptChannels.map { $0 ? 1 : 0 })
  }

  /// `mean_n Σ_l (r_nl/σ_l)² / (L − K + 1)` of FCLS on the endmembers of the start, over its good channels; nil where there are too
  /// few of them to know the noise.
  static func excess(_ scene: Cube, _ start: BlindStart) throws -> Double? {
    let (bands, count) = (scene.shape.bands, start.endmembers.rows)
    let correlation = RobustStart.correlation(scene.pixels)
    let good = (0..<bands).filter { start.keptChannels[$0] && correlation[$0, $0] > 0 }
    guard good.count > 2 * count else { return nil }
    let noise = try ChannelPrediction(correlation, channels: good).noise
    let pixels = evenly(scene.pixels, looks)
    let (spectra, weights) = vertices(start, axis: scene.metadata.axis)
    let abundances = PixelMatrix(rows: 0, columns: count)
    try FCLS().prepare(spectra, weights: weights).solve(pixels, into: abundances)
    let residuals = PixelMatrix(rows: 0, columns: bands)
    Residual(spectra).spectra(pixels, abundances, into: residuals)
    var total = 0.0
    for n in 0..<residuals.rows {
      let row = residuals.row(n)
      for (i, l) in good.enumerated() {
        let value = Double(row[l]) / noise[i]
        total += value * value
      }
    }
    return total / Double(residuals.rows * (good.count - count + 1))
  }

  /// At most `most` pixels, spread evenly; the matrix itself where it has no more.
  private static func evenly(_ pixels: PixelMatrix, _ most: Int) -> PixelMatrix {
    guard pixels.rows > most else { return pixels }
    let result = PixelMatrix(rows: most, columns: pixels.columns)
    for i in 0..<most {
      let source = pixels.pointer + (i * pixels.rows / most) * pixels.columns
      (result.pointer + i * pixels.columns).update(from: source, count: pixels.columns)
    }
    return result
  }
}
