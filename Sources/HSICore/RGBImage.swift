/// An 8-bit picture with transparency: what quicklooks, maps and composites are before they become PNG.
public struct RGBImage: Hashable, Sendable {
  /// Columns.
  public let width: Int
  /// Rows.
  public let height: Int
  /// Red, green, blue, alpha (0 transparent … 255 opaque, not premultiplied) of every pixel, row-major:
  /// `4 · width · height` bytes.
  public var pixels: [UInt8]

  /// A transparent picture.
  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
    pixels = [UInt8](repeating: 0, count: 4 * width * height)
  }

  /// A picture of given RGBA bytes, row-major.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(pixels.count == 4 * width * height, "\(pixels.count) bytes for \(width) × \(height) RGBA")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// The picture made smaller by an integer factor so that no side exceeds `side` pixels: box averages in which
  /// transparent pixels do not count. Returned unchanged where it fits.
  public func fitting(_ side: Int) -> RGBImage {
    let factor = max(1, (max(width, height) + side - 1) / max(1, side))
    guard factor > 1 else { return self }
    var result = RGBImage(width: (width + factor - 1) / factor, height: (height + factor - 1) / factor)
    for y in 0..<result.height {
      for x in 0..<result.width {
        var (sum, alpha, count) = (SIMD3<Int>.zero, 0, 0)
        for j in (y * factor)..<min(height, (y + 1) * factor) {
          for i in (x * factor)..<min(width, (x + 1) * factor) {
            let p = 4 * (j * width + i)
            let a = Int(pixels[p + 3])
            sum &+= SIMD3(Int(pixels[p]), Int(pixels[p + 1]), Int(pixels[p + 2])) &* a
            alpha += a
            count += 1
          }
        }
        let q = 4 * (y * result.width + x)
        for c in 0..<3 where alpha > 0 { result.pixels[q + c] = UInt8((sum[c] + alpha / 2) / alpha) }
        result.pixels[q + 3] = UInt8((alpha + count / 2) / count)
      }
    }
    return result
  }
}
