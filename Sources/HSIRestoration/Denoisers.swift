import HSICore

/// The register of the denoisers that need no training: a new one is a file and a line here.
public enum Denoisers {
  /// All of them, simplest first.
  public static let classical: [any ClassicalDenoiser.Type] = [
    PrincipalComponents.self, MNF.self, HyRes.self, FastHyDe.self, FastHyMix.self, Destriping.self,
  ]

  /// What is known about every one.
  public static var descriptions: [MethodDescription] { classical.map { $0.description } }

  /// The denoiser of a name or alias, with values for some parameters and defaults for the rest.
  ///
  /// - Throws: `RestorationError.unknownMethod`, `CoreError.unknownParameter`, `CoreError.invalidParameter`.
  public static func named(_ name: String, _ values: [String: Double] = [:]) throws -> any ClassicalDenoiser {
    let wanted = name.lowercased()
    guard
      let type = classical.first(where: {
        $0.description.id == wanted || $0.description.aliases.contains(wanted)
      })
    else {
      throw RestorationError.unknownMethod(name: name, known: descriptions.map(\.id))
    }
    return try type.init(values)
  }

  /// The denoiser for a scene from its noise: `FastHyMix` where impulses, dead columns or stripes show, else
  /// `FastHyDe`. The choice and its reason are logged.
  ///
  /// - Parameter noise: levels per band, or nil to estimate them.
  public static func automatic(
    for scene: Cube, noise: NoiseLevels?, _ context: RunContext
  ) throws -> AutomaticChoice {
    if let noise { try noise.check(bands: scene.shape.bands) }
    let levels = try noise ?? NoiseLevels.estimate(scene, context)
    try context.checkCancellation()
    let evidence = MixedNoiseEvidence(scene, noise: levels)
    func percent(_ share: Double) -> String { "\((share * 1e4).rounded() / 100) %" }
    let figures =
      "impulses \(percent(evidence.impulses)) of values, dead \(percent(evidence.deadColumns)) and striped "
      + "\(percent(evidence.stripedColumns)) of columns"
    let denoiser: any ClassicalDenoiser = evidence.isMixed ? try FastHyMix() : try FastHyDe()
    let reason = (evidence.isMixed ? "noise is mixed: " : "noise looks Gaussian: ") + figures
    context.logger.info("denoising with \(denoiser.description.id): \(reason)")
    return AutomaticChoice(denoiser: denoiser, reason: reason, noise: levels, evidence: evidence)
  }
}

/// A denoiser chosen for a scene.
public struct AutomaticChoice: Sendable {
  /// The method with its defaults.
  public var denoiser: any ClassicalDenoiser
  /// One line: what decided.
  public var reason: String
  /// Levels that were given or estimated; pass them to a method for Gaussian noise.
  public var noise: NoiseLevels
  /// The figures.
  public var evidence: MixedNoiseEvidence
}
