import Foundation
import HSICore
import HSINumerics
import HSIRaster

/// Which values of a scene are missing, beside those that the file marks so.
public enum MissingRequest: Sendable, Equatable {
  /// What the file says: its no-data value, NaN and infinite values.
  case nodata
  /// Zeros too, in whichever bands they are.
  case zero
  /// Values that a raster of the size of the scene marks: anything but 0 (and no data) is missing. One band holds for all bands of
  /// the scene; else it has one per band of the file.
  case mask(String)

  /// `nodata`, `zero`, or the name of a raster.
  public init(parsing text: String) {
    switch text.lowercased() {
    case "nodata": self = .nodata
    case "zero": self = .zero
    default: self = .mask(text)
    }
  }

  /// The raster, where there is one.
  public var file: String? { if case .mask(let path) = self { path } else { nil } }
}

extension MissingRequest {
  /// Marks in memory what it says is missing: NaN in pixels that the scene holds.
  ///
  /// - Parameters:
  ///   - scene: the pixels that are changed.
  ///   - bands: its bands in the file, 0-based.
  /// - Throws: the errors of opening the raster, `RasterError.inconsistent` for one of another size.
  func mark(in scene: Cube, of opened: OpenScene, bands: [Int], _ context: RunContext) throws {
    switch self {
    case .nodata: return
    case .zero:
      Parallel.forEachChunk(of: scene.count, chunk: 4096) { _, rows in
        for row in rows {
          let values = scene.pixels.pointer + row * bands.count
          for band in bands.indices where values[band] == 0 { values[band] = .nan }
        }
      }
    case .mask(let path): try MissingRequest.mark(path, in: scene, of: opened, bands: bands, context)
    }
  }

  private static func mark(
    _ path: String, in scene: Cube, of opened: OpenScene, bands: [Int], _ context: RunContext
  ) throws {
    var opening = OpenOptions()
    opening.nodata = OpenOptions.Nodata("none")
    let reader = try RasterFormats.open(path, options: opening, context: context)
    let (mask, image) = (reader.shape, opened.reader.shape)
    guard mask.lines == image.lines, mask.samples == image.samples, [1, image.bands].contains(mask.bands) else {
      throw RasterError.inconsistent(
        path: path, reason: "it marks \(mask), but the scene has \(image)",
        advice: "give a raster of the lines and samples of the scene with one band, or with one for each of its bands")
    }
    var selection = SelectionOptions()
    selection.window = try opened.window()
    selection.bands = .list(mask.bands == 1 ? [0] : bands)
    selection.nodataPolicy = .values
    selection.acceptsMissingValues = true
    let source = try FileSource(reader, selection, context: context)
    let columns = source.shape.bands
    var row = 0
    try source.forEachStrip(context, label: "reading what is missing") { strip in
      let origin = strip.window.line * source.shape.samples
      for (n, place) in strip.positions.enumerated() {
        let position = Int32(origin) + place
        while row < scene.count, scene.positions[row] < position { row += 1 }
        guard row < scene.count, scene.positions[row] == position else { continue }
        let (marks, values) = (strip.pixels.pointer + n * columns, scene.pixels.pointer + row * bands.count)
        for band in bands.indices {
          let mark = marks[columns == 1 ? 0 : band]
          if mark.isFinite, mark != 0 { values[band] = .nan }
        }
      }
    }
  }
}
