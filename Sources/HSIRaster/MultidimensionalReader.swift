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
    if location.isFolder {
      return [".zarray", ".zgroup", ".zmetadata"].contains { VSI.isFile(location.file + "/" + $0) }
    }
    let isNetCDF3 = [1, 2, 5].contains { location.starts(with: [0x43, 0x44, 0x46, $0]) }
    return isNetCDF3 || !location.isLocal && MATLABFormat.isVersion73(location.firstBytes)
  }

  public static func open(
    _ location: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> any CubeReader {
    let path = location.given
    let container = try MultidimensionalContainer(location.file, path: path)
    let wanted = (location.part ?? options.variable).map { $0.hasPrefix("/") ? $0 : "/" + $0 }
    let array = try choice(container, wanted: wanted, path: path)
    let rank = array.dimensions.count
    guard rank == 2 || rank == 3 else {
      throw RasterError.unsupported(
        path: path, feature: "\(array.name) of \(rank) axes",
        advice: "choose an array of 2 or 3 axes with \(option: "variable")")
    }
    let found = rank == 3 ? wavelengths(container, array) : nil
    let axes: ArrayAxes
    if let text = options.axes {
      axes = try ArrayAxes(text, rank: rank)
    } else if rank == 2 {
      axes = ArrayAxes(line: 0, sample: 1, band: nil)
    } else if let band = found?.axis
      ?? array.dimensionNames.firstIndex(where: { spectralNames.contains($0.lowercased()) })
    {
      let others = (0..<3).filter { $0 != band }
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
    if let nodata = array.nodata {
      metadata.nodata = [Double?](repeating: nodata, count: bands)
      metadata.sources["nodata"] = .gdal
    }
    if let scale = array.scale, scale != 0 { metadata.scale = [Double](repeating: scale, count: bands) }
    if let offset = array.offset { metadata.offset = [Double](repeating: offset, count: bands) }
    if array.scale != nil || array.offset != nil { metadata.sources["scale"] = .gdal }
    return try ArrayReader(
      path: path, format: container.driver, files: [location.file], metadata: metadata, source: source,
      owner: container)
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
    let cubes = arrays.filter { $0.dimensions.count == 3 }
    let images = arrays.filter { $0.dimensions.count == 2 }
    if cubes.count == 1 { return cubes[0] }
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
    for candidate in container.arrays() where candidate.dimensions.count == 1 && candidate.type != nil {
      let name = candidate.name.split(separator: "/").last.map { $0.lowercased() } ?? ""
      guard name.hasPrefix("wavelength") || name.hasPrefix("band_cent") || ["wl", "lambda"].contains(name),
        let axis = array.dimensions.lastIndex(of: candidate.dimensions[0]), let values = candidate.doubles()
      else { continue }
      return (
        axis,
        FoundWavelengths(
          values: values, fwhm: nil, unit: candidate.unit, place: candidate.name, source: .gdal)
      )
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
    let opened = GDAL.collecting { messages in
      (GDALOpenEx(name, UInt32(GDAL_OF_MULTIDIM_RASTER), nil, nil, nil), messages.reason)
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
      func visit(_ group: GDALGroupH, depth: Int) {
        let names = GDALGroupGetMDArrayNames(group, nil)
        for name in GDALStrings.array(names) where found.count < 5000 {
          if let handle = GDALGroupOpenMDArray(group, name, nil) {
            found.append(MultidimensionalArray(handle))
          }
        }
        CSLDestroy(names)
        guard depth < 12 else { return }
        let groups = GDALGroupGetGroupNames(group, nil)
        for name in GDALStrings.array(groups) {
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

  var unit: String? { GDALMDArrayGetUnit(handle).map { String(cString: $0) } }
  var nodata: Double? { optional { GDALMDArrayGetNoDataValueAsDouble(handle, $0) } }
  var scale: Double? { optional { GDALMDArrayGetScale(handle, $0) } }
  var offset: Double? { optional { GDALMDArrayGetOffset(handle, $0) } }

  private func optional(_ read: (UnsafeMutablePointer<Int32>) -> Double) -> Double? {
    var has: Int32 = 0
    let value = read(&has)
    return has != 0 ? value : nil
  }

  /// All numbers of a 1-D array.
  func doubles() -> [Double]? {
    guard dimensions.count == 1, dimensions[0] > 0, dimensions[0] <= 1 << 20 else { return nil }
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
