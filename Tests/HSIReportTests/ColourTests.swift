import Foundation
import HSICore
import Testing

@testable import HSIReport

@Suite struct ColourTests {
  @Test func hexAndLinearLight() {
    #expect(Colour(0xD55E00).hex == "#d55e00")
    for byte in stride(from: 0, through: 255, by: 5) {
      let grey = Colour(UInt8(byte), UInt8(byte), UInt8(byte))
      #expect(Colour(linear: grey.linear) == grey)
    }
    #expect(abs(Colour(0x777777).linear.x - 0.18447499) < 1e-7, "sRGB transfer curve at 119")
    #expect(abs(Colour(0xFFFFFF).lightness - 100) < 1e-6 && Colour(0).lightness == 0)
    #expect(abs(Colour(0x777777).lightness - 50.03) < 0.01)
  }

  @Test(arguments: [ColourMap.viridis, .cividis, .grey])
  func mapsRiseInLightnessInEqualSteps(map: ColourMap) {
    let lightness = map.table.map(\.lightness)
    for i in stride(from: 8, to: 256, by: 8) { #expect(lightness[i] > lightness[i - 8]) }
    // Steps of lightness stay within a factor of the mean step: no bands, no plateaus.
    let mean = (lightness[255] - lightness[0]) / 15
    for i in stride(from: 17, to: 256, by: 17) {
      let step = lightness[i] - lightness[i - 17]
      #expect(step > 0.4 * mean && step < 1.7 * mean, "\(map.name) \(i): \(step) of \(mean)")
    }
    #expect(map.table.count == 256)
  }

  @Test func viridisEndsAndMiddleArePublishedOnes() {
    #expect(
      ColourMap.viridis.colour(at: 0).hex == "#440154" && ColourMap.viridis.colour(at: 1).hex == "#fde725")
    #expect(ColourMap.viridis.colour(at: -1) == ColourMap.viridis.colour(at: 0))
    #expect(ColourMap.cividis.colour(at: 2).hex == "#fee838")
  }

  @Test func mapPictureLeavesGapsTransparent() {
    let picture = ColourMap.grey.image([0, 1, .nan, 2, -1, .infinity], width: 3, height: 2, range: 0...1)
    #expect(
      picture.pixels == [
        0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 0,
      ])
    let flat = ColourMap.grey.image([7], width: 1, height: 1, range: 7...7)
    #expect(flat.pixels == [128, 128, 128, 255])
  }

  @Test func categoriesCanBeToldApart() {
    let colours = CategoricalPalette.colours(12)
    #expect(Set(colours).count == 12)
    for colour in colours { #expect(colour.lightness < 75, "\(colour.hex) shows on white") }
    #expect(CategoricalPalette.colours(40).count == 40)
  }

  @Test func compositeOfPurePixelsHasTheColoursOfTheLegend() {
    let abundances = PixelMatrix(
      rows: 5, columns: 3, values: [1, 0, 0, 0, 0.5, 0, 0, 0, 2, 0.5, 0.5, -1, 0, 0, .nan])
    let image = AbundanceComposite.image(abundances, positions: [0, 1, 2, 4, 5], width: 3, height: 2)
    func colour(_ i: Int) -> Colour {
      Colour(image.pixels[4 * i], image.pixels[4 * i + 1], image.pixels[4 * i + 2])
    }
    for k in 0..<3 { #expect(colour(k) == CategoricalPalette.colour(k)) }
    let (a, b) = (CategoricalPalette.colour(0).linear, CategoricalPalette.colour(1).linear)
    #expect(colour(4) == Colour(linear: (a + b) / 2), "half and half is the mean of the light")
    #expect(image.pixels[4 * 3 + 3] == 0 && image.pixels[4 * 5 + 3] == 0, "no data, no colour")
  }

  @Test func fittingAveragesWhatIsThere() {
    var image = RGBImage(width: 3, height: 2)
    for (i, value) in [10, 20, 200, 30, 0, 100].enumerated() where value > 0 {
      for c in 0..<3 { image.pixels[4 * i + c] = UInt8(value) }
      image.pixels[4 * i + 3] = 255
    }
    #expect(image.fitting(3) == image)
    let small = image.fitting(2)
    #expect(small.width == 2 && small.height == 1)
    #expect(small.pixels == [20, 20, 20, 191, 150, 150, 150, 255], "\(small.pixels)")
  }
}
