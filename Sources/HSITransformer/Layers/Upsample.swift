import CKernels

extension Tape {
  /// Bilinear enlargement of rows and columns of `[…, rows, columns, channels]`; leading axes are left as they are.
  ///
  /// With `alignsCorners` the corner samples of both grids coincide: source coordinate `i (n − 1) / (m − 1)`; otherwise pixel
  /// centres: `(i + ½) n / m − ½`, cut at 0. PyTorch's two conventions.
  public func resizeBilinear(_ x: Variable, rows: Int, columns: Int, alignsCorners: Bool) -> Variable {
    let step = BilinearResize(x: x, rows: rows, columns: columns, alignsCorners: alignsCorners)
    return record(step.forward(), inputs: [x]) { step }
  }
}

private struct BilinearResize: TapeOperation {
  let x: Variable
  let rows: Int
  let columns: Int
  let alignsCorners: Bool

  private var rank: Int { x.shape.count }
  private var planes: Int { x.shape.dropLast(3).reduce(1, *) }

  func forward() -> Tensor {
    let y = Tensor(uninitialised: x.shape.dropLast(3) + [rows, columns, x.shape[rank - 1]])
    hsi_resize_bilinear(
      x.value.pointer, planes, x.shape[rank - 3], x.shape[rank - 2], x.shape[rank - 1], rows, columns,
      alignsCorners ? 1 : 0, y.output)
    return y
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let inputGradient = Tensor(uninitialised: x.shape)
    hsi_resize_bilinear_backward(
      gradient.pointer, planes, x.shape[rank - 3], x.shape[rank - 2], x.shape[rank - 1], rows, columns,
      alignsCorners ? 1 : 0, inputGradient.output)
    gradients.add(inputGradient, to: x)
  }
}
