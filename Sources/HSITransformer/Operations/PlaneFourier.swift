import HSINumerics

extension Tape {
  /// The spectra of the channel planes of images, `[B, H, W, C]` to `[B, H, W/2 + 1, 2C]`: channel 2c holds the real part, 2c + 1 the
  /// imaginary part of that of channel c, at frequencies 0 … H − 1 (rows) and 0 … W/2 (columns).
  ///
  ///     Y(k, l) = (H W)^−½ Σ x(i, j) exp(−2πi (k i / H + l j / W))
  ///
  /// With the other half, which follows from it, the map keeps lengths. Cost 2.5 B C H W log₂(H W) flops (FFTW).
  public func planeSpectrum(_ x: Variable) -> Variable {
    precondition(x.shape.count == 4, "spectra of \(x.shape)")
    let planes = ChannelPlanes(x.shape)
    return record(planes.spectrum(x.value, inner: 1), inputs: [x]) { SpectrumStep(x: x, planes: planes) }
  }

  /// The images of spectra, `[B, H, W/2 + 1, 2C]` to `[B, H, W, C]`: the inverse of `planeSpectrum`. Of columns 0 and W/2, which are
  /// their own mirror images, the part counts that spectra of real images have.
  ///
  /// - Parameter columns: W.
  public func planeImage(_ spectrum: Variable, columns: Int) -> Variable {
    let shape = spectrum.shape
    precondition(
      shape.count == 4 && shape[2] == columns / 2 + 1 && shape[3] % 2 == 0,
      "images of \(columns) columns from \(shape)")
    let planes = ChannelPlanes([shape[0], shape[1], columns, shape[3] / 2])
    return record(planes.image(spectrum.value, inner: 1), inputs: [spectrum]) {
      ImageStep(spectrum: spectrum, planes: planes)
    }
  }
}

private struct SpectrumStep: TapeOperation {
  let x: Variable
  let planes: ChannelPlanes
  /// `dx = Re Σ dY exp(…)` over the frequencies that are stored: the inverse, which counts the inner ones twice, of half of them.
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    gradients.add(planes.image(gradient, inner: 0.5), to: x)
  }
}

private struct ImageStep: TapeOperation {
  let spectrum: Variable
  let planes: ChannelPlanes
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    gradients.add(planes.spectrum(gradient, inner: 2), to: spectrum)
  }
}

/// Transforms of the planes of all channels; every plane is laid out by itself for FFTW and back.
private struct ChannelPlanes {
  let batch, rows, columns, channels: Int
  let transform: FFT2D

  init(_ shape: [Int]) {
    (batch, rows, columns, channels) = (shape[0], shape[1], shape[2], shape[3])
    transform = FFT2D(lines: rows, samples: columns)
  }

  /// Columns of a spectrum.
  private var half: Int { columns / 2 + 1 }
  /// (H W)^−½.
  private var norm: Float { 1 / Float(rows * columns).squareRoot() }
  /// Whether a column of frequencies stands for two.
  private func isInner(_ column: Int) -> Bool { column > 0 && 2 * column != columns }

  /// Planes and spectra of a block of their own per plane, each 64-byte aligned as FFTW wants them.
  private func forEachPlane(
    _ body: (_ sample: Int, _ channel: Int, _ plane: UnsafeMutablePointer<Float>, _ work: UnsafeMutablePointer<Float>)
      -> Void
  ) {
    let (first, second) = ((rows * columns + 15) / 16 * 16, (transform.spectrumCount + 15) / 16 * 16)
    let scratch = Tensor(uninitialised: [batch * channels * (first + second)])
    let start = scratch.output
    Parallel.forEach(batch * channels) { index in
      let plane = start + index * (first + second)
      body(index / channels, index % channels, plane, plane + first)
    }
  }

  /// Spectra, those of inner columns times `inner`.
  func spectrum(_ image: Tensor, inner: Float) -> Tensor {
    let result = Tensor(uninitialised: [batch, rows, half, 2 * channels])
    let (source, target) = (image.pointer, result.output)
    forEachPlane { sample, channel, plane, work in
      let from = source + sample * rows * columns * channels + channel
      for place in 0..<(rows * columns) { plane[place] = from[place * channels] }
      transform.forward(plane, work)
      let to = target + (sample * rows * half * channels + channel) * 2
      for row in 0..<rows {
        for column in 0..<half {
          let (place, factor) = (row * half + column, isInner(column) ? inner * norm : norm)
          to[2 * place * channels] = work[2 * place] * factor
          to[2 * place * channels + 1] = work[2 * place + 1] * factor
        }
      }
    }
    return result
  }

  /// Images of spectra, those of inner columns times `inner`.
  func image(_ spectrum: Tensor, inner: Float) -> Tensor {
    let result = Tensor(uninitialised: [batch, rows, columns, channels])
    let (source, target) = (spectrum.pointer, result.output)
    forEachPlane { sample, channel, plane, work in
      let from = source + (sample * rows * half * channels + channel) * 2
      for row in 0..<rows {
        for column in 0..<half {
          let place = row * half + column
          if isInner(column) {
            work[2 * place] = from[2 * place * channels] * inner * norm
            work[2 * place + 1] = from[2 * place * channels + 1] * inner * norm
          } else {
            // FFTW leaves open what it makes of a column that is not its own mirror image.
            let other = (rows - row) % rows * half + column
            let (a, b) = (2 * place * channels, 2 * other * channels)
            work[2 * place] = 0.5 * (from[a] + from[b]) * norm
            work[2 * place + 1] = 0.5 * (from[a + 1] - from[b + 1]) * norm
          }
        }
      }
      transform.inverse(work, plane)
      let to = target + sample * rows * columns * channels + channel
      for place in 0..<(rows * columns) { to[place * channels] = plane[place] }
    }
    return result
  }
}
