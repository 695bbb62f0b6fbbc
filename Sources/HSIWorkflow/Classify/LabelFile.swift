import HSIClassification
import HSICore
import HSIRaster

/// A raster of classes as a user names it.
///
/// ```swift
/// let labels = try LabelRequest("labels.tif").read(context)
/// print(labels.classes.names, labels.map.labelled)
/// ```
public struct LabelRequest: Sendable {
  /// The file, in any format that hsi reads; one band.
  public var path: String
  /// Array of the file (MATLAB variable, HDF5 path).
  public var variable: String?
  /// Value of pixels without a class, beside 0 and the file's own no-data value.
  public var nodata: OpenOptions.Nodata?

  /// A raster of classes: 0 is no class.
  public init(_ path: String) { self.path = path }

  /// The same for another file.
  public func of(_ path: String) -> LabelRequest {
    var other = self
    other.path = path
    return other
  }

  /// Reads the classes.
  ///
  /// - Throws: the errors of opening; `ClassificationError.badLabels`, `.noLabels`; `CoreError.memory`.
  public func read(_ context: RunContext) throws -> LabelFile {
    let (reader, cube) = try ClassRaster.band(of: path, variable: variable, nodata: nodata, context)
    let labels = try LabelMap(
      lines: reader.shape.lines, samples: reader.shape.samples,
      values: UnsafeBufferPointer(start: cube.pixels.pointer, count: cube.count), positions: cube.positions,
      known: reader.metadata.classes, path: path, palette: ClassRaster.palette)
    return LabelFile(path: path, map: labels, reader: reader)
  }
}

/// Classes that were read from a file.
public struct LabelFile {
  /// Name of the file as it was given.
  public let path: String
  /// Class of every pixel.
  public let map: LabelMap
  /// The file.
  public let reader: any CubeReader

  /// What the classes are.
  public var classes: ClassTable { map.classes }
  /// The files that were read.
  public var files: [String] { reader.files }

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
