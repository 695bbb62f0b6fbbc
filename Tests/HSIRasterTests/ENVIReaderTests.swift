import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

@Suite struct ENVIReaderTests {
  static let types: [SampleType] = [
    .uint8, .int16, .int32, .float32, .float64, .uint16, .uint32, .int64, .uint64,
  ]

  @Test(arguments: Interleave.allCases, types)
  func everyLayout(interleave: Interleave, type: SampleType) throws {
    let scratch = try Scratch()
    for isBigEndian in [false, true] {
      var sample = Sample(type: type, interleave: interleave, isBigEndian: isBigEndian, offset: 10)
      sample.extra = """
        wavelength units = Nanometers
        wavelength = {400, 500, 600.5, 700, 800, 900}
        fwhm = {5, 5, 5, 6, 6, 6}
        bbl = {1, 1, 0, 1, 1, 1}
        data ignore value = 250
        data gain values = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5}
        """
      let path = try sample.write(scratch)
      let context = RunContext()
      let reader = try RasterFormats.open(path, context: context)
      #expect(reader.format == "ENVI" && reader.shape == sample.shape && reader.sampleType == type)
      let windows = [
        reader.shape.window, PixelWindow(line: 2, sample: 1, lines: 3, samples: 3),
        PixelWindow(line: 6, sample: 0, lines: 1, samples: 5),
      ]
      for window in windows {
        for bands in [Array(0..<6), [0, 1, 4, 5], [5, 2], [3]] {
          var expected: [Double] = []
          for l in 0..<window.lines {
            for s in 0..<window.samples {
              for b in bands { expected.append(sample.value(window.line + l, window.sample + s, b)) }
            }
          }
          #expect(try reader.stored(window, bands: bands) == expected)
        }
      }
      let metadata = reader.metadata
      #expect(metadata.axis.wavelengths == [400, 500, 600.5, 700, 800, 900])
      #expect(metadata.axis.fwhm == [5, 5, 5, 6, 6, 6])
      #expect(metadata.axis.good == [true, true, false, true, true, true])
      #expect(metadata.nodata == [Double?](repeating: 250, count: 6))
      #expect(metadata.scale == [Double](repeating: 0.5, count: 6))
      if type != .int64 && type != .uint64 {
        let other = try GDALReader(path, context: context)
        #expect(try other.stored() == reader.stored())
        #expect(other.metadata.axis.wavelengths == metadata.axis.wavelengths)
        #expect(other.metadata.axis.good == metadata.axis.good)
      }
    }
  }

  @Test func truncatedIsRefusedUnlessAllowed() throws {
    let scratch = try Scratch()
    for interleave in Interleave.allCases {
      let sample = Sample(type: .uint16, interleave: interleave, extra: "data ignore value = 9999")
      let path = try sample.write(scratch)
      // One sample short in the last line.
      try scratch.write(Array(sample.bytes.dropLast(2)), to: "cube.img")
      #expect(errorIdentifier { _ = try RasterFormats.open(path, context: RunContext()) } == "E-ENVI-SHORT")
      var options = OpenOptions()
      options.allowsTruncated = true
      let context = RunContext()
      let reader = try RasterFormats.open(path, options: options, context: context)
      #expect(context.warned.contains("W-ENVI-SHORT"))
      let values = try reader.stored()
      let whole = sample.shape.samples * sample.shape.bands
      let missing = [Double](repeating: 9999, count: whole)
      #expect(Array(values[(6 * whole)...]) == missing)
      #expect(values[5 * whole] == sample.value(5, 0, 0))
      let source = try FileSource(reader, context: context)
      #expect(try source.load(context).count == 6 * sample.shape.samples)
    }
  }

  @Test func tenTimesTooManyLinesAreRefused() throws {
    let scratch = try Scratch()
    let sample = Sample(type: .uint8)
    let path = try sample.write(scratch)
    try scratch.write(sample.header.replacing("lines = 7", with: "lines = 70"), to: "cube.hdr")
    #expect(errorIdentifier { _ = try RasterFormats.open(path, context: RunContext()) } == "E-ENVI-SHORT")
  }

  @Test func absurdSizesAreRefusedBeforeAnythingIsAllocated() throws {
    let scratch = try Scratch()
    let sample = Sample(type: .uint8)
    let path = try sample.write(scratch)
    let header = sample.header.replacing("bands = 6", with: "bands = 2000000000")
    try scratch.write(header, to: "cube.hdr")
    #expect(errorIdentifier { _ = try RasterFormats.open(path, context: RunContext()) } == "E-ENVI-SHORT")
    try scratch.write(header + "file compression = 1\n", to: "cube.hdr")
    #expect(errorIdentifier { _ = try RasterFormats.open(path, context: RunContext()) } == "E-INCONSISTENT")
  }

  @Test func longerFileIsReadWithAWarning() throws {
    let scratch = try Scratch()
    let sample = Sample(type: .uint8)
    let path = try sample.write(scratch)
    try scratch.write(sample.bytes + [1, 2, 3], to: "cube.img")
    let context = RunContext()
    let reader = try RasterFormats.open(path, context: context)
    #expect(context.warned == ["W-ENVI-LONG"])
    #expect(try reader.stored()[0] == 0)
  }

  @Test(arguments: Interleave.allCases) func frameOffsets(interleave: Interleave) throws {
    let scratch = try Scratch()
    let plain = Sample(shape: CubeShape(lines: 3, samples: 4, bands: 2), type: .uint8, interleave: interleave)
    // Pad each minor frame with (1, 2) and each major frame with (3, 4) bytes of 0xEE.
    let (major, minor, length) =
      switch interleave {
      case .bsq: (2, 3, 4)
      case .bil: (3, 2, 4)
      case .bip: (3, 4, 2)
      }
    var bytes: [UInt8] = []
    var at = 0
    let source = plain.bytes
    for _ in 0..<major {
      bytes += [UInt8](repeating: 0xEE, count: 3)
      for _ in 0..<minor {
        bytes += [0xEE] + source[at..<(at + length)] + [0xEE, 0xEE]
        at += length
      }
      bytes += [UInt8](repeating: 0xEE, count: 4)
    }
    try scratch.write(
      plain.header + "major frame offsets = {3, 4}\nminor frame offsets = {1, 2}\n", to: "f.hdr")
    let path = try scratch.write(bytes, to: "f")
    let context = RunContext()
    let reader = try RasterFormats.open(path, context: context)
    var expected: [Double] = []
    for l in 0..<3 { for s in 0..<4 { for b in 0..<2 { expected.append(plain.value(l, s, b)) } } }
    #expect(try reader.stored() == expected)
    #expect(try reader.stored(bands: [1]) == stride(from: 1, to: 24, by: 2).map { expected[$0] })
    #expect(context.warned.isEmpty)
  }

  @Test func complexAndUnknownTypesAreRefused() throws {
    let scratch = try Scratch()
    let sample = Sample(type: .uint8)
    let path = try sample.write(scratch)
    for (code, identifier) in [
      ("6", "E-UNSUPPORTED"), ("9", "E-UNSUPPORTED"), ("7", "E-INCONSISTENT"), ("", "E-INCONSISTENT"),
    ] {
      try scratch.write(sample.header.replacing("data type = 1", with: "data type = \(code)"), to: "cube.hdr")
      #expect(errorIdentifier { _ = try RasterFormats.open(path, context: RunContext()) } == identifier)
    }
  }

  @Test func headerNamesItsData() throws {
    let scratch = try Scratch()
    let sample = Sample(type: .uint8)
    for (data, header) in [
      ("a.dat", "a.hdr"), ("b.dat", "b.dat.hdr"), ("c", "c.hdr"), ("d.img", "d.HDR"), ("e.weird", "e.hdr"),
      ("f.BIL", "f.hdr"),
    ] {
      try scratch.write(sample.bytes, to: data)
      try scratch.write(sample.header, to: header)
      for name in [data, header] {
        let reader = try RasterFormats.open(scratch.path(name), context: RunContext())
        #expect(reader.files == [scratch.path(data), scratch.path(header)], "\(name)")
      }
    }
    try scratch.write(sample.header, to: "lonely.hdr")
    #expect(
      errorIdentifier { _ = try RasterFormats.open(scratch.path("lonely.hdr"), context: RunContext()) }
        == "E-INCONSISTENT")
  }

  @Test func staleSidecarLosesAgainstTheHeader() throws {
    let scratch = try Scratch()
    var sample = Sample(type: .uint8)
    sample.extra =
      "wavelength units = Nanometers\nwavelength = {401, 501, 601, 701, 801, 901}\nmap info = {UTM, 1, 1, 500000, 4100000, 30, 30, 33, North, WGS-84}"
    let path = try sample.write(scratch)
    try scratch.write(
      """
      <PAMDataset><GeoTransform>1,1,0,1,0,-1</GeoTransform><PAMRasterBand band="1"><NoDataValue>7</NoDataValue>
      <Metadata><MDI key="wavelength">999</MDI></Metadata></PAMRasterBand></PAMDataset>
      """, to: "cube.img.aux.xml")
    let reader = try RasterFormats.open(path, context: RunContext())
    #expect(reader.metadata.axis.wavelengths == [401, 501, 601, 701, 801, 901])
    #expect(reader.metadata.nodata[0] == nil)
    #expect(reader.metadata.georeference?.mapping == .affine([500000, 30, 0, 4_100_000, 0, -30]))
    #expect(reader.metadata.georeference?.crs?.contains("33N") == true)
  }

  @Test func fixturesOfGDAL() throws {
    func open(_ name: String) throws -> any CubeReader {
      try RasterFormats.open(fixture("envi/" + name), context: RunContext())
    }
    let rotated = try open("rotation.img")
    guard case .affine(let t) = rotated.metadata.georeference?.mapping else {
      throw RasterError.notFound(path: "affine")
    }
    // Values that GDAL's own test suite expects of this file.
    let expected = [
      736600.089, 1.0981889363046, -2.4665727356350, 4078126.75, -2.4665727356350, -1.0981889363046,
    ]
    for (a, b) in zip(t, expected) { #expect(abs(a - b) < 1e-9 * max(1, abs(b))) }
    #expect(rotated.metadata.georeference?.crs?.contains("UTM zone 12N") == true)

    #expect(try open("aea.dat").stored() == open("aea_compressed.hdr").stored())
    #expect(try open("aea.dat").metadata.georeference?.crs?.contains("Albers") == true)
    let classes = try open("testenviclasses").metadata
    #expect(classes.quantity == .class && classes.classes?.map(\.name) == ["Black", "White"])
    #expect(classes.classes?[1].colour == [255, 255, 255])
    let bsq = try open("envi_rgbsmall_bsq.img").stored()
    #expect(
      try open("envi_rgbsmall_bil.hdr").stored() == bsq && open("envi_rgbsmall_bip.img").stored() == bsq)
    let big = try open("uint16_envi_bigendian.dat")
    #expect(
      try big.stored()
        == GDALReader(fixture("envi/uint16_envi_bigendian.dat"), context: RunContext()).stored())
  }

  @Test func mapInfoWithAnotherReferencePixel() {
    #expect(
      ENVIGeoreference.affine("{UTM, 1.5, 1.5, 515, 985, 30, 30, 33, North}") == [500, 30, 0, 1000, 0, -30])
    #expect(ENVIGeoreference.affine("{UTM, 1, x, 515, 985, 30, 30}") == nil)
    #expect(ENVIGeoreference.affine("{}") == nil)
  }

  @Test(.enabled(if: SharedData.path("salinas-a/SalinasA_corrected_bip.img") != nil, "no shared data"))
  func salinasBIP() throws {
    let path = try #require(SharedData.path("salinas-a/SalinasA_corrected_bip.img"))
    let reader = try RasterFormats.open(path, context: RunContext())
    #expect(reader.shape == CubeShape(lines: 83, samples: 86, bands: 204) && reader.interleave == .bip)
    #expect(try reader.stored() == GDALReader(path, context: RunContext()).stored())
  }

  @Test(.enabled(if: SharedData.path("formats/envi/corn-kernel-hyperspectral.raw") != nil, "no shared data"))
  func cornKernelBIL() throws {
    let path = try #require(SharedData.path("formats/envi/corn-kernel-hyperspectral.raw"))
    let reader = try RasterFormats.open(path, context: RunContext())
    #expect(reader.shape == CubeShape(lines: 31, samples: 43, bands: 580) && reader.interleave == .bil)
    #expect(reader.metadata.axis.wavelengths?.first == 366.551)
    let window = PixelWindow(line: 5, sample: 7, lines: 9, samples: 11)
    #expect(try reader.stored(window) == GDALReader(path, context: RunContext()).stored(window))
  }
}
