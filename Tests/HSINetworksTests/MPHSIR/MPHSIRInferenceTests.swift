import HSICore
import HSITransformer
import Testing

@testable import HSINetworks

/// Inference over images: what `TiledInference` is promised, and what passes cost.
@Suite(.serialized) struct MPHSIRInferenceTests {
  private func network(_ channels: Int = 8, bands: Int = 5) -> MPHSIR {
    var configuration = MPHSIRConfiguration()
    (configuration.bands, configuration.channels, configuration.blocks) = (bands, channels, [2, 2, 2])
    configuration.refinement = 2
    return MPHSIR(configuration, seed: 3)
  }

  private func image(_ shape: [Int]) -> Tensor {
    var random = CounterRandom(seed: 5)
    return Tensor(shape, (0..<shape.reduce(1, *)).map { _ in Float(random.uniform()) })
  }

  /// Bands first on both sides, and the task is the one that is asked for.
  @Test func imageMap() throws {
    let network = network()
    let x = image([5, 32, 64])
    let map = try MPHSIRImageMap(network, tasks: [3])
    #expect(map.granularity == 32 && map.scale == 1 && map.windowBands(9) == 5 && map.windowBands(3) == 3)
    let tape = Tape(.inference)
    let last = tape.permute(Variable(x.reshaped([1, 5, 32, 64])), [0, 2, 3, 1])
    let plain = network(last, task: 3, tape).value
    let mapped = map(x)
    #expect(mapped.shape == [5, 32, 64])
    for b in 0..<5 {
      for pixel in stride(from: 0, to: 2048, by: 31) {
        #expect(mapped.pointer[b * 2048 + pixel] == plain.pointer[pixel * 5 + b])
      }
    }
    let other = try MPHSIRImageMap(network, tasks: [4])
    #expect(other(x).values != mapped.values)
    for tasks in [[], [6], [-1, 2]] { #expect(throws: CoreError.self) { try MPHSIRImageMap(network, tasks: tasks) } }
  }

  /// A tile gets the part of the prompt that the whole image has there.
  @Test func promptsOfTiles() {
    let prompt = MPHSIRVisualPrompt(
      ParameterStore(seed: 2).root, tasks: 2, width: 8, size: 16, hidden: 21)
    let (text, weights) = (Variable(image([1, 64])), Variable(Tensor([1, 2], [0, 1])))
    func result(_ part: ImagePart) -> Tensor {
      prompt(text: text, weights: weights, part: part, mixesBatch: false, Tape(.inference)).value
    }
    let whole = result(ImagePart(rows: 48, columns: 40))
    for (line, sample) in [(0, 0), (16, 24), (32, 8), (24, 0)] {
      let part = ImagePart(
        rows: 16, columns: 16, tile: (line: 2 * line, sample: 2 * sample, lines: 96, samples: 80), factor: 2)
      let cut = result(part)
      #expect(cut.shape == [1, 16, 16, 8] && !part.isWhole)
      for i in 0..<cut.count {
        let (row, column, c) = (i / 128 + line, i / 8 % 16 + sample, i % 8)
        #expect(abs(cut.pointer[i] - whole.pointer[(row * 40 + column) * 8 + c]) < 2e-5)
      }
    }
  }

  /// Prompts that are kept follow every change of what they depend on.
  @Test func keptPrompts() throws {
    let network = network()
    let x = Variable(image([1, 32, 32, 5]))
    func result() -> [Float] { network(x, task: 1, Tape(.inference)).value.values }
    func fresh() -> [Float] { network(x, task: 1, Tape(.evaluation)).value.values }
    func distance(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } }
    var before = result()
    #expect(result() == before)
    for name in [
      "prompt1.visual_prompt", "prompt2.text_prompt_learnable", "prompt1.cross_transformer.attn.q_dwconv.weight",
      "prompt2.cross_transformer.ffn.project_out.weight", "prompt1.conv_last.weight", "text_prompt.clip_prompt",
    ] {
      let parameter = try #require(network.store[name])
      parameter.update { for i in $0.indices { $0[i] = 1.5 * $0[i] + 0.1 } }
      let after = result()
      #expect(distance(after, before) > 1e-6, "\(name) has no effect")
      #expect(distance(after, fresh()) < 1e-4, "\(name)")
      before = after
    }
    network.linears.attach(LowRankAdapter.Configuration(rank: 2))
    for linear in network.linears {
      (linear.adapters.first as? LowRankAdapter)?.up.update { for i in $0.indices { $0[i] = Float(i % 3) * 0.1 } }
    }
    #expect(distance(result(), before) > 1e-6 && distance(result(), fresh()) < 1e-3)
  }

  /// The promise of memory holds and is not absurd; from the third on no pass takes memory afresh.
  @Test(arguments: [(16, 5, 64), (24, 31, 64)]) func memory(_ channels: Int, _ bands: Int, _ side: Int) throws {
    let map = try MPHSIRImageMap(network(channels, bands: bands), tasks: [0])
    let x = image([bands, side, side])
    BufferPool.$current.withValue(BufferPool()) {
      let pool = BufferPool.current
      // Weights packed and prompts kept in the first pass take blocks that the second needs.
      for _ in 0..<2 { _ = map(x) }
      let (taken, before) = (pool.statistics.allocations, pool.statistics.bytesInUse)
      pool.resetPeak()
      _ = map(x)
      #expect(pool.statistics.allocations == taken)
      let used = pool.statistics.peakBytesInUse - before
      let promised = map.passBytes(bands: bands, rows: side, columns: side)
      #expect(used <= promised && promised <= 2 * used, "\(used) bytes of \(promised)")
    }
  }
}
