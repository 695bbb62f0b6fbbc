import Foundation
import HSICore
import Testing

@testable import HSIRaster

/// A folder that lives as long as a test.
final class Scratch {
  let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "hsi-raster-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func path(_ name: String) -> String { folder + "/" + name }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  @discardableResult
  func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder).sorted()) ?? [] }
}

/// A small cube of known values, and its bytes as an ENVI file of any kind.
struct Sample {
  var shape = CubeShape(lines: 7, samples: 5, bands: 6)
  var type = SampleType.int16
  var interleave = Interleave.bsq
  var isBigEndian = false
  var offset = 0
  var extra = ""

  /// The value of a sample, different for every place and within the range of every type.
  func value(_ line: Int, _ sample: Int, _ band: Int) -> Double {
    Double((line * 31 + sample * 7 + band * 3) % 251)
  }

  var bytes: [UInt8] {
    var result = [UInt8](repeating: 0xAB, count: offset)
    func put(_ l: Int, _ s: Int, _ b: Int) {
      let native = type.bytes(of: value(l, s, b))!
      result += isBigEndian ? native.reversed() : native
    }
    switch interleave {
    case .bsq:
      for b in 0..<shape.bands { for l in 0..<shape.lines { for s in 0..<shape.samples { put(l, s, b) } } }
    case .bil:
      for l in 0..<shape.lines { for b in 0..<shape.bands { for s in 0..<shape.samples { put(l, s, b) } } }
    case .bip:
      for l in 0..<shape.lines { for s in 0..<shape.samples { for b in 0..<shape.bands { put(l, s, b) } } }
    }
    return result
  }

  var header: String {
    let code = ENVILayout.types.first { $0.value == type }!.key
    return """
      ENVI
      samples = \(shape.samples)
      lines = \(shape.lines)
      bands = \(shape.bands)
      header offset = \(offset)
      data type = \(code)
      interleave = \(interleave.rawValue)
      byte order = \(isBigEndian ? 1 : 0)
      \(extra)

      """
  }

  func write(_ scratch: Scratch, _ name: String = "cube") throws -> String {
    try scratch.write(header, to: name + ".hdr")
    return try scratch.write(bytes, to: name + ".img")
  }
}

extension CubeReader {
  /// All samples of a window as stored, in double, `[line][sample][band]`.
  func stored(_ window: PixelWindow? = nil, bands: [Int]? = nil) throws -> [Double] {
    let area = window ?? shape.window
    let list = bands ?? Array(0..<shape.bands)
    let block = StoredBlock()
    try read(area, bands: list, into: block)
    var result: [Double] = []
    for i in 0..<area.lines {
      for j in 0..<area.samples {
        for b in 0..<list.count { result.append(block.value(i, j, b)) }
      }
    }
    return result
  }
}

extension StoredBlock {
  func value(_ line: Int, _ sample: Int, _ band: Int) -> Double {
    let place = line * lineStride + sample * pixelStride + band * bandStride
    let raw = Array(bytes[place..<(place + type.size)])
    let native = isByteSwapped ? raw.reversed() : raw
    return native.withUnsafeBytes { p in
      switch type {
      case .uint8: Double(p.loadUnaligned(as: UInt8.self))
      case .int8: Double(p.loadUnaligned(as: Int8.self))
      case .uint16: Double(p.loadUnaligned(as: UInt16.self))
      case .int16: Double(p.loadUnaligned(as: Int16.self))
      case .uint32: Double(p.loadUnaligned(as: UInt32.self))
      case .int32: Double(p.loadUnaligned(as: Int32.self))
      case .uint64: Double(p.loadUnaligned(as: UInt64.self))
      case .int64: Double(p.loadUnaligned(as: Int64.self))
      case .float32: Double(p.loadUnaligned(as: Float.self))
      case .float64: p.loadUnaligned(as: Double.self)
      }
    }
  }
}

extension RunContext {
  /// Identifiers of the warnings so far.
  var warned: [String] { warnings.warnings.map(\.identifier) }
}

/// A small file that travels with the tests.
func fixture(_ name: String) -> String {
  Bundle.module.resourceURL!.appendingPathComponent("Fixtures/" + name).path
}

/// The identifier of the error that `body` throws.
func errorIdentifier(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return (error as? any HSIError)?.identifier ?? "\(error)"
  }
}
