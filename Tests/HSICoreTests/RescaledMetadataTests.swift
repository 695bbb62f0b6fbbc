import HSICore
import Testing

/// Metadata on another grid over the same area.
@Suite struct RescaledMetadataTests {
  private func affine(_ t: [Double]) -> Georeference { Georeference(crs: "EPSG:32633", mapping: .affine(t)) }

  /// The corners of the image stay where they are, whatever the rotation.
  @Test(arguments: [2.0, 4, 0.5, 1.0 / 3]) func corners(_ factor: Double) throws {
    let transform = [500_000, 26, 15, 4_000_000, 15, -26.0]
    let finer = try #require(affine(transform).rescaled(by: factor))
    guard case .affine(let t) = finer.mapping else { throw CoreError.cancelled }
    #expect(finer.crs == "EPSG:32633")
    for (sample, line) in [(0.0, 0.0), (12, 0), (0, 9), (12, 9)] {
      func place(_ t: [Double], _ p: Double, _ q: Double) -> (Double, Double) {
        (t[0] + t[1] * p + t[2] * q, t[3] + t[4] * p + t[5] * q)
      }
      let (a, b) = (place(transform, sample, line), place(t, sample * factor, line * factor))
      #expect(abs(a.0 - b.0) < 1e-6 && abs(a.1 - b.1) < 1e-6)
    }
    let back = try #require(finer.rescaled(by: 1 / factor))
    guard case .affine(let u) = back.mapping else { throw CoreError.cancelled }
    for (a, b) in zip(u, transform) { #expect(abs(a - b) < 1e-9 * max(1, abs(b))) }
  }

  @Test func tiePointsAndArrays() {
    let points = [
      GroundControlPoint(id: "1", sample: 0.5, line: 2, x: 10, y: 20), .init(id: "2", sample: 7, line: 8, x: 1, y: 2),
    ]
    let finer = Georeference(crs: nil, mapping: .groundControlPoints(points)).rescaled(by: 2)
    #expect(
      finer?.mapping
        == .groundControlPoints([
          GroundControlPoint(id: "1", sample: 1, line: 4, x: 10, y: 20),
          .init(id: "2", sample: 14, line: 16, x: 1, y: 2),
        ]))
    let swath = Georeference(crs: nil, mapping: .geolocation(longitude: "lon", latitude: "lat"))
    #expect(swath.rescaled(by: 2) == nil && swath.rescaled(by: 1) == swath)
  }

  /// Header entries that count pixels go; everything else stays.
  @Test func entriesOfTheOldGrid() {
    var metadata = CubeMetadata(bands: 3)
    metadata.georeference = affine([0, 10, 0, 0, 0, -10])
    metadata.extra = [
      HeaderField("x start", "12"), HeaderField("sensor note", "kept"), HeaderField("Geo_Points", "1,1,2,2"),
      HeaderField("y start", "4"),
    ]
    (metadata.bandNames, metadata.sensor, metadata.nodata) = (["a", "b", "c"], "X", [1, 2, 3])
    let finer = metadata.rescaled(by: 2)
    #expect(finer.extra == [HeaderField("sensor note", "kept")])
    #expect(finer.georeference == affine([0, 5, 0, 0, 0, -5]))
    #expect(finer.bandNames == metadata.bandNames && finer.sensor == "X" && finer.nodata == metadata.nodata)
    #expect(metadata.rescaled(by: 1).extra == metadata.extra)
  }
}
