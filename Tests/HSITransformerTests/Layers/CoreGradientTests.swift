import Foundation
import Testing

@testable import HSITransformer

/// The layers of the core against scalar double-precision references and their central differences.
@Suite(.exactAlgorithms) struct CoreGradientTests {
  @Test(arguments: [
    (1, 3, 1, false, Float(1)), (3, 1, 1, true, 1), (3, 3, 1, true, 0.2), (1, 3, 2, false, 1), (1, 1, 1, true, 1),
    (3, 3, 2, true, 0.01),
  ])
  func convolution(_ depth: Int, _ plane: Int, _ stride: Int, _ bias: Bool, _ leak: Float) {
    let store = ParameterStore(seed: 3)
    let layer = Convolution(
      store.root, input: 3, output: 6, depthTaps: depth, planeTaps: plane, stride: stride, bias: bias, leak: leak)
    GradientCheck()(store, inputs: [Reference([2, 3, 5, 4, 3], seed: 1)]) {
      layer($0[0], $1)
    } reference: { p in
      p[0].convolved(p["weight"], bias: bias ? p["bias"] : nil, stride: stride)
        .map { $0 > 0 ? $0 : Double(leak) * $0 }
    }
  }

  /// Winograd's transform in the plane, at its own accuracy.
  @Test func convolutionOfManyChannels() {
    let store = ParameterStore(seed: 4)
    let layer = Convolution(store.root, input: 8, output: 8, planeTaps: 3)
    GradientCheck(tolerance: 5e-4)(store, inputs: [Reference([1, 6, 7, 8], seed: 2)]) {
      layer($0[0], $1)
    } reference: { p in
      let w = p["weight"]
      let y = Reference([1, 1, 6, 7, 8], p[0].values).convolved(Reference([8, 8, 1, 3, 3], w.values))
      return Reference([1, 6, 7, 8], y.values)
    }
  }

  @Test(arguments: [1, 3])
  func depthwise(_ depth: Int) {
    let store = ParameterStore(seed: 5)
    let layer = DepthwiseConvolution(store.root, channels: 5, depthTaps: depth, bias: true)
    GradientCheck()(store, inputs: [Reference([2, 3, 4, 5, 5], seed: 3)]) {
      layer($0[0], $1)
    } reference: {
      $0[0].convolved($0["weight"], bias: $0["bias"], depthwise: true)
    }
  }

  @Test func linearWithResidual() {
    for hasBias in [false, true] {
      let store = ParameterStore(seed: 6)
      let layer = Linear(store.root, input: 7, output: 5, bias: hasBias)
      let inputs = [Reference([2, 3, 7], seed: 4), Reference([2, 3, 5], seed: 5)]
      GradientCheck()(store, inputs: inputs) {
        layer($0[0], residual: $0[1], $1)
      } reference: {
        $0[0].linear($0["weight"], hasBias ? $0["bias"] : nil) + $0[1]
      }
    }
  }

  /// Only the bias is trained, or nothing: the others get no gradient.
  @Test func frozenLinear() {
    let store = ParameterStore(seed: 6)
    let layer = Linear(store.root, input: 7, output: 5)
    for name in ["bias", "weight", ""] {
      store.train { $0.name == name }
      GradientCheck()(store, inputs: [Reference([2, 3, 7], seed: 4)]) {
        layer($0[0], $1)
      } reference: {
        $0[0].linear($0["weight"], $0["bias"])
      }
    }
  }

  @Test(arguments: [(false, false), (false, true), (true, false), (true, true)])
  func adapters(_ isGated: Bool, _ isFrozen: Bool) {
    let store = ParameterStore(seed: 7)
    let layer = Linear(store.root, input: 9, output: 6)
    if isGated {
      layer.attach(.gatedLora(rank: 3, alpha: 5, initialisation: .normal(0.5)))
    } else {
      layer.attach(.lora(rank: 3, alpha: 5, initialisation: .normal(0.5)))
    }
    if isFrozen { store.train([.adapter]) }
    GradientCheck()(store, inputs: [Reference([2, 4, 9], seed: 6)]) {
      layer($0[0], $1)
    } reference: { p in
      let thin = p[0].linear(p["lora_down.weight"]).linear(p["lora_up.weight"]).map { $0 * 5 / 3 }
      let base = p[0].linear(p["weight"], p["bias"])
      guard isGated else { return base + thin }
      return base + p[0].linear(p["lora_gate.weight"]).map(sigmoid) * thin + p[0].linear(p["lora_residual.weight"])
    }
  }

  /// With dropout the layer is linear in its input for a fixed mask: slopes against differences of the layer itself.
  @Test func adapterDropout() throws {
    let store = ParameterStore(seed: 8)
    let layer = Linear(store.root, input: 6, output: 4)
    layer.attach(.lora(rank: 2, dropout: 0.5, initialisation: .normal(0.5)))
    store.train([.adapter])
    let x = Reference([8, 6], seed: 9)
    func run(_ x: Reference) -> (Variable, Variable, Tape) {
      let tape = Tape(.training, seed: 21)
      let input = tape.input(x.tensor)
      return (layer(input, tape), input, tape)
    }
    let (y, input, tape) = run(x)
    let plain = layer(Variable(x.tensor), Tape(.inference))
    #expect(zip(y.value.values, plain.value.values).contains { abs($0 - $1) > 0.01 }, "dropout acts in training")
    tape.backward(from: y)
    let gradient = try #require(tape.gradient(of: input)).values
    for k in [0, 7, 20, 33, 47] {
      var moved = x
      moved.values[k] += 1
      let slope = zip(run(moved).0.value.values, y.value.values).reduce(0.0) { $0 + Double($1.0 - $1.1) }
      #expect(abs(slope - Double(gradient[k])) < 1e-4)
    }
  }

  @Test(arguments: [true, false])
  func batchNorm(_ isTraining: Bool) {
    let store = ParameterStore(seed: 9)
    let layer = BatchNorm(store.root, channels: 3)
    layer.weight.set(Tensor([3], [0.5, 1.5, -1]))
    layer.bias.set(Tensor([3], [0.1, -0.2, 0.3]))
    layer.runningMean.set(Tensor([3], [0.3, -0.5, 0.2]))
    layer.runningVariance.set(Tensor([3], [0.5, 2, 1.5]))
    GradientCheck(isTraining ? .training : .evaluation)(store, inputs: [Reference([2, 5, 3], seed: 10)]) {
      layer($0[0], $1)
    } reference: { p in
      var y = p[0]
      for c in 0..<3 {
        let column = (0..<10).map { p[0].values[$0 * 3 + c] }
        let mean = isTraining ? column.reduce(0, +) / 10 : p["running_mean"].values[c]
        let variance =
          isTraining ? column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 10 : p["running_var"].values[c]
        for n in 0..<10 {
          y.values[n * 3 + c] =
            p["weight"].values[c] * (column[n] - mean) / (variance + 1e-5).squareRoot() + p["bias"].values[c]
        }
      }
      return y
    }
  }

  @Test func layerNorm() {
    let store = ParameterStore(seed: 10)
    let layer = LayerNorm(store.root, channels: 7)
    layer.weight.set(Reference([7], seed: 1).tensor)
    layer.bias.set(Reference([7], seed: 2).tensor)
    GradientCheck()(store, inputs: [Reference([70, 7], seed: 3).map { $0 + 3 }]) {
      layer($0[0], $1)
    } reference: { p in
      var y = p[0]
      for row in 0..<70 {
        let x = p[0].values[(row * 7)..<(row * 7 + 7)]
        let mean = x.reduce(0, +) / 7
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 7
        for c in 0..<7 {
          y.values[row * 7 + c] =
            p["weight"].values[c] * (p[0].values[row * 7 + c] - mean) / (variance + 1e-5).squareRoot()
            + p["bias"].values[c]
        }
      }
      return y
    }
  }

  @Test(arguments: [true, false])
  func guidedAttention(_ isSelf: Bool) {
    let store = ParameterStore(seed: 11)
    let layer = GuidedSpectralAttention(store.root, channels: 4, bands: 3, initialisation: .normal(0.5))
    if isSelf { store.train { !$0.name.hasPrefix("attn_proj") } }
    GradientCheck()(store, inputs: [Reference([2, 3, 2, 3, 4], seed: 12)]) {
      layer($0[0], query: isSelf ? .selfQuery : .automatic, $1)
    } reference: { p in
      var y = p[0]
      let value = p[0].linear(p["value_proj.weight"])
      for b in 0..<2 {
        var pooled = Reference(zeros: [3, 4])
        for d in 0..<3 {
          for n in 0..<6 {
            for c in 0..<4 { pooled.values[d * 4 + c] += p[0].values[((b * 3 + d) * 6 + n) * 4 + c] / 6 }
          }
        }
        let map = pooled.linear(isSelf ? pooled : p["attn_proj.weight"], isSelf ? nil : p["attn_proj.bias"]).softmax
        var mixed = Reference(zeros: [3, 6, 4])
        for d in 0..<3 {
          for j in 0..<3 {
            for i in 0..<24 {
              mixed.values[d * 24 + i] += map.values[d * 3 + j] * value.values[(b * 3 + j) * 24 + i]
            }
          }
        }
        let out = mixed.linear(p["fc.weight"])
        for i in 0..<72 { y.values[b * 72 + i] += out.values[i] }
      }
      return y
    }
  }

  @Test func feedForward() {
    let x = [Reference([2, 3, 4], seed: 13)]
    let plainStore = ParameterStore(seed: 12)
    let plain = PlainFeedForward(plainStore.root, channels: 4, hidden: 6, initialisation: .normal(0.5))
    GradientCheck()(plainStore, inputs: x) {
      plain($0[0], $1)
    } reference: {
      $0[0].linear($0["w_1.weight"], $0["w_1.bias"]).map(gelu).linear($0["w_2.weight"], $0["w_2.bias"])
    }
    let store = ParameterStore(seed: 13)
    let modulated = SelfModulatedFeedForward(store.root, channels: 4, initialisation: .normal(0.5))
    GradientCheck()(store, inputs: x) {
      modulated($0[0], $1)
    } reference: {
      let gate = $0[0].linear($0["w_3.weight"], $0["w_3.bias"])
      let direct = $0[0].linear($0["w_1.weight"], $0["w_1.bias"]).map(gelu).linear($0["w_2.weight"], $0["w_2.bias"])
      return direct + gate.columns(0..<4) * gate.columns(4..<8).map(sigmoid)
    }
    let gatedStore = ParameterStore(seed: 14)
    let gated = GatedDepthwiseFeedForward(gatedStore.root, channels: 3)
    GradientCheck()(gatedStore, inputs: [Reference([1, 2, 3, 3, 3], seed: 14)]) {
      gated($0[0], $1)
    } reference: {
      let wide = $0[0].linear(Reference([6, 3], $0["project_in.weight"].values), $0["project_in.bias"])
        .convolved($0["dwconv.weight"], bias: $0["dwconv.bias"], depthwise: true)
      return (wide.columns(0..<3).map(gelu) * wide.columns(3..<6))
        .linear(Reference([3, 3], $0["project_out.weight"].values), $0["project_out.bias"])
    }
  }

  /// Heads, bias, mask and views of one array at once.
  @Test func attentionOfViews() {
    let (n, l, heads, d) = (4, 3, 2, 2)
    let mask = Reference([2, l, l], seed: 31)
    let inputs = [Reference([n, l, 3 * heads * d], seed: 15), Reference([heads, l, l], seed: 16)]
    GradientCheck()(inputs: inputs) { x, tape in
      tape.attention(
        queries: Heads(x[0], width: d), keys: Heads(x[0], offset: heads * d, width: d),
        values: Heads(x[0], offset: 2 * heads * d, width: d), heads: heads, scale: 0.7, bias: x[1],
        mask: mask.tensor)
    } reference: { p in
      var y = Reference(zeros: [n, l, heads * d])
      for b in 0..<n {
        for h in 0..<heads {
          func part(_ which: Int, _ i: Int) -> [Double] {
            let start = (b * l + i) * 3 * heads * d + which * heads * d + h * d
            return Array(p[0].values[start..<(start + d)])
          }
          for i in 0..<l {
            let logits = (0..<l).map { j -> Double in
              let dot = zip(part(0, i), part(1, j)).reduce(0) { $0 + $1.0 * $1.1 }
              return 0.7 * dot + p[1].values[(h * l + i) * l + j] + mask.values[(b % 2 * l + i) * l + j]
            }
            let map = Reference([1, l], logits).softmax.values
            for j in 0..<l {
              for c in 0..<d { y.values[(b * l + i) * heads * d + h * d + c] += map[j] * part(2, j)[c] }
            }
          }
        }
      }
      return y
    }
  }

  @Test(arguments: [true, false])
  func resize(_ aligns: Bool) {
    let (rows, columns) = (5, 7)
    func weights(_ m: Int, _ n: Int) -> [[Double]] {
      (0..<m).map { i in
        var row = [Double](repeating: 0, count: n)
        let t =
          aligns ? Double(i) * Double(n - 1) / Double(m - 1) : max(0, (Double(i) + 0.5) * Double(n) / Double(m) - 0.5)
        let low = min(Int(t), n - 1)
        row[low] += 1 - (t - Double(low))
        row[min(low + 1, n - 1)] += t - Double(low)
        return row
      }
    }
    GradientCheck()(inputs: [Reference([2, 3, 4, 2], seed: 17)]) {
      $1.resizeBilinear($0[0], rows: rows, columns: columns, alignsCorners: aligns)
    } reference: { p in
      let (down, across) = (weights(rows, 3), weights(columns, 4))
      var y = Reference(zeros: [2, rows, columns, 2])
      for b in 0..<2 {
        for r in 0..<rows {
          for c in 0..<columns {
            for k in 0..<2 {
              var sum = 0.0
              for i in 0..<3 {
                for j in 0..<4 { sum += down[r][i] * across[c][j] * p[0].values[((b * 3 + i) * 4 + j) * 2 + k] }
              }
              y.values[((b * rows + r) * columns + c) * 2 + k] = sum
            }
          }
        }
      }
      return y
    }
  }
}

/// Losses of forgetting: gradients against differences.
@Suite struct ForgettingLossTests {
  @Test func groupNorms() {
    let store = ParameterStore(seed: 5)
    let a = store.root.parameter("a", [2, 3], .normal(1))
    let b = store.root.parameter("b", [4], .normal(1))
    let c = store.root.parameter("c", [3], .normal(0.1))
    GradientCheck()(store, inputs: []) { _, tape in
      tape.groupNorm([[a, b], [c]])
    } reference: { p in
      func squares(_ name: String) -> Double { p[name].values.reduce(0) { $0 + $1 * $1 } }
      var sum = Reference(zeros: [])
      sum.values = [(squares("a") + squares("b")).squareRoot() + squares("c").squareRoot()]
      return sum
    }
  }

  @Test(arguments: [2.0, -1.0]) func hinges(_ bound: Double) {
    var x = Reference(zeros: [])
    x.values = [0.5]
    GradientCheck()(inputs: [x]) {
      $1.hinge($0[0], bound: bound)
    } reference: { p in
      p[0].map { max(0, bound - $0) }
    }
  }
}
