import CKernels
import HSICore
import HSINumerics
import HSITestSupport
import Testing

/// Conversion and reordering of stored samples at every kernel level, bit for bit against plain loops.
@Suite(.serialized) struct SampleKernelTests {
  private enum Order: CaseIterable { case planar, interleaved, odd }

  /// Pixel and band strides in bytes, and the bytes that they span.
  private func strides(_ order: Order, size: Int, pixels: Int, bands: Int) -> (
    pixel: Int, band: Int, bytes: Int
  ) {
    switch order {
    case .planar: (size, pixels * size + 3, bands * (pixels * size + 3))
    case .interleaved: (bands * size + 1, size, pixels * (bands * size + 1))
    case .odd: (2 * size, pixels * 2 * size, bands * pixels * 2 * size)
    }
  }

  private static let shapes = [(1, 1), (3, 17), (15, 40), (16, 16), (33, 31), (70, 103), (37, 530)]

  @Test func reading() {
    check(UInt8.self, HSI_U8) {
      Float($0)
    } wide: {
      Double($0)
    }
    check(Int8.self, HSI_I8) {
      Float($0)
    } wide: {
      Double($0)
    }
    check(Int16.self, HSI_I16) {
      Float($0)
    } wide: {
      Double($0)
    }
    check(UInt16.self, HSI_U16) {
      Float($0)
    } wide: {
      Double($0)
    }
    check(Int32.self, HSI_I32) {
      Float($0)
    } wide: {
      Double($0)
    }
    check(UInt32.self, HSI_U32) {
      Float($0)
    } wide: {
      Double($0)
    }
    check(Int64.self, HSI_I64) {
      Float($0)
    } wide: {
      Double($0)
    }
    check(UInt64.self, HSI_U64) {
      Float($0)
    } wide: {
      Double($0)
    }
    // Samples are bit patterns: the numbers they stand for.
    check(UInt32.self, HSI_F32) {
      Float(bitPattern: $0)
    } wide: {
      Double(Float(bitPattern: $0))
    }
    check(UInt64.self, HSI_F64) {
      Float(Double(bitPattern: $0))
    } wide: {
      Double(bitPattern: $0)
    }
  }

  private func check<T: FixedWidthInteger>(
    _: T.Type, _ type: some BinaryInteger, _ plain: (T) -> Float, wide: (T) -> Double
  ) {
    let size = MemoryLayout<T>.size
    let isFloat = type == HSI_F32 || type == HSI_F64
    for (round, (pixels, bands)) in SampleKernelTests.shapes.enumerated() {
      for order in Order.allCases {
        let strides = strides(order, size: size, pixels: pixels, bands: bands)
        var random = CounterRandom(seed: UInt64(round), stream: 7)
        var bytes = [UInt8](repeating: 0, count: strides.bytes)
        let swaps = round % 2 == 1
        let scaled = round % 3 == 1
        let all = round % 4 == 2
        let reverses = round == 5
        var samples = [T](repeating: 0, count: pixels * bands)
        // The sample that marks nodata; some pixels hold it everywhere, some in one band.
        let floatMark = size == 4 ? UInt64(Float(7).bitPattern) : Double(7).bitPattern
        let mark: T = isFloat ? T(truncatingIfNeeded: floatMark) : 7
        for n in 0..<pixels {
          for b in 0..<bands {
            let index = reverses ? bands - 1 - b : b
            var bits = random.next()
            if isFloat, n % 5 != 4 {  // mostly ordinary numbers, else any bits: NaN, infinite, tiny
              let value = Double(bits >> 40) / 1000
              bits = size == 4 ? UInt64(Float(value).bitPattern) : value.bitPattern
            }
            var value = T(truncatingIfNeeded: bits)
            if n % 7 == 3 || (n % 7 == 5 && b == n % bands) { value = mark }
            samples[n * bands + b] = value
            let stored = swaps ? value.byteSwapped : value
            withUnsafeBytes(of: stored) { raw in
              for i in 0..<size { bytes[n * strides.pixel + index * strides.band + i] = raw[i] }
            }
          }
        }
        let scale = (0..<bands).map { scaled ? 0.5 + Double($0 % 3) : 1 }
        let offset = (0..<bands).map { scaled ? Double($0 % 5) - 2 : 0 }
        let nodata = [Double](repeating: 7, count: bands)
        let hasNodata = (0..<bands).map { UInt8($0 % 4 == 1 ? 0 : 1) }
        let checked = (0..<bands).map { UInt8($0 % 6 == 2 ? 0 : 1) }
        let list = (0..<bands).map { Int32(bands - 1 - $0) }
        var expected = [UInt32](repeating: 0, count: pixels * bands)
        var flags = [UInt8](repeating: 0, count: pixels)
        for n in 0..<pixels {
          var (isValid, misses, anyMark) = (true, false, false)
          for b in 0..<bands {
            let sample = samples[n * bands + b]
            let value = scaled ? Float(wide(sample) * scale[b] + offset[b]) : plain(sample)
            expected[n * bands + b] = value.bitPattern
            guard checked[b] == 1 else { continue }
            if !(abs(value) < 1e30) { isValid = false }
            guard hasNodata[b] == 1 else { continue }
            anyMark = true
            if wide(sample) == 7 { if !all { isValid = false } } else { misses = true }
          }
          if all, anyMark, !misses { isValid = false }
          flags[n] = isValid ? 1 : 0
        }
        atEveryKernelLevel { level in
          var out = [Float](repeating: -1, count: pixels * bands)
          var valid = [UInt8](repeating: 9, count: pixels)
          bytes.withUnsafeBytes { source in
            list.withUnsafeBufferPointer { list in
              scale.withUnsafeBufferPointer { scale in
                offset.withUnsafeBufferPointer { offset in
                  nodata.withUnsafeBufferPointer { nodata in
                    hasNodata.withUnsafeBufferPointer { hasNodata in
                      checked.withUnsafeBufferPointer { checked in
                        out.withUnsafeMutableBufferPointer { out in
                          valid.withUnsafeMutableBufferPointer { valid in
                            var job = hsi_read_job()
                            job.source = source.baseAddress
                            job.type = Int32(type)
                            job.swap_bytes = swaps ? 1 : 0
                            (job.pixel_stride, job.band_stride) = (strides.pixel, strides.band)
                            (job.pixels, job.bands) = (pixels, bands)
                            job.band_list = reverses ? list.baseAddress : nil
                            (job.scale, job.offset) = (scale.baseAddress, offset.baseAddress)
                            (job.nodata, job.has_nodata) = (nodata.baseAddress, hasNodata.baseAddress)
                            job.checked = checked.baseAddress
                            job.policy = Int32(all ? HSI_NODATA_ALL : HSI_NODATA_ANY)
                            (job.out, job.out_stride, job.valid) = (out.baseAddress, bands, valid.baseAddress)
                            #expect(hsi_convert_to_float(&job) == 0)
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
          // Any NaN is as good as another: which bits a conversion keeps is the processor's choice.
          let same = zip(out, expected).allSatisfy {
            $0.bitPattern == $1 || ($0.isNaN && Float(bitPattern: $1).isNaN)
          }
          #expect(same, "type \(type), level \(level), \(pixels) × \(bands), \(order)")
          #expect(valid == flags, "type \(type), level \(level), \(pixels) × \(bands), \(order)")
        }
      }
    }
  }

  @Test func writing() {
    let (pixels, bands) = (37, 43)
    let values = (0..<pixels * bands).map { i -> Float in
      if i % 50 == 0 { return Float.nan }
      if i % 51 == 0 { return i % 2 == 0 ? 1e12 : -1e12 }
      return Float(i % 901) * Float(0.25) - Float(60)
    }
    func check<T: FixedWidthInteger>(_: T.Type, _ type: some BinaryInteger) {
      for order in Order.allCases {
        let strides = strides(order, size: MemoryLayout<T>.size, pixels: pixels, bands: bands)
        atEveryKernelLevel { level in
          var bytes = [UInt8](repeating: 0, count: strides.bytes)
          bytes.withUnsafeMutableBytes { out in
            values.withUnsafeBufferPointer { values in
              var job = hsi_write_job()
              (job.source, job.source_stride, job.pixels, job.bands) = (
                values.baseAddress, bands, pixels, bands
              )
              (job.out, job.type) = (out.baseAddress, Int32(type))
              (job.pixel_stride, job.band_stride, job.nan_value) = (strides.pixel, strides.band, 5)
              #expect(hsi_convert_from_float(&job) == 0)
            }
          }
          var wrong = 0
          bytes.withUnsafeBytes { bytes in
            for n in 0..<pixels {
              for b in 0..<bands {
                let value = values[n * bands + b]
                let rounded = value.rounded(.toNearestOrEven)
                var expected: T = rounded < 0 ? T.min : T.max
                if value.isNaN { expected = 5 } else if let exact = T(exactly: rounded) { expected = exact }
                let found = bytes.loadUnaligned(
                  fromByteOffset: n * strides.pixel + b * strides.band, as: T.self)
                if found != expected { wrong += 1 }
              }
            }
          }
          #expect(wrong == 0, "type \(type), level \(level), \(order)")
        }
      }
    }
    check(UInt8.self, HSI_U8)
    check(Int8.self, HSI_I8)
    check(Int16.self, HSI_I16)
    check(UInt16.self, HSI_U16)
    check(Int32.self, HSI_I32)
    check(UInt32.self, HSI_U32)
  }

  @Test func reordering() {
    for size in [1, 2, 4, 8] {
      for (pixels, bands) in SampleKernelTests.shapes.dropLast() {
        for (from, to) in Order.allCases.flatMap({ a in Order.allCases.map { (a, $0) } }) {
          let a = strides(from, size: size, pixels: pixels, bands: bands)
          let b = strides(to, size: size, pixels: pixels, bands: bands)
          let source = (0..<a.bytes).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) }
          for swaps in [false, true] {
            var expected = [UInt8](repeating: 0, count: b.bytes)
            for n in 0..<pixels {
              for k in 0..<bands {
                for i in 0..<size {
                  expected[n * b.pixel + k * b.band + i] =
                    source[n * a.pixel + k * a.band + (swaps ? size - 1 - i : i)]
                }
              }
            }
            atEveryKernelLevel { level in
              var target = [UInt8](repeating: 0, count: b.bytes)
              source.withUnsafeBytes { source in
                target.withUnsafeMutableBytes { target in
                  var job = hsi_reorder_job()
                  (job.source, job.target, job.sample_size) = (source.baseAddress, target.baseAddress, size)
                  (job.swap_bytes, job.pixels, job.bands) = (swaps ? 1 : 0, pixels, bands)
                  (job.source_pixel, job.source_band) = (a.pixel, a.band)
                  (job.target_pixel, job.target_band) = (b.pixel, b.band)
                  #expect(hsi_reorder(&job) == 0)
                }
              }
              #expect(
                target == expected, "\(size) bytes, level \(level), \(pixels) × \(bands), \(from) to \(to)")
            }
          }
        }
      }
    }
  }
}
