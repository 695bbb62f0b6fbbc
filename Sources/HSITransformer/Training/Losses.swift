import CKernels
import Foundation
import HSINumerics

extension Tape {
  /// `mean (x − t)²` over all values. The target gets no gradient.
  public func meanSquaredError(_ x: Variable, _ target: Tensor) -> Variable {
    precondition(x.value.count == target.count, "loss of \(x.shape) against \(target.shape)")
    let gradient = Tensor(uninitialised: x.shape)
    let scratch = Tensor(uninitialised: [hsi_sum_scratch_size(target.count)])
    let sum = hsi_squared_error(
      x.value.pointer, target.pointer, target.count, 1 / Float(target.count), gradient.output, scratch.output)
    let loss = Tensor([], [Float(sum / Double(target.count))])
    return record(loss, inputs: [x]) { Scaled(x: x, direction: gradient, factor: 1) }
  }

  /// `mean |x − t|`. The gradient at 0 is 0.
  public func meanAbsoluteError(_ x: Variable, _ target: Tensor) -> Variable {
    precondition(x.value.count == target.count, "loss of \(x.shape) against \(target.shape)")
    let gradient = Tensor(uninitialised: x.shape)
    let scratch = Tensor(uninitialised: [hsi_sum_scratch_size(target.count)])
    let sum = hsi_absolute_error(
      x.value.pointer, target.pointer, target.count, 1 / Float(target.count), gradient.output, scratch.output)
    let loss = Tensor([], [Float(sum / Double(target.count))])
    return record(loss, inputs: [x]) { Scaled(x: x, direction: gradient, factor: 1) }
  }

  /// Mean over planes of `½ ln(mean (x − t)² + floor)`: up to sign and factor the PSNR, so that weakly and strongly disturbed planes
  /// weigh the same, where the mean squared error hears only the loudest.
  ///
  /// - Parameters:
  ///   - planes: number of equal parts, in memory order, each of which has its own error (samples · bands for `[B, D, H, W, 1]`).
  ///   - floor: squared error below which improvements count less and less; 10⁻⁵ is 50 dB.
  public func planeDecibelLoss(_ x: Variable, _ target: Tensor, planes: Int, floor: Double = 1e-5) -> Variable {
    precondition(
      x.value.count == target.count && planes > 0 && target.count % planes == 0,
      "loss of \(x.shape) against \(target.shape)")
    let size = target.count / planes
    let gradient = Tensor(uninitialised: x.shape)
    let losses = Tensor(uninitialised: [planes])
    let (values, wanted) = (x.value.pointer, target.pointer)
    let (out, parts) = (gradient.output, losses.output)
    Parallel.forEach(planes) { plane in
      let start = plane * size
      var sum = 0.0
      for i in start..<(start + size) {
        let difference = values[i] - wanted[i]
        out[i] = difference
        sum += Double(difference * difference)
      }
      let error = sum / Double(size) + floor
      parts[plane] = Float(0.5 * log(error))
      let factor = Float(1 / (error * Double(target.count)))
      for i in start..<(start + size) { out[i] *= factor }
    }
    var sum = 0.0
    for plane in 0..<planes { sum += Double(losses.pointer[plane]) }
    let loss = Tensor([], [Float(sum / Double(planes))])
    return record(loss, inputs: [x]) { Scaled(x: x, direction: gradient, factor: 1) }
  }

  /// Mean spectral angle in radians, `mean over pixels of arccos(⟨x, t⟩ / (|x| |t|))`, over the last axis. The cosine is kept
  /// 10⁻⁶ away from ±1, where the derivative has no limit; a target of zeros counts π/2 and has no gradient.
  ///
  /// - Parameter weights: `[bands]`, the weight of every band in products and lengths; all 1 when nil.
  public func spectralAngleLoss(_ x: Variable, _ target: Tensor, weights: Tensor? = nil) -> Variable {
    let bands = x.shape[x.shape.count - 1]
    precondition(
      x.value.count == target.count && (weights?.count ?? bands) == bands, "loss of \(x.shape) against \(target.shape)")
    let rows = x.value.count / max(bands, 1)
    let gradient = Tensor(uninitialised: x.shape)
    var angles = [Double](repeating: 0, count: rows)
    hsi_spectral_angle(
      x.value.pointer, target.pointer, weights?.pointer, rows, bands, 1 / Double(rows), gradient.output, &angles)
    let loss = Tensor([], [Float(angles.reduce(0, +) / Double(rows))])
    return record(loss, inputs: [x]) { Scaled(x: x, direction: gradient, factor: 1) }
  }

  /// Mean cross entropy of logits `[batch, classes]` with label smoothing s: target `(1 − s) onehot + s / classes`.
  public func crossEntropy(_ logits: Variable, labels: [Int], smoothing: Double = 0) -> Variable {
    let (batch, classes) = (logits.shape[0], logits.shape[1])
    precondition(
      labels.count == batch && labels.allSatisfy { (0..<classes).contains($0) }, "labels for \(logits.shape)")
    let probabilities = logits.value.copy()
    Softmax.rows(probabilities)
    var sum = 0.0
    for b in 0..<batch {
      let t = logits.value.pointer + b * classes
      let largest = (0..<classes).reduce(-Double.infinity) { max($0, Double(t[$1])) }
      let logSum = largest + log((0..<classes).reduce(0.0) { $0 + exp(Double(t[$1]) - largest) })
      for c in 0..<classes {
        let wanted = (c == labels[b] ? 1 - smoothing : 0) + smoothing / Double(classes)
        sum += wanted * (logSum - Double(t[c]))
        probabilities.output[b * classes + c] -= Float(wanted)
      }
    }
    let loss = Tensor([], [Float(sum / Double(batch))])
    return record(loss, inputs: [logits]) {
      Scaled(x: logits, direction: probabilities, factor: 1 / Float(batch))
    }
  }
}

/// A loss whose gradient is known up to a factor when the loss is.
private struct Scaled: TapeOperation {
  let x: Variable
  let direction: Tensor
  let factor: Float
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    let result = Tensor.zeros(x.shape)
    Elementwise.add(direction.reshaped(x.shape), scale: factor * gradient.scalar, into: result)
    gradients.add(result, to: x)
  }
}
