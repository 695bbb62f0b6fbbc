import HSICore
import HSINumerics

/// A finer grid by iterative back projection in the subspace of the scene.
///
/// The leading components of the noise-weighted bands are enlarged by cubic convolution; then, `iterations` times, what their
/// downsampling lacks of the scene is enlarged and added. Downsampling takes means over areas, or with `area` 0 cubic convolution
/// on coinciding corners. Components below noise are dropped. Cost N L² + 40 `iterations` N p `scale`².
public struct BackProjection: SuperResolution {
  public static let description = MethodDescription(
    id: "subspace-back-projection", name: "Iterative back projection in a subspace", task: .superResolve,
    citation:
      "M. Irani and S. Peleg, Improving resolution by image registration, CVGIP 53(3), 1991; in a spectral subspace",
    cost: "N L² + 40 iterations N p scale²",
    advice: "Sharper than bicubic where the sensor takes means over its pixels.",
    parameters: ParameterDescription.superResolution + [
      .rank("those above the spectrum of pure noise"),
      ParameterDescription("iterations", 10, in: 0...1000, "rounds of back projection"),
    ], aliases: ["back-projection"])

  public let scale: Int
  public let usesMeans: Bool
  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws {
    self.parameters = parameters
    scale = try parameters.wholeScale()
    usesMeans = parameters.value("area") >= 0.5
  }

  public func refine(
    _ scene: Cube, _ image: PixelMatrix, noise: NoiseLevels?, _ context: RunContext
  ) throws -> (image: PixelMatrix, rank: Int?) {
    let levels = try noise ?? NoiseLevels.estimate(scene, context)
    guard scene.count > 2, levels.standardDeviations.contains(where: { $0 > 0 }) else {
      return (try projected(image, scene.shape, context), nil)
    }
    let subspace = try SpectralSubspace(scene, noise: levels, whitening: true, context)
    let rank = min(scene.shape.bands, parameters["rank"].map { Int($0) } ?? max(subspace.significant, 1))
    let components = subspace.project(image, rank: rank).transposed()
    let fine = try projected(components, scene.shape, context)
    return (subspace.reconstruct(fine.transposed()), rank)
  }

  /// Back projection of an image (places × values).
  private func projected(_ image: PixelMatrix, _ shape: CubeShape, _ context: RunContext) throws -> PixelMatrix {
    let (lines, samples) = (shape.lines * scale, shape.samples * scale)
    let fine = enlarged(image, shape)
    let down = CubicResampling(
      lines: lines, samples: samples, newLines: shape.lines, newSamples: shape.samples, .corners)
    let all = [Bool](repeating: true, count: lines * samples)
    let iterations = Int(parameters.value("iterations"))
    for round in 0..<iterations {
      try context.checkCancellation()
      context.progress.report(phase: "back projection", fraction: Double(round) / Double(iterations))
      let small =
        usesMeans
        ? AreaZoom.shrink(fine, isValid: all, lines: lines, samples: samples, factor: scale).pixels
        : down.apply(to: fine)
      let (lack, given) = (small.pointer, image.pointer)
      for i in 0..<(image.rows * image.columns) { lack[i] = given[i] - lack[i] }
      let correction = enlarged(small, shape)
      let (target, step, columns) = (fine.pointer, correction.pointer, fine.columns)
      Parallel.forEachChunk(of: fine.rows, chunk: 4096) { _, rows in
        for i in (rows.lowerBound * columns)..<(rows.upperBound * columns) { target[i] += step[i] }
      }
    }
    context.progress.report(phase: "back projection", fraction: 1)
    return fine
  }
}

extension PixelMatrix {
  /// Rows as columns.
  func transposed() -> PixelMatrix {
    let result = PixelMatrix(rows: columns, columns: rows)
    let (source, target, height, width) = (pointer, result.pointer, rows, columns)
    Parallel.forEachChunk(of: height, chunk: 256) { _, range in
      for j in 0..<width { for i in range { target[j * height + i] = source[i * width + j] } }
    }
    return result
  }
}
