import Foundation
import HSICore

/// TIFF files of several pages that are one cube, one band per page, as programs for microscopes and Python write it.
///
/// Pages of the size and type of most, one band each, are the bands, in their order; a page of another size or type is no part of the cube.
/// Where the description of the first page (ImageJ, OME, Python's tifffile) gives the pages more than one axis, or pages have several
/// bands, the pages are listed (`E-AMBIGUOUS`). ImageJ writes large stacks as one page and says how many images follow it: their
/// samples are read from there. Wavelengths come from OME's `EmissionWavelength` or a length at the end of the pages' descriptions.
enum TIFFPages {
  /// The cube of all pages; nil where the file has a single one, or one that is a cube by itself.
  ///
  /// - Throws: `RasterError.ambiguous`, `.unsupported` for too many pages, the errors of reading a page.
  static func open(_ first: GDALReader, _ location: RasterLocation, context: RunContext) throws -> (any CubeReader)? {
    guard first.format == "GTiff" else { return nil }
    let path = location.given
    let summary = first.metadata.summary ?? ""
    let names = first.subdatasets.filter { $0.hasPrefix("GTIFF_DIR:") }
    let axes = extents(summary)
    let declared = axes.reduce(1) { Int.product($0, $1.count) }
    func ambiguous(_ reason: String) -> RasterError {
      .ambiguous(
        path: path, choices: ["\(max(names.count, declared)) pages (\(reason))"],
        advice: "choose one with \(option: "variable") NUMBER, or write a file of one cube")
    }
    guard names.count > 1 else {
      let isStack = summary.hasPrefix("ImageJ=") || summary.hasPrefix("{") && summary.contains("\"truncated\": true")
      guard isStack, declared > 1, first.shape.bands == 1 else { return nil }
      if axes.count > 1 { throw ambiguous(text(axes)) }
      return try contiguous(first, location, count: declared, context: context)
    }
    guard names.count <= 900 else {
      throw RasterError.unsupported(
        path: path, feature: "a TIFF of \(names.count) pages", advice: "write its pages as bands of one image")
    }
    let readers = try names.map { try GDALReader($0, path: path, context: context) }
    func isLike(_ a: GDALReader, _ b: GDALReader) -> Bool {
      a.shape.lines == b.shape.lines && a.shape.samples == b.shape.samples && a.sampleType == b.sampleType
    }
    let groups = readers.map { one in readers.filter { isLike($0, one) } }
    let same = groups.max { $0.count < $1.count } ?? []
    guard same.count > 1 else { return nil }
    guard isLike(same[0], readers[0]) else { throw ambiguous("the first of another size than \(same.count) of them") }
    if same.contains(where: { $0.shape.bands > 1 }) {
      // One cube and something of its size beside it.
      if same.dropFirst().allSatisfy({ $0.shape.bands < same[0].shape.bands }) { return nil }
      throw ambiguous("some of several bands")
    }
    if axes.count > 1, declared == same.count { throw ambiguous(text(axes)) }
    if same.count < names.count {
      context.logger.info("\(path): \(names.count - same.count) pages of another size or type are left out")
    }
    context.logger.info("\(path): \(same.count) pages are taken as bands")
    let source = try ImageStackSource(same, path: path, context: context)
    return try reader(first, source: source, owner: source, pages: same, location, context: context)
  }

  private static func reader(
    _ first: GDALReader, source: any CubeArraySource, owner: AnyObject, pages: [GDALReader], _ location: RasterLocation,
    context: RunContext
  ) throws -> any CubeReader {
    let count = source.shape.bands
    var metadata = CubeMetadata(bands: count)
    metadata.georeference = first.metadata.georeference
    metadata.nodata = [Double?](repeating: first.metadata.nodata.first ?? nil, count: count)
    metadata.scale = [Double](repeating: first.metadata.scale.first ?? 1, count: count)
    metadata.offset = [Double](repeating: first.metadata.offset.first ?? 0, count: count)
    metadata.sources = first.metadata.sources.filter { ["georeference", "nodata", "scale"].contains($0.key) }
    let described = pages.compactMap { $0.metadata.summary.flatMap(wavelengthInDescription) }
    if let found = emissions(first.metadata.summary ?? "", count: count) {
      found.install(in: &metadata, path: location.given, context: context)
    } else if described.count == count {
      FoundWavelengths(values: described, unit: "nm", place: "the descriptions of the pages", source: .gdal)
        .install(in: &metadata, path: location.given, context: context)
    } else if let list = wavelengthList(first.metadata.summary ?? ""), list.count == count {
      FoundWavelengths(values: list, place: "the description of the first page", source: .gdal)
        .install(in: &metadata, path: location.given, context: context)
    }
    return try ArrayReader(
      path: location.given, format: "TIFF pages", files: first.files.isEmpty ? [location.file] : first.files,
      metadata: metadata, source: source, owner: owner)
  }

  /// Images that follow the only page of a file without pages of their own.
  private static func contiguous(
    _ first: GDALReader, _ location: RasterLocation, count: Int, context: RunContext
  ) throws -> any CubeReader {
    let type = first.sampleType
    let size = Int.product(first.shape.lines, first.shape.samples, type.size)
    guard location.isLocal, let start = first.contiguousStart(bytes: size),
      location.size >= Int.sum(start, .product(count, size))
    else {
      throw RasterError.unsupported(
        path: location.given, feature: "a stack of \(count) images of which the file describes one",
        advice: "write it again with all its pages")
    }
    let bytes = try FileBytes(location.file)
    guard let base = bytes.bytes.baseAddress, bytes.bytes.count >= start + count * size else {
      throw RasterError.truncated(path: location.given, expected: start + count * size, found: bytes.bytes.count)
    }
    context.logger.info("\(location.given): \(count) images behind one another are taken as bands")
    let array = StridedArray(
      base: base + start, shape: CubeShape(lines: first.shape.lines, samples: first.shape.samples, bands: count),
      strides: ArrayStrides(line: first.shape.samples * type.size, sample: type.size, band: size), type: type,
      isByteSwapped: location.starts(with: Array("MM".utf8)) && type.size > 1, pages: bytes)
    return try reader(first, source: array, owner: bytes, pages: [], location, context: context)
  }

  // MARK: - Descriptions

  /// The axes of more than one page that a description names.
  static func extents(_ summary: String) -> [(name: String, count: Int)] {
    var found: [(name: String, count: Int)] = []
    if summary.hasPrefix("ImageJ=") {
      var facts: [String: Int] = [:]
      for line in summary.split(whereSeparator: \.isNewline) {
        let parts = line.split(separator: "=", maxSplits: 1)
        if parts.count == 2 { facts[String(parts[0])] = Int(parts[1]) }
      }
      found = ["channels", "slices", "frames"].compactMap { name in facts[name].map { (name, $0) } }
      if found.allSatisfy({ $0.count <= 1 }), let images = facts["images"] { found = [("images", images)] }
    } else if summary.contains("<OME"), let pixels = summary.range(of: "<Pixels") {
      let tag = summary[pixels.upperBound...].prefix { $0 != ">" }
      found = [("SizeC", "channels"), ("SizeZ", "slices"), ("SizeT", "frames")].compactMap { key, name in
        attribute(key, in: String(tag)).flatMap { Int($0) }.map { (name, $0) }
      }
    } else if summary.hasPrefix("{"), let object = try? JSONSerialization.jsonObject(with: Data(summary.utf8)),
      let shape = ((object as? [String: Any])?["shape"] as? [Any])?.compactMap({ ($0 as? NSNumber)?.intValue }),
      shape.count > 2
    {
      found = shape.dropLast(2).enumerated().map { ("axis \($0.offset + 1)", $0.element) }
    }
    return found.filter { $0.count > 1 && $0.count < 1 << 20 }
  }

  private static func text(_ axes: [(name: String, count: Int)]) -> String {
    axes.map { "\($0.count) \($0.name)" }.joined(separator: " × ")
  }

  /// The wavelengths of OME's channels, in nm unless they name another unit.
  private static func emissions(_ summary: String, count: Int) -> FoundWavelengths? {
    guard summary.contains("<OME") else { return nil }
    let tags = summary.components(separatedBy: "<Channel").dropFirst().map { String($0.prefix { $0 != ">" }) }
    let values = tags.compactMap { attribute("EmissionWavelength", in: $0).flatMap(parseNumber) }
    guard values.count == count else { return nil }
    return FoundWavelengths(
      values: values, unit: attribute("EmissionWavelengthUnit", in: tags[0]) ?? "nm", place: "OME's channels",
      source: .gdal)
  }

  /// The list of `"wavelengths": [ … ]` in a description of JSON.
  private static func wavelengthList(_ summary: String) -> [Double]? {
    guard summary.hasPrefix("{"),
      let object = try? JSONSerialization.jsonObject(with: Data(summary.utf8)) as? [String: Any]
    else { return nil }
    for key in ["wavelengths", "wavelength", "wl"] {
      if let list = object[key] as? [Any] { return list.compactMap { ($0 as? NSNumber)?.doubleValue } }
    }
    return nil
  }

  private static func attribute(_ name: String, in tag: String) -> String? {
    guard let start = tag.range(of: " \(name)=\"") else { return nil }
    return String(tag[start.upperBound...].prefix { $0 != "\"" })
  }
}
