import HSICore
import HSINetworks

extension HSDTDenoiser {
  /// What users and documents are told.
  public static let description = MethodDescription(
    id: "hsdt", name: "Hybrid spectral denoising transformer (HSDT)",
    task: .denoise,
    citation: HSDT.citation,
    cost: "0.05 to 0.26 MFLOP per value (S to L), twice that with band windows",
    advice: "Noise of unknown kind and strength, stripes and impulses included; needs trained weights.",
    parameters: [
      ParameterDescription(
        "tile", nil, in: 32...65536,
        "largest edge of a tile in pixels; the rule: what the memory budget allows"),
      ParameterDescription("overlap", 32, in: 0...512, "pixels that neighbouring tiles share"),
      ParameterDescription("band_overlap", 16, in: 0...1000, "bands that neighbouring windows of bands share"),
      ParameterDescription(
        "range", 1, in: 0...1,
        "what stands for [0, 1]; 1: the range that the scene would have without noise; 0: smallest and largest value"
      ),
      ParameterDescription(
        "flex", 0, in: 0...1, "1: all bands at once whatever the network was built for; 0: windows of bands"),
    ])

  /// The networks that it works with, the default first.
  public static let models = HSDTConfiguration.names.filter { $0 != "hsdt-pnp" }

  public init(_ weights: LearnedWeights, _ values: [String: Double]) throws {
    guard let path = weights.path ?? BundledWeights.path() else {
      throw RestorationError.noBundledWeights(name: BundledWeights.denoiser)
    }
    try self.init(HSDTModel.read(path, model: weights.model), values)
  }

  /// A denoiser with values for some parameters and defaults for the rest.
  ///
  /// - Throws: `CoreError.unknownParameter`, `CoreError.invalidParameter`.
  public init(_ model: HSDTModel, _ values: [String: Double]) throws {
    let parameters = try MethodParameters(
      values, method: Self.description.id, parameters: Self.description.parameters)
    self.init(model)
    tiles.tile = parameters["tile"].map { Int($0) }
    tiles.tileOverlap = Int(parameters.value("overlap"))
    tiles.bandOverlap = Int(parameters.value("band_overlap"))
    usesNoisyRange = parameters.value("range") >= 0.5
    bandHandling = parameters.value("flex") >= 0.5 ? .flex : .automatic
  }
}
