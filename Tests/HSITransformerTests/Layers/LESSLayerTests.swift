import Testing

@testable import HSITransformer

/// Layers of LESS ViT against the reference implementation: outputs and all gradients of every fixture.
@Suite(.exactAlgorithms) struct LESSLayerTests {
  /// Tables of a fixture (`[M, L, d]`), with one entry before them that is not turned.
  private func table(_ fixture: LayerFixture, _ suffix: String) -> RotaryTable {
    func padded(_ name: String, _ value: Float) -> Tensor {
      let array = fixture.fixture["in.\(name)\(suffix)"]
      let (count, length, width) = (array.shape[0], array.shape[1], array.shape[2])
      var values: [Float] = []
      for n in 0..<count {
        values += [Float](repeating: value, count: width)
        values += array.floats[(n * length * width)..<((n + 1) * length * width)]
      }
      return Tensor([count, length + 1, width], values)
    }
    return RotaryTable(cosine: padded("cos", 1), sine: padded("sin", 0))
  }

  private func mask(_ fixture: LayerFixture) -> Tensor {
    let array = fixture.fixture["in.mask"]
    return AttentionMask.additive(array.values.map { $0 != 0 }, shape: [1] + array.shape)
  }

  @Test(arguments: [("less_attention_pool", false), ("less_attention_pool_qknorm", true)])
  func attentionPool(_ name: String, _ normalises: Bool) throws {
    let store = ParameterStore()
    let layer = AttentionPool(store.root, channels: 12, heads: 3, normalisesQueries: normalises)
    // A bias of all keys alike changes nothing: its gradient is rounding.
    try LayerFixture(name).check(store, gradientFloor: 1e-2) { x, tape in layer(x[0], tape) }
  }

  @Test func branchWithRotationMaskAndRank() throws {
    let store = ParameterStore()
    let layer = AttentionBranch(store.root, channels: 16, heads: 2, rank: 2, normalisesQueries: true)
    let fixture = try LayerFixture("less_attention_branch_rope_mask_rank")
    let (table, mask) = (table(fixture, ""), mask(fixture))
    try fixture.check(store, gradientFloor: 1e-2) { x, tape in
      let y = layer(x[0], rotary: table, mask: mask, tape)
      // [B, L, heads, rank, d] as the reference has it: [B, rank, heads, L, d].
      return tape.permute(tape.reshape(y, [2, 10, 2, 2, 8]), [0, 3, 2, 1, 4])
    }
  }

  @Test(arguments: [1, 3]) func kroneckerAttention(_ rank: Int) throws {
    let store = ParameterStore()
    let layer = KroneckerAttention(store.root, width: 32, channelWidth: 8, spatialWidth: 16, heads: 4, rank: rank)
    try LayerFixture("less_kronecker_attention_r\(rank)").check(store, inputs: ["x_c", "x_s"]) { x, tape in
      layer(bands: x[0], positions: x[1], tape)
    }
  }

  @Test func lowDimensionalPool() throws {
    let store = ParameterStore()
    let layer = LowDimensionalPool(store.root, width: 32, channelWidth: 8, spatialWidth: 16, heads: 4)
    let fixture = try LayerFixture("less_low_dim_pool")
    try fixture.load(store)
    let tape = Tape(.evaluation)
    let x = tape.input(fixture.array("in.x", isImage: false))
    let (bands, positions) = layer(x, tape)
    fixture.expect(bands.value, fixture.array("out64.x_c", isImage: false), 1e-5, "x_c")
    fixture.expect(positions.value, fixture.array("out64.x_s", isImage: false), 1e-5, "x_s")
    // Σ out · gout over both outputs.
    let rows = [bands, positions].map { tape.reshape($0, [1, $0.value.count]) }
    let joined = tape.concatenate(rows)
    let weights = fixture.array("gout.x_c", isImage: false).values + fixture.array("gout.x_s", isImage: false).values
    tape.backward(from: joined, gradient: Tensor([1, weights.count], weights))
    let gradient = try #require(tape.gradient(of: x))
    fixture.expect(gradient, fixture.array("g.in.x", isImage: false), 2e-4, "g.in.x")
    for parameter in store.parameters {
      let reference = fixture.array("g.w.\(parameter.name)", isImage: false)
      let gradient = try #require(parameter.gradient)
      fixture.expect(gradient, reference, 2e-4, parameter.name, floor: 1e-2)
    }
  }

  /// The whole block: norms, attention, layer scale, MLP.
  private func block(_ name: String, _ attention: (ParameterScope, LayerFixture) -> (Variable, Tape) -> Variable) throws
  {
    let store = ParameterStore()
    let root = store.root
    let norms = ["norm1", "norm2"].map { LayerNorm(root[$0], channels: 32, epsilon: 1e-6) }
    let scales = ["ls1", "ls2"].map { LayerScale(root[$0], channels: 32, value: 1) }
    let mlp = MLP(root["mlp"], channels: 32, hidden: 64)
    let fixture = try LayerFixture(name)
    let attend = attention(root["attn"], fixture)
    try fixture.check(store) { x, tape in
      let inner = tape.add(x[0], scales[0](attend(norms[0](x[0], tape), tape), tape))
      return tape.add(inner, scales[1](mlp(norms[1](inner, tape), tape), tape))
    }
  }

  @Test(arguments: [("less_block_less", false), ("less_block_additive", true)])
  func lessBlock(_ name: String, _ isAdditive: Bool) throws {
    try block(name) { scope, fixture in
      let layer = LESSAttention(scope, width: 32, heads: 4, channelWidthPerHead: 2, isAdditive: isAdditive)
      let (bands, positions, mask) = (table(fixture, "_c"), table(fixture, "_hw"), mask(fixture))
      return { layer($0, bandRotary: bands, positionRotary: positions, mask: mask, $1) }
    }
  }

  /// Ordinary attention over all tokens; half of every head is turned by place, half by wavelength.
  @Test func fullAttentionBlock() throws {
    try block("less_block_full") { scope, fixture in
      let layer = MultiHeadAttention(scope, channels: 32, heads: 4)
      func grid(_ table: RotaryTable, _ entry: (Int) -> Int) -> RotaryTable {
        table.selecting((0..<2).map { _ in (0..<60).map(entry) })
      }
      let tables = [grid(table(fixture, "_hw")) { $0 % 10 }, grid(table(fixture, "_c")) { $0 / 10 }]
      return { x, tape in
        tape.reshape(layer(tape.reshape(x, [2, 60, 32]), rotary: tables, tape), x.shape)
      }
    }
  }

  @Test func patchEmbedding() throws {
    let store = ParameterStore()
    let layer = TiedPatchEmbedding(store.root, side: 4, width: 12)
    try LayerFixture("less_patch_embed").check(store) { x, tape in layer(x[0], tape) }
  }

  @Test(arguments: [(0, 3, 3, 4, 2), (1, 4, 5, 16, 4)])
  func rotaryTables(_ index: Int, _ rows: Int, _ columns: Int, _ spatial: Int, _ spectral: Int) throws {
    let fixture = try LayerFixture("less_pos_channel_embed_rope")
    func centres(_ n: Int) -> [Float] { (0..<n).map { 2 * (Float($0) + 0.5) / Float(n) - 1 } }
    let places = (0..<(rows * columns)).map { ($0 / columns, $0 % columns) }
    let position = RotaryTable(
      coordinates: [places.map { centres(rows)[$0.0] }, places.map { centres(columns)[$0.1] }], width: spatial,
      skipping: 1)
    let band = RotaryTable(
      coordinates: [fixture.fixture["in.wv\(index)"].floats.map { 2 * $0 - 1 }], width: spectral)
    func expect(_ values: [Float], _ key: String) {
      let reference = fixture.fixture["out.\(key)\(index)"].values
      #expect(values.count == reference.count, "\(key)")
      for (a, b) in zip(values, reference) { #expect(abs(Double(a) - b) < 2e-6, "\(key)") }
    }
    expect(RotaryTable.periods(width: spatial, axes: 2, base: 100), "periods_hw")
    expect(RotaryTable.periods(width: spectral, axes: 1, base: 100), "periods_c")
    expect(Array(position.cosine.values.dropFirst(spatial)), "cos_hw")
    expect(Array(position.sine.values.dropFirst(spatial)), "sin_hw")
    expect(band.cosine.values, "cos_c")
    expect(band.sine.values, "sin_c")
    // [B, rank, heads, 1 + HW, d] with all sequences in front.
    let q = fixture.array("in.q\(index)", isImage: false)
    let sequences = Variable(q.reshaped([8, rows * columns + 1, spatial]))
    expect(Tape(.inference).rotary(sequences, [position]).value.values, "rotated")
  }

  /// (spatial + spectral) / 2, x before y, class entries zero: assembled here, the table is ours.
  @Test func sinusoidalEmbedding() throws {
    let fixture = try LayerFixture("less_pos_channel_embed_sincos")
    let (grid, width) = (3, 16)
    let resolution = Float(fixture.fixture["in.resolution0"].scalar)
    let bands = SinusoidalEmbedding.table(fixture.fixture["in.wavelengths0"].floats, width: width).values
    let axis = SinusoidalEmbedding.table((0..<grid).map { Float($0) * resolution }, width: width / 2).values
    let reference = fixture.fixture["out.embed0"].values
    for c in 0...5 {
      for n in 0...(grid * grid) {
        for k in 0..<width {
          let place = k < width / 2 ? (n - 1) % grid : (n - 1) / grid
          let spatial = n == 0 ? 0 : axis[place * width / 2 + k % (width / 2)]
          let spectral = c == 0 ? 0 : bands[(c - 1) * width + k]
          let found = Double(spatial + spectral) / 2
          #expect(abs(found - reference[(c * (grid * grid + 1) + n) * width + k]) < 1e-4)
        }
      }
    }
  }
}
