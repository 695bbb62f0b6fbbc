import CKernels
import HSICore

/// Dropout: in training each value is zero with probability `rate`, the others are divided by `1 − rate`.
public enum Dropout {
  /// A mask of 0 and 1/(1 − rate).
  static func mask(count: Int, rate: Double, _ random: inout CounterRandom) -> Tensor {
    let mask = Tensor(uninitialised: [count])
    let keep = Float(1 / (1 - rate))
    for i in 0..<count { mask.output[i] = random.uniform() < rate ? 0 : keep }
    return mask
  }

  /// Dropout of single values.
  public static func values(_ x: Variable, rate: Double, _ tape: Tape) -> Variable {
    guard tape.isTraining, rate > 0 else { return x }
    return masked(x, mask(count: x.value.count, rate: rate, &tape.random).reshaped(x.shape), tape)
  }

  /// Drop path (stochastic depth): whole samples (first axis) are dropped, by a draw of the tape for each.
  public static func path(_ x: Variable, rate: Double, _ tape: Tape) -> Variable {
    guard tape.isTraining, rate > 0 else { return x }
    let each = x.value.count / x.shape[0]
    let full = Tensor(uninitialised: x.shape)
    for b in 0..<x.shape[0] {
      (full.output + b * each).update(repeating: tape.draw() < rate ? 0 : Float(1 / (1 - rate)), count: each)
    }
    return masked(x, full, tape)
  }

  /// Band dropout of `[batch, bands, rows, columns, channels]`: one draw per sample, band and channel, shared over the plane.
  public static func bands(_ x: Variable, rate: Double, _ tape: Tape) -> Variable {
    guard tape.isTraining, rate > 0 else { return x }
    let (planes, pixels, channels) = (x.shape[0] * x.shape[1], x.shape[2] * x.shape[3], x.shape[4])
    let draws = mask(count: planes * channels, rate: rate, &tape.random)
    let full = Tensor(uninitialised: x.shape)
    for plane in 0..<planes {
      for pixel in 0..<pixels {
        (full.output + (plane * pixels + pixel) * channels).update(
          from: draws.pointer + plane * channels, count: channels)
      }
    }
    return masked(x, full, tape)
  }

  private static func masked(_ x: Variable, _ mask: Tensor, _ tape: Tape) -> Variable {
    tape.record(Elementwise.multiply(x.value, mask), inputs: [x]) { Masked(x: x, mask: mask) }
  }

  private struct Masked: TapeOperation {
    let x: Variable
    let mask: Tensor
    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      gradients.add(Elementwise.multiply(gradient, mask), to: x)
    }
  }
}
