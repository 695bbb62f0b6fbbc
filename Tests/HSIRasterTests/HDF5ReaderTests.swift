import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

@Suite("HDF5 and NetCDF files")
struct HDF5ReaderTests {
  @Test func emit() throws {
    let reader = try openCube(formatFixture("emit.nc"))
    try expectPattern(reader)
    #expect(reader.format == "NetCDF (EMIT)")
    let metadata = reader.metadata
    #expect(metadata.axis.wavelengths == [400, 500, 600, 700, 800])
    #expect(metadata.axis.fwhm == [8.5, 8.5, 8.5, 8.5, 8.5])
    #expect(metadata.axis.good == [true, true, false, true, true])
    #expect(metadata.nodata == [-9999, -9999, -9999, -9999, -9999])
    #expect(metadata.quantity == .reflectance)
    #expect(metadata.acquired == "2023-08-01T10:11:12+0000")
    guard case .geolocation(let longitude, let latitude) = try #require(metadata.georeference).mapping else {
      Issue.record("an EMIT swath has no affine mapping")
      return
    }
    #expect(longitude.hasSuffix("emit.nc//location/lon") && latitude.hasSuffix("emit.nc//location/lat"))
  }

  @Test func emitWithoutBandParameters() throws {
    let reader = try openCube(formatFixture("fake_EMIT_L2A.nc"))
    #expect(reader.shape == CubeShape(lines: 2, samples: 2, bands: 2))
    // h5py: [[[10, −10], [20, −20]], [[30, −30], [40, −40]]].
    #expect(try reader.numbers() == [10, -10, 20, -20, 30, -30, 40, -40])
    #expect(reader.metadata.axis.wavelengths == nil)
  }

  @Test func aviris3() throws {
    let reader = try openCube(formatFixture("aviris3.nc"))
    try expectPattern(reader)
    #expect(reader.interleave == .bsq)
    #expect(reader.metadata.axis.fwhm?[4] == 9)
    #expect(reader.metadata.georeference?.mapping == .affine([500_000, 10, 0, 4_000_000, 0, -10]))
    #expect(reader.metadata.georeference?.crs == "LOCAL_CS[\"somewhere\"]")
  }

  @Test func neon() throws {
    let reader = try openCube(formatFixture("neon.h5"))
    try expectPattern(reader)
    let metadata = reader.metadata
    #expect(metadata.scale == [Double](repeating: 1e-4, count: 5))
    #expect(metadata.axis.good == [true, true, false, true, true], "600 nm is in a water window")
    #expect(metadata.georeference?.mapping == .affine([257_000, 2, 0, 4_112_000, 0, -2]))
    #expect(metadata.georeference?.crs?.contains("UTM zone 11N") ?? false)
  }

  @Test func tanager() throws {
    let reader = try openCube(formatFixture("tanager.h5"))
    try expectPattern(reader)
    #expect(reader.metadata.axis.good == [true, true, true, true, false])
    #expect(reader.metadata.axis.wavelengths?[1] == 500)
    #expect(reader.metadata.quantity == .radiance)
    #expect(reader.metadata.nodata[0] == -9999)
  }

  /// Stored: VNIR 1000 + 100·line + 10·sample + band, SWIR 2000 + …; wavelengths VNIR 0 1010 930 700 420,
  /// SWIR 2400 980 920 0.
  @Test(arguments: [
    (DetectorOverlap.keep, [0.0, 1010, 930, 700, 420, 2400, 980, 920, 0]),
    (.cut, [0.0, 930, 700, 420, 2400, 980, 0]),  // middle of 920 and 1010: 965
    (.vnir, [0.0, 1010, 930, 700, 420, 2400, 0]),
    (.swir, [0.0, 700, 420, 2400, 980, 920, 0]),
  ])
  func prisma(_ overlap: DetectorOverlap, _ wavelengths: [Double]) throws {
    let reader = try openCube(formatFixture("prisma.he5")) { $0.overlap = overlap }
    #expect(reader.format == "HDF5 (PRISMA L2D)")
    #expect(reader.shape == CubeShape(lines: 3, samples: 4, bands: wavelengths.count))
    let metadata = reader.metadata
    #expect(metadata.axis.wavelengths == wavelengths)
    #expect(metadata.axis.good == wavelengths.map { $0 > 0 })
    let all: [Double: (stored: Double, isVNIR: Bool)] = [
      1010: (1001, true), 930: (1002, true), 700: (1003, true), 420: (1004, true), 2400: (2000, false),
      980: (2001, false), 920: (2002, false),
    ]
    for (band, wavelength) in wavelengths.enumerated() where wavelength > 0 {
      let (stored, isVNIR) = try #require(all[wavelength])
      let value = try reader.number(2, 3, band)
      #expect(value == stored + 230)
      // Reflectance = min + DN (max − min) / 65535.
      let physical = value * metadata.scale[band] + metadata.offset[band]
      let expected = isVNIR ? value * 1e-5 : 0.1 + value * 2e-5
      #expect(abs(physical - expected) < 1e-6)
      #expect(metadata.nodata[band] == 0)
    }
    // A read across both detectors, out of order.
    let last = wavelengths.count - 1
    #expect(
      try reader.numbers(PixelWindow(line: 1, sample: 2, lines: 1, samples: 1), bands: [last, 0])
        == [2123, 1120])
    // The corners are centres of pixels of 30 m: the outer edge is half a pixel further out.
    #expect(metadata.georeference?.mapping == .affine([400_000, 30, 0, 5_000_000, 0, -30]))
    #expect(metadata.georeference?.crs?.contains("UTM zone 33N") ?? false)
  }

  @Test func prismaPartByName() throws {
    let name = formatFixture("prisma.he5") + "//HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields/SWIR_Cube"
    let reader = try openCube(name)
    #expect(reader.shape.bands == 4)
    #expect(reader.metadata.axis.wavelengths == [2400, 980, 920, 0])
  }

  @Test func general() throws {
    let reader = try openCube(formatFixture("generic.h5"))
    try expectPattern(reader)
    #expect(reader.interleave == .bil)
    #expect(reader.metadata.axis.wavelengths?.map { $0.rounded() } == [400, 500, 600, 700, 800])
    #expect(reader.metadata.axis.unit == .micrometres)
  }

  @Test func axesOfSilentArray() throws {
    let path = formatFixture("silent.h5")
    let error = #expect(throws: RasterError.self) { try openCube(path) }
    #expect(error?.description.contains("axes") ?? false)
    try expectPattern(openCube(path) { $0.axes = "hwb" })
    let turned = try openCube(path) { $0.axes = "wbh" }
    #expect(turned.shape == CubeShape(lines: 5, samples: 3, bands: 4))
    #expect(try turned.number(4, 2, 3) == 234)
  }

  @Test func severalArrays() throws {
    let path = formatFixture("several.h5")
    let error = #expect(throws: RasterError.self) { try openCube(path) }
    let text = error?.description ?? ""
    #expect(text.contains("/one 3×4×5") && text.contains("/deep/two 3×4×5") && text.contains("//"))
    try expectPattern(openCube(path + "//deep/two"), shift: 1)
    try expectPattern(openCube(path) { $0.variable = "one" })
    #expect(throws: RasterError.self) { try openCube(path + "//absent") }
  }

  /// GDAL's autotest samples.
  @Test func autotestSamples() throws {
    let deflate = try openCube(formatFixture("deflate.h5"))
    #expect(deflate.shape == CubeShape(lines: 20, samples: 20, bands: 1))
    #expect(try deflate.numbers().prefix(4) == [181, 181, 156, 148])
    // A grid mapping without coordinates is no position.
    #expect(deflate.metadata.georeference == nil)
    let bytes = try openCube(formatFixture("u8be.h5"))
    #expect(try bytes.number(5, 4, 0) == 9 && bytes.number(2, 1, 0) == 3)
    // 2 × 3 × 4 with two centre wavelengths in nm and widths of 0.01 and 0.02 µm.
    let widths = try openCube(formatFixture("fwhm.h5"))
    #expect(widths.shape == CubeShape(lines: 3, samples: 4, bands: 2))
    #expect(widths.metadata.axis.wavelengths == [300, 400])
    #expect(widths.metadata.axis.fwhm?.map { $0.rounded() } == [10, 20])
    let scaled = try openCube(formatFixture("scale_offset.h5"))
    #expect(scaled.metadata.scale == [0.01] && scaled.metadata.offset == [1.5])
  }

  @Test func classicNetCDF() throws {
    let golden = try openCube(formatFixture("byte_nc3_golden.nc"))
    #expect(golden.format == "netCDF")
    #expect(golden.shape == CubeShape(lines: 20, samples: 20, bands: 1))
    // scipy: −75 as a signed byte, 181 unsigned.
    #expect(try golden.numbers().prefix(4) == [181, 181, 156, 148])
    let scaled = try openCube(formatFixture("scale_offset.nc"))
    #expect(scaled.metadata.scale == [0.01] && scaled.metadata.offset == [1.5])
    #expect(try scaled.number(0, 1, 0) == 90)
  }

  @Test func superblocks() throws {
    for (name, start) in [("emit.nc", 0), ("generic.h5", 0), ("u8be.h5", 0), ("v73.mat", 512)] {
      let path = formatFixture(name)
      let size = try #require(VSI.status(path)).size
      let block = try HDF5Superblock(path)
      #expect(block.start == start && block.end <= size && block.version <= 3, "\(name) \(block)")
    }
    let folder = try ScratchFolder()
    let bytes = try VSI.contents(formatFixture("generic.h5"))
    #expect(throws: RasterError.self) { try HDF5Superblock(folder.write("a.h5", bytes.dropLast())) }
    for (place, value) in [(0, UInt8(0)), (8, 9), (13, 200), (13, 0), (14, 3), (47, 0x7F)] {
      var copy = bytes
      copy[place] = value
      let path = try folder.write("b.h5", copy)
      let error = #expect(throws: RasterError.self, "byte \(place)") { try HDF5Superblock(path) }
      #expect(error?.identifier == "E-UNREADABLE")
    }
    // Whatever the first bytes are, nothing traps.
    for copy in mutations(of: Array(bytes.prefix(200)), count: 400, seed: 9) {
      _ = try? HDF5Superblock(folder.write("c.h5", copy))
    }
  }

  /// What the child process does, on all HDF5 fixtures.
  @Test func examination() {
    for name in ["emit.nc", "generic.h5", "v73.mat", "prisma.he5", "neon.h5", "several.h5", "fwhm.h5"] {
      #expect(HDF5Probe.walk(formatFixture(name)), "\(name)")
    }
    #expect(!HDF5Probe.walk(formatFixture("plain.mat")))
  }

  @Test func damaged() throws {
    // The library itself parses these; what matters is that wrong sizes and types reach nobody.
    let folder = try ScratchFolder()
    for cut in [0.1, 0.3, 0.5, 0.8, 0.95] {
      for name in ["emit.nc", "generic.h5", "v73.mat"] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: formatFixture(name))))
        let path = try folder.write(name, Array(bytes.prefix(Int(Double(bytes.count) * cut))))
        #expect(throws: (any Error).self) { try openCube(path).numbers() }
      }
    }
  }
}
