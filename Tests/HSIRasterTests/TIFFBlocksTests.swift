import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIRaster

/// GeoTIFF read past GDAL: the samples that were written, whatever the layout, window, bands and number of threads.
@Suite struct TIFFBlocksTests {
  private let shape = CubeShape(lines: 37, samples: 45, bands: 5)

  private func cube(_ type: SampleType) -> Sample { Sample(shape: shape, type: type, interleave: .bip) }

  /// Writes the sample as GeoTIFF; wavelengths would make it pixel interleaved, so the order is said.
  private func write(_ sample: Sample, _ path: String, _ creation: [String], _ context: RunContext) throws {
    var options = OutputOptions()
    options.creationOptions = creation
    options.overwrite = true
    let writer = try RasterFormats.create(
      path, shape: sample.shape, type: sample.type, metadata: CubeMetadata(bands: sample.shape.bands), options: options,
      context: context)
    let block = StoredBlock()
    let all = sample.shape
    block.prepare(type: sample.type, interleave: .bip, lines: all.lines, samples: all.samples, bands: all.bands)
    block.bytes.copyBytes(from: sample.bytes)
    try writer.write(block, lines: 0..<all.lines)
    _ = try writer.finish()
  }

  private func expected(_ sample: Sample, _ window: PixelWindow, _ bands: [Int]) -> [Double] {
    (window.line..<(window.line + window.lines)).flatMap { l in
      (window.sample..<(window.sample + window.samples)).flatMap { s in bands.map { sample.value(l, s, $0) } }
    }
  }

  private static let layouts: [[String]] = [
    ["COMPRESS=NONE", "TILED=NO"], ["COMPRESS=NONE", "TILED=NO", "BLOCKYSIZE=7"],
    ["COMPRESS=NONE", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16"],
    ["COMPRESS=DEFLATE", "TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=32"],
    ["COMPRESS=DEFLATE", "TILED=NO", "BLOCKYSIZE=10", "BIGTIFF=YES"],
    ["COMPRESS=ZSTD", "TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=16"],
    ["COMPRESS=ZSTD", "TILED=NO", "BLOCKYSIZE=37", "PREDICTOR=1"],
  ]

  @Test(arguments: ["PIXEL", "BAND"], [SampleType.uint8, .int16, .uint16, .int32, .float32, .float64])
  func everyLayout(interleave: String, type: SampleType) throws {
    let scratch = try Scratch()
    let sample = cube(type)
    for (i, layout) in TIFFBlocksTests.layouts.enumerated() {
      for threads in [1, 3] {
        let context = RunContext(threads: threads)
        let claim = context.claimThreads()
        defer { claim.release() }
        let path = scratch.path("a.tif")
        try write(sample, path, layout + ["INTERLEAVE=\(interleave)"], context)
        let blocks = TIFFBlocks(
          path, shape: shape, rasters: shape.bands, sampleSize: type.size, context: context)
        #expect(blocks != nil, "\(layout) \(type): not understood")
        #expect(blocks?.layout.hasPlanes == (interleave == "BAND"))
        let reader = try RasterFormats.open(path, context: context)
        let windows = [
          shape.window, PixelWindow(line: 3, sample: 7, lines: 30, samples: 33),
          PixelWindow(line: 36, sample: 44, lines: 1, samples: 1),
          PixelWindow(line: 5, sample: 0, lines: 1, samples: 45),
        ]
        for window in windows {
          for bands in [[0, 1, 2, 3, 4], [1, 2], [4, 0, 3]] {
            let found = try reader.stored(window, bands: bands)
            #expect(found == expected(sample, window, bands), "\(i) \(layout) \(type) \(window) \(bands) \(threads)")
          }
        }
      }
    }
  }

  /// Random bits, so that every byte of the float predictor and the wrap of the integer one count.
  @Test(arguments: [SampleType.uint16, .int32, .float32, .float64], ["2", "3"])
  func predictorsOfAnyBits(type: SampleType, predictor: String) throws {
    guard (predictor == "3") == type.isFloatingPoint else { return }
    let scratch = try Scratch()
    let context = RunContext()
    var random = CounterRandom(seed: 5)
    let shape = CubeShape(lines: 33, samples: 50, bands: 3)
    let bytes = (0..<(shape.pixels * shape.bands * type.size)).map { _ in UInt8(truncatingIfNeeded: random.next() >> 33)
    }
    let block = StoredBlock()
    for codec in ["DEFLATE", "ZSTD"] {
      let path = scratch.path("\(codec).tif")
      var options = OutputOptions()
      options.creationOptions = [
        "COMPRESS=\(codec)", "PREDICTOR=\(predictor)", "BLOCKXSIZE=16", "BLOCKYSIZE=16", "INTERLEAVE=PIXEL",
      ]
      let writer = try RasterFormats.create(
        path, shape: shape, type: type, metadata: CubeMetadata(bands: 3), options: options, context: context)
      block.prepare(type: type, interleave: .bip, lines: 33, samples: 50, bands: 3)
      block.bytes.copyBytes(from: bytes)
      try writer.write(block, lines: 0..<33)
      _ = try writer.finish()
      let reader = try RasterFormats.open(path, context: context)
      let found = StoredBlock()
      try reader.read(shape.window, bands: [0, 1, 2], into: found)
      #expect(Array(found.bytes[..<bytes.count]) == bytes, "\(codec) \(type)")
    }
  }

  /// What is not understood is read through GDAL, with further handles where the request is large.
  @Test func otherCodecsAndByteOrder() throws {
    let scratch = try Scratch()
    var sample = cube(.uint16)
    let context = RunContext(threads: 3)
    let claim = context.claimThreads()
    defer { claim.release() }
    for layout in [["COMPRESS=LZW", "INTERLEAVE=PIXEL"], ["COMPRESS=NONE", "ENDIANNESS=BIG", "INTERLEAVE=BAND"]] {
      let path = scratch.path("a.tif")
      try write(sample, path, layout, context)
      #expect(TIFFBlocks(path, shape: shape, rasters: 5, sampleSize: 2, context: context) == nil)
      let found = try RasterFormats.open(path, context: context).stored()
      #expect(found == expected(sample, shape.window, [0, 1, 2, 3, 4]))
    }
    sample.shape = CubeShape(lines: 300, samples: 700, bands: 12)
    let path = scratch.path("large.tif")
    try write(sample, path, ["COMPRESS=LZW", "INTERLEAVE=PIXEL", "BLOCKXSIZE=128", "BLOCKYSIZE=128"], context)
    let (reader, block) = (try RasterFormats.open(path, context: context), StoredBlock())
    try reader.read(sample.shape.window, bands: Array(0..<12), into: block)
    let bytes = sample.bytes
    #expect(bytes.count > GDALHandles.least && block.pixelStride == 24 && Array(block.bytes[..<bytes.count]) == bytes)
  }

  /// Blocks that were never written hold what GDAL says they hold.
  @Test(arguments: ["NONE", "DEFLATE"], [Double?.none, 7])
  func sparse(codec: String, nodata: Double?) throws {
    let scratch = try Scratch()
    let context = RunContext()
    let path = scratch.path("sparse.tif")
    var options = OutputOptions()
    options.creationOptions = [
      "COMPRESS=\(codec)", "SPARSE_OK=TRUE", "BLOCKXSIZE=16", "BLOCKYSIZE=16", "INTERLEAVE=PIXEL",
    ]
    var metadata = CubeMetadata(bands: 5)
    metadata.nodata = [Double?](repeating: nodata, count: 5)
    let empty = nodata ?? 0
    let writer = try RasterFormats.create(
      path, shape: shape, type: .int16, metadata: metadata, options: options, context: context)
    let block = StoredBlock()
    block.prepare(type: .int16, interleave: .bip, lines: shape.lines, samples: shape.samples, bands: 5)
    let values = block.bytes.bindMemory(to: Int16.self)
    for i in 0..<(shape.pixels * 5) { values[i] = Int16(empty) }
    // One block holds something.
    for s in 16..<32 { values[(20 * shape.samples + s) * 5 + 2] = Int16(s) }
    try writer.write(block, lines: 0..<shape.lines)
    _ = try writer.finish()
    let layout = TIFFBlocks(path, shape: shape, rasters: 5, sampleSize: 2, context: context)?.layout
    #expect(layout.map { $0.offsets.filter { $0 == 0 }.count } == 8)
    let found = try RasterFormats.open(path, context: context).stored()
    let wanted = (0..<(shape.pixels * 5)).map { Double(values[$0]) }
    #expect(found == wanted)
  }

  /// Damage is GDAL's to describe: an error, or the samples as GDAL reads them, never a trap.
  @Test(arguments: ["NONE", "DEFLATE", "ZSTD"])
  func damaged(codec: String) throws {
    let scratch = try Scratch()
    let context = RunContext()
    let sample = cube(.int16)
    let path = scratch.path("whole.tif")
    try write(sample, path, ["COMPRESS=\(codec)", "INTERLEAVE=PIXEL", "BLOCKXSIZE=16", "BLOCKYSIZE=16"], context)
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    let layout = try #require(
      TIFFBlocks(path, shape: shape, rasters: 5, sampleSize: 2, context: context)?.layout)
    var broken = bytes
    let place = layout.offsets[4]
    for i in 0..<min(40, layout.counts[4]) { broken[place + i] = 0xA5 }
    let other = try scratch.write(broken, to: "broken.tif")
    let identifier = errorIdentifier { _ = try RasterFormats.open(other, context: context).stored() }
    #expect(identifier == (codec == "NONE" ? nil : "E-IO"), "\(identifier ?? "no error")")
    // Every prefix opens or does not, and is read or refused.
    for length in stride(from: 8, to: bytes.count, by: 61) {
      let path = try scratch.write(Array(bytes[..<length]), to: "short.tif")
      let found = errorIdentifier { _ = try RasterFormats.open(path, context: context).stored() }
      #expect(found == nil || found!.hasPrefix("E-"), "\(length): \(found ?? "")")
    }
  }
}
