import HSICore

/// Damaged files for parsers.
public enum FileMutation {
  /// One to four random changes of a valid file: bytes set, bits flipped, pieces cut, doubled or overwritten with
  /// numbers that are easily mistaken for sizes.
  ///
  /// - Parameter heads: lengths of the starts of the file, where most changes go.
  public static func mutated(
    _ original: [UInt8], heads: [Int] = [600, 64], _ random: inout CounterRandom
  ) -> [UInt8] {
    var bytes = original
    for _ in 0...random.index(below: 4) where !bytes.isEmpty {
      // Most changes go where the structure is: the start and the end.
      let region = min(bytes.count, ([bytes.count] + heads)[random.index(below: heads.count + 1)])
      var place = random.index(below: region)
      if random.index(below: 4) == 0 { place = bytes.count - 1 - place }
      switch random.index(below: 7) {
      case 0: bytes[place] = UInt8(random.index(below: 256))
      case 1: bytes[place] ^= 1 << UInt8(random.index(below: 8))
      case 2: bytes.removeSubrange(place...)
      case 3: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.index(below: 8)))
      case 4:
        let end = min(bytes.count, place + 1 + random.index(below: 40))
        bytes.insert(contentsOf: bytes[place..<end], at: random.index(below: bytes.count + 1))
      case 5:
        let numbers: [UInt64] = [0, 1, .max, .max >> 1, 1 << 63, 1 << 32, (1 << 32) - 1, 1 << 31, 1 << 40]
        let value = numbers[random.index(below: numbers.count)]
        let width = [1, 2, 4, 8][random.index(below: 4)]
        for i in 0..<width where place + i < bytes.count {
          bytes[place + i] = UInt8(truncatingIfNeeded: value >> (8 * i))
        }
      default:
        let digits = Array("0123456789[]{}\",:-.()tRq\u{80}".utf8)
        bytes[place] = digits[random.index(below: digits.count)]
      }
    }
    return bytes
  }
}
