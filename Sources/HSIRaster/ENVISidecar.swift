import HSICore

/// The ENVI header beside a file of another format (`x.tif` with `x.hdr`), which says what the container does not.
enum ENVISidecar {
  /// Takes over what a cube's metadata lack: wavelengths, widths, bad bands, names, no data, scale, position, time and sensor.
  ///
  /// Counts only where the header is that of this file (no raw file of its name lies beside it) and has the size of the cube.
  /// - Returns: the header, or nil where there is none to take.
  static func merge(into metadata: inout CubeMetadata, of reader: any CubeReader, context: RunContext) -> String? {
    guard let file = reader.files.first, !GDAL.isRemote(file), let path = ENVIFormat.headerPath(for: file),
      (try? ENVIFormat.dataPath(for: path)) == file, let bytes = try? VSI.contents(path, limit: 64 << 20)
    else { return nil }
    let header = ENVIHeader(parsing: bytes)
    func size(_ key: String) -> Int? { header[key].flatMap(parseInteger) }
    let shape = reader.shape
    guard size("lines") == shape.lines, size("samples") == shape.samples, size("bands") == shape.bands else {
      context.logger.info("\(reader.path): \(path) describes an image of another size and does not count")
      return nil
    }
    let layout = ENVILayout(shape: shape, type: reader.sampleType, interleave: reader.interleave)
    let found = ENVIMetadata.read(header, layout: layout, path: path, context: context)
    let own = metadata.sources
    if metadata.axis.wavelengths == nil, found.axis.wavelengths != nil {
      let good = zip(metadata.axis.good, found.axis.good).map { $0 && $1 }
      metadata.axis = found.axis
      metadata.axis.good = good
      metadata.sources["wavelengths"] = .header
      if found.axis.fwhm != nil { metadata.sources["fwhm"] = .header }
    }
    if own["goodBands"] == nil, found.sources["goodBands"] != nil {
      metadata.axis.good = found.axis.good
      metadata.sources["goodBands"] = .header
    }
    if metadata.bandNames.isEmpty { metadata.bandNames = found.bandNames }
    if own["nodata"] == nil, found.sources["nodata"] != nil {
      metadata.nodata = found.nodata
      metadata.sources["nodata"] = .header
    }
    if own["scale"] == nil, found.sources["scale"] != nil {
      (metadata.scale, metadata.offset) = (found.scale, found.offset)
      metadata.sources["scale"] = .header
    }
    if own["quantity"] == nil, found.sources["quantity"] != nil {
      metadata.quantity = found.quantity
      metadata.sources["quantity"] = .header
    }
    if metadata.georeference == nil, let georeference = found.georeference {
      metadata.georeference = georeference
      metadata.sources["georeference"] = .header
    }
    metadata.acquired = metadata.acquired ?? found.acquired
    metadata.sensor = metadata.sensor ?? found.sensor
    metadata.defaultRGB = metadata.defaultRGB ?? found.defaultRGB
    context.logger.info("\(reader.path): what it does not say itself is taken from \(path)")
    return path
  }
}
