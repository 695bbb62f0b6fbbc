import Testing

@testable import HSICore

@Suite struct BoundedNumbersTests {
  @Test(arguments: [
    (0.0, 0), (2.9, 2), (-2.9, -2), (1e25, Int.max), (-1e25, Int.min), (.infinity, Int.max), (-.infinity, Int.min),
    (.nan, 0), (0x1p63, Int.max), (-0x1p63, Int.min), (0x1p62, 1 << 62),
  ])
  func fromDouble(value: Double, whole: Int) {
    #expect(Int(clamping: value) == whole)
    #expect(Int(clamping: Float(value)) == Int(clamping: Double(Float(value))))
  }

  @Test func products() {
    #expect(Int.product(3, 4, 5) == 60 && Int.product() == 1)
    #expect(Int.product(.max, 2) == .max && Int.product(1 << 31, 1 << 31, 1 << 2) == .max)
    #expect(Int.product(.max, 0) == 0 && Int.product(-1, .max) == 0)
    #expect(Int.sum(3, 4) == 7 && Int.sum(.max, 1, .max) == .max && Int.sum(-5, 2) == 2)
  }

  @Test func shapes() {
    let largest = CubeShape(lines: .max, samples: .max, bands: .max)
    #expect(largest.bytes(of: .float64) == .max && !largest.isCountable)
    let scene = CubeShape(lines: 20_000, samples: 20_000, bands: 400)
    #expect(scene.bytes(of: .int16) == 320_000_000_000 && scene.isCountable)
  }

  /// A window beyond all numbers is cut to the image, or is empty.
  @Test(arguments: [
    (PixelWindow(line: 0, sample: 0, lines: .max, samples: .max), 200),
    (PixelWindow(line: .max, sample: .max, lines: .max, samples: .max), 0),
    (PixelWindow(line: 9, sample: 0, lines: .max, samples: 20), 20),
    (PixelWindow(line: .min, sample: .min, lines: 1, samples: 1), 0),
  ])
  func windows(window: PixelWindow, pixels: Int) {
    #expect(window.clipped(to: CubeShape(lines: 10, samples: 20, bands: 3)).pixels == pixels)
  }
}
