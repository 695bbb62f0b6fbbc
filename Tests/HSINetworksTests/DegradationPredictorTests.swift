import HSICore
import HSINetworks
import HSITransformer
import Testing

@Suite struct DegradationPredictorTests {
  /// The layout: stem, four stages of two blocks, shortcuts where widths or sizes change, one output more than tasks.
  @Test func layout() throws {
    let configuration = try #require(DegradationPredictorConfiguration(named: "degradation-predictor"))
    let network = DegradationPredictor(configuration, seed: 1)
    let names = Set(network.store.parameters.map(\.name))
    for stage in 1...4 {
      #expect(names.contains("stage\(stage).0.shortcut.conv.local_local.weight"))
      #expect(!names.contains("stage\(stage).1.shortcut.conv.local_local.weight"))
      #expect(names.contains("stage\(stage).1.conv2.conv.local_local.weight"))
      #expect(names.contains("stage\(stage).1.conv2.conv.global_global.unit.conv.weight") == (stage < 4))
    }
    #expect(network.store["stem.conv.weight"]?.shape == [16, 31, 3, 3])
    #expect(network.store["stage3.1.conv1.conv.local_global.weight"]?.shape == [32, 32, 3, 3])
    #expect(network.store["stage4.1.conv2.conv.local_local.weight"]?.shape == [128, 128, 3, 3])
    #expect(network.store["head.weight"]?.shape == [10, 128])
    let tiny = try #require(DegradationPredictorConfiguration(named: "degradation-predictor-tiny"))
    let logits = DegradationPredictor(tiny, seed: 1)(Variable(Tensor([2, 16, 16, 31], repeating: 1)), Tape(.inference))
    #expect(logits.shape == [2, 10])
  }

  /// A share of 0 is the plain residual network.
  @Test func withoutSpectra() throws {
    var configuration = try #require(DegradationPredictorConfiguration(named: "degradation-predictor-tiny"))
    configuration.globalShare = 0
    let network = DegradationPredictor(configuration, seed: 1)
    #expect(!network.store.parameters.contains { $0.name.contains("global") })
    #expect(network(Variable(Tensor([1, 16, 16, 31], repeating: 1)), Tape(.inference)).shape == [1, 10])
  }

  @Test func unusableShapes() {
    func isRefused(_ change: (inout DegradationPredictorConfiguration) -> Void) -> Bool {
      var configuration = DegradationPredictorConfiguration()
      change(&configuration)
      return !configuration.isSensible
    }
    #expect(!isRefused { _ in })
    #expect(isRefused { $0.bands = 0 } && isRefused { $0.size = 20 } && isRefused { $0.width = 3 })
    #expect(isRefused { $0.blocks = [2, 2, 2] } && isRefused { $0.globalShare = 1 } && isRefused { $0.tasks = [] })
    #expect(isRefused { $0.tasks = [.noise, .noise] })
  }
}
