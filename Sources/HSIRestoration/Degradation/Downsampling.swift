import HSICore
import HSINumerics

/// A scene at 1 / factor of its size, ⌊lines / factor⌋ × ⌊samples / factor⌋.
///
/// By default cubic convolution with a = −0.75 and no smoothing, corner pixels on corner pixels, as the networks are trained on:
/// towards the borders pixels lie up to (factor − 1) / 2 pixels from where the map says. With `area` every pixel is the mean of
/// factor × factor pixels. With `replicate` every small pixel is repeated so that the size stays (the last ones in a remainder):
/// what MP-HSIR is given. A pixel is missing where the nearest one of the scene is missing or has a missing value. Cost 16 N L.
public struct Downsampling: ParameterDegradation {
  public static let description = MethodDescription(
    id: "downsampling", name: "Downsampling", task: .degrade,
    citation:
      "R. G. Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29(6), 1981; protocol of MP-HSIR",
    cost: "16 N L", advice: "A coarser sensor: the counterpart of super-resolution.",
    parameters: [
      ParameterDescription("factor", 2, in: 1...64, "pixels per pixel of the result along either axis"),
      ParameterDescription(
        "area", 0, in: 0...1, "1: means of factor × factor pixels; 0: cubic convolution, corners kept"),
      ParameterDescription("replicate", 0, in: 0...1, "1: pixels are repeated to the size of the scene"),
    ], aliases: ["downsample"])

  /// Pixels per pixel of the small image.
  public let factor: Int
  private let replicates: Bool
  let usesMeans: Bool

  public init(_ parameters: MethodParameters) throws {
    let value = parameters.value("factor")
    guard let factor = Int(exactly: value) else {
      throw CoreError.invalidParameter(name: "factor", value: "\(value)", requirement: "a whole number")
    }
    self.factor = factor
    usesMeans = parameters.value("area") >= 0.5
    replicates = parameters.value("replicate") >= 0.5
  }

  public var reduction: Int { replicates ? 1 : factor }
  public var usesRange: Bool { false }

  public func degrade(_ scene: Cube, _ target: DegradationTarget, _ context: RunContext) throws -> DegradedScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene, bytesPerPixel: 12 * scene.shape.bands + 8, context)
    let (lines, samples, bands) = (scene.shape.lines, scene.shape.samples, scene.shape.bands)
    let (height, width) = (lines / factor, samples / factor)
    guard height > 0, width > 0 else {
      throw CoreError.invalidParameter(
        name: "factor", value: "\(factor)", requirement: "at most the lines and samples of the scene (\(scene.shape))")
    }
    context.progress.report(phase: "downsampling", fraction: 0)
    let finite = scene.finitePixels()
    let (image, rows) = (finite.filledImage(), finite.rowOfPlace())
    let small: PixelMatrix
    if usesMeans {
      small =
        AreaZoom.shrink(
          image, isValid: [Bool](repeating: true, count: lines * samples), lines: lines, samples: samples,
          factor: factor
        ).pixels
    } else {
      small = CubicResampling(lines: lines, samples: samples, newLines: height, newSamples: width, .corners).apply(
        to: image)
    }
    let grid = usesMeans ? CubicResampling.Grid.area : .corners
    let nearest = (
      CubicResampling.nearest(lines, height, grid), CubicResampling.nearest(samples, width, grid)
    )
    func isValid(_ line: Int, _ sample: Int) -> Bool { rows[nearest.0[line] * samples + nearest.1[sample]] >= 0 }
    var places: [(position: Int32, row: Int)] = []
    let (outLines, outSamples) = replicates ? (lines, samples) : (height, width)
    for line in 0..<outLines {
      for sample in 0..<outSamples {
        let (y, x) =
          replicates ? (min(line / factor, height - 1), min(sample / factor, width - 1)) : (line, sample)
        if isValid(y, x) { places.append((Int32(line * outSamples + sample), y * width + x)) }
      }
    }
    let pixels = PixelMatrix(rows: places.count, columns: bands)
    for (row, place) in places.enumerated() {
      (pixels.pointer + row * bands).update(from: small.pointer + place.row * bands, count: bands)
    }
    context.progress.report(phase: "downsampling", fraction: 1)
    return DegradedScene(
      scene: Cube(
        shape: CubeShape(lines: outLines, samples: outSamples, bands: bands),
        metadata: scene.metadata.rescaled(by: 1 / Double(reduction)), pixels: pixels, positions: places.map(\.position)),
      facts: ["kind": description.id, "factor": "\(factor)", "area": "\(usesMeans)", "replicate": "\(replicates)"])
  }
}
