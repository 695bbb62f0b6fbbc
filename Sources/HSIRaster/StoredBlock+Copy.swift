import HSICore
import HSINumerics

extension StoredBlock {
  /// Bytes from one line, pixel and band to the next in a packed block.
  static func strides(
    _ interleave: Interleave, size: Int, lines: Int, samples: Int, bands: Int
  ) -> (line: Int, pixel: Int, band: Int) {
    switch interleave {
    case .bip: (samples * bands * size, bands * size, size)
    case .bil: (samples * bands * size, size, samples * size)
    case .bsq: (samples * size, size, lines * samples * size)
    }
  }

  /// Copies `lines × samples × bands` samples from a block of any order and byte order into this prepared one, which
  /// then holds them in this machine's byte order.
  ///
  /// - Parameters:
  ///   - first: first line of the source to copy.
  ///   - place: line of this block where it goes.
  func copySamples(
    from source: StoredBlock, first: Int = 0, to place: Int = 0, lines: Int, samples: Int, bands: Int
  ) {
    guard let origin = source.bytes.baseAddress, let target = bytes.baseAddress else { return }
    let (from, to) = (origin + first * source.lineStride, target + place * lineStride)
    let widens = source.type == .int8 && type == .int16
    let swaps = source.isByteSwapped
    Parallel.forEach(lines) { i in
      let (a, b) = (from + i * source.lineStride, to + i * self.lineStride)
      func move<T: FixedWidthInteger>(_: T.Type) {
        // Blocks of bands keep both sides in the cache whatever their orders are.
        for start in stride(from: 0, to: bands, by: 32) {
          for j in 0..<samples {
            for k in start..<min(bands, start + 32) {
              let value = (a + j * source.pixelStride + k * source.bandStride).loadUnaligned(as: T.self)
              (b + j * self.pixelStride + k * self.bandStride).storeBytes(
                of: swaps ? value.byteSwapped : value, as: T.self)
            }
          }
        }
      }
      if widens {
        for j in 0..<samples {
          for k in 0..<bands {
            let value = (a + j * source.pixelStride + k * source.bandStride).loadUnaligned(as: Int8.self)
            (b + j * self.pixelStride + k * self.bandStride).storeBytes(of: Int16(value), as: Int16.self)
          }
        }
        return
      }
      switch self.type.size {
      case 1: move(UInt8.self)
      case 2: move(UInt16.self)
      case 4: move(UInt32.self)
      default: move(UInt64.self)
      }
    }
  }
}
