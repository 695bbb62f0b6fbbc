import HSITransformer

/// HSDT for spectral super-resolution: a cube of 31 bands from an RGB image.
///
///     cube = leaky(P rgb),  P 31 × 3 without bias, slope 0.01;   y = HSDT(cube), whose residual is the projected cube
///
/// Input `[B, H, W, 3]`, output `[B, bands, H, W, 1]`. Outside training the image is padded with zeros at the bottom and right
/// to `(⌊n/8⌋ + 1) · 8` and the result is cropped, as the reference does. Parameters as in `HSDT`, and `proj.weight`.
/// Source: Lai, Yan, Fu, ICCV 2023.
public final class SpectralSuperResolution {
  /// The network behind the projection; `network.store` holds `proj.weight` too.
  public let network: HSDT
  private let projection: Linear

  /// A network with fresh weights.
  public init(_ configuration: HSDTConfiguration, seed: UInt64 = 0) {
    network = HSDT(configuration, seed: seed)
    projection = Linear(network.store.root["proj"], input: 3, output: configuration.bands, bias: false)
  }

  /// The cube of an image.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let (rows, columns) = (x.shape[1], x.shape[2])
    var image = x
    if !tape.isTraining {
      image = cropped(x, rows: (rows / 8 + 1) * 8, columns: (columns / 8 + 1) * 8, tape)
    }
    let cube = tape.activation(.leakyReLU, projection(image, tape))
    let restored = network(bandsFirst(cube, tape), tape)
    guard !tape.isTraining else { return restored }
    // Bands are images here: [B · D, H, W, 1].
    let shape = restored.shape
    let planes = tape.reshape(restored, [shape[0] * shape[1], shape[2], shape[3], 1])
    let result = cropped(planes, rows: rows, columns: columns, tape)
    return tape.reshape(result, [shape[0], shape[1], rows, columns, 1])
  }
}

/// `[B, H, W, D]` as `[B, D, H, W, 1]`.
private func bandsFirst(_ x: Variable, _ tape: Tape) -> Variable {
  let (batch, rows, columns, bands) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
  let y = transposed(x.value, batch: batch, rows: rows * columns, columns: bands)
  return tape.record(y.reshaped([batch, bands, rows, columns, 1]), inputs: [x]) { BandsFirst(x: x) }
}

private struct BandsFirst: TapeOperation {
  let x: Variable
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let result = transposed(
      gradient, batch: x.shape[0], rows: x.shape[3], columns: x.shape[1] * x.shape[2])
    gradients.add(result.reshaped(x.shape), to: x)
  }
}

/// Every `rows × columns` matrix of a batch transposed.
private func transposed(_ x: Tensor, batch: Int, rows: Int, columns: Int) -> Tensor {
  var y = Tensor(uninitialised: [batch, columns, rows])
  y.withMutableValues { target in
    for b in 0..<batch {
      let from = x.pointer + b * rows * columns
      for i in 0..<rows { for j in 0..<columns { target[(b * columns + j) * rows + i] = from[i * columns + j] } }
    }
  }
  return y
}

/// `[B, H, W, C]` cut or padded with zeros at the bottom and right.
private func cropped(_ x: Variable, rows: Int, columns: Int, _ tape: Tape) -> Variable {
  let y = resized(x.value, rows: rows, columns: columns)
  return tape.record(y, inputs: [x]) { Crop(x: x) }
}

private struct Crop: TapeOperation {
  let x: Variable
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    gradients.add(resized(gradient, rows: x.shape[1], columns: x.shape[2]), to: x)
  }
}

private func resized(_ x: Tensor, rows: Int, columns: Int) -> Tensor {
  let (batch, channels) = (x.shape[0], x.shape[3])
  var y = Tensor.zeros([batch, rows, columns, channels])
  let width = min(columns, x.shape[2]) * channels
  y.withMutableValues { target in
    for b in 0..<batch {
      for row in 0..<min(rows, x.shape[1]) {
        (target.baseAddress! + (b * rows + row) * columns * channels).update(
          from: x.pointer + (b * x.shape[1] + row) * x.shape[2] * channels, count: width)
      }
    }
  }
  return y
}
