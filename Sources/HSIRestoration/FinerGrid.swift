import HSICore
import HSINumerics

/// A classical restorer of a finer grid. It implements `refine`; `restore` is made from it.
public protocol SuperResolution: ClassicalRestorer {
  /// Whether pixels are means over areas; else the corner pixels of both grids coincide.
  var usesMeans: Bool { get }
  /// The image on the finer grid.
  ///
  /// - Parameters:
  ///   - scene: a scene all of whose pixels are finite, of at least one.
  ///   - image: a row for every place, holes filled.
  /// - Returns: a row for every place of the finer grid, and the components that were kept, of methods that choose a number.
  func refine(_ scene: Cube, _ image: PixelMatrix, noise: NoiseLevels?, _ context: RunContext) throws
    -> (image: PixelMatrix, rank: Int?)
}

extension SuperResolution {
  public func workingBytes(_ shape: CubeShape) -> Int {
    subspaceBytes(shape) + shape.pixels * shape.bands * 4 * (4 * scale * scale + 2 * scale + 2)
  }

  /// How the pixels of the two grids lie to each other.
  var grid: CubicResampling.Grid { usesMeans ? .area : .corners }

  public func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    if let noise { try noise.check(bands: scene.shape.bands) }
    guard scale > 1 else { return unchanged(scene, "the scale is 1", context) }
    let finite = scene.finitePixels()
    var (fine, rank): (PixelMatrix?, Int?) = (nil, nil)
    if finite.count > 0 {
      context.progress.report(phase: "refining", fraction: 0)
      let refined = try refine(finite, finite.filledImage(), noise: noise, context)
      (fine, rank) = (refined.image, refined.rank)
      context.progress.report(phase: "refining", fraction: 1)
    }
    try context.checkCancellation()
    return RestoredScene(
      scene: FinerPixels.cube(scene, finite, fine, scale: scale), noise: noise, rank: rank,
      facts: ["scale": Double(scale)])
  }

  /// An image on the finer grid by cubic convolution.
  func enlarged(_ image: PixelMatrix, _ shape: CubeShape) -> PixelMatrix {
    CubicResampling(
      lines: shape.lines, samples: shape.samples, newLines: shape.lines * scale, newSamples: shape.samples * scale, grid
    ).apply(to: image)
  }
}

/// A scene on a finer grid.
enum FinerPixels {
  /// The valid pixels of the finer grid: those of finite pixels from its image, those of others as repeated values.
  static func cube(_ scene: Cube, _ finite: Cube, _ fine: PixelMatrix?, scale: Int) -> Cube {
    let (bands, width) = (scene.shape.bands, scene.shape.samples * scale)
    let (rows, good) = (scene.rowOfPlace(), finite.rowOfPlace())
    let result = PixelMatrix(rows: scene.count * scale * scale, columns: bands)
    var positions: [Int32] = []
    positions.reserveCapacity(result.rows)
    for line in 0..<(scene.shape.lines * scale) {
      for sample in 0..<width {
        let place = line / scale * scene.shape.samples + sample / scale
        guard rows[place] >= 0 else { continue }
        let target = result.pointer + positions.count * bands
        if good[place] >= 0, let fine {
          target.update(from: fine.pointer + (line * width + sample) * bands, count: bands)
        } else {
          target.update(from: scene.pixels.pointer + Int(rows[place]) * bands, count: bands)
        }
        positions.append(Int32(line * width + sample))
      }
    }
    return Cube(
      shape: CubeShape(lines: scene.shape.lines * scale, samples: width, bands: bands),
      metadata: scene.metadata.rescaled(by: Double(scale)), pixels: result,
      positions: positions)
  }
}

extension ParameterDescription {
  /// What a super-resolution is told about the grids.
  static let superResolution: [ParameterDescription] = [
    ParameterDescription("scale", 2, in: 1...16, "pixels per pixel of the scene along either axis: 2, 4, 8"),
    ParameterDescription(
      "area", 1, in: 0...1,
      "1: pixels are means over areas, as on the map; 0: corner pixels coincide, as the networks have it"),
  ]
}

extension MethodParameters {
  /// The parameter `scale`.
  ///
  /// - Throws: `CoreError.invalidParameter` unless it is a whole number.
  func wholeScale() throws -> Int {
    let value = self.value("scale")
    guard let scale = Int(exactly: value) else {
      throw CoreError.invalidParameter(name: "scale", value: PlainNumber.exact(value), requirement: "a whole number")
    }
    return scale
  }
}
