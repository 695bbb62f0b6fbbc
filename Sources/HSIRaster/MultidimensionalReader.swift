import CGDAL
import Foundation
import HSICore

/// Arrays through GDAL's multidimensional interface: NetCDF-3, Zarr folders, and HDF5 and NetCDF-4 that are not local.
///
/// The array is the one of `--var` or `FILE//path`, else the only 3-D one, else the only 2-D one. The spectral axis is
/// the one with a 1-D array of wavelengths, or a dimension called `band(s)` or `wavelength(s)`, else `--axes` tells.
public enum MultidimensionalFormat: CubeFormat {
  public static let name = "NetCDF"

  public static func matches(_ location: RasterLocation) -> Bool {
    if location.isFolder { return isZarr(location.file) || VSI.isFile(location.file + "/zarr.json") }
    let isNetCDF3 = [1, 2, 5].contains { location.starts(with: [0x43, 0x44, 0x46, $0]) }
    return isNetCDF3 || !location.isLocal && MATLABFormat.isVersion73(location.firstBytes)
  }

  /// Whether a folder is a Zarr tree of version 2.
  static func isZarr(_ folder: String) -> Bool {
    [".zarray", ".zgroup", ".zmetadata"].contains { VSI.isFile(folder + "/" + $0) }
  }

  public static func open(
    _ location: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> any CubeReader {
    let path = location.given
    if location.isFolder, !isZarr(location.file) {
      throw RasterError.unsupported(
        path: path, feature: "Zarr of version 3",
        advice: "write it as version 2 (zarr_format=2), or as NetCDF or GeoTIFF")
    }
    let container = try MultidimensionalContainer(location.file, path: path)
    let wanted = (location.part ?? options.variable).map { $0.hasPrefix("/") ? $0 : "/" + $0 }
    let array = try choice(container, wanted: wanted, path: path)
    // A block can only be unpacked whole.
    guard array.blockBytes <= max(context.memory.bytes / 2, 64 << 20) else {
      throw CoreError.memory(
        purpose: "one block of \(path)\(array.name)", needed: .product(2, array.blockBytes),
        budget: context.memory.bytes)
    }
    let kept = ArrayAxes.counting(array.dimensions)
    let rank = kept.count
    guard rank == 2 || rank == 3 else {
      throw RasterError.unsupported(
        path: path, feature: "\(array.name) of \(rank) axes",
        advice: "choose an array of 2 or 3 axes with \(option: "variable")")
    }
    let found = rank == 3 ? wavelengths(container, array) : nil
    let axes: ArrayAxes
    if let text = options.axes {
      axes = try ArrayAxes(text, rank: rank).among(kept)
    } else if rank == 2 {
      axes = ArrayAxes(line: kept[0], sample: kept[1], band: nil)
    } else if let band = found?.axis
      ?? array.dimensionNames.firstIndex(where: {
        spectralNames.contains($0.lowercased()) || SpectralNames.isCentre($0)
      }),
      kept.contains(band)
    {
      let others = kept.filter { $0 != band }
      axes = ArrayAxes(line: others[0], sample: others[1], band: band)
    } else {
      throw RasterError.inconsistent(
        path: path, reason: "nothing tells which axis of \(array.name) \(array.dimensions) holds the bands",
        advice: "pass \(option: "axes") with one letter per axis (h line, w sample, b band), e.g. \(option: "axes") hwb"
      )
    }
    let source = try MultidimensionalSource(container: container, array: array, axes: axes, path: path)
    let bands = source.shape.bands
    var metadata = CubeMetadata(bands: bands)
    if let found, found.list.values.count == bands {
      found.list.install(in: &metadata, path: path, context: context)
    }
    var missing = [array.nodata].compactMap { $0 }
    for name in ["_FillValue", "missing_value"] {
      for value in array.numbers(name) ?? [] where !missing.contains(value) && !value.isNaN { missing.append(value) }
    }
    // Zarr's `fill_value` says what chunks that were never written hold; where CF attributes tell what is missing, they do.
    if let nodata = missing.first {
      metadata.nodata = [Double?](repeating: nodata, count: bands)
      metadata.sources["nodata"] = .gdal
    }
    if let scale = array.scale, scale != 0 { metadata.scale = [Double](repeating: scale, count: bands) }
    if let offset = array.offset { metadata.offset = [Double](repeating: offset, count: bands) }
    if array.scale != nil || array.offset != nil { metadata.sources["scale"] = .gdal }
    let words = ((array.text("long_name") ?? "") + " " + array.name).lowercased()
    for (word, quantity) in [("reflectance", Quantity.reflectance), ("radiance", .radiance)] where words.contains(word)
    {
      guard metadata.quantity == .unknown else { continue }
      (metadata.quantity, metadata.sources["quantity"]) = (quantity, .gdal)
    }
    let all = container.arrays()
    func named(_ path: String) -> MultidimensionalArray? { all.first { $0.name == path } }
    let grid = CFGrid(
      text: { named($1)?.text($0) }, numbers: { named($1)?.numbers($0) }, list: { named($0)?.doubles() },
      exists: { named($0) != nil })
    func dimension(_ axis: Int) -> (Int, String?) { (array.dimensions[axis], array.dimensionNames[axis]) }
    if var georeference = grid.georeference(array.name, samples: dimension(axes.sample), lines: dimension(axes.line)) {
      georeference.crs = georeference.crs ?? array.spatialReference
      metadata.georeference = georeference
      metadata.sources["georeference"] = .gdal
    }
    return try ArrayReader(
      path: path, format: container.driver, files: [location.file], metadata: metadata, source: source,
      owner: container, furtherNodata: Array(missing.dropFirst()))
  }

  private static let spectralNames: Set<String> = [
    "band", "bands", "wavelength", "wavelengths", "channel", "channels", "spectral", "wl", "lambda",
  ]

  private static func choice(
    _ container: MultidimensionalContainer, wanted: String?, path: String
  ) throws -> MultidimensionalArray {
    let arrays = container.arrays().filter { $0.type != nil }
    func text(_ list: [MultidimensionalArray]) -> [String] {
      list.prefix(30).map { "\($0.name) " + $0.dimensions.map { String($0) }.joined(separator: "×") }
    }
    if let wanted {
      if let array = arrays.first(where: { $0.name == wanted }) { return array }
      throw RasterError.ambiguous(
        path: path, choices: text(arrays), advice: "there is no \(wanted); choose one with \(path)//ARRAY")
    }
    let cubes = arrays.filter { ArrayAxes.counting($0.dimensions).count == 3 }
    let images = arrays.filter { $0.dimensions.count == 2 }
    if let only = CubeChoice.only(cubes.map { .init(name: $0.name, dimensions: $0.dimensions, type: $0.type) }) {
      return cubes[only]
    }
    if cubes.isEmpty, images.count == 1 { return images[0] }
    guard !cubes.isEmpty || !images.isEmpty else {
      throw RasterError.unreadable(path: path, reason: "it holds no numeric array of 2 or 3 axes")
    }
    throw RasterError.ambiguous(
      path: path, choices: text(cubes.isEmpty ? images : cubes), advice: "choose one with \(path)//ARRAY")
  }

  private static func wavelengths(
    _ container: MultidimensionalContainer, _ array: MultidimensionalArray
  ) -> (axis: Int, list: FoundWavelengths)? {
    let lists = container.arrays().filter {
      $0.dimensions.count == 1 && $0.type != nil && array.dimensions.contains($0.dimensions[0])
    }
    func name(_ list: MultidimensionalArray) -> String { list.name.split(separator: "/").last.map(String.init) ?? "" }
    let chosen =
      lists.first { SpectralNames.isCentre(name($0)) }
      ?? lists.first { $0.text("standard_name").map(SpectralNames.isStandard) ?? false }
      ?? lists.first { SpectralNames.mayBeCentre(name($0)) && ($0.doubles().map(SpectralNames.isPlausible) ?? false) }
    if let chosen, let values = chosen.doubles() {
      let own = array.dimensionNames.firstIndex(of: name(chosen)).flatMap {
        array.dimensions[$0] == values.count ? $0 : nil
      }
      let widths = lists.first { SpectralNames.isWidth(name($0)) && $0.dimensions == chosen.dimensions }
      if let axis = own ?? array.dimensions.lastIndex(of: values.count) {
        return (
          axis,
          FoundWavelengths(
            values: values,
            fwhm: HDF5Format.converted(widths?.doubles(), from: widths?.unit, to: chosen.unit, of: values),
            unit: chosen.unit, place: chosen.name, source: .gdal)
        )
      }
    }
    return nil
  }
}

/// A dataset opened by GDAL with its groups.
final class MultidimensionalContainer {
  let driver: String
  private let dataset: GDALDatasetH
  private let root: GDALGroupH

  init(_ name: String, path: String) throws {
    let opened = try GDAL.collecting { messages in
      (try GDAL.opened(name, GDAL_OF_MULTIDIM_RASTER), messages.reason)
    }
    guard let handle = opened.0 else {
      throw RasterError.unreadable(path: path, reason: opened.1 ?? "GDAL finds no arrays in it")
    }
    guard let group = GDAL.collecting({ _ in GDALDatasetGetRootGroup(handle) }) else {
      GDAL.collecting { _ in GDALClose(handle) }
      throw RasterError.unreadable(path: path, reason: "it has no groups")
    }
    dataset = handle
    root = group
    driver =
      GDALGetDatasetDriver(handle).flatMap { GDALGetDriverShortName($0) }.map { String(cString: $0) }
      ?? "GDAL"
  }

  deinit {
    GDAL.collecting { _ in
      GDALGroupRelease(root)
      GDALClose(dataset)
    }
  }

  /// Every array, by full name.
  func arrays() -> [MultidimensionalArray] {
    GDAL.collecting { _ in
      var found: [MultidimensionalArray] = []
      var visited = 0
      func visit(_ group: GDALGroupH, depth: Int) {
        visited += 1
        let names = GDALGroupGetMDArrayNames(group, nil)
        for name in GDALStrings.array(names) where found.count < 5000 {
          if let handle = GDALGroupOpenMDArray(group, name, nil) {
            found.append(MultidimensionalArray(handle))
          }
        }
        CSLDestroy(names)
        guard depth < 12 else { return }
        let groups = GDALGroupGetGroupNames(group, nil)
        for name in GDALStrings.array(groups) where visited < 20_000 {
          if let child = GDALGroupOpenGroup(group, name, nil) {
            visit(child, depth: depth + 1)
            GDALGroupRelease(child)
          }
        }
        CSLDestroy(groups)
      }
      visit(root, depth: 0)
      return found
    }
  }
}

/// One array of GDAL.
final class MultidimensionalArray {
  let name: String
  let dimensions: [Int]
  let dimensionNames: [String]
  let type: SampleType?
  let blockSizes: [Int]
  fileprivate let handle: GDALMDArrayH

  fileprivate init(_ handle: GDALMDArrayH) {
    self.handle = handle
    name = GDALMDArrayGetFullName(handle).map { String(cString: $0) } ?? ""
    var count = 0
    let list = GDALMDArrayGetDimensions(handle, &count)
    dimensions = (0..<count).map { Int(clamping: GDALDimensionGetSize(list?[$0])) }
    dimensionNames = (0..<count).map { GDALDimensionGetName(list?[$0]).map { String(cString: $0) } ?? "" }
    GDALReleaseDimensions(list, count)
    let blocks = GDALMDArrayGetBlockSize(handle, &count)
    blockSizes = (0..<count).map { Int(clamping: blocks?[$0] ?? 0) }
    VSIFree(blocks)
    let dataType = GDALMDArrayGetDataType(handle)
    let isNumeric = GDALExtendedDataTypeGetClass(dataType) == GEDTC_NUMERIC
    type = isNumeric ? GDALExtendedDataTypeGetNumericDataType(dataType).sampleType : nil
    GDALExtendedDataTypeRelease(dataType)
  }

  deinit { GDALMDArrayRelease(handle) }

  /// Bytes of a block when it is unpacked.
  var blockBytes: Int { blockSizes.reduce(type?.size ?? 8) { Int.product($0, max(1, $1)) } }

  var unit: String? { GDALMDArrayGetUnit(handle).map { String(cString: $0) } }
  var nodata: Double? { optional { GDALMDArrayGetNoDataValueAsDouble(handle, $0) } }
  var scale: Double? { optional { GDALMDArrayGetScale(handle, $0) } }
  var offset: Double? { optional { GDALMDArrayGetOffset(handle, $0) } }

  /// The reference system that GDAL makes of the file's conventions, as WKT.
  var spatialReference: String? {
    GDAL.collecting { _ in
      let reference = GDALMDArrayGetSpatialRef(handle)
      defer { OSRDestroySpatialReference(reference) }
      return wellKnownText(reference)
    }
  }

  /// A text attribute.
  func text(_ name: String) -> String? {
    attribute(name) { handle in GDALAttributeReadAsString(handle).map { String(cString: $0) } }
  }

  /// The numbers of an attribute; nil where it is no number.
  func numbers(_ name: String) -> [Double]? {
    attribute(name) { handle in
      let type = GDALAttributeGetDataType(handle)
      defer { GDALExtendedDataTypeRelease(type) }
      guard GDALExtendedDataTypeGetClass(type) == GEDTC_NUMERIC else { return nil }
      var count = 0
      guard let values = GDALAttributeReadAsDoubleArray(handle, &count) else { return nil }
      defer { VSIFree(values) }
      return Array(UnsafeBufferPointer(start: values, count: min(count, 1 << 20)))
    }
  }

  private func attribute<Value>(_ name: String, _ read: (GDALAttributeH) -> Value?) -> Value? {
    GDAL.collecting { _ in
      guard let attribute = GDALMDArrayGetAttribute(handle, name) else { return nil }
      defer { GDALAttributeRelease(attribute) }
      return read(attribute)
    }
  }

  private func optional(_ read: (UnsafeMutablePointer<Int32>) -> Double) -> Double? {
    var has: Int32 = 0
    let value = read(&has)
    return has != 0 ? value : nil
  }

  /// All numbers of a 1-D array.
  func doubles() -> [Double]? {
    guard dimensions.count == 1, dimensions[0] > 0, dimensions[0] <= 1 << 20, blockBytes <= 64 << 20 else { return nil }
    var values = [Double](repeating: 0, count: dimensions[0])
    let isRead = values.withUnsafeMutableBytes { memory in
      memory.baseAddress.map {
        read(start: [0], count: dimensions, step: [1], strides: [1], type: GDT_Float64, into: $0) == nil
      } ?? false
    }
    return isRead ? values : nil
  }

  /// Reads a block; strides count elements. Returns GDAL's complaint, or nil.
  fileprivate func read(
    start: [Int], count: [Int], step: [Int], strides: [Int], type: GDALDataType,
    into memory: UnsafeMutableRawPointer
  ) -> String? {
    GDAL.collecting { messages in
      let dataType = GDALExtendedDataTypeCreate(type)
      defer { GDALExtendedDataTypeRelease(dataType) }
      let isRead = GDALMDArrayRead(
        handle, start.map { GUInt64($0) }, count, step.map { GInt64($0) }, strides.map { GPtrDiff_t($0) },
        dataType,
        memory, nil, 0)
      return isRead != 0 ? nil : messages.reason ?? "GDAL cannot read \(name)"
    }
  }
}

/// A cube in an array of GDAL.
struct MultidimensionalSource: CubeArraySource {
  let container: MultidimensionalContainer
  let array: MultidimensionalArray
  let axes: ArrayAxes
  let path: String
  let shape: CubeShape
  let type: SampleType

  init(container: MultidimensionalContainer, array: MultidimensionalArray, axes: ArrayAxes, path: String) throws {
    guard let type = array.type else {
      throw RasterError.unsupported(
        path: path, feature: array.name, advice: "choose a numeric array with \(option: "variable")")
    }
    (self.container, self.array, self.axes, self.path, self.type) = (container, array, axes, path, type)
    shape = axes.shape(array.dimensions)
    guard shape.bands <= 1 << 22 else {
      throw RasterError.unreadable(
        path: path, reason: "\(array.name) has \(shape.bands) bands, more than any instrument")
    }
  }

  var blockLines: Int { array.blockSizes.count > axes.line ? max(1, array.blockSizes[axes.line]) : 1 }

  var interleave: Interleave {
    guard let band = axes.band else { return .bsq }
    return band > max(axes.line, axes.sample) ? .bip : band < min(axes.line, axes.sample) ? .bsq : .bil
  }

  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    block.prepare(
      type: type, interleave: interleave, lines: window.lines, samples: window.samples, bands: bands.count)
    guard let memory = block.bytes.baseAddress else { return }
    for run in ENVIReader.runs(bands) {
      var (start, count, strides) = (
        [Int](repeating: 0, count: array.dimensions.count),
        [Int](repeating: 1, count: array.dimensions.count),
        [Int](repeating: 0, count: array.dimensions.count)
      )
      (start[axes.line], count[axes.line], strides[axes.line]) = (
        window.line, window.lines, block.lineStride / type.size
      )
      (start[axes.sample], count[axes.sample], strides[axes.sample]) = (
        window.sample, window.samples, block.pixelStride / type.size
      )
      if let band = axes.band {
        (start[band], count[band], strides[band]) = (run.band, run.count, block.bandStride / type.size)
      }
      let complaint = array.read(
        start: start, count: count, step: [Int](repeating: 1, count: count.count), strides: strides,
        type: GDALDataType(type), into: memory + run.position * block.bandStride)
      if let complaint { throw RasterError.inputOutput(path: path, action: "reading", reason: complaint) }
    }
  }
}
