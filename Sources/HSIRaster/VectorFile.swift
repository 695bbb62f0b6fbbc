import CGDAL
import HSICore

/// An open file of polygons: its layers, and the messages of GDAL while they are used.
enum VectorFile {
  /// Opens a file for as long as `body` takes.
  ///
  /// - Throws: `RasterError.notFound`; `.unreadable` for a file that GDAL knows no vector format for, or without layers.
  static func reading<Value>(
    _ path: String, _ body: ([OGRLayerH?], GDAL.Messages) throws -> Value
  ) throws -> Value {
    guard VSI.status(path) != nil else { throw RasterError.notFound(path: path) }
    return try GDAL.collecting { messages in
      guard let source = try GDAL.opened(path, GDAL_OF_VECTOR) else {
        throw RasterError.unreadable(path: path, reason: messages.reason ?? "GDAL knows no vector format like it")
      }
      defer { GDALClose(source) }
      let layers = (0..<GDALDatasetGetLayerCount(source)).map { GDALDatasetGetLayer(source, $0) }
      guard !layers.isEmpty else { throw RasterError.unreadable(path: path, reason: "it has no layer") }
      return try body(layers, messages)
    }
  }
}
