import CGDAL
import Foundation
import HSICore

/// Tiles without a position on a map, placed in rows: what a raster becomes that was cut into windows.
struct TileRows {
  /// A tile and its place in the whole.
  private let tiles: [(name: String, window: PixelWindow)]
  /// Lines and samples of the whole.
  let (lines, samples): (Int, Int)

  /// Places tiles from the upper left, so many in a row.
  ///
  /// - Parameters:
  ///   - readers: the tiles in their order, and their names for GDAL.
  ///   - columns: tiles of a row.
  /// - Throws: `RasterError.inconsistent` for tiles that do not fill rows and columns of one height and width.
  init(_ readers: [any CubeReader], names: [String], columns: Int) throws {
    func refuse(_ index: Int, _ reason: String) -> RasterError {
      .inconsistent(
        path: readers[index].path, reason: reason,
        advice: "give all tiles in their order, and \(option: "columns") of a row")
    }
    guard columns >= 1, readers.count % columns == 0 else {
      throw refuse(readers.count - 1, "\(readers.count) tiles are no rows of \(columns)")
    }
    var tiles: [(name: String, window: PixelWindow)] = []
    var line = 0
    for start in stride(from: 0, to: readers.count, by: columns) {
      let height = readers[start].shape.lines
      var sample = 0
      for column in 0..<columns {
        let shape = readers[start + column].shape
        guard shape.lines == height else {
          throw refuse(start + column, "it has \(shape.lines) lines, and others of its row \(height)")
        }
        guard shape.samples == readers[column].shape.samples else {
          throw refuse(
            start + column, "it has \(shape.samples) samples, and others of its column \(readers[column].shape.samples)"
          )
        }
        tiles.append(
          (
            names[start + column],
            PixelWindow(line: line, sample: sample, lines: shape.lines, samples: shape.samples)
          ))
        sample = Int.sum(sample, shape.samples)
      }
      line = Int.sum(line, height)
    }
    self.tiles = tiles
    lines = line
    samples = readers.prefix(columns).reduce(0) { Int.sum($0, $1.shape.samples) }
    guard lines <= Int(Int32.max), samples <= Int(Int32.max) else {
      throw refuse(0, "all tiles together have \(lines) lines × \(samples) samples, more than a raster can have")
    }
  }

  /// The sources of the bands, put into the description of a raster without any.
  ///
  /// - Parameters:
  ///   - text: the description.
  ///   - path: of the file that it will be; names of tiles beside it or below become relative.
  ///   - bands: bands of the tiles in the order of the result.
  func filled(_ text: String, at path: String, bands: [Int]) -> String {
    let folder = URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
    // All bands are of the type of the tiles.
    let type = text.firstMatch(of: /dataType="([A-Za-z0-9]+)"/).map { String($0.1) } ?? "Float32"
    let base = folder.hasSuffix("/") ? folder : folder + "/"
    let sources = tiles.map { tile -> (head: String, tail: String) in
      let isBelow = tile.name.hasPrefix(base)
      let name = TileRows.escaped(isBelow ? String(tile.name.dropFirst(base.count)) : tile.name)
      let window = tile.window
      let size = "xSize=\"\(window.samples)\" ySize=\"\(window.lines)\""
      return (
        "    <SimpleSource>\n      <SourceFilename relativeToVRT=\"\(isBelow ? 1 : 0)\">\(name)</SourceFilename>\n",
        "      <SourceProperties RasterXSize=\"\(window.samples)\" RasterYSize=\"\(window.lines)\" DataType=\"\(type)\" />\n"
          + "      <SrcRect xOff=\"0\" yOff=\"0\" \(size) />\n"
          + "      <DstRect xOff=\"\(window.sample)\" yOff=\"\(window.line)\" \(size) />\n    </SimpleSource>\n"
      )
    }
    var result = ""
    var band = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let isBand = line.contains("<VRTRasterBand ")
      let isClosed = isBand && line.hasSuffix("/>")
      if isClosed || line.contains("</VRTRasterBand>"), band < bands.count {
        if isClosed { result += line.dropLast(2) + ">\n" }
        for source in sources {
          result += source.head + "      <SourceBand>\(bands[band] + 1)</SourceBand>\n" + source.tail
        }
        result += "  </VRTRasterBand>\n"
        band += 1
      } else {
        result += line + "\n"
      }
    }
    return result
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }
}
