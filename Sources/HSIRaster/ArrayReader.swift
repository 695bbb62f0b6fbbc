import HSICore

/// Where the numbers of an array format come from: memory, a mapped file, an HDF5 file.
protocol CubeArraySource {
  var shape: CubeShape { get }
  var type: SampleType { get }
  /// Windows whose height is a multiple of this read fastest.
  var blockLines: Int { get }
  /// Storage order nearest to the array's.
  var interleave: Interleave { get }
  /// Whether the files themselves say by masks which pixels hold data; false by default.
  var hasMask: Bool { get }
  /// Reads the given bands of a window (both checked by the caller).
  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws
  /// Reads the mask, as `CubeReader.readMask`.
  func readMask(_ window: PixelWindow) throws -> [UInt8]
}

extension CubeArraySource {
  var hasMask: Bool { false }
  func readMask(_ window: PixelWindow) throws -> [UInt8] { [UInt8](repeating: 255, count: window.pixels) }
}

/// A cube that is an array of a general container (MATLAB, HDF5, NumPy …): a source of numbers with metadata.
final class ArrayReader: ConcurrentCubeReader {
  let path: String
  let format: String
  let shape: CubeShape
  let metadata: CubeMetadata
  let sampleType: SampleType
  let interleave: Interleave
  let blockLines: Int
  let files: [String]
  let lookup: GeometryLookup?
  let furtherNodata: [Double]
  var hasMask: Bool { source.hasMask }
  var allowsConcurrentReads: Bool { source is StridedArray }
  private let source: any CubeArraySource
  /// What `source` points into.
  private let owner: AnyObject?

  /// A cube of a source.
  ///
  /// - Throws: `RasterError.unreadable` for an empty array.
  init(
    path: String, format: String, files: [String], metadata: CubeMetadata, source: any CubeArraySource,
    owner: AnyObject? = nil, lookup: GeometryLookup? = nil, furtherNodata: [Double] = []
  ) throws {
    let shape = source.shape
    guard shape.lines > 0, shape.samples > 0, shape.bands > 0, shape.bands == metadata.bands,
      shape.lines <= Int(Int32.max), shape.samples <= Int(Int32.max) / shape.lines
    else { throw RasterError.unreadable(path: path, reason: "the array is empty or too large (\(shape))") }
    self.path = path
    self.format = format
    self.files = files
    self.metadata = metadata
    self.source = source
    self.owner = owner
    self.lookup = lookup
    self.furtherNodata = furtherNodata
    self.shape = shape
    sampleType = source.type
    interleave = source.interleave
    blockLines = max(1, min(source.blockLines, shape.lines))
  }

  func readMask(_ window: PixelWindow) throws -> [UInt8] { try source.readMask(window) }

  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    guard window.line >= 0, window.sample >= 0, window.lines > 0, window.samples > 0,
      window.line + window.lines <= shape.lines, window.sample + window.samples <= shape.samples,
      !bands.isEmpty, bands.allSatisfy({ (0..<shape.bands).contains($0) })
    else {
      throw RasterError.inputOutput(
        path: path, action: "reading", reason: "the window \(window) is outside \(shape)")
    }
    try source.read(window, bands: bands, into: block)
  }
}

extension StridedArray: CubeArraySource {
  var blockLines: Int { 1 }

  var interleave: Interleave {
    if strides.band <= min(strides.line, strides.sample) { return .bip }
    return strides.band < max(strides.line, strides.sample) ? .bil : .bsq
  }

  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    copy(window, bands: bands, into: block)
  }
}

/// Several HDF5 arrays (usually one) that make up the bands of a cube.
struct HDF5Source: CubeArraySource {
  /// How an array's axes map to the cube's.
  enum Layout {
    /// A 3-D (or 2-D single-band) array; further axes have extent 1.
    case axes(ArrayAxes)
    /// A 2-D array pixels × bands whose pixels run down the columns of an image of so many lines.
    case pixelList(lines: Int)
  }

  /// One array.
  struct Segment {
    var array: HDF5Array
    var layout: Layout
    /// Band of the array per band of the cube.
    var bands: [Int]
  }

  var shape: CubeShape
  var type: SampleType
  var segments: [Segment]
  /// Keeps the file open.
  var file: HDF5File

  /// A cube of arrays of equal size and type.
  ///
  /// - Throws: `RasterError` when the arrays do not fit together or their type cannot be read.
  init(file: HDF5File, segments: [Segment]) throws {
    self.file = file
    self.segments = segments
    guard let first = segments.first else {
      throw RasterError.unreadable(path: file.path, reason: "it has no cube")
    }
    var shapes: [CubeShape] = []
    for segment in segments {
      guard let type = segment.array.type, type == first.array.type else {
        throw RasterError.unsupported(
          path: file.path, feature: "\(segment.array.path) of type \(segment.array.typeName)",
          advice: "choose a numeric array with \(option: "variable")")
      }
      switch segment.layout {
      case .axes(let axes): shapes.append(axes.shape(segment.array.dimensions))
      case .pixelList(let lines):
        let pixels = segment.array.dimensions[0]
        guard lines > 0, pixels % lines == 0 else {
          throw RasterError.inconsistent(
            path: file.path, reason: "\(pixels) pixels do not make \(lines) lines",
            advice: "check the image size")
        }
        shapes.append(CubeShape(lines: lines, samples: pixels / lines, bands: segment.array.dimensions[1]))
      }
    }
    guard shapes.allSatisfy({ $0.lines == shapes[0].lines && $0.samples == shapes[0].samples }),
      zip(segments, shapes).allSatisfy({ segment, shape in segment.bands.allSatisfy { $0 < shape.bands } })
    else {
      throw RasterError.inconsistent(
        path: file.path, reason: "its arrays differ in size", advice: "choose one array with \(option: "variable")")
    }
    shape = CubeShape(
      lines: shapes[0].lines, samples: shapes[0].samples, bands: segments.reduce(0) { $0 + $1.bands.count })
    type = first.array.type ?? .float32
    for segment in segments {
      try segment.array.examine()
      segment.array.setCache(bytes: HDF5Source.cacheBytes(segment, type: type))
    }
  }

  /// Room for the chunks that one row of windows meets: at most 64 MiB, at least 1 MiB and one chunk, which would be
  /// unpacked again for every window otherwise.
  private static func cacheBytes(_ segment: Segment, type: SampleType) -> Int {
    guard let chunk = segment.array.chunk else { return 16 << 20 }
    let one = chunk.reduce(type.size) { $0.multipliedReportingOverflow(by: $1).partialValue }
    guard case .axes(let axes) = segment.layout else { return max(16 << 20, one) }
    var bytes = type.size
    for (index, extent) in segment.array.dimensions.enumerated() {
      let size = max(1, min(chunk[index], extent))
      let chunks = index == axes.line ? 1 : (extent + size - 1) / size
      let (product, overflow) = bytes.multipliedReportingOverflow(by: chunks * size)
      if overflow { return max(64 << 20, one) }
      bytes = product
    }
    return max(one, min(64 << 20, max(1 << 20, bytes)))
  }

  var blockLines: Int {
    guard let segment = segments.first, case .axes(let axes) = segment.layout else { return 1 }
    if let chunk = segment.array.chunk { return max(1, chunk[axes.line]) }
    // Where lines are the fastest axis (MATLAB) only tall windows give long runs.
    return axes.line == segment.array.dimensions.count - 1 ? shape.lines : 1
  }

  var interleave: Interleave {
    guard let segment = segments.first, case .axes(let axes) = segment.layout, let band = axes.band else {
      return .bip
    }
    if band > axes.line && band > axes.sample { return .bip }
    return band < min(axes.line, axes.sample) ? .bsq : .bil
  }

  func read(_ window: PixelWindow, bands: [Int], into block: StoredBlock) throws {
    block.prepare(
      type: type, interleave: .bsq, lines: window.lines, samples: window.samples, bands: bands.count)
    guard let memory = block.bytes.baseAddress, let first = segments.first else { return }
    let size = type.size
    // The block keeps the axis order of the first array; arrays of one cube share it.
    var memoryShape: [Int]
    switch first.layout {
    case .axes(let axes):
      memoryShape = [Int](repeating: 1, count: first.array.dimensions.count)
      memoryShape[axes.line] = window.lines
      memoryShape[axes.sample] = window.samples
      if let band = axes.band { memoryShape[band] = bands.count }
      var step = size
      for axis in memoryShape.indices.reversed() {
        if axis == axes.line { block.lineStride = step }
        if axis == axes.sample { block.pixelStride = step }
        if axis == axes.band { block.bandStride = step }
        step *= memoryShape[axis]
      }
      if axes.band == nil { block.bandStride = step }
    case .pixelList:
      memoryShape = [window.samples * window.lines, bands.count]
      (block.bandStride, block.lineStride, block.pixelStride) = (
        size, bands.count * size, window.lines * bands.count * size
      )
    }
    var position = 0
    while position < bands.count {
      var (index, band) = (0, bands[position])
      while band >= segments[index].bands.count {
        band -= segments[index].bands.count
        index += 1
      }
      let segment = segments[index]
      var length = 1
      while position + length < bands.count, bands[position + length] == bands[position] + length,
        band + length < segment.bands.count, segment.bands[band + length] == segment.bands[band] + length
      { length += 1 }
      try read(
        segment, window, bands: segment.bands[band]..<(segment.bands[band] + length), at: position, memory,
        memoryShape)
      position += length
    }
  }

  private func read(
    _ segment: Segment, _ window: PixelWindow, bands: Range<Int>, at position: Int,
    _ memory: UnsafeMutableRawPointer, _ memoryShape: [Int]
  ) throws {
    let rank = segment.array.dimensions.count
    var (start, count, origin) = (
      [Int](repeating: 0, count: rank), [Int](repeating: 1, count: rank), [Int](repeating: 0, count: rank)
    )
    switch segment.layout {
    case .axes(let axes):
      (start[axes.line], count[axes.line]) = (window.line, window.lines)
      (start[axes.sample], count[axes.sample]) = (window.sample, window.samples)
      if let band = axes.band {
        (start[band], count[band], origin[band]) = (bands.lowerBound, bands.count, position)
      }
      try segment.array.read(start: start, count: count, into: memory, shape: memoryShape, origin: origin)
    case .pixelList(let lines):
      try segment.array.read(
        start: [window.sample * lines + window.line, bands.lowerBound], count: [window.samples, 1],
        stride: [lines, 1], block: [window.lines, bands.count], into: memory, shape: memoryShape,
        origin: [0, position])
    }
  }
}
