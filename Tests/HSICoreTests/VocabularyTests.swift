import Foundation
import Testing

@testable import HSICore

@Suite struct VocabularyTests {
  @Test func windowsAreClippedToTheImage() {
    let shape = CubeShape(lines: 10, samples: 20, bands: 3)
    #expect(
      PixelWindow(line: 8, sample: -2, lines: 5, samples: 5).clipped(to: shape)
        == PixelWindow(line: 8, sample: 0, lines: 2, samples: 3))
    #expect(PixelWindow(line: 10, sample: 0, lines: 5, samples: 5).clipped(to: shape).pixels == 0)
  }

  @Test func croppingShiftsTheGeoreference() throws {
    var metadata = CubeMetadata(bands: 1)
    metadata.georeference = Georeference(crs: "x", mapping: .affine([100, 2, 0.5, 200, 0.25, -3]))
    let window = PixelWindow(line: 4, sample: 7, lines: 2, samples: 2)
    let cropped = try #require(metadata.cropping(to: window).georeference)
    let whole = try #require(metadata.georeference?.coordinates(line: 5, sample: 8))
    let part = try #require(cropped.coordinates(line: 1, sample: 1))
    #expect(abs(whole.x - part.x) < 1e-12 && abs(whole.y - part.y) < 1e-12)
  }

  @Test func bandSelectionKeepsEveryPerBandFact() {
    var metadata = CubeMetadata(bands: 4)
    metadata.axis = SpectralAxis(
      wavelengths: [400, 500, 600, 700], fwhm: [1, 2, 3, 4], good: [true, false, true, true])
    metadata.bandNames = ["a", "b", "c", "d"]
    metadata.nodata = [nil, -1, -2, -3]
    metadata.scale = [1, 2, 3, 4]
    metadata.defaultRGB = [3, 2, 0]
    let part = metadata.selecting(bands: [3, 0, 2])
    #expect(part.axis.wavelengths == [700, 400, 600] && part.axis.fwhm == [4, 1, 3])
    #expect(part.axis.good == [true, true, true] && part.bandNames == ["d", "a", "c"])
    #expect(part.nodata == [-3, nil, -2] && part.scale == [4, 1, 3] && part.defaultRGB == [0, 2, 1])
    #expect(metadata.selecting(bands: [0, 1]).defaultRGB == nil)
  }

  @Test func unitsConvertBothWays() {
    for unit in [WavelengthUnit.nanometres, .micrometres, .millimetres, .metres, .wavenumber] {
      #expect(abs(unit.nanometres(unit.value(nanometres: 2200)) - 2200) < 1e-9)
    }
    #expect(abs(WavelengthUnit.wavenumber.nanometres(4545.4545) - 2200) < 1e-3)
  }

  @Test func stripsOfAnyHeightGiveTheSamePixels() throws {
    let (lines, samples, bands) = (23, 7, 5)
    var random = CounterRandom(seed: 3)
    let positions = (0..<Int32(lines * samples)).filter { _ in random.uniform() < 0.7 }
    let pixels = PixelMatrix(rows: positions.count, columns: bands)
    for i in 0..<(positions.count * bands) { pixels.pointer[i] = Float(random.normal()) }
    let cube = Cube(
      shape: CubeShape(lines: lines, samples: samples, bands: bands), metadata: CubeMetadata(bands: bands),
      pixels: pixels, positions: positions)
    for height in [1, 2, 5, 23] {
      var (seen, values): ([Int32], [Float]) = ([], [])
      let strip = Strip()
      for line in stride(from: 0, to: lines, by: height) {
        try cube.read(lines: line..<min(lines, line + height), into: strip)
        seen += strip.positions.map { $0 + Int32(line * samples) }
        values += strip.pixels.values
      }
      #expect(seen == positions)
      #expect(values == pixels.values)
    }
  }

  @Test func loadingRespectsTheBudget() {
    let cube = Cube(lines: 100, samples: 100, pixels: PixelMatrix(rows: 10_000, columns: 10))
    #expect(throws: CoreError.self) { try cube.load(RunContext(memory: MemoryBudget(bytes: 100_000))) }
    #expect(throws: Never.self) { try cube.load(RunContext(memory: MemoryBudget(bytes: 1_000_000))) }
  }

  @Test func cancellationStopsBetweenStrips() {
    let context = RunContext()
    context.cancellation.cancel()
    let cube = Cube(lines: 2, samples: 2, pixels: PixelMatrix(rows: 4, columns: 1))
    #expect(throws: CoreError.self) { try cube.load(context) }
  }

  @Test func warningsAreKeptOnce() {
    let context = RunContext()
    for _ in 0..<3 { context.warn("W-TEST", "a") }
    context.warn("W-TEST", "b")
    #expect(context.warnings.warnings.map(\.message) == ["a", "b"])
  }
}

@Suite struct OutputFileTests {
  private func folder() throws -> URL {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  @Test func nothingAppearsBeforeCommitAndNothingStaysAfterDiscard() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("out.tif").path
    let file = try OutputFile(path, overwrite: false)
    #expect(file.temporaryPath.hasSuffix(".part/out.tif"))
    try Data("half".utf8).write(to: URL(fileURLWithPath: file.temporaryPath))
    #expect(!FileManager.default.fileExists(atPath: path))
    file.discard()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    try OutputFile.write(Data("done".utf8), to: path, overwrite: false)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "done")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["out.tif"])
  }

  @Test func existingFilesInputsAndFoldersAreRefused() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("a").path
    try Data("old".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: CoreError.self) { try OutputFile(path, overwrite: false) }
    #expect(throws: CoreError.self) { try OutputFile(path, overwrite: true, inputs: [path]) }
    #expect(throws: CoreError.self) { try OutputFile(folder.path, overwrite: true) }
    #expect(throws: CoreError.self) { try OutputFile(path + "/b/c", overwrite: true) }
    let link = folder.appendingPathComponent("link").path
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    #expect(throws: CoreError.self) { try OutputFile(link, overwrite: true, inputs: [path]) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
  }
}
