import CKernels
import CMatIO
import Foundation
import HSICore
import HSINumerics

/// Writes a cube as a MATLAB file of version 5, which every MATLAB since 1997, Octave and SciPy read.
///
/// Variables: `cube` (`abundances` where that is the quantity), lines × samples × bands, stored samples unchanged;
/// where known also, as columns of one entry per band, `wavelengths` and `fwhm` (nm), `good_bands` (logical),
/// `band_names` (cell array), `scale` and `offset` (physical = stored · scale + offset), and the number `nodata`.
/// Georeference and other metadata are not kept.
///
/// MATLAB's order has the line as fastest axis, so the whole variable is held in memory until `finish()`: its size
/// plus one strip must fit into the memory budget. The format ends at 2 GiB per variable. Nothing is compressed, so
/// that the file can be mapped when it is read, and equal cubes give equal bytes.
public final class MATLABWriter: CubeWriter {
  public let path: String
  public let shape: CubeShape
  public let sampleType: SampleType
  public let blockLines = 1
  private let metadata: CubeMetadata
  private let output: OutputFile
  private let numbers: UnsafeMutableRawPointer
  private let scratch = StoredBlock()
  private var position: WritingPlace

  /// Bytes that a variable of the format may take, its own header included.
  static let limit = Int(Int32.max)

  /// Creates the file under a temporary name.
  ///
  /// - Throws: `CoreError.outputExists`, `.cannotWrite` (also for a variable above 2 GiB), `.memory`.
  public init(
    _ path: String, shape: CubeShape, type: SampleType, metadata: CubeMetadata,
    options: OutputOptions = OutputOptions(), context: RunContext
  ) throws {
    guard !path.hasPrefix("/vsi") else {
      throw CoreError.cannotWrite(
        path: path, reason: "MATLAB files are written locally only; choose \(option: "format") GTiff")
    }
    if let option = options.creationOptions.first {
      throw CoreError.invalidParameter(
        name: "\(option: "creation option")", value: option, requirement: "left out for MATLAB files")
    }
    let bytes = shape.bytes(of: type)
    guard bytes <= MATLABWriter.limit - 1024 else {
      throw CoreError.cannotWrite(
        path: path,
        reason:
          "\(shape) of \(type.rawValue) is \(MemoryBudget.text(bytes)), and a variable of a MATLAB 5 file ends at "
          + "2 GiB; choose a smaller \(option: "window"), fewer bands or \(option: "format") GTiff")
    }
    let strip = min(context.memory.bytes / 4, 64 << 20)
    guard bytes + strip <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "writing \(path), whose line axis runs fastest", needed: bytes + strip,
        budget: context.memory.bytes)
    }
    self.path = path
    self.shape = shape
    position = WritingPlace(shape)
    sampleType = type
    self.metadata = metadata
    guard let memory = malloc(max(bytes, 1)) else {
      throw CoreError.memory(purpose: "writing \(path)", needed: bytes, budget: context.memory.bytes)
    }
    numbers = memory
    do {
      output = try OutputFile(path, overwrite: options.overwrite, inputs: options.inputs)
    } catch {
      free(memory)
      throw error
    }
  }

  deinit { free(numbers) }

  public func write(_ block: StoredBlock, lines: Range<Int>, samples: Range<Int>) throws {
    position.advance(lines, samples)
    precondition(block.type == sampleType, "samples as created")
    let pieces = StripPiece.of(
      lines, samples: samples, height: lines.count, bytesPerPixel: shape.bands * sampleType.size, room: 16 << 20)
    for piece in pieces {
      let (height, width) = (piece.lines.count, piece.samples.count)
      // One band after the other, so that what is read and what is written both move on by few bytes.
      scratch.prepare(type: sampleType, interleave: .bsq, lines: height, samples: width, bands: shape.bands)
      scratch.copySamples(
        from: block, first: piece.lines.lowerBound - lines.lowerBound, lines: height, samples: width,
        bands: shape.bands,
        sample: piece.samples.lowerBound - samples.lowerBound)
      place(piece)
    }
  }

  /// Transposes every band of a part into its columns: sample (i, j) goes to `(b · samples + j) · lines + i`.
  private func place(_ piece: StripPiece) {
    guard let base = scratch.bytes.baseAddress else { return }
    let (size, height, width) = (sampleType.size, piece.lines.count, piece.samples.count)
    var job = hsi_reorder_job()
    (job.sample_size, job.pixels, job.bands) = (size, height, width)
    (job.source_pixel, job.source_band) = (width * size, size)
    (job.target_pixel, job.target_band) = (size, shape.lines * size)
    let column = shape.lines * size
    let (source, target) = (
      UnsafeRawPointer(base), numbers + piece.lines.lowerBound * size + piece.samples.lowerBound * column
    )
    let (plan, samples) = (job, shape.samples)
    Parallel.forEach(shape.bands) { b in
      var job = plan
      job.source = source + b * height * width * size
      job.target = target + b * samples * column
      _ = hsi_reorder(&job)
    }
  }

  public func finish() throws -> [String] {
    guard position.isComplete else {
      discard()
      throw RasterError.inputOutput(
        path: path, action: "writing", reason: "\(position.lines) of \(shape.lines) lines were written")
    }
    do {
      try writeFile()
      try output.commit()
    } catch {
      discard()
      throw error
    }
    return [path]
  }

  public func discard() { output.discard() }

  // MARK: - The file

  private func writeFile() throws {
    // The default text would hold the time of writing.
    let title = "MATLAB 5.0 MAT-file, written by hsi"
    guard let file = Mat_CreateVer(output.temporaryPath, title, MAT_FT_MAT5) else {
      throw failure(errno)
    }
    var written: [String] = []
    var isComplete = true
    func put(_ name: String, _ variable: UnsafeMutablePointer<matvar_t>?) {
      written.append(name)
      isComplete = isComplete && variable != nil && Mat_VarWrite(file, variable, MAT_COMPRESSION_NONE) == 0
      Mat_VarFree(variable)
    }
    let name = metadata.quantity == .abundance ? "abundances" : "cube"
    put(name, cube(name))
    func column(_ name: String, _ values: [Double]?) {
      if let values { put(name, MATLABWriter.column(name, values)) }
    }
    column("wavelengths", metadata.axis.wavelengths)
    column("fwhm", metadata.axis.fwhm)
    put("good_bands", MATLABWriter.flags("good_bands", metadata.axis.good))
    if metadata.bandNames.count == shape.bands {
      put("band_names", MATLABWriter.cells("band_names", metadata.bandNames))
    }
    if metadata.scale.contains(where: { $0 != 1 }) || metadata.offset.contains(where: { $0 != 0 }) {
      column("scale", metadata.scale)
      column("offset", metadata.offset)
    }
    if let nodata = metadata.nodata.compactMap({ $0 }).first { column("nodata", [nodata]) }
    isComplete = Mat_Close(file) == 0 && isComplete
    // The library does not report failed writes: what counts is what can be read back.
    let found = (try? MATLABFile(output.temporaryPath))?.variables.map(\.name)
    guard isComplete, found == written, MATLABStructure.isWhole(output.temporaryPath) else {
      throw failure(pendingError())
    }
  }

  private func cube(_ name: String) -> UnsafeMutablePointer<matvar_t>? {
    var extents = [shape.lines, shape.samples]
    if shape.bands > 1 { extents.append(shape.bands) }
    let (kind, type) = MATLABWriter.types(sampleType)
    return Mat_VarCreate(
      name, kind, type, Int32(extents.count), &extents, numbers, Int32(MAT_F_DONT_COPY_DATA.rawValue))
  }

  private static func column(_ name: String, _ values: [Double]) -> UnsafeMutablePointer<matvar_t>? {
    var (extents, copy) = ([values.count, 1], values)
    return Mat_VarCreate(name, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, &extents, &copy, 0)
  }

  private static func flags(_ name: String, _ flags: [Bool]) -> UnsafeMutablePointer<matvar_t>? {
    var extents = [flags.count, 1]
    var bytes = flags.map { UInt8($0 ? 1 : 0) }
    return Mat_VarCreate(name, MAT_C_UINT8, MAT_T_UINT8, 2, &extents, &bytes, Int32(MAT_F_LOGICAL.rawValue))
  }

  private static func cells(_ name: String, _ texts: [String]) -> UnsafeMutablePointer<matvar_t>? {
    var cells: [UnsafeMutablePointer<matvar_t>?] = texts.map { text in
      var units = Array(text.utf16)
      var extents = [1, units.count]
      return Mat_VarCreate(nil, MAT_C_CHAR, MAT_T_UINT16, 2, &extents, &units, 0)
    }
    var extents = [texts.count, 1]
    return Mat_VarCreate(name, MAT_C_CELL, MAT_T_CELL, 2, &extents, &cells, 0)
  }

  private static func types(_ type: SampleType) -> (matio_classes, matio_types) {
    switch type {
    case .uint8: (MAT_C_UINT8, MAT_T_UINT8)
    case .int8: (MAT_C_INT8, MAT_T_INT8)
    case .uint16: (MAT_C_UINT16, MAT_T_UINT16)
    case .int16: (MAT_C_INT16, MAT_T_INT16)
    case .uint32: (MAT_C_UINT32, MAT_T_UINT32)
    case .int32: (MAT_C_INT32, MAT_T_INT32)
    case .uint64: (MAT_C_UINT64, MAT_T_UINT64)
    case .int64: (MAT_C_INT64, MAT_T_INT64)
    case .float32: (MAT_C_SINGLE, MAT_T_SINGLE)
    case .float64: (MAT_C_DOUBLE, MAT_T_DOUBLE)
    }
  }

  /// What the system says when one more block is written; 0 when it takes it.
  private func pendingError() -> Int32 {
    let descriptor = open(output.temporaryPath, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    let block = [UInt8](repeating: 0, count: 4096)
    lseek(descriptor, 0, SEEK_END)
    guard Foundation.write(descriptor, block, block.count) == block.count, fsync(descriptor) == 0 else {
      return errno
    }
    return 0
  }

  private func failure(_ code: Int32) -> CoreError {
    code == 0 ? .cannotWrite(path: path, reason: "the file is incomplete") : OutputFile.failure(code, path: path)
  }
}
