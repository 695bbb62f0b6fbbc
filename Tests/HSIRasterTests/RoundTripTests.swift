import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

/// What hsi writes, hsi reads back equal: every writer and its reader, with everything that a cube or a library may know.
@Suite("Round trips")
struct RoundTripTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  /// A name to write to, and how.
  struct Target: Sendable, CustomTestStringConvertible {
    var name: String
    var format: OutputFormat?
    var options: [String] = []
    var isCompatible = false
    /// What the format has no place for.
    var forgets: Set<String> = []

    var testDescription: String { "\(name) \(options)\(isCompatible ? " compatible" : "")" }
  }

  static let targets: [Target] = [
    Target(name: "a.dat"), Target(name: "a.bil"), Target(name: "a.bip"), Target(name: "a", options: ["INTERLEAVE=BIP"]),
    Target(name: "a.img", options: ["SUFFIX=ADD", "INTERLEAVE=BIL"]), Target(name: "a.tif"),
    Target(name: "b.tif", isCompatible: true),
    Target(name: "c.tif", options: ["INTERLEAVE=BAND", "COMPRESS=LZW"]), Target(name: "d.tif", format: .cog),
    Target(name: "e.tif", format: .cog, isCompatible: true),
    Target(name: "a.mat", forgets: ["georeference", "extra", "facts"]),
    Target(
      name: "a.npy", forgets: ["georeference", "extra", "facts", "axis", "names", "nodata", "scale"]),
  ]

  /// Metadata with, or without, everything.
  private func metadata(_ bands: Int, _ type: SampleType, has: Bool) -> CubeMetadata {
    var metadata = CubeMetadata(bands: bands)
    guard has else { return metadata }
    metadata.axis = SpectralAxis(
      wavelengths: (0..<bands).map { [401.25, 553.7, 660, 2301.123456, 1200][$0 % 5] },
      fwhm: (0..<bands).map { 9.5 + Double($0) },
      good: (0..<bands).map { $0 % 3 != 1 }, unit: .micrometres)
    metadata.bandNames = (0..<bands).map { ["red; edge", "b \"2\"", "400.5", "Ø µm", "a=b"][$0 % 5] }
    metadata.nodata = [Double?](repeating: type.isFloatingPoint ? -9999.5 : 3, count: bands)
    metadata.scale = (0..<bands).map { 1e-4 * Double($0 + 1) }
    metadata.offset = (0..<bands).map { Double($0) / 8 }
    metadata.georeference = Georeference(
      crs: HDF5Format.wellKnownText(epsg: 32633), mapping: .affine([499_985, 30, 0, 5_000_015, 0, -30]))
    metadata.acquired = "2023-08-01T10:11:12Z"
    metadata.sensor = "EMIT"
    metadata.defaultRGB = [2, 1, 0]
    metadata.extra = [HeaderField("solar zenith", "31.5")]
    return metadata
  }

  static let types: [SampleType] = [
    .uint8, .int8, .int16, .uint16, .int32, .uint32, .int64, .uint64, .float32, .float64,
  ]

  @Test(arguments: targets, [true, false])
  func cubes(_ target: Target, _ has: Bool) throws {
    for type in RoundTripTests.types {
      // GDAL's COG driver of this age takes no 64-bit integers.
      if target.format == .cog, type == .int64 || type == .uint64 { continue }
      for bands in [1, 5] {
        let shape = CubeShape(lines: 7, samples: 3, bands: bands)
        var options = OutputOptions()
        (options.format, options.creationOptions, options.isCompatible, options.overwrite) = (
          target.format, target.options, target.isCompatible, true
        )
        let written = metadata(bands, type, has: has)
        let path = folder.file(target.name)
        let writer = try RasterFormats.create(
          path, shape: shape, type: type, metadata: written, options: options, context: RunContext())
        let block = StoredBlock()
        block.prepare(type: type, interleave: .bil, lines: 7, samples: 3, bands: bands)
        var values: [Double] = []
        for line in 0..<7 {
          for sample in 0..<3 {
            for band in 0..<bands {
              let value = Double((line * 31 + sample * 7 + band * 3) % 121) - (type.isFloatingPoint ? 0.25 : 0)
              values.append(value)
              let place = line * block.lineStride + sample * block.pixelStride + band * block.bandStride
              (try #require(block.bytes.baseAddress) + place).copyMemory(
                from: try #require(type.bytes(of: value)), byteCount: type.size)
            }
          }
        }
        try writer.write(block, lines: 0..<7)
        _ = try writer.finish()
        let context = RunContext()
        let reader = try openCube(path, context: context)
        let what = Comment(rawValue: "\(target.testDescription) \(type) \(bands) bands")
        #expect(reader.shape == shape, what)
        // ENVI has no signed bytes.
        #expect(reader.sampleType == type || type == .int8, what)
        #expect(try reader.numbers() == values, what)
        #expect(context.warned == [], what)
        expectEqual(reader.metadata, written, forgets: target.forgets, has: has, what)
      }
    }
  }

  private func expectEqual(
    _ read: CubeMetadata, _ written: CubeMetadata, forgets: Set<String>, has: Bool, _ what: Comment
  ) {
    func close(_ a: [Double]?, _ b: [Double]?) -> Bool {
      guard let a, let b else { return (a == nil) == (b == nil) }
      return a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 1e-9 * max(1, abs($1)) }
    }
    if !forgets.contains("axis") {
      #expect(close(read.axis.wavelengths, written.axis.wavelengths), what)
      #expect(close(read.axis.fwhm, written.axis.fwhm), what)
      #expect(read.axis.good == written.axis.good, what)
    }
    if !forgets.contains("names") { #expect(read.bandNames == written.bandNames, what) }
    if !forgets.contains("nodata") { #expect(read.nodata == written.nodata, what) }
    if !forgets.contains("scale") {
      #expect(close(read.scale, written.scale) && close(read.offset, written.offset), what)
    }
    if !forgets.contains("georeference") {
      #expect(read.georeference?.mapping == written.georeference?.mapping, what)
      #expect((read.georeference?.crs?.contains("33N") ?? false) == has, what)
    }
    if !forgets.contains("extra") { #expect(read.extra == written.extra, what) }
    if !forgets.contains("facts") {
      #expect(read.acquired == written.acquired && read.sensor == written.sensor, what)
      if written.bands > 2 { #expect(read.defaultRGB == written.defaultRGB, what) }
    }
  }

  /// Names with everything that separates something somewhere, gaps, bad bands, with and without wavelengths.
  static let names: [[String]] = [
    ["soil, dry", "say \"tree\"", "a;b\tc"], ["1", "2", "3"], ["400", "500", "600"], ["#1", "%2", "x"],
    ["wave", "fwhm 2", "a=b"],
    ["Ø", "日本", "e\u{301}"], ["{a}", "[b]", "(c)"],
  ]

  @Test(arguments: names)
  func libraries(_ names: [String]) throws {
    let axes = [
      SpectralAxis(count: 4), SpectralAxis(wavelengths: [400.5, 500.25, 2399.9, 990]),
      SpectralAxis(
        wavelengths: [400.5, 500.25, 2399.9, 990], fwhm: [9.5, 10, 12, 11.125], good: [true, false, true, true],
        unit: .micrometres),
      SpectralAxis(wavelengths: [2400, 1500, 900, 400], good: [false, true, true, true]),
      SpectralAxis(wavelengths: [0.5, 0.6, 0.7, 900]),
    ]
    var bad = axes[0]
    bad.good[2] = false
    for axis in axes + [bad] {
      for count in [1, 3] {
        let values = (0..<(4 * count)).map { $0 == 2 ? .nan : Double(Float(0.125 * Double($0) - 0.3)) }
        let library = SpectralLibrary(names: Array(names.prefix(count)), axis: axis, values: values)
        let files = try SpectralLibraryFile.write(library, to: folder.file("lib"), overwrite: true)
        let context = RunContext()
        for file in files {
          let read = try SpectralLibraryFile.read(file, context: context)
          let what = Comment(rawValue: "\(file) \(names) \(axis)")
          // ENVI's lists end at commas and braces.
          let isCSV = file.hasSuffix(".csv")
          let expected =
            isCSV
            ? library.names
            : library.names.map { name in
              String(name.map { $0 == "," ? ";" : $0 == "{" ? "(" : $0 == "}" ? ")" : $0 })
            }
          #expect(read.names == expected, what)
          #expect(zip(read.values, values).allSatisfy { $1.isNaN ? $0.isNaN : abs($0 - $1) <= 1e-8 }, what)
          #expect(read.values.count == values.count, what)
          #expect(read.axis.good == axis.good, what)
          #expect((read.axis.wavelengths == nil) == (axis.wavelengths == nil), what)
          #expect(zip(read.axis.wavelengths ?? [], axis.wavelengths ?? []).allSatisfy { abs($0 - $1) < 1e-6 }, what)
          #expect((read.axis.fwhm == nil) == (axis.fwhm == nil), what)
          #expect(zip(read.axis.fwhm ?? [], axis.fwhm ?? []).allSatisfy { abs($0 - $1) < 1e-6 }, what)
        }
        #expect(context.warned.filter { $0 != "W-ENVI-NOUNITS" } == [], "\(names) \(axis)")
      }
    }
  }

  /// A factor that is not applied, because the numbers are floats, goes on to programs that apply it.
  @Test(arguments: ["o.dat", "o.tif", "o.bip"])
  func reflectanceScaleFactor(_ name: String) throws {
    try folder.write(
      "f.hdr",
      text:
        "ENVI\nsamples = 2\nlines = 1\nbands = 2\ndata type = 4\ninterleave = bsq\nbyte order = 0\nreflectance scale factor = 10000\n"
    )
    try folder.write(
      "f.dat", [Float(5000), 6000, 7000, 8000].flatMap { value in withUnsafeBytes(of: value) { Array($0) } })
    var path = folder.file("f.dat")
    for _ in 0..<2 {
      let reader = try openCube(path)
      #expect(reader.metadata.scale == [1, 1] && reader.metadata.extra.map(\.value) == ["10000"])
      var options = OutputOptions()
      options.overwrite = true
      let target = folder.file(path.hasSuffix("f.dat") ? name : "again.dat")
      let writer = try RasterFormats.create(
        target, shape: reader.shape, type: .float32, metadata: reader.metadata, options: options, context: RunContext())
      _ = try CubeCopy.run(from: reader, window: reader.shape.window, bands: [0, 1], to: writer, RunContext())
      path = target
    }
    let text = try String(contentsOfFile: folder.file("again.hdr"), encoding: .utf8)
    #expect(text.contains("reflectance scale factor = 10000"))
    // Integers are scaled; the factor is then the scale, and stands once.
    try folder.write(
      "i.hdr",
      text:
        "ENVI\nsamples = 2\nlines = 1\nbands = 2\ndata type = 2\ninterleave = bsq\nbyte order = 0\nreflectance scale factor = 10000\n"
    )
    try folder.write("i.dat", [1, 0, 2, 0, 3, 0, 4, 0])
    let reader = try openCube(folder.file("i.dat"))
    #expect(reader.metadata.extra.isEmpty && reader.metadata.scale == [1e-4, 1e-4])
    let header = ENVIMetadata.header(
      reader.metadata, layout: ENVILayout(shape: reader.shape, type: .int16, interleave: .bsq))
    #expect(header["reflectance scale factor"] == "10000" && header["data gain values"] == nil)
    // The same numbers as floats need gains here, and the factor elsewhere.
    let floats = ENVIMetadata.header(
      reader.metadata, layout: ENVILayout(shape: reader.shape, type: .float32, interleave: .bsq))
    #expect(floats["reflectance scale factor"] == "10000" && floats.numbers("data gain values") == [1e-4, 1e-4])
    try folder.write("g.hdr", text: floats.serialised)
    try folder.write("g.dat", [Float(1), 2, 3, 4].flatMap { value in withUnsafeBytes(of: value) { Array($0) } })
    let again = try openCube(folder.file("g.dat")).metadata
    #expect(again.scale == [1e-4, 1e-4] && again.quantity == .reflectance && again.extra.isEmpty)
  }

  /// The header of another raster stays.
  @Test func headerOfAnother() throws {
    func write(_ name: String) throws {
      var options = OutputOptions()
      options.overwrite = true
      let shape = CubeShape(lines: 1, samples: 2, bands: 2)
      let writer = try RasterFormats.create(
        folder.file(name), shape: shape, type: .uint8, metadata: CubeMetadata(bands: 2), options: options,
        context: RunContext())
      let block = StoredBlock()
      block.prepare(type: .uint8, interleave: .bsq, lines: 1, samples: 2, bands: 2)
      try writer.write(block, lines: 0..<1)
      _ = try writer.finish()
    }
    try write("x.dat")
    try write("x.dat")
    let before = try Data(contentsOf: URL(fileURLWithPath: folder.file("x.hdr")))
    #expect(errorIdentifier { try write("x.bip") } == "E-WRITE")
    #expect(
      errorIdentifier {
        let library = SpectralLibrary(names: ["a"], axis: SpectralAxis(count: 2), values: [1, 2])
        _ = try SpectralLibraryFile.write(library, to: folder.file("x"), overwrite: true)
      } == "E-WRITE")
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("x.hdr"))) == before)
    #expect(!FileManager.default.fileExists(atPath: folder.file("x.bip")))
    // Without its raster a header is nobody's.
    try FileManager.default.removeItem(atPath: folder.file("x.dat"))
    try write("x.bip")
    #expect(try openCube(folder.file("x.hdr")).interleave == .bip)
  }

  /// Programs that look for wavelengths in domains find them in a COG as in a GeoTIFF.
  @Test func domainsOfCOG() throws {
    var options = OutputOptions()
    options.format = .cog
    let shape = CubeShape(lines: 70, samples: 80, bands: 5)
    let written = metadata(5, .uint16, has: true)
    let path = folder.file("c.tif")
    let writer = try RasterFormats.create(
      path, shape: shape, type: .uint16, metadata: written, options: options, context: RunContext())
    let block = StoredBlock()
    block.prepare(type: .uint16, interleave: .bip, lines: 70, samples: 80, bands: 5)
    try writer.write(block, lines: 0..<70)
    #expect(try writer.finish() == [path])
    let bytes = String(decoding: try VSI.contents(path), as: UTF8.self)
    #expect(
      bytes.contains("name=\"wavelength\" domain=\"ENVI\"") && bytes.contains("domain=\"IMAGERY\"")
        && !bytes.contains("@@domain@"))
    let reader = try openCube(path)
    let (found, wanted) = (try #require(reader.metadata.axis.wavelengths), try #require(written.axis.wavelengths))
    #expect(zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-6 } && reader.metadata.sensor == "EMIT")
  }
}
