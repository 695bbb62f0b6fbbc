import Foundation
import Testing

@testable import HSITransformer

/// Attention layers and what they are made of against scalar double-precision references and their central differences.
@Suite(.exactAlgorithms) struct AttentionLayerTests {
  /// `softmax(s q kᵀ + bias + mask) v` head by head; rows `[N, L, heads · d]`.
  private func attend(
    _ q: Reference, _ k: Reference, _ v: Reference, heads: Int, scale: Double, bias: Reference? = nil,
    mask: Reference? = nil
  ) -> Reference {
    let (n, lq, lk, width) = (q.shape[0], q.shape[1], k.shape[1], q.shape[2] / heads)
    var y = Reference(zeros: [n, lq, v.shape[2]])
    for b in 0..<n {
      for h in 0..<heads {
        for i in 0..<lq {
          let logits = (0..<lk).map { j -> Double in
            var sum = 0.0
            for c in 0..<width {
              sum += q.values[(b * lq + i) * q.last + h * width + c] * k.values[(b * lk + j) * k.last + h * width + c]
            }
            return scale * sum + (bias?.values[(h * lq + i) * lk + j] ?? 0) + (mask?.values[i * lk + j] ?? 0)
          }
          let map = Reference([1, lk], logits).softmax.values
          for j in 0..<lk {
            for c in 0..<width {
              y.values[(b * lq + i) * v.last + h * width + c] +=
                map[j] * v.values[(b * lk + j) * v.last + h * width + c]
            }
          }
        }
      }
    }
    return y
  }

  private func normalised(_ x: Reference, width: Int, _ weight: Reference, _ bias: Reference) -> Reference {
    var y = x
    for start in stride(from: 0, to: x.count, by: width) {
      let v = x.values[start..<(start + width)]
      let mean = v.reduce(0, +) / Double(width)
      let deviation = (v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width) + 1e-6).squareRoot()
      for c in 0..<width {
        y.values[start + c] = weight.values[c] * (x.values[start + c] - mean) / deviation + bias.values[c]
      }
    }
    return y
  }

  private func unit(_ x: Reference, width: Int) -> Reference {
    var y = x
    for start in stride(from: 0, to: x.count, by: width) {
      let length = x.values[start..<(start + width)].reduce(0) { $0 + $1 * $1 }.squareRoot()
      for c in start..<(start + width) { y.values[c] /= length }
    }
    return y
  }

  @Test(arguments: [QueryKeyNormalisation.none, .layerNorm(epsilon: 1e-6), .cosine])
  func globalAttention(_ kind: QueryKeyNormalisation) {
    let (heads, width) = (2, 4)
    let store = ParameterStore(seed: 41)
    let layer = MultiHeadAttention(store.root, channels: 8, heads: heads, normalisation: kind)
    store["temperature"]?.set(Tensor([2], [1.5, 0.7]))
    let (bias, mask) = (Reference([heads, 3, 3], seed: 42), Reference([1, 3, 3], seed: 43))
    GradientCheck()(store, inputs: [Reference([2, 3, 8], seed: 44), bias]) {
      layer($0[0], bias: $0[1], mask: mask.tensor, $1)
    } reference: { p in
      let all = p[0].linear(p["qkv.weight"], p["qkv.bias"])
      var (q, k) = (all.columns(0..<8), all.columns(8..<16))
      var scale = 0.5
      if case .layerNorm = kind {
        q = normalised(q, width: width, p["q_norm.weight"], p["q_norm.bias"])
        k = normalised(k, width: width, p["k_norm.weight"], p["k_norm.bias"])
      } else if kind == .cosine {
        (q, k, scale) = (unit(q, width: width), unit(k, width: width), 1)
        for i in 0..<q.count { q.values[i] *= p["temperature"].values[i % 8 / width] }
      }
      return attend(q, k, all.columns(16..<24), heads: heads, scale: scale, bias: p[1], mask: mask)
        .linear(p["proj.weight"], p["proj.bias"])
    }
  }

  @Test func crossAttention() {
    let store = ParameterStore(seed: 45)
    let layer = MultiHeadAttention(store.root, channels: 6, heads: 3, other: 5, bias: false)
    GradientCheck()(store, inputs: [Reference([2, 3, 6], seed: 46), Reference([2, 4, 5], seed: 47)]) {
      layer($0[0], keysAndValues: $0[1], $1)
    } reference: { p in
      let kv = p[1].linear(p["kv.weight"])
      return attend(
        p[0].linear(p["q.weight"]), kv.columns(0..<6), kv.columns(6..<12), heads: 3, scale: 1 / 2.0.squareRoot()
      ).linear(p["proj.weight"], p["proj.bias"])
    }
  }

  /// A pair that is masked takes no part, whatever its product; a row without any partner is the mean.
  @Test func masksExclude() {
    let store = ParameterStore(seed: 48)
    let layer = MultiHeadAttention(store.root, channels: 4, heads: 1)
    let mask = AttentionMask.additive([true, false, true, true, false, false], shape: [1, 2, 3])
    let x = Reference([1, 3, 4], seed: 49)
    let y = Tape(.inference).attention(
      queries: Heads(Variable(x.tensor), width: 4, count: 2), keys: Heads(Variable(x.tensor), width: 4),
      values: Heads(Variable(x.tensor), width: 4), heads: 1, scale: 1, mask: mask
    ).value.values
    for c in 0..<4 { #expect(abs(Double(y[4 + c]) - x.values[c]) < 1e-6, "the second row sees the first entry only") }
    let without = layer(Variable(x.tensor), Tape(.inference)).value.values
    let open = AttentionMask.additive([Bool](repeating: true, count: 9), shape: [1, 3, 3])
    #expect(layer(Variable(x.tensor), mask: open, Tape(.inference)).value.values == without)
    let closed = AttentionMask.additive([Bool](repeating: false, count: 9), shape: [1, 3, 3])
    #expect(layer(Variable(x.tensor), mask: closed, Tape(.inference)).value.values.allSatisfy { $0.isFinite })
  }

  @Test func rotation() {
    let table = RotaryTable(coordinates: [[-0.7, 0.2], [0.4, 0.9]], width: 8, base: 10, skipping: 1)
    let second = RotaryTable(cosine: table.sine, sine: table.cosine)
    func turned(_ t: [Double], _ table: RotaryTable, _ l: Int) -> [Double] {
      (0..<8).map { i in
        let (c, s) = (Double(table.cosine.values[l * 8 + i]), Double(table.sine.values[l * 8 + i]))
        return t[i] * c + (i < 4 ? -t[i + 4] : t[i - 4]) * s
      }
    }
    GradientCheck()(inputs: [Reference([2, 3, 32], seed: 51)]) {
      $1.rotary($0[0], [table, second])
    } reference: { p in
      var y = p[0]
      for row in 0..<6 {
        for run in 0..<4 {
          let start = row * 32 + run * 8
          y.values.replaceSubrange(
            start..<(start + 8),
            with: turned(Array(p[0].values[start..<(start + 8)]), run % 2 == 0 ? table : second, row % 3))
        }
      }
      return y
    }
    // What the class entry is, stays; lengths stay.
    let x = Reference([1, 3, 8], seed: 52)
    let y = Tape(.inference).rotary(Variable(x.tensor), [table]).value.values
    #expect(Array(y[..<8]) == Array(x.tensor.values[..<8]))
    for row in 0..<3 {
      let (a, b) = (x.values[(row * 8)..<(row * 8 + 8)], y[(row * 8)..<(row * 8 + 8)])
      #expect(abs(a.reduce(0) { $0 + $1 * $1 } - b.reduce(0) { $0 + Double($1) * Double($1) }) < 1e-5)
    }
  }

  @Test func unitVectors() {
    GradientCheck()(inputs: [Reference([2, 3, 6], seed: 53)]) {
      $1.unitLength($0[0], width: 3)
    } reference: {
      unit($0[0], width: 3)
    }
    let zero = Tape(.inference).unitLength(Variable(Tensor.zeros([2, 2])), width: 2)
    #expect(zero.value.values == [0, 0, 0, 0])
  }

  @Test(arguments: [false, true]) func matrixProducts(_ isTransposed: Bool) {
    let second = Reference(isTransposed ? [2, 5, 4] : [2, 4, 5], seed: 55)
    GradientCheck()(inputs: [Reference([2, 3, 4], seed: 54), second]) {
      $1.matrixProduct($0[0], $0[1], transposingSecond: isTransposed)
    } reference: { p in
      var y = Reference(zeros: [2, 3, 5])
      for n in 0..<2 {
        for i in 0..<3 {
          for j in 0..<5 {
            for k in 0..<4 {
              let b = isTransposed ? (n * 5 + j) * 4 + k : (n * 4 + k) * 5 + j
              y.values[(n * 3 + i) * 5 + j] += p[0].values[(n * 3 + i) * 4 + k] * p[1].values[b]
            }
          }
        }
      }
      return y
    }
  }

  /// Means over the rank of outer products of `[B, C, heads · rank · d]` and `[B, N, heads · rank · e]`, head by head.
  private func outerProducts(_ u: Reference, _ v: Reference, heads: Int, rank: Int) -> Reference {
    let (bands, positions) = (u.shape[1], v.shape[1])
    let (d, e) = (u.last / (heads * rank), v.last / (heads * rank))
    var y = Reference(zeros: [u.shape[0], bands, positions, heads * d * e])
    for i in 0..<y.count {
      let (j, a, h) = (i % e, i / e % d, i / (e * d) % heads)
      let pair = i / (e * d * heads)
      let (n, c, b) = (pair % positions, pair / positions % bands, pair / (positions * bands))
      for k in 0..<rank {
        y.values[i] +=
          u.values[(b * bands + c) * u.last + (h * rank + k) * d + a]
          * v.values[(b * positions + n) * v.last + (h * rank + k) * e + j] / Double(rank)
      }
    }
    return y
  }

  @Test func kroneckerGrid() {
    let (heads, rank, d, e) = (2, 3, 2, 4)
    let inputs = [Reference([2, 3, heads * rank * d], seed: 56), Reference([2, 5, heads * rank * e], seed: 57)]
    GradientCheck()(inputs: inputs) {
      $1.kroneckerProducts($0[0], $0[1], heads: heads, rank: rank)
    } reference: {
      outerProducts($0[0], $0[1], heads: heads, rank: rank)
    }
  }

  /// A map of products that are never stored: several ranks, one piece of positions and more.
  @Test(arguments: [(1, 5, true), (2, 70, true), (3, 2, false)])
  func kroneckerProjection(_ rank: Int, _ positions: Int, _ bias: Bool) {
    let (heads, d, e) = (2, 2, 3)
    let store = ParameterStore(seed: 58)
    let layer = Linear(store.root, input: heads * d * e, output: 5, bias: bias)
    let inputs = [
      Reference([2, 3, heads * rank * d], seed: 56), Reference([2, positions, heads * rank * e], seed: 57),
    ]
    GradientCheck()(store, inputs: inputs) {
      $1.kroneckerProjection($0[0], $0[1], by: layer, heads: heads, rank: rank)
    } reference: {
      outerProducts($0[0], $0[1], heads: heads, rank: rank).linear($0["weight"], bias ? $0["bias"] : nil)
    }
  }

  /// Adapters beside the map: a matrix joins it, a gate needs to see the products; both as with the products.
  @Test(arguments: [true, false]) func adaptedKroneckerAttention(_ isGated: Bool) {
    let store = ParameterStore(seed: 59)
    let layer = KroneckerAttention(store.root, width: 12, channelWidth: 4, spatialWidth: 6, heads: 2)
    if isGated {
      layer.projection.attach(.gatedLora(rank: 2, alpha: 5, initialisation: .normal(0.5)))
    } else {
      layer.projection.attach(LowRankAdapter.Configuration(rank: 2))
      for parameter in store.parameters where parameter.name.contains("lora_up") {
        parameter.set(Reference(parameter.shape, seed: 3).tensor)
      }
    }
    store.train([.adapter])
    func run(_ attend: (Variable, Variable, Tape) -> Variable) -> [[Float]] {
      let tape = Tape(.evaluation)
      let (bands, positions) = (
        tape.input(Reference([2, 3, 4], seed: 60).tensor), tape.input(Reference([2, 5, 6], seed: 61).tensor)
      )
      store.clearGradients()
      let y = attend(bands, positions, tape)
      tape.backward(from: y, gradient: Reference(y.shape, seed: 62).tensor)
      return [y.value.values, tape.gradient(of: bands)?.values ?? [], tape.gradient(of: positions)?.values ?? []]
        + store.trainable.map { $0.gradient?.values ?? [] }
    }
    let found = run { layer(bands: $0, positions: $1, $2) }
    let wanted = run {
      layer.projection(
        $2.kroneckerProducts(layer.channelBranch($0, $2), layer.spatialBranch($1, $2), heads: 2, rank: 1), $2)
    }
    for (a, b) in zip(found, wanted) {
      #expect(a.count == b.count && !a.isEmpty)
      for (x, y) in zip(a, b) { #expect(abs(x - y) < 2e-5 * (1 + abs(y))) }
    }
    #expect(found.count > 4)
  }

  /// The attention of LESS ViT from grid to grid: pooled to bands and positions, their attention, the products.
  @Test(arguments: [1, 2]) func lessAttention(_ rank: Int) {
    let (heads, width, bands, positions) = (2, 16, 3, 4)
    let widths = ["channel": 4, "spatial": 8]
    let store = ParameterStore(seed: 71)
    let layer = LESSAttention(store.root, width: width, heads: heads, channelWidthPerHead: 2, rank: rank)
    GradientCheck()(store, inputs: [Reference([2, bands, positions, width], seed: 72)]) {
      layer($0[0], $1)
    } reference: { p in
      func linear(_ x: Reference, _ name: String) -> Reference { x.linear(p[name + ".weight"], p[name + ".bias"]) }
      /// `[B, K, L, d]` to `[B, K, d]`.
      func pooled(_ z: Reference, _ name: String) -> Reference {
        let (rows, length, d) = (z.shape[0] * z.shape[1], z.shape[2], z.last)
        func first(_ x: Reference) -> Reference {
          Reference([rows, 1, d], (0..<rows).flatMap { x.values[($0 * length * d)..<($0 * length * d + d)] })
        }
        let n = normalised(
          z, width: d, p["low_dim_pool.\(name)_norm.weight"], p["low_dim_pool.\(name)_norm.bias"])
        let pool = "low_dim_pool.\(name)_pool."
        let kv = linear(Reference([rows, length, d], n.values), pool + "kv")
        let y = attend(
          linear(first(n), pool + "q"), kv.columns(0..<d), kv.columns(d..<(2 * d)), heads: heads,
          scale: 1 / Double(d / heads).squareRoot())
        return Reference([z.shape[0], z.shape[1], d], (first(z) + linear(y, pool + "proj")).values)
      }
      func branch(_ x: Reference, _ name: String) -> Reference {
        let all = linear(
          normalised(x, width: x.last, p["\(name)_norm.weight"], p["\(name)_norm.bias"]), "attn.\(name)_branch.qk")
        let v = linear(
          normalised(x, width: x.last, p["\(name)_norm.weight"], p["\(name)_norm.bias"]), "attn.\(name)_branch.v")
        return attend(
          all.columns(0..<(all.last / 2)), all.columns((all.last / 2)..<all.last), v, heads: heads * rank,
          scale: 1 / Double(x.last / heads).squareRoot())
      }
      let grid = ["channel", "spatial"].map { linear(p[0], "low_dim_pool.\($0)_linear") }
      var turned = Reference(zeros: [2, positions, bands, widths["spatial"]!])
      for i in 0..<turned.count {
        let (k, c, n) = (i % turned.last, i / turned.last % bands, i / (turned.last * bands) % positions)
        let b = i / (turned.last * bands * positions)
        turned.values[i] = grid[1].values[((b * bands + c) * positions + n) * turned.last + k]
      }
      let (c, s) = (pooled(grid[0], "channel"), pooled(turned, "spatial"))
      return linear(
        outerProducts(branch(c, "channel"), branch(s, "spatial"), heads: heads, rank: rank), "attn.proj")
    }
  }

  @Test func layerScale() {
    let store = ParameterStore(seed: 73)
    let layer = LayerScale(store.root, channels: 5, value: 0.3)
    GradientCheck()(store, inputs: [Reference([2, 3, 5], seed: 74)]) {
      layer($0[0], $1)
    } reference: { p in
      Reference(p[0].shape, p[0].values.enumerated().map { $1 * p["gamma"].values[$0 % 5] })
    }
    GradientCheck()(store, inputs: [Reference([2, 3, 5], seed: 74), Reference([2, 3, 5], seed: 77)]) {
      layer($0[0], addedTo: $0[1], $1)
    } reference: { p in
      p[1] + Reference(p[0].shape, p[0].values.enumerated().map { $1 * p["gamma"].values[$0 % 5] })
    }
  }

  @Test func tiedPatchEmbedding() {
    let (side, width) = (2, 3)
    let store = ParameterStore(seed: 75)
    let layer = TiedPatchEmbedding(store.root, side: side, width: width)
    GradientCheck()(store, inputs: [Reference([2, 2, 4, 6], seed: 76)]) {
      layer($0[0], $1)
    } reference: { p in
      var patches = Reference(zeros: [2, 2, 6, side * side])
      for i in 0..<patches.count {
        let (u, patch, image) = (i % (side * side), i / (side * side) % 6, i / (side * side * 6))
        let (row, column) = (patch / 3 * side + u / side, patch % 3 * side + u % side)
        patches.values[i] = p[0].values[(image * 4 + row) * 6 + column]
      }
      // The weights have the shapes of convolutions.
      return patches.linear(Reference([2 * width, side * side], p["proj.0.weight"].values), p["proj.0.bias"])
        .map { max(0, $0) }.linear(Reference([width, 2 * width], p["proj.2.weight"].values), p["proj.2.bias"])
    }
  }

  /// Against the formula; frequencies and phases in single precision move it by what a phase is rounded by.
  @Test(arguments: [[Float(0), 1, 2.5], [443.6, 1000, 2496]]) func sinusoidalTable(_ values: [Float]) {
    let width = 12
    let table = SinusoidalEmbedding.table(values, width: width).values
    for (row, value) in values.enumerated() {
      for k in 0..<(width / 2) {
        let phase = Double(value) * pow(10_000, -Double(k) / Double(width / 2))
        let tolerance = 2e-7 * max(1, abs(phase)) + 1e-7
        #expect(abs(Double(table[row * width + k]) - sin(phase)) < tolerance)
        #expect(abs(Double(table[row * width + width / 2 + k]) - cos(phase)) < tolerance)
      }
    }
  }

  @Test func embedding() {
    let store = ParameterStore(seed: 58)
    let layer = Embedding(store.root, count: 4, width: 3, initialisation: .normal(1))
    GradientCheck()(store, inputs: []) {
      layer([2, 0, 2], $1)
    } reference: { p in
      Reference([3, 3], [2, 0, 2].flatMap { p["weight"].values[($0 * 3)..<($0 * 3 + 3)] })
    }
  }

  // MARK: - Dropped parts

  /// Whole samples and whole bands are kept (and scaled) or dropped together, with the stated frequency, and the gradient goes
  /// through what was kept; outside training nothing happens.
  @Test(arguments: ["path", "bands", "values"]) func droppedParts(_ kind: String) throws {
    let shape = [40, 3, 4, 5, 2]
    let rate = 0.3
    func drop(_ x: Variable, _ tape: Tape) -> Variable {
      switch kind {
      case "path": Dropout.path(x, rate: rate, tape)
      case "bands": Dropout.bands(x, rate: rate, tape)
      default: Dropout.values(x, rate: rate, tape)
      }
    }
    let ones = Tensor(shape, repeating: 1)
    #expect(drop(Variable(ones), Tape(.evaluation)).value.values == ones.values)
    let tape = Tape(.training, seed: 3)
    let x = tape.input(ones)
    let y = drop(x, tape)
    let values = y.value.values
    // The part that a value belongs to.
    func part(_ i: Int) -> Int {
      switch kind {
      case "path": i / 120
      case "bands": i / 40 * 2 + i % 2
      default: i
      }
    }
    var seen: [Int: Float] = [:]
    for (i, value) in values.enumerated() {
      #expect(value == 0 || abs(value - Float(1 / (1 - rate))) < 1e-6)
      if let other = seen[part(i)] { #expect(other == value) } else { seen[part(i)] = value }
    }
    let dropped = Double(seen.values.filter { $0 == 0 }.count) / Double(seen.count)
    // Four standard deviations of the mean of as many draws.
    #expect(abs(dropped - rate) < 4 * (rate * (1 - rate) / Double(seen.count)).squareRoot())
    tape.backward(from: y)
    let gradient = try #require(tape.gradient(of: x))
    #expect(gradient.values == values)
  }

  // MARK: - Adapters that are not a matrix

  /// `x Wᵀ + b + σ(x Gᵀ) ⊙ s x Dᵀ Uᵀ + x Rᵀ` of a layer in a point.
  private func gated(_ x: Reference, _ p: Point, _ name: String, scale: Double) -> Reference {
    let hasBias = p.parameters["\(name).bias"] != nil
    let thin = x.linear(p["\(name).lora_down.weight"]).linear(p["\(name).lora_up.weight"]).map { scale * $0 }
    return x.linear(p["\(name).weight"], hasBias ? p["\(name).bias"] : nil)
      + x.linear(p["\(name).lora_gate.weight"]).map(sigmoid) * thin + x.linear(p["\(name).lora_residual.weight"])
  }

  @Test func gatedAdaptersOfTheModulatedFeedForward() {
    let store = ParameterStore(seed: 61)
    let layer = SelfModulatedFeedForward(store.root, channels: 4, initialisation: .normal(0.5))
    for linear in layer.linears { linear.attach(.gatedLora(rank: 2, alpha: 3, initialisation: .normal(0.5))) }
    GradientCheck()(store, inputs: [Reference([2, 3, 4], seed: 62)]) {
      layer($0[0], $1)
    } reference: { p in
      let gate = gated(p[0], p, "w_3", scale: 1.5)
      let direct = gated(gated(p[0], p, "w_1", scale: 1.5).map(gelu), p, "w_2", scale: 1.5)
      return direct + gate.columns(0..<4) * gate.columns(4..<8).map(sigmoid)
    }
  }

  @Test(arguments: [false, true]) func gatedAdaptersOfGuidedAttention(_ isSelf: Bool) {
    let store = ParameterStore(seed: 63)
    let layer = GuidedSpectralAttention(store.root, channels: 4, bands: 3, initialisation: .normal(0.5))
    let network = SelfModulatedFeedForward(store.root["ffn"], channels: 4, initialisation: .normal(0.5))
    for linear in layer.linears { linear.attach(.gatedLora(rank: 2, alpha: 3, initialisation: .normal(0.5))) }
    if isSelf { store.train { !$0.name.hasPrefix("attn_proj") } }
    let inputs = [Reference([2, 3, 2, 3, 4], seed: 64), Reference([2, 3, 2, 3, 4], seed: 65)]
    GradientCheck()(store, inputs: inputs) {
      layer($0[0], feedForward: network, adding: $0[1], query: isSelf ? .selfQuery : .automatic, $1)
    } reference: { p in
      let value = gated(p[0], p, "value_proj", scale: 1.5)
      var mixed = Reference(zeros: p[0].shape)
      for b in 0..<2 {
        var pooled = Reference(zeros: [3, 4])
        for d in 0..<3 {
          for n in 0..<6 {
            for c in 0..<4 { pooled.values[d * 4 + c] += p[0].values[((b * 3 + d) * 6 + n) * 4 + c] / 6 }
          }
        }
        let map = (isSelf ? pooled.linear(pooled) : gated(pooled, p, "attn_proj", scale: 1.5)).softmax
        for d in 0..<3 {
          for j in 0..<3 {
            for i in 0..<24 {
              mixed.values[(b * 3 + d) * 24 + i] += map.values[d * 3 + j] * value.values[(b * 3 + j) * 24 + i]
            }
          }
        }
      }
      let r = p[0] + gated(mixed, p, "fc", scale: 1.5)
      let gate = r.linear(p["ffn.w_3.weight"], p["ffn.w_3.bias"])
      let direct = r.linear(p["ffn.w_1.weight"], p["ffn.w_1.bias"]).map(gelu).linear(
        p["ffn.w_2.weight"], p["ffn.w_2.bias"])
      return direct + gate.columns(0..<4) * gate.columns(4..<8).map(sigmoid) + p[1]
    }
  }

  /// With dropout on the adapters' inputs the fused block is not used: with a rate that drops nothing it computes the same,
  /// with a real one it drops.
  @Test func adapterDropoutOfAFusedBlock() {
    func run(_ rate: Double, _ mode: Tape.Mode) -> [Float] {
      let store = ParameterStore(seed: 66)
      let layer = GuidedSpectralAttention(store.root, channels: 4, bands: 3, initialisation: .normal(0.5))
      let network = SelfModulatedFeedForward(store.root["ffn"], channels: 4, initialisation: .normal(0.5))
      for linear in layer.linears + network.linears {
        linear.attach(.lora(rank: 2, dropout: rate, initialisation: .normal(0.5)))
      }
      let tape = Tape(mode, seed: 1)
      tape.scriptedDraws = [0]
      return layer(Variable(Reference([1, 3, 2, 2, 4], seed: 67).tensor), feedForward: network, tape).value.values
    }
    let folded = run(0, .training)
    #expect(run(0.5, .evaluation) == run(0, .evaluation))
    #expect(zip(run(1e-9, .training), folded).allSatisfy { abs($0 - $1) < 1e-5 })
    #expect(zip(run(0.5, .training), folded).contains { abs($0 - $1) > 0.01 })
  }
}
