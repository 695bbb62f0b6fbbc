import CKernels
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
  ///   - sample: first sample of the source to copy.
  ///   - targetSample: sample of this block where it goes.
  func copySamples(
    from source: StoredBlock, first: Int = 0, to place: Int = 0, lines: Int, samples: Int, bands: Int, sample: Int = 0,
    targetSample: Int = 0
  ) {
    guard let origin = source.bytes.baseAddress, let target = bytes.baseAddress else { return }
    let from = origin + first * source.lineStride + sample * source.pixelStride
    let to = target + place * lineStride + targetSample * pixelStride
    if source.type == .int8, type == .int16 {
      Parallel.forEach(lines) { i in
        let (a, b) = (from + i * source.lineStride, to + i * self.lineStride)
        for j in 0..<samples {
          for k in 0..<bands {
            let value = (a + j * source.pixelStride + k * source.bandStride).loadUnaligned(as: Int8.self)
            (b + j * self.pixelStride + k * self.bandStride).storeBytes(of: Int16(value), as: Int16.self)
          }
        }
      }
      return
    }
    var job = hsi_reorder_job()
    job.sample_size = type.size
    job.swap_bytes = source.isByteSwapped ? 1 : 0
    job.bands = bands
    (job.source_pixel, job.source_band) = (source.pixelStride, source.bandStride)
    (job.target_pixel, job.target_band) = (pixelStride, bandStride)
    if source.lineStride == samples * source.pixelStride, lineStride == samples * pixelStride {
      (job.source, job.target, job.pixels) = (UnsafeRawPointer(from), to, lines * samples)
      _ = hsi_reorder(&job)
      return
    }
    let plan = job
    Parallel.forEach(lines) { i in
      var job = plan
      job.source = UnsafeRawPointer(from + i * source.lineStride)
      job.target = to + i * self.lineStride
      job.pixels = samples
      _ = hsi_reorder(&job)
    }
  }
}
