import Foundation
import HSITransformer
import Testing

@testable import HSINetworks

/// Sizes of the published network and of the presets, and what may come from a file.
@Suite struct LoLAConfigurationTests {
  /// Counted on the official network (specification, section 4).
  @Test(arguments: [
    (6, 254_638_338, 73_586_784, 2_144_352), (9, 254_639_541, 73_586_832, 2_144_400),
    (16, 254_642_348, 73_586_944, 2_144_512), (22, 254_644_754, 73_587_040, 2_144_608),
  ])
  func publishedCounts(_ classes: Int, _ all: Int, _ adapters: Int, _ pairs: Int) {
    var configuration = LoLAConfiguration()
    configuration.classes = classes
    #expect(configuration.parameterCount == all)
    #expect(configuration.adapterParameterCount == adapters)
    #expect(configuration.lowRankParameterCount == pairs)
    #expect(configuration.tensors.count == 993)
  }

  /// The counts are those of networks that are built.
  @Test(arguments: ["lola-specvit-tiny", "lola-specvit-small", "odd"])
  func countsOfNetworks(_ name: String) throws {
    var configuration = LoLAConfiguration(named: name) ?? LoLAConfiguration()
    if name == "odd" {
      (configuration.stem, configuration.width, configuration.side) = ([3, 5], 20, 13)
      (configuration.depths, configuration.heads, configuration.windows) = ([1, 0, 2], [5, 4, 2], [3, 2, 7])
      (configuration.rank, configuration.classes, configuration.expansion) = (3, 7, 1.5)
    }
    #expect(configuration.isSensible)
    let network = LoLASpecViT(configuration)
    #expect(network.store.parameterCount == configuration.parameterCount)
    network.trainAdapters()
    #expect(network.store.trainable.reduce(0) { $0 + $1.value.count } == configuration.adapterParameterCount)
    let pairs = network.store.trainable.filter { $0.name.contains("lora_down") || $0.name.contains("lora_up") }
    #expect(pairs.reduce(0) { $0 + $1.value.count } == configuration.lowRankParameterCount)
    #expect(configuration.tensors.map(\.name) == network.store.parameters.map(\.name))
    for (listed, built) in zip(configuration.tensors, network.store.parameters) {
      #expect(listed.shape == built.shape && listed.isBuffer == built.isBuffer, "\(listed.name)")
    }
  }

  @Test func presets() {
    for name in LoLAConfiguration.names {
      let configuration = LoLAConfiguration(named: name)
      #expect(configuration?.isSensible == true)
    }
    // As documented, for 16 classes.
    #expect(LoLAConfiguration(named: "lola-specvit-tiny")?.parameterCount == 459_100)
    #expect(LoLAConfiguration(named: "lola-specvit-tiny")?.adapterParameterCount == 173_376)
    #expect(LoLAConfiguration(named: "lola-specvit-small")?.parameterCount == 6_808_914)
    #expect(LoLAConfiguration(named: "lola-specvit-small")?.adapterParameterCount == 2_830_976)
    #expect(LoLAConfiguration(named: "lola") == nil)
    #expect(LoLAConfiguration(named: "lola-specvit") == LoLAConfiguration())
    #expect(LoLAConfiguration().tokenSides == [7, 4, 2])
    // Windows of the small presets cover their images exactly: no padding.
    for name in ["lola-specvit-tiny", "lola-specvit-small"] {
      let configuration = LoLAConfiguration(named: name)
      #expect(configuration?.windows == configuration?.tokenSides)
    }
  }

  @Test func absurdOnesAreRefused() {
    func isRefused(_ change: (inout LoLAConfiguration) -> Void) -> Bool {
      var configuration = LoLAConfiguration()
      change(&configuration)
      return !configuration.isSensible
    }
    #expect(isRefused { $0.width = 0 })
    #expect(isRefused { $0.side = 14 })
    #expect(isRefused { $0.heads = [5, 8, 16] })
    #expect(isRefused { $0.depths = [] })
    #expect(isRefused { $0.heads = [4] })
    #expect(isRefused { $0.stem = [32] })
    #expect(isRefused { $0.depths = [3, 4, 1_000_000] })
    #expect(isRefused { $0.expansion = 1e9 })
    #expect(isRefused { $0.rank = 0 })
    #expect(isRefused { $0.alpha = .infinity })
    #expect(isRefused { $0.dropout = 1 })
  }
}
