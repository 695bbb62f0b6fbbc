import CKernels
import HSICore
import HSINumerics
import Synchronization

/// The part of a file that a command works on, strip by strip: pixels × bands, float32, physical units, valid pixels.
///
/// Valid is a pixel that is finite in all good bands offered, does not hold nodata there (`NodataPolicy`) and is not
/// masked. Local uncompressed files and GeoTIFF are read and converted in pieces on all threads; other files behind GDAL
/// are read by one thread and converted by all. The result does not depend on pieces or threads.
public final class FileSource: StripSource {
  public let shape: CubeShape
  /// Metadata of what is offered. `scale`, `offset` and `nodata` are spent: pixels are physical and valid.
  public let metadata: CubeMetadata
  public let blockLines: Int
  public let workingBytesPerLine: Int
  /// The file.
  public let reader: any CubeReader
  /// The rectangle of the file.
  public let window: PixelWindow
  /// The 0-based bands of the file, in the order offered.
  public let bands: [Int]
  /// Valid pixels that are 0 in all bands, in the lines read so far (each line counted once).
  public private(set) var zeroSpectra = 0

  private let conversion: Conversion
  private let masks: [MaskReader]
  private let excludesZeroSpectra: Bool
  private let context: RunContext
  private let pieceLines: Int
  /// Samples of a piece; nil for whole lines.
  private let pieceSamples: Int?
  private let isConcurrent: Bool
  private var blocks: [StoredBlock] = []
  private var valid: [UInt8] = []
  private var counted = 0

  /// The selected part of an open cube.
  ///
  /// - Throws: `CoreError.invalidParameter` for a window or bands that the file does not have; the errors of opening
  ///   the mask.
  public init(_ reader: any CubeReader, _ options: SelectionOptions = SelectionOptions(), context: RunContext) throws {
    self.reader = reader
    let all = reader.metadata
    let area = options.window ?? reader.shape.window
    guard area.lines > 0, area.samples > 0, area.clipped(to: reader.shape) == area else {
      throw CoreError.invalidParameter(
        name: "\(option: "window")", value: "\(area.sample),\(area.line),\(area.samples),\(area.lines)",
        requirement: "inside the image of \(reader.shape.samples) samples × \(reader.shape.lines) lines")
    }
    guard CubeShape(lines: area.lines, samples: area.samples, bands: reader.shape.bands).isCountable else {
      throw CoreError.invalidParameter(
        name: "\(option: "window")", value: "\(area.samples) × \(area.lines) pixels of \(reader.shape.bands) bands",
        requirement: "a part that is smaller by far")
    }
    guard options.nodataPolicy != .values || options.acceptsMissingValues else {
      throw CoreError.invalidParameter(
        name: "the nodata policy", value: SelectionOptions.NodataPolicy.values.rawValue,
        requirement: "any, all or auto here: missing values are for methods that fill them")
    }
    window = area
    bands = try options.bands.resolve(all.axis)
    shape = CubeShape(lines: area.lines, samples: area.samples, bands: bands.count)
    var offered = all.selecting(bands: bands).cropping(to: area)
    if case .list = options.bands { offered.axis.good = [Bool](repeating: true, count: bands.count) }
    conversion = Conversion(offered, policy: options.nodataPolicy)
    FileSource.log(offered, conversion, reader: reader, context: context)
    offered.scale = [Double](repeating: 1, count: bands.count)
    offered.offset = [Double](repeating: 0, count: bands.count)
    offered.nodata = [Double?](repeating: nil, count: bands.count)
    metadata = offered
    masks =
      try (options.mask.map { [try MaskReader($0, image: reader.shape, window: area, context: context)] } ?? [])
      + (options.cutline.map { [try MaskReader(cutline: $0, of: reader, window: area, context: context)] } ?? [])
    excludesZeroSpectra = options.excludesZeroSpectra
    self.context = context
    blockLines = reader.blockLines
    let storedLine = area.samples * bands.count * reader.sampleType.size
    workingBytesPerLine = storedLine + 2 * area.samples
    // Small pieces stay in the cache between reading and converting.
    let shared = (reader as? any ConcurrentCubeReader).flatMap { $0.allowsConcurrentReads ? $0 : nil }
    // Flags of missing values are set for whole lines only.
    let keepsLines = conversion.keepsMissingValues
    let width = shared?.blockSamples.map { keepsLines ? area.samples : min($0, area.samples) }
    let pieceLine = storedLine / area.samples * (width ?? area.samples)
    // Blocks must have room, one for every thread.
    let most = min(8 << 20, context.memory.bytes / 8 / max(1, context.threads))
    isConcurrent = shared != nil && (width == nil || Int.product(pieceLine, blockLines) <= most)
    pieceSamples = isConcurrent ? width.flatMap { $0 < area.samples ? $0 : nil } : nil
    let room = max(1, (isConcurrent ? 2 << 20 : 16 << 20) / max(1, isConcurrent ? pieceLine : storedLine))
    pieceLines = isConcurrent && width == nil ? room : max(blockLines, room / blockLines * blockLines)
  }

  public func read(lines: Range<Int>, into strip: Strip) throws {
    precondition(lines.lowerBound >= 0 && lines.upperBound <= shape.lines, "lines \(lines) of \(shape.lines)")
    let (samples, count) = (shape.samples, lines.count * shape.samples)
    strip.window = PixelWindow(line: lines.lowerBound, sample: 0, lines: lines.count, samples: samples)
    strip.pixels.reshape(rows: count, columns: bands.count)
    if valid.count < count { valid = [UInt8](repeating: 0, count: count) }
    for mask in masks { try mask.read(lines) }
    let pieces = FileSource.pieces(lines, height: pieceLines, origin: window.line).flatMap { lines in
      FileSource.pieces(0..<samples, height: pieceSamples ?? samples, origin: pieceSamples == nil ? 0 : window.sample)
        .map { StripPiece(lines: lines, samples: $0) }
    }
    let threads = isConcurrent ? Parallel.threads : 1
    while blocks.count < threads { blocks.append(StoredBlock()) }
    let out = strip.pixels.pointer
    let zeros = try valid.withUnsafeMutableBufferPointer { flags -> Int in
      guard let flags = flags.baseAddress else { return 0 }
      let total = Mutex(0)
      func work(_ piece: StripPiece, _ block: StoredBlock) throws {
        let (height, width) = (piece.lines.count, piece.samples.count)
        let place = (piece.lines.lowerBound - lines.lowerBound) * samples + piece.samples.lowerBound
        try reader.read(window.part(piece), bands: bands, into: block)
        conversion.run(
          block, lines: height, samples: width, pitch: samples, out: out + place * bands.count, valid: flags + place)
        // Whole lines lie behind one another.
        let (runs, run) = width == samples ? (1, height * width) : (height, width)
        var found = 0
        for i in 0..<runs {
          let start = place + i * samples
          for mask in masks { mask.apply(flags + start, first: start, count: run) }
          found += markZeros(out + start * bands.count, flags + start, count: run)
        }
        if found > 0, piece.lines.lowerBound >= counted { total.withLock { $0 += found } }
      }
      if isConcurrent {
        try Parallel.tryForEach(pieces.count, threads: threads) { i in
          try work(pieces[i], blocks[Int(hsi_pool_thread_index())])
        }
      } else {
        for piece in pieces { try work(piece, blocks[0]) }
      }
      return total.withLock { $0 }
    }
    zeroSpectra += zeros
    if excludesZeroSpectra, zeroSpectra > 0, counted < shape.lines, lines.upperBound == shape.lines {
      let percent = 100 * Double(zeroSpectra) / Double(shape.pixels)
      let share = String(format: percent < 10 ? "%.2g" : "%.0f", percent)
      context.warn(
        "W-ZERO-SPECTRA",
        "\(GDAL.redacted(reader.path)): \(zeroSpectra) pixels (\(share) %) are 0 in all bands and count as no data "
          + "(\(option: "nodata") none keeps them)")
    }
    counted = max(counted, lines.upperBound)
    compact(strip, count: count)
  }

  /// Cuts lines into pieces whose borders are multiples of `height` from the file's first line.
  private static func pieces(_ lines: Range<Int>, height: Int, origin: Int) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var start = lines.lowerBound
    while start < lines.upperBound {
      let end = min(lines.upperBound, ((start + origin) / height + 1) * height - origin)
      result.append(start..<end)
      start = end
    }
    return result
  }

  /// Counts the valid pixels that are 0 in all bands, and leaves them out where that is asked for.
  private func markZeros(
    _ pixels: UnsafeMutablePointer<Float>, _ flags: UnsafeMutablePointer<UInt8>, count: Int
  ) -> Int {
    let width = bands.count
    var found = 0
    for n in 0..<count where flags[n] != 0 {
      let row = pixels + n * width
      var b = 0
      while b < width, row[b] == 0 { b += 1 }
      if b == width {
        found += 1
        if excludesZeroSpectra { flags[n] = 0 }
      }
    }
    return found
  }

  /// Moves the valid pixels together and lists their places.
  private func compact(_ strip: Strip, count: Int) {
    let width = bands.count
    let pixels = strip.pixels.pointer
    strip.positions.removeAll(keepingCapacity: true)
    strip.positions.reserveCapacity(count)
    var kept = 0
    var n = 0
    while n < count {
      guard valid[n] != 0 else {
        n += 1
        continue
      }
      let start = n
      while n < count, valid[n] != 0 {
        strip.positions.append(Int32(truncatingIfNeeded: n))
        n += 1
      }
      if kept != start {
        (pixels + kept * width).update(from: pixels + start * width, count: (n - start) * width)
      }
      kept += n - start
    }
    strip.pixels.reshape(rows: kept, columns: width)
  }

  private static func log(
    _ metadata: CubeMetadata, _ conversion: Conversion, reader: any CubeReader, context: RunContext
  ) {
    let name = GDAL.redacted(reader.path)
    func source(_ field: String) -> String { metadata.sources[field]?.rawValue ?? "unknown" }
    if let value = metadata.nodata.compactMap({ $0 }).first {
      let policy = conversion.keepsMissingValues ? "values" : conversion.isAllPolicy ? "all" : "any"
      context.logger.info(
        "\(name): nodata \(PlainNumber.exact(value)) (source \(source("nodata")), policy \(policy))")
    }
    if !conversion.isPlain {
      context.logger.info("\(name): stored values scaled to physical units (source \(source("scale")))")
    }
    let bad = reader.metadata.axis.good.filter { !$0 }.count
    if bad > 0 {
      context.logger.info(
        "\(name): \(bad) of \(reader.shape.bands) bands are bad (source \(source("goodBands")))")
    }
  }
}

/// How stored samples become pixels: the parameters of the conversion kernel, allocated once.
final class Conversion: @unchecked Sendable {
  /// True when stored values are physical.
  let isPlain: Bool
  let isAllPolicy: Bool
  /// Whether missing values of pixels with data become NaN.
  let keepsMissingValues: Bool
  private let bands: Int
  private let scale: UnsafeMutablePointer<Double>
  private let offset: UnsafeMutablePointer<Double>
  private let nodata: UnsafeMutablePointer<Double>?
  private let hasNodata: UnsafeMutablePointer<UInt8>
  private let checked: UnsafeMutablePointer<UInt8>

  init(_ metadata: CubeMetadata, policy: SelectionOptions.NodataPolicy) {
    bands = metadata.bands
    isPlain = metadata.scale.allSatisfy { $0 == 1 } && metadata.offset.allSatisfy { $0 == 0 }
    let values = metadata.nodata.compactMap { $0 }
    keepsMissingValues = policy == .values
    switch policy {
    case .any, .values: isAllPolicy = false
    case .all: isAllPolicy = true
    // Samples of noise or clipping are 0 too, whatever the type.
    case .automatic: isAllPolicy = !values.isEmpty && values.allSatisfy { $0 == 0 }
    }
    let anyGood = metadata.axis.good.contains(true)
    func copy<T>(_ array: [T]) -> UnsafeMutablePointer<T> {
      let pointer = UnsafeMutablePointer<T>.allocate(capacity: max(1, array.count))
      for (i, value) in array.enumerated() { (pointer + i).initialize(to: value) }
      return pointer
    }
    scale = copy(metadata.scale)
    offset = copy(metadata.offset)
    nodata = values.isEmpty ? nil : copy(metadata.nodata.map { $0 ?? 0 })
    hasNodata = copy(metadata.nodata.map { $0 == nil ? 0 : 1 })
    checked = copy(metadata.axis.good.map { $0 || !anyGood ? 1 : 0 })
  }

  deinit {
    scale.deallocate()
    offset.deallocate()
    nodata?.deallocate()
    hasNodata.deallocate()
    checked.deallocate()
  }

  /// Converts a block of `lines × samples` pixels to `out` (pixels × bands) and sets one flag per pixel.
  ///
  /// - Parameter pitch: pixels from one line of `out` to the next; `samples` by default, and where missing values are kept.
  func run(
    _ block: StoredBlock, lines: Int, samples: Int, pitch: Int? = nil, out: UnsafeMutablePointer<Float>,
    valid: UnsafeMutablePointer<UInt8>?
  ) {
    convert(block, lines: lines, samples: samples, pitch: pitch ?? samples, out: out, valid: valid)
    guard keepsMissingValues, let valid else { return }
    let wanted = (0..<bands).map { hasNodata[$0] != 0 ? nodata?[$0] : nil }
    let counts = UnsafeBufferPointer(start: checked, count: bands)
    MissingValues(block, nodata: wanted, decides: counts.map { $0 != 0 }).mark(
      lines: lines, samples: samples, out: out, valid: valid)
  }

  private func convert(
    _ block: StoredBlock, lines: Int, samples: Int, pitch: Int, out: UnsafeMutablePointer<Float>,
    valid: UnsafeMutablePointer<UInt8>?
  ) {
    var job = hsi_read_job()
    job.type = block.type.kernelType
    job.swap_bytes = block.isByteSwapped ? 1 : 0
    job.pixel_stride = block.pixelStride
    job.band_stride = block.bandStride
    job.bands = bands
    job.scale = isPlain ? nil : UnsafePointer(scale)
    job.offset = isPlain ? nil : UnsafePointer(offset)
    job.nodata = nodata.map { UnsafePointer($0) }
    job.has_nodata = UnsafePointer(hasNodata)
    job.checked = UnsafePointer(checked)
    job.policy = Int32(isAllPolicy ? HSI_NODATA_ALL : HSI_NODATA_ANY)
    job.out_stride = bands
    guard let base = block.bytes.baseAddress else { return }
    if block.lineStride == samples * block.pixelStride, pitch == samples {
      job.source = UnsafeRawPointer(base)
      job.pixels = lines * samples
      job.out = out
      job.valid = valid
      _ = hsi_convert_to_float(&job)
      return
    }
    let plan = job
    Parallel.forEach(lines) { line in
      var job = plan
      job.source = UnsafeRawPointer(base + line * block.lineStride)
      job.pixels = samples
      job.out = out + line * pitch * self.bands
      job.valid = valid.map { $0 + line * pitch }
      _ = hsi_convert_to_float(&job)
    }
  }
}

extension SampleType {
  /// The number of this type in the conversion kernels.
  var kernelType: Int32 {
    switch self {
    case .uint8: Int32(HSI_U8)
    case .int8: Int32(HSI_I8)
    case .uint16: Int32(HSI_U16)
    case .int16: Int32(HSI_I16)
    case .uint32: Int32(HSI_U32)
    case .int32: Int32(HSI_I32)
    case .uint64: Int32(HSI_U64)
    case .int64: Int32(HSI_I64)
    case .float32: Int32(HSI_F32)
    case .float64: Int32(HSI_F64)
    }
  }
}

/// One band of a raster as a mask over a window.
final class MaskReader {
  private let reader: any CubeReader
  private let selection: MaskSelection
  private let window: PixelWindow
  private let conversion: Conversion
  private let block = StoredBlock()
  private let pixels = PixelMatrix(rows: 0, columns: 1)
  private var keep: [UInt8] = []
  /// What the reader reads, where it was made for this.
  private var raster: Cutline?

  /// The inside of polygons.
  ///
  /// - Throws: the errors of `Cutline`.
  convenience init(cutline: String, of image: any CubeReader, window: PixelWindow, context: RunContext) throws {
    let raster = try Cutline(cutline, of: image)
    try self.init(MaskSelection(path: raster.path), image: image.shape, window: window, context: context)
    self.raster = raster
  }

  /// - Throws: the errors of opening; `RasterError.inconsistent` when the mask is as large as neither image nor window.
  init(_ selection: MaskSelection, image: CubeShape, window: PixelWindow, context: RunContext) throws {
    self.selection = selection
    reader = try RasterFormats.open(selection.path, context: context)
    let size = (reader.shape.lines, reader.shape.samples)
    if size == (image.lines, image.samples) {
      self.window = window
    } else if size == (window.lines, window.samples) {
      self.window = reader.shape.window
    } else {
      throw RasterError.inconsistent(
        path: selection.path,
        reason: "the mask has \(size.0) × \(size.1) pixels but the image \(image.lines) × \(image.samples)",
        advice: "pass a mask of the same size as the image")
    }
    guard selection.band < reader.shape.bands else {
      throw CoreError.invalidParameter(
        name: "band of the mask", value: "\(selection.band + 1)",
        requirement: "between 1 and \(reader.shape.bands)")
    }
    var metadata = reader.metadata.selecting(bands: [selection.band])
    if selection.values != nil { metadata.nodata = [nil] }
    conversion = Conversion(metadata, policy: .any)
  }

  /// Files of the mask.
  var files: [String] { reader.files }

  /// Reads the mask of some lines of the window.
  func read(_ lines: Range<Int>) throws {
    let area = PixelWindow(
      line: window.line + lines.lowerBound, sample: window.sample, lines: lines.count, samples: window.samples
    )
    try reader.read(area, bands: [selection.band], into: block)
    pixels.reshape(rows: area.pixels, columns: 1)
    if keep.count < area.pixels { keep = [UInt8](repeating: 0, count: area.pixels) }
    keep.withUnsafeMutableBufferPointer { flags in
      conversion.run(
        block, lines: lines.count, samples: window.samples, out: pixels.pointer, valid: flags.baseAddress)
      let wanted = selection.values?.map { Float($0) }
      for n in 0..<area.pixels where flags[n] != 0 {
        let value = pixels.pointer[n]
        flags[n] = (wanted.map { $0.contains(value) } ?? (value != 0)) ? 1 : 0
      }
    }
  }

  /// Clears the flags of masked pixels.
  func apply(_ flags: UnsafeMutablePointer<UInt8>, first: Int, count: Int) {
    keep.withUnsafeBufferPointer { keep in
      for n in 0..<count where keep[first + n] == 0 { flags[n] = 0 }
    }
  }
}
