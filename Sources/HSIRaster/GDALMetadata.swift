import CGDAL
import Foundation
import HSICore

/// The metadata of a cube as GDAL shows it.
enum GDALMetadata {
  /// Reads wavelengths, bad bands, nodata, scale, names, classes and georeference.
  static func read(_ dataset: GDALDatasetH, bands: Int, path: String, context: RunContext) -> CubeMetadata {
    var metadata = CubeMetadata(bands: bands)
    let handles = (1...max(1, bands)).compactMap { GDALGetRasterBand(dataset, Int32($0)) }
    let descriptions = handles.map { GDALGetDescription($0).map { String(cString: $0) } ?? "" }
    let envi = items(dataset, "ENVI")

    if let found = wavelengths(dataset, handles, descriptions, envi: envi) {
      found.install(in: &metadata, path: path, context: context)
    }
    let listed = envi["bbl"].flatMap(numbers) ?? all(handles.map { items($0, nil)["bbl"] })
    if let flags = listed, flags.count == bands {
      for (band, flag) in flags.enumerated() where flag == 0 { metadata.axis.good[band] = false }
      metadata.sources["goodBands"] = .gdal
    }
    // Descriptions made from wavelengths say nothing new.
    let isNamed = descriptions.enumerated().contains { band, text in
      !text.isEmpty
        && text != metadata.axis.wavelengths.map { GeoTIFFMetadata.description(of: band, at: $0[band]) }
    }
    if isNamed {
      metadata.bandNames = descriptions.enumerated().map {
        strippingWavelength($0.element, wavelength: metadata.axis.wavelengths?[$0.offset])
      }
    }
    for (band, handle) in handles.enumerated() {
      metadata.nodata[band] = nodata(handle)
      var found: Int32 = 0
      let scale = GDALGetRasterScale(handle, &found)
      if found != 0, scale.isFinite, scale != 0 { metadata.scale[band] = scale }
      let offset = GDALGetRasterOffset(handle, &found)
      if found != 0, offset.isFinite { metadata.offset[band] = offset }
    }
    if metadata.nodata.contains(where: { $0 != nil }) { metadata.sources["nodata"] = .gdal }
    if metadata.scale.contains(where: { $0 != 1 }) || metadata.offset.contains(where: { $0 != 0 }) {
      metadata.sources["scale"] = .gdal
    }
    metadata.georeference = GDALGeoreference.read(dataset)
    if metadata.georeference != nil { metadata.sources["georeference"] = .gdal }
    metadata.defaultRGB = envi["default_bands"].flatMap(numbers).flatMap { values in
      let rgb = values.compactMap { Int(exactly: $0) }
      return rgb.count == 3 && rgb.allSatisfy { (1...bands).contains($0) } ? rgb.map { $0 - 1 } : nil
    }
    let plain = items(dataset, nil)
    metadata.acquired = items(dataset, "IMAGERY")["ACQUISITIONDATETIME"] ?? envi["acquisition_time"]
    metadata.sensor = envi["sensor_type"] ?? plain["SENSOR"]
    metadata.summary = plain["TIFFTAG_IMAGEDESCRIPTION"]
    readClasses(handles, into: &metadata)
    if let product = plain["HSI_PRODUCT"] ?? plain["HSI_QUANTITY"], let quantity = Quantity(rawValue: product) {
      metadata.quantity = quantity
      metadata.sources["quantity"] = .gdal
    }
    metadata.extra = GDALStrings.pairs(GDALGetMetadata(dataset, "ENVI")).compactMap { key, value in
      let name = key.replacing("_", with: " ")
      let field = HeaderField(name, value)
      return ENVIMetadata.isCarried(field, scale: metadata.scale) ? field : nil
    }
    return metadata
  }

  /// Nodata of a band, also of 64-bit integers.
  private static func nodata(_ band: GDALRasterBandH) -> Double? {
    var found: Int32 = 0
    switch GDALGetRasterDataType(band) {
    case GDT_Int64:
      let value = GDALGetRasterNoDataValueAsInt64(band, &found)
      return found != 0 ? Double(value) : nil
    case GDT_UInt64:
      let value = GDALGetRasterNoDataValueAsUInt64(band, &found)
      return found != 0 ? Double(value) : nil
    default:
      let value = GDALGetRasterNoDataValue(band, &found)
      return found != 0 ? value : nil
    }
  }

  /// The first place that has wavelengths: band `IMAGERY`, band items, dataset `ENVI`, dataset items, descriptions.
  private static func wavelengths(
    _ dataset: GDALDatasetH, _ bands: [GDALRasterBandH], _ descriptions: [String], envi: [String: String]
  ) -> FoundWavelengths? {
    let imagery = bands.map { items($0, "IMAGERY") }
    if let values = all(imagery.map { $0["CENTRAL_WAVELENGTH_UM"] }) {
      return FoundWavelengths(
        values: values, fwhm: all(imagery.map { $0["FWHM_UM"] }), unit: "um",
        place: "the band domain IMAGERY",
        source: .gdal)
    }
    let headers = bands.map { items($0, "ENVI") }
    if let values = all(headers.map { $0["wavelength"] ?? $0["wavelengths"] }) {
      return FoundWavelengths(
        values: values, fwhm: all(headers.map { $0["fwhm"] }),
        unit: headers[0]["wavelength_units"] ?? envi["wavelength_units"], place: "the band domain ENVI", source: .gdal)
    }
    let own = bands.map { items($0, nil) }
    for (key, unit) in [
      ("wavelength", nil), ("WAVELENGTH", nil), ("wavelength_nm", "nm"), ("center_wavelength", nil),
      ("CENTER_WAVELENGTH", nil), ("central_wavelength", nil), ("CentralWavelength", nil),
      ("radiation_wavelength", nil),
      ("NETCDF_DIM_wavelength", nil), ("NETCDF_DIM_wavelengths", nil), ("NETCDF_DIM_wl", nil),
    ] as [(String, String?)] {
      if let values = all(own.map { $0[key].map(withoutUnit) }) {
        let named = own.first.flatMap {
          $0["wavelength_units"] ?? $0["WAVELENGTH_UNITS"] ?? $0["WAVELENGTH_UNIT"] ?? $0["wavelength_unit"]
            ?? unitBehind($0[key] ?? "")
        }
        return FoundWavelengths(
          values: values,
          fwhm: all(own.map { ($0["fwhm"] ?? $0["FWHM"] ?? $0["BANDWIDTH"] ?? $0["bandwidth"]).map(withoutUnit) })
            ?? envi["fwhm"].flatMap(numbers),
          unit: unit ?? named, place: "the band items `\(key)`", source: .gdal)
      }
    }
    if let low = all(own.map { $0["WavelengthMin"] }), let high = all(own.map { $0["WavelengthMax"] }) {
      return FoundWavelengths(
        values: zip(low, high).map { ($0 + $1) / 2 }, fwhm: zip(low, high).map { $1 - $0 }, unit: nil,
        place: "the band items WavelengthMin and WavelengthMax", source: .gdal)
    }
    let plain = items(dataset, nil)
    for (source, place) in [(envi, "the domain ENVI"), (plain, "the dataset items")] {
      let listed =
        source["wavelength"] ?? source["wavelengths"] ?? source["WAVELENGTHS"] ?? source["WAVELENGTH"]
        ?? source["Wavelengths"]
      if let values = listed.flatMap(numbers) {
        return FoundWavelengths(
          values: values, fwhm: (source["fwhm"] ?? source["FWHM"]).flatMap(numbers),
          unit: source["wavelength_units"] ?? source["WAVELENGTH_UNITS"] ?? source["wavelength_unit"],
          place: place,
          source: .gdal)
      }
    }
    if let found = cubeLabel(dataset, bands: bands.count) { return found }
    let numbered = bands.indices.map { plain["Band_\($0 + 1)"].flatMap(wavelengthInDescription) }
    for (list, place) in [
      (numbered, "the items Band_1 …"), (descriptions.map(wavelengthInDescription), "the band descriptions"),
    ] {
      let values = list.compactMap { $0 }
      if values.count == bands.count {
        return FoundWavelengths(values: values, unit: "nm", place: place, source: .gdal)
      }
    }
    // Names such as `Band_503`: all alike but for a number that can only be a wavelength.
    let named = descriptions.map(numberInName)
    if named.count > 1, !named.contains(where: { $0 == nil }), Set(named.map { $0?.prefix ?? "" }).count == 1 {
      let values = named.compactMap { $0?.number }
      let isSteady = zip(values, values.dropFirst()).allSatisfy { $0 < $1 }
      let counts = zip(values, values.dropFirst()).allSatisfy { $1 - $0 == 1 }
      if isSteady, !counts, values[0] >= 200, values[values.count - 1] <= 20_000 {
        return FoundWavelengths(values: values, unit: "nm", place: "the names of the bands", source: .inferred)
      }
    }
    return nil
  }

  /// The centres of an ISIS label: `BandBin` with `Center` and `Width`, in µm or the unit that stands behind them.
  private static func cubeLabel(_ dataset: GDALDatasetH, bands: Int) -> FoundWavelengths? {
    guard let list = GDALGetMetadata(dataset, "json:ISIS3"), let text = GDALStrings.array(list).first,
      let label = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
      let bin = (label["IsisCube"] as? [String: Any])?["BandBin"] as? [String: Any]
    else { return nil }
    func read(_ key: String) -> (values: [Double], unit: String?)? {
      var (value, unit) = (bin[key], String?.none)
      if let object = value as? [String: Any] { (value, unit) = (object["value"], object["unit"] as? String) }
      let all = (value as? [Any]) ?? value.map { [$0] } ?? []
      let numbers = all.compactMap { entry -> Double? in
        if let object = entry as? [String: Any] {
          unit = unit ?? object["unit"] as? String
          return (object["value"] as? NSNumber)?.doubleValue
        }
        return (entry as? NSNumber)?.doubleValue ?? (entry as? String).flatMap(parseNumber)
      }
      return numbers.count == bands ? (numbers, unit) : nil
    }
    guard let centres = read("Center") ?? read("Wavelength") else { return nil }
    return FoundWavelengths(
      values: centres.values, fwhm: read("Width")?.values, unit: centres.unit ?? "um", place: "the group BandBin",
      source: .gdal)
  }

  /// `Band_503` as `Band_` and 503.
  private static func numberInName(_ text: String) -> (prefix: String, number: Double)? {
    guard let match = text.wholeMatch(of: #/([A-Za-z_ ]{1,20}?)([0-9]{3,5}(?:\.[0-9]+)?)/#), let value = Double(match.2)
    else { return nil }
    return (String(match.1), value)
  }

  private static func withoutUnit(_ text: String) -> String {
    String(text.trimmingCharacters(in: .whitespaces).prefix { $0.isNumber || ".+-eE".contains($0) })
  }

  private static func unitBehind(_ text: String) -> String? {
    let rest = text.trimmingCharacters(in: .whitespaces).drop { $0.isNumber || ".+-eE".contains($0) }
      .trimmingCharacters(in: .whitespaces)
    return rest.isEmpty ? nil : rest
  }

  private static func readClasses(_ bands: [GDALRasterBandH], into metadata: inout CubeMetadata) {
    guard bands.count == 1, let band = bands.first else { return }
    let names = GDALStrings.array(GDALGetRasterCategoryNames(band))
    let table = GDALGetRasterColorTable(band)
    guard !names.isEmpty else { return }
    metadata.classes = names.enumerated().map { position, name in
      guard let table, position < GDALGetColorEntryCount(table),
        let entry = GDALGetColorEntry(table, Int32(position))
      else { return ClassEntry(name: name, colour: [0, 0, 0]) }
      let colour = [entry.pointee.c1, entry.pointee.c2, entry.pointee.c3].map { UInt8(clamping: Int($0)) }
      return ClassEntry(name: name, colour: colour)
    }
    metadata.quantity = .class
    metadata.sources["quantity"] = .gdal
  }

  /// One domain of a dataset or band.
  static func items(_ object: GDALMajorObjectH, _ domain: String?) -> [String: String] {
    Dictionary(GDALStrings.pairs(GDALGetMetadata(object, domain)).map { ($0.key, $0.value) }) { first, _ in
      first
    }
  }

  /// The numbers of `{1, 2}` or `1 2`.
  static func numbers(_ text: String) -> [Double]? {
    ENVIHeader.numbers(in: text.replacing("\r", with: " "))
  }

  private static func all(_ texts: [String?]) -> [Double]? {
    let values = texts.compactMap { $0.flatMap(parseNumber) }
    return values.count == texts.count && !values.isEmpty ? values : nil
  }
}
