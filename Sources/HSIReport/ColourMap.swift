import Foundation
import HSICore

/// A sequence of 256 colours from the low to the high end of a map.
public struct ColourMap: Sendable {
  /// Name, as in a legend.
  public let name: String
  /// 256 colours, low to high.
  public let table: [Colour]

  /// Viridis: equal steps of value look like equal steps of colour, lightness rises throughout, readable with all
  /// common colour-vision deficiencies and in grey print. (Smith and van der Walt, 2015, CC0; 33 nodes.)
  public static let viridis = ColourMap(
    name: "viridis",
    nodes: [
      0x440154, 0x470D60, 0x48186A, 0x482374, 0x472D7B, 0x453781, 0x424086, 0x3E4989, 0x3B528B, 0x375B8D,
      0x33638D,
      0x2F6B8E, 0x2C728E, 0x297A8E, 0x26828E, 0x23898E, 0x21918C, 0x1F988B, 0x1FA088, 0x22A785, 0x28AE80,
      0x32B67A,
      0x3FBC73, 0x4EC36B, 0x5EC962, 0x70CF57, 0x84D44B, 0x98D83E, 0xADDC30, 0xC2DF23, 0xD8E219, 0xECE51B,
      0xFDE725,
    ])

  /// Cividis: blue to yellow, the same to readers with and without red-green deficiency.
  /// (Nuñez, Anderton, Renslow, PLoS ONE 2018; 33 nodes.)
  public static let cividis = ColourMap(
    name: "cividis",
    nodes: [
      0x00224E, 0x00285B, 0x002E6A, 0x053371, 0x1A386F, 0x273E6E, 0x32436D, 0x3B496C, 0x434E6C, 0x4B546C,
      0x535A6D,
      0x5A5F6E, 0x61656F, 0x686A71, 0x6F7073, 0x767676, 0x7D7C78, 0x848279, 0x8C8878, 0x938E78, 0x9B9476,
      0xA39A74,
      0xABA072, 0xB4A76F, 0xBCAE6C, 0xC4B468, 0xCDBB63, 0xD5C25E, 0xDEC958, 0xE7D150, 0xF0D846, 0xF9E03A,
      0xFEE838,
    ])

  /// Black to white in equal steps of the encoded value.
  public static let grey = ColourMap(name: "grey", nodes: [0x000000, 0xFFFFFF])

  init(name: String, nodes: [UInt32]) {
    self.name = name
    let colours = nodes.map { Colour($0) }
    table = (0..<256).map { index in
      let place = Double(index) / 255 * Double(colours.count - 1)
      let node = min(Int(clamping: place), colours.count - 2)
      let (a, b, t) = (colours[node], colours[node + 1], place - Double(node))
      func mix(_ u: UInt8, _ v: UInt8) -> UInt8 { UInt8((Double(u) * (1 - t) + Double(v) * t).rounded()) }
      return Colour(mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue))
    }
  }

  /// The colour at `fraction` of the way from low to high, clipped to 0…1.
  public func colour(at fraction: Double) -> Colour {
    table[Int(clamping: (min(max(fraction, 0), 1) * 255).rounded())]
  }

  /// A picture of a map: values between the ends of `range` go from the first to the last colour, values outside
  /// take the end colours, NaN and ±Inf are transparent.
  ///
  /// - Parameters:
  ///   - values: `width · height`, row-major.
  ///   - range: lower and upper end of the colours; equal ends give the middle colour.
  public func image(_ values: [Float], width: Int, height: Int, range: ClosedRange<Double>) -> RGBImage {
    precondition(values.count == width * height, "\(values.count) values for \(width) × \(height)")
    var picture = RGBImage(width: width, height: height)
    let span = range.upperBound - range.lowerBound
    picture.pixels.withUnsafeMutableBufferPointer { bytes in
      for (i, value) in values.enumerated() where value.isFinite {
        let colour = colour(at: span > 0 ? (Double(value) - range.lowerBound) / span : 0.5)
        bytes[4 * i] = colour.red
        bytes[4 * i + 1] = colour.green
        bytes[4 * i + 2] = colour.blue
        bytes[4 * i + 3] = 255
      }
    }
    return picture
  }
}

/// One picture of all abundances: every pixel gets the mean of the endmember colours, weighted by abundance and
/// taken in linear light, so that a half-half mixture looks like light of both.
public enum AbundanceComposite {
  /// The composite of the valid pixels of an image.
  ///
  /// - Parameters:
  ///   - abundances: N × K; negative and non-finite weights count as 0, rows are divided by their sum.
  ///   - positions: place of each row in the image, `line · width + sample`; other pixels stay transparent.
  ///   - colours: K colours, by default `CategoricalPalette`.
  public static func image(
    _ abundances: PixelMatrix, positions: [Int32], width: Int, height: Int, colours: [Colour]? = nil
  ) -> RGBImage {
    precondition(abundances.rows == positions.count, "one position per pixel")
    var picture = RGBImage(width: width, height: height)
    let count = abundances.columns
    let linear = (colours ?? CategoricalPalette.colours(count)).map(\.linear)
    precondition(linear.count == count, "one colour per endmember")
    picture.pixels.withUnsafeMutableBufferPointer { bytes in
      for (n, position) in positions.enumerated() {
        let row = abundances.row(n)
        var (light, sum) = (SIMD3<Double>.zero, 0.0)
        for k in 0..<count where row[k].isFinite && row[k] > 0 {
          light += Double(row[k]) * linear[k]
          sum += Double(row[k])
        }
        guard sum > 0 else { continue }
        let colour = Colour(linear: light / sum)
        let p = 4 * Int(position)
        (bytes[p], bytes[p + 1], bytes[p + 2], bytes[p + 3]) = (colour.red, colour.green, colour.blue, 255)
      }
    }
    return picture
  }
}
