import CGDAL
import Foundation
import HSICore

/// A cube as one image file per band: a folder or a pattern (`scene/*.png`) of PNG, TIFF or JPEG 2000 files of equal size.
///
/// Bands are in natural order of the names (`ms_2` before `ms_10`). 31 files whose names hold `_ms_` are a CAVE scene:
/// 400 to 700 nm every 10 nm. Of colour images the first channel counts (`W-STACK-COLOUR`). A pixel that the mask or alpha band of any image
/// leaves out is no data.
public enum ImageStackFormat: CubeFormat {
  public static let name = "image stack"

  private static let extensions: Set<String> = ["png", "tif", "tiff", "jp2", "j2k"]

  public static func matches(_ location: RasterLocation) -> Bool {
    if location.isFolder { return members(of: location).count > 1 }
    return isPattern(location.file)
  }

  /// True for names with `*` or `?`.
  static func isPattern(_ path: String) -> Bool {
    !path.hasPrefix("/vsicurl") && path.contains { $0 == "*" || $0 == "?" }
      && !FileManager.default.fileExists(atPath: path)
  }

  /// The image files of a folder or pattern, in natural order.
  private static func members(of location: RasterLocation) -> [String] {
    if location.isFolder {
      let names = VSI.names(in: location.file).filter {
        extensions.contains(PathName($0).fileExtension.lowercased()) && !$0.hasPrefix(".")
      }
      return names.sorted(by: naturalOrder).map { location.file + "/" + $0 }
    }
    let pattern = PathName(location.file)
    let names = VSI.names(in: pattern.listedFolder).filter { fnmatch(pattern.name, $0, FNM_PERIOD) == 0 }
    return names.sorted(by: naturalOrder).map { pattern.folder + $0 }
  }

  /// True when a pattern names at least one file.
  static func exists(_ pattern: String) -> Bool {
    isPattern(pattern)
      && !members(
        of: RasterLocation(
          given: pattern, file: pattern, part: nil, isFolder: false, firstBytes: [], size: 0)
      ).isEmpty
  }

  public static func open(
    _ location: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> any CubeReader {
    let path = location.given
    let files = members(of: location)
    guard !files.isEmpty else { throw RasterError.notFound(path: path) }
    guard files.count <= 900 else {
      throw RasterError.unsupported(
        path: path, feature: "a stack of \(files.count) files", advice: "name fewer files with a pattern")
    }
    let source = try ImageStackSource(files, path: path, context: context)
    var metadata = CubeMetadata(bands: files.count)
    metadata.bandNames = files.map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }
    let names = files.map { PathName($0).name }
    if files.count == 31, names.allSatisfy({ $0.contains("_ms_") }) {
      FoundWavelengths(
        values: (0..<31).map { 400 + 10 * Double($0) }, fwhm: nil, unit: "nm",
        place: "the names of a CAVE scene",
        source: .inferred
      ).install(in: &metadata, path: path, context: context)
    }
    let first = try GDALReader(files[0], context: context)
    metadata.georeference = first.metadata.georeference
    metadata.nodata = [Double?](repeating: first.metadata.nodata.first ?? nil, count: files.count)
    return try ArrayReader(
      path: path, format: "image stack", files: files, metadata: metadata, source: source, owner: source)
  }
}

/// The open images of a stack.
final class ImageStackSource: CubeArraySource {
  let shape: CubeShape
  let type: SampleType
  let interleave = Interleave.bsq
  let blockLines: Int
  private let readers: [GDALReader]

  /// Opens all files.
  ///
  /// - Throws: `RasterError.inconsistent` when sizes or types differ.
  convenience init(_ files: [String], path: String, context: RunContext) throws {
    try self.init(try files.map { try GDALReader($0, context: context) }, path: path, context: context)
  }

  /// A stack of open images.
  ///
  /// - Throws: `RasterError.inconsistent` when sizes or types differ.
  init(_ readers: [GDALReader], path: String, context: RunContext) throws {
    self.readers = readers
    guard let first = readers.first else { throw RasterError.notFound(path: path) }
    for reader in readers {
      guard reader.shape.lines == first.shape.lines, reader.shape.samples == first.shape.samples,
        reader.sampleType == first.sampleType
      else {
        throw RasterError.inconsistent(
          path: path,
          reason: "\(PathName(reader.path).name) is \(reader.shape.samples) × \(reader.shape.lines) "
            + "\(reader.sampleType.rawValue), \(PathName(first.path).name) is \(first.shape.samples) × "
            + "\(first.shape.lines) \(first.sampleType.rawValue)",
          advice: "name the images of one cube with a pattern, e.g. 'scene/*_ms_*.png'")
      }
    }
    let coloured = readers.filter { $0.shape.bands > 1 }
    if let some = coloured.first {
      context.warn(
        "W-STACK-COLOUR",
        "\(path): \(coloured.count) images such as \(PathName(some.path).name) have \(some.shape.bands) channels; "
          + "the first one is used")
    }
    shape = CubeShape(lines: first.shape.lines, samples: first.shape.samples, bands: readers.count)
    type = first.sampleType
    blockLines = readers.map { $0.blockLines }.max() ?? 1
  }

  var hasMask: Bool { readers.contains { $0.hasMask } }

  func readMask(_ window: PixelWindow) throws -> [UInt8] {
    try readers.filter(\.hasMask).reduce([UInt8](repeating: 255, count: window.pixels)) { whole, reader in
      zip(whole, try reader.readMask(window)).map { $0 & ($1 == 0 ? 0 : 255) }
    }
  }

  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    block.prepare(
      type: type, interleave: .bsq, lines: window.lines, samples: window.samples, bands: bands.count)
    guard let memory = block.bytes.baseAddress else { return }
    let plane = StoredBlock()
    for (position, band) in bands.enumerated() {
      try readers[band].read(window, bands: [0], into: plane)
      guard let source = plane.bytes.baseAddress else { continue }
      for line in 0..<window.lines {
        let target = memory + position * block.bandStride + line * block.lineStride
        let start = source + line * plane.lineStride
        if plane.pixelStride == type.size {
          target.copyMemory(from: start, byteCount: window.samples * type.size)
        } else {
          for sample in 0..<window.samples {
            (target + sample * type.size).copyMemory(
              from: start + sample * plane.pixelStride, byteCount: type.size)
          }
        }
      }
    }
  }
}
