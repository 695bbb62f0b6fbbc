import HSICore
import HSINumerics
import HSIRaster

extension SceneSweep {
  /// Writes one raster whose values every strip of pixels becomes; refuses scenes without a valid pixel.
  ///
  /// - Parameter compute: pixels × bands of the raster, valid until the next call.
  func runSpectra(
    _ product: RasterProduct, label: String, _ context: RunContext, _ compute: (Strip) throws -> PixelMatrix
  ) throws -> RunRecords {
    try write([product]) { sink in
      var valid = 0
      try source.forEachStrip(context, label: label, extraBytesPerPixel: 4 * product.metadata.bands) { strip in
        valid += strip.count
        var products = ProductStrip(window: strip.window, positions: strip.positions)
        products[product.name] = try compute(strip)
        try sink.write(products)
      }
      try requirePixels(valid)
    }
  }

  /// - Throws: `RasterError.inconsistent` for a scene without a valid pixel.
  func requirePixels(_ valid: Int) throws {
    guard valid > 0 else {
      throw RasterError.inconsistent(
        path: opened.path, reason: "it has no valid pixel",
        advice: "check \(option: "mask"), \(option: "window") and \(option: "nodata")")
    }
  }
}
