import Foundation
import HSIKit

/// Weights of every network of the register, of the smallest configurations that have all of its parts.
enum FuzzNetworks {
  /// A target for each network: `weights-ID`.
  static let targets: [FuzzTarget] = Networks.all.map { entry in
    let id = entry.description.id
    return FuzzTarget(name: "weights-" + id, seeds: { try seeds(entry) }, heads: [12_000, 2_000, 64]) { seed, place in
      let file = try WeightFile.open(place.write(seed.name, seed.bytes))
      // What is told of it, and what it is loaded as, whatever it says that it is.
      _ = try? Networks.all.recognise(file)
      _ = try entry.read(file, nil)
    }
  }

  /// The file that hsi writes, the same without its card where names and shapes tell the rest, and published files that lie with
  /// the tests.
  private static func seeds(_ entry: NetworkEntry) throws -> [FuzzTarget.Seed] {
    let id = entry.description.id
    guard let make = networks[id] else {
      throw FuzzNetworksError.missing(id)
    }
    let place = try FuzzPlace(nil)
    defer { place.remove() }
    let (whole, bare) = (place.folder + "/whole.safetensors", place.folder + "/bare.safetensors")
    try make(whole, bare)
    func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }
    var seeds = [FuzzTarget.Seed(name: "s.safetensors", bytes: try bytes(whole))]
    if (try? entry.read(WeightFile.open(bare), nil)) != nil {
      seeds.append(.init(name: "s.safetensors", bytes: try bytes(bare)))
    }
    if id == "lola-specvit" {
      seeds += try FuzzSeeds.fixtures("HSINetworksTests/Fixtures", ["lola_checkpoint.pth"])
    }
    return seeds
  }

  /// Writes a network with its card to the first path and its tensors alone to the second.
  private static func write<N: Network>(_ network: N, _ whole: String, _ bare: String) throws {
    let adapters = network.linears.adapterMetadata
    try Model(network, card: Model<N>.card(nil, network.configuration)).write(to: whole, overwrite: true)
    try SafetensorsWriter.write(network.store.contents(), card: nil, metadata: adapters, to: bare, overwrite: true)
  }

  private static let networks: [String: @Sendable (_ whole: String, _ bare: String) throws -> Void] = [
    "hsdt": {
      var configuration = HSDTConfiguration()
      (configuration.channels, configuration.layers, configuration.samples, configuration.bands) = (3, 3, [1], 5)
      try write(HSDT(configuration, seed: 1), $0, $1)
    },
    "mp-hsir": {
      var configuration = MPHSIRConfiguration()
      (configuration.bands, configuration.channels, configuration.blocks) = (3, 8, [1, 1, 1])
      (configuration.refinement, configuration.window, configuration.promptSize) = (1, 4, 8)
      try write(MPHSIR(configuration, seed: 1), $0, $1)
    },
    "degradation-predictor": {
      var configuration = DegradationPredictorConfiguration()
      (configuration.bands, configuration.size, configuration.width, configuration.blocks) = (3, 16, 4, [1, 1, 1, 1])
      configuration.tasks = [.noise, .blur]
      try write(DegradationPredictor(configuration, seed: 1), $0, $1)
    },
    "lola-specvit": {
      var configuration = LoLAConfiguration()
      (configuration.components, configuration.side, configuration.classes) = (3, 7, 3)
      (configuration.stem, configuration.width, configuration.depths) = ([3, 4], 8, [1, 1])
      (configuration.heads, configuration.windows, configuration.rank) = ([2, 2], [2, 2], 2)
      try write(LoLASpecViT(configuration, seed: 1), $0, $1)
    },
    "less": {
      var configuration = LESSAutoencoderConfiguration()
      configuration.encoder = less
      (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (16, 1, 2)
      configuration.decoderChannelWidthPerHead = 2
      try write(LESSAutoencoder(configuration, seed: 1), $0, $1)
    },
    "less-classifier": {
      try write(LESSClassifier(LESSTaskConfiguration(less, classes: 3, experts: 2, kept: 3), seed: 1), $0, $1)
    },
    "less-segmenter": {
      try write(LESSSegmenter(.init(LESSTaskConfiguration(less, classes: 3)), seed: 1), $0, $1)
    },
    "spectralgpt": { try write(SpectralGPT(spectralGPT, seed: 1), $0, $1) },
    "spectralgpt-classifier": { try write(SpectralGPTClassifier(.init(spectralGPT, classes: 3), seed: 1), $0, $1) },
    "cnn-1d": { try write(CNN1D(.init(bands: 17, classes: 3, widths: [4, 5], hidden: 6), seed: 1), $0, $1) },
    "cnn-3d": {
      try write(CNN3D(.init(components: 3, side: 3, classes: 3, widths: [3, 4], hidden: 5), seed: 1), $0, $1)
    },
  ]

  /// A narrow encoder of LESS ViT.
  private static var less: LESSConfiguration {
    var configuration = LESSConfiguration(named: "less-tiny") ?? LESSConfiguration()
    (configuration.width, configuration.depth, configuration.heads) = (16, 1, 2)
    (configuration.channelWidthPerHead, configuration.expansion) = (2, 1.5)
    (configuration.rank, configuration.perceptionRadius) = (2, 70)
    return configuration
  }

  /// A narrow SpectralGPT.
  private static var spectralGPT: SpectralGPTConfiguration {
    var configuration = SpectralGPTConfiguration()
    (configuration.bands, configuration.group, configuration.size, configuration.patch) = (4, 2, 6, 2)
    (configuration.width, configuration.depth, configuration.heads) = (8, 1, 2)
    (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (6, 1, 2)
    return configuration
  }
}

/// A network without a small configuration here.
private enum FuzzNetworksError: Error { case missing(String) }
