import Foundation

/// Letters as strokes of a pen, drawn for labels in pictures, where no font file is at hand.
///
/// A glyph is a list of strokes, a stroke a list of points, a point two hexadecimal digits: x from the left, y from four units
/// below the baseline. Capitals are 11 units high, small letters 7.
enum StrokeFont {
  /// Height of capitals in units.
  static let capHeight = 11.0
  /// Room between letters, and of a blank.
  private static let (gap, blank) = (2.6, 4.6)

  /// A letter in units, with the pen's paths relative to its left end on the baseline.
  struct Glyph {
    var strokes: [[SIMD2<Double>]]
    var advance: Double
  }

  private static let shapes: [Character: String] = [
    "0": "070c2f4f6c67442407", "1": "1c3f34", "2": "0c0d2f4f6d6b0464", "3": "0d2f4f6d6c4a2a 4a6866442406",
    "4": "545f0878", "5": "6f1f0a2b4b6966442406", "6": "6d4f2f0c06244466684a2a08", "7": "0f6f24",
    "8": "2a0c0d2f4f6d6c4a2a0806244466684a", "9": "062444676d4f2f0d0b29496b",
    "A": "043f64 1858", "B": "040f4f6d6c4a0a 4a68664404", "C": "6d4f2f0c07244466", "D": "040f3f6c673404",
    "E": "6f0f0464 0a5a", "F": "6f0f04 0a5a", "G": "6d4f2f0c072444666949", "H": "040f 646f 0a6a", "I": "141f",
    "J": "5f56341406", "K": "040f 6f09 2b64", "L": "0f0464", "M": "040f488f84", "N": "040f646f",
    "O": "070c2f5f7c77542407", "P": "040f4f6d6b4909", "Q": "070c2f5f7c77542407 4874", "R": "040f4f6d6b4909 3964",
    "S": "6d4f2f0d0c2a4a6866442406", "T": "0f6f 343f", "U": "0f072444676f", "V": "0f346f", "W": "0f244c648f",
    "X": "046f 0f64", "Y": "0f3a6f 3a34", "Z": "0f6f0464",
    "a": "5b54 593b2b0906243456", "b": "0f04 092b3b5956342406", "c": "593b2b0906243456",
    "d": "5f54 593b2b0906243456", "e": "0858593b2b0906243456", "f": "4f3f1d14 0b3b",
    "g": "5b52301001 593b2b0906243456", "h": "0f04 092b3b5954", "i": "0b04 0e0f", "j": "2b211000 2e2f",
    "k": "0f04 5b07 2954", "l": "0f04", "m": "0b04 091b2b4944 495b6b8984", "n": "0b04 092b3b5954",
    "o": "0906243456593b2b09", "p": "0b00 092b3b5956342406", "q": "5b50 593b2b0906243456", "r": "0b04 092b3b4a",
    "s": "4a3b1b0a0918374645341405", "t": "1e162434 0b3b", "u": "0b06243456 5b54", "v": "0b346b",
    "w": "0b244a648b", "x": "045b 0b54", "y": "0b34 6b211000", "z": "0b5b0454",
    ".": "0405", ",": "1502", ":": "0405 090a", ";": "1502 191a", "-": "0848", "−": "0868", "–": "0868", "—": "0888",
    "+": "0868 353b", "=": "0a6a 0767", "(": "3f1c1633", ")": "0f2c2603", "[": "3f1f1333", "]": "0f2f2303",
    "/": "034f", "\\": "0f43", "_": "0363", "%": "046f 0d1f2d1b0d 4658665446", "·": "0909", "°": "0d1f2d1b0d",
    "µ": "0b00 0b06243456 5b54", "μ": "0b00 0b06243456 5b54", "'": "0f0c", "\"": "0f0c 2f2c", "!": "0f08 0404",
    "?": "0d2f4f6d6c3937 3434", "#": "143f 345f 0767 0c6c", "&": "640c0d2f3f4d4c0706243469", "*": "3d37 0b69 096b",
    "<": "5c0854", ">": "0c5804", "~": "07294769", "±": "0a6a 373d 0464", "×": "056b 0b65", "…": "0404 3434 6464",
    "|": "0f03", "{": "3f2e2a09282333", "}": "0f1e1a39181303", "ß": "040d2f4f5d5c3a5856443424",
  ]

  /// Superscripts are their letters, smaller and raised.
  private static let raised: [Character: Character] = [
    "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9", "⁻": "−",
  ]

  /// The glyph of a letter; a box for one that is not drawn. Accents are left out but for the two dots.
  static func glyph(_ letter: Character) -> Glyph {
    if letter.isWhitespace { return Glyph(strokes: [], advance: blank) }
    if let base = raised[letter] {
      var small = glyph(base)
      small.strokes = small.strokes.map { $0.map { 0.6 * $0 + SIMD2(0, 5.5) } }
      small.advance *= 0.62
      return small
    }
    let parts = String(letter).decomposedStringWithCanonicalMapping.unicodeScalars
    let base = shapes[letter] == nil ? parts.first.map { Character($0) } ?? letter : letter
    var strokes = (shapes[base] ?? "040f6f6404").split(separator: " ").map(points)
    let width = strokes.joined().map(\.x).max() ?? 0
    if parts.contains("\u{308}") {
      let top = (strokes.joined().map(\.y).max() ?? 7) + 2.5
      strokes += [0.25, 0.75].map { [SIMD2($0 * width, top), SIMD2($0 * width, top)] }
    }
    return Glyph(strokes: strokes, advance: width + gap)
  }

  /// Width of a text in units.
  static func width(_ text: some StringProtocol) -> Double { text.reduce(0) { $0 + glyph($1).advance } - gap }

  private static func points(_ text: Substring) -> [SIMD2<Double>] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { SIMD2(Double(digits[$0]), Double(digits[$0 + 1]) - 4) }
  }
}
