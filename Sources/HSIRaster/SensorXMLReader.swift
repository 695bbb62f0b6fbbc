import Foundation
import HSICore

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// EnMAP and DESIS products: `…SPECTRAL_IMAGE.TIF` with wavelengths, widths and scale in `…METADATA.XML` beside it.
///
/// The image, the XML or the folder may be named. The pixels are read by GDAL (or the ENVI reader); the XML adds what
/// the image lacks. EnMAP L2A is reflectance × 10 000; other levels carry a gain and an offset per band.
public enum SensorXMLFormat: CubeFormat {
  public static let name = "EnMAP/DESIS"

  public static func matches(_ location: RasterLocation) -> Bool { files(location) != nil }

  /// The image and its metadata file.
  static func files(_ location: RasterLocation) -> (image: String, xml: String)? {
    let isImage = location.file.uppercased().contains("SPECTRAL_IMAGE")
    let isMetadata = location.fileExtension == "xml" && location.file.uppercased().contains("METADATA")
    guard location.isFolder || isImage || isMetadata else { return nil }
    let path = PathName(location.file)
    let folder = location.isFolder ? location.file : path.listedFolder
    let prefix = location.isFolder ? "" : path.folder
    func full(_ name: String) -> String { location.isFolder ? folder + "/" + name : prefix + name }
    let names = VSI.names(in: folder)
    func isImageName(_ name: String) -> Bool {
      name.uppercased().contains("SPECTRAL_IMAGE")
        && ["tif", "tiff", "bsq", "bil", "bip", "img"].contains(PathName(name).fileExtension.lowercased())
    }
    func isMetadataName(_ name: String) -> Bool {
      name.uppercased().hasSuffix("METADATA.XML")
    }
    // The part of the name before SPECTRAL_IMAGE or METADATA is that of the scene.
    func stem(_ name: String) -> String {
      let upper = name.uppercased()
      let mark = upper.range(of: "SPECTRAL_IMAGE") ?? upper.range(of: "METADATA")
      return mark.map { String(upper[..<$0.lowerBound]) } ?? upper
    }
    if isImage, isImageName(path.name) {
      guard let xml = names.first(where: { isMetadataName($0) && stem($0) == stem(path.name) }) else {
        return nil
      }
      return (location.file, full(xml))
    }
    let images = names.filter { isImageName($0) && (location.isFolder || stem($0) == stem(path.name)) }
    guard images.count == 1,
      let xml = names.first(where: { isMetadataName($0) && stem($0) == stem(images[0]) })
    else {
      return nil
    }
    return (full(images[0]), full(xml))
  }

  public static func open(
    _ location: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> any CubeReader {
    guard let files = files(location) else {
      throw RasterError.unreadable(path: location.given, reason: "there is no metadata XML beside it")
    }
    let image = try PathResolution.locate(files.image)
    let base: any CubeReader =
      ENVIFormat.matches(image)
      ? try ENVIFormat.open(image, options: options, context: context)
      : try GDALFormat.open(image, options: options, context: context)
    let record = try SensorXML(try VSI.contents(files.xml, limit: 64 << 20), path: files.xml)
    var metadata = base.metadata
    record.apply(to: &metadata, image: files.image, path: location.given, context: context)
    return MetadataDecorator(
      base, metadata: metadata, path: location.given, format: record.format, extra: [files.xml])
  }
}

/// What the metadata file of an EnMAP or DESIS product says about its bands.
struct SensorXML {
  /// One band: values by element name in lower case.
  private(set) var bands: [[String: String]] = []
  /// The first value of other elements, by name in lower case.
  private(set) var facts: [String: String] = [:]

  /// Parses the file.
  ///
  /// - Throws: `RasterError.unreadable` for broken XML or XML without bands.
  init(_ bytes: [UInt8], path: String) throws {
    let collector = BandCollector()
    // The parser of Foundation stops the program at bytes that are not UTF-8.
    guard let text = XMLText.utf8(bytes) else {
      throw RasterError.unreadable(path: path, reason: "it is no valid XML (line \(XMLText.lineOfFault(bytes)))")
    }
    guard let safe = XMLText.parsable(text) else {
      throw RasterError.unreadable(
        path: path, reason: "it declares entities, attributes or notations of its own, which hsi does not read")
    }
    let parser = XMLParser(data: Data(safe))
    parser.shouldResolveExternalEntities = false
    parser.delegate = collector
    guard parser.parse() else {
      throw RasterError.unreadable(
        path: path, reason: "it is no valid XML (line \(parser.lineNumber))")
    }
    bands = collector.bands
    facts = collector.facts
    guard !bands.isEmpty else {
      throw RasterError.unreadable(path: path, reason: "it describes no bands")
    }
  }

  private var isDESIS: Bool {
    (facts["mission"] ?? facts["sensor"] ?? "").uppercased().contains("DESIS")
      || bands.contains { $0["wavelengthwidthofband"] != nil }
  }

  var format: String { isDESIS ? "DESIS" : "EnMAP" }

  /// Adds wavelengths, widths, scale, nodata, time and sensor.
  func apply(to metadata: inout CubeMetadata, image: String, path: String, context: RunContext) {
    var rows = bands
    let upper = image.uppercased()
    if rows.count > metadata.bands {
      // Level 1B comes as one image per detector.
      if upper.contains("_VNIR") { rows = Array(rows.prefix(metadata.bands)) }
      if upper.contains("_SWIR") { rows = Array(rows.suffix(metadata.bands)) }
    }
    guard rows.count == metadata.bands else {
      context.warn(
        "W-WL-COUNT", "\(path): the XML describes \(rows.count) bands for \(metadata.bands); it is not used")
      return
    }
    func column(_ names: [String]) -> [Double]? {
      let values = rows.map { row in names.lazy.compactMap { row[$0].flatMap(parseNumber) }.first }
      return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
    }
    if let centres = column(["wavelengthcenterofband", "wavelengthcentreofband"]) {
      metadata.axis = SpectralAxis(count: metadata.bands)
      FoundWavelengths(
        values: centres, fwhm: column(["fwhmofband", "wavelengthwidthofband"]), unit: "nm",
        place: "the metadata XML", source: .product
      ).install(in: &metadata, path: path, context: context)
    }
    let level = facts["processinglevel"] ?? facts["level"] ?? facts["producttype"] ?? upper
    let isL2A = level.uppercased().contains("L2A") || upper.contains("L2A")
    if isL2A, !isDESIS {
      metadata.scale = [Double](repeating: 1e-4, count: metadata.bands)
      metadata.offset = [Double](repeating: 0, count: metadata.bands)
      metadata.sources["scale"] = .product
    } else if let gain = column(["gainofband"]) {
      metadata.scale = gain
      metadata.offset = column(["offsetofband"]) ?? [Double](repeating: 0, count: metadata.bands)
      metadata.sources["scale"] = .product
    }
    metadata.quantity = isL2A ? .reflectance : .radiance
    metadata.sources["quantity"] = .product
    if metadata.nodata.allSatisfy({ $0 == nil }) {
      metadata.nodata = [Double?](repeating: -32_768, count: metadata.bands)
      metadata.sources["nodata"] = .product
    }
    metadata.acquired = facts["starttime"] ?? metadata.acquired
    metadata.sensor = format
  }
}

/// Collects the `bandID` (EnMAP) and `band` (DESIS) elements below `bandCharacterisation`.
private final class BandCollector: NSObject, XMLParserDelegate {
  var bands: [[String: String]] = []
  var facts: [String: String] = [:]
  private var current: [String: String]?
  private var isInside = false
  private var text = ""

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String] = [:]
  ) {
    text = ""
    switch name.lowercased() {
    case "bandcharacterisation", "bandcharacterization": isInside = true
    case "bandid", "band":
      if isInside { current = attributes }
    default: break
    }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if text.utf8.count < 4096 { text += string }
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    let value = text.trimmingCharacters(in: .whitespacesAndNewlines)
    let key = name.lowercased()
    text = ""
    switch key {
    case "bandcharacterisation", "bandcharacterization": isInside = false
    case "bandid", "band":
      guard isInside, let band = current else { return }
      if bands.count < 10_000 { bands.append(band) }
      current = nil
    default:
      if current != nil {
        current?[key] = value
      } else if facts[key] == nil, !value.isEmpty, facts.count < 10_000 {
        facts[key] = value
      }
    }
  }
}

/// A reader with other metadata and further files.
final class MetadataDecorator: CubeReader {
  let path: String
  let format: String
  let metadata: CubeMetadata
  let files: [String]
  private let base: any CubeReader

  var shape: CubeShape { base.shape }
  var sampleType: SampleType { base.sampleType }
  var interleave: Interleave { base.interleave }
  var blockLines: Int { base.blockLines }

  init(_ base: any CubeReader, metadata: CubeMetadata, path: String, format: String, extra: [String]) {
    self.base = base
    self.metadata = metadata
    self.path = path
    self.format = format
    files = base.files + extra
  }

  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    try base.read(window, bands: bands, into: block)
  }
}
