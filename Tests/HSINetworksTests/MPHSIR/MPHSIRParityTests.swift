import Foundation
import HSITestSupport
import HSITransformer
import Testing

@testable import HSINetworks

/// Outputs and gradients of the reference implementation (PyTorch), file by file, with direct convolutions.
@Suite(.serialized) struct MPHSIRParityTests {
  private func small(_ change: (inout MPHSIRConfiguration) -> Void) -> MPHSIRConfiguration {
    var configuration = MPHSIRConfiguration()
    (configuration.prompts, configuration.dropPath) = (16, 0)
    change(&configuration)
    return configuration
  }

  // MARK: - Windows

  @Test func windowBuffers() throws {
    let parity = try MPHSIRParity("window_buffers")
    let index = parity.fixture["out.relative_position_index"].ints
    #expect(index == (0..<4096).map { WindowGeometry.relativeIndex($0 / 64, $0 % 64, window: 8) })
    for (rows, columns, shift) in [(16, 16, 4), (8, 8, 4), (8, 24, 4), (32, 8, 4), (16, 16, 0)] {
      let cut = MPHSIRWindows().cut(rows: rows, columns: columns, window: 8, shift: shift)
      let reference = parity.fixture["out.mask_\(rows)x\(columns)_s\(shift)"]
      let ours = cut.mask ?? .zeros([cut.windows, 64, 64])
      #expect(ours.shape == reference.shape && ours.values == reference.floats.map { -100 * $0 })
    }
  }

  @Test func maskedWindowAttention() throws {
    let parity = try MPHSIRParity("spatial_attn_mask")
    let mask = parity.array("in.mask")
    #expect(MPHSIRWindows().cut(rows: 16, columns: 16, window: 8, shift: 4).mask?.values == mask.values)
    let store = ParameterStore()
    let layer = WindowAttention(store.root, channels: 16, heads: 2, window: 8)
    parity.load(store)
    parity.check(store, isImage: false) { layer(windows: $0[0], mask: mask, $1) }
  }

  @Test func localSpectralAttention() throws {
    let parity = try MPHSIRParity("local_spectral_attn")
    let store = ParameterStore()
    let layer = LocalSpectralAttention(store.root, channels: 64, ratio: 8)
    parity.load(store)
    parity.check(store, isImage: false) { layer($0[0], $1) }
  }

  // MARK: - Blocks

  @Test(arguments: [("pgsstb_s0", false), ("pgsstb_s4", true), ("pgsstb_s4_other", true)])
  func block(_ name: String, _ isShifted: Bool) throws {
    let parity = try MPHSIRParity(name)
    let store = ParameterStore()
    let block = MPHSIRBlock(
      store.root, small { _ in }, channels: 16, heads: 2, ratio: 8, isShifted: isShifted, dropPath: 0,
      windows: MPHSIRWindows())
    parity.load(store)
    parity.check(store) { block($0[0], $1) }
  }

  @Test func stage() throws {
    let parity = try MPHSIRParity("baseblock")
    let store = ParameterStore()
    let stage = MPHSIRStage(
      store.root, small { _ in }, channels: 16, heads: 2, ratio: 8, rates: [0, 0], windows: MPHSIRWindows())
    parity.load(store)
    parity.check(store) { stage($0[0], $1) }
  }

  @Test func fusion() throws {
    let parity = try MPHSIRParity("prompt_fusion")
    let store = ParameterStore()
    let fusion = MPHSIRFusion(store.root, width: 8, heads: 4, hidden: 42)
    parity.load(store)
    parity.check(store, inputs: ["x", "p"]) { fusion($0[0], $0[1], $1) }
  }

  // MARK: - Prompts

  @Test(arguments: ["text_prompt_1d", "text_prompt_2d"]) func textPrompt(_ name: String) throws {
    let parity = try MPHSIRParity(name)
    let prompt = MPHSIRTextPrompt(ParameterStore().root, tasks: 6, width: 512)
    prompt.table.set(parity.array("in.clip_table"))
    let (text, weights) = prompt(parity.taskIDs())
    for (key, tensor) in [("clip_prompt", text), ("prompt_weights", weights)] {
      let isDouble = parity.fixture.tensors["out64.\(key)"] != nil
      parity.expect(tensor, parity.array((isDouble ? "out64." : "out.") + key), parity.tolerance, key)
    }
  }

  @Test(arguments: ["tvsp_b1", "tvsp_b3"]) func visualPrompt(_ name: String) throws {
    let parity = try MPHSIRParity(name)
    let store = ParameterStore()
    let prompt = MPHSIRVisualPrompt(store.root, tasks: 6, width: 8, size: 16, hidden: 21)
    parity.load(store)
    let shape = parity.fixture["in.x"].shape
    parity.check(store, inputs: ["clip_prompt", "prompt_weights"]) {
      prompt(
        text: $0[0], weights: $0[1], part: ImagePart(rows: shape[2], columns: shape[3]), mixesBatch: true, $1)
    }
  }

  // MARK: - Networks

  /// The network of a fixture with the 64 coordinates that count of its table of embeddings.
  private func network(_ parity: MPHSIRParity, weights: MPHSIRParity) -> MPHSIR {
    let network = MPHSIR(
      small {
        ($0.channels, $0.prompts, $0.dropPath) = (8, 128, 0.1)
        if parity.name == "net_b_31" {
          ($0.bands, $0.blocks, $0.refinement, $0.tasks) = (31, [1, 1, 1], 1, 7)
        } else {
          ($0.bands, $0.blocks, $0.refinement) = (4, [2, 2, 2], 2)
        }
      })
    weights.load(network.store)
    let table = parity.fixture["in.clip_prompt"]
    network.text.table.set(Tensor([table.shape[0], 64], (0..<(64 * table.shape[0])).map { table.floats[8 * $0] }))
    return network
  }

  @Test(arguments: [("net_a_64", "net_a_64"), ("net_a_32_mix", "net_a_64"), ("net_b_31", "net_b_31")])
  func network(_ name: String, _ weights: String) throws {
    let parity = try MPHSIRParity(name)
    let network = network(parity, weights: try MPHSIRParity(weights))
    parity.check(network.store) { network($0[0], tasks: parity.taskIDs(), mixesBatch: true, $1) }
  }

  @Test func training() throws {
    let parity = try MPHSIRParity("net_a_train")
    let network = network(parity, weights: try MPHSIRParity("net_a_64"))
    let tape = Tape(.training)
    tape.scriptedDraws = parity.fixture["in.droppath_factors"].values.map { $0 == 0 ? 0 : 0.999 }
    parity.check(network.store, tape: tape) { network($0[0], tasks: parity.taskIDs(), mixesBatch: true, $1) }
    #expect(tape.scriptedDraws.isEmpty)
  }

  /// Without mixing every sample is restored as if it were alone; with it, a neighbour of another task shows.
  @Test func samplesOfABatch() throws {
    let parity = try MPHSIRParity("net_a_32_mix")
    let network = network(parity, weights: try MPHSIRParity("net_a_64"))
    let x = parity.array("in.x", isImage: true)
    func result(_ x: Tensor, _ tasks: [[Int]], mixesBatch: Bool) -> [Float] {
      network(Variable(x), tasks: tasks, mixesBatch: mixesBatch, Tape(.inference)).value.values
    }
    let half = x.count / 2
    let first = Tensor([1] + x.shape.dropFirst(), Array(x.values[..<half]))
    let alone = result(first, [[1]], mixesBatch: false)
    #expect(result(first, [[1]], mixesBatch: true) == alone)
    let largest = alone.reduce(Float(0)) { max($0, abs($1)) }
    func difference(_ tasks: [[Int]], mixesBatch: Bool) -> Float {
      zip(result(x, tasks, mixesBatch: mixesBatch), alone).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) } / largest
    }
    #expect(difference([[1], [4]], mixesBatch: false) < 1e-5)
    #expect(difference([[1], [1]], mixesBatch: true) < 1e-5)
    #expect(difference([[1], [4]], mixesBatch: true) > 1e-3)
  }

  @Test(arguments: [("mp-hsir-natural", 14_527_484, 196_992), ("mp-hsir-remote", 31_868_368, 295_488)])
  func parameterCounts(_ name: String, _ count: Int, _ unused: Int) throws {
    let network = MPHSIR.blank(try MPHSIR.preset(name))
    #expect(network.store.parameterCount == count)
    let frozen = network.store.parameters.filter { !$0.isBuffer && !$0.isTrainable }
    #expect(frozen.reduce(0) { $0 + $1.value.count } == unused)
  }
}
