import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

@Suite("NumPy arrays")
struct NumPyTests {
  @Test(arguments: [
    ("c_order.npy", SampleType.float32), ("f_order.npy", .int16), ("big.npy", .float64),
    ("half.npy", .float32),
    ("version3.npy", .uint16),
  ])
  func pattern(_ file: String, _ type: SampleType) throws {
    let reader = try openCube(formatFixture(file))
    #expect(reader.sampleType == type)
    try expectPattern(reader)
  }

  @Test func axes() throws {
    for axes in ["bhw", "band,line,sample"] {
      try expectPattern(openCube(formatFixture("bands_first.npy")) { $0.axes = axes })
    }
    #expect(throws: CoreError.self) { try openCube(formatFixture("bands_first.npy")) { $0.axes = "bbw" } }
    #expect(throws: CoreError.self) { try openCube(formatFixture("bands_first.npy")) { $0.axes = "hw" } }
  }

  @Test func archive() throws {
    let path = formatFixture("several.npz")
    let reader = try openCube(path)
    try expectPattern(reader)
    #expect(reader.metadata.axis.wavelengths == [400, 500, 600, 700, 800])
    let mask = try openCube(path) { $0.variable = "mask" }
    #expect(mask.shape == CubeShape(lines: 3, samples: 4, bands: 1))
    #expect(throws: RasterError.self) { try openCube(path) { $0.variable = "absent" } }
  }

  @Test func halfPrecision() {
    // Every half is exact in single precision; Float16 of the compiler is the reference where it exists.
    #if arch(arm64) || os(Linux)
      for bits in UInt16.min...UInt16.max {
        let (mine, reference) = (StridedArray.single(half: bits), Float(Float16(bitPattern: bits)))
        if reference.isNaN ? !mine.isNaN : mine.bitPattern != reference.bitPattern {
          Issue.record("half \(bits): \(mine) is not \(reference)")
        }
      }
    #endif
  }

  @Test func writing() throws {
    let folder = try ScratchFolder()
    let path = folder.file("out.npy")
    let source = try openCube(formatFixture("f_order.npy"))
    let writer = try RasterFormats.create(
      path, shape: source.shape, type: source.sampleType, metadata: source.metadata, context: RunContext())
    let block = StoredBlock()
    for line in 0..<3 {
      try source.read(
        PixelWindow(line: line, sample: 0, lines: 1, samples: 4), bands: Array(0..<5), into: block)
      try writer.write(block, lines: line..<(line + 1))
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(try writer.finish() == [path])
    try expectPattern(openCube(path))
    // The dictionary is the one that NumPy writes, padded so that the numbers start at a multiple of 64.
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(bytes.count == 128 + 120)
    let text = String(decoding: bytes[10..<128], as: UTF8.self)
    #expect(
      text.hasPrefix("{'descr': '<i2', 'fortran_order': False, 'shape': (3, 4, 5), }") && text.hasSuffix("\n")
    )
    #expect(throws: CoreError.self) {
      try NumPyWriter(path, shape: source.shape, type: .int16, overwrite: false)
    }
  }

  @Test func truncated() throws {
    let folder = try ScratchFolder()
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: formatFixture("c_order.npy"))))
    bytes.removeLast()
    let error = #expect(throws: RasterError.self) { try openCube(try folder.write("short.npy", bytes)) }
    #expect(error?.description.contains("367") ?? false)
  }

  @Test func damaged() throws {
    let folder = try ScratchFolder()
    for name in ["c_order.npy", "f_order.npy", "version3.npy", "half.npy"] {
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: formatFixture(name))))
      for copy in mutations(of: bytes, count: 400, seed: 9) where !copy.isEmpty {
        _ = copy.withUnsafeBytes { try? NumPyHeader(parsing: $0, path: "m.npy") }
        let path = try folder.write("m.npy", copy)
        if let bytes = try? FileBytes(path), let header = try? NumPyHeader(parsing: bytes.bytes, path: path),
          let array = try? NumPyFormat.strided(header, bytes, axes: nil, path: path), array.shape.pixels > 0,
          array.shape.bands > 0, array.shape.pixels * array.shape.bands < 1 << 16
        {
          let block = StoredBlock()
          array.copy(array.shape.window, bands: Array(0..<array.shape.bands), into: block)
        }
      }
    }
    for text in [
      "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807), }",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }",
      "{'descr': '<c8', 'fortran_order': False, 'shape': (1, 3), }",
      "{'shape': (", "{'descr': '", "",
    ] {
      let bytes = NumPyHeader.signature + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
      #expect(throws: RasterError.self, "\(text)") {
        try bytes.withUnsafeBytes { _ = try NumPyHeader(parsing: $0, path: "m.npy") }
      }
    }
  }
}
