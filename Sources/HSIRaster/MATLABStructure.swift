import Foundation

/// Whether a MATLAB 5 file is whole: elements that fill the file, and parts that fill their elements, to the byte.
///
/// The library that writes such files does not report writes that fail, and a write that fails once leaves a gap in the middle.
/// Everything behind a gap lies where it should not, so that the sizes do not add up.
enum MATLABStructure {
  private static let (header, tag, matrix, deepest) = (128, 8, 14, 4)

  /// Reads the sizes of all elements of an uncompressed file of this machine's byte order.
  static func isWhole(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var info = stat()
    guard fstat(descriptor, &info) == 0, info.st_size > header else { return false }
    return isFilled(descriptor, header..<Int(info.st_size), depth: 0)
  }

  /// Whether elements fill a range.
  private static func isFilled(_ descriptor: Int32, _ range: Range<Int>, depth: Int) -> Bool {
    guard depth < deepest else { return false }
    var place = range.lowerBound
    while place < range.upperBound {
      var words: (UInt32, UInt32) = (0, 0)
      guard place + tag <= range.upperBound,
        withUnsafeMutableBytes(of: &words, { pread(descriptor, $0.baseAddress, tag, off_t(place)) }) == tag
      else { return false }
      // Variables are matrices.
      guard depth > 0 || Int(words.0) == matrix else { return false }
      // A small element has its length in the upper half of the first word and its data in the second.
      if words.0 >> 16 != 0 {
        guard words.0 >> 16 <= 4 else { return false }
        place += tag
        continue
      }
      let (start, size) = (place + tag, Int(words.1))
      let end = start + (size + 7) / 8 * 8
      guard (1...18).contains(words.0), end <= range.upperBound else { return false }
      if words.0 == matrix, size > 0 {
        guard size % 8 == 0, isFilled(descriptor, start..<end, depth: depth + 1) else { return false }
      }
      place = end
    }
    return place == range.upperBound
  }
}
