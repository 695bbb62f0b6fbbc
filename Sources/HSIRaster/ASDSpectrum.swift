import Foundation
import HSICore

/// Binary files of ASD spectrometers (`.asd`, `.000` …): one measured spectrum.
///
/// Layout, little endian, of the maker's description of file versions 1 to 8: a header of 484 bytes (signature `ASD`, `as2` … `as8`;
/// kind of data at byte 186, first wavelength and step in nm at 191 and 195, type of the numbers at 199, number of channels at 204,
/// version at 179), the spectrum, and since version 2 the white reference: a flag of two bytes, two times of eight bytes, a text
/// of `length` bytes behind a length of two, and as many numbers as the spectrum has. A file of kind reflectance holds the counts of
/// the target, and its reflectance is target ÷ reference; other kinds are taken as they are (`W-NO-REFLECTANCE`).
enum ASDSpectrum: SpectralLibraryFormat {
  static let name = "ASD"

  private static let header = 484

  static func matches(_ location: RasterLocation) -> Bool {
    guard !location.isFolder, location.size > header, location.firstBytes.count > 206 else { return false }
    let signature = String(decoding: location.firstBytes.prefix(3), as: UTF8.self)
    guard signature == "ASD" || signature.hasPrefix("as") && (signature.last?.isNumber ?? false) else { return false }
    // Text exports begin with words, too.
    return location.firstBytes.contains(0)
  }

  static func read(_ location: RasterLocation, options: OpenOptions, context: RunContext) throws -> SpectralLibrary {
    func wrong(_ reason: String) -> RasterError { .unreadable(path: location.given, reason: reason) }
    let bytes = try VSI.contents(location.file, limit: 64 << 20)
    func number<T: FixedWidthInteger>(_ place: Int, _: T.Type) -> T {
      bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: T.self)) }
    }
    func float(_ place: Int) -> Double { Double(Float(bitPattern: number(place, UInt32.self))) }
    let types: [UInt8: SampleType] = [0: .float32, 1: .int32, 2: .float64]
    guard let type = types[bytes[199]] else { throw wrong("its numbers are of kind \(bytes[199])") }
    let count = Int(number(204, UInt16.self))
    let (first, step) = (float(191), float(195))
    guard count > 0, first > 0, step > 0, first < 1e5, step < 1e4 else {
      throw wrong("its header gives \(count) channels from \(first) nm every \(step) nm")
    }
    func values(at place: Int) -> [Double]? {
      guard place >= 0, bytes.count >= place + count * type.size else { return nil }
      return bytes.withUnsafeBytes {
        storedNumbers($0.baseAddress! + place, count: count, type: type, isByteSwapped: false)
      }
    }
    guard var spectrum = values(at: header) else {
      throw RasterError.truncated(path: location.given, expected: header + count * type.size, found: bytes.count)
    }
    let kinds = [
      "raw counts", "reflectance", "radiance", "no units", "irradiance", "quality", "transmittance", "unknown",
      "absorbance",
    ]
    let kind = bytes[186] < kinds.count ? kinds[Int(bytes[186])] : "unknown"
    var isReflectance = false
    let flag = header + count * type.size
    let isRatio = kind == "reflectance" || kind == "transmittance"
    if isRatio, bytes.count > flag + 20,
      number(flag, UInt16.self) != 0, let reference = values(at: flag + 20 + Int(number(flag + 18, UInt16.self)))
    {
      spectrum = zip(spectrum, reference).map { $1 == 0 ? .nan : $0 / $1 }
      isReflectance = true
    }
    if !isReflectance {
      context.warn(
        "W-NO-REFLECTANCE",
        "\(location.given): it holds \(isRatio ? "no white reference" : kind); the numbers are taken as they are")
    }
    let found = FoundWavelengths(
      values: (0..<count).map { first + step * Double($0) }, fwhm: nil, unit: "nm", place: "the header", source: .header
    )
    let name = PathName(location.file).name
    return SpectralLibraryFile.library(
      names: [name.lowercased().hasSuffix(".asd") ? String(name.dropLast(4)) : name], values: spectrum, bands: count,
      found: found, path: location.given, context: context)
  }
}
