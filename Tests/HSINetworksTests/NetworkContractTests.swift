import HSICore
import HSINetworks
import HSITestSupport
import HSITransformer
import Testing

/// Every network of the register keeps the contract (`checkNetwork`), on a small configuration without dropout.
@Suite(.serialized) struct NetworkContractTests {
  /// One line per network.
  static let checks: [String: @Sendable () throws -> [String]] = [
    "hsdt": {
      var configuration = HSDTConfiguration()
      (configuration.channels, configuration.layers, configuration.samples, configuration.bands) = (3, 3, [1], 5)
      let network = HSDT(configuration, seed: 1)
      // Attention and feed-forward paths start nearly at zero, and what they do would not show.
      var random = CounterRandom(seed: 9)
      for parameter in network.store.parameters where parameter.name.contains("attn.") {
        parameter.update { for i in $0.indices { $0[i] += Float(0.2 * random.normal()) } }
      }
      return try checkNetwork(network, input: image([1, 5, 4, 6, 1])) { $0($1, $2) }
    },
    "mp-hsir": {
      var configuration = MPHSIRConfiguration()
      (configuration.bands, configuration.channels, configuration.blocks) = (3, 8, [1, 2, 1])
      (configuration.refinement, configuration.window, configuration.promptSize) = (1, 4, 8)
      let network = MPHSIR(configuration, seed: 1)
      return try checkNetwork(network, input: image([1, 16, 16, 3])) { $0($1, task: 2, $2) }
    },
    "degradation-predictor": {
      var configuration = DegradationPredictorConfiguration()
      (configuration.bands, configuration.size, configuration.width, configuration.blocks) = (3, 16, 4, [1, 2, 1, 1])
      configuration.tasks = [.noise, .blur]
      let network = DegradationPredictor(configuration, seed: 1)
      return try checkNetwork(network, input: image([2, 16, 16, 3])) { $0($1, $2) }
    },
    "lola-specvit": {
      var configuration = LoLAConfiguration()
      (configuration.components, configuration.side, configuration.classes) = (3, 7, 3)
      (configuration.stem, configuration.width, configuration.depths) = ([3, 4], 8, [1, 1])
      (configuration.heads, configuration.windows, configuration.rank) = ([2, 2], [2, 2], 2)
      (configuration.dropout, configuration.bandDropout, configuration.pathDropout) = (0, 0, 0)
      let network = LoLASpecViT(configuration, seed: 1)
      var random = CounterRandom(seed: 9)
      for parameter in network.store.parameters where parameter.name.contains("lora_") {
        parameter.update { for i in $0.indices { $0[i] = Float(0.2 * random.normal()) } }
      }
      return try checkNetwork(network, input: image([4, 3, 7, 7, 1])) { $0($1, $2) }
    },
    "less": {
      var configuration = LESSAutoencoderConfiguration()
      configuration.encoder = less { ($0.rank, $0.perceptionRadius) = (2, 70) }
      (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (16, 1, 2)
      configuration.decoderChannelWidthPerHead = 2
      let network = enlarged(LESSAutoencoder(configuration, seed: 1))
      return try checkNetwork(network, input: image([2, 5, 6, 6])) { network, x, tape in
        let mask = LESSMask(bands: [[0, 3], [1, 2]], of: 5, positions: [[0, 4, 5], [0, 4, 5]], of: 9)
        return network(LESSInput(x, wavelengths: [450, 560, 700, 1600, 2200]), mask, tape)
      }
    },
    "less-classifier": {
      let network = enlarged(
        LESSClassifier(
          LESSTaskConfiguration(
            less { ($0.attention, $0.isRotary) = (.additive, false) }, classes: 3, experts: 2, kept: 3), seed: 1))
      return try checkNetwork(network, input: image([2, 4, 4, 6])) {
        $0(LESSInput($1, wavelengths: [450, 560, 700, 2200]), $2)
      }
    },
    "less-segmenter": {
      let network = enlarged(
        LESSSegmenter(
          .init(LESSTaskConfiguration(less { ($0.attention, $0.patch) = (.full, 4) }, classes: 3)), seed: 1))
      return try checkNetwork(network, input: image([2, 3, 8, 8])) {
        $0(LESSInput($1, wavelengths: [450, 560, 2200]), $2)
      }
    },
    "spectralgpt": {
      let network = enlarged(SpectralGPT(spectralGPT, seed: 1))
      return try checkNetwork(network, input: image([2, 4, 6, 6])) {
        $0($1, kept: [[0, 3, 5, 11], [1, 2, 8, 17]], $2)
      }
    },
    "spectralgpt-classifier": {
      let network = enlarged(SpectralGPTClassifier(.init(spectralGPT, classes: 3), seed: 1))
      return try checkNetwork(network, input: image([3, 4, 6, 6])) { $0($1, $2) }
    },
    "cnn-1d": {
      let network = CNN1D(.init(bands: 17, classes: 3, widths: [4, 5], hidden: 6), seed: 1)
      return try checkNetwork(network, input: image([6, 17, 1, 1, 1])) { $0($1, $2) }
    },
    "cnn-3d": {
      let network = CNN3D(.init(components: 3, side: 3, classes: 3, widths: [3, 4], hidden: 5), seed: 1)
      return try checkNetwork(network, input: image([6, 3, 3, 3, 1])) { $0($1, $2) }
    },
  ]

  /// A narrow encoder of LESS ViT.
  private static func less(_ change: (inout LESSConfiguration) -> Void) -> LESSConfiguration {
    var configuration = LESSConfiguration(named: "less-tiny") ?? LESSConfiguration()
    (configuration.width, configuration.depth, configuration.heads) = (16, 2, 2)
    (configuration.channelWidthPerHead, configuration.expansion) = (2, 1.5)
    change(&configuration)
    return configuration
  }

  /// A narrow SpectralGPT.
  private static var spectralGPT: SpectralGPTConfiguration {
    var configuration = SpectralGPTConfiguration()
    (configuration.bands, configuration.group, configuration.size, configuration.patch) = (4, 2, 6, 2)
    (configuration.width, configuration.depth, configuration.heads) = (8, 1, 2)
    (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (6, 1, 2)
    configuration.maskRatio = 0.75
    return configuration
  }

  /// The network with class and mask tokens as large as others: they start small, and layer norm makes that steep.
  private static func enlarged<N: Network>(_ network: N) -> N {
    for parameter in network.store.parameters where parameter.name.hasSuffix("_token") {
      parameter.update { for i in $0.indices { $0[i] *= 50 } }
    }
    return network
  }

  private static func image(_ shape: [Int]) -> Tensor {
    var random = CounterRandom(seed: 5)
    return Tensor(shape, (0..<shape.reduce(1, *)).map { _ in Float(random.normal()) })
  }

  @Test(arguments: Networks.all.descriptions.map(\.id)) func contract(_ id: String) throws {
    let check = try #require(Self.checks[id], "a new network needs a line in NetworkContractTests.checks")
    let broken = try check()
    #expect(broken.isEmpty, "\(broken.joined(separator: "; "))")
  }
}
