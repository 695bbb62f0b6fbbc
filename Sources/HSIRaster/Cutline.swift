import CGDAL
import Foundation
import HSICore

/// Polygons of a vector file as a raster on the grid of an image: 1 where a pixel's centre lies inside, 0 elsewhere.
///
/// All layers of the file count; GDAL brings them to the image's reference system, and takes a layer without one as being in
/// it. The raster is a compressed byte image in memory that goes with this object.
final class Cutline {
  /// Where the raster is (`/vsimem/…`).
  let path: String

  /// - Throws: `RasterError.notFound`, `.unreadable` for a file without polygons, `.inconsistent` when the image has no
  ///   affine georeference or no pixel lies inside.
  init(_ vectors: String, of image: any CubeReader) throws {
    guard case .affine(var transform)? = image.metadata.georeference?.mapping, transform.count == 6 else {
      throw RasterError.inconsistent(
        path: image.path, reason: "\(option: "cutline") needs an affine georeference",
        advice: "use \(option: "mask") with a raster of the image's size")
    }
    let raster = "/vsimem/hsi-cutline-\(UUID().uuidString).tif"
    path = raster
    do {
      try VectorFile.reading(vectors) { layers, messages in
        let target = GDALStrings(["COMPRESS=DEFLATE", "TILED=YES", "SPARSE_OK=TRUE"]).lend {
          GDALCreate(
            GDALGetDriverByName("GTiff"), raster, Int32(image.shape.samples), Int32(image.shape.lines), 1, GDT_Byte, $0)
        }
        guard let target else {
          throw RasterError.unreadable(path: vectors, reason: messages.reason ?? "it cannot be made a raster")
        }
        defer { GDALClose(target) }
        GDALSetGeoTransform(target, &transform)
        if let crs = image.metadata.georeference?.crs { GDALSetProjection(target, crs) }
        var (band, burn) = (Int32(1), [Double](repeating: 1, count: layers.count))
        var handles = layers
        let status = GDALRasterizeLayers(
          target, 1, &band, Int32(layers.count), &handles, nil, nil, &burn, nil, nil, nil)
        guard status == CE_None, !messages.hasError else {
          throw RasterError.unreadable(path: vectors, reason: messages.reason ?? "it cannot be made a raster")
        }
        var (least, most) = (0.0, 0.0)
        let statistics = GDALComputeRasterStatistics(
          GDALGetRasterBand(target, 1), 0, &least, &most, nil, nil, nil, nil)
        guard statistics == CE_None, most > 0 else {
          throw RasterError.inconsistent(
            path: vectors, reason: "no pixel of \(image.path) has its centre inside",
            advice: "check the polygons and their reference system")
        }
      }
    } catch {
      VSI.delete(path)
      throw error
    }
  }

  deinit { VSI.delete(path) }
}
