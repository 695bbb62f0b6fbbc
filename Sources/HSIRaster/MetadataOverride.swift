import Foundation
import HSICore

/// A reader whose metadata the user's options have changed.
final class MetadataOverride: ConcurrentCubeReader {
  private let reader: any CubeReader
  let metadata: CubeMetadata

  var path: String { reader.path }
  var format: String { reader.format }
  var shape: CubeShape { reader.shape }
  var sampleType: SampleType { reader.sampleType }
  var interleave: Interleave { reader.interleave }
  var blockLines: Int { reader.blockLines }
  var files: [String] { reader.files + sidecars }
  var lookup: GeometryLookup? { reader.lookup }
  var blockSamples: Int? { (reader as? any ConcurrentCubeReader)?.blockSamples }
  var datasetName: String? { reader.datasetName }
  var allowsConcurrentReads: Bool { (reader as? any ConcurrentCubeReader)?.allowsConcurrentReads ?? false }

  /// Files beside the cube that the metadata come from.
  private let sidecars: [String]

  private init(_ reader: any CubeReader, metadata: CubeMetadata, sidecars: [String]) {
    self.reader = reader
    self.metadata = metadata
    self.sidecars = sidecars
  }

  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    try reader.read(window, bands: bands, into: block)
  }

  /// The reader itself, or one with the options' nodata, scale, quantity, wavelengths and sensor.
  static func apply(_ options: OpenOptions, to reader: any CubeReader, context: RunContext) throws -> any CubeReader {
    var metadata = reader.metadata
    var isChanged = false
    let bands = metadata.bands
    var sidecars: [String] = []
    if reader.format != ENVIFormat.name, let header = ENVISidecar.merge(into: &metadata, of: reader, context: context) {
      sidecars.append(header)
      isChanged = true
    }
    if metadata.axis.wavelengths == nil, options.wavelengths == nil, let file = reader.files.first,
      let found = STACBands.find(beside: file, bands: bands)
    {
      found.install(in: &metadata, path: reader.path, context: context)
      isChanged = metadata.axis.wavelengths != nil
    }
    if let nodata = options.nodata {
      if case .value(let value) = nodata {
        metadata.nodata = [Double?](repeating: value, count: bands)
      } else {
        metadata.nodata = [Double?](repeating: nil, count: bands)
      }
      metadata.sources["nodata"] = .user
      isChanged = true
    }
    if !options.isScaled {
      metadata.scale = [Double](repeating: 1, count: bands)
      metadata.offset = [Double](repeating: 0, count: bands)
      metadata.sources["scale"] = .user
      isChanged = true
    }
    if let factor = options.factor {
      metadata.scale = metadata.scale.map { $0 * factor }
      metadata.offset = metadata.offset.map { $0 * factor }
      metadata.sources["scale"] = .user
      isChanged = true
    }
    if let quantity = options.quantity {
      metadata.quantity = quantity
      metadata.sources["quantity"] = .user
      isChanged = true
    }
    if let sensor = options.sensor {
      metadata.sensor = sensor
      metadata.sources["sensor"] = .user
      isChanged = true
      if options.wavelengths == nil {
        try install(sensor: sensor, in: &metadata, path: reader.path, context: context)
      }
    }
    if let text = options.wavelengths {
      try install(text, in: &metadata, path: reader.path, context: context)
      isChanged = true
    }
    return isChanged ? MetadataOverride(reader, metadata: metadata, sidecars: sidecars) : reader
  }

  /// The nominal wavelengths of an instrument that has a table, whatever the file says.
  private static func install(
    sensor: String, in metadata: inout CubeMetadata, path: String, context: RunContext
  ) throws {
    guard let table = SensorTable.named(sensor) else {
      let meant = Suggestion.text(for: sensor, in: SensorTable.all.flatMap { [$0.name] + $0.aliases })
      guard meant.isEmpty else {
        throw CoreError.invalidParameter(
          name: "\(option: "sensor")", value: sensor + meant,
          requirement: "an instrument with a table of wavelengths, or a name that is none of them")
      }
      context.logger.info("\(path): there is no table of wavelengths for \(sensor); it is a name only")
      return
    }
    if table.install(in: &metadata, path: path, context: context) { return }
    let counts = table.counts.map { "\($0)" }.joined(separator: " or ")
    guard metadata.axis.wavelengths != nil else {
      throw RasterError.inconsistent(
        path: path, reason: "it has \(metadata.bands) bands but \(table.name) has \(counts)",
        advice: "choose another \(option: "sensor"), or give \(option: "wavelengths")")
    }
    context.logger.info("\(path): \(table.name) has \(counts) bands; the file's own wavelengths stay")
  }

  private static func install(
    _ text: String, in metadata: inout CubeMetadata, path: String, context: RunContext
  ) throws {
    let found = try WavelengthFile.read(text)
    guard found.values.count == metadata.bands else {
      throw RasterError.inconsistent(
        path: path, reason: "\(text) gives \(found.values.count) wavelengths for \(metadata.bands) bands",
        advice: "pass one wavelength per band of the file")
    }
    metadata.axis.wavelengths = nil
    metadata.axis.fwhm = nil
    found.install(in: &metadata, path: path, context: context)
    guard metadata.axis.wavelengths != nil else {
      throw RasterError.inconsistent(
        path: path, reason: "the wavelengths of \(text) cannot be understood",
        advice: "give them in nm, or name the unit in the header of the column")
    }
  }
}

/// Wavelengths that the user names: `FIRST:LAST:COUNT` in nm, an ENVI header, or a table of text.
enum WavelengthFile {
  /// Reads a specification.
  ///
  /// A table has one band per line, separated by commas, semicolons, tabs or blanks. The columns are found by their
  /// title (`wavelength`, `centre` or `center`; `fwhm`, `width` or `resolution`; a suffix `_nm` or `_um` is the
  /// unit); without titles the centre is the first column of two or less, else the second.
  static func read(_ text: String) throws -> FoundWavelengths {
    if let range = range(text) { return range }
    let bytes = try VSI.contents(text, limit: 16 << 20)
    if ENVIHeader.isHeader(bytes) {
      let header = ENVIHeader(parsing: bytes)
      guard let values = header.numbers("wavelength") ?? header.numbers("wavelengths") else {
        throw RasterError.unreadable(path: text, reason: "the header has no wavelengths")
      }
      return FoundWavelengths(
        values: values, fwhm: header.numbers("fwhm"), unit: header["wavelength units"], place: text,
        source: .user)
    }
    return try table(String(decoding: bytes, as: UTF8.self), path: text)
  }

  private static func range(_ text: String) -> FoundWavelengths? {
    let parts = text.split(separator: ":")
    guard parts.count == 3, let first = Double(parts[0]), let last = Double(parts[1]),
      let count = Int(parts[2]),
      (2...100_000).contains(count), first > 0, last > 0
    else { return nil }
    let values = (0..<count).map { first + (last - first) * Double($0) / Double(count - 1) }
    return FoundWavelengths(values: values, unit: "nm", place: "\(option: "wavelengths")", source: .user)
  }

  private static func table(_ text: String, path: String) throws -> FoundWavelengths {
    let rows = text.split(whereSeparator: { $0.isNewline }).map { line in
      line.split { ",;\t ".contains($0) }.map {
        $0.trimmingCharacters(in: CharacterSet(charactersIn: " \"'\u{FEFF}"))
      }
    }.filter { !$0.isEmpty && !$0[0].hasPrefix("#") }
    let titles = rows.first { $0.allSatisfy { parseNumber($0) == nil } }?.map { $0.lowercased() }
    let data = rows.filter { $0.contains { parseNumber($0) != nil } }
    guard let width = data.map(\.count).min(), width > 0 else {
      throw RasterError.unreadable(path: path, reason: "it holds no numbers")
    }
    func column(_ words: [String]) -> Int? {
      titles?.firstIndex { title in words.contains { title.hasPrefix($0) } }.flatMap { $0 < width ? $0 : nil }
    }
    let centre = column(["wavelength", "wl", "centre", "center", "lambda"]) ?? (width > 2 ? 1 : 0)
    let fwhm = column(["fwhm", "width", "resolution", "bandwidth"])
    let unit = titles.flatMap { titles -> String? in
      guard centre < titles.count else { return nil }
      return ["nm", "um", "µm"].first { titles[centre].hasSuffix($0) }
    }
    func values(_ column: Int) throws -> [Double] {
      try data.map { row in
        guard let value = parseNumber(row[column]) else {
          throw RasterError.unreadable(path: path, reason: "`\(row[column])` is no wavelength")
        }
        return value
      }
    }
    return FoundWavelengths(
      values: try values(centre), fwhm: try fwhm.map(values), unit: unit, place: path, source: .user)
  }
}
