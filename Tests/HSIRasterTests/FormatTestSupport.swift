import Foundation
import HSICore
import HSITestSupport

@testable import HSIRaster

/// The stored samples of a block as [line][sample][band], flattened.
func numbers(_ block: StoredBlock, lines: Int, samples: Int, bands: Int) -> [Double] {
  var result: [Double] = []
  guard let base = block.bytes.baseAddress else { return [] }
  for line in 0..<lines {
    for sample in 0..<samples {
      for band in 0..<bands {
        let place = base + line * block.lineStride + sample * block.pixelStride + band * block.bandStride
        result += storedNumbers(
          UnsafeRawPointer(place), count: 1, type: block.type, isByteSwapped: block.isByteSwapped)
      }
    }
  }
  return result
}

extension CubeReader {
  /// Stored samples of a window as [line][sample][band].
  func numbers(_ window: PixelWindow? = nil, bands: [Int]? = nil) throws -> [Double] {
    let window = window ?? shape.window
    let bands = bands ?? Array(0..<shape.bands)
    let block = StoredBlock()
    try read(window, bands: bands, into: block)
    return HSIRasterTests.numbers(block, lines: window.lines, samples: window.samples, bands: bands.count)
  }

  /// One stored sample.
  func number(_ line: Int, _ sample: Int, _ band: Int) throws -> Double {
    try numbers(PixelWindow(line: line, sample: sample, lines: 1, samples: 1), bands: [band])[0]
  }
}

/// A folder that is deleted with the value.
final class ScratchFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "hsi-formats-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file in the folder.
  func file(_ name: String) -> String { path + "/" + name }

  /// Writes a file and returns its path.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }

  /// Writes a text file and returns its path.
  @discardableResult
  func write(_ name: String, text: String) throws -> String { try write(name, Array(text.utf8)) }
}

/// A fixture of the format tests.
func formatFixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
    "Fixtures/formats/" + name
  ).path
}

/// Opens a cube with options.
func openCube(
  _ path: String, context: RunContext = RunContext(), _ configure: (inout OpenOptions) -> Void = { _ in }
) throws -> any CubeReader {
  var options = OpenOptions()
  configure(&options)
  return try RasterFormats.open(path, options: options, context: context)
}

/// Copies of bytes with a few random changes or cut short, always the same ones.
func mutations(of bytes: [UInt8], count: Int, seed: UInt64) -> [[UInt8]] {
  (0..<count).map { index in
    var random = CounterRandom(seed: seed, stream: UInt64(index))
    var copy = bytes
    if index % 4 == 0, bytes.count > 1 { copy.removeLast(random.index(below: bytes.count - 1)) }
    for _ in 0..<(1 + random.index(below: 6)) where !copy.isEmpty {
      // Headers are near the start: half of the changes fall there.
      let place = random.index(below: index % 2 == 0 ? min(copy.count, 400) : copy.count)
      let choices: [UInt8] = [0, 0xFF, 0x7F, 0x80, UInt8(truncatingIfNeeded: random.next())]
      copy[place] = choices[random.index(below: choices.count)]
    }
    return copy
  }
}
