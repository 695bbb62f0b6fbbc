import HSICore
import HSINumerics

/// Fills missing values along the wavelength from the values of the same pixel; a pixel without any takes the spectrum of the
/// nearest one that has.
///
/// Beyond the first and last value a spectrum goes on level. Values that are there stay as they are. Cost 20 N L.
public struct SpectralInterpolation: FillingRestorer {
  public static let description = MethodDescription(
    id: "spectral-interpolation", name: "Interpolation along the wavelength", task: .inpaint,
    citation:
      "F. N. Fritsch and R. E. Carlson, Monotone piecewise cubic interpolation, SIAM J. Numer. Anal. 17(2), 1980",
    cost: "20 N L", advice: "Missing bands, or a few missing values; the plainest baseline.",
    parameters: [
      ParameterDescription(
        "order", nil, in: 1...4,
        "1: straight lines; 2: pieces of parabolas; 3: monotone cubic pieces; 4: spline; default: by which known bands follow best "
          + "from the others")
    ], aliases: ["interpolation"])

  private let given: SpectralGaps.Curve?

  public init(_ parameters: MethodParameters) throws {
    given = try parameters["order"].map { order in
      guard let curve = Int(exactly: order).flatMap(SpectralGaps.Curve.init(rawValue:)) else {
        throw CoreError.invalidParameter(
          name: "order", value: PlainNumber.exact(order), requirement: "1, 2, 3 or 4")
      }
      return curve
    }
  }

  public func workingBytes(_ shape: CubeShape) -> Int { shape.pixels * (shape.bands * 4 + 16) }

  public func fill(
    _ scene: Cube, _ missing: MissingValues, noise: NoiseLevels?, _ context: RunContext
  ) throws -> RestoredScene {
    let result = scene.copyOfPixels()
    let axis = scene.metadata.axis
    let gaps = given.map { SpectralGaps(axis, $0) } ?? SpectralGaps(axis, choosingFor: result)
    gaps.fill(result)
    try context.checkCancellation()
    NearestPixels.fill(result, positions: scene.positions, shape: scene.shape)
    return RestoredScene(
      scene: scene.replacingPixels(by: result), facts: ["order": Double(gaps.curve.rawValue)])
  }
}

extension Cube {
  /// The values of all pixels, to be changed; infinite ones have become NaN.
  func copyOfPixels() -> PixelMatrix {
    let result = PixelMatrix(rows: count, columns: shape.bands)
    let (source, target, bands) = (pixels.pointer, result.pointer, shape.bands)
    Parallel.forEachChunk(of: count, chunk: 4096) { _, rows in
      for i in (rows.lowerBound * bands)..<(rows.upperBound * bands) {
        target[i] = source[i].isFinite ? source[i] : .nan
      }
    }
    return result
  }
}
