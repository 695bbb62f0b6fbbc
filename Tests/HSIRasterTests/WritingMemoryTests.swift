import Foundation
import HSICore
import Testing

@testable import HSIRaster

/// Writers need little memory of their own, whatever the shape, and write the same bytes whatever the budget and however lines
/// arrive: several at a time, or in parts.
@Suite struct WritingMemoryTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Every format and order of bands, and the blocks of a GeoTIFF.
  struct Kind: Sendable, CustomTestStringConvertible {
    var name: String
    var format: OutputFormat?
    var interleave: Interleave?
    var creation: [String] = []
    var testDescription: String { "\(name) \(interleave?.rawValue ?? "") \(creation)" }
  }

  static let kinds = [
    Kind(name: "a.tif", interleave: .bip), Kind(name: "a.tif", interleave: .bsq),
    Kind(name: "a.tif", interleave: .bip, creation: ["TILED=NO"]),
    Kind(name: "a.tif", interleave: .bsq, creation: ["TILED=NO", "BLOCKYSIZE=40"]),
    Kind(name: "a.tif", interleave: .bsq, creation: ["COMPRESS=NONE", "BLOCKXSIZE=16", "BLOCKYSIZE=512"]),
    Kind(name: "c.tif", format: .cog), Kind(name: "a.bsq"), Kind(name: "a.bil"), Kind(name: "a.bip"),
    Kind(name: "a.npy"),
    Kind(name: "a.mat"),
  ]

  private static let shape = CubeShape(lines: 70, samples: 150, bands: 18)

  /// Stored samples that no two places share nearby, in the order that is asked for.
  private static func fill(_ block: StoredBlock, lines: Range<Int>, samples: Range<Int>, order: Interleave) {
    block.prepare(
      type: .uint16, interleave: order, lines: lines.count, samples: samples.count, bands: shape.bands)
    for (i, line) in lines.enumerated() {
      for (j, sample) in samples.enumerated() {
        for band in 0..<shape.bands {
          block.bytes.storeBytes(
            of: value(line, sample, band),
            toByteOffset: i * block.lineStride + j * block.pixelStride + band * block.bandStride, as: UInt16.self)
        }
      }
    }
  }

  private static func value(_ line: Int, _ sample: Int, _ band: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: line &* 2654 &+ sample &* 40503 &+ band &* 97)
  }

  /// The bytes of a file that is written in parts of some lines, or of some samples of a line.
  private func written(
    _ kind: Kind, memory: Int, height: Int, width: Int? = nil, order: Interleave, in folder: String
  ) throws -> Data {
    try FileManager.default.createDirectory(atPath: scratch.path(folder), withIntermediateDirectories: true)
    let path = scratch.path(folder + "/" + kind.name)
    var options = OutputOptions()
    (options.format, options.interleave, options.creationOptions) = (kind.format, kind.interleave, kind.creation)
    let shape = Self.shape
    let writer = try RasterFormats.create(
      path, shape: shape, type: .uint16, metadata: CubeMetadata(bands: shape.bands), options: options,
      context: RunContext(memory: MemoryBudget(bytes: memory)))
    let block = StoredBlock()
    for top in stride(from: 0, to: shape.lines, by: height) {
      let lines = top..<min(shape.lines, top + height)
      for left in stride(from: 0, to: shape.samples, by: width ?? shape.samples) {
        let samples = left..<min(shape.samples, left + (width ?? shape.samples))
        Self.fill(block, lines: lines, samples: samples, order: order)
        try writer.write(block, lines: lines, samples: samples)
      }
    }
    _ = try writer.finish()
    return try Data(contentsOf: URL(fileURLWithPath: path))
  }

  @Test(arguments: kinds) func sameBytes(_ kind: Kind) throws {
    let large = 1 << 30
    let whole = try written(kind, memory: large, height: Self.shape.lines, order: .bip, in: "whole")
    // MATLAB's variable is held as a whole.
    let small = kind.name == "a.mat" ? large : 1 << 20
    #expect(try written(kind, memory: small, height: 7, order: .bsq, in: "lines") == whole)
    #expect(try written(kind, memory: small, height: 1, width: 50, order: .bil, in: "parts") == whole)
    #expect(try written(kind, memory: large, height: 1, width: 100, order: .bip, in: "held") == whole)
    let reader = try RasterFormats.open(scratch.path("parts/" + kind.name), context: RunContext())
    let area = PixelWindow(line: 60, sample: 40, lines: 10, samples: 30)
    let wanted = (60..<70).flatMap { line in
      (40..<70).flatMap { sample in (0..<18).map { Double(Self.value(line, sample, $0)) } }
    }
    #expect(try reader.stored(area) == wanted)
    let rest = try FileManager.default.contentsOfDirectory(atPath: scratch.path("parts"))
    #expect(rest.allSatisfy { !$0.hasPrefix(".") }, "\(rest)")
  }

  /// Lines that are longer than the budget allows are copied in parts, also into another type.
  @Test func longLines() throws {
    let shape = CubeShape(lines: 3, samples: 12_000, bands: 12)
    let bytes = (0..<(shape.pixels * shape.bands)).map { UInt8(truncatingIfNeeded: $0 &* 31 &>> 3) }
    try scratch.write(
      "ENVI\nsamples = 12000\nlines = 3\nbands = 12\ndata type = 1\ninterleave = bil\nbyte order = 0\n", to: "s.hdr")
    try scratch.write(bytes, to: "s.bil")
    var seen: Set<[UInt8]> = []
    for memory in [1 << 18, 1 << 30] {
      let context = RunContext(memory: MemoryBudget(bytes: memory))
      let reader = try RasterFormats.open(scratch.path("s.bil"), context: context)
      func writer(_ name: String, _ type: SampleType) throws -> any CubeWriter {
        try RasterFormats.create(
          scratch.path("\(memory)\(name)"), shape: shape, type: type, metadata: CubeMetadata(bands: 12),
          context: context)
      }
      _ = try CubeCopy.run(
        from: reader, window: shape.window, bands: Array(0..<12), to: writer("a.bil", .uint8), context)
      #expect(try VSI.contents(scratch.path("\(memory)a.bil")) == bytes)
      _ = try CubeRetype.run(
        from: reader, window: shape.window, bands: Array(0..<12), to: writer("b.bip", .int16),
        nodata: [Double?](repeating: nil, count: 12), context)
      seen.insert(try VSI.contents(scratch.path("\(memory)b.bip")))
    }
    #expect(seen.count == 1 && seen.first?.count == 2 * bytes.count)
  }

  @Test(arguments: [
    (10, 100, 4, 7, 1 << 20), (10, 100, 4, 100, 1000), (3, 100, 4, 1, 130), (1, 1, 1000, 5, 1), (5, 7, 3, 2, 21),
  ])
  func parts(lines: Int, samples: Int, pixel: Int, height: Int, room: Int) {
    let pieces = Array(
      StripPiece.of(2..<(2 + lines), samples: 3..<(3 + samples), height: height, bytesPerPixel: pixel, room: room))
    var place = WritingPlace(CubeShape(lines: lines, samples: samples, bands: 1))
    for piece in pieces {
      // The order and the cover that writers ask for.
      place.advance(
        (piece.lines.lowerBound - 2)..<(piece.lines.upperBound - 2),
        (piece.samples.lowerBound - 3)..<(piece.samples.upperBound - 3))
      let bytes = piece.lines.count * piece.samples.count * pixel
      #expect(bytes <= room || piece.lines.count * piece.samples.count == 1)
      #expect(piece.lines.count <= height)
    }
    #expect(place.isComplete)
  }

  /// Tiles of all bands stay small where there are thousands.
  @Test(arguments: [(224, "64"), (1000, "64"), (2000, "32"), (5000, "16"), (60_000, "16")])
  func deepTiles(bands: Int, side: String) {
    var metadata = CubeMetadata(bands: bands)
    metadata.axis.wavelengths = (0..<bands).map { 400 + Double($0) }
    let options = GeoTIFFWriter.creationOptions(
      shape: CubeShape(lines: 1000, samples: 1000, bands: bands), type: .float32, metadata: metadata,
      options: OutputOptions(), path: "x.tif", RunContext())
    #expect(options.contains("BLOCKXSIZE=\(side)") && options.contains("BLOCKYSIZE=\(side)"))
  }

  /// Nor are they larger than the image.
  @Test(arguments: [(1, 16), (16, 16), (17, 32), (250, 256), (257, 256), (100_000, 256)])
  func tilesOfSmallImages(size: Int, side: Int) {
    let options = GeoTIFFWriter.creationOptions(
      shape: CubeShape(lines: size, samples: 300, bands: 3), type: .uint8, metadata: CubeMetadata(bands: 3),
      options: OutputOptions(), path: "x.tif", RunContext())
    #expect(options.contains("BLOCKXSIZE=256") && options.contains("BLOCKYSIZE=\(side)"))
  }
}
