import Foundation
import HSICore

/// The layouts of imaging-spectrometer products in HDF5 and NetCDF-4 files.
///
/// Axis orders, scales and traps: docs/formats.md.
enum HDF5Products {
  /// The cube of a known product; nil for other files, or when an array is wanted that is not the product's cube.
  static func cube(
    _ file: HDF5File, wanted: String?, options: OpenOptions, path: String, context: RunContext
  ) throws -> HDF5Cube? {
    let request = Request(file: file, wanted: wanted, options: options, path: path, context: context)
    return try prisma(request) ?? tanager(request) ?? emit(request) ?? aviris3(request) ?? neon(request)
  }

  private struct Request {
    let file: HDF5File
    let wanted: String?
    let options: OpenOptions
    let path: String
    let context: RunContext

    /// The array at a path, unless another one is wanted.
    func array(_ path: String) -> HDF5Array? {
      guard wanted == nil || wanted == path, let array = file.array(path), array.dimensions.count == 3,
        array.type != nil, array.implausible == nil
      else { return nil }
      return array
    }

    /// A 1-D array of numbers with its unit.
    func list(_ path: String) -> (values: [Double], unit: String?)? {
      guard let array = file.array(path), array.dimensions.count == 1, let values = array.doubles() else {
        return nil
      }
      return (values, (array.attribute("units") ?? array.attribute("Units"))?.text)
    }

    func warn(_ identifier: String, _ text: String) { context.warn(identifier, "\(path): \(text)") }

    /// A cube of one array.
    func cube(_ format: String, _ array: HDF5Array, axes: ArrayAxes, metadata: CubeMetadata) -> HDF5Cube {
      HDF5Cube(
        format: format,
        segments: [.init(array: array, layout: .axes(axes), bands: Array(0..<metadata.bands))],
        metadata: metadata)
    }
  }

  // MARK: - EMIT: [downtrack, crosstrack, bands]

  private static func emit(_ request: Request) throws -> HDF5Cube? {
    let file = request.file
    let isNamed = file.attribute("instrument")?.text?.uppercased().contains("EMIT") ?? false
    guard isNamed || file.exists("/sensor_band_parameters"),
      let array = request.array("/reflectance") ?? request.array("/radiance")
    else { return nil }
    var metadata = CubeMetadata(bands: array.dimensions[2])
    let folder = "/sensor_band_parameters"
    if let centres = request.list(folder + "/wavelengths") {
      FoundWavelengths(
        values: centres.values, fwhm: request.list(folder + "/fwhm")?.values, unit: centres.unit ?? "nm",
        place: folder + "/wavelengths", source: .product
      ).install(in: &metadata, path: request.path, context: request.context)
    } else {
      request.warn("W-EMIT-WAVELENGTHS", "the group sensor_band_parameters has no wavelengths")
    }
    if let good = request.list(folder + "/good_wavelengths")?.values, good.count == metadata.bands {
      for band in good.indices where good[band] == 0 { metadata.axis.good[band] = false }
      metadata.sources["goodBands"] = .product
    }
    metadata.sensor = "EMIT"
    // `geotransform` and `spatial_ref` describe the orthorectified grid; the cube itself is a swath.
    if file.exists("/location/lon"), file.exists("/location/lat") {
      metadata.georeference = Georeference(
        crs: HDF5Format.wellKnownText(epsg: 4326),
        mapping: .geolocation(longitude: file.path + "//location/lon", latitude: file.path + "//location/lat")
      )
      metadata.sources["georeference"] = .product
    }
    let axes = ArrayAxes(line: 0, sample: 1, band: 2)
    HDF5Format.conventions(
      file, array, axes: axes, metadata: &metadata, path: request.path, context: request.context)
    var cube = request.cube("NetCDF (EMIT)", array, axes: axes, metadata: metadata)
    cube.lookup = emitLookup(file)
    return cube
  }

  /// The lookup table of EMIT and the grid that its global attributes describe.
  private static func emitLookup(_ file: HDF5File) -> GeometryLookup? {
    guard file.exists("/location/glt_x"), file.exists("/location/glt_y"),
      let transform = file.attribute("geotransform")?.numbers, transform.count == 6
    else { return nil }
    let crs = file.attribute("spatial_ref")?.text ?? HDF5Format.wellKnownText(epsg: 4326)
    return GeometryLookup(
      sample: .init(path: file.path + "//location/glt_x", band: 0),
      line: .init(path: file.path + "//location/glt_y", band: 0),
      georeference: Georeference(crs: crs, mapping: .affine(transform)))
  }

  // MARK: - AVIRIS-3: [wavelength, y, x]

  private static func aviris3(_ request: Request) throws -> HDF5Cube? {
    for kind in ["reflectance", "radiance"] {
      guard let array = request.array("/\(kind)/\(kind)"),
        let centres = request.list("/\(kind)/wavelength") ?? request.list("/\(kind)/wavelengths"),
        centres.values.count == array.dimensions[0]
      else { continue }
      var metadata = CubeMetadata(bands: array.dimensions[0])
      FoundWavelengths(
        values: centres.values, fwhm: request.list("/\(kind)/fwhm")?.values, unit: centres.unit ?? "nm",
        place: "/\(kind)/wavelength", source: .product
      ).install(in: &metadata, path: request.path, context: request.context)
      metadata.quantity = kind == "radiance" ? .radiance : .reflectance
      let axes = ArrayAxes(line: 1, sample: 2, band: 0)
      HDF5Format.conventions(
        request.file, array, axes: axes, metadata: &metadata, path: request.path, context: request.context)
      return request.cube("NetCDF (AVIRIS-3)", array, axes: axes, metadata: metadata)
    }
    return nil
  }

  // MARK: - NEON: [line, sample, band]

  private static func neon(_ request: Request) throws -> HDF5Cube? {
    let file = request.file
    for site in file.children(of: "/") {
      for kind in ["Reflectance", "Radiance"] {
        let folder = "/\(site)/\(kind)"
        guard let array = request.array("\(folder)/\(kind)_Data") else { continue }
        let bands = array.dimensions[2]
        var metadata = CubeMetadata(bands: bands)
        let spectral = folder + "/Metadata/Spectral_Data"
        if let centres = request.list(spectral + "/Wavelength") {
          FoundWavelengths(
            values: centres.values, fwhm: request.list(spectral + "/FWHM")?.values,
            unit: centres.unit ?? "nm",
            place: spectral + "/Wavelength", source: .product
          ).install(in: &metadata, path: request.path, context: request.context)
        }
        metadata.quantity = kind == "Radiance" ? .radiance : .reflectance
        metadata.sources["quantity"] = .product
        if let factor = array.attribute("Scale_Factor")?.number ?? array.attribute("Scale Factor")?.number,
          factor > 0
        {
          metadata.scale = [Double](repeating: 1 / factor, count: bands)
          metadata.sources["scale"] = .product
        }
        if let ignored = array.attribute("Data_Ignore_Value")?.number
          ?? array.attribute("Data Ignore Value")?.number
        {
          metadata.nodata = [Double?](repeating: ignored, count: bands)
          metadata.sources["nodata"] = .product
        }
        // Water vapour bands that the product names.
        for window in 1...4 {
          let name = "Band_Window_\(window)_Nanometers"
          guard let limits = (array.attribute(name) ?? file.attribute(name, of: folder))?.numbers,
            limits.count == 2,
            let centres = metadata.axis.wavelengths
          else { continue }
          for band in 0..<bands where centres[band] >= limits[0] && centres[band] <= limits[1] {
            metadata.axis.good[band] = false
          }
          metadata.sources["goodBands"] = .product
        }
        metadata.sensor = "NEON imaging spectrometer"
        let system = folder + "/Metadata/Coordinate_System"
        if let map = file.array(system + "/Map_Info")?.texts()?.first {
          let code = file.array(system + "/EPSG Code").flatMap {
            $0.texts()?.first.flatMap { Int($0.trimmingCharacters(in: .whitespaces)) }
              ?? $0.doubles()?.first.flatMap { Int(exactly: $0) }
          }
          metadata.georeference = mapInfo(map, crs: code.flatMap { HDF5Format.wellKnownText(epsg: $0) })
          if metadata.georeference != nil { metadata.sources["georeference"] = .product }
        }
        return request.cube(
          "HDF5 (NEON)", array, axes: ArrayAxes(line: 0, sample: 1, band: 2), metadata: metadata)
      }
    }
    return nil
  }

  /// The affine mapping of an ENVI `map info` string: name, reference pixel (1-based), its coordinates, pixel size.
  static func mapInfo(_ text: String, crs: String?) -> Georeference? {
    let parts = ENVIHeader.unbraced(text).split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard parts.count >= 7 else { return nil }
    let numbers = parts[1...6].compactMap { Double($0) }
    guard numbers.count == 6, numbers[4] != 0, numbers[5] != 0 else { return nil }
    let rotation =
      parts.lazy.compactMap { part -> Double? in
        let pair = part.lowercased().split(separator: "=")
        return pair.count == 2 && pair[0].trimmingCharacters(in: .whitespaces) == "rotation"
          ? Double(pair[1]) : nil
      }.first ?? 0
    let (s, c) = (sin(rotation * .pi / 180), cos(rotation * .pi / 180))
    let (dx, dy) = (numbers[4], numbers[5])
    let (px, py) = (numbers[0] - 1, numbers[1] - 1)
    let t = [0, dx * c, dy * s, 0, dx * s, -dy * c]
    return Georeference(
      crs: crs,
      mapping: .affine([
        numbers[2] - t[1] * px - t[2] * py, t[1], t[2], numbers[3] - t[4] * px - t[5] * py, t[4], t[5],
      ]))
  }

  // MARK: - Tanager: [band, y, x]

  private static func tanager(_ request: Request) throws -> HDF5Cube? {
    let file = request.file
    for root in ["/HDFEOS/SWATHS/HYP", "/HDFEOS/GRIDS/HYP"] {
      let fields = root + "/Data Fields"
      let names = [
        "surface_reflectance", "toa_reflectance", "ortho_surface_reflectance", "toa_radiance",
        "ortho_toa_radiance", "radiance", "reflectance",
      ]
      guard let array = names.lazy.compactMap({ request.array(fields + "/" + $0) }).first else { continue }
      let bands = array.dimensions[0]
      var metadata = CubeMetadata(bands: bands)
      if let centres = array.attribute("wavelengths")?.numbers
        ?? request.list(fields + "/wavelengths")?.values
      {
        FoundWavelengths(
          values: centres, fwhm: array.attribute("fwhm")?.numbers ?? request.list(fields + "/fwhm")?.values,
          unit: array.attribute("wavelength_units")?.text ?? "nm",
          place: "attribute wavelengths of \(array.path)",
          source: .product
        ).install(in: &metadata, path: request.path, context: request.context)
      }
      if let good = array.attribute("good_wavelengths")?.numbers, good.count == bands {
        for band in 0..<bands where good[band] == 0 { metadata.axis.good[band] = false }
        metadata.sources["goodBands"] = .product
      }
      metadata.sensor = "Tanager"
      let framing = [root, array.path, "/"].lazy.compactMap {
        file.attribute("Planet_Ortho_Framing", of: $0)?.text
      }
      .first
      if root.contains("GRIDS") || array.path.contains("ortho"), let framing {
        metadata.georeference = orthoFraming(framing)
      }
      let geolocation = root + "/Geolocation Fields"
      if metadata.georeference == nil, file.exists(geolocation + "/Longitude"),
        file.exists(geolocation + "/Latitude")
      {
        metadata.georeference = Georeference(
          crs: HDF5Format.wellKnownText(epsg: 4326),
          mapping: .geolocation(
            longitude: "\(file.path)/\(geolocation)/Longitude",
            latitude: "\(file.path)/\(geolocation)/Latitude"))
      }
      if metadata.georeference != nil { metadata.sources["georeference"] = .product }
      let axes = ArrayAxes(line: 1, sample: 2, band: 0)
      HDF5Format.conventions(
        file, array, axes: axes, metadata: &metadata, path: request.path, context: request.context)
      if metadata.nodata.allSatisfy({ $0 == nil }) {
        metadata.nodata = [Double?](repeating: -9999, count: bands)
        metadata.sources["nodata"] = .product
      }
      return request.cube("HDF5 (Tanager)", array, axes: axes, metadata: metadata)
    }
    return nil
  }

  private static func orthoFraming(_ text: String) -> Georeference? {
    guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
      let transform = (object["geotransform"] as? [Any])?.compactMap({ ($0 as? NSNumber)?.doubleValue }),
      transform.count == 6
    else { return nil }
    let code = ["epsg_code", "epsg", "crs"].lazy.compactMap { key -> Int? in
      if let number = object[key] as? NSNumber { return number.intValue }
      return (object[key] as? String).flatMap { Int($0.split(separator: ":").last ?? "") }
    }.first
    return Georeference(crs: code.flatMap { HDF5Format.wellKnownText(epsg: $0) }, mapping: .affine(transform))
  }

  // MARK: - PRISMA: [line, band, sample], two detectors

  private static func prisma(_ request: Request) throws -> HDF5Cube? {
    let file = request.file
    guard
      let swath = file.children(of: "/HDFEOS/SWATHS").first(where: {
        $0.hasPrefix("PRS_") && $0.hasSuffix("_HCO")
      })
    else { return nil }
    let level = String(swath.dropFirst(4).dropLast(4))
    let fields = "/HDFEOS/SWATHS/\(swath)/Data Fields"
    let detectors: [(name: String, part: String)] = [("VNIR", "Vnir"), ("SWIR", "Swir")]
    let found = detectors.compactMap { detector in
      request.array("\(fields)/\(detector.name)_Cube").map { (detector: detector, array: $0) }
    }
    guard !found.isEmpty else { return nil }

    var centres: [[Double]] = []
    var widths: [[Double]] = []
    for (detector, array) in found {
      let count = array.dimensions[1]
      func list(_ name: String) -> [Double] {
        let values = file.attribute("List_\(name)_\(detector.part)")?.numbers ?? []
        guard values.count == count else {
          request.warn(
            "W-WL-COUNT", "\(values.count) values in List_\(name)_\(detector.part) for \(count) bands")
          return [Double](repeating: 0, count: count)
        }
        return values
      }
      centres.append(list("Cw"))
      widths.append(list("Fwhm"))
    }
    let kept =
      found.count == 2 ? withoutOverlap(centres, request.options.overlap) : centres.map { Array($0.indices) }
    let dropped = zip(centres, kept).reduce(0) { $0 + $1.0.count - $1.1.count }
    if dropped > 0 {
      request.context.logger.info("\(request.path): \(dropped) bands of the detectors' overlap are left out")
    }

    let bands = kept.reduce(0) { $0 + $1.count }
    guard bands > 0 else {
      throw RasterError.unreadable(path: request.path, reason: "no band has a wavelength")
    }
    var metadata = CubeMetadata(bands: bands)
    let all = zip(centres, kept).flatMap { list, indices in indices.map { list[$0] } }
    if all.contains(where: { $0 > 0 }) {
      FoundWavelengths(
        values: all, fwhm: zip(widths, kept).flatMap { list, indices in indices.map { list[$0] } },
        unit: "nm",
        place: "attributes List_Cw_Vnir and List_Cw_Swir", source: .product
      ).install(in: &metadata, path: request.path, context: request.context)
    }
    metadata.bandNames = zip(found, kept).flatMap { pair, indices in
      indices.map { "\(pair.detector.name) \($0 + 1)" }
    }
    var scale: [Double] = []
    var offset: [Double] = []
    for (pair, indices) in zip(found, kept) {
      let part = pair.detector.part
      var (low, high) = (
        file.attribute("L2Scale\(part)Min")?.number, file.attribute("L2Scale\(part)Max")?.number
      )
      if low == nil, let factor = file.attribute("ScaleFactor_\(part)")?.number, factor > 0 {
        // Level 1: radiance = DN / factor − offset.
        let shift = file.attribute("Offset_\(part)")?.number ?? 0
        (low, high) = (-shift, 65_535 / factor - shift)
      }
      guard let low, let high else {
        request.warn("W-PRISMA-SCALE", "no scale for \(pair.detector.name); its numbers are left as counts")
        scale += [Double](repeating: 1, count: indices.count)
        offset += [Double](repeating: 0, count: indices.count)
        continue
      }
      scale += [Double](repeating: (high - low) / 65_535, count: indices.count)
      offset += [Double](repeating: low, count: indices.count)
    }
    (metadata.scale, metadata.offset) = (scale, offset)
    metadata.sources["scale"] = .product
    metadata.nodata = [Double?](repeating: 0, count: bands)
    metadata.sources["nodata"] = .product
    metadata.quantity = level == "L2D" || level == "L2C" ? .reflectance : .radiance
    metadata.sources["quantity"] = .product
    metadata.sensor = "PRISMA"
    metadata.acquired = file.attribute("Product_StartTime")?.text
    metadata.georeference = prismaGrid(file, found[0].array.dimensions)
    let geolocation = "/HDFEOS/SWATHS/\(swath)/Geolocation Fields"
    if metadata.georeference == nil, file.exists(geolocation + "/Longitude"),
      file.exists(geolocation + "/Latitude")
    {
      metadata.georeference = Georeference(
        crs: HDF5Format.wellKnownText(epsg: 4326),
        mapping: .geolocation(
          longitude: "\(file.path)/\(geolocation)/Longitude", latitude: "\(file.path)/\(geolocation)/Latitude"
        ))
    }
    if metadata.georeference != nil { metadata.sources["georeference"] = .product }
    let axes = ArrayAxes(line: 0, sample: 2, band: 1)
    return HDF5Cube(
      format: "HDF5 (PRISMA \(level))",
      segments: zip(found, kept).map { .init(array: $0.array, layout: .axes(axes), bands: $1) },
      metadata: metadata)
  }

  /// The bands of two detectors that stay: unused ones (wavelength 0) stay as bad bands.
  static func withoutOverlap(_ centres: [[Double]], _ choice: DetectorOverlap) -> [[Int]] {
    let all = centres.map { Array($0.indices) }
    let used = centres.map { $0.filter { $0 > 0 } }
    guard choice != .keep, let top = used[0].max(), let bottom = used[1].min(), bottom < top else {
      return all
    }
    // Bands of the first detector above `limits.0` and of the second below `limits.1` go.
    let limits: (Double, Double)
    switch choice {
    case .vnir: limits = (.infinity, top)
    case .swir: limits = (bottom, -.infinity)
    default: limits = ((bottom + top) / 2, (bottom + top) / 2)
    }
    let first = centres[0].indices.filter { centres[0][$0] <= 0 || centres[0][$0] < limits.0 }
    let second = centres[1].indices.filter {
      centres[1][$0] <= 0 || centres[1][$0] > limits.1 || choice == .cut && centres[1][$0] >= limits.1
    }
    return [first, second]
  }

  /// The grid of a level 2D product. Its corner coordinates are centres or outer edges of the corner pixels, whichever
  /// makes the pixels nearer to 30 m.
  private static func prismaGrid(_ file: HDF5File, _ dimensions: [Int]) -> Georeference? {
    func number(_ name: String) -> Double? { file.attribute(name)?.number }
    guard let code = number("Epsg_Code").flatMap({ Int(exactly: $0) }),
      let west = number("Product_ULcorner_easting"),
      let north = number("Product_ULcorner_northing"), let east = number("Product_LRcorner_easting"),
      let south = number("Product_LRcorner_northing"), dimensions[0] > 1, dimensions[2] > 1, east > west,
      north > south
    else { return nil }
    let (lines, samples) = (Double(dimensions[0]), Double(dimensions[2]))
    let edge = ((east - west) / samples, (north - south) / lines)
    let centre = ((east - west) / (samples - 1), (north - south) / (lines - 1))
    let isCentre = abs(centre.0 - 30) + abs(centre.1 - 30) < abs(edge.0 - 30) + abs(edge.1 - 30)
    let (dx, dy) = isCentre ? centre : edge
    let shift = isCentre ? 0.5 : 0
    return Georeference(
      crs: HDF5Format.wellKnownText(epsg: code),
      mapping: .affine([west - shift * dx, dx, 0, north + shift * dy, 0, -dy]))
  }
}
