import Foundation
import HSICore
import Testing

@testable import HSIRaster

@Suite struct MATLABWriterTests {
  private func write(
    _ reader: any CubeReader, _ name: String, _ metadata: CubeMetadata, budget: Int = 1 << 30
  ) throws -> any CubeReader {
    let context = RunContext(memory: MemoryBudget(bytes: budget))
    let writer = try RasterFormats.create(
      name, shape: reader.shape, type: reader.sampleType, metadata: metadata, context: context)
    let all = Array(0..<reader.shape.bands)
    let files = try CubeCopy.run(from: reader, window: reader.shape.window, bands: all, to: writer, context)
    #expect(files == [name])
    return try RasterFormats.open(name, context: context)
  }

  @Test(arguments: Interleave.allCases, SampleType.allCases)
  func everyTypeComesBack(interleave: Interleave, type: SampleType) throws {
    guard ENVIReaderTests.types.contains(type) else { return }
    let scratch = try Scratch()
    let sample = Sample(type: type, interleave: interleave, isBigEndian: true)
    let reader = try RasterFormats.open(try sample.write(scratch), context: RunContext())
    // So small a budget means strips of one line.
    let budget = sample.bytes.count * 4 / 3 + 8
    let back = try write(reader, scratch.path("out.mat"), reader.metadata, budget: budget)
    #expect(back.format == "MATLAB 5" && back.shape == sample.shape && back.sampleType == type)
    #expect(try back.stored() == reader.stored())
  }

  @Test func metadataComeBack() throws {
    let scratch = try Scratch()
    let reader = try RasterFormats.open(try Sample().write(scratch), context: RunContext())
    var metadata = CubeMetadata(bands: 6)
    metadata.axis = SpectralAxis(
      wavelengths: [400.25, 500, 600, 700.125, 800, 2400], fwhm: [5, 6, 7, 8, 9, 10],
      good: [true, false, true, true, true, false])
    metadata.bandNames = ["", "b", "grün", "kaolinite, fine", "日本", "f"]
    metadata.scale = [Double](repeating: 1e-4, count: 6)
    metadata.offset = [0, 0, 1, 0, 0, 0]
    metadata.nodata = [Double?](repeating: -9999, count: 6)
    let back = try write(reader, scratch.path("a.mat"), metadata).metadata
    #expect(back.axis == metadata.axis)
    #expect(back.bandNames == metadata.bandNames)
    #expect(back.scale == metadata.scale && back.offset == metadata.offset)
    #expect(back.nodata == metadata.nodata)
    _ = try write(reader, scratch.path("b.mat"), metadata)
    let bytes = try ["a.mat", "b.mat"].map { try Data(contentsOf: URL(fileURLWithPath: scratch.path($0))) }
    #expect(bytes[0] == bytes[1], "no time, no name in the file")
  }

  /// Known places in the bytes of the file, by the format's own document.
  @Test func linesRunFastest() throws {
    let scratch = try Scratch()
    let sample = Sample(type: .uint8)
    let reader = try RasterFormats.open(try sample.write(scratch), context: RunContext())
    var metadata = reader.metadata
    metadata.quantity = .abundance
    let back = try write(reader, scratch.path("a.mat"), metadata)
    #expect(back.metadata.quantity == .abundance)
    let variable = try MATLABFile(scratch.path("a.mat")).variable("abundances")
    #expect(variable.dimensions == [7, 5, 6])
    let stored = try #require(variable.bytes).bytes[variable.range]
    var expected: [UInt8] = []
    for b in 0..<6 { for j in 0..<5 { for i in 0..<7 { expected.append(UInt8(sample.value(i, j, b))) } } }
    #expect(Array(stored) == expected)
  }

  @Test func oneBandAndOneLine() throws {
    let scratch = try Scratch()
    for (lines, bands) in [(7, 1), (1, 6)] {
      let sample = Sample(shape: CubeShape(lines: lines, samples: 5, bands: bands))
      let reader = try RasterFormats.open(try sample.write(scratch), context: RunContext())
      let back = try write(reader, scratch.path("\(lines).mat"), reader.metadata)
      #expect(back.shape == sample.shape)
      #expect(try back.stored() == reader.stored())
    }
  }

  @Test func tooLarge() throws {
    let scratch = try Scratch()
    func identifier(_ lines: Int, _ budget: Int) -> String? {
      errorIdentifier {
        _ = try RasterFormats.create(
          scratch.path("a.mat"), shape: CubeShape(lines: lines, samples: 1024, bands: 128), type: .float32,
          metadata: CubeMetadata(bands: 128), context: RunContext(memory: MemoryBudget(bytes: budget)))
      }
    }
    #expect(identifier(4096, 8 << 30) == "E-WRITE", "2 GiB per variable")
    #expect(identifier(1024, 512 << 20) == "E-MEMORY")
    #expect(scratch.names.isEmpty)
  }
}

/// The look at sizes that finds what the library does not tell.
@Suite struct MATLABStructureTests {
  @Test(arguments: [SampleType.uint8, .float32]) func gapsAreFound(type: SampleType) throws {
    let scratch = try Scratch()
    var metadata = CubeMetadata(bands: 3)
    metadata.axis = SpectralAxis(wavelengths: [400, 500, 600], fwhm: [5, 5, 5], good: [true, false, true])
    metadata.bandNames = ["a", "blue and more", "µ"]
    let shape = CubeShape(lines: 5, samples: 3, bands: 3)
    let writer = try RasterFormats.create(
      scratch.path("a.mat"), shape: shape, type: type, metadata: metadata, context: RunContext())
    let block = StoredBlock()
    block.prepare(type: type, interleave: .bip, lines: 5, samples: 3, bands: 3)
    block.bytes.initializeMemory(as: UInt8.self, repeating: 3)
    try writer.write(block, lines: 0..<5)
    _ = try writer.finish()
    let whole = Array(try Data(contentsOf: URL(fileURLWithPath: scratch.path("a.mat"))))
    func looksWhole(_ path: String, _ names: [String]) -> Bool {
      MATLABStructure.isWhole(path) && (try? MATLABFile(path))?.variables.map(\.name) == names
    }
    let names = try MATLABFile(scratch.path("a.mat")).variables.map(\.name)
    #expect(looksWhole(scratch.path("a.mat"), names))
    var unseen: [String] = []
    for (number, place) in (128..<whole.count).enumerated() {
      let length = [1, 4, 8, 64][number % 4]
      guard place + length <= whole.count else { continue }
      let cut = Array(whole[..<place]) + whole[(place + length)...]
      if looksWhole(try scratch.write(cut, to: "b.mat"), names) { unseen.append("\(length) at \(place)") }
    }
    #expect(unseen.isEmpty, "gaps that are not seen")
    #expect(!MATLABStructure.isWhole(try scratch.write(whole + [0], to: "b.mat")))
    #expect(!MATLABStructure.isWhole(scratch.path("none.mat")))
  }
}
