import CGDAL
import CHDF5
import CMatIO
import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

/// Files as people have them: what is in them is read, or a line says why not.
@Suite("Files from elsewhere")
struct FieldFilesTests {
  let folder: ScratchFolder
  /// 100·line + 10·sample + band + 1 on 3 × 4 × 5.
  static let cube = patternCube.map { $0 + 1 }
  static let wavelengths: [Double] = [400, 425, 450, 475, 500]

  init() throws { folder = try ScratchFolder() }

  // MARK: - Pages

  /// Writes a TIFF of pages.
  private func pages(
    _ name: String, _ planes: [(lines: Int, samples: Int, bands: Int, type: GDALDataType)], description: String? = nil,
    perPage: [String] = [],
    value: (Int, Int, Int) -> Int32 = { page, line, sample in Int32(100 * line + 10 * sample + page + 1) }
  ) {
    GDAL.register()
    for (page, plane) in planes.enumerated() {
      let options = GDALStrings(page == 0 ? [] : ["APPEND_SUBDATASET=YES"])
      let dataset = options.lend {
        GDALCreate(
          GDALGetDriverByName("GTiff"), folder.file(name), Int32(plane.samples), Int32(plane.lines), Int32(plane.bands),
          plane.type, $0)
      }
      if page == 0, let description { GDALSetMetadataItem(dataset, "TIFFTAG_IMAGEDESCRIPTION", description, nil) }
      if perPage.indices.contains(page) { GDALSetMetadataItem(dataset, "TIFFTAG_IMAGEDESCRIPTION", perPage[page], nil) }
      for band in 1...plane.bands {
        var numbers: [Int32] = []
        for line in 0..<plane.lines { for sample in 0..<plane.samples { numbers.append(value(page, line, sample)) } }
        _ = GDALRasterIO(
          GDALGetRasterBand(dataset, Int32(band)), GF_Write, 0, 0, Int32(plane.samples), Int32(plane.lines), &numbers,
          Int32(plane.samples), Int32(plane.lines), GDT_Int32, 0, 0)
      }
      GDALClose(dataset)
    }
  }

  private static let plane = (lines: 3, samples: 4, bands: 1, type: GDT_UInt16)

  @Test func pagesAreBands() throws {
    pages("p.tif", [_](repeating: FieldFilesTests.plane, count: 5))
    let reader = try openCube(folder.file("p.tif"))
    #expect(reader.shape == CubeShape(lines: 3, samples: 4, bands: 5))
    #expect(try reader.numbers() == FieldFilesTests.cube)
    #expect(
      try reader.numbers(PixelWindow(line: 1, sample: 1, lines: 1, samples: 2), bands: [4, 0]) == [115, 111, 125, 121])
    #expect(reader.files == [folder.file("p.tif")])
    // One of them, by its number.
    #expect(
      try openCube(folder.file("p.tif")) { $0.variable = "3" }.numbers()
        == stride(from: 2, to: 60, by: 5).map { FieldFilesTests.cube[$0] })
  }

  @Test func descriptionsOfPages() throws {
    let five = [_](repeating: FieldFilesTests.plane, count: 5)
    pages("j.tif", five, description: "ImageJ=1.53t\nimages=5\nslices=5\n")
    #expect(try openCube(folder.file("j.tif")).shape.bands == 5)
    pages("w.tif", five, perPage: FieldFilesTests.wavelengths.map { "band at \($0) nm" })
    #expect(try openCube(folder.file("w.tif")).metadata.axis.wavelengths == FieldFilesTests.wavelengths)
    let channels = FieldFilesTests.wavelengths.map { "<Channel ID=\"c\" EmissionWavelength=\"\($0)\"/>" }.joined()
    pages(
      "o.tif", five,
      description: "<OME><Image><Pixels SizeC=\"5\" SizeZ=\"1\" SizeT=\"1\">\(channels)</Pixels></Image></OME>")
    #expect(try openCube(folder.file("o.tif")).metadata.axis.wavelengths == FieldFilesTests.wavelengths)
    pages("t.tif", five, description: "{\"shape\": [5, 3, 4], \"wavelengths\": [400, 425, 450, 475, 500]}")
    #expect(try openCube(folder.file("t.tif")).metadata.axis.wavelengths == FieldFilesTests.wavelengths)
    // Two axes of pages are no bands.
    let six = [_](repeating: FieldFilesTests.plane, count: 6)
    for text in [
      "ImageJ=1\nimages=6\nchannels=3\nframes=2\n", "{\"shape\": [2, 3, 3, 4]}",
      "<OME><Image><Pixels SizeC=\"3\" SizeZ=\"2\" SizeT=\"1\"></Pixels></Image></OME>",
    ] {
      pages("x.tif", six, description: text)
      #expect(errorIdentifier { _ = try openCube(folder.file("x.tif")) } == "E-AMBIGUOUS", "\(text)")
      #expect(try openCube(folder.file("x.tif")) { $0.variable = "6" }.shape.bands == 1)
    }
  }

  @Test func pagesThatAreNoBands() throws {
    let thumbnail = (lines: 2, samples: 2, bands: 1, type: GDT_UInt16)
    let cube = (lines: 3, samples: 4, bands: 5, type: GDT_UInt16)
    let mask = (lines: 3, samples: 4, bands: 1, type: GDT_Byte)
    for (others, bands) in [([thumbnail], 5), ([mask, thumbnail], 5), ([FieldFilesTests.plane], 5)] {
      pages("c.tif", [cube] + others)
      #expect(try openCube(folder.file("c.tif")).shape.bands == bands)
    }
    pages("m.tif", [FieldFilesTests.plane, mask])
    #expect(try openCube(folder.file("m.tif")).shape.bands == 1)
    pages("f.tif", [FieldFilesTests.plane, FieldFilesTests.plane, thumbnail])
    #expect(try openCube(folder.file("f.tif")).shape.bands == 2)
    pages("two.tif", [cube, cube])
    #expect(errorIdentifier { _ = try openCube(folder.file("two.tif")) } == "E-AMBIGUOUS")
    pages("first.tif", [thumbnail, FieldFilesTests.plane, FieldFilesTests.plane])
    #expect(errorIdentifier { _ = try openCube(folder.file("first.tif")) } == "E-AMBIGUOUS")
  }

  /// ImageJ stores a large stack as one page with all images behind it, big endian.
  @Test(arguments: [true, false])
  func imagesBehindOnePage(_ isBig: Bool) throws {
    func word<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
      withUnsafeBytes(of: isBig ? value.bigEndian : value.littleEndian) { Array($0) }
    }
    let text = Array("ImageJ=1.53t\nimages=5\nslices=5\n\0".utf8)
    let directory = 8 + 2 + 10 * 12 + 4
    let start = directory + text.count
    let entries: [(UInt16, UInt16, UInt32, UInt32)] = [
      (256, 4, 1, 4), (257, 4, 1, 3), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1),
      (270, 2, UInt32(text.count), UInt32(directory)),
      (273, 4, 1, UInt32(start)), (277, 3, 1, 1), (278, 4, 1, 3), (279, 4, 1, 24),
    ]
    var bytes = Array((isBig ? "MM" : "II").utf8) + word(UInt16(42)) + word(UInt32(8)) + word(UInt16(entries.count))
    for (tag, type, count, value) in entries {
      bytes += word(tag) + word(type) + word(count) + (type == 3 ? word(UInt16(value)) + [0, 0] : word(value))
    }
    bytes += word(UInt32(0)) + text
    for band in 0..<5 {
      for line in 0..<3 { for sample in 0..<4 { bytes += word(UInt16(100 * line + 10 * sample + band + 1)) } }
    }
    try folder.write("s.tif", bytes)
    let reader = try openCube(folder.file("s.tif"))
    #expect(reader.shape == CubeShape(lines: 3, samples: 4, bands: 5))
    #expect(try reader.numbers() == FieldFilesTests.cube)
    try folder.write("short.tif", Array(bytes.dropLast(2)))
    #expect(errorIdentifier { _ = try openCube(folder.file("short.tif")) } == "E-UNSUPPORTED")
  }

  // MARK: - Masks

  /// Writes a GeoTIFF of 3 × 4 with a mask whose first line is out.
  private func masked(
    _ name: String, bands: Int, type: GDALDataType, isInternal: Bool, isAlpha: Bool = false, nodata: Double? = nil
  ) {
    GDAL.register()
    CPLSetConfigOption("GDAL_TIFF_INTERNAL_MASK", isInternal ? "YES" : "NO")
    defer { CPLSetConfigOption("GDAL_TIFF_INTERNAL_MASK", nil) }
    let dataset = GDALCreate(
      GDALGetDriverByName("GTiff"), folder.file(name), 4, 3, Int32(bands + (isAlpha ? 1 : 0)), type, nil)
    if isAlpha { GDALSetRasterColorInterpretation(GDALGetRasterBand(dataset, Int32(bands + 1)), GCI_AlphaBand) }
    if let nodata { GDALSetRasterNoDataValue(GDALGetRasterBand(dataset, 1), nodata) }
    func write(_ band: GDALRasterBandH?, _ value: (Int, Int) -> Int32) {
      var numbers = (0..<12).map { value($0 / 4, $0 % 4) }
      _ = GDALRasterIO(band, GF_Write, 0, 0, 4, 3, &numbers, 4, 3, GDT_Int32, 0, 0)
    }
    for band in 0..<bands { write(GDALGetRasterBand(dataset, Int32(band + 1))) { Int32(10 * $0 + $1 + band + 1) } }
    if isAlpha {
      write(GDALGetRasterBand(dataset, Int32(bands + 1))) { line, _ in line == 0 ? 0 : 255 }
    } else {
      GDALCreateDatasetMaskBand(dataset, GMF_PER_DATASET)
      write(GDALGetMaskBand(GDALGetRasterBand(dataset, 1))) { line, _ in line == 0 ? 0 : 255 }
    }
    GDALClose(dataset)
  }

  private func validPixels(_ reader: any CubeReader) throws -> Int {
    let source = try FileSource(reader, context: RunContext())
    let strip = Strip()
    try source.read(lines: 0..<source.shape.lines, into: strip)
    return strip.positions.count
  }

  @Test(arguments: [
    (false, true, 5, GDT_UInt16), (false, false, 5, GDT_UInt16), (true, true, 5, GDT_UInt16), (true, true, 3, GDT_Byte),
    (false, true, 5, GDT_Float32), (false, true, 1, GDT_Byte), (false, true, 1, GDT_Int16),
  ])
  func masksAndAlpha(_ isAlpha: Bool, _ isInternal: Bool, _ bands: Int, _ type: GDALDataType) throws {
    masked("m.tif", bands: bands, type: type, isInternal: isInternal, isAlpha: isAlpha)
    let reader = try openCube(folder.file("m.tif"))
    #expect(reader.shape == CubeShape(lines: 3, samples: 4, bands: bands))
    #expect(try validPixels(reader) == 8)
    #expect(try reader.number(1, 2, 0) == 13)
    #expect(try validPixels(openCube(folder.file("m.tif")) { $0.nodata = OpenOptions.Nodata.none }) == 12)
    #expect(try validPixels(openCube(folder.file("m.tif")) { $0.nodata = .value(13) }) == (bands == 1 ? 7 : 5))
    // What is masked stays so in every format that has a value for no data.
    for name in ["c.tif", "c.dat", "c.mat"] {
      let writer = try RasterFormats.create(
        folder.file(name), shape: reader.shape, type: reader.sampleType, metadata: reader.metadata,
        context: RunContext())
      _ = try CubeCopy.run(
        from: reader, window: reader.shape.window, bands: Array(0..<bands), to: writer, RunContext())
      let copy = try openCube(folder.file(name))
      #expect(try validPixels(copy) == 8, "\(name)")
      #expect(copy.metadata.nodata.allSatisfy { $0 != nil })
    }
    // Windows meet the mask at their place.
    let lower = try reader.numbers(PixelWindow(line: 1, sample: 1, lines: 2, samples: 2), bands: [0])
    #expect(lower == [12, 13, 22, 23])
  }

  /// Masks that bands have of their own, and those of the images of a stack: what any of them leaves out is no data.
  @Test func masksOfBands() throws {
    GDAL.register()
    CPLSetConfigOption("GDAL_TIFF_INTERNAL_MASK", "NO")
    defer { CPLSetConfigOption("GDAL_TIFF_INTERNAL_MASK", nil) }
    func write(_ name: String, bands: Int, masked: [Int: Int]) {
      let dataset = GDALCreate(GDALGetDriverByName("GTiff"), folder.file(name), 4, 3, Int32(bands), GDT_UInt16, nil)
      for number in 1...bands {
        let band = GDALGetRasterBand(dataset, Int32(number))
        var numbers = (0..<12).map { Int32(100 * number + $0) }
        _ = GDALRasterIO(band, GF_Write, 0, 0, 4, 3, &numbers, 4, 3, GDT_Int32, 0, 0)
        guard let out = masked[number] else { continue }
        GDALCreateMaskBand(band, 0)
        var mask = (0..<12).map { Int32($0 == out ? 0 : 255) }
        _ = GDALRasterIO(GDALGetMaskBand(band), GF_Write, 0, 0, 4, 3, &mask, 4, 3, GDT_Int32, 0, 0)
      }
      GDALClose(dataset)
    }
    write("bands.tif", bands: 3, masked: [1: 2, 2: 5, 3: 5])
    let reader = try openCube(folder.file("bands.tif"))
    #expect(reader.shape.bands == 3 && reader.files.contains { $0.hasSuffix("bands.tif.msk") })
    #expect(try validPixels(reader) == 10)
    #expect(try reader.number(0, 3, 1) == 203)
    #expect(try validPixels(openCube(folder.file("bands.tif")) { $0.nodata = OpenOptions.Nodata.none }) == 12)

    write("image_1.tif", bands: 1, masked: [1: 0])
    write("image_2.tif", bands: 1, masked: [:])
    write("image_3.tif", bands: 1, masked: [1: 7])
    let stack = try openCube(folder.file("image_*.tif"))
    #expect(stack.shape == CubeShape(lines: 3, samples: 4, bands: 3))
    #expect(try validPixels(stack) == 10)
    #expect(try stack.number(0, 1, 2) == 101)
  }

  /// A virtual raster would lose the mask of a scene: it is refused, with what to do.
  @Test func mosaicsOfMaskedScenes() throws {
    masked("m.tif", bands: 2, type: GDT_UInt16, isInternal: true)
    let reader = try openCube(folder.file("m.tif"))
    #expect(
      errorIdentifier {
        _ = try VRTMosaic.write(
          [reader], window: reader.shape.window, bands: [0, 1], metadata: reader.metadata, to: folder.file("m.vrt"),
          options: OutputOptions())
      } == "E-UNSUPPORTED")
    #expect(!FileManager.default.fileExists(atPath: folder.file("m.vrt")))
  }

  /// A map of 0 and 255 with a mask of its own keeps both numbers.
  @Test func maskedMap() throws {
    GDAL.register()
    CPLSetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
    defer { CPLSetConfigOption("GDAL_TIFF_INTERNAL_MASK", nil) }
    let dataset = GDALCreate(GDALGetDriverByName("GTiff"), folder.file("k.tif"), 4, 3, 1, GDT_Byte, nil)
    var map = (0..<12).map { Int32($0 % 2 * 255) }
    var mask = (0..<12).map { Int32($0 < 4 ? 0 : 255) }
    _ = GDALRasterIO(GDALGetRasterBand(dataset, 1), GF_Write, 0, 0, 4, 3, &map, 4, 3, GDT_Int32, 0, 0)
    GDALCreateDatasetMaskBand(dataset, GMF_PER_DATASET)
    _ = GDALRasterIO(GDALGetMaskBand(GDALGetRasterBand(dataset, 1)), GF_Write, 0, 0, 4, 3, &mask, 4, 3, GDT_Int32, 0, 0)
    GDALClose(dataset)
    let reader = try openCube(folder.file("k.tif"))
    #expect(reader.metadata.nodata == [254])
    #expect(try reader.numbers() == [254, 254, 254, 254, 0, 255, 0, 255, 0, 255, 0, 255])
    #expect(try validPixels(reader) == 8)
  }

  @Test func maskBesideNodata() throws {
    masked("n.tif", bands: 2, type: GDT_Int16, isInternal: true, nodata: 13)
    let reader = try openCube(folder.file("n.tif"))
    #expect(reader.metadata.nodata == [13, 13])
    // Line 0 is masked; 13 stands in band 1 of pixel (1, 2) and in band 2 of pixel (1, 1).
    #expect(try validPixels(reader) == 6)
  }

  /// Fill values that no measurement has, in any spelling, whether a header knows them or not.
  @Test(arguments: [-3.4e38, -3.402823e38, 9.96921e36, -1.23e34, 1e30, -.infinity, .nan])
  func hugeNumbers(_ fill: Float) throws {
    var bytes: [UInt8] = []
    for band in 0..<2 {
      for pixel in 0..<6 {
        let value = pixel == 1 || (pixel == 4 && band == 1) ? fill : Float(pixel + band) * 1e29 / 1e29
        bytes += withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
      }
    }
    for ignored in ["", "data ignore value = -3.4e+38", "data ignore value = -3.40282e38"] {
      try folder.write("h.dat", bytes)
      try folder.write(
        "h.hdr",
        text: "ENVI\nsamples = 3\nlines = 2\nbands = 2\ndata type = 4\ninterleave = bsq\nbyte order = 0\n\(ignored)\n")
      #expect(try validPixels(openCube(folder.file("h.dat"))) == 4, "\(fill) \(ignored)")
    }
  }

  /// The five special values of ISIS cubes.
  @Test(arguments: [
    (GDT_Int16, [-32_768, -32_767, -32_766, -32_765, -32_764]), (GDT_UInt16, [0, 1, 2, 65_534, 65_535]),
  ])
  func specialPixels(_ type: GDALDataType, _ special: [Int]) throws {
    GDAL.register()
    let dataset = GDALCreate(GDALGetDriverByName("ISIS3"), folder.file("s.cub"), 4, 3, 2, type, nil)
    for band in 1...2 {
      var numbers = (0..<12).map { Int32($0 < 5 ? special[$0] : 100 + $0) }
      _ = GDALRasterIO(GDALGetRasterBand(dataset, Int32(band)), GF_Write, 0, 0, 4, 3, &numbers, 4, 3, GDT_Int32, 0, 0)
    }
    GDALClose(dataset)
    let reader = try openCube(folder.file("s.cub"))
    #expect(try validPixels(reader) == 7)
    #expect(try reader.number(1, 1, 1) == 105)
  }

  // MARK: - Headers beside containers

  private func header(_ extra: String, lines: Int = 3) -> String {
    "ENVI\nsamples = 4\nlines = \(lines)\nbands = 5\nheader offset = 0\nfile type = TIFF\ndata type = 12\ninterleave = bsq\n"
      + "byte order = 0\n" + extra
  }

  @Test func headerBesideImage() throws {
    let cube = (lines: 3, samples: 4, bands: 5, type: GDT_UInt16)
    pages("side.tif", [cube])
    let extra =
      "wavelength units = Nanometers\nwavelength = {400,425,450,475,500}\nfwhm = {10,10,10,10,10}\nbbl = {1,1,0,1,1}\n"
    try folder.write("side.hdr", text: header(extra))
    let plain = try openCube(folder.file("side.tif"))
    for name in ["side.hdr", "side.tif"] {
      let context = RunContext()
      let reader = try openCube(folder.file(name), context: context)
      #expect(try reader.numbers() == plain.numbers() && reader.format == "GTiff")
      #expect(try reader.number(2, 3, 0) == 231)
      #expect(reader.metadata.axis.wavelengths == FieldFilesTests.wavelengths)
      #expect(reader.metadata.axis.fwhm == [10, 10, 10, 10, 10])
      #expect(reader.metadata.axis.good == [true, true, false, true, true])
      #expect(reader.files.contains(folder.file("side.hdr")))
      #expect(context.warned == [])
    }
    // A header of another image does not count, nor one whose raw file lies beside it.
    try folder.write("side.hdr", text: header(extra, lines: 9))
    #expect(try openCube(folder.file("side.tif")).metadata.axis.wavelengths == nil)
    try folder.write("side.hdr", text: header(extra))
    try folder.write("side.dat", [UInt8](repeating: 1, count: 120))
    #expect(try openCube(folder.file("side.tif")).metadata.axis.wavelengths == nil)
    #expect(try openCube(folder.file("side.hdr")).format == "ENVI")
  }

  /// Raw samples that begin like another format by chance are samples.
  @Test func rawFileLikeAnother() throws {
    var bytes = [UInt8](repeating: 7, count: 120)
    bytes.replaceSubrange(0..<4, with: [0x49, 0x49, 0x2A, 0])
    try folder.write("raw.dat", bytes)
    try folder.write("raw.hdr", text: header(""))
    #expect(try openCube(folder.file("raw.hdr")).number(0, 0, 0) == 0x4949)
    #expect(try openCube(folder.file("raw.dat")).format == "ENVI")
  }

  @Test(arguments: [
    "wavelength = [400.00000   425.0   450   475   500]", "wavelength = [400, 425, 450,\n 475, 500]",
    "wavelength = {[400. 425. 450. 475. 500.]}", "wavelength = array([400., 425., 450., 475., 500.])",
    "wavelength = [np.float64(400.0), np.float64(425.0), np.float64(450.0), np.float64(475.0), np.float64(500.0)]",
    "wavelength = {400,425,450,475,500}",
  ])
  func squareBrackets(_ text: String) throws {
    try folder.write("x.dat", [UInt8](repeating: 1, count: 120))
    try folder.write(
      "x.hdr", text: header("wavelength units = Nanometers\n\(text)\nbbl = [1, 1, 0, 1, 1]\nsensor type = [x]\n"))
    let context = RunContext()
    let metadata = try openCube(folder.file("x.hdr"), context: context).metadata
    #expect(metadata.axis.wavelengths == FieldFilesTests.wavelengths)
    #expect(metadata.axis.good == [true, true, false, true, true])
    #expect(context.warned == [])
  }

  @Test(arguments: ["[ ]", "{}", "{ }", ""])
  func emptyLists(_ text: String) throws {
    try folder.write("e.dat", [UInt8](repeating: 1, count: 120))
    try folder.write("e.hdr", text: header("wavelength = \(text)\nbbl = \(text)\n"))
    let axis = try openCube(folder.file("e.hdr")).metadata.axis
    #expect(axis.wavelengths == nil && !axis.good.contains(false))
  }

  // MARK: - Names

  @Test(arguments: ["q?m", "a*b", "b[1]", "c d"])
  func patternCharacters(_ name: String) throws {
    try folder.write("\(name).dat", [UInt8](repeating: 1, count: 120))
    try folder.write("\(name).hdr", text: header(""))
    for ending in [".dat", ".hdr"] {
      let reader = try openCube(folder.file(name + ending))
      #expect(reader.format == "ENVI" && reader.shape.bands == 5)
    }
  }

  // MARK: - MATLAB

  private func variable(_ name: String, _ size: [Int], _ values: [Double], single: Bool = true) -> UnsafeMutablePointer<
    matvar_t
  >? {
    var dimensions = size
    if single {
      var numbers = values.map { Float($0) }
      return Mat_VarCreate(name, MAT_C_SINGLE, MAT_T_SINGLE, Int32(size.count), &dimensions, &numbers, 0)
    }
    var bytes = values.map { UInt8(clamping: Int($0)) }
    return Mat_VarCreate(name, MAT_C_UINT8, MAT_T_UINT8, Int32(size.count), &dimensions, &bytes, 0)
  }

  private func mat(_ name: String, _ variables: [UnsafeMutablePointer<matvar_t>?]) {
    let file = Mat_CreateVer(folder.file(name), nil, MAT_FT_MAT5)
    for variable in variables {
      Mat_VarWrite(file, variable, MAT_COMPRESSION_NONE)
      Mat_VarFree(variable)
    }
    Mat_Close(file)
  }

  /// The cube in MATLAB's order: lines fastest, or the axes in another order.
  private static func columns(_ order: [Int] = [0, 1, 2]) -> [Double] {
    let extents = [3, 4, 5]
    var result: [Double] = []
    for c in 0..<extents[order[2]] {
      for b in 0..<extents[order[1]] {
        for a in 0..<extents[order[0]] {
          var place = [0, 0, 0]
          (place[order[0]], place[order[1]], place[order[2]]) = (a, b, c)
          result.append(cube[(place[0] * 4 + place[1]) * 5 + place[2]])
        }
      }
    }
    return result
  }

  @Test(arguments: [[1, 3, 4, 5], [3, 1, 4, 5], [3, 4, 1, 5], [3, 4, 5], [1, 3, 1, 4, 5]])
  func singleAxes(_ size: [Int]) throws {
    mat("s.mat", [variable("data", size, FieldFilesTests.columns())])
    #expect(try openCube(folder.file("s.mat")).numbers() == FieldFilesTests.cube)
    #expect(try openCube(folder.file("s.mat")) { $0.variable = "data" }.numbers() == FieldFilesTests.cube)
    // HDF5 has the axes of version 7.3 backwards.
    let file = HDF5Scratch(folder.file("s73.mat"))
    file.array("data", size.reversed(), FieldFilesTests.columns())
    file.close()
    #expect(try openCube(folder.file("s73.mat")).numbers() == FieldFilesTests.cube)
  }

  @Test func fourAxes() throws {
    mat("four.mat", [variable("data", [2, 3, 2, 2], (0..<24).map(Double.init))])
    #expect(errorIdentifier { _ = try openCube(folder.file("four.mat")) } == "E-UNSUPPORTED")
  }

  @Test func companions() throws {
    let picture = variable("rgb", [3, 4, 3], [Double](repeating: 9, count: 36), single: false)
    let mask = variable("gt", [3, 4], [Double](repeating: 1, count: 12), single: false)
    let flags = variable("quality", [3, 4, 5], [Double](repeating: 1, count: 60), single: false)
    mat(
      "c.mat",
      [
        picture, variable("field", [3, 4, 5], FieldFilesTests.columns()), mask, flags,
        variable("wl", [5, 1], FieldFilesTests.wavelengths), variable("bbl", [1, 5], [1, 0, 1, 1, 1]),
        variable("fwhm", [1, 5], [9, 9, 9, 9, 9]),
      ])
    let reader = try openCube(folder.file("c.mat"))
    #expect(try reader.numbers() == FieldFilesTests.cube)
    #expect(
      reader.metadata.axis.wavelengths == FieldFilesTests.wavelengths && reader.metadata.axis.fwhm == [9, 9, 9, 9, 9])
    #expect(reader.metadata.axis.good == [true, false, true, true, true])
    // Two that may be it are listed.
    mat(
      "d.mat",
      [
        variable("one", [3, 4, 5], FieldFilesTests.columns()),
        variable("two", [3, 4, 3], [Double](repeating: 1, count: 36)),
      ])
    #expect(errorIdentifier { _ = try openCube(folder.file("d.mat")) } == "E-AMBIGUOUS")
  }

  @Test func bandsAsWavelengths() throws {
    mat(
      "b.mat",
      [
        variable("cube", [3, 4, 5], FieldFilesTests.columns()), variable("bands", [1, 5], FieldFilesTests.wavelengths),
      ])
    #expect(try openCube(folder.file("b.mat")).metadata.axis.wavelengths == FieldFilesTests.wavelengths)
    mat(
      "n.mat", [variable("cube", [3, 4, 5], FieldFilesTests.columns()), variable("bands", [1, 5], [1, 2, 3, 4, 5])])
    #expect(try openCube(folder.file("n.mat")).metadata.axis.wavelengths == nil)
  }

  @Test func orderOfAxes() throws {
    let list = { self.variable("wl", [1, 5], FieldFilesTests.wavelengths) }
    for (order, size) in [([2, 0, 1], [5, 3, 4]), ([0, 2, 1], [3, 5, 4])] {
      mat("o.mat", [variable("data", size, FieldFilesTests.columns(order)), list()])
      #expect(try openCube(folder.file("o.mat")).numbers() == FieldFilesTests.cube, "\(order)")
    }
    mat("a.mat", [variable("data", [5, 3, 4], FieldFilesTests.columns([2, 0, 1]))])
    #expect(try openCube(folder.file("a.mat")) { $0.axes = "bhw" }.numbers() == FieldFilesTests.cube)
  }

  @Test func namesOfFields() throws {
    var dimensions = [1, 1]
    let names = ["Data", "RGB"]
    var pointers = names.map { UnsafePointer(strdup($0)) }
    let structure = Mat_VarCreateStruct("hsi", 2, &dimensions, &pointers, 2)
    Mat_VarSetStructFieldByName(structure, "Data", 0, variable("Data", [3, 4, 5], FieldFilesTests.columns()))
    Mat_VarSetStructFieldByName(structure, "RGB", 0, variable("RGB", [3, 4, 3], [Double](repeating: 1, count: 36)))
    mat("f.mat", [structure])
    do {
      _ = try openCube(folder.file("f.mat"))
      Issue.record("two cubes cannot both be meant")
    } catch let error as RasterError {
      #expect(error.problem.contains("hsi.Data 3×4×5") && error.problem.contains("hsi.RGB 3×4×3"))
    }
    #expect(try openCube(folder.file("f.mat")) { $0.variable = "hsi.Data" }.numbers() == FieldFilesTests.cube)
  }

  // MARK: - HDF5, NetCDF, Zarr, NumPy

  @Test func hdf5Wavelengths() throws {
    for (list, standard) in [
      ("wavelength_3d", ""), ("wl_nm_band_axis", "radiation_wavelength"), ("Central_Wavelengths", ""), ("bands", ""),
    ] {
      let file = HDF5Scratch(folder.file("w\(list).nc"))
      file.array("Rrs", [3, 4, 5], FieldFilesTests.cube)
      file.array("wavelength", [9], (0..<9).map { 315 + 70 * Double($0) })
      file.array(list, [5], FieldFilesTests.wavelengths)
      if !standard.isEmpty { file.attribute("standard_name", of: list, text: standard) }
      file.array("Rrs_unc", [3, 4, 5], FieldFilesTests.cube)
      file.close()
      let reader = try openCube(folder.file("w\(list).nc"))
      #expect(reader.metadata.axis.wavelengths == FieldFilesTests.wavelengths, "\(list)")
      #expect(try reader.numbers() == FieldFilesTests.cube)
    }
  }

  @Test func scalePerBand() throws {
    for (values, expected) in [
      ([0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5]), ([0.5], [0.5, 0.5, 0.5, 0.5, 0.5]),
      ([0.1, 0.2], [1, 1, 1, 1, 1]),
    ] {
      let file = HDF5Scratch(folder.file("s\(values.count).h5"))
      file.array("radiance", [3, 4, 5], FieldFilesTests.cube, type: hsi_h5_uint16())
      file.attribute("wavelengths", of: "radiance", FieldFilesTests.wavelengths)
      file.attribute("scale_factor", of: "radiance", values)
      file.attribute("add_offset", of: "radiance", [1])
      file.close()
      let context = RunContext()
      let metadata = try openCube(folder.file("s\(values.count).h5"), context: context).metadata
      #expect(metadata.scale == expected && metadata.offset == [1, 1, 1, 1, 1])
      #expect(context.warned == (values.count == 2 ? ["W-GAIN-COUNT"] : []))
    }
  }

  @Test func severalNodataValues() throws {
    var cube = FieldFilesTests.cube
    for band in 0..<5 { (cube[band], cube[10 + band]) = (-999, -9999) }
    cube[27] = -888
    let file = HDF5Scratch(folder.file("m.nc"))
    file.array("refl", [3, 4, 5], cube, type: hsi_h5_int16())
    file.attribute("wavelengths", of: "refl", FieldFilesTests.wavelengths)
    file.attribute("_FillValue", of: "refl", [-9999])
    file.attribute("missing_value", of: "refl", [-999, -888])
    file.array("flags", [3, 4, 5], cube, type: hsi_h5_uint8())
    file.array("good_wavelengths", [5], [1, 1, 1, 1, 0], type: hsi_h5_uint8())
    file.close()
    let reader = try openCube(folder.file("m.nc"))
    #expect(try validPixels(reader) == 9)
    #expect(reader.metadata.nodata == [Double?](repeating: -9999, count: 5))
    #expect(try reader.number(0, 0, 2) == -9999 && reader.number(1, 1, 2) == -9999)
    #expect(reader.metadata.axis.good == [true, true, true, true, false])
    // A value of the user replaces all of the file's.
    #expect(try validPixels(openCube(folder.file("m.nc")) { $0.nodata = .value(-888) }) == 11)
  }

  /// A Zarr tree of version 2 with a CF grid, as a folder, and in an archive.
  @Test func zarr() throws {
    func file(_ name: String, _ text: String) throws { try folder.write(name, text: text) }
    func doubles(_ name: String, _ values: [Double]) throws {
      try FileManager.default.createDirectory(atPath: folder.file("z.zarr/" + name), withIntermediateDirectories: true)
      try folder.write("z.zarr/\(name)/0", values.flatMap { value in withUnsafeBytes(of: value) { Array($0) } })
      try file(
        "z.zarr/\(name)/.zarray",
        "{\"chunks\":[\(values.count)],\"compressor\":null,\"dtype\":\"<f8\",\"fill_value\":null,\"filters\":null,\"order\":\"C\",\"shape\":[\(values.count)],\"zarr_format\":2}"
      )
      try file(
        "z.zarr/\(name)/.zattrs",
        "{\"_ARRAY_DIMENSIONS\":[\"\(name)\"]\(name == "wavelength" ? ",\"units\":\"nm\"" : "")}")
    }
    for name in ["z.zarr/reflectance", "z.zarr/spatial_ref"] {
      try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
    }
    try file("z.zarr/.zgroup", "{\"zarr_format\":2}")
    try doubles("wavelength", FieldFilesTests.wavelengths)
    try doubles("y", [5_000_000, 4_999_970, 4_999_940])
    try doubles("x", [500_000, 500_030, 500_060, 500_090])
    let bands = FieldFilesTests.columns([1, 0, 2]).map { Float($0) }  // band, line, sample
    try folder.write("z.zarr/reflectance/0.0.0", bands.flatMap { value in withUnsafeBytes(of: value) { Array($0) } })
    try file(
      "z.zarr/reflectance/.zarray",
      "{\"chunks\":[5,3,4],\"compressor\":null,\"dtype\":\"<f4\",\"fill_value\":null,\"filters\":null,\"order\":\"C\",\"shape\":[5,3,4],\"zarr_format\":2}"
    )
    try file(
      "z.zarr/reflectance/.zattrs",
      "{\"_ARRAY_DIMENSIONS\":[\"wavelength\",\"y\",\"x\"],\"grid_mapping\":\"spatial_ref\",\"missing_value\":124}")
    try folder.write("z.zarr/spatial_ref/0", [UInt8](repeating: 0, count: 8))
    try file(
      "z.zarr/spatial_ref/.zarray",
      "{\"chunks\":[],\"compressor\":null,\"dtype\":\"<i8\",\"fill_value\":0,\"filters\":null,\"order\":\"C\",\"shape\":[],\"zarr_format\":2}"
    )
    let crs = try #require(HDF5Format.wellKnownText(epsg: 32633)).replacing("\"", with: "\\\"").replacing(
      "\n", with: " ")
    for transform in [",\"GeoTransform\":\"499985 30 0 5000015 0 -30\"", ""] {
      try file("z.zarr/spatial_ref/.zattrs", "{\"_ARRAY_DIMENSIONS\":[],\"crs_wkt\":\"\(crs)\"\(transform)}")
      let reader = try openCube(folder.file("z.zarr"))
      #expect(try reader.numbers() == FieldFilesTests.cube)
      #expect(reader.metadata.axis.wavelengths == FieldFilesTests.wavelengths)
      #expect(reader.metadata.georeference?.mapping == .affine([499_985, 30, 0, 5_000_015, 0, -30]))
      #expect(reader.metadata.georeference?.crs?.contains("UTM zone 33N") ?? false)
      #expect(reader.metadata.quantity == .reflectance)
      // 124 stands in band 4 of pixel (1, 2).
      #expect(try validPixels(reader) == 11)
    }
    // The same in an archive: GDAL writes it.
    let archive = "/vsizip/" + folder.file("z.zarr.zip")
    let tree = try #require(FileManager.default.enumerator(atPath: folder.file("z.zarr")))
    GDAL.register()
    let zip = try #require(VSIFOpenL(archive, "wb"))
    for case let name as String in tree where VSI.isFile(folder.file("z.zarr/" + name)) {
      let bytes = try VSI.contents(folder.file("z.zarr/" + name))
      let entry = try #require(VSIFOpenL(archive + "/" + name, "wb"))
      #expect(VSIFWriteL(bytes, 1, bytes.count, entry) == bytes.count)
      VSIFCloseL(entry)
    }
    VSIFCloseL(zip)
    #expect(try openCube(folder.file("z.zarr.zip")).numbers() == FieldFilesTests.cube)
    // Version 3 is refused with what to do.
    try FileManager.default.createDirectory(atPath: folder.file("three.zarr"), withIntermediateDirectories: true)
    try file("three.zarr/zarr.json", "{\"zarr_format\":3,\"node_type\":\"group\"}")
    #expect(errorIdentifier { _ = try openCube(folder.file("three.zarr")) } == "E-UNSUPPORTED")
  }

  // MARK: - Metadata of GDAL

  /// Band items, domains and names under which programs keep wavelengths.
  @Test func wavelengthsOfBands() throws {
    let kinds: [(String, (GDALDatasetH?, GDALRasterBandH?, Int) -> Void)] = [
      ("band ENVI", { _, band, b in GDALSetMetadataItem(band, "wavelength", "\(400 + 25 * b)", "ENVI") }),
      ("WAVELENGTHS", { dataset, _, _ in GDALSetMetadataItem(dataset, "WAVELENGTHS", "400 425 450 475 500", nil) }),
      ("name", { _, band, b in GDALSetDescription(band, "Band_\(400 + 25 * b)") }),
      (
        "with unit",
        { _, band, b in GDALSetMetadataItem(band, "WAVELENGTH", "\(Double(400 + 25 * b) / 1000) Micrometers", nil) }
      ),
      (
        "limits",
        { _, band, b in
          GDALSetMetadataItem(band, "WavelengthMin", "\(395 + 25 * b)", nil)
          GDALSetMetadataItem(band, "WavelengthMax", "\(405 + 25 * b)", nil)
        }
      ),
    ]
    GDAL.register()
    for (index, (name, set)) in kinds.enumerated() {
      let path = folder.file("k\(index).tif")
      let dataset = GDALCreate(GDALGetDriverByName("GTiff"), path, 4, 3, 5, GDT_Byte, nil)
      for band in 0..<5 { set(dataset, GDALGetRasterBand(dataset, Int32(band + 1)), band) }
      GDALClose(dataset)
      let found = try openCube(path).metadata.axis.wavelengths
      #expect(found?.map { ($0 * 1e6).rounded() / 1e6 } == FieldFilesTests.wavelengths, "\(name)")
    }
    // Numbers of bands are no wavelengths.
    let dataset = GDALCreate(GDALGetDriverByName("GTiff"), folder.file("n.tif"), 4, 3, 5, GDT_Byte, nil)
    for band in 0..<5 { GDALSetDescription(GDALGetRasterBand(dataset, Int32(band + 1)), "Band \(301 + band)") }
    GDALClose(dataset)
    #expect(try openCube(folder.file("n.tif")).metadata.axis.wavelengths == nil)
    // A STAC item of any name that names the file; nm where the numbers can be nothing else.
    let item = (0..<5).map { "{\"eo:center_wavelength\": \(400 + 25 * $0)}" }.joined(separator: ",")
    try folder.write(
      "item.json", text: "{\"stac_version\":\"1.1.0\",\"assets\":{\"a\":{\"href\":\"./n.tif\",\"bands\":[\(item)]}}}")
    #expect(try openCube(folder.file("n.tif")).metadata.axis.wavelengths == FieldFilesTests.wavelengths)
  }
}
