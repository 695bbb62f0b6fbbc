import HSICore
import HSINumerics

/// Removes what detector columns add to a band (stripes along the lines of flight), and nothing else.
///
/// Offsets are those of `ColumnOffsets`: the median difference of a column from its neighbours, where
/// significant and not shared with neighbouring bands. Cost about 100 N L.
public struct Destriping: ClassicalDenoiser {
  public static let description = MethodDescription(
    id: "destripe", name: "Column offset correction",
    task: .denoise,
    citation:
      "after B. K. Horn and R. J. Woodham, Destriping Landsat MSS images by histogram modification, CGIP 10(1), 1979, "
      + "with medians of differences in place of histograms",
    cost: "100 N L",
    advice: "Stripes in some columns of some bands; leaves random noise to the other methods.",
    parameters: [
      ParameterDescription("reach", 6, in: 1...100, "columns on either side that a column is compared with"),
      ParameterDescription("significance", 3.5, in: 0...100, "offsets count from this many standard errors"),
    ], aliases: ["destriping"])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int { shape.pixels * (shape.bands * 4 + 64) }

  public func denoise(_ scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> RestoredScene {
    context.progress.report(phase: "destriping", fraction: 0)
    let offsets = ColumnOffsets(
      reach: Int(parameters.value("reach")), significance: Float(parameters.value("significance"))
    ).estimate(scene)
    try context.checkCancellation()
    let (bands, samples) = (scene.shape.bands, scene.shape.samples)
    let result = PixelMatrix(rows: scene.count, columns: bands)
    for (row, place) in scene.positions.enumerated() {
      let column = Int(place) % samples
      for b in 0..<bands { result[row, b] = scene.pixels[row, b] - offsets[b][column] }
    }
    let striped = offsets.reduce(0) { $0 + $1.count { $0 != 0 } }
    context.progress.report(phase: "destriping", fraction: 1)
    return RestoredScene(
      scene: scene.replacingPixels(by: result), noise: noise,
      facts: ["stripedColumns": Double(striped) / Double(max(samples * bands, 1))])
  }
}
