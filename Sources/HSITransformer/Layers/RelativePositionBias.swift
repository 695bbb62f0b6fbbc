import Foundation

/// A table of attention biases per relative position and head, `[(2w − 1)², heads]`.
///
/// Gives `[heads, L, L]` for the positions of a window that carry a token. Those that carry none (padding) share one key, and
/// so one column `[heads, L]`, `log Σ exp(bias)` over them: the softmax over that column equals the sum over them exactly.
public final class RelativePositionBias {
  /// `[(2w − 1)², heads]`.
  public let table: Parameter
  /// Side of the window.
  public let window: Int
  /// Number of heads.
  public let heads: Int
  private var cache: [[Int]: (version: Int, bias: Tensor)] = [:]

  /// A table `relative_position_bias_table` of `scope`; with `storesIndex` also the index buffer that checkpoints hold.
  public init(
    _ scope: ParameterScope, window: Int, heads: Int, storesIndex: Bool,
    initialisation: Initialisation = .truncatedNormal(0.02)
  ) {
    self.window = window
    self.heads = heads
    let side = 2 * window - 1
    table = scope.parameter("relative_position_bias_table", [side * side, heads], initialisation, role: .table)
    guard storesIndex else { return }
    let positions = window * window
    let index = scope.buffer("relative_position_index", [positions, positions], 0, isInteger: true)
    index.update { values in
      for i in 0..<positions {
        for j in 0..<positions {
          values[i * positions + j] = Float(WindowGeometry.relativeIndex(i, j, window: window))
        }
      }
    }
  }

  /// The biases between all positions of a window, `[heads, w², w²]`.
  public func callAsFunction(_ tape: Tape) -> Variable { bias(Array(0..<(window * window)), tape) }

  /// The biases between some positions of a window, `[heads, count, count]`.
  func bias(_ tokens: [Int], _ tape: Tape) -> Variable {
    let value = cached(tokens + [0]) {
      let result = Tensor(uninitialised: [heads, tokens.count, tokens.count])
      for h in 0..<heads {
        for (row, i) in tokens.enumerated() {
          for (column, j) in tokens.enumerated() {
            result.output[(h * tokens.count + row) * tokens.count + column] = table.value.pointer[entry(i, j, h)]
          }
        }
      }
      return result
    }
    return tape.record(value, inputs: [], parameters: [table]) { Backward(layer: self, tokens: tokens) }
  }

  /// The bias of the positions `tokens` towards all other positions of the window together, `[heads, count]`.
  func paddingBias(_ tokens: [Int], _ tape: Tape) -> Variable {
    let others = (0..<(window * window)).filter { !tokens.contains($0) }
    let value = cached(tokens + [1]) {
      let result = Tensor(uninitialised: [heads, tokens.count])
      let source = table.value.pointer
      for h in 0..<heads {
        for (row, i) in tokens.enumerated() {
          let largest = others.reduce(-Float.infinity) { max($0, source[entry(i, $1, h)]) }
          let sum = others.reduce(0.0) { $0 + exp(Double(source[entry(i, $1, h)] - largest)) }
          result.output[h * tokens.count + row] = largest + Float(log(sum))
        }
      }
      return result
    }
    return tape.record(value, inputs: [], parameters: [table]) {
      PaddingBackward(layer: self, tokens: tokens, others: others, value: value)
    }
  }

  private func entry(_ i: Int, _ j: Int, _ h: Int) -> Int {
    WindowGeometry.relativeIndex(i, j, window: window) * heads + h
  }

  private func cached(_ key: [Int], _ make: () -> Tensor) -> Tensor {
    if let known = cache[key], known.version == table.version { return known.bias }
    let made = make()
    cache[key] = (table.version, made)
    return made
  }

  private struct Backward: TapeOperation {
    let layer: RelativePositionBias
    let tokens: [Int]

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      layer.table.accumulate { total in
        var index = 0
        for h in 0..<layer.heads {
          for i in tokens {
            for j in tokens {
              total[layer.entry(i, j, h)] += gradient.pointer[index]
              index += 1
            }
          }
        }
      }
    }
  }

  private struct PaddingBackward: TapeOperation {
    let layer: RelativePositionBias
    let tokens: [Int]
    let others: [Int]
    let value: Tensor

    func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
      let source = layer.table.value.pointer
      layer.table.accumulate { total in
        for h in 0..<layer.heads {
          for (row, i) in tokens.enumerated() {
            let place = h * tokens.count + row
            for j in others {
              let entry = layer.entry(i, j, h)
              total[entry] += gradient.pointer[place] * expf(source[entry] - value.pointer[place])
            }
          }
        }
      }
    }
  }
}
