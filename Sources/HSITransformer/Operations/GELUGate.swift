import CKernels

extension Tape {
  /// One half of the last axis, let pass by the other: `v ⊙ GELU(g)`, exact GELU.
  ///
  /// - Parameters:
  ///   - x: `[…, 2m]`, halves `[v; g]`.
  ///   - gateFirst: true for halves `[g; v]`.
  /// - Returns: `[…, m]`.
  public func geluGate(_ x: Variable, gateFirst: Bool = false) -> Variable {
    let step = GELUGate(x: x, gateFirst: gateFirst)
    return record(step.forward(), inputs: [x]) { step }
  }
}

private struct GELUGate: TapeOperation {
  let x: Variable
  let gateFirst: Bool

  private var width: Int { (x.shape.last ?? 2) / 2 }

  func forward() -> Tensor {
    precondition(x.shape.last == 2 * width, "halves of \(x.shape)")
    let y = Tensor(uninitialised: x.shape.dropLast() + [width])
    hsi_gelu_gate_forward(x.value.pointer, y.count / max(width, 1), width, gateFirst ? 1 : 0, y.output)
    return y
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let dx = Tensor(uninitialised: x.shape)
    hsi_gelu_gate_backward(
      x.value.pointer, gradient.pointer, gradient.count / max(width, 1), width, gateFirst ? 1 : 0, dx.output)
    gradients.add(dx, to: x)
  }
}
