import HSIKit

/// The pictures of a run, made from reduced maps.
struct UnmixPictures {
  let facts: UnmixFacts
  let input: InputOptions
  let context: RunContext

  /// A picture of the scene and what it shows.
  struct Scene {
    var image: RGBImage
    var caption: String
  }

  /// The scene in colour.
  func scene() throws -> Scene {
    let reader = facts.reader
    let choice = try SceneColours.choose(reader, input: input, context: context)
    let source = try input.source(reader, bands: .list(choice.bands), context)
    let image = try Quicklook.render(source, longestSide: 1600, context)
    return Scene(image: image, caption: SceneColours.caption(choice, reader.metadata))
  }

  /// The colour composite of all abundances.
  func composite() -> RGBImage {
    let previews = facts.maps.previews
    let count = facts.solution.endmembers.count
    var positions: [Int32] = []
    for i in 0..<(previews.width * previews.height) where previews.layers[0][i].isFinite {
      positions.append(Int32(i))
    }
    let abundances = PixelMatrix(rows: positions.count, columns: count)
    for (row, place) in positions.enumerated() {
      for k in 0..<count { abundances[row, k] = previews.layers[k][Int(place)] }
    }
    return AbundanceComposite.image(
      abundances, positions: positions, width: previews.width, height: previews.height)
  }

  /// Everything that the HTML page shows.
  func figures(_ scene: Scene?) throws -> ReportFigures {
    let previews = facts.maps.previews
    let count = facts.solution.endmembers.count
    func map(_ layer: Int, range: ClosedRange<Double>? = nil, colours: ColourMap) throws -> ReportMap {
      try ReportMap(
        previews.layers[layer], width: previews.width, height: previews.height, range: range,
        colours: colours,
        encode: PNG.encode)
    }
    return ReportFigures(
      scene: try scene.map { try ReportPicture($0.image, encode: PNG.encode) }, sceneCaption: scene?.caption,
      composite: try ReportPicture(composite(), encode: PNG.encode),
      abundances: try (0..<count).map { try map($0, range: 0...1, colours: .viridis) },
      guidance: facts.maps.hasGuidance ? try map(count + 1, colours: .cividis) : nil,
      rmse: try map(count, colours: .cividis))
  }
}

/// Which bands a picture of a scene shows.
enum SceneColours {
  /// The file's choice, natural colour, infrared, or the bands of highest variance.
  static func choose(
    _ reader: any CubeReader, input: InputOptions, context: RunContext
  ) throws -> Quicklook.BandChoice {
    if let choice = Quicklook.bands(reader.metadata) {
      return choice.reason == "grey" ? Quicklook.BandChoice(bands: [0], reason: "grey") : choice
    }
    let source = try input.source(reader, bands: .all, context)
    return try Quicklook.highestVariance(source, context)
  }

  /// `650, 550, 470 nm` or `bands 10, 20, 30`.
  static func caption(_ choice: Quicklook.BandChoice, _ metadata: CubeMetadata) -> String {
    if let wavelengths = metadata.axis.wavelengths {
      return choice.bands.map { String(Int(wavelengths[$0].rounded())) }.joined(separator: ", ") + " nm"
    }
    return (choice.bands.count == 1 ? "band " : "bands ")
      + choice.bands.map { String($0 + 1) }.joined(separator: ", ")
  }
}
