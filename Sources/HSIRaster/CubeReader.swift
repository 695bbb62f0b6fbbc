import HSICore

/// Samples of a window in the type and order of the file, before any conversion.
///
/// Sample (line i, pixel j, band b of the request) starts at byte
/// `i · lineStride + j · pixelStride + b · bandStride` of `bytes`. A reader chooses the order that costs it least;
/// one kernel converts every order to pixels × bands in single precision.
public final class StoredBlock {
  /// Storage, 64-byte aligned, kept between uses.
  public private(set) var bytes: UnsafeMutableRawBufferPointer
  /// Type of a sample.
  public var type: SampleType = .float32
  /// True when the samples are in the other byte order than this machine's.
  public var isByteSwapped = false
  public var lineStride = 0
  public var pixelStride = 0
  public var bandStride = 0

  /// An empty block.
  public init() { bytes = .allocate(byteCount: 64, alignment: 64) }

  deinit { bytes.deallocate() }

  /// Prepares for a window of `lines × samples × bands` samples of a type, in one of the three orders.
  public func prepare(type: SampleType, interleave: Interleave, lines: Int, samples: Int, bands: Int) {
    self.type = type
    isByteSwapped = false
    let size = type.size
    switch interleave {
    case .bip: (lineStride, pixelStride, bandStride) = (samples * bands * size, bands * size, size)
    case .bil: (lineStride, pixelStride, bandStride) = (samples * bands * size, size, samples * size)
    case .bsq: (lineStride, pixelStride, bandStride) = (samples * size, size, lines * samples * size)
    }
    let needed = lines * samples * bands * size
    if bytes.count < needed {
      bytes.deallocate()
      bytes = .allocate(byteCount: needed, alignment: 64)
    }
  }
}

/// A cube in a file. A format is one type that conforms: it opens, tells what is there and reads windows of samples
/// as they are stored. Everything else (scaling, validity, transposition, strips) is done once, in `FileSource`.
///
/// A reader is used by one thread at a time.
public protocol CubeReader: AnyObject {
  /// What the user named, as given.
  var path: String { get }
  /// Short name of the format, e.g. `ENVI`, `GTiff`, `MATLAB 7.3`.
  var format: String { get }
  /// Lines × samples × bands of the file.
  var shape: CubeShape { get }
  /// Everything known about the cube, one entry per band of the file.
  var metadata: CubeMetadata { get }
  /// Type of the stored samples.
  var sampleType: SampleType { get }
  /// Storage order, where the format has one (informative).
  var interleave: Interleave { get }
  /// Windows whose height is a multiple of this read fastest.
  var blockLines: Int { get }
  /// Every file that the cube consists of (header, data, sidecars): inputs that must not be overwritten.
  var files: [String] { get }
  /// The geometry lookup table of a swath product that has one.
  var lookup: GeometryLookup? { get }
  /// The name under which GDAL itself opens the cube with these bands; nil where it cannot.
  var datasetName: String? { get }
  /// Stored values that mean no data beside `metadata.nodata` (`missing_value` beside `_FillValue`, special pixels).
  var furtherNodata: [Double] { get }
  /// Whether the file itself says by a mask or an alpha band which pixels hold data.
  var hasMask: Bool { get }
  /// Reads the given bands (0-based, in this order) of a window.
  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws
  /// Reads the file's own mask: one byte per pixel of the window, line by line, 0 where there is no data.
  func readMask(_ window: PixelWindow) throws -> [UInt8]
}

extension CubeReader {
  public var furtherNodata: [Double] { [] }
  public var hasMask: Bool { false }
  public func readMask(_ window: PixelWindow) throws -> [UInt8] { [UInt8](repeating: 255, count: window.pixels) }
  public var lookup: GeometryLookup? { nil }
  public var datasetName: String? { nil }
}

/// A cube being written. A format is one type that conforms. Lines arrive in order, all bands, whole or, where a line is longer than
/// what the budget holds, in parts from left to right.
///
/// Beside what it is given a writer needs little memory, whatever the shape (MATLAB: see there).
///
/// Nothing appears under the final name before `finish()`.
public protocol CubeWriter: AnyObject {
  /// Final name.
  var path: String { get }
  /// Lines × samples × bands of the file.
  var shape: CubeShape { get }
  /// Type of the stored samples.
  var sampleType: SampleType { get }
  /// Windows whose height is a multiple of this write fastest.
  var blockLines: Int { get }
  /// Writes the next lines, or the next samples of the next line, samples as they are to be stored.
  ///
  /// - Parameter samples: all, or of a single line those that the block holds.
  func write(_ block: StoredBlock, lines: Range<Int>, samples: Range<Int>) throws
  /// Completes the file and gives it its name.
  ///
  /// - Returns: every file written, sidecars included.
  func finish() throws -> [String]
  /// Deletes what was written so far.
  func discard()
}

extension CubeWriter {
  /// Writes the next full-width lines, samples as they are to be stored.
  public func write(_ block: StoredBlock, lines: Range<Int>) throws {
    try write(block, lines: lines, samples: 0..<shape.samples)
  }
}

/// What a writer has been given: lines, and samples of the next one.
struct WritingPlace {
  private let shape: CubeShape
  /// Lines that are complete.
  private(set) var lines = 0
  private var samples = 0

  init(_ shape: CubeShape) { self.shape = shape }

  /// Whether everything has been given.
  var isComplete: Bool { lines == shape.lines }

  /// Moves on; stops the program where a caller breaks the order.
  mutating func advance(_ range: Range<Int>, _ part: Range<Int>) {
    precondition(range.lowerBound == lines && range.upperBound <= shape.lines, "lines arrive in order")
    precondition(part.lowerBound == samples && part.upperBound <= shape.samples, "samples arrive in order")
    let isWhole = part.upperBound == shape.samples
    precondition(range.count == 1 || (isWhole && part.lowerBound == 0), "a part of a line comes alone")
    lines = isWhole ? range.upperBound : range.lowerBound
    samples = isWhole ? 0 : part.upperBound
  }
}
