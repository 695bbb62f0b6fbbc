import HSICore

/// A 64-bit digest of numbers, to notice that data changed; not for secrets. About 1 ns per value.
struct Fingerprint {
  /// The digest of all that was added.
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Adds one word.
  mutating func add(_ word: UInt64) {
    // FNV-1a on words, with a rotation so that high bits reach low ones.
    value = (value ^ word) &* 0x0000_0100_0000_01B3
    value = value << 23 | value >> 41
  }

  /// Adds shape and values.
  mutating func add(_ pixels: PixelMatrix) {
    add(UInt64(pixels.rows))
    add(UInt64(pixels.columns))
    for i in 0..<(pixels.rows * pixels.columns) { add(UInt64(pixels.pointer[i].bitPattern)) }
  }

  /// Adds flags.
  mutating func add(_ flags: [Bool]) { for flag in flags { add(flag ? 1 : 0) } }
}
