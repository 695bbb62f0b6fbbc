import HSINumerics

extension Tape {
  /// Every vector of `width` neighbouring values divided by its length, `v / max(|v|, 10⁻¹²)`; lengths in double precision.
  public func unitLength(_ x: Variable, width: Int) -> Variable {
    precondition(width > 0 && x.value.count % width == 0, "vectors of \(width) values in \(x.shape)")
    let y = Tensor(uninitialised: x.shape)
    let lengths = Tensor(uninitialised: [x.value.count / width])
    let (from, to, norms) = (x.value.pointer, y.output, lengths.output)
    Parallel.forEachChunk(of: lengths.count, chunk: max(1, 16_384 / width)) { _, rows in
      for row in rows {
        var sum = 0.0
        for i in row * width..<(row + 1) * width { sum += Double(from[i]) * Double(from[i]) }
        norms[row] = max(Float(sum.squareRoot()), UnitLength.floor)
        for i in row * width..<(row + 1) * width { to[i] = from[i] / norms[row] }
      }
    }
    return record(y, inputs: [x]) { UnitLength(x: x, y: y, lengths: lengths, width: width) }
  }
}

private struct UnitLength: TapeOperation {
  static let floor: Float = 1e-12
  let x: Variable
  let y: Tensor
  let lengths: Tensor
  let width: Int

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let dx = Tensor(uninitialised: x.shape)
    let (g, unit, norms, to) = (gradient.pointer, y.pointer, lengths.pointer, dx.output)
    Parallel.forEachChunk(of: lengths.count, chunk: max(1, 16_384 / width)) { _, rows in
      for row in rows {
        var along = 0.0
        if norms[row] > UnitLength.floor {
          for i in row * width..<(row + 1) * width { along += Double(g[i]) * Double(unit[i]) }
        }
        for i in row * width..<(row + 1) * width { to[i] = (g[i] - Float(along) * unit[i]) / norms[row] }
      }
    }
    gradients.add(dx, to: x)
  }
}
