import Foundation
import HSICore
import Testing

@testable import HSIRaster

/// Inputs that ask for too much: numbers beyond all units, nesting without end, texts that repeat themselves, sizes that are not
/// there. Each ends in an error or in a warning, within seconds and within the budget.
@Suite(.timeLimit(.minutes(1))) struct HostileInputTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  // MARK: - Wavelengths

  /// In any unit, a number that no spectrum has is said and ignored, the widths with it.
  @Test(arguments: [
    ("nm", 1e25), ("um", 1e25), ("mm", 1e9), ("m", 1e3), ("1/cm", 1e-3), ("nm", 1e-5), ("", 1e25), ("nm", 1.1e9),
  ])
  func wavelengthsOfNoSpectrum(unit: String, value: Double) {
    let context = RunContext()
    var metadata = CubeMetadata(bands: 3)
    FoundWavelengths(
      values: [500, 600, value], fwhm: [1, 1, 1], unit: unit, place: "a test", source: .header
    ).install(in: &metadata, path: "x", context: context)
    #expect(metadata.axis.wavelengths == nil && metadata.axis.fwhm == nil)
    #expect(context.warned == ["W-WL-UNIT"])
  }

  @Test func widthsOfNoSpectrum() {
    let context = RunContext()
    var metadata = CubeMetadata(bands: 2)
    FoundWavelengths(values: [500, 600], fwhm: [1, 1e20], unit: "nm", place: "a test", source: .header).install(
      in: &metadata, path: "x", context: context)
    #expect(metadata.axis.wavelengths == [500, 600] && metadata.axis.fwhm == nil)
    #expect(context.warned == ["W-WL-UNIT"])
  }

  /// What spectra have passes: X-rays, the thermal infrared, wavenumbers.
  @Test(arguments: [("nm", 0.1, 0.1), ("um", 12, 12_000), ("mm", 3, 3e6), ("m", 0.5, 5e8), ("1/cm", 1000, 10_000)])
  func wavelengthsOfSpectra(unit: String, value: Double, nanometres: Double) throws {
    var metadata = CubeMetadata(bands: 1)
    FoundWavelengths(values: [value], unit: unit, place: "a test", source: .header).install(
      in: &metadata, path: "x", context: RunContext())
    #expect(try abs(#require(metadata.axis.wavelengths)[0] - nanometres) < 1e-6 * nanometres)
  }

  // MARK: - Texts

  /// Texts of hundreds of kilobytes that repeat what a reader looks for: linear, so far less than the limit of the suite, where
  /// quadratic work takes minutes.
  @Test func repeatedWavelengths() {
    let name = "b" + String(repeating: " (400 nm)", count: 40_000)
    #expect(strippingWavelength(name, wavelength: 400) == "b")
    #expect(strippingWavelength(name, wavelength: 500) == name)
    #expect(strippingWavelength(name + "x", wavelength: 400) == name + "x")
    #expect(
      strippingWavelength(" a (400 nm)", wavelength: 400) == "a" && strippingWavelength(" a", wavelength: 400) == " a")
    #expect(strippingWavelength("(400 nm)", wavelength: 400) == "" && strippingWavelength(")", wavelength: 400) == ")")
    #expect(strippingWavelength(String(repeating: "(", count: 200_000) + ")", wavelength: 400).utf8.count == 200_001)
  }

  @Test(arguments: ["1", " ", "1 ", "a", "1a", "1.", ")", "(1 nm)", "µ"]) func longDescriptions(_ part: String) {
    let text = String(repeating: part, count: 300_000)
    #expect(wavelengthInDescription(text + " x") == nil)
    #expect(wavelengthInDescription(text + " (400.5 nm)") == 400.5)
  }

  @Test func longHeaders() {
    // A first line that is looked through once, not once per comment.
    let comments = String(repeating: "; nothing\n", count: 30_000)
    var header = ENVIHeader(
      parsing: Array(("ENVI\nband names = {" + String(repeating: "a", count: 1 << 18) + ",\n" + comments + "b}\n").utf8)
    )
    #expect(header.list("band names")?.count == 2)
    header = ENVIHeader(parsing: Array(("ENVI\nx = {" + String(repeating: "{", count: 1 << 18)).utf8))
    #expect(header["x"]?.utf8.count == (1 << 18) + 2)
    header = ENVIHeader(
      parsing: Array(("ENVI\n" + (0..<30_000).map { "key \($0) = \($0)\n" }.joined()).utf8))
    #expect(header["key 29999"] == "29999" && header.fields.count == 30_000)
  }

  /// Tables whose rows are of very different lengths, or thousands of texts wide.
  @Test func oddTables() throws {
    func library(_ text: String) -> Result<SpectralLibrary, any Error> {
      Result { try CSVSpectra.parse(Array(text.utf8), path: "t.csv", context: RunContext()) }
    }
    let ragged = "a" + String(repeating: ",1", count: 60_000) + "\n" + String(repeating: "1,2\n", count: 60_000)
    let error = #expect(throws: RasterError.self) { try library(ragged).get() }
    #expect(error?.description.contains("as long as others") ?? false)
    let words = (0..<10_000).map { "w\($0)" }.joined(separator: ",")
    for text in [
      words, words + "\n" + words, words + "\n" + words + "\n" + words, "name," + words + "\nx,1\ny,2\n",
      String(repeating: ",", count: 50_000) + "\n" + String(repeating: ",", count: 50_000),
      String(repeating: "\"", count: 50_000), String(repeating: "1 ", count: 50_000),
      words + "\n" + (0..<10_000).map { "\($0)" }.joined(separator: ","),
    ] { _ = library(text) }
    #expect(try library("name,a,b\nx,1,2\ny,3,4\nz,5,6\n").get().count > 0)
  }

  // MARK: - XML

  private func xml(_ bytes: [UInt8]) -> Result<SensorXML, any Error> { Result { try SensorXML(bytes, path: "m.xml") } }

  private static let band =
    "<level_X><bandCharacterisation><bandID number=\"1\"><wavelengthCenterOfBand>500</wavelengthCenterOfBand>"
    + "<nameOfBand>gr\u{FC}n</nameOfBand></bandID></bandCharacterisation></level_X>"

  /// Bytes that are no UTF-8 anywhere in a file: an error that names their line, where Foundation's parser stops the program.
  @Test func bytesOfOtherEncodings() throws {
    let latin: [UInt8] = [0xFC]
    func parts(_ texts: [String]) -> [UInt8] { Array(texts.map { Array($0.utf8) }.joined(separator: latin)) }
    let cases: [(bytes: [UInt8], line: Int)] = [
      (parts(["<?xml version=\"1.0\"?>\n<!-- verf", "gbar -->\n<a/>"]), 2), (parts(["<a", ">1</a>"]), 1),
      (parts(["\n<a b", "='1'/>"]), 2), (parts(["<a b='", "'/>"]), 1), (parts(["<a>\n\n", "</a>"]), 3),
      (parts(["<?p", " x?><a/>"]), 1), (parts(["<a><![CDATA[", "]]></a>"]), 1), (parts(["<!DOCTYPE ", "><a/>"]), 1),
      ([0x3C, 0xFF, 0xFF, 0xFF, 0xFF], 1), ([0xC3], 1), (Array("<a>\n".utf8) + [0xE2, 0x82], 2),
    ]
    for (bytes, line) in cases {
      let error = #expect(throws: RasterError.self) { try xml(bytes).get() }
      #expect(error?.description.contains("no valid XML (line \(line))") ?? false, "\(error?.description ?? "")")
    }
  }

  @Test func declaredEncodings() throws {
    let text = HostileInputTests.band
    for name in ["ISO-8859-1", "latin1", "windows-1252"] {
      let declared = "<?xml version=\"1.0\" encoding=\"\(name)\"?>\n" + text
      let bytes = declared.unicodeScalars.map { UInt8($0.value) }
      #expect(
        try xml(bytes).get().bands == [["number": "1", "wavelengthcenterofband": "500", "nameofband": "gr\u{FC}n"]])
    }
    for encoding in [String.Encoding.utf16, .utf8] {
      let declared = "<?xml version=\"1.0\" encoding=\"\(encoding == .utf8 ? "UTF-8" : "UTF-16")\"?>\n" + text
      let bytes = [UInt8](try #require(declared.data(using: encoding)))
      #expect(try xml(bytes).get().bands.first?["nameofband"] == "gr\u{FC}n", "\(encoding)")
    }
  }

  /// Foundation's parser stops the program at instructions without data and at some declarations.
  @Test func markupThatStopsTheParser() throws {
    let text = HostileInputTests.band.replacing("\u{FC}", with: "ü")
    for start in [
      "<?a?>", "<?a ?>\n", "<?xml?>\n", "<?xml version=\"1.0\"?><?b?>", "<!-- <?a?> -->",
      "<?xml version='1.0' encoding='x'?>",
      "<!DOCTYPE level_X SYSTEM \"m.dtd\">", "\u{FEFF}<?a?>",
    ] {
      #expect(try xml(Array((start + text).utf8)).get().bands.first?["nameofband"] == "grün", "\(start)")
    }
    let inside = text.replacing("500<", with: "500<?a?><?b c?><")
    #expect(try xml(Array(inside.utf8)).get().bands.first?["wavelengthcenterofband"] == "500")
    for declaration in [
      "<!NOTATION n SYSTEM \"x\">", "<!NOTATION n PUBLIC \"x\">", "<!ENTITY e SYSTEM \"x\" NDATA n>",
      "<!ATTLIST level_X b CDATA #IMPLIED>", "<!ENTITY % p \"<!NOTATION n SYSTEM 'x'>\">%p;",
      "<!-- <? --><!NOTATION n SYSTEM \"x\">",
    ] {
      #expect(throws: RasterError.self, "\(declaration)") {
        try xml(Array(("<!DOCTYPE level_X [" + declaration + "]>" + text).utf8)).get()
      }
    }
    for broken in [
      "<?", "<?a", "<a><?b", "<?>", "<a><? --><!-- <? -->?></a>", "<a>" + String(repeating: "<?", count: 100_000),
    ] {
      #expect(throws: RasterError.self) { try xml(Array(broken.utf8)).get() }
    }
  }

  @Test func deepAndWideXML() {
    for bytes in [
      String(repeating: "<a>", count: 200_000), String(repeating: "<a b='1'>x</a>", count: 50_000),
      "<a>" + String(repeating: "&amp;", count: 200_000) + "</a>",
      "<a " + String(repeating: "b='1' ", count: 20_000) + "/>",
      "<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\"><!ENTITY y \"" + String(repeating: "&x;", count: 1000)
        + "\"><!ENTITY z \""
        + String(repeating: "&y;", count: 1000) + "\">]><a>&z;&z;&z;&z;</a>", "<a>\0</a>", "",
    ] { #expect(throws: RasterError.self) { try xml(Array(bytes.utf8)).get() } }
  }

  // MARK: - MATLAB

  private func element(_ type: UInt32, _ data: [UInt8]) -> [UInt8] {
    func word(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    return word(type) + word(UInt32(data.count)) + data + [UInt8](repeating: 0, count: (8 - data.count % 8) % 8)
  }

  private func head(_ kind: UInt32, _ size: [Int32], _ name: String) -> [UInt8] {
    func words<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
    return element(6, words([kind, 0])) + element(5, words(size)) + element(1, Array(name.utf8))
  }

  /// Cells in cells, a hundred thousand deep: their texts are not looked for to the end, and the scene opens.
  @Test func cellsInCells() throws {
    let numbers = (0..<60).map { Float($0) }.withUnsafeBytes { Array($0) }
    let cube = element(14, head(7, [3, 4, 5], "cube") + element(7, numbers))
    var bytes = Array("MATLAB 5.0 MAT-file".utf8)
    bytes += [UInt8](repeating: 0x20, count: 124 - bytes.count) + [0, 1, 0x49, 0x4D] + cube
    let (depth, leaf) = (100_000, element(14, head(4, [1, 1], "") + element(4, [0x61, 0])))
    let (inner, outer) = (head(1, [1, 1], ""), head(1, [1, 1], "band_names"))
    var size = leaf.count
    var heads: [[UInt8]] = []
    for level in 0..<depth {
      let head = level == depth - 1 ? outer : inner
      size += head.count
      heads.append([14, UInt32(size)].withUnsafeBytes { Array($0) } + head)
      size += 8
    }
    bytes += heads.reversed().joined() + leaf
    let path = try folder.write("nested.mat", bytes)
    let file = try MATLABFile(path)
    #expect(try file.texts(file.variable("band_names")) == [""])
    let reader = try openCube(path)
    #expect(reader.shape == CubeShape(lines: 3, samples: 4, bands: 5))
    // What people have: a list of names, each in a cell of its own.
    let name = element(14, head(4, [1, 2], "") + element(16, Array("ab".utf8)))
    let cell = element(14, head(1, [1, 1], "") + name)
    let list = element(14, head(1, [2, 1], "names") + cell + name)
    let plain = try MATLABFile(
      folder.write("plain.mat", Array(bytes.prefix(128)) + list))
    #expect(try plain.texts(plain.variable("names")) == ["ab", "ab"])
  }

  // MARK: - NumPy

  /// CRC-32 of zip files, bit by bit.
  private func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(UInt32.max) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
  }

  private func npz(_ body: [UInt8], claim: UInt32) throws -> String {
    func word(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    func half(_ value: UInt16) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    let name = Array("cube.npy".utf8)
    // Stored in one block of deflate.
    let count = UInt16(body.count)
    let packed = [1] + half(count) + half(~count) + body
    let facts =
      half(20) + half(0) + half(8) + word(0) + word(checksum(body)) + word(UInt32(packed.count)) + word(claim)
      + half(UInt16(name.count)) + half(0)
    let local = word(0x0403_4B50) + facts + name + packed
    let central =
      word(0x0201_4B50) + half(20) + facts + half(0) + half(0) + half(0) + word(0) + word(0) + name
    let end =
      word(0x0605_4B50) + half(0) + half(0) + half(1) + half(1) + word(UInt32(central.count))
      + word(UInt32(local.count)) + half(0)
    return try folder.write("x.npz", local + central + end)
  }

  private func npy(_ shape: String, _ data: [UInt8]) -> [UInt8] {
    let text = "{'descr': '|u1', 'fortran_order': False, 'shape': \(shape), }\n"
    return NumPyHeader.signature + [1, 0, UInt8(text.utf8.count & 0xFF), UInt8(text.utf8.count >> 8)] + Array(text.utf8)
      + data
  }

  /// Resident memory of this process.
  private var resident: Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
  }

  @Test func membersThatClaimMoreThanTheyHold() throws {
    let body = npy("(4000, 1000, 1000)", [UInt8](repeating: 0, count: 40))
    let path = try npz(body, claim: 4_000_000_000)
    let error = #expect(throws: CoreError.self) {
      try openCube(path, context: RunContext(memory: MemoryBudget(bytes: 256 << 20)))
    }
    #expect(error?.identifier == "E-MEMORY")
    // With a budget that allows it, what is not there is missing, and takes no memory.
    let before = resident
    let short = #expect(throws: RasterError.self) {
      try openCube(path, context: RunContext(memory: MemoryBudget(bytes: 8 << 30)))
    }
    #expect(short?.identifier == RasterError.truncated(path: "", expected: 0, found: 0).identifier)
    #expect(resident - before < 512 << 20)
    // Honest ones open.
    let honest = npy("(2, 4, 5)", [UInt8](0..<40))
    #expect(try openCube(npz(honest, claim: UInt32(honest.count))).shape == CubeShape(lines: 2, samples: 4, bands: 5))
  }

  @Test func manyAxes() throws {
    let text = String(repeating: "1,", count: 500_000)
    let header = Array("{'descr': '|u1', 'fortran_order': False, 'shape': (\(text)), }".utf8)
    let bytes =
      NumPyHeader.signature + [2, 0] + withUnsafeBytes(of: UInt32(header.count).littleEndian) { Array($0) } + header
    #expect(throws: RasterError.self) { try openCube(folder.write("axes.npy", bytes + [1])) }
    #expect(ArrayAxes.counting([1, 2, 1, 3, 4, 1]) == [1, 3, 4] && ArrayAxes.counting([1, 1, 1, 1]) == [1, 2, 3])
    #expect(ArrayAxes.counting([5, 6, 7, 8]) == [0, 1, 2, 3] && ArrayAxes.counting([1, 2]) == [0, 1])
  }

  // MARK: - Zarr

  /// A description of a few hundred bytes that promises more bands, or larger blocks, than there can be.
  @Test(arguments: [
    ("[4, 5, 1000000000000]", "[4, 5, 10]"), ("[4, 5, 4000000000]", "[4, 5, 4000000000]"),
    ("[400000, 500000, 3]", "[400000, 500000, 3]"),
  ])
  func promisesOfZarr(shape: String, chunks: String) throws {
    let place = folder.file("x.zarr")
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    try folder.write(
      "x.zarr/.zarray",
      text: """
        {"zarr_format": 2, "shape": \(shape), "chunks": \(chunks), "dtype": "<f4", "compressor": null, \
        "fill_value": 0, "order": "C", "filters": null}
        """)
    let identifier = errorIdentifier {
      _ = try openCube(place, context: RunContext(memory: MemoryBudget(bytes: 256 << 20))) { $0.axes = "hwb" }
    }
    #expect(["E-UNREADABLE", "E-MEMORY"].contains(identifier), "\(identifier ?? "it opens")")
  }
}
