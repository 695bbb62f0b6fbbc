import Foundation
import HSICore

/// Which bands of a file to use.
public enum BandSelection: Hashable, Sendable {
  /// The good ones (all where the file lists no bad ones).
  case good
  /// All, bad ones included.
  case all
  /// These 0-based bands in this order, whether good or bad.
  case list([Int])
  /// The good ones whose centre lies in one of the ranges (nm, ends included).
  case wavelengths([ClosedRange<Double>])

  /// Parses a list of 1-based bands, `1-5,9` (order and repeats kept).
  ///
  /// - Throws: `CoreError.invalidParameter`.
  public static func parse(bands text: String) throws -> BandSelection {
    func wrong() -> CoreError {
      .invalidParameter(
        name: "the band list", value: "'\(text)'", requirement: "numbers from 1 such as 1-5,9")
    }
    var result: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
        Int($0.trimmingCharacters(in: .whitespaces))
      }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first >= 1,
        last >= 1,
        abs(last - first) < 1_000_000, result.count < 1_000_000
      else { throw wrong() }
      result += first <= last ? Array((first - 1)...(last - 1)) : ((last - 1)...(first - 1)).reversed()
    }
    guard !result.isEmpty else { throw wrong() }
    return .list(result)
  }

  /// Parses ranges of wavelengths in nm, `400-900,1000-1300`.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  public static func parse(wavelengths text: String) throws -> BandSelection {
    let ranges = try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
        Double($0.trimmingCharacters(in: .whitespaces))
      }
      guard ends.count == 2, let low = ends[0], let high = ends[1], low.isFinite, high.isFinite, low <= high
      else {
        throw CoreError.invalidParameter(
          name: "the wavelength ranges", value: "'\(text)'",
          requirement: "ranges in nm such as 400-900,1000-1300")
      }
      return low...high
    }
    return .wavelengths(ranges)
  }

  /// The 0-based bands of an axis.
  ///
  /// - Throws: `CoreError.invalidParameter` for bands that do not exist, ranges without bands, no good band, and
  ///   ranges where there are no wavelengths.
  public func resolve(_ axis: SpectralAxis) throws -> [Int] {
    switch self {
    case .all: return Array(0..<axis.count)
    case .good:
      guard !axis.goodBands.isEmpty else {
        throw CoreError.invalidParameter(
          name: "the bad-band list", value: "all bands",
          requirement: "some of the bands; name bands with \(option: "band list")")
      }
      return axis.goodBands
    case .list(let bands):
      if let outside = bands.first(where: { !(0..<axis.count).contains($0) }) {
        throw CoreError.invalidParameter(
          name: "band", value: "\(outside + 1)", requirement: "between 1 and \(axis.count)")
      }
      return bands
    case .wavelengths(let ranges):
      guard let wavelengths = axis.wavelengths else {
        throw CoreError.invalidParameter(
          name: "\(option: "wavelength ranges")", value: "given",
          requirement: "absent for a file without wavelengths; pass \(option: "wavelengths")")
      }
      let good = axis.goodBands
      if let empty = ranges.first(where: { range in !good.contains { range.contains(wavelengths[$0]) } }) {
        let ends = good.map { wavelengths[$0] }
        let known =
          ends.isEmpty ? "" : String(format: "; they lie between %.6g and %.6g nm", ends.min() ?? 0, ends.max() ?? 0)
        throw CoreError.invalidParameter(
          name: "\(option: "wavelength ranges")",
          value: String(format: "%.6g-%.6g", empty.lowerBound, empty.upperBound),
          requirement: "a range that holds good bands\(known)")
      }
      let bands = good.filter { band in ranges.contains { $0.contains(wavelengths[band]) } }
      return bands
    }
  }
}

/// A raster that says which pixels to use: `FILE`, `FILE:BAND`, `FILE=VALUES`, `FILE:BAND=VALUES`.
public struct MaskSelection: Hashable, Sendable {
  /// The raster, as large as the image.
  public var path: String
  /// 0-based band.
  public var band: Int
  /// Values of the pixels to use; nil for all but 0 (and the mask's nodata).
  public var values: [Double]?

  /// A mask.
  public init(path: String, band: Int = 0, values: [Double]? = nil) {
    self.path = path
    self.band = band
    self.values = values
  }

  /// Parses `FILE[:BAND][=VALUE,VALUE…]`.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  public init(parsing text: String) throws {
    func wrong() -> CoreError {
      .invalidParameter(
        name: "\(option: "mask")", value: "'\(text)'", requirement: "FILE, FILE:BAND or FILE:BAND=VALUE,VALUE")
    }
    var rest = Substring(text)
    values = nil
    band = 0
    if let equals = rest.lastIndex(of: "=") {
      let numbers = rest[rest.index(after: equals)...].split(separator: ",").map { parseNumber(String($0)) }
      guard !numbers.isEmpty, !numbers.contains(nil) else { throw wrong() }
      values = numbers.compactMap { $0 }
      rest = rest[..<equals]
    }
    if let colon = rest.lastIndex(of: ":"), let number = Int(rest[rest.index(after: colon)...]) {
      guard number >= 1 else { throw wrong() }
      band = number - 1
      rest = rest[..<colon]
    }
    guard !rest.isEmpty else { throw wrong() }
    path = String(rest)
  }
}

/// Which part of a file a command works on, and which of its pixels are valid.
public struct SelectionOptions: Sendable {
  /// When a pixel counts as "no data".
  public enum NodataPolicy: String, Sendable, CaseIterable {
    /// `all` where nodata is 0, else `any`.
    case automatic = "auto"
    /// When any good band holds the nodata value.
    case any
    /// When all good bands hold it.
    case all
    /// When no good band holds data; a value that is missing in a pixel with data (nodata, NaN, infinite) reaches the method as
    /// NaN. For those that fill missing values only: see `SelectionOptions.acceptsMissingValues`.
    case values
  }

  /// Rectangle, or the whole image.
  public var window: PixelWindow?
  /// Bands.
  public var bands: BandSelection = .good
  /// Raster of pixels to use.
  public var mask: MaskSelection?
  /// Polygons, in any vector format of GDAL, whose inside is used: pixels whose centre lies in one.
  public var cutline: String?
  /// When a pixel counts as "no data".
  public var nodataPolicy: NodataPolicy = .automatic
  /// Whether NaN in valid pixels is welcome: true for restorers that fill values, without which the policy `values` is refused.
  public var acceptsMissingValues = false
  /// Whether pixels that are 0 in all bands are left out, which is said once all lines were read; they are counted in any case.
  public var excludesZeroSpectra = false

  /// The good bands of the whole image.
  public init() {}
}
