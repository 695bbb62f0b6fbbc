import CGDAL
import Foundation
import HSICore

/// A cube found in an HDF5 file: its arrays and what is known about them.
struct HDF5Cube {
  /// Format with the product, e.g. `HDF5 (PRISMA L2D)`.
  var format: String
  var segments: [HDF5Source.Segment]
  var metadata: CubeMetadata
  /// The product's geometry lookup table.
  var lookup: GeometryLookup?
}

/// Local HDF5, HDF-EOS5 and NetCDF-4 files: sensor products by their layout (`HDF5Products`), other files by their
/// only 3-D array or the one named with `--var` or `FILE//path`.
///
/// In a general file the spectral axis is the one as long as a wavelength list (an attribute of the array or a 1-D
/// array called `wavelength`, `band_center` …); without one `--axes` must tell. The other two axes are line and sample
/// in this order. Windows are read as hyperslabs; the chunk cache takes at most 64 MiB.
public enum HDF5Format: CubeFormat {
  public static let name = "HDF5"

  public static func matches(_ location: RasterLocation) -> Bool {
    location.isLocal && !location.isFolder && MATLABFormat.isVersion73(location.firstBytes)
      || location.isLocal && ["h5", "he5", "hdf5", "nc"].contains(location.fileExtension)
        && HDF5File.isHDF5(location.file)
  }

  public static func open(
    _ location: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> any CubeReader {
    let path = location.given
    let file = try HDF5File(location.file)
    let wanted = (location.part ?? options.variable).map { $0.hasPrefix("/") ? $0 : "/" + $0 }
    let cube =
      try HDF5Products.cube(file, wanted: wanted, options: options, path: path, context: context)
      ?? general(file, wanted: wanted, options: options, path: path, context: context)
    for segment in cube.segments { try segment.array.require(context) }
    let source = try HDF5Source(file: file, segments: cube.segments)
    let further = cube.segments.count == 1 ? Array(nodata(cube.segments[0].array).dropFirst()) : []
    return try ArrayReader(
      path: path, format: cube.format, files: [location.file], metadata: cube.metadata, source: source,
      owner: file, lookup: cube.lookup, furtherNodata: further)
  }

  // MARK: - Files of no known product

  private static func general(
    _ file: HDF5File, wanted: String?, options: OpenOptions, path: String, context: RunContext
  ) throws -> HDF5Cube {
    let array = try choice(file, wanted: wanted, path: path)
    try array.require(context)
    let kept = ArrayAxes.counting(array.dimensions)
    let rank = kept.count
    guard rank == 2 || rank == 3 else {
      throw RasterError.unsupported(
        path: path, feature: "\(array.path) of \(rank) axes",
        advice: "choose an array of 2 or 3 axes with \(option: "variable")")
    }
    if rank < array.dimensions.count { context.logger.info("\(path): axes of extent 1 of \(array.path) do not count") }
    let found = rank == 3 ? wavelengths(file, array) : nil
    let axes: ArrayAxes
    if let text = options.axes {
      axes = try ArrayAxes(text, rank: rank).among(kept)
    } else if rank == 2 {
      axes = ArrayAxes(line: kept[0], sample: kept[1], band: nil)
    } else if let band = found.flatMap({ found in bandAxis(array, count: found.values.count) })
      ?? namedBandAxis(file, array), kept.contains(band)
    {
      let others = kept.filter { $0 != band }
      axes = ArrayAxes(line: others[0], sample: others[1], band: band)
      context.logger.info("\(path): axis \(band + 1) of \(array.path) is taken as the spectral one")
    } else {
      throw RasterError.inconsistent(
        path: path, reason: "nothing tells which axis of \(array.path) \(array.dimensions) holds the bands",
        advice: "pass \(option: "axes") with one letter per axis (h line, w sample, b band), e.g. \(option: "axes") hwb"
      )
    }
    let bands = axes.band.map { array.dimensions[$0] } ?? 1
    var metadata = CubeMetadata(bands: bands)
    if let found, found.values.count == bands { found.install(in: &metadata, path: path, context: context) }
    conventions(file, array, axes: axes, metadata: &metadata, path: path, context: context)
    if metadata.sources["goodBands"] == nil, let flags = flags(file, array, bands: bands) {
      for band in 0..<bands where flags[band] == 0 { metadata.axis.good[band] = false }
      metadata.sources["goodBands"] = .product
    }
    return HDF5Cube(
      format: "HDF5", segments: [.init(array: array, layout: .axes(axes), bands: Array(0..<bands))],
      metadata: metadata)
  }

  private static func choice(_ file: HDF5File, wanted: String?, path: String) throws -> HDF5Array {
    if let wanted {
      if let array = file.array(wanted) { return array }
      let matches = HDF5File.distinct(file.arrays().filter { $0.path.hasSuffix(wanted) && $0.type != nil })
      if matches.count == 1 { return try file.open(matches[0].path) }
      throw RasterError.ambiguous(
        path: path,
        choices: listing(HDF5File.distinct(file.arrays()).filter { $0.type != nil && $0.dimensions.count >= 2 }),
        advice: "there is no \(wanted); choose one with \(path)//ARRAY")
    }
    let arrays = HDF5File.distinct(file.arrays()).filter { $0.type != nil }
    let cubes = arrays.filter { ArrayAxes.counting($0.dimensions).count == 3 && !$0.dimensions.contains(0) }
    let planes = arrays.filter { $0.dimensions.count == 2 && !$0.dimensions.contains(0) }
    let wide = planes.filter { $0.dimensions.allSatisfy { $0 > 1 } }
    let images = wide.isEmpty ? planes : wide
    if let only = CubeChoice.only(cubes.map { .init(name: $0.path, dimensions: $0.dimensions, type: $0.type) }) {
      return try file.open(cubes[only].path)
    }
    if cubes.isEmpty, images.count == 1 { return try file.open(images[0].path) }
    guard !cubes.isEmpty || !images.isEmpty else {
      throw RasterError.unreadable(path: path, reason: "it holds no numeric array of 2 or 3 axes")
    }
    throw RasterError.ambiguous(
      path: path, choices: listing(cubes.isEmpty ? images : cubes), advice: "choose one with \(path)//ARRAY")
  }

  private static func listing(_ arrays: [HDF5File.Entry]) -> [String] {
    arrays.prefix(30).map { entry in
      entry.path + " " + entry.dimensions.map { String($0) }.joined(separator: "×")
        + (entry.type.map { " \($0.rawValue)" } ?? "")
    }
  }

  private static func bandAxis(_ array: HDF5Array, count: Int) -> Int? {
    let fitting = array.dimensions.indices.filter { array.dimensions[$0] == count }
    return fitting.last == array.dimensions.count - 1 ? fitting.last : fitting.first
  }

  /// The axis as long as a 1-D array called `band` or `bands`.
  private static func namedBandAxis(_ file: HDF5File, _ array: HDF5Array) -> Int? {
    let counts = file.arrays().filter {
      $0.dimensions.count == 1
        && ["band", "bands", "channel", "channels"].contains(name($0.path).lowercased())
    }.map { $0.dimensions[0] }
    return counts.lazy.compactMap { bandAxis(array, count: $0) }.first
  }

  private static func name(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// Wavelengths of an array: its attributes, then 1-D arrays whose length is that of an axis, nearest group first.
  static func wavelengths(_ file: HDF5File, _ array: HDF5Array) -> FoundWavelengths? {
    let attributes = file.attributeNames(of: array.path)
    for name in attributes where SpectralNames.isCentre(name) {
      guard let values = array.attribute(name)?.numbers, values.count > 1,
        array.dimensions.contains(values.count)
      else { continue }
      let widths = attributes.filter(SpectralNames.isWidth).lazy.compactMap { array.attribute($0)?.numbers }.first
      let unit = array.attribute(name + "_units")?.text ?? array.attribute("wavelength_units")?.text
      let widthUnit = array.attribute("fwhm_units")?.text
      return FoundWavelengths(
        values: values, fwhm: converted(widths, from: widthUnit, to: unit, of: values), unit: unit,
        place: "attribute \(name) of \(array.path)", source: .product)
    }
    let folder = array.path.split(separator: "/").dropLast().joined(separator: "/")
    let lists = file.arrays().filter {
      $0.dimensions.count == 1 && $0.type != nil && array.dimensions.contains($0.dimensions[0])
    }.sorted { a, b in
      let (x, y) = (a.path.hasPrefix("/" + folder), b.path.hasPrefix("/" + folder))
      return x == y ? a.path < b.path : x
    }
    let standard = lists.first { entry in
      file.attribute("standard_name", of: entry.path)?.text.map(SpectralNames.isStandard) ?? false
    }
    let doubtful = lists.first { entry in
      SpectralNames.mayBeCentre(name(entry.path))
        && ((try? file.open(entry.path))?.doubles().map(SpectralNames.isPlausible) ?? false)
    }
    guard let entry = lists.first(where: { SpectralNames.isCentre(name($0.path)) }) ?? standard ?? doubtful,
      let list = try? file.open(entry.path), let values = list.doubles()
    else { return nil }
    let unit = (list.attribute("units") ?? list.attribute("Units") ?? list.attribute("unit"))?.text
    let widths = lists.first {
      SpectralNames.isWidth(name($0.path)) && $0.dimensions == entry.dimensions
    }
    .flatMap { try? file.open($0.path) }
    return FoundWavelengths(
      values: values,
      fwhm: converted(widths?.doubles(), from: widths?.attribute("units")?.text, to: unit, of: values),
      unit: unit,
      place: entry.path, source: .product)
  }

  /// The numbers of a list of good bands: an attribute of the array, or a 1-D array.
  private static func flags(_ file: HDF5File, _ array: HDF5Array, bands: Int) -> [Double]? {
    let attributes = file.attributeNames(of: array.path).filter(SpectralNames.isFlag).compactMap {
      array.attribute($0)?.numbers
    }
    let lists = file.arrays().filter {
      $0.dimensions == [bands] && $0.type != nil && SpectralNames.isFlag(name($0.path))
    }
    .compactMap { (try? file.open($0.path))?.doubles() }
    return (attributes + lists).first { list in list.count == bands && list.allSatisfy { $0 == 0 || $0 == 1 } }
  }

  /// Widths in the unit of the wavelengths.
  static func converted(_ widths: [Double]?, from: String?, to: String?, of centres: [Double]) -> [Double]? {
    guard let widths, case .unit(let own) = WavelengthUnit.reading(from ?? "") else { return widths }
    let target: WavelengthUnit?
    if case .unit(let named) = WavelengthUnit.reading(to ?? "") {
      target = named
    } else {
      target = .guess(centres)
    }
    guard let target, target != own else { return widths }
    return widths.map { target.value(nanometres: own.nanometres($0)) }
  }

  /// Facts that follow the CF conventions: fill value, scale, offset (one for all bands or one per band), name, coordinates.
  static func conventions(
    _ file: HDF5File, _ array: HDF5Array, axes: ArrayAxes, metadata: inout CubeMetadata, path: String,
    context: RunContext
  ) {
    let bands = metadata.bands
    func perBand(_ name: String) -> [Double]? {
      guard let values = array.attribute(name)?.numbers, !values.isEmpty, values.allSatisfy(\.isFinite) else {
        return nil
      }
      if values.count == 1 { return [Double](repeating: values[0], count: bands) }
      if values.count == bands { return values }
      context.warn(
        "W-GAIN-COUNT",
        "\(path): `\(name)` of \(array.path) has \(values.count) entries for \(bands) bands and is ignored")
      return nil
    }
    if let value = HDF5Format.nodata(array).first {
      metadata.nodata = [Double?](repeating: value, count: bands)
      metadata.sources["nodata"] = .product
    }
    if let scale = perBand("scale_factor"), !scale.contains(0) {
      metadata.scale = scale
      metadata.sources["scale"] = .product
    }
    if let offset = perBand("add_offset") {
      metadata.offset = offset
      metadata.sources["offset"] = .product
    }
    let words = ((array.attribute("long_name")?.text ?? "") + " " + array.path).lowercased()
    if metadata.quantity == .unknown {
      if words.contains("reflectance") {
        metadata.quantity = .reflectance
      } else if words.contains("radiance") {
        metadata.quantity = .radiance
      }
      if metadata.quantity != .unknown { metadata.sources["quantity"] = .product }
    }
    metadata.summary = metadata.summary ?? array.attribute("long_name")?.text
    for name in ["time_coverage_start", "acquisition_time", "Product_StartTime"]
    where metadata.acquired == nil {
      metadata.acquired = file.attribute(name)?.text
    }
    for name in ["instrument", "sensor", "platform"] where metadata.sensor == nil {
      metadata.sensor = file.attribute(name)?.text
    }
    if metadata.georeference == nil, let georeference = grid(file, array, axes: axes) {
      metadata.georeference = georeference
      metadata.sources["georeference"] = .product
    }
  }

  /// The values that mean no data of an array, the one to write back first.
  static func nodata(_ array: HDF5Array) -> [Double] {
    var found: [Double] = []
    for name in ["_FillValue", "missing_value", "Data_Ignore_Value", "_fillvalue"] {
      for value in array.attribute(name)?.numbers ?? []
      where !found.contains(value) && !(value.isNaN && found.contains(where: \.isNaN)) {
        found.append(value)
      }
    }
    return found
  }

  /// The grid of a CF file.
  private static func grid(_ file: HDF5File, _ array: HDF5Array, axes: ArrayAxes) -> Georeference? {
    CFGrid(
      text: { file.attribute($0, of: $1)?.text }, numbers: { file.attribute($0, of: $1)?.numbers },
      list: { file.array($0).flatMap { $0.dimensions.count == 1 ? $0.doubles() : nil } }, exists: { file.exists($0) }
    ).georeference(
      array.path, samples: (array.dimensions[axes.sample], nil), lines: (array.dimensions[axes.line], nil))
  }

  /// A reference system of the EPSG register as WKT.
  static func wellKnownText(epsg: Int) -> String? {
    GDAL.collecting { _ in
      let reference = OSRNewSpatialReference(nil)
      defer { OSRDestroySpatialReference(reference) }
      guard OSRImportFromEPSG(reference, Int32(clamping: epsg)) == OGRERR_NONE else { return nil }
      return HSIRaster.wellKnownText(reference)
    }
  }
}
