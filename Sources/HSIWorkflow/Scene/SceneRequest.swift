import HSICore
import HSIRaster

/// A scene as a user names it: the file, how it is opened, and which of its pixels and bands are used.
///
/// A plain value that a command (or an app) fills in once; every job takes it as it is. `open` makes an `OpenScene` of it.
///
/// ```swift
/// var request = SceneRequest("scene.hdr")
/// request.area = .pixels(PixelWindow(line: 0, sample: 0, lines: 100, samples: 100))
/// request.mask = MaskSelection(path: "land.tif")
/// let scene = try request.open(context)
/// let pixels = try scene.source(bands: .good, context)
/// ```
public struct SceneRequest: Sendable {
  /// A rectangle of the image.
  public enum Area: Sendable, Hashable {
    /// All of it.
    case whole
    /// Lines and samples.
    case pixels(PixelWindow)
    /// The smallest rectangle of pixels that covers a box in map coordinates, clipped to the image.
    case map(minX: Double, minY: Double, maxX: Double, maxY: Double)
  }

  /// The file, folder, archive or address.
  public var path: String
  /// What is said about the file beside its name.
  public var opening = OpenOptions()
  /// Which rectangle is used.
  public var area = Area.whole
  /// Raster of the pixels to use; nil for all.
  public var mask: MaskSelection?
  /// Polygons whose inside is used; nil for all pixels.
  public var cutline: String?
  /// When a pixel is no data.
  public var nodataPolicy = SelectionOptions.NodataPolicy.automatic
  /// Bands to use; nil for those that the job uses by default, mostly the good ones.
  public var bands: BandSelection?

  /// All good bands of all pixels of a file.
  public init(_ path: String) { self.path = path }

  /// The files that the request names, before anything is opened.
  var named: [String] { [path, mask?.path, cutline].compactMap { $0 } }

  /// The same choice of another file.
  public func of(_ path: String) -> SceneRequest {
    var other = self
    other.path = path
    return other
  }

  /// Opens the file.
  ///
  /// - Throws: the errors of `RasterFormats.open`, for the mask too.
  public func open(_ context: RunContext) throws -> OpenScene {
    try OpenScene(self, RasterFormats.open(path, options: opening, context: context), context)
  }

  /// Refuses a choice of pixels, for jobs that write every pixel of the rectangle.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  public func requireAllPixels() throws {
    for (name, value) in [("\(option: "mask")", mask?.path), ("\(option: "cutline")", cutline)] {
      guard let value else { continue }
      throw CoreError.invalidParameter(
        name: name, value: value,
        requirement: "left out: stored samples are kept as they are; use \(option: "window") or \(option: "bbox")")
    }
  }
}
