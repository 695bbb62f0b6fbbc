import CKernels
import HSICore
import HSINumerics

/// Values that are missing in pixels with data: NaN after this, and a pixel is valid while one band that decides holds a value.
///
/// Missing is what is stored as nodata (compared in its own type, before scale and offset), NaN, ±∞ and magnitudes from 10³⁰ on. About 2 ns per value.
struct MissingValues {
  private let block: StoredBlock
  private let nodata: [Double?]
  private let decides: [Bool]

  /// - Parameters:
  ///   - nodata: the stored value that means no data, per band.
  ///   - decides: the bands that make a pixel valid.
  init(_ block: StoredBlock, nodata: [Double?], decides: [Bool]) {
    self.block = block
    self.nodata = nodata
    self.decides = decides
  }

  /// Marks the values of `lines × samples` pixels in `out` (pixels × bands), and sets one flag per pixel.
  func mark(lines: Int, samples: Int, out: UnsafeMutablePointer<Float>, valid: UnsafeMutablePointer<UInt8>) {
    switch block.type {
    case .uint8: markIntegers(UInt8.self, lines, samples, out, valid)
    case .int8: markIntegers(Int8.self, lines, samples, out, valid)
    case .uint16: markIntegers(UInt16.self, lines, samples, out, valid)
    case .int16: markIntegers(Int16.self, lines, samples, out, valid)
    case .uint32: markIntegers(UInt32.self, lines, samples, out, valid)
    case .int32: markIntegers(Int32.self, lines, samples, out, valid)
    case .uint64: markIntegers(UInt64.self, lines, samples, out, valid)
    case .int64: markIntegers(Int64.self, lines, samples, out, valid)
    case .float32:
      mark(lines, samples, out, valid, nodata.map { $0.map { Float($0) } }) { (bits: UInt32) in Float(bitPattern: bits)
      }
    case .float64:
      mark(lines, samples, out, valid, nodata) { (bits: UInt64) in Double(bitPattern: bits) }
    }
  }

  private func markIntegers<T: FixedWidthInteger & Sendable>(
    _: T.Type, _ lines: Int, _ samples: Int, _ out: UnsafeMutablePointer<Float>, _ valid: UnsafeMutablePointer<UInt8>
  ) {
    mark(lines, samples, out, valid, nodata.map { $0.flatMap { T(exactly: $0) } }) { (stored: T) in stored }
  }

  private func mark<Stored: FixedWidthInteger, Value: Equatable>(
    _ lines: Int, _ samples: Int, _ out: UnsafeMutablePointer<Float>, _ valid: UnsafeMutablePointer<UInt8>,
    _ nodata: [Value?], _ value: (Stored) -> Value
  ) {
    guard let base = block.bytes.baseAddress else { return }
    let bands = decides.count
    Parallel.forEach(lines) { line in
      for sample in 0..<samples {
        let pixel = line * samples + sample
        let source = base + line * block.lineStride + sample * block.pixelStride
        let row = out + pixel * bands
        var hasData = false
        for band in 0..<bands {
          let raw = UnsafeRawPointer(source + band * block.bandStride).loadUnaligned(as: Stored.self)
          let isMissing =
            !(abs(row[band]) < HSI_LARGEST) || nodata[band] == value(block.isByteSwapped ? raw.byteSwapped : raw)
          if isMissing { row[band] = .nan } else if decides[band] { hasData = true }
        }
        valid[pixel] = hasData ? 1 : 0
      }
    }
  }
}
