import CMatIO
import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

/// 100·line + 10·sample + band on 3 × 4 × 5: the cube of all fixtures.
let patternCube: [Double] = pattern(lines: 0...2, samples: 0...3, bands: Array(0..<5))

func pattern(lines: ClosedRange<Int>, samples: ClosedRange<Int>, bands: [Int]) -> [Double] {
  var values: [Double] = []
  for i in lines {
    for j in samples {
      for b in bands { values.append(Double(100 * i + 10 * j + b)) }
    }
  }
  return values
}

/// Checks whole reads, windows and band lists of a reader of the pattern plus `shift`.
func expectPattern(
  _ reader: any CubeReader, shift: Double = 0, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  #expect(reader.shape == CubeShape(lines: 3, samples: 4, bands: 5), sourceLocation: sourceLocation)
  #expect(try reader.numbers() == patternCube.map { $0 + shift }, sourceLocation: sourceLocation)
  let window = PixelWindow(line: 1, sample: 1, lines: 2, samples: 3)
  for bands in [[4, 0, 1, 2], [2], [1, 3], [0, 1, 2, 3, 4]] {
    let expected = pattern(lines: 1...2, samples: 1...3, bands: bands).map { $0 + shift }
    #expect(
      try reader.numbers(window, bands: bands) == expected, "bands \(bands)", sourceLocation: sourceLocation)
  }
}

@Suite("MATLAB files")
struct MATLABReaderTests {
  static let patterns: [(file: String, variable: String?, shift: Double, type: SampleType)] = [
    ("plain.mat", nil, 0, .uint16),
    ("packed.mat", "scene", 0, .uint16),
    ("packed.mat", "hsi.Data", 0, .int16),
    ("struct.mat", nil, 0, .int16),
    ("two.mat", "second", 1, .uint16),
    ("two_known.mat", nil, 1, .uint16),
    ("bundle.mat", nil, 0, .uint16),
    ("v73.mat", "scene", 0, .int16),
    ("v73.mat", "hsi.Data", 0, .float64),
    ("v73.mat", "cell(1)", 7, .float64),
    ("v73_bundle.mat", nil, 0, .float64),
  ]

  @Test(arguments: patterns)
  func pattern(_ file: String, _ variable: String?, _ shift: Double, _ type: SampleType) throws {
    let reader = try openCube(formatFixture(file)) { $0.variable = variable }
    try expectPattern(reader, shift: shift)
    // scipy writes the class double as such; MATLAB and this reader keep the stored type.
    if file == "plain.mat" || file == "struct.mat" || file.hasPrefix("v73") {
      #expect(reader.sampleType == type)
    }
    #expect(reader.files == [formatFixture(file)])
  }

  @Test func partAfterDoubleSlash() throws {
    try expectPattern(openCube(formatFixture("two.mat") + "//second"), shift: 1)
  }

  /// Version 7.3 and compressed version 5 as matio writes them.
  @Test func filesOfMatio() throws {
    let folder = try ScratchFolder()
    for (name, version, packing) in [
      ("a.mat", MAT_FT_MAT73, MAT_COMPRESSION_NONE), ("b.mat", MAT_FT_MAT5, MAT_COMPRESSION_ZLIB),
    ] {
      let file = try #require(Mat_CreateVer(folder.file(name), nil, version))
      var extents = [3, 4, 5]
      var values: [Int16] = []
      for b in 0..<5 { for j in 0..<4 { for i in 0..<3 { values.append(Int16(100 * i + 10 * j + b)) } } }
      let variable = Mat_VarCreate("scene", MAT_C_INT16, MAT_T_INT16, 3, &extents, &values, 0)
      #expect(Mat_VarWrite(file, variable, packing) == 0)
      Mat_VarFree(variable)
      #expect(Mat_Close(file) == 0)
      let reader = try openCube(folder.file(name))
      #expect(reader.format == (version == MAT_FT_MAT73 ? "MATLAB 7.3" : "MATLAB 5"))
      try expectPattern(reader)
    }
  }

  @Test func sides() throws {
    // Nothing in the file tells the sides.
    try expectPattern(openCube(formatFixture("sides.mat")) { $0.size = (3, 4) })
    let image = try openCube(formatFixture("sides.mat"))
    #expect(image.shape == CubeShape(lines: 5, samples: 12, bands: 1))
  }

  @Test func wavelengths() throws {
    let expected = [400.0, 500, 600, 700, 800]
    for (file, variable) in [
      ("plain.mat", "scene"), ("packed.mat", "scene"), ("packed.mat", "hsi.Data"), ("v73.mat", "hsi.Data"),
    ] {
      let axis = try openCube(formatFixture(file)) { $0.variable = variable }.metadata.axis
      #expect(axis.wavelengths == expected, "\(file) \(variable)")
    }
  }

  @Test func version4() throws {
    let reader = try openCube(formatFixture("v4.mat"))
    #expect(reader.format == "MATLAB 4")
    #expect(reader.shape == CubeShape(lines: 3, samples: 4, bands: 1))
    #expect(try reader.numbers() == [0, 10, 20, 30, 100, 110, 120, 130, 200, 210, 220, 230])
  }

  @Test func bigEndian() throws {
    // A version 5 file in the other byte order: 2 × 1 × 2 of int16, written by hand.
    func word(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    var body = word(6) + word(8) + word(10) + word(0)  // class int16
    body += word(5) + word(12) + word(2) + word(1) + word(2) + word(0)
    body += [0, 1, 0, 1, 0x61, 0, 0, 0]  // name "a", small element
    body += word(3) + word(8) + [0, 1, 0, 2, 0xFF, 0xFF, 1, 0]
    var bytes = [UInt8](repeating: 32, count: 124) + [1, 0, 0x4D, 0x49]
    bytes += word(14) + word(UInt32(body.count)) + body
    let folder = try ScratchFolder()
    let reader = try openCube(try folder.write("big.mat", bytes))
    #expect(reader.shape == CubeShape(lines: 2, samples: 1, bands: 2))
    #expect(try reader.numbers() == [1, -1, 2, 256])
  }

  @Test func refusals() throws {
    let cases: [(String, String?, String)] = [
      ("two.mat", nil, "first 3×4×5"),
      ("two.mat", "absent", "no variable absent"),
      ("odd.mat", nil, "no numeric image"),
      ("odd.mat", "z", "complex"),
      ("odd.mat", "sp", "sparse"),
      ("odd.mat", "c", "cell"),
      ("plain.mat", "note", "text"),
      ("v73.mat", "note", "char"),
      ("v73.mat", "z", "complex"),
      ("v73.mat", "hsi.absent", "no variable"),
      ("struct.mat", "hsi.info.absent", "no variable"),
    ]
    for (file, variable, text) in cases {
      let error = #expect(throws: RasterError.self, "\(file) \(variable ?? "")") {
        try openCube(formatFixture(file)) { $0.variable = variable }
      }
      #expect(error?.description.contains(text) ?? false, "\(error?.description ?? "")")
    }
  }

  @Test func memory() throws {
    // 60 numbers of 1 or 2 bytes do not fit into 50 bytes; an uncompressed variable needs no memory.
    let context = RunContext(memory: MemoryBudget(bytes: 50))
    #expect(throws: CoreError.self) {
      try openCube(formatFixture("packed.mat"), context: context) { $0.variable = "scene" }
    }
    try expectPattern(openCube(formatFixture("plain.mat"), context: context))
  }

  @Test func texts() throws {
    let file = try MATLABFile(formatFixture("struct.mat"))
    #expect(try file.texts(file.variable("hsi.title")) == ["a struct"])
    let odd = try MATLABFile(formatFixture("odd.mat"))
    #expect(try odd.texts(odd.variable("c")) == ["a", "bc"])
  }

  /// Names and colours of classes beside a label map; the first name is that of value 1 unless it is one of the background.
  @Test func namesOfClasses() throws {
    let named = try #require(try openCube(formatFixture("classes.mat")).metadata.classes)
    #expect(named.map(\.name) == ["Unclassified", "soil, bare", "grass", "tree"])
    #expect(named.dropFirst().map(\.colour) == [[255, 0, 0], [0, 255, 0], [0, 0, 51]])
    let other = try openCube(formatFixture("classes_background.mat")).metadata
    #expect(other.classes?.map(\.name) == ["background", "soil, bare", "grass", "tree"] && other.quantity == .class)
    // A cube is no label map.
    #expect(try openCube(formatFixture("plain.mat")).metadata.classes == nil)
  }

  @Test func windowOutside() throws {
    let reader = try openCube(formatFixture("plain.mat"))
    let block = StoredBlock()
    for window in [
      PixelWindow(line: 2, sample: 0, lines: 2, samples: 1),
      PixelWindow(line: 0, sample: -1, lines: 1, samples: 1),
    ] {
      #expect(throws: RasterError.self) { try reader.read(window, bands: [0], into: block) }
    }
    #expect(throws: RasterError.self) {
      try reader.read(PixelWindow(line: 0, sample: 0, lines: 1, samples: 1), bands: [5], into: block)
    }
  }

  /// Damaged files end in an error or in numbers, never in a trap, a hang or an endless allocation.
  @Test(arguments: [
    "plain.mat", "packed.mat", "struct.mat", "odd.mat", "v4.mat", "bundle.mat", "library.mat",
  ])
  func damaged(_ name: String) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: formatFixture(name))))
    let folder = try ScratchFolder()
    var opened = 0
    for copy in mutations(of: bytes, count: 300, seed: 4) where !copy.isEmpty {
      let path = try folder.write("m.mat", copy)
      if let file = try? MATLABFile(path) {
        opened += 1
        for variable in file.variables {
          _ = try? file.doubles(variable)
          _ = try? file.texts(variable)
          for member in (try? file.members(of: variable)) ?? [] {
            _ = try? file.members(of: member)
            _ = try? file.doubles(member)
          }
        }
      }
      if let reader = try? openCube(path), reader.shape.pixels * reader.shape.bands < 1 << 20 {
        _ = try? reader.numbers()
      }
      _ = try? SpectralLibraryFile.read(path, context: RunContext())
    }
    #expect(opened > 0)
  }
}
