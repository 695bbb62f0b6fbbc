import Testing

@testable import HSITransformer

/// Layers of LoLA-SpecViT against the reference implementation: outputs and all gradients of every fixture.
@Suite(.exactAlgorithms) struct LoLALayerTests {
  private static func adapted(_ rank: Int, _ alpha: Double) -> (ParameterScope, Int, Int) -> Linear {
    { scope, input, output in
      let linear = Linear(scope["linear"], input: input, output: output)
      linear.attach(.gatedLora(rank: rank, alpha: alpha), at: scope)
      return linear
    }
  }

  @Test(arguments: [("lora_linear_gate", true), ("lora_linear_plain", false)])
  func adapterLinear(_ name: String, _ isGated: Bool) throws {
    let fixture = try LayerFixture(name)
    // With a trainable base the plain adapter goes through the folded matrix.
    for isFrozen in [false, true] {
      let store = ParameterStore()
      let linear = Linear(store.root["linear"], input: 12, output: 20)
      if isGated {
        linear.attach(.gatedLora(rank: 4, alpha: 8), at: store.root)
      } else {
        linear.attach(.lora(rank: 4, alpha: 8), at: store.root)
      }
      if isFrozen {
        store.train([.adapter])
        try fixture.load(store)
        let tape = Tape(.training)
        let x = tape.input(fixture.array("in.x", isImage: false))
        let y = linear(x, tape)
        fixture.expect(y.value, fixture.array("out64.y", isImage: false), 1e-5, "frozen")
        tape.backward(from: y, gradient: fixture.array("gout.y", isImage: false))
        #expect(linear.weight.gradient == nil && linear.bias?.gradient == nil)
        for parameter in store.trainable {
          let gradient = try #require(parameter.gradient)
          fixture.expect(gradient, fixture.array("g.w.\(parameter.name)", isImage: false), 2e-4, parameter.name)
        }
        fixture.expect(try #require(tape.gradient(of: x)), fixture.array("g.in.x", isImage: false), 2e-4, "g.in.x")
      } else {
        try fixture.check(store) { x, tape in linear(x[0], tape) }
      }
    }
  }

  /// The folded layer computes what the adapted one computed; a gated one is left alone.
  @Test func adaptersFold() throws {
    for (name, isGated) in [("lora_linear_gate", true), ("lora_linear_plain", false)] {
      let fixture = try LayerFixture(name)
      let store = ParameterStore()
      let linear = Linear(store.root["linear"], input: 12, output: 20)
      if isGated {
        linear.attach(.gatedLora(rank: 4, alpha: 8), at: store.root)
      } else {
        linear.attach(.lora(rank: 4, alpha: 8), at: store.root)
      }
      try fixture.load(store)
      #expect(linear.foldAdapters() == !isGated)
      let x = Variable(fixture.array("in.x", isImage: false))
      fixture.expect(
        linear(x, Tape(.inference)).value, fixture.array("out64.y", isImage: false), 1e-5, "after folding")
      if !isGated {
        fixture.expect(linear.weight.value, fixture.array("merged.linear.weight", isImage: false), 1e-6, "matrix")
      }
    }
  }

  @Test func swiGLU() throws {
    let store = ParameterStore()
    let layer = SwiGLU(store.root, input: 10, hidden: 14, output: 9)
    try LayerFixture("swiglu").check(store) { x, tape in layer(x[0], tape) }
  }

  @Test(arguments: ["squeeze_excite_4d", "squeeze_excite_5d"])
  func squeezeExcite(_ name: String) throws {
    let store = ParameterStore()
    let layer = SqueezeExcite(store.root, channels: 32)
    try LayerFixture(name).check(store, isImage: true) { x, tape in layer(x[0], tape) }
  }

  @Test(arguments: ["window_attention", "window_attention_mask"])
  func windowAttention(_ name: String) throws {
    let fixture = try LayerFixture(name)
    let store = ParameterStore()
    let layer = WindowAttention(
      store.root, channels: 16, heads: 4, window: 7, storesIndex: true, makeLinear: Self.adapted(4, 8))
    let index = store["relative_position_index"]?.value.values
    #expect(index == fixture.fixture["w.relative_position_index"].floats)
    let mask = fixture.fixture.tensors["in.mask"].map { Tensor($0.shape, $0.floats) }
    try fixture.check(store) { x, tape in layer(windows: x[0], mask: mask, tape) }
  }

  /// Whole images, windows that are full, padded, and smaller than one window (the shared padding key).
  @Test(arguments: [("block_7x7_w7", 4, 7, 4), ("block_4x4_w7", 2, 7, 4), ("block_7x5_w3", 4, 3, 2)])
  func block(_ name: String, _ heads: Int, _ window: Int, _ rank: Int) throws {
    let store = ParameterStore()
    let root = store.root
    let makeLinear = Self.adapted(rank, 8)
    let (norm1, norm2) = (LayerNorm(root["norm1"], channels: 16), LayerNorm(root["norm2"], channels: 16))
    let attention = WindowAttention(
      root["attn"], channels: 16, heads: heads, window: window, storesIndex: true, makeLinear: makeLinear)
    let first = makeLinear(root["mlp"][0], 16, 32)
    let gated = SwiGLU(root["mlp"][1], input: 32, hidden: 32, output: 32)
    let last = makeLinear(root["mlp"][3], 32, 16)
    try LayerFixture(name).check(store) { x, tape in
      let inner = tape.add(x[0], attention(norm1(x[0], tape), tape))
      return tape.add(inner, last(gated(first(norm2(inner, tape), tape), tape), tape))
    }
  }

  @Test func reduction() throws {
    let store = ParameterStore()
    let root = store.root
    let depthwise = DepthwiseConvolution(root["conv"][0], channels: 16)
    let excite = SqueezeExcite(root["conv"][2], channels: 16)
    let widen = Linear(root["conv"][3], input: 16, output: 32, bias: false)
    let norm = BatchNorm(root["norm"], channels: 32)
    let reduce = Convolution(root["reduction"], input: 32, output: 32, stride: 2)
    try LayerFixture("reduce_size_train").check(store, isImage: true, mode: .training, gradientTolerance: 1e-3) {
      let tape = $1
      let z = widen(excite(tape.activation(.silu, depthwise($0[0], tape)), tape), tape)
      return reduce(norm(z, tape), tape)
    }
  }
}
