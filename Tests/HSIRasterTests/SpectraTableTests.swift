import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

/// Tables and text files of spectra as spectrometers, R, pandas and spreadsheets write them.
@Suite("Tables of spectra from elsewhere")
struct SpectraTableTests {
  private func read(_ text: String, _ ending: String = "csv", context: RunContext = RunContext()) throws
    -> SpectralLibrary
  {
    let folder = try ScratchFolder()
    return try SpectralLibraryFile.read(try folder.write("t.\(ending)", text: text), context: context)
  }

  /// The same two spectra on 400, 500, 600 nm, laid out in every way.
  static let layouts: [String] = [
    // Names and identifiers beside the bands.
    "ident,ssp,ID,400,500,600\n10526,Achillea,soil,0.1,0.2,0.3\n10527,Achillea,tree,0.4,0.5,0.6\n",
    "name,class,400,500,600\nsoil,x,0.1,0.2,0.3\ntree,x,0.4,0.5,0.6\n",
    "400,500,600,label\n0.1,0.2,0.3,soil\n0.4,0.5,0.6,tree\n",
    ",name,X400,X500,X600\n1,soil,0.1,0.2,0.3\n2,tree,0.4,0.5,0.6\n",
    "name;400 nm;500 nm;600 nm\nsoil;0,1;0,2;0,3\ntree;0,4;0,5;0,6\n",
    "name\twl_400.0\twl_500.0\twl_600.0\nsoil\t0.1\t0.2\t0.3\ntree\t0.4\t0.5\t0.6\n",
    ",400,500,600\nsoil,0.1,0.2,0.3\ntree,0.4,0.5,0.6\n",
    "400 500 600\n\"soil\" 0.1 0.2 0.3\n\"tree\" 0.4 0.5 0.6\n",
    "\"wavelength\" \"soil\" \"tree\"\n\"1\" 400 0.1 0.4\n\"2\" 500 0.2 0.5\n\"3\" 600 0.3 0.6\n",
    // Columns of wavelengths more than once, or behind a number of the row.
    "Wavelength (nm)\tsoil\tWavelength (nm)\ttree\n400\t0.1\t400\t0.4\n500\t0.2\t500\t0.5\n600\t0.3\t600\t0.6\n",
    "wavelength,soil,wavelength.1,tree\n400,0.1,400,0.4\n500,0.2,500,0.5\n600,0.3,600,0.6\n",
    "\"\",\"wavelength\",\"soil\",\"tree\"\n\"1\",400,0.1,0.4\n\"2\",500,0.2,0.5\n\"3\",600,0.3,0.6\n",
    ",wavelength,soil,tree\n0,400,0.1,0.4\n1,500,0.2,0.5\n2,600,0.3,0.6\n",
    // A title above, remarks beside, an empty column behind.
    "Spectra of the plot\nwavelength,soil,tree\n400,0.1,0.4\n500,0.2,0.5\n600,0.3,0.6\n",
    "File Name,soil,tree\nInvestigator,A,A\nAltitude,12,13\n400,0.1,0.4\n500,0.2,0.5\n600,0.3,0.6\n",
    "wavelength,soil,tree\nnm,-,-\n400,0.1,0.4\n500,0.2,0.5\n600,0.3,0.6\n",
    "% made by hand\nwavelength,soil,remark,tree,\n400,0.1,ok,0.4,\n500,0.2,,0.5,\n600,0.3,dark,0.6,\n",
    "Wellenlänge;soil;tree\n400;0,1;0,4\n500;0,2;0,5\n600;0,3;0,6\n",
    "wavelength soil tree\n400,0 0,1 0,4\n500,0 0,2 0,5\n600,0 0,3 0,6\n",
    "wavelength_nm,soil,tree\r400,1e-1,4D-1\r500,+.2,0.5\r600,0.3,0.6\r",
  ]

  @Test(arguments: layouts)
  func everyLayout(_ text: String) throws {
    let library = try read(text)
    #expect(library.names == ["soil", "tree"])
    #expect(library.axis.wavelengths == [400, 500, 600])
    #expect(library.values == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
  }

  @Test func withoutWavelengths() throws {
    for text in [
      "band,soil,tree\n1,0.1,0.4\n2,0.2,0.5\n3,0.3,0.6\n", "name,b1,b2,b3\nsoil,0.1,0.2,0.3\ntree,0.4,0.5,0.6\n",
      "soil,0.1,0.2,0.3\ntree,0.4,0.5,0.6\n", "name,1,2,3\nsoil,0.1,0.2,0.3\ntree,0.4,0.5,0.6\n",
    ] {
      let library = try read(text)
      #expect(library.names == ["soil", "tree"] && library.axis.wavelengths == nil, "\(text)")
      #expect(library.values == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    }
    // Spectra whose names are numbers.
    for (first, axis) in [("wavelength_nm", [400.0, 500, 600]), ("band", [1, 2, 3])] {
      let library = try read(
        "\(first),1,2\n"
          + zip(axis, [(0.1, 0.4), (0.2, 0.5), (0.3, 0.6)]).map { "\(Int($0)),\($1.0),\($1.1)\n" }.joined())
      #expect(library.names == ["1", "2"] && library.values == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
      #expect(library.axis.wavelengths == (first == "band" ? nil : axis))
    }
    #expect(try read("wavelength,400,500,600\n1,0.1,0.2,0.3\n2,0.4,0.5,0.6\n").axis.wavelengths == [400, 500, 600])
    #expect(try read("1 0.1 0.4\n2 0.2 0.5\n3 0.3 0.6\n", "txt").values == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
  }

  /// Detectors overlap: wavelengths rise on the whole. A spectrum is no axis.
  @Test func overlappingDetectors() throws {
    let library = try read(
      "344.2,.05\n345.8,.06\n347.4,.07\n990.1,.08\n991.5,.09\n986.3,.10\n988.9,.11\n993.2,.12\n", "txt")
    #expect(library.names == ["spectrum 1"] && library.axis.wavelengths?[5] == 986.3 && library.values[5] == 0.1)
    #expect(try read("300,1\n250,2\n310,3\n260,4\n320,5\n", "txt").count == 2)
  }

  /// A row of wavelengths above rows of numbers, without any word; parameters of a model in front.
  @Test(arguments: ["", "0.0,"])
  func numbersOnly(_ front: String) throws {
    let text = "\(front)400,410,420,430,440\n\(front)0.1,0.3,0.2,0.4,0.1\n\(front)0.5,0.4,0.6,0.7,0.2\n"
    let library = try read(text, "txt")
    #expect(library.names == ["spectrum 1", "spectrum 2"] && library.axis.wavelengths == [400, 410, 420, 430, 440])
    #expect(library.values == [0.1, 0.3, 0.2, 0.4, 0.1, 0.5, 0.4, 0.6, 0.7, 0.2])
  }

  @Test func attributesAreNoSpectra() throws {
    let text = "Name,Class,Lat,Lon\na,soil,34.4,-119.6\nb,tree,34.5,-119.7\n"
    #expect(errorIdentifier { _ = try read(text) } == "E-UNREADABLE")
  }

  @Test func differentWavelengths() throws {
    #expect(
      errorIdentifier { _ = try read("wavelength,a,wavelength,b\n400,1,401,2\n500,3,501,4\n600,5,601,6\n") }
        == "E-INCONSISTENT")
    #expect(errorIdentifier { _ = try read("wavelength,a\n400,1\nx,y\n") } == "E-UNREADABLE")
  }

  /// A table of many cells takes a time that grows with it, and little memory.
  @Test func largeTable() throws {
    func seconds(_ columns: Int) throws -> Double {
      var text = "wavelength_nm," + (0..<columns).map { "s\($0)" }.joined(separator: ",") + "\n"
      for band in 0..<50 { text += "\(400 + band)" + String(repeating: ",0.125", count: columns) + "\n" }
      let start = ContinuousClock.now
      let library = try CSVSpectra.parse(Array(text.utf8), path: "t.csv", context: RunContext())
      #expect(library.count == columns && library.values.allSatisfy { $0 == 0.125 })
      return (ContinuousClock.now - start) / .seconds(1)
    }
    _ = try seconds(50)
    let (small, large) = (try seconds(200), try seconds(1000))
    #expect(large < 15 * small + 0.1, "\(small) s, \(large) s for five times as many cells")
  }

  // MARK: - Files of spectrometers

  @Test func decimalCommasOfSpectrometers() throws {
    let head = "/*** Spectra Vista SIG Data ***/\nname= x.sig\ninstrument= HI: 1\n"
    let rows = "338.5  93.25  5.75  6.17\n401.4  124.5  12.75  10.24\n550.9\t135.25\t9.5\t7.02\n"
    let point = try read(head + "temp= 25.6, -5.1\ndata= \n" + rows, "sig")
    let comma = try read(head + "temp= 25,6, -5,1\ndata= \n" + rows.replacing(".", with: ","), "sig")
    let listed = try read(head + "data= \n" + rows.replacing("  ", with: ", ").replacing("\t", with: ", "), "sig")
    let closed = try read(head + "data= \n" + rows.replacing("  ", with: ",").replacing("\t", with: ","), "sig")
    for other in [comma, listed, closed] {
      #expect(other.values == point.values && other.axis.wavelengths == [338.5, 401.4, 550.9])
    }
    #expect(abs(point.values[1] - 0.1024) < 1e-12)
    let sed = "Comment:\nColumns [2]:\nData:\nWvl\tReflect. %\n350,5\t12,5\n351,5\t50\n"
    #expect(try read(sed, "sed").values == [0.125, 0.5])
  }

  @Test func withoutReflectance() throws {
    func sed(_ titles: String) -> String {
      "Comment: \nColumns [3]:\nData:\nWvl\t\(titles)\n350.0\t5.0\t2.0\n351.0\t0\t3.0\n"
    }
    let context = RunContext()
    let ratio = try read(sed("Norm. DN (Ref.)\tNorm. DN (Target)"), "sed", context: context)
    #expect(ratio.values[0] == 0.4 && ratio.values[1].isNaN && context.warned == ["W-NO-REFLECTANCE"])
    let other = RunContext()
    #expect(
      try read(sed("Rad. (Target)\tx"), "sed", context: other).values == [2, 3] && other.warned == ["W-NO-REFLECTANCE"])
  }

  @Test func convolvedLibrary() throws {
    let folder = try ScratchFolder()
    try folder.write(
      "s07_AV95_Wavelengths_in_microns_3ch.txt", text: " s07_AV95 Record=1: Wavelengths 3ch\n .4\n .5\n .6\n")
    let name = try folder.write(
      "s07_AV95_Kaolinite_AREF.txt",
      text: " s07_AV95 Record=1711: Kaolinite XX1      BECKa AREF\n 5.0e-1\n -1.23e34\n 0.61\n")
    let library = try SpectralLibraryFile.read(name, context: RunContext())
    #expect(library.names == ["Kaolinite XX1 BECKa AREF"] && library.axis.wavelengths == [400, 500, 600])
    #expect(library.values[0] == 0.5 && library.values[1].isNaN && library.values[2] == 0.61)
  }

  /// ASD's binary files: counts of the target and of the white reference.
  @Test(arguments: [(UInt8(0), 4), (1, 4), (2, 8)])
  func binaryASD(_ kind: UInt8, _ size: Int) throws {
    func numbers(_ values: [Double]) -> [UInt8] {
      values.flatMap { value -> [UInt8] in
        switch kind {
        case 0: withUnsafeBytes(of: Float(value)) { Array($0) }
        case 1: withUnsafeBytes(of: Int32(value)) { Array($0) }
        default: withUnsafeBytes(of: value) { Array($0) }
        }
      }
    }
    func file(type: UInt8, reference: Bool) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: 484)
      bytes.replaceSubrange(0..<3, with: Array("as7".utf8))
      bytes[186] = type
      bytes.replaceSubrange(191..<195, with: withUnsafeBytes(of: Float(350)) { Array($0) })
      bytes.replaceSubrange(195..<199, with: withUnsafeBytes(of: Float(1)) { Array($0) })
      bytes[199] = kind
      bytes[204] = 3
      let note = Array("white".utf8)
      bytes += numbers([10, 20, 30])
      bytes += (reference ? [1, 0] : [0, 0]) + [UInt8](repeating: 0, count: 16) + [UInt8(note.count), 0] + note
      return bytes + numbers([20, 80, 0])
    }
    let folder = try ScratchFolder()
    let ratio = try SpectralLibraryFile.read(
      try folder.write("leaf.asd", file(type: 1, reference: true)), context: RunContext())
    #expect(ratio.names == ["leaf"] && ratio.axis.wavelengths == [350, 351, 352])
    #expect(Array(ratio.values[0..<2]) == [0.5, 0.25] && ratio.values[2].isNaN)
    for (type, reference) in [(UInt8(0), true), (1, false), (2, true)] {
      let context = RunContext()
      let plain = try SpectralLibraryFile.read(
        try folder.write("x.asd", file(type: type, reference: reference)), context: context)
      #expect(plain.values == [10, 20, 30] && context.warned == ["W-NO-REFLECTANCE"])
    }
    #expect(throws: RasterError.self) {
      try SpectralLibraryFile.read(
        try folder.write("s.asd", Array(file(type: 1, reference: true).prefix(490))), context: RunContext())
    }
    for copy in mutations(of: file(type: 1, reference: true), count: 100, seed: 5) {
      _ = try? SpectralLibraryFile.read(try folder.write("m.asd", copy), context: RunContext())
    }
  }

  @Test func gainsOfLibraries() throws {
    let folder = try ScratchFolder()
    func write(_ extra: String) throws {
      try folder.write(
        "g.sli", [1000, 2000, 5000, -9999].flatMap { value in withUnsafeBytes(of: Int16(value)) { Array($0) } })
      try folder.write(
        "g.hdr",
        text:
          "ENVI\nsamples = 2\nlines = 2\nbands = 1\nfile type = ENVI Spectral Library\ndata type = 2\ninterleave = bsq\n"
          + "byte order = 0\nwavelength = {400,500}\ndata ignore value = -9999\n\(extra)\n")
    }
    for (extra, expected) in [
      ("data gain values = {0.0001, 0.0002}\ndata offset values = {0, 1}", [0.1, 1.4, 0.5, .nan]),
      ("data gain values = {0.001}", [1, 2, 5, .nan]), ("reflectance scale factor = 10000", [0.1, 0.2, 0.5, .nan]),
      ("data gain values = {0.001}\nreflectance scale factor = 10000", [1, 2, 5, .nan]),
      ("", [1000, 2000, 5000, .nan]),
    ] as [(String, [Double])] {
      try write(extra)
      let values = try SpectralLibraryFile.read(folder.file("g.sli"), context: RunContext()).values
      #expect(zip(values, expected).allSatisfy { $1.isNaN ? $0.isNaN : abs($0 - $1) < 1e-9 }, "\(extra): \(values)")
    }
  }
}
