import HSICore
import HSIRaster
import HSIReport
import HSINetworks
import HSIRestoration
import HSITransformer

/// The denoiser of a run, and why it is this one.
struct DenoiserChoice {
  var denoiser: any Restorer
  /// `given`, or the reason of the automatic choice.
  var reason: String
  /// Parameters after defaults, by name.
  var settings: [String: Double]
  /// The weights, of networks.
  var model: ReportWeights?
  /// Files read beside the scene.
  var files: [String] = []

  /// A denoiser that was asked for by name; nil where the scene has to be seen first.
  ///
  /// - Throws: the errors of names, parameters and weight files.
  static func named(_ request: DenoiseMethodRequest) throws -> DenoiserChoice? {
    switch request.kind {
    case .automatic: return nil
    case .classical(let name):
      return DenoiserChoice(try Restorers.classical.named(name, request.values), reason: "given", request.values)
    case .network(let name, let weights):
      let weights = weights.map { WeightSearch.locate($0) }
      let network = try NetworkDenoising.load(name, weights: weights, request.values)
      var choice = DenoiserChoice(network, reason: "given", request.values)
      choice.model = ReportWeights(
        weights: weights ?? "bundled", card: NetworkDenoising.card(network.model))
      choice.files = [weights].compactMap { $0 }
      return choice
    }
  }

  /// The denoiser that fits the noise of a scene.
  static func automatic(for scene: Cube, noise: NoiseLevels, _ context: RunContext) throws -> DenoiserChoice {
    let choice = try Restorers.automatic(for: scene, noise: noise, context)
    return DenoiserChoice(choice.denoiser, reason: "chosen because " + choice.reason, [:])
  }

  private init(_ denoiser: any Restorer, reason: String, _ values: [String: Double]) {
    self.denoiser = denoiser
    self.reason = reason
    settings = Dictionary(
      denoiser.description.parameters.compactMap { p in p.defaultValue.map { (p.name, $0) } }
    ) { $1 }.merging(values) { $1 }
  }
}
