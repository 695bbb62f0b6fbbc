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
      return ENVIMetadata.understood.contains(ENVIHeader.normalised(name)) ? nil : HeaderField(name, value)
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
    let own = bands.map { items($0, nil) }
    for (key, unit) in [
      ("wavelength", nil), ("WAVELENGTH", nil), ("wavelength_nm", "nm"), ("center_wavelength", nil),
    ] as [(String, String?)] {
      if let values = all(own.map { $0[key] }) {
        let named = own.first.flatMap { $0["wavelength_units"] ?? $0["WAVELENGTH_UNITS"] }
        return FoundWavelengths(
          values: values, fwhm: all(own.map { $0["fwhm"] ?? $0["FWHM"] }) ?? envi["fwhm"].flatMap(numbers),
          unit: unit ?? named, place: "the band items `\(key)`", source: .gdal)
      }
    }
    let plain = items(dataset, nil)
    for (source, place) in [(envi, "the domain ENVI"), (plain, "the dataset items")] {
      if let values = (source["wavelength"] ?? source["wavelengths"]).flatMap(numbers) {
        return FoundWavelengths(
          values: values, fwhm: source["fwhm"].flatMap(numbers), unit: source["wavelength_units"],
          place: place,
          source: .gdal)
      }
    }
    let numbered = bands.indices.map { plain["Band_\($0 + 1)"].flatMap(wavelengthInDescription) }
    for (list, place) in [
      (numbered, "the items Band_1 …"), (descriptions.map(wavelengthInDescription), "the band descriptions"),
    ] {
      let values = list.compactMap { $0 }
      if values.count == bands.count {
        return FoundWavelengths(values: values, unit: "nm", place: place, source: .gdal)
      }
    }
    return nil
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
    let parts = ENVIHeader.unbraced(text).split { $0 == "," || $0.isWhitespace }
    let values = parts.map { parseNumber(String($0)) ?? .nan }
    return values.isEmpty ? nil : values
  }

  private static func all(_ texts: [String?]) -> [Double]? {
    let values = texts.compactMap { $0.flatMap(parseNumber) }
    return values.count == texts.count && !values.isEmpty ? values : nil
  }
}
