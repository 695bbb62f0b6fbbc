import HSINumerics

extension Tape {
  /// `a + b`, where `b` lacks the axes `axes` of `a` and is repeated over them.
  ///
  /// A bias or position table is repeated over leading axes (`0..<k`), a vector per sample over the axes in the middle. The
  /// gradient of `b` is a sum over `axes`, in double precision.
  public func add(_ a: Variable, _ b: Variable, repeatedOver axes: Range<Int>) -> Variable {
    let view = RepeatedView(a.shape, b.shape, axes)
    let y = Tensor(uninitialised: a.shape)
    view.combine(a.value.pointer, b.value.pointer, y.output) { $0 + $1 }
    return record(y, inputs: [a, b]) { RepeatedSum(a: a, b: b, view: view) }
  }

  /// `a ⊙ b`, where `b` lacks the axes `axes` of `a` and is repeated over them.
  public func multiply(_ a: Variable, _ b: Variable, repeatedOver axes: Range<Int>) -> Variable {
    let view = RepeatedView(a.shape, b.shape, axes)
    let y = Tensor(uninitialised: a.shape)
    view.combine(a.value.pointer, b.value.pointer, y.output) { $0 * $1 }
    return record(y, inputs: [a, b]) { RepeatedProduct(a: a, b: b, view: view) }
  }

  /// The mean over the axes `axes`, which vanish; double precision beyond some values.
  public func mean(_ x: Variable, over axes: Range<Int>) -> Variable {
    let shape = Array(x.shape[..<axes.lowerBound] + x.shape[axes.upperBound...])
    let view = RepeatedView(x.shape, shape, axes)
    let y = Tensor(uninitialised: shape)
    view.sum(x.value.pointer, scale: 1 / Double(view.middle), y.output)
    return record(y, inputs: [x]) { Mean(x: x, view: view) }
  }
}

/// An array seen as `[outer, middle, inner]`, beside one of `[outer, inner]` that is repeated over the middle.
struct RepeatedView: Sendable {
  let outer: Int
  let middle: Int
  let inner: Int

  init(_ shape: [Int], _ repeated: [Int], _ axes: Range<Int>) {
    outer = shape[..<axes.lowerBound].reduce(1, *)
    middle = shape[axes].reduce(1, *)
    inner = shape[axes.upperBound...].reduce(1, *)
    precondition(
      repeated.reduce(1, *) == outer * inner, "\(repeated) cannot be repeated over the axes \(axes) of \(shape)")
  }

  /// Rows of `inner` values that one item of the pool takes.
  private var chunk: Int { max(1, 16_384 / max(inner, 1)) }

  func combine(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ operation: (Float, Float) -> Float
  ) {
    Parallel.forEachChunk(of: outer * middle, chunk: chunk) { _, rows in
      for row in rows {
        let (u, v, w) = (a + row * inner, b + row / middle * inner, y + row * inner)
        for i in 0..<inner { w[i] = operation(u[i], v[i]) }
      }
    }
  }

  /// `y = scale · Σ over the middle of x` (times `factor` value by value where given).
  func sum(
    _ x: UnsafePointer<Float>, times factor: UnsafePointer<Float>? = nil, scale: Double,
    _ y: UnsafeMutablePointer<Float>
  ) {
    // Parts of the middle whose number depends on the shape alone.
    let parts = max(1, min(middle / 64, 16))
    let partial = DoubleScratch(parts * outer * inner)
    Parallel.forEach(outer * parts) { item in
      let (o, part) = (item / parts, item % parts)
      let total = partial.pointer + item * inner
      total.update(repeating: 0, count: inner)
      for m in (part * middle / parts)..<((part + 1) * middle / parts) {
        let start = (o * middle + m) * inner
        if let factor {
          for i in 0..<inner { total[i] += Double(x[start + i]) * Double(factor[start + i]) }
        } else {
          for i in 0..<inner { total[i] += Double(x[start + i]) }
        }
      }
    }
    for o in 0..<outer {
      for i in 0..<inner {
        var total = 0.0
        for part in 0..<parts { total += partial.pointer[(o * parts + part) * inner + i] }
        y[o * inner + i] = Float(scale * total)
      }
    }
  }
}

/// Double-precision working memory out of the pool of buffers.
final class DoubleScratch: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Double>
  private let bytes: Int
  private let pool: BufferPool

  init(_ count: Int) {
    bytes = max(count, 1) * MemoryLayout<Double>.stride
    pool = BufferPool.current
    pointer = pool.take(bytes: bytes).bindMemory(to: Double.self, capacity: max(count, 1))
  }

  deinit { pool.giveBack(UnsafeMutableRawPointer(pointer), bytes: bytes) }
}

private struct RepeatedSum: TapeOperation {
  let a: Variable
  let b: Variable
  let view: RepeatedView
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    gradients.add(gradient, to: a)
    guard b.needsGradient else { return }
    let db = Tensor(uninitialised: b.shape)
    view.sum(gradient.pointer, scale: 1, db.output)
    gradients.add(db, to: b)
  }
}

private struct RepeatedProduct: TapeOperation {
  let a: Variable
  let b: Variable
  let view: RepeatedView
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    if a.needsGradient {
      let da = Tensor(uninitialised: a.shape)
      view.combine(gradient.pointer, b.value.pointer, da.output) { $0 * $1 }
      gradients.add(da, to: a)
    }
    guard b.needsGradient else { return }
    let db = Tensor(uninitialised: b.shape)
    view.sum(gradient.pointer, times: a.value.pointer, scale: 1, db.output)
    gradients.add(db, to: b)
  }
}

private struct Mean: TapeOperation {
  let x: Variable
  let view: RepeatedView
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let dx = Tensor(uninitialised: x.shape)
    let factor = 1 / Float(view.middle)
    view.combine(x.value.pointer, gradient.pointer, dx.output) { factor * $1 }
    gradients.add(dx, to: x)
  }
}
