import Foundation
import HSICore
import Testing

@testable import HSIRaster

@Suite("Map grids, footprints and nominal wavelengths")
struct OrthoGridTests {
  /// Longitude and latitude of the corners against PROJ (pyproj 3.x, EPSG:32633 to 4326).
  @Test func footprintOfUTM() throws {
    let crs = try #require(HDF5Format.wellKnownText(epsg: 32633))
    let place = Georeference(crs: crs, mapping: .affine([400_000, 30, 0, 5_000_000, 0, -20]))
    let footprint = try #require(MapFootprint(place, lines: 500, samples: 1000, context: RunContext()))
    #expect(footprint.code == "EPSG:32633" && footprint.wkt?.contains("UTM zone 33N") == true)
    let wanted = [
      (13.727967039689757, 45.14639287617173), (13.729964178969585, 45.05639739587515),
      (14.110919126369868, 45.05999884694785), (14.10952080700534, 45.15000558330955),
    ]
    let ring = try #require(footprint.rings.first)
    #expect(footprint.rings.count == 1 && ring.count == 5 && ring.first == ring.last)
    for (x, y) in wanted {
      #expect(ring.contains { abs($0[0] - x) < 1e-7 && abs($0[1] - y) < 1e-7 })
      #expect(x >= footprint.box[0] - 1e-7 && x <= footprint.box[2] + 1e-7)
      #expect(y >= footprint.box[1] - 1e-7 && y <= footprint.box[3] + 1e-7)
    }
    // Counter-clockwise.
    let area = zip(ring, ring.dropFirst()).reduce(0) { $0 + $1.0[0] * $1.1[1] - $1.1[0] * $1.0[1] }
    #expect(area > 0)
  }

  @Test func footprintAcrossTheDateLine() throws {
    let crs = try #require(HDF5Format.wellKnownText(epsg: 32660))
    let place = Georeference(crs: crs, mapping: .affine([700_000, 100, 0, 5_000_000, 0, -100]))
    let footprint = try #require(MapFootprint(place, lines: 1000, samples: 1000, context: RunContext()))
    #expect(footprint.rings.count == 2 && footprint.box[0] > 179 && footprint.box[2] < -179)
    #expect(footprint.rings.allSatisfy { $0.count == 5 && $0.first == $0.last })
  }

  @Test func noFootprint() {
    for crs in [nil, "nonsense", "LOCAL_CS[\"somewhere\"]"] {
      let place = Georeference(crs: crs, mapping: .affine([0, 1, 0, 0, 0, -1]))
      #expect(MapFootprint(place, lines: 2, samples: 2, context: RunContext()) == nil)
    }
  }

  /// A swath turned by 30° with pixels 0.01° apart: every pixel is the nearest of the cell around it, no cell inside the
  /// swath is empty, none beyond it is filled.
  @Test func nearestPixels() throws {
    let (lines, samples) = (40, 30)
    var longitude: [Double] = []
    var latitude: [Double] = []
    let (s, c) = (0.5, 0.75.squareRoot())
    for i in 0..<lines {
      for j in 0..<samples {
        longitude.append(179.9 + 0.01 * (c * Double(j) + s * Double(i)))
        latitude.append(-0.01 * (c * Double(i) - s * Double(j)))
      }
    }
    // Across the date line, as products write it.
    longitude = longitude.map { $0 > 180 ? $0 - 360 : $0 }
    longitude[5] = .nan
    let arrays = GeolocationArrays(lines: lines, samples: samples, longitude: longitude, latitude: latitude)
    let points = GeolocationPoints(arrays, PixelWindow(line: 0, sample: 0, lines: lines, samples: samples))
    let step = try #require(points.spacing)
    #expect(abs(step - 0.01) < 1e-4)
    let extent = try #require(points.extent)
    let size = (Int((extent.north - extent.south) / step) + 2, Int((extent.east - extent.west) / step) + 2)
    let (left, top) = (extent.west - step / 2, extent.north + step / 2)
    let cells = points.nearest(lines: size.0, samples: size.1, left: left, top: top, stepX: step, stepY: step)
    #expect(!cells.contains(5))
    for l in 0..<size.0 {
      for k in 0..<size.1 {
        let (x, y) = (left + (Double(k) + 0.5) * step, top - (Double(l) + 0.5) * step)
        var (best, least) = (-1, Double.infinity)
        for p in longitude.indices where longitude[p].isFinite {
          let east = longitude[p] < 0 ? longitude[p] + 360 : longitude[p]
          let distance = (east - x) * (east - x) + (latitude[p] - y) * (latitude[p] - y)
          if distance < least { (best, least) = (p, distance) }
        }
        let found = Int(cells[l * size.1 + k])
        if least.squareRoot() > 1.01 * step { #expect(found == -1) }
        // Beyond 0.99 of a cell either answer is right; two pixels may be equally near.
        if least.squareRoot() < 0.99 * step, found != best {
          #expect(found >= 0)
          let east = found < 0 ? 0 : longitude[found] < 0 ? longitude[found] + 360 : longitude[found]
          let own = (east - x) * (east - x) + (latitude[max(0, found)] - y) * (latitude[max(0, found)] - y)
          #expect(own < least * 1.0001)
        }
      }
    }
  }

  @Test func sensorTables() {
    for table in SensorTable.all {
      #expect(table.wavelengths.allSatisfy { (350...2600).contains($0) }, "\(table.name)")
      #expect(table.fwhm.map { $0.count == table.wavelengths.count } ?? true)
      #expect(table.bad.allSatisfy { table.wavelengths.indices.contains($0) })
      #expect(Set(table.counts).count == table.counts.count)
      #expect(SensorTable.named(table.name.uppercased())?.name == table.name)
    }
    let counts = Dictionary(uniqueKeysWithValues: SensorTable.all.map { ($0.name, $0.wavelengths.count) })
    #expect(
      counts == [
        "aviris": 224, "aviris-1992": 220, "aviris-1995": 224, "casi": 72, "cave": 31, "enmap": 224,
        "hyperion": 242,
        "neon": 426, "rosis": 103, "sentinel2": 13, "landsat8": 8,
      ])
    // Bands of corrected editions, by the lists of their publishers.
    #expect(SensorTable.named("Indian_Pines")?.selection(count: 200)?.bands[103] == 108)
    #expect(SensorTable.named("salinas")?.selection(count: 204)?.bands[107] == 112)
    #expect(SensorTable.named("botswana")?.selection(count: 145)?.bands.first == 9)
    #expect(SensorTable.named("EO-1")?.wavelengths[70] == 851.92)
    #expect(SensorTable.named("nothing") == nil)
  }
}

/// HDF5 files that claim more than they can hold.
@Suite("Implausible HDF5 arrays")
struct ImplausibleHDF5Tests {
  /// emit.nc with other extents of its cube.
  private func damaged(_ extents: [UInt64], _ folder: ScratchFolder) throws -> String {
    var data = try Data(contentsOf: URL(fileURLWithPath: formatFixture("emit.nc")))
    func bytes(_ values: [UInt64]) -> Data {
      values.reduce(into: Data()) { data, v in withUnsafeBytes(of: v) { data.append(contentsOf: $0) } }
    }
    let place = try #require(data.range(of: bytes([3, 4, 5])))
    data.replaceSubrange(place, with: bytes(extents))
    let path = folder.path + "/" + extents.map { "\($0)" }.joined(separator: "x") + ".nc"
    try data.write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test(arguments: [
    [3, 4_000_000_000, 5], [3_000_000, 4_000_000, 5], [30_000, 30_000, 5],
    [UInt64(1) << 40, UInt64(1) << 40, 5],
  ])
  func refused(extents: [UInt64]) throws {
    let folder = try ScratchFolder()
    let path = try damaged(extents, folder)
    #expect {
      try openCube(path)
    } throws: { error in
      guard let error = error as? RasterError else { return false }
      return error.identifier == "E-UNREADABLE" && error.description.contains("claims")
    }
  }

  /// A quarter of a gigabyte of no data is still read: extendible files look like that.
  @Test func sparseIsRead() throws {
    let folder = try ScratchFolder()
    let reader = try openCube(try damaged([300, 400, 5], folder))
    #expect(reader.shape == CubeShape(lines: 300, samples: 400, bands: 5))
    #expect(try reader.number(0, 1, 2) == 12)
  }
}
