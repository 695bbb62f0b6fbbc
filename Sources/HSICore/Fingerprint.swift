/// A 64-bit digest of numbers, to notice that data changed; not for secrets. About 1 ns per value.
public struct Fingerprint: Sendable {
  /// The digest of all that was added.
  public private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  /// The digest of nothing.
  public init() {}

  /// Adds one word.
  public mutating func add(_ word: UInt64) {
    // FNV-1a on words, with a rotation so that high bits reach low ones.
    value = (value ^ word) &* 0x0000_0100_0000_01B3
    value = value << 23 | value >> 41
  }

  /// Adds single-precision values.
  public mutating func add(_ values: UnsafePointer<Float>, count: Int) {
    for i in 0..<count { add(UInt64(values[i].bitPattern)) }
  }

  /// Adds shape and values.
  public mutating func add(_ pixels: PixelMatrix) {
    add(UInt64(pixels.rows))
    add(UInt64(pixels.columns))
    add(pixels.pointer, count: pixels.rows * pixels.columns)
  }

  /// Adds flags.
  public mutating func add(_ flags: [Bool]) { for flag in flags { add(flag ? 1 : 0) } }

  /// Adds whole numbers.
  public mutating func add(_ numbers: [Int]) {
    add(UInt64(numbers.count))
    for number in numbers { add(UInt64(bitPattern: Int64(number))) }
  }

  /// The digest as 16 hexadecimal digits.
  public var text: String { Fingerprint.text(value) }

  /// 16 hexadecimal digits.
  public static func text(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
