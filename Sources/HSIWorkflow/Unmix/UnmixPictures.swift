import HSICore
import HSIRaster
import HSIReport
import HSIUnmixing

/// The pictures of a run, made from reduced maps.
struct UnmixPictures {
  let facts: UnmixFacts
  let context: RunContext

  /// A picture of the scene and what it shows.
  struct ScenePicture {
    var image: RGBImage
    var caption: String
  }

  /// The scene in colour.
  func scene() throws -> ScenePicture {
    let scene = facts.solver.scene
    let choice = try SceneColours.choose(scene, context)
    let source = try scene.source(bands: .list(choice.bands), context)
    let image = try Quicklook.render(source, longestSide: 1600, context)
    return ScenePicture(image: image, caption: SceneColours.caption(choice, scene.metadata))
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

  /// The classes of the model of every pixel, in the colours of the report.
  private func models() throws -> ReportPicture? {
    guard let table = facts.solution.models?.table, let layer = facts.maps.previews.layers.last else { return nil }
    let groups = UnmixFacts.models(table).groups.map(\.classes)
    let places = Dictionary(uniqueKeysWithValues: groups.enumerated().map { ($1, $0) })
    let colours = table.models.map { CategoricalPalette.colour(places[table.classes(of: $0)] ?? 0) }
    var image = RGBImage(width: facts.maps.previews.width, height: facts.maps.previews.height)
    for (i, value) in layer.enumerated() where value.isFinite {
      let number = Int(value)
      let colour = number > 0 ? colours[number - 1] : Colour(0xD5D8DC)
      for (c, byte) in [colour.red, colour.green, colour.blue, 255].enumerated() { image.pixels[4 * i + c] = byte }
    }
    return try ReportPicture(image, encode: PNG.encode)
  }

  /// Everything that the HTML page shows.
  func figures(_ scene: ScenePicture?) throws -> UnmixingBody.Figures {
    let previews = facts.maps.previews
    let count = facts.solution.endmembers.count
    func map(_ layer: Int, range: ClosedRange<Double>? = nil, colours: ColourMap) throws -> ReportMap {
      try ReportMap(
        previews.layers[layer], width: previews.width, height: previews.height, range: range,
        colours: colours,
        encode: PNG.encode)
    }
    return UnmixingBody.Figures(
      scene: try scene.map { try ReportPicture($0.image, encode: PNG.encode) }, sceneCaption: scene?.caption,
      composite: try ReportPicture(composite(), encode: PNG.encode),
      abundances: try (0..<count).map { try map($0, range: 0...1, colours: .viridis) },
      guidance: facts.maps.hasGuidance ? try map(count + 1, colours: .cividis) : nil,
      rmse: try map(count, colours: .cividis), models: try models())
  }
}
