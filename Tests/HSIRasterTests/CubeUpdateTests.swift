import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRaster

/// A cube written again with some new values.
@Suite struct CubeUpdateTests {
  private let context = RunContext()

  private func reader(_ scratch: Scratch, _ sample: Sample) throws -> any CubeReader {
    try RasterFormats.open(try sample.write(scratch), context: context)
  }

  /// New values for some bands of some pixels.
  private func cube(_ shape: CubeShape, positions: [Int32], _ value: (Int32, Int) -> Float) -> Cube {
    let pixels = PixelMatrix(rows: positions.count, columns: shape.bands)
    for (row, place) in positions.enumerated() {
      for b in 0..<shape.bands { pixels[row, b] = value(place, b) }
    }
    return Cube(
      shape: shape, metadata: CubeMetadata(bands: shape.bands), pixels: pixels, positions: positions)
  }

  @Test(arguments: [SampleType.uint8, .int16, .uint16, .int32, .float32, .float64], [false, true])
  func otherSamplesStay(type: SampleType, isBigEndian: Bool) throws {
    let scratch = try Scratch()
    for interleave in Interleave.allCases {
      var sample = Sample()
      (sample.type, sample.interleave, sample.isBigEndian) = (type, interleave, isBigEndian)
      let reader = try reader(scratch, sample)
      let positions: [Int32] = [0, 3, 4, 11, 12, 34]
      let values = cube(CubeShape(lines: 7, samples: 5, bands: 2), positions: positions) {
        Float($0) + Float(100 * $1)
      }
      for target in [type, .float32] {
        let writer = try RasterFormats.create(
          scratch.path("out.img"), shape: reader.shape, type: target, metadata: reader.metadata,
          options: {
            var options = OutputOptions()
            options.overwrite = true
            return options
          }(), context: context)
        let outcome = try CubeUpdate.run(
          from: reader, window: reader.shape.window, bands: Array(0..<6), values: values, places: [1, 4],
          to: writer,
          context)
        #expect(outcome.clipped == 0 && outcome.shifted == 0)
        let written = try RasterFormats.open(scratch.path("out.img"), context: context)
        #expect(written.sampleType == target)
        let stored = try written.stored()
        for line in 0..<7 {
          for column in 0..<5 {
            let isNew = positions.contains(Int32(line * 5 + column))
            for band in 0..<6 {
              var expected = sample.value(line, column, band)
              if isNew, band == 1 { expected = Double(line * 5 + column) }
              if isNew, band == 4 { expected = Double(line * 5 + column + 100) }
              #expect(stored[(line * 5 + column) * 6 + band] == expected)
            }
          }
        }
      }
    }
  }

  /// Scale and offset are undone; values are rounded to nearest, clipped, and never become no data.
  @Test func integersAreSafe() throws {
    let scratch = try Scratch()
    var sample = Sample()
    sample.type = .uint8
    let reader = try reader(scratch, sample)
    var metadata = reader.metadata
    let bands = metadata.bands
    metadata.scale = [Double](repeating: 0.5, count: bands)
    metadata.offset = [Double](repeating: 10, count: bands)
    metadata.nodata = [Double?](repeating: 0, count: bands)
    let described = Described(reader, metadata)
    let wanted: [Float] = [10, 9.8, 12.3, 12.2, 200, -5, 10.4, .nan]
    let values = cube(CubeShape(lines: 7, samples: 5, bands: 1), positions: Array(0..<8)) { place, _ in
      wanted[Int(place)]
    }
    let writer = try RasterFormats.create(
      scratch.path("out.img"), shape: reader.shape, type: .uint8, metadata: metadata, context: context)
    let outcome = try CubeUpdate.run(
      from: described, window: reader.shape.window, bands: Array(0..<6), values: values, places: [0],
      to: writer, context)
    let stored = try RasterFormats.open(scratch.path("out.img"), context: context).stored(bands: [0])
    // (10 − 10)/0.5 = 0 is no data and moves up; −0.4 rounds to 0 and cannot move down; 4.6 and 4.4; 380 and −30 are
    // clipped (the latter to no data, which moves up); 0.8; NaN keeps what was there.
    #expect(Array(stored[0..<8]) == [1, 1, 5, 4, 255, 1, 1, sample.value(1, 2, 0)])
    #expect(outcome.clipped == 2 && outcome.shifted == 3)
  }

  /// Windows and chosen bands.
  @Test func windowsAndBands() throws {
    let scratch = try Scratch()
    let sample = Sample()
    let reader = try reader(scratch, sample)
    let window = PixelWindow(line: 2, sample: 1, lines: 3, samples: 4)
    let values = cube(CubeShape(lines: 3, samples: 4, bands: 1), positions: [5]) { _, _ in 77 }
    let writer = try RasterFormats.create(
      scratch.path("out.img"), shape: CubeShape(lines: 3, samples: 4, bands: 2), type: .int16,
      metadata: reader.metadata.selecting(bands: [4, 2]), context: context)
    _ = try CubeUpdate.run(
      from: reader, window: window, bands: [4, 2], values: values, places: [1], to: writer, context)
    let stored = try RasterFormats.open(scratch.path("out.img"), context: context).stored()
    for line in 0..<3 {
      for column in 0..<4 {
        let place = (line * 4 + column) * 2
        #expect(stored[place] == sample.value(line + 2, column + 1, 4))
        #expect(stored[place + 1] == (line == 1 && column == 1 ? 77 : sample.value(line + 2, column + 1, 2)))
      }
    }
  }
}

/// A reader with other metadata.
private final class Described: CubeReader {
  let reader: any CubeReader
  let metadata: CubeMetadata

  init(_ reader: any CubeReader, _ metadata: CubeMetadata) {
    self.reader = reader
    self.metadata = metadata
  }

  var path: String { reader.path }
  var format: String { reader.format }
  var shape: CubeShape { reader.shape }
  var sampleType: SampleType { reader.sampleType }
  var interleave: Interleave { reader.interleave }
  var blockLines: Int { reader.blockLines }
  var files: [String] { reader.files }
  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    try reader.read(window, bands: bands, into: block)
  }
}
