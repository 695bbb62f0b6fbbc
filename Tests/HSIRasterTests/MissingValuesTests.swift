import Foundation
import HSICore
import Testing

@testable import HSIRaster

/// The policy `values`: a pixel with data keeps it, and what is missing in it is NaN.
@Suite struct MissingValuesTests {
  @Test(arguments: Interleave.allCases) func valuesAreMarked(_ interleave: Interleave) throws {
    let scratch = try Scratch()
    for type in [SampleType.uint8, .int16, .uint16, .int32, .float32, .float64, .int64] {
      for isBigEndian in [false, true] {
        var sample = Sample(shape: CubeShape(lines: 13, samples: 11, bands: 5), type: type, interleave: interleave)
        sample.isBigEndian = isBigEndian
        sample.extra = """
          data gain values = {2}
          data ignore value = 96
          bbl = {1,1,0,1,1}
          """
        let reader = try RasterFormats.open(sample.write(scratch), context: RunContext())
        var options = SelectionOptions()
        (options.bands, options.nodataPolicy, options.acceptsMissingValues) = (.all, .values, true)
        options.window = PixelWindow(line: 2, sample: 1, lines: 10, samples: 9)
        let cube = try FileSource(reader, options, context: RunContext()).load(RunContext())
        var (positions, values, missing) = ([Int32](), [Float](), 0)
        for line in 0..<10 {
          for sample_ in 0..<9 {
            let stored = (0..<5).map { sample.value(line + 2, sample_ + 1, $0) }
            guard [0, 1, 3, 4].contains(where: { stored[$0] != 96 }) else { continue }
            positions.append(Int32(line * 9 + sample_))
            values += stored.map { $0 == 96 ? .nan : Float($0 * 2) }
            missing += stored.count { $0 == 96 }
          }
        }
        #expect(missing > 0 && cube.positions == positions, "\(type)")
        #expect(zip(cube.pixels.values, values).allSatisfy { $0.isNaN ? $1.isNaN : $0 == $1 }, "\(type) \(interleave)")
      }
    }
  }

  /// NaN and infinite values are missing too; a pixel without any value is.
  @Test func valuesThatAreNoNumbers() throws {
    let scratch = try Scratch()
    let (values, shape) = (
      [1, .nan, .infinity, .nan, .nan, .nan, 4, 5, -7] as [Float], "samples = 3\nlines = 1\nbands = 3"
    )
    try scratch.write(values.flatMap { withUnsafeBytes(of: $0) { Array($0) } }, to: "a.dat")
    try scratch.write(
      "ENVI\n\(shape)\ndata type = 4\ninterleave = bip\nbyte order = 0\ndata ignore value = -7\n", to: "a.hdr")
    let reader = try RasterFormats.open(scratch.path("a.dat"), context: RunContext())
    var options = SelectionOptions()
    (options.nodataPolicy, options.acceptsMissingValues) = (.values, true)
    let cube = try FileSource(reader, options, context: RunContext()).load(RunContext())
    #expect(cube.positions == [0, 2])
    #expect(cube.pixels.values.map { $0.isNaN ? -1 : $0 } == [1, -1, -1, 4, 5, -1])
  }

  /// Who cannot fill values is not handed any.
  @Test func othersRefuse() throws {
    let scratch = try Scratch()
    let reader = try RasterFormats.open(Sample().write(scratch), context: RunContext())
    var options = SelectionOptions()
    options.nodataPolicy = .values
    do {
      _ = try FileSource(reader, options, context: RunContext())
      Issue.record("accepted")
    } catch {
      #expect((error as? CoreError)?.category == .usage && "\(error)".contains("values"))
      #expect(!"\(error)".contains("\n"))
    }
  }
}
