import HSICore
import HSINumerics
import Synchronization

/// Copies a cube into another type of samples: the same stored numbers, rounded to nearest and clipped where the type
/// asks for it. Scale and offset keep their meaning.
public enum CubeRetype {
  /// What was written.
  public struct Outcome: Sendable {
    /// Every file.
    public var files: [String] = []
    /// Numbers beyond the range of the type, which took its end.
    public var clipped = 0
    /// Numbers that would have become no data, which took the next one.
    public var shifted = 0
  }

  /// The metadata of the copy: the no-data value as the type holds it, or another one where it cannot (−9999 for signed
  /// types, −128 for int8, the largest number for unsigned types). Integers made from floats have one in any case,
  /// because floats may be NaN.
  public static func metadata(_ metadata: CubeMetadata, from source: SampleType, to type: SampleType) -> CubeMetadata {
    var result = metadata
    let substitute = substitute(type)
    result.nodata = metadata.nodata.map { value in
      guard let value else { return source.isFloatingPoint && !type.isFloatingPoint ? substitute : nil }
      if type == .float64 { return value }
      if type == .float32 { return Double(Float(value)) }
      return value.rounded() == value && type.integers.contains(value) ? value : substitute
    }
    return result
  }

  /// Copies strip by strip.
  ///
  /// - Parameters:
  ///   - window: the part to copy; its size is that of the writer.
  ///   - bands: bands of the reader in the order of the writer.
  ///   - nodata: that of the copy, per band of the writer.
  public static func run(
    from reader: any CubeReader, window: PixelWindow, bands: [Int], to writer: any CubeWriter, nodata: [Double?],
    _ context: RunContext
  ) throws -> Outcome {
    let claim = context.claimThreads()
    defer { claim.release() }
    precondition(writer.shape == CubeShape(lines: window.lines, samples: window.samples, bands: bands.count))
    let (samples, type) = (window.samples, writer.sampleType)
    let perLine = samples * bands.count * (reader.sampleType.size + type.size)
    let height = StripHeight.lines(
      bytesPerLine: perLine, unit: max(reader.blockLines, writer.blockLines), context)
    let (stored, target) = (StoredBlock(), StoredBlock())
    let marks = Marks(from: bands.map { reader.metadata.nodata[$0] }, to: nodata, type: type)
    var outcome = Outcome()
    do {
      context.progress.report(phase: "converting", fraction: 0)
      let pieces = StripPiece.of(
        0..<window.lines, samples: 0..<samples, height: height,
        bytesPerPixel: bands.count * (reader.sampleType.size + type.size),
        room: max(1 << 16, context.memory.bytes / 8))
      for piece in pieces {
        try context.checkCancellation()
        let (count, samples) = (piece.lines.count, piece.samples.count)
        try reader.read(window.part(piece), bands: bands, into: stored)
        target.prepare(type: type, interleave: .bip, lines: count, samples: samples, bands: bands.count)
        let counts = Mutex((clipped: 0, shifted: 0))
        // Every thread has a line of doubles.
        let threads = max(1, context.memory.bytes / 4 / max(1, 8 * samples * bands.count))
        Parallel.forEach(count, threads: min(threads, Int(Int32.max))) { line in
          var (clipped, shifted) = (0, 0)
          withUnsafeTemporaryAllocation(of: Double.self, capacity: samples * bands.count) { row in
            stored.numbers(ofLine: line, samples: samples, bands: bands.count, into: row)
            (clipped, shifted) = target.store(row, line: line, marks: marks)
          }
          counts.withLock {
            $0.clipped += clipped
            $0.shifted += shifted
          }
        }
        let found = counts.withLock { $0 }
        outcome.clipped += found.clipped
        outcome.shifted += found.shifted
        try writer.write(target, lines: piece.lines, samples: piece.samples)
        context.progress.report(phase: "converting", fraction: Double(piece.lines.upperBound) / Double(window.lines))
      }
      outcome.files = try writer.finish()
      return outcome
    } catch {
      writer.discard()
      throw error
    }
  }

  private static func substitute(_ type: SampleType) -> Double {
    switch type {
    case .float32, .float64: .nan
    case .int8: -128
    case .int16, .int32, .int64: -9999
    case .uint8, .uint16, .uint32: type.integers.upperBound
    // The largest one has no double of its own.
    case .uint64: 0
    }
  }
}

/// No-data values of a source and of its copy, per band.
private struct Marks: Sendable {
  /// Of the source; NaN for none, because NaN is no data in any case.
  let from: [Double]
  /// Of the copy; 0 or NaN where it has none.
  let to: [Double]
  /// Whether the copy has one, which other numbers must not take.
  let isSet: [Bool]

  init(from source: [Double?], to target: [Double?], type: SampleType) {
    from = source.map { $0 ?? .nan }
    to = target.map { $0 ?? (type.isFloatingPoint ? .nan : 0) }
    isSet = target.map { $0 != nil }
  }
}

extension SampleType {
  /// The whole numbers that the type holds, as far as doubles can tell; nothing for floats.
  var integers: ClosedRange<Double> {
    switch self {
    case .uint8: 0...255
    case .int8: -128...127
    case .uint16: 0...65_535
    case .int16: -32_768...32_767
    case .uint32: 0...4_294_967_295
    case .int32: -2_147_483_648...2_147_483_647
    case .uint64: 0...0x1p64.nextDown
    case .int64: -0x1p63...0x1p63.nextDown
    case .float32, .float64: 0...0
    }
  }
}

extension StoredBlock {
  /// One line as doubles, pixel by pixel.
  fileprivate func numbers(ofLine line: Int, samples: Int, bands: Int, into row: UnsafeMutableBufferPointer<Double>) {
    guard let base = bytes.baseAddress else { return }
    let origin = UnsafeRawPointer(base + line * lineStride)
    func copy<T>(_: T.Type, _ number: (T) -> Double) {
      for j in 0..<samples {
        for b in 0..<bands {
          row[j * bands + b] = number((origin + j * pixelStride + b * bandStride).loadUnaligned(as: T.self))
        }
      }
    }
    func whole<T: FixedWidthInteger>(_: T.Type) {
      if isByteSwapped { copy(T.self) { Double($0.byteSwapped) } } else { copy(T.self) { Double($0) } }
    }
    switch type {
    case .uint8: whole(UInt8.self)
    case .int8: whole(Int8.self)
    case .uint16: whole(UInt16.self)
    case .int16: whole(Int16.self)
    case .uint32: whole(UInt32.self)
    case .int32: whole(Int32.self)
    case .uint64: whole(UInt64.self)
    case .int64: whole(Int64.self)
    case .float32:
      let isSwapped = isByteSwapped
      copy(UInt32.self) { Double(Float(bitPattern: isSwapped ? $0.byteSwapped : $0)) }
    case .float64:
      let isSwapped = isByteSwapped
      copy(UInt64.self) { Double(bitPattern: isSwapped ? $0.byteSwapped : $0) }
    }
  }

  /// Stores a line of doubles in this block of pixel-contiguous samples.
  fileprivate func store(
    _ row: UnsafeMutableBufferPointer<Double>, line: Int, marks: Marks
  ) -> (clipped: Int, shifted: Int) {
    guard let base = bytes.baseAddress else { return (0, 0) }
    let target = base + line * lineStride
    var (clipped, shifted) = (0, 0)
    func whole<T: FixedWidthInteger>(_: T.Type) {
      let samples = target.assumingMemoryBound(to: T.self)
      let range = type.integers
      for (i, value) in row.enumerated() {
        let band = i % marks.to.count
        let mark = T(exactly: marks.to[band]) ?? 0
        guard abs(value) < 1e30 || value.isInfinite, value != marks.from[band] else {
          samples[i] = mark
          continue
        }
        var number: T
        if value > range.upperBound {
          (number, clipped) = (T.max, clipped + 1)
        } else if value < range.lowerBound {
          (number, clipped) = (T.min, clipped + 1)
        } else {
          number = T(exactly: value.rounded(.toNearestOrEven)) ?? (value < 0 ? T.min : T.max)
        }
        if number == mark, marks.isSet[band] {
          number = number == T.max ? number - 1 : number + 1
          shifted += 1
        }
        samples[i] = number
      }
    }
    switch type {
    case .uint8: whole(UInt8.self)
    case .int8: whole(Int8.self)
    case .uint16: whole(UInt16.self)
    case .int16: whole(Int16.self)
    case .uint32: whole(UInt32.self)
    case .int32: whole(Int32.self)
    case .uint64: whole(UInt64.self)
    case .int64: whole(Int64.self)
    case .float32:
      let samples = target.assumingMemoryBound(to: Float.self)
      for (i, value) in row.enumerated() {
        samples[i] = value == marks.from[i % marks.to.count] ? Float(marks.to[i % marks.to.count]) : Float(value)
      }
    case .float64:
      let samples = target.assumingMemoryBound(to: Double.self)
      for (i, value) in row.enumerated() { samples[i] = value }
    }
    return (clipped, shifted)
  }
}
