import HSIClassification
import HSICore
import HSIRaster

/// Classes as a user names them: a raster, or polygons with an attribute.
///
/// ```swift
/// let labels = try LabelRequest("labels.tif").read(context)
/// print(labels.classes.names, labels.map.labelled)
/// var plots = LabelRequest("plots.geojson")
/// plots.attribute = "crop"
/// let fields = try plots.read(for: SceneRequest("scene.tif"), context)
/// ```
public struct LabelRequest: Sendable {
  /// The file: a raster of one band in any format that hsi reads, or polygons in any that GDAL does.
  public var path: String
  /// Array of the file (MATLAB variable, HDF5 path).
  public var variable: String?
  /// Value of pixels without a class, beside 0 and the file's own no-data value.
  public var nodata: OpenOptions.Nodata?
  /// Text file with names and colours of the classes (`ClassNames`), in place of the file's own; nil for those.
  public var names: String?
  /// Attribute of polygons that holds the class; a file is one of polygons where this is given, or by its extension.
  public var attribute: String?

  /// A raster of classes: 0 is no class.
  public init(_ path: String) { self.path = path }

  /// The same for another file.
  public func of(_ path: String) -> LabelRequest {
    var other = self
    other.path = path
    return other
  }

  /// The same as a raster.
  var withoutAttribute: LabelRequest {
    var other = self
    other.attribute = nil
    return other
  }

  /// Whether the file holds polygons, which lie on pixels only once there is a scene.
  public var isVector: Bool { attribute != nil || VectorFeatures.isVector(path) }

  /// Reads the classes of a raster.
  ///
  /// - Throws: the errors of opening; `ClassificationError.badLabels` (for polygons too), `.noLabels`; `CoreError.memory`.
  public func read(_ context: RunContext) throws -> LabelFile {
    guard !isVector else {
      throw ClassificationError.badLabels(
        path: path, reason: "polygons have no pixels of their own",
        advice: "name the scene whose pixels they lie on (\(option: "like")), or pass a raster")
    }
    let (reader, cube) = try ClassRaster.band(of: path, variable: variable, nodata: nodata, context)
    let labels = try LabelMap(
      lines: reader.shape.lines, samples: reader.shape.samples,
      values: UnsafeBufferPointer(start: cube.pixels.pointer, count: cube.count), positions: cube.positions,
      known: names.map(ClassNames.read) ?? reader.metadata.classes, path: path, palette: ClassRaster.palette)
    return LabelFile(path: path, map: labels, reader: reader, files: reader.files + [names].compactMap { $0 })
  }

  /// Reads the classes; polygons lie on the pixels of the image.
  ///
  /// - Parameter known: classes by value, whose values polygons of the same names take.
  /// - Throws: as `read`; the errors of `VectorFeatures`.
  public func read(
    on image: any CubeReader, known: [ClassEntry]? = nil, _ context: RunContext
  ) throws -> LabelFile {
    guard isVector else { return try read(context) }
    guard let attribute else {
      let names = try VectorFeatures.attributes(of: path)
      throw ClassificationError.badLabels(
        path: path, reason: "it is not said which attribute of the polygons is the class",
        advice: names.isEmpty
          ? "its features have no attributes" : "choose \(option: "attribute") of " + names.joined(separator: ", "))
    }
    let claim = context.claimThreads()
    defer { claim.release() }
    let vectors = try VectorFeatures(path, attribute: attribute, on: image, context)
    let map = try PolygonLabels.map(
      vectors, attribute: attribute, lines: image.shape.lines, samples: image.shape.samples,
      known: known ?? names.map(ClassNames.read), context)
    return LabelFile(path: path, map: map, reader: image, files: vectors.files + [names].compactMap { $0 })
  }

  /// Reads the classes; polygons lie on the pixels of the scene.
  ///
  /// - Throws: as `read`; the errors of opening the scene and of `VectorFeatures`.
  public func read(
    for scene: SceneRequest, known: [ClassEntry]? = nil, _ context: RunContext
  ) throws -> LabelFile {
    isVector ? try read(on: scene.open(context).reader, known: known, context) : try read(context)
  }
}

/// Classes that were read from a file.
public struct LabelFile {
  /// Name of the file as it was given.
  public let path: String
  /// Class of every pixel.
  public let map: LabelMap
  /// The raster; for polygons the image whose pixels they lie on.
  public let reader: any CubeReader
  /// The files that were read.
  public let files: [String]

  /// What the classes are.
  public var classes: ClassTable { map.classes }

  /// The classes on the pixels of a scene: as they are where size and position agree, by nearest neighbour
  /// (`W-LABELS-GRID`) where only the pixels differ.
  ///
  /// - Throws: `ClassificationError.grid` where the two cannot be related.
  public func aligned(to scene: any CubeReader, window: PixelWindow, _ context: RunContext) throws -> LabelMap {
    try aligned(to: scene, context).cropped(to: window)
  }

  private func aligned(to scene: any CubeReader, _ context: RunContext) throws -> LabelMap {
    let (own, shape) = (map, scene.shape)
    let sizes =
      "it has \(own.lines) lines × \(own.samples) samples but the scene \(shape.lines) × \(shape.samples)"
    switch GridComparison.compare(
      reader.metadata.georeference, own.lines, own.samples, to: scene.metadata.georeference, shape)
    {
    case .same: return own
    case .unrelated:
      throw ClassificationError.grid(
        path: path, reason: sizes + ", and they have no georeference by which one could be brought to the other",
        advice: "pass labels of the size of the scene")
    case .otherSystem:
      throw ClassificationError.grid(
        path: path, reason: "its reference system differs from that of the scene",
        advice: "reproject the labels to the scene first (gdalwarp -r near -t_srs …)")
    case .other(let from, let to):
      guard let moved = own.resampled(from: from, to: to, lines: shape.lines, samples: shape.samples) else {
        throw ClassificationError.grid(
          path: path, reason: sizes + ", and no labelled pixel lies in the scene", advice: "check both georeferences")
      }
      context.warn(
        "W-LABELS-GRID",
        "\(path) lies on other pixels than the scene: \(moved.labelled) pixels of the scene take the class of the label "
          + "pixel that their centre lies in")
      return moved
    }
  }
}
