import Foundation
import HSICore

/// Turns a picture into PNG bytes; the raster room has one that goes through GDAL.
public typealias PNGEncoder = (RGBImage) throws -> Data

/// A picture in a report.
public struct ReportPicture: Sendable {
  /// PNG bytes.
  public var png: Data
  /// Size in pixels, for the aspect on the page.
  public var width: Int
  public var height: Int

  /// Longest side of a picture in a report: the page stays small enough for a mail.
  public static let longestSide = 720

  /// A picture, made smaller where it is larger than the page needs.
  public init(_ image: RGBImage, encode: PNGEncoder) throws {
    let fitted = image.fitting(ReportPicture.longestSide)
    png = try encode(fitted)
    width = fitted.width
    height = fitted.height
  }

  /// A picture that is PNG already.
  public init(png: Data, width: Int, height: Int) {
    self.png = png
    self.width = width
    self.height = height
  }
}

/// A map of one quantity with the scale of its colours.
public struct ReportMap: Sendable {
  /// The picture.
  public var picture: ReportPicture
  /// Values at the ends of the colour bar.
  public var range: ClosedRange<Double>
  /// The colours.
  public var colours: ColourMap

  /// A map of `width · height` values, row-major, NaN where there is none.
  ///
  /// - Parameter range: ends of the colour bar; by default the 2nd and 98th percentile of the finite values.
  public init(
    _ values: [Float], width: Int, height: Int, range: ClosedRange<Double>? = nil,
    colours: ColourMap = .viridis, encode: PNGEncoder
  ) throws {
    let ends = range ?? ReportMap.percentiles(values)
    self.range = ends
    self.colours = colours
    picture = try ReportPicture(
      colours.image(values, width: width, height: height, range: ends), encode: encode)
  }

  /// One column of pixels × values (abundances) put back into the image.
  public init(
    column: Int, of pixels: PixelMatrix, positions: [Int32], width: Int, height: Int,
    range: ClosedRange<Double>? = 0...1, colours: ColourMap = .viridis, encode: PNGEncoder
  ) throws {
    var values = [Float](repeating: .nan, count: width * height)
    for (n, position) in positions.enumerated() { values[Int(position)] = pixels[n, column] }
    try self.init(values, width: width, height: height, range: range, colours: colours, encode: encode)
  }

  static func percentiles(_ values: [Float]) -> ClosedRange<Double> {
    let sorted = values.filter(\.isFinite).sorted()
    guard let last = sorted.last else { return 0...1 }
    let low = Double(sorted[Int(clamping: 0.02 * Double(sorted.count - 1))])
    let high = Double(sorted[Int(clamping: (0.98 * Double(sorted.count - 1)).rounded(.up))])
    return high > low ? low...high : low...max(low, Double(last))
  }
}
