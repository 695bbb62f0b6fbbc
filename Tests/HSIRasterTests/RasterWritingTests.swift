import CGDAL
import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

@Suite struct RasterWritingTests {
  private func metadata(bands: Int) -> CubeMetadata {
    var metadata = CubeMetadata(bands: bands)
    metadata.axis = SpectralAxis(
      wavelengths: (0..<bands).map { 400.123457 + Double($0) * 10.01 },
      fwhm: (0..<bands).map { 6.5 + Double($0) * 0.01 }, good: (0..<bands).map { $0 % 4 != 3 })
    metadata.bandNames = (0..<bands).map { "band \($0)" }
    metadata.nodata = [Double?](repeating: -9999, count: bands)
    metadata.scale = [Double](repeating: 1e-4, count: bands)
    metadata.quantity = .reflectance
    metadata.sensor = "Tester"
    metadata.acquired = "2024-05-06T07:08:09Z"
    metadata.georeference = Georeference(crs: utm, mapping: .affine([500000, 30, 0, 4_100_000, 0, -30]))
    return metadata
  }

  private var utm: String {
    GDAL.register()
    let reference = OSRNewSpatialReference(nil)
    defer { OSRDestroySpatialReference(reference) }
    OSRImportFromEPSG(reference, 32633)
    return wellKnownText(reference) ?? ""
  }

  private func sameCube(_ a: any CubeReader, _ b: any CubeReader, _ step: String) throws {
    #expect(try a.stored() == b.stored(), "\(step)")
    let (x, y) = (a.metadata, b.metadata)
    for (p, q) in zip(x.axis.wavelengths ?? [], y.axis.wavelengths ?? [0]) {
      #expect(abs(p - q) < 1e-6, "\(step)")
    }
    #expect(x.axis.wavelengths?.count == y.axis.wavelengths?.count, "\(step)")
    for (p, q) in zip(x.axis.fwhm ?? [], y.axis.fwhm ?? []) { #expect(abs(p - q) < 1e-6, "\(step)") }
    #expect(x.axis.fwhm?.count == y.axis.fwhm?.count, "\(step)")
    #expect(x.axis.good == y.axis.good && x.bandNames == y.bandNames, "\(step)")
    #expect(x.nodata == y.nodata && x.scale == y.scale && x.offset == y.offset, "\(step)")
    #expect(x.georeference?.mapping == y.georeference?.mapping, "\(step)")
    #expect((y.georeference?.crs?.contains("33N") ?? false), "\(step): \(y.georeference?.crs ?? "no CRS")")
    #expect(x.quantity == y.quantity, "\(step)")
  }

  @Test func roundTripThroughAllFormats() throws {
    let scratch = try Scratch()
    let sample = Sample(shape: CubeShape(lines: 70, samples: 67, bands: 9), type: .int16, interleave: .bil)
    let context = RunContext()
    let raw = try RasterFormats.open(try sample.write(scratch, "raw"), context: context)
    func copy(_ reader: any CubeReader, _ name: String, _ format: OutputFormat, _ co: [String] = []) throws
      -> any CubeReader
    {
      var options = OutputOptions()
      options.format = format
      options.creationOptions = co
      options.inputs = reader.files
      let meta = reader.path.hasSuffix("raw.img") ? metadata(bands: 9) : reader.metadata
      let writer = try RasterFormats.create(
        scratch.path(name), shape: reader.shape, type: reader.sampleType, metadata: meta, options: options,
        context: context)
      let files = try CubeCopy.run(
        from: reader, window: reader.shape.window, bands: Array(0..<9), to: writer, context)
      #expect(files.first == scratch.path(name))
      for file in files { #expect(FileManager.default.fileExists(atPath: file), "\(file)") }
      return try RasterFormats.open(scratch.path(name), context: context)
    }
    let first = try copy(raw, "one.dat", .envi, ["INTERLEAVE=BIP"])
    #expect(try first.stored() == raw.stored() && first.interleave == .bip)
    let tiff = try copy(first, "two.tif", .geoTIFF)
    try sameCube(first, tiff, "ENVI → GTiff")
    #expect(tiff.metadata.sensor == "Tester" && tiff.metadata.acquired == "2024-05-06T07:08:09Z")
    let cog = try copy(tiff, "three.tif", .cog)
    try sameCube(first, cog, "GTiff → COG")
    let last = try copy(cog, "four.bsq", .envi)
    try sameCube(first, last, "COG → ENVI")
    let band = try copy(last, "five.tif", .geoTIFF, ["INTERLEAVE=BAND", "COMPRESS=NONE"])
    try sameCube(first, band, "ENVI → band-interleaved GTiff")
    #expect(band.interleave == .bsq)
    #expect(context.warned.isEmpty, "\(context.warned)")
    #expect(!scratch.names.contains { $0.contains(".part") || $0.contains(".aux.xml") }, "\(scratch.names)")
  }

  @Test func wavelengthsAreWhereOtherProgramsLook() throws {
    let scratch = try Scratch()
    let meta = metadata(bands: 4)
    let writer = try RasterFormats.create(
      scratch.path("w.tif"), shape: CubeShape(lines: 2, samples: 2, bands: 4), type: .int16, metadata: meta,
      context: RunContext())
    let block = StoredBlock()
    block.prepare(type: .int16, interleave: .bip, lines: 2, samples: 2, bands: 4)
    try writer.write(block, lines: 0..<2)
    #expect(try writer.finish() == [scratch.path("w.tif")])
    GDAL.register()
    let dataset = try #require(GDALOpenEx(scratch.path("w.tif"), UInt32(GDAL_OF_RASTER), nil, nil, nil))
    defer { GDALClose(dataset) }
    let band = try #require(GDALGetRasterBand(dataset, 2))
    #expect(GDALMetadata.items(band, "IMAGERY")["CENTRAL_WAVELENGTH_UM"] == "0.410133457")
    #expect(GDALMetadata.items(band, "IMAGERY")["FWHM_UM"] == "0.006510")
    #expect(GDALMetadata.items(band, nil)["wavelength_units"] == "Nanometers")
    #expect(GDALMetadata.items(dataset, "ENVI")["wavelength"]?.hasPrefix("{400.123457, ") == true)
    #expect(GDALMetadata.items(dataset, "ENVI")["bbl"] == "{1, 1, 1, 0}")
    #expect(GDALGetRasterScale(band, nil) == 1e-4)
  }

  @Test(arguments: [OutputFormat.geoTIFF, .envi])
  func everyType(format: OutputFormat) throws {
    let scratch = try Scratch()
    for type in ENVIReaderTests.types {
      for interleave in Interleave.allCases {
        let sample = Sample(type: type, interleave: interleave, isBigEndian: true)
        let reader = try RasterFormats.open(try sample.write(scratch, "in"), context: RunContext())
        var options = OutputOptions()
        options.format = format
        options.overwrite = true
        let name = scratch.path("out." + (format == .envi ? "dat" : "tif"))
        let writer = try RasterFormats.create(
          name, shape: reader.shape, type: type, metadata: reader.metadata, options: options,
          context: RunContext())
        _ = try CubeCopy.run(
          from: reader, window: reader.shape.window, bands: Array(0..<6), to: writer, RunContext())
        let back = try RasterFormats.open(name, context: RunContext())
        #expect(back.sampleType == type)
        #expect(try back.stored() == reader.stored(), "\(format) \(type) \(interleave)")
      }
    }
  }

  @Test(arguments: [
    ("map.tif", SampleType.uint8), ("map.tif", .uint16), ("map.dat", .uint8), ("map.dat", .uint16),
  ])
  func classMaps(name: String, type: SampleType) throws {
    let scratch = try Scratch()
    var meta = CubeMetadata(bands: 1)
    meta.quantity = .class
    meta.classes = [
      ClassEntry(name: "Unclassified", colour: [0, 0, 0]), ClassEntry(name: "corn", colour: [230, 159, 0]),
      ClassEntry(name: "soil", colour: [86, 180, 233]),
    ]
    meta.bandNames = ["class"]
    let writer = try RasterFormats.create(
      scratch.path(name), shape: CubeShape(lines: 3, samples: 2, bands: 1), type: type, metadata: meta,
      context: RunContext())
    let results = ResultWriter(writer, metadata: meta)
    let values = PixelMatrix(rows: 4, columns: 1, values: [1, 2, 2, 1])
    try results.write(
      values, positions: [0, 2, 3, 5], window: PixelWindow(line: 0, sample: 0, lines: 3, samples: 2))
    let files = try results.finish()
    #expect(files.count == 2, "\(files)")
    let back = try RasterFormats.open(scratch.path(name), context: RunContext())
    #expect(
      back.metadata.classes == meta.classes && back.metadata.quantity == .class && back.sampleType == type)
    #expect(try back.stored() == [1, 0, 2, 2, 0, 1])
    if name.hasSuffix("dat") {
      let header = ENVIHeader(parsing: try VSI.contents(scratch.path("map.hdr")))
      #expect(header["file type"] == "ENVI Classification" && header["classes"] == "3")
    }
  }

  @Test func resultsAreScatteredRoundedAndClipped() throws {
    let scratch = try Scratch()
    var meta = CubeMetadata(bands: 2)
    meta.nodata = [-9999, -9999]
    meta.scale = [0.01, 0.01]
    meta.offset = [1, 1]
    let shape = CubeShape(lines: 2, samples: 3, bands: 2)
    let values = PixelMatrix(rows: 3, columns: 2, values: [1, 1.014, 1.016, 1000, -1000, .nan])
    func write(_ type: SampleType, _ name: String, _ meta: CubeMetadata) throws -> [Double] {
      let writer = try RasterFormats.create(
        scratch.path(name), shape: shape, type: type, metadata: meta, context: RunContext())
      let results = ResultWriter(writer, metadata: meta)
      try results.write(
        values, positions: [1, 3, 5], window: PixelWindow(line: 0, sample: 0, lines: 2, samples: 3))
      _ = try results.finish()
      return try RasterFormats.open(scratch.path(name), context: RunContext()).stored()
    }
    let n = -9999.0
    #expect(try write(.int16, "i.tif", meta) == [n, n, 0, 1, n, n, 2, 32767, n, n, -32768, n])
    #expect(try write(.int16, "i.dat", meta) == [n, n, 0, 1, n, n, 2, 32767, n, n, -32768, n])
    let plain = CubeMetadata(bands: 2)
    let floats = try write(.float32, "f.tif", plain)
    #expect(
      floats.map(\.isNaN) == [true, true, false, false, true, true, false, false, true, true, false, true])
    #expect(floats[2] == 1 && floats[7] == 1000)
    var minus = plain
    minus.nodata = [-1, -1]
    #expect(try write(.float32, "m.dat", minus)[0] == -1)
  }

  @Test func nodataNaNAndTwoValues() throws {
    let scratch = try Scratch()
    var meta = CubeMetadata(bands: 2)
    for (value, type) in [(Double.nan, SampleType.float32), (-9999, .int16)] {
      meta.nodata = [value, value]
      let name = scratch.path("n-\(type).tif")
      let writer = try RasterFormats.create(
        name, shape: CubeShape(lines: 1, samples: 1, bands: 2), type: type, metadata: meta,
        context: RunContext())
      let block = StoredBlock()
      block.prepare(type: type, interleave: .bip, lines: 1, samples: 1, bands: 2)
      try writer.write(block, lines: 0..<1)
      _ = try writer.finish()
      let back = try RasterFormats.open(name, context: RunContext()).metadata.nodata
      #expect(value.isNaN ? back.allSatisfy { $0?.isNaN == true } : back == [value, value])
    }
    // A VRT may have one value per band: each counts for its own band.
    try scratch.write(
      """
      <VRTDataset rasterXSize="1" rasterYSize="1">
      <VRTRasterBand dataType="Int16" band="1"><NoDataValue>-1</NoDataValue></VRTRasterBand>
      <VRTRasterBand dataType="Int16" band="2"><NoDataValue>-2</NoDataValue></VRTRasterBand>
      </VRTDataset>
      """, to: "two.vrt")
    #expect(
      try RasterFormats.open(scratch.path("two.vrt"), context: RunContext()).metadata.nodata == [-1, -2])
  }

  @Test func existingOutputsAndInputsAreSafe() throws {
    let scratch = try Scratch()
    let path = try Sample(type: .uint8).write(scratch)
    let meta = CubeMetadata(bands: 6)
    let shape = Sample().shape
    func create(_ name: String, overwrite: Bool) throws {
      var options = OutputOptions()
      options.overwrite = overwrite
      options.inputs = [path, scratch.path("cube.hdr")]
      let writer = try RasterFormats.create(
        scratch.path(name), shape: shape, type: .uint8, metadata: meta, options: options,
        context: RunContext())
      writer.discard()
    }
    #expect(errorIdentifier { try create("cube.img", overwrite: false) } == "E-OUTPUT-IS-INPUT")
    #expect(errorIdentifier { try create("cube.img", overwrite: true) } == "E-OUTPUT-IS-INPUT")
    #expect(
      errorIdentifier { try create("cube.dat", overwrite: true) } == "E-OUTPUT-IS-INPUT",
      "its header is an input")
    try scratch.write("old", to: "old.tif")
    #expect(errorIdentifier { try create("old.tif", overwrite: false) } == "E-OUTPUT-EXISTS")
    try create("old.tif", overwrite: true)
    #expect(try String(contentsOfFile: scratch.path("old.tif"), encoding: .utf8) == "old")
    #expect(errorIdentifier { try create("nowhere/x.tif", overwrite: true) } == "E-WRITE")
    #expect(errorIdentifier { try create("x.xyz", overwrite: true) } == "E-PARAMETER")
    #expect(scratch.names == ["cube.hdr", "cube.img", "old.tif"])
  }

  @Test func incompleteFilesDoNotAppear() throws {
    let scratch = try Scratch()
    for name in ["a.tif", "a.dat", "a.mat"] {
      let writer = try RasterFormats.create(
        scratch.path(name), shape: CubeShape(lines: 2, samples: 2, bands: 1), type: .uint8,
        metadata: CubeMetadata(bands: 1), context: RunContext())
      let block = StoredBlock()
      block.prepare(type: .uint8, interleave: .bip, lines: 1, samples: 2, bands: 1)
      try writer.write(block, lines: 0..<1)
      #expect(errorIdentifier { _ = try writer.finish() } == "E-IO")
    }
    #expect(scratch.names.isEmpty)
  }

  @Test func memoryFiles() throws {
    let name = "/vsimem/hsi-test-\(UUID().uuidString).tif"
    defer { VSI.delete(name) }
    var meta = CubeMetadata(bands: 2)
    meta.nodata = [.nan, .nan]
    let shape = CubeShape(lines: 2, samples: 3, bands: 2)
    let writer = try RasterFormats.create(
      name, shape: shape, type: .float32, metadata: meta, context: RunContext())
    let results = ResultWriter(writer, metadata: meta)
    let values = PixelMatrix(rows: 6, columns: 2, values: (0..<12).map { Float($0) })
    try results.write(values, positions: (0..<6).map { $0 }, window: shape.window)
    #expect(try results.finish() == [name])
    #expect(try RasterFormats.open(name, context: RunContext()).stored() == (0..<12).map { Double($0) })
    #expect(
      errorIdentifier {
        _ = try RasterFormats.create(
          name, shape: shape, type: .float32, metadata: meta, context: RunContext())
      } == "E-OUTPUT-EXISTS")
  }

  /// GDAL's stand-in for a stream to standard output.
  @Test func streams() throws {
    let target = "/vsimem/hsi-stream-\(UUID().uuidString).tif"
    defer { VSI.delete(target) }
    var meta = metadata(bands: 3)
    meta.scale = [1, 1, 1]
    let shape = CubeShape(lines: 5, samples: 4, bands: 3)
    var options = OutputOptions()
    options.interleave = .bsq  // not possible in a stream, so not taken
    let writer = try RasterFormats.create(
      "/vsistdout_redirect/" + target, shape: shape, type: .float32, metadata: meta, options: options,
      context: RunContext())
    let results = ResultWriter(writer, metadata: meta)
    for line in stride(from: 0, to: 5, by: 2) {
      let height = min(2, 5 - line)
      let values = PixelMatrix(
        rows: 4 * height, columns: 3, values: (0..<(12 * height)).map { Float(line * 12 + $0) })
      try results.write(
        values, positions: (0..<Int32(4 * height)).map { $0 },
        window: PixelWindow(line: line, sample: 0, lines: height, samples: 4))
    }
    #expect(try results.finish().isEmpty)
    let back = try RasterFormats.open(target, context: RunContext())
    #expect(try back.stored() == (0..<60).map { Double($0) })
    #expect(back.metadata.axis.wavelengths?.count == 3)
  }

  @Test(arguments: [Interleave.bsq, .bip]) func bytesDoNotDependOnStrips(interleave: Interleave) throws {
    let scratch = try Scratch()
    let shape = CubeShape(lines: 300, samples: 270, bands: 20)
    let values = PixelMatrix(rows: shape.pixels, columns: shape.bands)
    var random = CounterRandom(seed: 5)
    for n in 0..<(shape.pixels * shape.bands) { values.pointer[n] = Float(random.next() & 0xFF) }
    var meta = CubeMetadata(bands: 20)
    meta.nodata = [Double?](repeating: .nan, count: 20)
    var seen: [[UInt8]] = []
    for height in [300, 1, 37, 64, 256] {
      var options = OutputOptions()
      options.interleave = interleave
      let name = scratch.path("h\(height).tif")
      let writer = try RasterFormats.create(
        name, shape: shape, type: .float32, metadata: meta, options: options, context: RunContext())
      let results = ResultWriter(writer, metadata: meta)
      for line in stride(from: 0, to: 300, by: height) {
        let lines = min(height, 300 - line)
        let part = PixelMatrix(rows: lines * 270, columns: 20)
        part.pointer.update(from: values.pointer + line * 270 * 20, count: lines * 270 * 20)
        try results.write(
          part, positions: (0..<Int32(lines * 270)).map { $0 },
          window: PixelWindow(line: line, sample: 0, lines: lines, samples: 270))
      }
      _ = try results.finish()
      seen.append(try VSI.contents(name))
    }
    for other in seen.dropFirst() { #expect(other == seen[0]) }
    let back = try RasterFormats.open(scratch.path("h37.tif"), context: RunContext())
    let stored = try back.stored(PixelWindow(line: 290, sample: 265, lines: 10, samples: 5))
    #expect(
      stored[0] == Double(values[290 * 270 + 265, 0]) && stored[999] == Double(values[300 * 270 - 1, 19]))
  }
}
