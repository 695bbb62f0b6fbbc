import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

/// Files of hsi in the eyes of programs that are none of its libraries: Python packages that Debian has. Each is asked only where the
/// interpreter (`HSI_TEST_PYTHON`, else `python3`) has it.
@Suite("Independent readers")
struct IndependentReaderTests {
  /// Package, file, how it is written, and the expression of an array line × sample × band.
  static let readers: [(module: String, name: String, compatible: Bool, expression: String)] = [
    ("numpy", "a.npy", false, "numpy.load(f)"),
    ("scipy.io", "a.mat", false, "scipy.io.loadmat(f)['cube']"),
    ("spectral", "a.dat", false, "spectral.open_image(f[:-3] + 'hdr').load(scale=False, dtype='f8')"),
    ("spectral", "b.bip", false, "spectral.open_image(f[:-3] + 'hdr').load(scale=False, dtype='f8')"),
    (
      "tifffile", "a.tif", true,
      "numpy.moveaxis(tifffile.imread(f), 0, 2) if tifffile.imread(f).shape[0] == 5 else tifffile.imread(f)"
    ),
    (
      "skimage.io", "c.tif", true,
      "numpy.moveaxis(skimage.io.imread(f), 0, 2) if skimage.io.imread(f).shape[0] == 5 else skimage.io.imread(f)"
    ),
    ("rasterio", "d.tif", false, "numpy.moveaxis(rasterio.open(f).read(), 0, 2)"),
  ]

  @Test(arguments: readers, [SampleType.int16, .float32])
  func samples(_ reader: (module: String, name: String, compatible: Bool, expression: String), _ type: SampleType)
    throws
  {
    let folder = try ScratchFolder()
    var options = OutputOptions()
    options.isCompatible = reader.compatible
    let shape = CubeShape(lines: 7, samples: 3, bands: 5)
    let path = folder.file(reader.name)
    var metadata = CubeMetadata(bands: 5)
    metadata.axis = SpectralAxis(wavelengths: [400, 500, 600, 700, 800])
    let writer = try RasterFormats.create(
      path, shape: shape, type: type, metadata: metadata, options: options, context: RunContext())
    let block = StoredBlock()
    block.prepare(type: type, interleave: .bip, lines: 7, samples: 3, bands: 5)
    let base = try #require(block.bytes.baseAddress)
    for index in 0..<105 {
      (base + index * type.size).copyMemory(from: try #require(type.bytes(of: Double(index))), byteCount: type.size)
    }
    try writer.write(block, lines: 0..<7)
    _ = try writer.finish()
    let text = try python(
      "import sys\ntry:\n  import numpy, \(reader.module)\nexcept ImportError:\n  print('absent')\n  sys.exit()\nf = '\(path)'\n"
        + "a = numpy.asarray(\(reader.expression))\n"
        + "print(a.shape, numpy.array_equal(a, numpy.arange(105).reshape(7, 3, 5)))")
    guard let text, text != "absent" else {
      print("no Python package \(reader.module): not tried")
      return
    }
    #expect(text == "(7, 3, 5) True", "\(reader.module) \(reader.name) \(type)")
  }

  /// What a script prints, or that it failed; nil where there is no interpreter.
  private func python(_ script: String) throws -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      ProcessInfo.processInfo.environment["HSI_TEST_PYTHON"] ?? "python3", "-W", "ignore", "-c", script,
    ]
    let output = Pipe()
    (process.standardOutput, process.standardError) = (output, FileHandle.nullDevice)
    guard (try? process.run()) != nil else { return nil }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    // The shell's words for a program that is not there.
    guard process.terminationStatus != 127 else { return nil }
    guard process.terminationStatus == 0 else { return "failed" }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
