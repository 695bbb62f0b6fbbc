import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

@Suite("Spectral libraries")
struct SpectralLibraryTests {
  let folder: ScratchFolder
  let context = RunContext()

  init() throws { folder = try ScratchFolder() }

  private func float32(_ values: [Float]) -> [UInt8] {
    values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
  }

  private func sli(_ names: String, extra: String = "", type: Int = 4) -> String {
    """
    ENVI
    samples = 3
    lines = 2
    bands = 1
    file type = ENVI Spectral Library
    data type = \(type)
    interleave = bsq
    byte order = 0
    spectra names = {\(names)}
    wavelength units = Micrometers
    wavelength = {0.4, 0.5, 0.6}
    \(extra)
    """
  }

  @Test func bothNamings() throws {
    let values = float32([0.1, 0.2, -1.23e34, 0.4, .nan, 0.6])
    try folder.write("a.sli", values)
    try folder.write("a.hdr", text: sli("soil, tree"))
    try folder.write("b.sli", values)
    try folder.write(
      "b.sli.hdr", text: sli("soil, tree", extra: "fwhm = {0.01, 0.01, 0.02}\nbbl = {1, 0, 1}"))
    for name in ["a.sli", "a.hdr", "b.sli", "b.sli.hdr"] {
      let library = try SpectralLibraryFile.read(folder.file(name), context: context)
      #expect(library.names == ["soil", "tree"])
      #expect(library.axis.wavelengths == [400, 500, 600])
      #expect(library.values[0] == Double(Float(0.1)) && library.values[5] == Double(Float(0.6)))
      #expect(library.values[2].isNaN && library.values[4].isNaN)
    }
    let axis = try SpectralLibraryFile.read(folder.file("b.sli"), context: context).axis
    #expect(axis.good == [true, false, true])
    #expect(axis.fwhm?.map { $0.rounded() } == [10, 10, 20])
  }

  @Test(arguments: [
    ("\"soil, dry\", tree", ["soil, dry", "tree"]), ("Bob's soil, tree", ["Bob's soil", "tree"]),
    ("soil, dry, tree", ["spectrum 1", "spectrum 2"]), ("'a', 'b'", ["a", "b"]),
  ])
  func names(_ text: String, _ expected: [String]) throws {
    try folder.write("n.sli", float32([1, 2, 3, 4, 5, 6]))
    try folder.write("n.hdr", text: sli(text))
    let context = RunContext()
    #expect(try SpectralLibraryFile.read(folder.file("n.sli"), context: context).names == expected)
    #expect(
      context.warnings.warnings.contains { $0.identifier == "W-SLI-NAMES" } == (expected[0] == "spectrum 1"))
  }

  @Test func doubleAndTruncated() throws {
    let values: [Double] = [1, 2, 3, 4, 5, 6]
    let bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
    try folder.write("d.sli", bytes)
    try folder.write("d.hdr", text: sli("a, b", type: 5))
    #expect(try SpectralLibraryFile.read(folder.file("d.sli"), context: context).values == values)
    try folder.write("d.sli", Array(bytes.dropLast()))
    #expect(throws: RasterError.self) { try SpectralLibraryFile.read(folder.file("d.sli"), context: context) }
  }

  static let tables: [(String, String, [String], [Double]?)] = [
    (
      "wavelength_nm,soil,tree\n400,0.1,0.4\n500,0.2,0.5\n600,0.3,0.6\n", "csv", ["soil", "tree"],
      [400, 500, 600]
    ),
    (
      "Wavelength (µm);soil;tree\r\n0,4;0,1;0,4\r\n0,5;0,2;0,5\r\n0,6;0,3;0,6", "csv", ["soil", "tree"],
      [400, 500, 600]
    ),
    (
      "\u{FEFF}wl\t\"soil\"\ttree\n0.4\t0.1\t0.4\n0.5\t0.2\t0.5\n0.6\t0.3\t0.6\n", "txt", ["soil", "tree"],
      [400, 500, 600]
    ),
    (
      "# comment\n400 0.1 0.4\n500 0.2 0.5\n600 0.3 0.6\n", "txt", ["spectrum 1", "spectrum 2"],
      [400, 500, 600]
    ),
    (
      "wavelength_nm,fwhm,\"soil, dry\",\"say \"\"tree\"\"\"\n400,10,0.1,0.4\n500,10,0.2,0.5\n600,10,0.3,0.6\n",
      "csv",
      ["soil, dry", "say \"tree\""], [400, 500, 600]
    ),
    ("name,400,500,600\nsoil,0.1,0.2,0.3\ntree,0.4,0.5,0.6\n", "csv", ["soil", "tree"], [400, 500, 600]),
    ("soil,tree\n0.1,0.4\n0.2,0.5\n0.3,0.6\n", "csv", ["soil", "tree"], nil),
    (
      "Wavelength\tfile.asd.ref\tb.asd.ref\n400\t0.1\t0.4\n500\t0.2\t0.5\n600\t0.3\t0.6\n", "txt",
      ["file.asd.ref", "b.asd.ref"], [400, 500, 600]
    ),
  ]

  @Test(arguments: tables)
  func csv(_ text: String, _ ending: String, _ names: [String], _ wavelengths: [Double]?) throws {
    let library = try SpectralLibraryFile.read(try folder.write("t.\(ending)", text: text), context: context)
    #expect(library.names == names)
    #expect(library.axis.wavelengths?.map { ($0 * 1e6).rounded() / 1e6 } == wavelengths)
    #expect(library.values == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
  }

  @Test func csvGaps() throws {
    let path = try folder.write("g.csv", text: "wavelength_nm,a,b\n400,,1\n500,NaN,2\n600,3\n")
    let values = try SpectralLibraryFile.read(path, context: context).values
    #expect(values[0].isNaN && values[1].isNaN && values[2] == 3 && values[3] == 1 && values[5].isNaN)
    for text in ["", "a,b\n", "wavelength_nm,a\nx,y\n", "wavelength_nm\n400\n500\n600\n"] {
      let name = try folder.write("bad.csv", text: text)
      if text == "wavelength_nm\n400\n500\n600\n" { continue }  // a single column is a spectrum without axis
      #expect(throws: (any Error).self, "\(text)") { try SpectralLibraryFile.read(name, context: context) }
    }
  }

  @Test func usgs() throws {
    try folder.write(
      "s07_ASD_Alunite_1_ASDFRb_AREF.txt",
      text: " splib07a Record=123: Alunite GDS84 ASDFRb AREF\n 0.25\n -1.23e34\n 0.75\n")
    try folder.write(
      "splib07a_Wavelengths_ASD_3_ch.txt",
      text: " splib07a Record=1: Wavelengths ASD 3 ch\n 0.4\n 0.5\n 0.6\n")
    try folder.write(
      "splib07a_Wavelengths_BECK_3_ch.txt",
      text: " splib07a Record=2: Wavelengths BECK 3 ch\n 1.4\n 1.5\n 1.6\n")
    try folder.write(
      "splib07a_Bandpass_ASD_3_ch.txt", text: " splib07a Record=3: Bandpass ASD\n 0.01\n 0.01\n 0.02\n")
    for name in ["/s07_ASD_Alunite_1_ASDFRb_AREF.txt", ""] {  // the file, the folder
      let library = try SpectralLibraryFile.read(folder.path + name, context: context)
      #expect(library.names == ["Alunite GDS84 ASDFRb AREF"])
      #expect(library.axis.wavelengths == [400, 500, 600])
      #expect(library.axis.fwhm?.map { $0.rounded() } == [10, 10, 20])
      #expect(library.values[0] == 0.25 && library.values[1].isNaN && library.values[2] == 0.75)
    }
  }

  @Test func fieldSpectra() throws {
    let ecostress = """
      Name: Basalt
      Type: Rock
      Sample No.: H2
      X Units: Wavelength (micrometers)
      Y Units: Reflectance (percentage)
      First X Value: 0.4
      Number of X Values: 2

      14.0\t10.0
      0.4\t25.0
      """
    let first = try SpectralLibraryFile.read(
      try folder.write("rock.basalt.spectrum.txt", text: ecostress), context: context)
    #expect(first.names == ["Basalt H2"])
    #expect(first.axis.wavelengths == [14_000, 400])
    #expect(first.values == [0.1, 0.25])

    let sed = "Comment:\nVersion: 2.2\nColumns [2]:\nData:\nWvl\tReflect. %\n350.0\t12.5\n351.0\t50\n"
    let second = try SpectralLibraryFile.read(try folder.write("leaf.sed", text: sed), context: context)
    #expect(second.names == ["leaf"] && second.values == [0.125, 0.5])
    #expect(second.axis.wavelengths == [350, 351])

    let svc =
      "/*** Spectra Vista HR-1024 ***/\nname= x.sig\ninstrument= HI\ndata= \n338.0  100.0  50.0  50.00\n339.5  100.0  25.0  25.00\n"
    let third = try SpectralLibraryFile.read(try folder.write("gr.sig", text: svc), context: context)
    #expect(third.values == [0.5, 0.25] && third.axis.wavelengths == [338, 339.5])
  }

  @Test func matlab() throws {
    let library = try SpectralLibraryFile.read(formatFixture("library.mat"), context: context)
    // lib = arange(10).reshape(5, 2): columns are spectra.
    #expect(library.names == ["soil one", "water"])
    #expect(library.values == [0, 2, 4, 6, 8, 1, 3, 5, 7, 9])
    #expect(library.axis.wavelengths == [400, 500, 600, 700, 800])
  }

  @Test func roundTrip() throws {
    var axis = SpectralAxis(
      wavelengths: [400.5, 500.25, 2399.9], fwhm: [9.5, 10, 12], good: [true, false, true], unit: .micrometres
    )
    axis.unit = .micrometres
    let library = SpectralLibrary(
      names: ["soil, dry {1}", "say \"tree\""], axis: axis, values: [0.1, 0.2, 0.3, 0.4, .nan, 0.6])
    let base = folder.file("out")
    let files = try SpectralLibraryFile.write(library, to: base + ".sli", overwrite: false)
    #expect(files == [base + ".sli", base + ".hdr", base + ".csv"])
    let sli = try SpectralLibraryFile.read(base + ".sli", context: context)
    #expect(sli.names == ["soil; dry (1)", "say \"tree\""])
    #expect(sli.axis.unit == .micrometres && sli.axis.good == axis.good)
    for (a, b) in zip(try #require(sli.axis.wavelengths), [400.5, 500.25, 2399.9]) {
      #expect(abs(a - b) < 1e-9)
    }
    for (a, b) in zip(try #require(sli.axis.fwhm), [9.5, 10, 12]) { #expect(abs(a - b) < 1e-9) }
    let csv = try SpectralLibraryFile.read(base + ".csv", context: context)
    #expect(csv.names == library.names)
    #expect(csv.axis.wavelengths == [400.5, 500.25, 2399.9])
    for result in [sli, csv] {
      for (a, b) in zip(result.values, library.values) {
        #expect(b.isNaN ? a.isNaN : abs(a - b) < 1e-7)
      }
    }
    let text = try String(contentsOfFile: base + ".csv", encoding: .utf8)
    #expect(text.hasPrefix("wavelength_nm,\"soil, dry {1}\",\"say \"\"tree\"\"\",fwhm_nm,good\n400.5,0.1,0.4,9.5,1\n"))
    #expect(csv.axis.good == axis.good && csv.axis.fwhm == [9.5, 10, 12])
    // Nothing is replaced, and nothing new is left, when one of the three exists.
    try FileManager.default.removeItem(atPath: base + ".sli")
    #expect(throws: CoreError.self) { try SpectralLibraryFile.write(library, to: base, overwrite: false) }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["out.csv", "out.hdr"])
    #expect(try SpectralLibraryFile.write(library, to: base, overwrite: true).count == 3)
  }

  @Test func wavelengthsOfTheUser() throws {
    let path = try folder.write("w.csv", text: "soil,tree\n0.1,0.4\n0.2,0.5\n0.3,0.6\n")
    var options = OpenOptions()
    options.wavelengths = "400:600:3"
    #expect(
      try SpectralLibraryFile.read(path, options: options, context: context).axis.wavelengths == [
        400, 500, 600,
      ])
  }

  @Test func damaged() throws {
    let header = Array(sli("soil, tree", extra: "fwhm = {0.01, 0.01, 0.02}\nbbl = {1, 0, 1}").utf8)
    let values = float32([1, 2, 3, 4, 5, 6])
    try folder.write("m.sli", values)
    for copy in mutations(of: header, count: 300, seed: 21) {
      try folder.write("m.hdr", copy)
      _ = try? SpectralLibraryFile.read(folder.file("m.sli"), context: RunContext())
    }
    for (index, table) in SpectralLibraryTests.tables.enumerated() {
      for copy in mutations(of: Array(table.0.utf8), count: 100, seed: UInt64(index)) {
        _ = try? CSVSpectra.parse(copy, path: "m.csv", context: RunContext())
      }
    }
    #expect(throws: (any Error).self) { try CSVSpectra.parse([], path: "m.csv", context: context) }
  }

  @Test func naturalNames() {
    let names = ["b10", "b2", "b1", "a", "b02", "b2a"]
    #expect(names.sorted(by: naturalOrder) == ["a", "b1", "b02", "b2", "b2a", "b10"])
  }
}
