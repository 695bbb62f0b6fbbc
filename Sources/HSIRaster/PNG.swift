import CGDAL
import Foundation
import HSICore

/// Pictures as PNG, encoded by GDAL's driver.
public enum PNG {
  /// The picture as PNG bytes (RGBA; without the alpha channel where every pixel is opaque).
  ///
  /// - Throws: `RasterError.inputOutput` when GDAL has no PNG driver or fails.
  public static func encode(_ image: RGBImage) throws -> Data {
    try GDAL.collecting { messages in
      func failure(_ action: String) -> RasterError {
        .inputOutput(path: "PNG picture", action: action, reason: messages.reason ?? "unknown reason")
      }
      guard let png = GDALGetDriverByName("PNG"), let memory = GDALGetDriverByName("MEM") else {
        throw RasterError.inputOutput(
          path: "PNG picture", action: "writing", reason: "GDAL has no PNG driver")
      }
      let opaque = stride(from: 3, to: image.pixels.count, by: 4).allSatisfy { image.pixels[$0] == 255 }
      let bands: Int32 = opaque ? 3 : 4
      guard
        let source = GDALCreate(memory, "", Int32(image.width), Int32(image.height), bands, GDT_Byte, nil)
      else { throw failure("writing") }
      defer { GDALClose(source) }
      var pixels = image.pixels
      let status = pixels.withUnsafeMutableBytes { bytes in
        GDALDatasetRasterIO(
          source, GF_Write, 0, 0, Int32(image.width), Int32(image.height), bytes.baseAddress,
          Int32(image.width),
          Int32(image.height), GDT_Byte, bands, nil, 4, Int32(4 * image.width), 1)
      }
      guard status == CE_None else { throw failure("writing") }
      for (band, meaning) in zip(1...bands, [GCI_RedBand, GCI_GreenBand, GCI_BlueBand, GCI_AlphaBand]) {
        GDALSetRasterColorInterpretation(GDALGetRasterBand(source, band), meaning)
      }
      let name = "/vsimem/hsi-\(UUID().uuidString).png"
      defer {
        VSIUnlink(name)
        VSIUnlink(name + ".aux.xml")
      }
      guard let copy = GDALCreateCopy(png, name, source, 0, nil, nil, nil) else { throw failure("writing") }
      GDALClose(copy)
      var size: vsi_l_offset = 0
      guard let bytes = VSIGetMemFileBuffer(name, &size, 0) else { throw failure("writing") }
      return Data(bytes: bytes, count: Int(size))
    }
  }

  /// Writes a PNG with a world file (`.pgw`) and the reference system (`.png.aux.xml`) where the picture has an
  /// affine georeference.
  ///
  /// - Parameters:
  ///   - georeference: of the scene that the picture shows.
  ///   - step: scene pixels per picture pixel.
  /// - Returns: the files written.
  public static func write(
    _ image: RGBImage, to path: String, georeference: Georeference? = nil, step: Int = 1, overwrite: Bool,
    inputs: [String] = []
  ) throws -> [String] {
    try OutputFile.write(encode(image), to: path, overwrite: overwrite, inputs: inputs)
    let sidecars = sidecars(of: path, georeference: georeference)
    guard let georeference, case .affine(let t) = georeference.mapping, let worldFile = sidecars.first else {
      return [path]
    }
    let s = Double(step)
    // A world file gives the centre of the first pixel.
    let terms = [
      t[1] * s, t[4] * s, t[2] * s, t[5] * s, t[0] + (t[1] + t[2]) * s / 2, t[3] + (t[4] + t[5]) * s / 2,
    ]
    let world = terms.map { String(format: "%.12g\n", $0) }.joined()
    try OutputFile.write(Data(world.utf8), to: worldFile, overwrite: true, inputs: inputs)
    guard sidecars.count > 1, let crs = georeference.crs else { return [path] + sidecars }
    let escaped = crs.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    let sidecar = "<PAMDataset>\n  <SRS>\(escaped)</SRS>\n</PAMDataset>\n"
    try OutputFile.write(Data(sidecar.utf8), to: sidecars[1], overwrite: true, inputs: inputs)
    return [path] + sidecars
  }

  /// What `write` writes beside a picture, replacing what is there: the world file, and the reference system where it is known.
  public static func sidecars(of path: String, georeference: Georeference?) -> [String] {
    guard let georeference, case .affine(let t) = georeference.mapping, t.count == 6 else { return [] }
    let world = (path.lowercased().hasSuffix(".png") ? String(path.dropLast(4)) : path) + ".pgw"
    return georeference.crs.map { !$0.isEmpty } ?? false ? [world, path + ".aux.xml"] : [world]
  }
}
