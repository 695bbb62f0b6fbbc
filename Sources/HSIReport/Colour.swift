import Foundation

/// An opaque sRGB colour.
public struct Colour: Hashable, Sendable {
  public var red: UInt8
  public var green: UInt8
  public var blue: UInt8

  /// Red, green and blue, 0…255, gamma-encoded.
  public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// The colour `0xRRGGBB`.
  public init(_ hex: UInt32) {
    self.init(UInt8(hex >> 16 & 255), UInt8(hex >> 8 & 255), UInt8(hex & 255))
  }

  /// `#rrggbb`.
  public var hex: String { String(format: "#%02x%02x%02x", Int(red), Int(green), Int(blue)) }

  /// Red, green and blue in linear light, 0…1 (sRGB transfer curve, IEC 61966-2-1).
  public var linear: SIMD3<Double> {
    SIMD3(Colour.linear(red), Colour.linear(green), Colour.linear(blue))
  }

  /// The colour nearest to linear-light components, clipped to 0…1.
  public init(linear: SIMD3<Double>) {
    self.init(Colour.encoded(linear.x), Colour.encoded(linear.y), Colour.encoded(linear.z))
  }

  /// CIE lightness L*, 0…100.
  public var lightness: Double {
    let y = (linear * SIMD3(0.2126, 0.7152, 0.0722)).sum()
    return y > 216.0 / 24389 ? 116 * cbrt(y) - 16 : y * 24389 / 27
  }

  static func linear(_ byte: UInt8) -> Double {
    let v = Double(byte) / 255
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4)
  }

  static func encoded(_ value: Double) -> UInt8 {
    let v = min(max(value, 0), 1)
    return UInt8((255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055)).rounded())
  }
}

/// Colours of categories: endmembers in line charts, map titles, legends and composites.
///
/// The first six are those of Okabe and Ito, told apart with the common colour-vision deficiencies (yellow and
/// black left out: one does not show on white, the other reads as "no data"); the next ones come from Tol's muted
/// scheme. From the 13th on hues follow the golden angle and only names tell categories apart.
/// Source: Okabe, Ito, "Color universal design", 2002; Tol, SRON/EPS/TN/09-002, 2021.
public enum CategoricalPalette {
  static let fixed: [Colour] = [
    0xD55E00, 0x009E73, 0x0072B2, 0xE69F00, 0xCC79A7, 0x56B4E9, 0x882255, 0x999933, 0x332288, 0x44AA99,
    0xAA4499,
    0x117733,
  ].map { Colour($0) }

  /// The colour of category `index`, 0-based.
  public static func colour(_ index: Int) -> Colour {
    guard index >= fixed.count else { return fixed[max(0, index)] }
    let turn = (Double(index) * 0.381966).truncatingRemainder(dividingBy: 1) * 2 * .pi
    func channel(_ phase: Double) -> UInt8 { UInt8((115 + 90 * cos(turn - phase)).rounded()) }
    return Colour(channel(0), channel(2 * .pi / 3), channel(4 * .pi / 3))
  }

  /// The colours of `count` categories.
  public static func colours(_ count: Int) -> [Colour] { (0..<count).map(colour) }
}
