import Foundation
import HSICore
import Testing

@testable import HSIRaster

@Suite struct ENVIHeaderTests {
  @Test func everyOddityOfRealHeaders() {
    var bytes: [UInt8] = [0xEF, 0xBB, 0xBF]
    bytes += Array("ENVI  \r\n; made by hand = yes\r\nSAMPLES\t= 5\r\nLines=7\r\nbands   =  3.0\r\n".utf8)
    bytes += Array("Wavelength Units =\r\nsensor type = a = b\r\ndescription = {one\r\n two}\r\n".utf8)
    bytes += Array("wavelength = {\r\n 400 ,\r\n ; comment\r\n\t500.5,\r\n 6.0e2 }\r\n".utf8)
    bytes +=
      Array("tint = 12\r\nno equals sign here\r\nunit = ".utf8) + [0xB5]
      + Array("m\r\nbbl = { 1.0, 0.0, 1".utf8)
    let header = ENVIHeader(parsing: bytes)
    #expect(header["samples"] == "5" && header["LINES"] == "7" && header["bands"] == "3.0")
    #expect(header["wavelength  units"] == "" && header["sensor type"] == "a = b")
    #expect(header.numbers("wavelength") == [400, 500.5, 600])
    #expect(header.list("bbl") == ["1.0", "0.0", "1"] && header["unit"] == "µm")
    #expect(ENVIHeader.unbraced(header["description"] ?? "") == "one\ntwo")
    #expect(Set(header.remarks.map(\.identifier)) == ["W-ENVI-LINE", "W-ENVI-BRACE"])
    #expect(header.fields.map(\.key).contains("tint"))
    #expect(header["absent"] == nil && header.list("wavelength units") == nil)
    #expect(
      ENVIHeader.isHeader(bytes) && !ENVIHeader.isHeader(Array("ENVIsion".utf8)) && !ENVIHeader.isHeader([]))
  }

  @Test func tortureSetOpens() throws {
    let scratch = try Scratch()
    let sample = Sample(shape: CubeShape(lines: 7, samples: 5, bands: 3))
    try scratch.write(sample.bytes, to: "t.img")
    let head = "ENVI\nsamples = 5\nlines = 7\nbands = 3\ndata type = 2\ninterleave = BSQ\n"
    func open(_ text: String) throws -> (CubeMetadata, [String]) {
      try scratch.write(text, to: "t.hdr")
      let context = RunContext()
      return (try RasterFormats.open(scratch.path("t.img"), context: context).metadata, context.warned)
    }
    #expect(try open(head).1 == ["W-ENVI-BYTEORDER"])
    let whole = head + "byte order = 0\n"
    var (metadata, warned) = try open(whole + "wavelengths = {0.4, 0.5, 0.6}\n")
    #expect(metadata.axis.wavelengths == [400, 500, 600] && metadata.axis.unit == .micrometres)
    #expect(metadata.sources["wavelengthUnit"] == .inferred && warned == ["W-ENVI-NOUNITS"])
    (metadata, warned) = try open(whole + "wavelength units = nm\nwavelength = {400, 500}\n")
    #expect(metadata.axis.wavelengths == nil && warned == ["W-WL-COUNT"])
    (metadata, warned) = try open(
      whole + "wavelength units = nm\nwavelength = {400, 0, 600}\nbbl={true, 1.0, false}")
    #expect(metadata.axis.good == [true, false, false] && warned == ["W-WL-BAD"])
    (metadata, warned) = try open(whole + "wavelength units = GHz\nwavelength = {400, 500, 600}\n")
    #expect(metadata.axis.wavelengths == nil && warned == ["W-WL-UNIT"])
    (metadata, warned) = try open(whole + "wavelength units = Index\nwavelength = {1, 2, 3}\n")
    #expect(metadata.axis.wavelengths == nil && warned.isEmpty)
    (metadata, warned) = try open(whole + "data ignore value = NaN\nreflectance scale factor = 10000\n")
    #expect(metadata.nodata[2]?.isNaN == true && metadata.scale == [1e-4, 1e-4, 1e-4])
    #expect(metadata.quantity == .reflectance)
    (metadata, _) = try open(
      whole + "reflectance scale factor = 10000\ndata gain values = {2,2,2}\ndata offset values={1,1,1}")
    #expect(metadata.scale == [2, 2, 2] && metadata.offset == [1, 1, 1])
    (metadata, _) = try open(
      whole
        + "wavelength units = nm\nwavelength = {400, 500, 600}\nband names = {a (400 nm) (400.0 Nanometers), b, c (5 nm)}"
    )
    #expect(metadata.bandNames == ["a", "b", "c (5 nm)"])
    (metadata, _) = try open(whole + "default bands = {3, 2, 1}\nvendor key = { x, y }\nfps = 12\n")
    #expect(metadata.defaultRGB == [2, 1, 0])
    #expect(metadata.extra == [HeaderField("vendor key", "{ x, y }"), HeaderField("fps", "12")])
  }

  /// Thousands of damaged headers: the parser and everything behind it must return or throw, never trap.
  @Test func damagedHeadersNeverCrash() throws {
    let sample = Sample(
      extra: """
        description = {a test}
        wavelength units = Micrometers
        wavelength = {0.4, 0.5, 0.6, 0.7, 0.8, 0.9}
        fwhm = {0.01, 0.01, 0.01, 0.01, 0.01, 0.01}
        bbl = {1, 1, 0, 1, 1, 1}
        data ignore value = -9999
        data gain values = {1, 1, 1, 1, 1, 1}
        default bands = {1, 2, 3}
        classes = 2
        class names = {a, b}
        class lookup = {0, 0, 0, 1, 2, 3}
        major frame offsets = {0, 0}
        band names = {a, b, c, d, e, f}
        """)
    let original = Array(sample.header.utf8)
    let bits: [[UInt8]] = [
      Array("{".utf8), Array("}".utf8), Array("=".utf8), Array(",".utf8), Array("\n".utf8), Array("NaN".utf8),
      Array("-".utf8), Array("99999999999999999999".utf8), Array("1e308".utf8), Array("inf".utf8), [0],
      [0xFF], [0xB5],
      Array("\r\n;".utf8), Array("0x1p9".utf8),
    ]
    var random = CounterRandom(seed: 11)
    var (opened, refused) = (0, 0)
    for _ in 0..<5000 {
      var bytes = original
      for _ in 0...random.index(below: 4) {
        let at = random.index(below: max(1, bytes.count))
        switch random.index(below: 4) {
        case 0: bytes.insert(contentsOf: bits[random.index(below: bits.count)], at: min(at, bytes.count))
        case 1: if at < bytes.count { bytes[at] = UInt8(random.index(below: 256)) }
        case 2: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.index(below: 30)))
        default: if random.index(below: 10) == 0 { bytes.removeLast(bytes.count - at) }
        }
        if bytes.isEmpty { bytes = [0] }
      }
      let header = ENVIHeader(parsing: bytes)
      _ = header.serialised
      _ = ENVIHeader.isHeader(bytes)
      let context = RunContext()
      do {
        let layout = try ENVILayout(header, path: "x", context: context)
        _ = layout.fileSize
        guard layout.shape.bands < 100_000 else { continue }
        let metadata = ENVIMetadata.read(header, layout: layout, path: "x", context: context)
        #expect(metadata.bands == layout.shape.bands && metadata.nodata.count == metadata.bands)
        #expect(metadata.bandNames.isEmpty || metadata.bandNames.count == metadata.bands)
        opened += 1
      } catch is RasterError {
        refused += 1
      }
    }
    #expect(opened > 500 && refused > 50, "\(opened) opened, \(refused) refused")
  }

  @Test func writtenHeaderReadsBack() throws {
    var metadata = CubeMetadata(bands: 3)
    metadata.axis = SpectralAxis(
      wavelengths: [400.1, 500.25, 0.1 + 0.2 + 700], fwhm: [5, 6, 7], good: [true, false, true],
      unit: .micrometres)
    metadata.bandNames = ["a, b", "{c}", "d"]
    metadata.nodata = [-9999, -9999, -9999]
    metadata.scale = [1e-4, 1e-4, 1e-4]
    metadata.quantity = .reflectance
    metadata.sensor = "Test"
    metadata.extra = [HeaderField("vendor key", "{1,\n2}"), HeaderField("tint", "5")]
    let layout = ENVILayout(shape: CubeShape(lines: 2, samples: 2, bands: 3), type: .int16, interleave: .bip)
    let header = ENVIHeader(parsing: Array(ENVIMetadata.header(metadata, layout: layout).serialised.utf8))
    let context = RunContext()
    #expect(try ENVILayout(header, path: "x", context: context) == layout)
    let back = ENVIMetadata.read(header, layout: layout, path: "x", context: context)
    for (a, b) in zip(back.axis.wavelengths!, metadata.axis.wavelengths!) { #expect(abs(a - b) < 1e-6) }
    for (a, b) in zip(back.axis.fwhm!, metadata.axis.fwhm!) { #expect(abs(a - b) < 1e-9) }
    #expect(back.axis.good == metadata.axis.good && back.axis.unit == .micrometres)
    #expect(
      back.bandNames == ["a; b", "(c)", "d"] && back.nodata == metadata.nodata && back.scale == metadata.scale
    )
    #expect(back.quantity == .reflectance && back.sensor == "Test" && back.extra == metadata.extra)
    #expect(context.warned.isEmpty)
  }

  @Test func units() {
    for text in ["nm", "Nanometers", "nanometre", " NANOMETRES ", "(nm)"] {
      #expect(WavelengthUnit.reading(text) == .unit(.nanometres), "\(text)")
    }
    for text in ["um", "µm", "μm", "micron", "Microns", "Micrometers"] {
      #expect(WavelengthUnit.reading(text) == .unit(.micrometres), "\(text)")
    }
    #expect(
      WavelengthUnit.reading("1/cm") == .unit(.wavenumber) && WavelengthUnit.reading("m") == .unit(.metres))
    #expect(WavelengthUnit.reading("Unknown") == .unknown && WavelengthUnit.reading("GHz") == .refused)
    #expect(WavelengthUnit.guess([0.1, 0.15]) == nil && WavelengthUnit.guess([40, 50, 60]) == nil)
    #expect(
      WavelengthUnit.guess([0.4, 0.9, 2.4]) == .micrometres
        && WavelengthUnit.guess([400, 2400]) == .nanometres)
    #expect(abs(WavelengthUnit.wavenumber.nanometres(width: 10, at: 10_000) - 100) < 1e-9)
    #expect(wavelengthInDescription("B012 (0.4821 um)").map { abs($0 - 482.1) < 1e-9 } == true)
    #expect(wavelengthInDescription("400.5 Nanometers") == 400.5)
    #expect(wavelengthInDescription("band 1 (418.24 Nanometers)") == 418.24)
    #expect(wavelengthInDescription("Band 12") == nil && wavelengthInDescription("B8 20 m") == nil)
  }
}
