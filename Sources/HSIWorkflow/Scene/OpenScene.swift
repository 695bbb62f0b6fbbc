import Foundation
import HSICore
import HSIRaster

/// An open file with the choice of its pixels and bands.
public struct OpenScene {
  /// What was asked for.
  public let request: SceneRequest
  /// The file.
  public let reader: any CubeReader

  /// A file that is open already; mask and cutline are looked up.
  ///
  /// - Throws: the errors of opening the mask, `RasterError.notFound` for the cutline.
  public init(_ request: SceneRequest, _ reader: any CubeReader, _ context: RunContext) throws {
    self.request = request
    self.reader = reader
    let mask = try request.mask.map { try RasterFormats.open($0.path, context: context).files }
    selectionFiles = (mask ?? []) + [request.cutline].compactMap { $0 }
  }

  /// Name of the file as it was given.
  public var path: String { request.path }
  /// What the file says.
  public var metadata: CubeMetadata { reader.metadata }

  /// The files that say which pixels are used: mask and cutline.
  public let selectionFiles: [String]

  /// Everything that is read: the files of the scene, its mask and its cutline. No output may replace them.
  public var files: [String] { reader.files + selectionFiles }

  /// The rectangle of the image that is used.
  ///
  /// - Throws: `CoreError.invalidParameter` for one that is not in the image, `RasterError.inconsistent` for a box on an
  ///   image without an affine georeference.
  public func window() throws -> PixelWindow {
    switch request.area {
    case .whole: return reader.shape.window
    case .pixels(let window):
      let (x, y, width, height) = (window.sample, window.line, window.samples, window.lines)
      // Sums of numbers that users give may not fit an integer.
      guard x >= 0, y >= 0, width > 0, height > 0, width <= reader.shape.samples, height <= reader.shape.lines,
        x <= reader.shape.samples - width, y <= reader.shape.lines - height
      else {
        throw CoreError.invalidParameter(
          name: "\(option: "window")", value: "\(x),\(y),\(width),\(height)",
          requirement: "inside the image of \(reader.shape.samples) samples × \(reader.shape.lines) lines")
      }
      return window
    case .map(let minX, let minY, let maxX, let maxY):
      return try window(minX: minX, minY: minY, maxX: maxX, maxY: maxY)
    }
  }

  /// The bands that were asked for, or those of `fallback`, as 0-based indices.
  public func bands(default fallback: BandSelection) throws -> [Int] {
    try (request.bands ?? fallback).resolve(reader.metadata.axis)
  }

  /// The selected pixels on the given bands.
  ///
  /// - Parameters:
  ///   - bands: of the file.
  ///   - excludesZeroSpectra: whether pixels that are 0 in all bands are left out, as fill that no header declares, unless the request
  ///     says that no value means no data.
  ///   - acceptsMissingValues: whether NaN in valid pixels is welcome; the no-data policy `values` is refused otherwise.
  ///   - context: for diagnostics and the mask.
  public func source(
    bands: BandSelection, excludesZeroSpectra: Bool = false, acceptsMissingValues: Bool = false, _ context: RunContext
  ) throws -> FileSource {
    var selection = SelectionOptions()
    selection.acceptsMissingValues = acceptsMissingValues
    selection.excludesZeroSpectra = excludesZeroSpectra && request.opening.nodata != OpenOptions.Nodata.none
    selection.window = try window()
    selection.bands = bands
    selection.mask = request.mask
    selection.cutline = request.cutline
    selection.nodataPolicy = request.nodataPolicy
    return try FileSource(reader, selection, context: context)
  }

  /// The smallest window whose pixels cover a box in map coordinates, clipped to the image.
  private func window(minX: Double, minY: Double, maxX: Double, maxY: Double) throws -> PixelWindow {
    guard case .affine(let t)? = reader.metadata.georeference?.mapping else {
      throw RasterError.inconsistent(
        path: reader.path, reason: "\(option: "bbox") needs an affine georeference",
        advice: "use \(option: "window") in pixels")
    }
    let determinant = t[1] * t[5] - t[2] * t[4]
    guard determinant != 0 else {
      throw RasterError.inconsistent(
        path: reader.path, reason: "its georeference cannot be inverted", advice: "use \(option: "window") in pixels")
    }
    let corners = [(minX, minY), (minX, maxY), (maxX, minY), (maxX, maxY)].map {
      (
        (t[5] * ($0.0 - t[0]) - t[2] * ($0.1 - t[3])) / determinant,
        (t[1] * ($0.1 - t[3]) - t[4] * ($0.0 - t[0])) / determinant
      )
    }
    func clamp(_ value: Double, _ limit: Int) -> Int { Int(clamping: max(0, min(Double(limit), value))) }
    let (width, height) = (reader.shape.samples, reader.shape.lines)
    let left = clamp((corners.map(\.0).min()! + 1e-6).rounded(.down), width)
    let right = clamp((corners.map(\.0).max()! - 1e-6).rounded(.up), width)
    let top = clamp((corners.map(\.1).min()! + 1e-6).rounded(.down), height)
    let bottom = clamp((corners.map(\.1).max()! - 1e-6).rounded(.up), height)
    guard right > left, bottom > top else {
      throw CoreError.invalidParameter(
        name: "\(option: "bbox")",
        value: [minX, minY, maxX, maxY].map { String(format: "%.12g", $0) }.joined(separator: ","),
        requirement: "a box that meets the image")
    }
    return PixelWindow(line: top, sample: left, lines: bottom - top, samples: right - left)
  }
}
