extension Tape {
  /// `a + b`, shapes equal.
  public func add(_ a: Variable, _ b: Variable) -> Variable {
    precondition(a.value.count == b.value.count, "sum of \(a.shape) and \(b.shape)")
    return record(Elementwise.add(a.value, b.value), inputs: [a, b]) { Sum(a: a, b: b) }
  }

  /// `a ⊙ b`, shapes equal.
  public func multiply(_ a: Variable, _ b: Variable) -> Variable {
    precondition(a.value.count == b.value.count, "product of \(a.shape) and \(b.shape)")
    return record(Elementwise.multiply(a.value, b.value), inputs: [a, b]) { Product(a: a, b: b) }
  }

  /// `factor · x`.
  public func scale(_ x: Variable, by factor: Float) -> Variable {
    let y = Tensor.zeros(x.shape)
    Elementwise.add(x.value, scale: factor, into: y)
    return record(y, inputs: [x]) { Scaling(x: x, factor: factor) }
  }

  /// An activation function of every value.
  public func activation(_ function: Activation, _ x: Variable) -> Variable {
    let y = Elementwise.apply(function, x.value)
    return record(y, inputs: [x]) { Activated(function: function, x: x, y: y) }
  }

  /// The same values under another shape.
  public func reshape(_ x: Variable, _ shape: [Int]) -> Variable {
    record(x.value.reshaped(shape), inputs: [x]) { Reshape(x: x) }
  }

  /// The two halves of the last axis.
  public func halves(_ x: Variable) -> (first: Variable, second: Variable) {
    let width = (x.shape.last ?? 2) / 2
    return (channels(x, 0..<width), channels(x, width..<(2 * width)))
  }

  /// One channel of the last axis, which stays with extent 1.
  public func channel(_ x: Variable, _ index: Int) -> Variable { channels(x, index..<(index + 1)) }

  /// A range of the last axis.
  public func channels(_ x: Variable, _ range: Range<Int>) -> Variable {
    let width = x.shape.last ?? 1
    precondition(range.upperBound <= width, "channels \(range) of \(x.shape)")
    let y = Tensor(uninitialised: x.shape.dropLast() + [range.count])
    Columns.copy(
      from: x.value.pointer + range.lowerBound, width, to: y.output, range.count, columns: range.count,
      rows: x.value.count / width)
    return record(y, inputs: [x]) { Slice(x: x, range: range) }
  }

  /// Joins values along the last axis; the other extents are equal.
  public func concatenate(_ parts: [Variable]) -> Variable {
    let widths = parts.map { $0.shape.last ?? 1 }
    let width = widths.reduce(0, +)
    let rows = parts[0].value.count / widths[0]
    let y = Tensor(uninitialised: parts[0].shape.dropLast() + [width])
    var offset = 0
    for (part, partWidth) in zip(parts, widths) {
      precondition(part.value.count == rows * partWidth, "joining \(parts.map(\.shape))")
      Columns.copy(from: part.value.pointer, partWidth, to: y.output + offset, width, columns: partWidth, rows: rows)
      offset += partWidth
    }
    return record(y, inputs: parts) { Join(parts: parts, widths: widths, rows: rows) }
  }
}

/// Copies columns between row-major arrays of different widths.
enum Columns {
  static func copy(
    from source: UnsafePointer<Float>, _ sourceWidth: Int, to target: UnsafeMutablePointer<Float>, _ targetWidth: Int,
    columns: Int, rows: Int
  ) {
    for row in 0..<rows { (target + row * targetWidth).update(from: source + row * sourceWidth, count: columns) }
  }
}

private struct Sum: TapeOperation {
  let a: Variable
  let b: Variable
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    gradients.add(gradient, to: a)
    gradients.add(gradient, to: b)
  }
}

private struct Product: TapeOperation {
  let a: Variable
  let b: Variable
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    if a.needsGradient { gradients.add(Elementwise.multiply(gradient, b.value), to: a) }
    if b.needsGradient { gradients.add(Elementwise.multiply(gradient, a.value), to: b) }
  }
}

private struct Scaling: TapeOperation {
  let x: Variable
  let factor: Float
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let result = Tensor.zeros(x.shape)
    Elementwise.add(gradient, scale: factor, into: result)
    gradients.add(result, to: x)
  }
}

private struct Activated: TapeOperation {
  let function: Activation
  let x: Variable
  let y: Tensor
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    gradients.add(Elementwise.backward(function, gradient, input: x.value, output: y), to: x)
  }
}

private struct Reshape: TapeOperation {
  let x: Variable
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) { gradients.add(gradient.reshaped(x.shape), to: x) }
}

private struct Slice: TapeOperation {
  let x: Variable
  let range: Range<Int>
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let width = x.shape.last ?? 1
    let result = Tensor.zeros(x.shape)
    Columns.copy(
      from: gradient.pointer, range.count, to: result.output + range.lowerBound, width, columns: range.count,
      rows: x.value.count / width)
    gradients.add(result, to: x)
  }
}

private struct Join: TapeOperation {
  let parts: [Variable]
  let widths: [Int]
  let rows: Int
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let width = widths.reduce(0, +)
    var offset = 0
    for (part, partWidth) in zip(parts, widths) {
      if part.needsGradient {
        let result = Tensor(uninitialised: part.shape)
        Columns.copy(
          from: gradient.pointer + offset, width, to: result.output, partWidth, columns: partWidth, rows: rows)
        gradients.add(result, to: part)
      }
      offset += partWidth
    }
  }
}
