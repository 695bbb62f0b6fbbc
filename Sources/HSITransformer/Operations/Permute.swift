import HSINumerics

extension Tape {
  /// The axes in another order: axis `i` of the result is axis `order[i]` of `x`.
  public func permute(_ x: Variable, _ order: [Int]) -> Variable {
    record(Permutation.apply(x.value, order), inputs: [x]) { Permuted(x: x, order: order) }
  }
}

enum Permutation {
  static func apply(_ x: Tensor, _ order: [Int]) -> Tensor {
    precondition(order.sorted() == Array(x.shape.indices), "axes \(order) of \(x.shape)")
    let y = Tensor(uninitialised: order.map { x.shape[$0] })
    guard x.count > 0 else { return y }
    var strides = [Int](repeating: 1, count: x.shape.count)
    for axis in x.shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * x.shape[axis + 1] }
    let (source, target) = (x.pointer, y.output)
    // The last axis of the result is the inner loop.
    let inner = y.shape.last ?? 1
    let step = order.last.map { strides[$0] } ?? 1
    let outer = Array(zip(y.shape, order.map { strides[$0] }).dropLast())
    let chunk = max(1, 32_768 / max(inner, 1))
    Parallel.forEachChunk(of: y.count / inner, chunk: chunk) { _, rows in
      for row in rows {
        var (rest, offset) = (row, 0)
        for (extent, stride) in outer.reversed() {
          offset += rest % extent * stride
          rest /= extent
        }
        let (from, to) = (source + offset, target + row * inner)
        if step == 1 {
          to.update(from: from, count: inner)
        } else {
          for i in 0..<inner { to[i] = from[i * step] }
        }
      }
    }
    return y
  }

  static func inverse(_ order: [Int]) -> [Int] {
    var result = order
    for (place, axis) in order.enumerated() { result[axis] = place }
    return result
  }
}

private struct Permuted: TapeOperation {
  let x: Variable
  let order: [Int]
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let shape = order.map { x.shape[$0] }
    gradients.add(Permutation.apply(gradient.reshaped(shape), Permutation.inverse(order)), to: x)
  }
}

extension Tape {
  /// Moves blocks of `factor × factor` pixels into channels: `[B, H, W, C]` to `[B, H/f, W/f, C f²]`, channel
  /// `c f² + f dy + dx` (PyTorch's `pixel_unshuffle`). H and W are multiples of f.
  public func pixelUnshuffle(_ x: Variable, by factor: Int) -> Variable {
    let (batch, rows, columns, channels) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let blocks = reshape(x, [batch, rows / factor, factor, columns / factor, factor, channels])
    return reshape(
      permute(blocks, [0, 1, 3, 5, 2, 4]), [batch, rows / factor, columns / factor, channels * factor * factor])
  }

  /// The inverse of `pixelUnshuffle`: `[B, H, W, C]` to `[B, H f, W f, C / f²]`.
  public func pixelShuffle(_ x: Variable, by factor: Int) -> Variable {
    let (batch, rows, columns) = (x.shape[0], x.shape[1], x.shape[2])
    let channels = x.shape[3] / (factor * factor)
    let blocks = reshape(x, [batch, rows, columns, channels, factor, factor])
    return reshape(
      permute(blocks, [0, 1, 4, 2, 5, 3]), [batch, rows * factor, columns * factor, channels])
  }
}
