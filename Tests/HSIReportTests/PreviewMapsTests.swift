import HSICore
import Testing

@testable import HSIReport

@Suite struct PreviewMapsTests {
  @Test func everyStepthPixelIsKeptWhateverTheStrips() {
    let shape = CubeShape(lines: 11, samples: 7, bands: 1)
    for height in [1, 3, 11] {
      var maps = PreviewMaps(shape: shape, layers: 2, longestSide: 6)
      #expect(maps.step == 2 && maps.width == 4 && maps.height == 6)
      for line in stride(from: 0, to: 11, by: height) {
        let window = PixelWindow(line: line, sample: 0, lines: min(height, 11 - line), samples: 7)
        // Pixel (4, 2) is nodata.
        let positions = (0..<Int32(window.pixels)).filter { line * 7 + Int($0) != 4 * 7 + 2 }
        maps.add(window: window, positions: positions) { i, layer in
          Float(line * 7 + Int(positions[i])) + Float(layer) * 1000
        }
      }
      #expect(maps.layers[0][0] == 0 && maps.layers[1][0] == 1000)
      #expect(maps.layers[0][5 * 4 + 3] == Float(10 * 7 + 6))
      #expect(maps.layers[0][2 * 4 + 1].isNaN)
      #expect(maps.layers[0].filter(\.isNaN).count == 1)
    }
  }
}
