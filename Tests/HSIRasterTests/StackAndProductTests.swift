import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

@Suite("Image stacks, EnMAP and DESIS")
struct StackAndProductTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  /// Writes a GeoTIFF of `lines × samples × bands` 16-bit values.
  private func image(
    _ name: String, _ shape: CubeShape, type: SampleType = .int16, _ value: (Int, Int, Int) -> Int
  ) throws {
    let writer = try RasterFormats.create(
      folder.file(name), shape: shape, type: type, metadata: CubeMetadata(bands: shape.bands),
      context: RunContext())
    let block = StoredBlock()
    block.prepare(
      type: type, interleave: .bip, lines: shape.lines, samples: shape.samples, bands: shape.bands)
    for i in 0..<shape.lines {
      for j in 0..<shape.samples {
        for b in 0..<shape.bands {
          let offset = i * block.lineStride + j * block.pixelStride + b * block.bandStride
          block.bytes.storeBytes(
            of: Int16(truncatingIfNeeded: value(i, j, b)), toByteOffset: offset, as: Int16.self)
        }
      }
    }
    try writer.write(block, lines: 0..<shape.lines)
    _ = try writer.finish()
  }

  @Test func stack() throws {
    let one = CubeShape(lines: 3, samples: 4, bands: 1)
    for band in 0..<31 {
      // Names without leading zeros: natural order counts.
      try image("scene_ms_\(band + 1).tif", one) { i, j, _ in 100 * i + 10 * j + band }
    }
    for name in [folder.path, folder.file("scene_ms_*.tif")] {
      let reader = try openCube(name)
      #expect(reader.format == "image stack")
      #expect(reader.shape == CubeShape(lines: 3, samples: 4, bands: 31))
      #expect(reader.metadata.axis.wavelengths == (0..<31).map { 400 + 10 * Double($0) })
      #expect(
        try reader.numbers(PixelWindow(line: 1, sample: 2, lines: 2, samples: 2), bands: [30, 9, 1])
          == [150, 129, 121, 160, 139, 131, 250, 229, 221, 260, 239, 231])
      #expect(reader.files.count == 31)
    }
    #expect(throws: RasterError.self) { try openCube(folder.file("absent_*.tif")) }
  }

  /// 31 PNGs of 16 bit as the CAVE scenes are, their preview beside them.
  @Test func cave() throws {
    for name in ["cave/thing_ms", "cave/thing_ms/thing_ms_*.png"] {
      let context = RunContext()
      let reader = try openCube(formatFixture(name), context: context)
      #expect(reader.shape == CubeShape(lines: 3, samples: 4, bands: 31))
      #expect(reader.sampleType == .uint16)
      #expect(try reader.numbers() == pattern(lines: 0...2, samples: 0...3, bands: Array(0..<31)))
      #expect(reader.metadata.axis.wavelengths == (0..<31).map { 400 + 10 * Double($0) })
      #expect(reader.metadata.bandNames.first == "thing_ms_01")
      #expect(context.warnings.warnings.isEmpty)
    }
  }

  @Test func pngsInColour() throws {
    let context = RunContext()
    let reader = try openCube(formatFixture("cave/coloured_ms"), context: context)
    #expect(reader.sampleType == .uint8)
    var expected: [Double] = []
    for i in 0..<3 { for j in 0..<4 { for b in 0..<3 { expected.append(Double(10 * i + j + 50 * b)) } } }
    #expect(try reader.numbers() == expected)
    #expect(context.warnings.warnings.map(\.identifier) == ["W-STACK-COLOUR"])
  }

  @Test func unequalAndColoured() throws {
    try image("a.tif", CubeShape(lines: 3, samples: 4, bands: 3)) { _, _, b in b + 7 }
    try image("b.tif", CubeShape(lines: 3, samples: 4, bands: 1)) { _, _, _ in 9 }
    let context = RunContext()
    let reader = try openCube(folder.path, context: context)
    #expect(try reader.numbers(PixelWindow(line: 0, sample: 0, lines: 1, samples: 1)) == [7, 9])
    #expect(context.warnings.warnings.contains { $0.identifier == "W-STACK-COLOUR" })
    try image("c.tif", CubeShape(lines: 3, samples: 5, bands: 1)) { _, _, _ in 0 }
    let error = #expect(throws: RasterError.self) { try openCube(folder.path) }
    #expect(error?.description.contains("c.tif is 5 × 3") ?? false)
  }

  @Test func enmap() throws {
    let stem = "ENMAP01-____L2A-DT0000001867_20220724T104526Z_"
    try image(stem + "SPECTRAL_IMAGE.TIF", CubeShape(lines: 3, samples: 4, bands: 5)) {
      100 * $0 + 10 * $1 + $2
    }
    let bands = (0..<5).map { band in
      """
      <bandID number="\(band + 1)"><wavelengthCenterOfBand>\(400 + 100 * band).5</wavelengthCenterOfBand>
      <FWHMOfBand>\(6 + band)</FWHMOfBand><GainOfBand>0.5</GainOfBand><OffsetOfBand>1</OffsetOfBand></bandID>
      """
    }.joined()
    try folder.write(
      stem + "METADATA.XML",
      text: """
        <?xml version="1.0" encoding="UTF-8"?><level_X><base><temporalCoverage>
        <startTime>2022-07-24T10:45:26.1Z</startTime></temporalCoverage></base><specific>
        <bandCharacterisation>\(bands)</bandCharacterisation></specific></level_X>
        """)
    for name in [folder.file(stem + "SPECTRAL_IMAGE.TIF"), folder.file(stem + "METADATA.XML"), folder.path] {
      let reader = try openCube(name)
      #expect(reader.format == "EnMAP")
      try expectPattern(reader)
      let metadata = reader.metadata
      #expect(metadata.axis.wavelengths == [400.5, 500.5, 600.5, 700.5, 800.5])
      #expect(metadata.axis.fwhm == [6, 7, 8, 9, 10])
      #expect(metadata.scale[0] == 1e-4 && metadata.offset[0] == 0, "level 2A is reflectance × 10 000")
      #expect(metadata.nodata[0] == -32_768)
      #expect(metadata.quantity == .reflectance)
      #expect(metadata.acquired == "2022-07-24T10:45:26.1Z")
      #expect(reader.files.contains(folder.file(stem + "METADATA.XML")))
    }
    // A broken XML is an error, not a cube without wavelengths.
    try folder.write(stem + "METADATA.XML", text: "<level_X><bandCharacterisation><bandID>")
    #expect(throws: RasterError.self) { try openCube(folder.file(stem + "SPECTRAL_IMAGE.TIF")) }
  }

  @Test func desis() throws {
    let stem = "DESIS-HSI-L1C-DT0001-20200101T000000-V0001-"
    try image(stem + "SPECTRAL_IMAGE.tif", CubeShape(lines: 3, samples: 4, bands: 5)) {
      100 * $0 + 10 * $1 + $2
    }
    let bands = (0..<5).map { band in
      """
      <band><bandNumber>\(band + 1)</bandNumber><wavelengthCenterOfBand>\(400 + 2 * band)</wavelengthCenterOfBand>
      <wavelengthWidthOfBand>3.5</wavelengthWidthOfBand><gainOfBand>0.\(band + 1)</gainOfBand>
      <offsetOfBand>-1</offsetOfBand></band>
      """
    }.joined()
    try folder.write(
      stem + "METADATA.xml",
      text: "<hsi_doc><mission>DESIS</mission><bandCharacterisation>\(bands)</bandCharacterisation></hsi_doc>"
    )
    let reader = try openCube(folder.file(stem + "SPECTRAL_IMAGE.tif"))
    try expectPattern(reader)
    #expect(reader.format == "DESIS")
    #expect(reader.metadata.axis.wavelengths == [400, 402, 404, 406, 408])
    #expect(reader.metadata.scale == [0.1, 0.2, 0.3, 0.4, 0.5] && reader.metadata.offset[4] == -1)
    #expect(reader.metadata.quantity == .radiance)
  }
}
