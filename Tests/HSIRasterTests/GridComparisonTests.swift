import HSICore
import Testing

@testable import HSIRaster

@Suite struct GridComparisonTests {
  private let shape = CubeShape(lines: 20, samples: 30, bands: 5)
  private func georeference(_ t: [Double], zone: Int = 33) -> Georeference {
    Georeference(crs: zone == 33 ? GridComparisonTests.zone33 : GridComparisonTests.zone34, mapping: .affine(t))
  }
  private static let zone33 = utm(15)
  private static let zone34 = utm(21)
  private static func utm(_ meridian: Int) -> String {
    "PROJCS[\"UTM\",GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",SPHEROID[\"WGS 84\",6378137,298.257223563]],PRIMEM[\"Greenwich\",0],"
      + "UNIT[\"degree\",0.0174532925199433]],PROJECTION[\"Transverse_Mercator\"],PARAMETER[\"latitude_of_origin\",0],"
      + "PARAMETER[\"central_meridian\",\(meridian)],PARAMETER[\"scale_factor\",0.9996],PARAMETER[\"false_easting\",500000],"
      + "PARAMETER[\"false_northing\",0],UNIT[\"metre\",1]]"
  }

  @Test func comparisons() {
    let scene = georeference([1000, 10, 0, 5000, 0, -10])
    func compare(_ own: Georeference?, _ lines: Int = 20, _ samples: Int = 30) -> GridComparison {
      GridComparison.compare(own, lines, samples, to: scene, shape)
    }
    #expect(compare(nil) == .same)
    #expect(compare(nil, 21) == .unrelated)
    #expect(compare(scene) == .same)
    #expect(compare(georeference([1000.3, 10, 0, 5000, 0, -10])) == .same)
    #expect(
      compare(georeference([1005, 10, 0, 5000, 0, -10]))
        == .other(own: [1005, 10, 0, 5000, 0, -10], target: [1000, 10, 0, 5000, 0, -10]))
    #expect(compare(georeference([1000, 10.1, 0, 5000, 0, -10])) != .same)
    #expect(compare(georeference([1000, 20, 0, 5000, 0, -20]), 10, 15) != .unrelated)
    #expect(compare(georeference([1000, 10, 0, 5000, 0, -10], zone: 34)) == .otherSystem)
  }

  /// Two spellings of one system are the same.
  @Test func spellings() {
    let other = GridComparisonTests.zone33.replacing("PROJCS[\"UTM\"", with: "PROJCS[\"WGS 84 / UTM zone 33N\"")
    let a = Georeference(crs: other, mapping: .affine([0, 1, 0, 0, 0, -1]))
    let b = georeference([0, 1, 0, 0, 0, -1])
    #expect(GridComparison.compare(a, 20, 30, to: b, shape) == .same)
  }
}
