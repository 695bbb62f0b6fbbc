import Foundation
import HSITestSupport
import HSITransformer
import Testing

@testable import HSINetworks

/// One fixture of the reference implementation and the network that it was made with.
///
/// Images are `[B, C, H, W]` in the files and `[B, H, W, C]` here; patches `[B, K, S, S]` have the same order here.
struct LoLAParity {
  let name: String
  let fixture: Fixture
  let configuration: LoLAConfiguration

  private struct Settings: Decodable {
    var in_channels, num_classes, dim, spatial_size, r: Int
    var depths, num_heads, window_size: [Int]
    var mlp_ratio, lora_alpha: Double
  }

  /// Without network settings in the file the configuration is the released one.
  init(_ name: String) throws {
    self.name = name
    let url = try #require(
      Bundle.module.url(forResource: name, withExtension: "safetensors", subdirectory: "Fixtures"))
    fixture = try Fixture(url)
    var configuration = LoLAConfiguration()
    let text = try WeightFile.open(url.path).metadata["config"] ?? "{}"
    if let settings = try? JSONDecoder().decode(Settings.self, from: Data(text.utf8)) {
      configuration.components = settings.in_channels
      configuration.classes = settings.num_classes
      configuration.width = settings.dim
      configuration.side = settings.spatial_size
      (configuration.rank, configuration.alpha) = (settings.r, settings.lora_alpha)
      configuration.depths = settings.depths
      configuration.heads = settings.num_heads
      configuration.windows = settings.window_size
      configuration.expansion = settings.mlp_ratio
    }
    (configuration.dropout, configuration.bandDropout, configuration.pathDropout) = (0, 0, 0)
    self.configuration = configuration
  }

  /// Loads all weights; `unused` names those that the network under test does not have.
  func load(_ store: ParameterStore, unused: (String) -> Bool = { _ in false }) {
    for parameter in store.parameters {
      let array = fixture["w.\(parameter.name)"]
      if parameter.name.hasSuffix("relative_position_index") {
        #expect(parameter.value.values == array.floats, "\(name) \(parameter.name)")
      }
      parameter.set(Tensor(array.shape, array.floats))
    }
    for key in fixture.tensors.keys where key.hasPrefix("w.") && !unused(String(key.dropFirst(2))) {
      #expect(store[String(key.dropFirst(2))] != nil, "\(name): the network has no \(key.dropFirst(2))")
    }
  }

  func patches(_ name: String) -> Tensor {
    let array = fixture[name]
    return Tensor(array.shape + [1], array.floats)
  }

  /// `[B, C, H, W]` of the file as `[B, H, W, C]`.
  func image(_ name: String) -> Tensor {
    let array = fixture[name]
    let (channels, pixels) = (array.shape[1], array.shape[2] * array.shape[3])
    return Tensor(
      [array.shape[0], array.shape[2], array.shape[3], channels],
      (0..<array.values.count).map { index in
        let (c, pixel, b) = (index % channels, index / channels % pixels, index / channels / pixels)
        return Float(array.values[(b * channels + c) * pixels + pixel])
      })
  }

  func plain(_ name: String) -> Tensor { Tensor(fixture[name].shape, fixture[name].floats) }

  /// Largest difference as a fraction of the largest reference value (at least `floor`).
  func error(_ tensor: Tensor, _ reference: Tensor, floor: Double = 1e-12) -> Double {
    guard tensor.count == reference.count else { return .infinity }
    let (ours, theirs) = (tensor.values, reference.values)
    let scale = max(theirs.reduce(0.0) { max($0, Double(abs($1))) }, floor)
    return zip(ours, theirs).reduce(0.0) { worst, pair in
      let difference = Double(abs(pair.0 - pair.1)) / scale
      return difference.isNaN ? .infinity : max(worst, difference)
    }
  }

  /// Biases whose gradient is zero but for rounding in training: batch normalisation takes them away again.
  private static let cancelled = ["spectral_conv.0", "spectral_conv.3", "spectral_conv.6", "patch_embed.0"].map {
    $0 + ".bias"
  }

  /// The errors of all weight gradients that the file holds, by name; a missing gradient is infinitely wrong.
  func gradientErrors(_ store: ParameterStore) -> [(name: String, error: Double)] {
    let gradients = fixture.tensors.keys.filter { $0.hasPrefix("g.w.") }
    let largest = gradients.reduce(0.0) { fixture[$1].values.reduce($0) { max($0, abs($1)) } }
    return gradients.sorted().map { key in
      let name = String(key.dropFirst(4))
      guard let gradient = store[name]?.gradient else { return (name, .infinity) }
      return (name, error(gradient, plain(key), floor: (LoLAParity.cancelled.contains(name) ? 1 : 1e-6) * largest))
    }
  }
}
