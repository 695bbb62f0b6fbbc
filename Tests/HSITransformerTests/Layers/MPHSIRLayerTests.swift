import Testing

@testable import HSITransformer

/// Layers of MP-HSIR against the reference implementation: outputs and all gradients of every fixture.
@Suite(.exactAlgorithms) struct MPHSIRLayerTests {
  @Test func layerNorm() throws {
    let store = ParameterStore()
    let layer = LayerNorm(store.root["body"], channels: 12)
    try LayerFixture("mphsir_layernorm_chw").check(store, isImage: true) { x, tape in layer(x[0], tape) }
  }

  @Test func windowAttention() throws {
    let store = ParameterStore()
    let layer = WindowAttention(store.root, channels: 16, heads: 4, window: 8)
    try LayerFixture("mphsir_spatial_attn").check(store) { x, tape in layer(windows: x[0], tape) }
  }

  @Test func gatedMLP() throws {
    let store = ParameterStore()
    let layer = GatedMLP(store.root, channels: 16, hidden: 42)
    try LayerFixture("mphsir_gated_mlp").check(store) { x, tape in layer(x[0], tape) }
  }

  @Test func globalSpectralAttention() throws {
    let store = ParameterStore()
    let layer = GlobalSpectralAttention(store.root, channels: 16, heads: 4)
    try LayerFixture("mphsir_global_spectral_attn").check(store, isImage: true) { x, tape in layer(x[0], tape) }
  }

  @Test func localSpectralAttention() throws {
    let store = ParameterStore()
    let layer = LocalSpectralAttention(store.root, channels: 16, ratio: 8, prompts: 12)
    try LayerFixture("mphsir_local_spectral_attn_r2").check(store) { x, tape in layer(x[0], tape) }
  }

  @Test func restormerBlock() throws {
    let store = ParameterStore()
    let root = store.root
    let (norm1, norm2) = (
      LayerNorm(root["norm1"]["body"], channels: 16), LayerNorm(root["norm2"]["body"], channels: 16)
    )
    let attention = GlobalSpectralAttention(root["attn"], channels: 16, heads: 4)
    let network = GatedDepthwiseFeedForward(root["ffn"], channels: 16, hidden: 42, depthTaps: nil, bias: false)
    try LayerFixture("mphsir_tblock_gdfn").check(store, isImage: true) { x, tape in
      let inner = tape.add(x[0], attention(norm1(x[0], tape), tape))
      return tape.add(inner, network(norm2(inner, tape), tape))
    }
  }

  @Test func crossTransformer() throws {
    let store = ParameterStore()
    let root = store.root
    let norms = ["norm11", "norm12", "norm2"].map { LayerNorm(root[$0]["body"], channels: 16) }
    let attention = CrossChannelAttention(root["attn"], channels: 16, heads: 2)
    let network = GatedDepthwiseFeedForward(root["ffn"], channels: 16, hidden: 42, depthTaps: nil, bias: false)
    try LayerFixture("mphsir_cross_transformer").check(store, inputs: ["q", "kv"], isImage: true) { x, tape in
      let inner = tape.add(x[0], attention(norms[0](x[0], tape), keysAndValues: norms[1](x[1], tape), tape))
      return tape.add(inner, network(norms[2](inner, tape), tape))
    }
  }

  @Test func resampling() throws {
    let down = ParameterStore()
    let narrow = Convolution(down.root["body"][0], input: 8, output: 4)
    try LayerFixture("mphsir_downsample").check(down, isImage: true) { x, tape in
      tape.pixelUnshuffle(narrow(x[0], tape), by: 2)
    }
    let up = ParameterStore()
    let wide = Convolution(up.root["body"][0], input: 8, output: 16)
    try LayerFixture("mphsir_upsample").check(up, isImage: true) { x, tape in
      tape.pixelShuffle(wide(x[0], tape), by: 2)
    }
  }

  /// Kernels that the dense kernels do not have: the front end of LoLA-SpecViT, and patches without overlap.
  @Test(arguments: [([4, 4], 2, 1), ([7, 3, 3], 1, 1), ([5, 3, 3], 1, 1), ([2, 2], 2, 0)])
  func generalConvolution(_ kernel: [Int], _ stride: Int, _ padding: Int) {
    let store = ParameterStore(seed: 15)
    let layer = GeneralConvolution(store.root, input: 2, output: 3, kernel: kernel, stride: stride, padding: padding)
    let isVolume = kernel.count == 3
    let shape = isVolume ? [2, 4, 4, 3, 2] : [2, 6, 5, 2]
    GradientCheck()(store, inputs: [Reference(shape, seed: 18)]) {
      layer($0[0], $1)
    } reference: { p in
      let x = isVolume ? p[0] : Reference([2, 1, 6, 5, 2], p[0].values)
      let w = isVolume ? p["weight"] : Reference([3, 2, 1] + kernel, p["weight"].values)
      var y = x.convolved(w, bias: p["bias"], stride: stride, padding: padding)
      if !isVolume { y.shape.remove(at: 1) }
      return y
    }
  }
}
