import CGDAL
import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

@Suite struct RasterFormatsTests {
  private func identifier(_ path: String, _ options: OpenOptions = OpenOptions()) -> String? {
    errorIdentifier { _ = try RasterFormats.open(path, options: options, context: RunContext()) }
  }

  @Test func errorsSayWhatIsWrong() throws {
    let scratch = try Scratch()
    #expect(identifier(scratch.path("absent.tif")) == "E-NOT-FOUND")
    #expect(identifier("") == "E-NOT-FOUND")
    try scratch.write([UInt8](), to: "empty.tif")
    #expect(identifier(scratch.path("empty.tif")) == "E-UNREADABLE")
    try scratch.write("hello", to: "text.txt")
    #expect(identifier(scratch.path("text.txt")) == "E-UNREADABLE")
    try scratch.write([0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 1, 2, 3], to: "broken.tif")
    #expect(identifier(scratch.path("broken.tif")) == "E-UNREADABLE")
    var options = OpenOptions()
    options.format = "nonsense"
    #expect(identifier(scratch.path("text.txt"), options) == "E-PARAMETER")
    do {
      _ = try RasterFormats.open(scratch.path("broken.tif"), context: RunContext())
    } catch let error as RasterError {
      #expect(error.description.contains("broken.tif") && !error.description.contains("\n"))
    }
  }

  @Test func damagedTIFFIsAnErrorNotZeros() throws {
    let scratch = try Scratch()
    var options = OutputOptions()
    options.creationOptions = ["COMPRESS=NONE"]
    let writer = try RasterFormats.create(
      scratch.path("t.tif"), shape: CubeShape(lines: 300, samples: 300, bands: 1), type: .uint8,
      metadata: CubeMetadata(bands: 1), options: options, context: RunContext())
    let block = StoredBlock()
    block.prepare(type: .uint8, interleave: .bip, lines: 300, samples: 300, bands: 1)
    block.bytes.initializeMemory(as: UInt8.self, repeating: 9)
    try writer.write(block, lines: 0..<300)
    _ = try writer.finish()
    let bytes = try VSI.contents(scratch.path("t.tif"))
    try scratch.write(Array(bytes.dropLast(bytes.count / 2)), to: "t.tif")
    #expect(
      errorIdentifier {
        _ = try RasterFormats.open(scratch.path("t.tif"), context: RunContext()).stored()
      } == "E-IO")
  }

  @Test func archivesAndVirtualNames() throws {
    let scratch = try Scratch()
    let sample = Sample(
      type: .uint16, interleave: .bil,
      extra: "wavelength units = nm\nwavelength = {1000,1100,1200,1300,1400,1500}")
    let path = try sample.write(scratch, "cube")
    let expected = try RasterFormats.open(path, context: RunContext()).stored()
    // A zip with the pair in a folder, made by GDAL.
    let zip = scratch.path("pair.zip")
    GDAL.register()
    let archive = CPLCreateZip(zip, nil)
    for name in ["cube.img", "cube.hdr"] {
      CPLCreateFileInZip(archive, "dir/" + name, nil)
      let bytes = try VSI.contents(scratch.path(name))
      _ = bytes.withUnsafeBytes { CPLWriteFileInZip(archive, $0.baseAddress, Int32($0.count)) }
      CPLCloseFileInZip(archive)
    }
    CPLCloseZip(archive)
    for name in [zip, "/vsizip/\(zip)/dir/cube.img", "/vsizip/\(zip)/dir/cube.hdr"] {
      let reader = try RasterFormats.open(name, context: RunContext())
      #expect(try reader.stored() == expected, "\(name)")
      #expect(reader.metadata.axis.wavelengths?.first == 1000)
      #expect(
        try reader.stored(PixelWindow(line: 3, sample: 2, lines: 2, samples: 2), bands: [4, 1])[0]
          == sample.value(3, 2, 4))
    }
    let context = RunContext()
    let reader = try RasterFormats.open(zip, context: context)
    #expect(try FileSource(reader, context: context).load(context).count == sample.shape.pixels)
  }

  @Test func addressesBecomeVirtualNames() {
    #expect(PathResolution.rewritten("s3://bucket/key.tif") == "/vsis3/bucket/key.tif")
    #expect(PathResolution.rewritten("https://host/a.tif") == "/vsicurl/https://host/a.tif")
    #expect(PathResolution.rewritten("https://host/a.zip") == "/vsizip//vsicurl/https://host/a.zip")
    #expect(PathResolution.rewritten("file:///tmp/a.tif") == "/tmp/a.tif")
    #expect(PathResolution.rewritten("plain.tif") == "plain.tif")
    #expect(GDAL.redacted("https://host/a.tif?X-Amz-Signature=abc") == "https://host/a.tif?…")
    #expect(GDAL.redacted("/home/what?.tif") == "/home/what?.tif")
  }

  @Test func partOfAFile() throws {
    let scratch = try Scratch()
    try scratch.write("x", to: "f.h5")
    let location = try PathResolution.locate(scratch.path("f.h5") + "//SITE/Reflectance//Data")
    #expect(location.file == scratch.path("f.h5") && location.part == "SITE/Reflectance//Data")
    #expect(errorIdentifier { _ = try PathResolution.locate(scratch.path("g.h5") + "//x") } == "E-NOT-FOUND")
  }

  @Test func optionsBeatTheFile() throws {
    let scratch = try Scratch()
    let path = try Sample(
      type: .int16,
      extra:
        "reflectance scale factor = 1000\ndata ignore value = 3\nwavelength units = nm\nwavelength = {1000,1100,1200,1300,1400,1500}"
    ).write(scratch)
    var options = OpenOptions()
    options.nodata = .value(5)
    options.isScaled = false
    options.quantity = .radiance
    options.sensor = "X"
    options.wavelengths = "400:900:6"
    let metadata = try RasterFormats.open(path, options: options, context: RunContext()).metadata
    #expect(
      metadata.nodata[0] == 5 && metadata.scale[0] == 1 && metadata.quantity == .radiance
        && metadata.sensor == "X")
    #expect(
      metadata.axis.wavelengths == [400, 500, 600, 700, 800, 900] && metadata.sources["wavelengths"] == .user)
    try scratch.write(
      "band,centre_um,fwhm_um\n1,0.4,0.01\n2,0.5,0.01\n3,0.6,0.01\n4,0.7,0.01\n5,0.8,0.01\n6,0.9,0.02\n",
      to: "w.csv")
    options.wavelengths = scratch.path("w.csv")
    let table = try RasterFormats.open(path, options: options, context: RunContext()).metadata
    #expect(table.axis.wavelengths == [400, 500, 600, 700, 800, 900] && table.axis.fwhm?[5] == 20)
    options.wavelengths = "400:900:5"
    #expect(identifier(path, options) == "E-INCONSISTENT")
    options.wavelengths = scratch.path("absent.csv")
    #expect(identifier(path, options) == "E-NOT-FOUND")
    #expect(
      OpenOptions.Nodata("none") == OpenOptions.Nodata.none && OpenOptions.Nodata("-9999") == .value(-9999))
    #expect(OpenOptions.Nodata("x") == nil)
  }

  @Test func wavelengthsWhereverGDALShowsThem() throws {
    let scratch = try Scratch()
    func wavelengths(_ dataset: String, _ band: (Int) -> String) throws -> [Double]? {
      let bands = (1...3).map {
        "<VRTRasterBand dataType=\"Byte\" band=\"\($0)\">\(band($0))</VRTRasterBand>"
      }
      try scratch.write(
        "<VRTDataset rasterXSize=\"2\" rasterYSize=\"2\">\(dataset)\(bands.joined())</VRTDataset>",
        to: "v.vrt")
      return try RasterFormats.open(scratch.path("v.vrt"), context: RunContext()).metadata.axis.wavelengths
    }
    func near(_ a: [Double]?) -> Bool {
      zip(a ?? [], [410.0, 420, 430]).allSatisfy { abs($0 - $1) < 1e-9 } && a?.count == 3
    }
    #expect(
      near(
        try wavelengths("") {
          "<Metadata domain=\"IMAGERY\"><MDI key=\"CENTRAL_WAVELENGTH_UM\">0.4\($0)</MDI></Metadata>"
        }))
    #expect(
      near(
        try wavelengths("") {
          "<Metadata><MDI key=\"wavelength\">0.4\($0)</MDI><MDI key=\"wavelength_units\">Micrometers</MDI></Metadata>"
        }))
    #expect(near(try wavelengths("") { "<Metadata><MDI key=\"WAVELENGTH\">4\($0)0</MDI></Metadata>" }))
    #expect(near(try wavelengths("") { "<Metadata><MDI key=\"wavelength_nm\">4\($0)0</MDI></Metadata>" }))
    #expect(
      near(
        try wavelengths(
          "<Metadata domain=\"ENVI\"><MDI key=\"wavelength\">{410, 420, 430}</MDI><MDI key=\"wavelength_units\">nm</MDI></Metadata>"
        ) { _ in "" }))
    #expect(
      near(try wavelengths("<Metadata><MDI key=\"wavelengths\">410 420 430</MDI></Metadata>") { _ in "" }))
    #expect(
      near(
        try wavelengths(
          "<Metadata><MDI key=\"Band_1\">a (410 Nanometers)</MDI><MDI key=\"Band_2\">a (420 Nanometers)</MDI><MDI key=\"Band_3\">a (430 Nanometers)</MDI></Metadata>"
        ) { _ in "" }))
    #expect(near(try wavelengths("") { "<Description>B00\($0) (0.4\($0) um)</Description>" }))
    #expect(try wavelengths("") { "<Description>band \($0)</Description>" } == nil)
  }

  @Test(
    .enabled(if: SharedData.path("formats/geotiff/M3_4030seg_L2_aristcrater.tif") != nil, "no shared data"))
  func moonMineralogyMapper() throws {
    let path = try #require(SharedData.path("formats/geotiff/M3_4030seg_L2_aristcrater.tif"))
    let context = RunContext()
    let reader = try RasterFormats.open(path, context: context)
    #expect(reader.shape == CubeShape(lines: 50, samples: 50, bands: 83) && reader.sampleType == .float32)
    #expect(reader.metadata.axis.wavelengths?.first == 540.840027 && reader.metadata.nodata[0] == -999)
    let cube = try FileSource(reader, context: context).load(context)
    #expect(cube.count > 0 && cube.pixels.values.allSatisfy { $0.isFinite && $0 != -999 })
  }
}
