import HSICore

/// A restorer in a register: one line per method.
public struct RestorerEntry: Sendable {
  /// What users and documents are told.
  public let description: MethodDescription
  /// Names of the networks that it works with; empty for methods without weights.
  public let models: [String]
  /// Makes it from values for some parameters, and the weights of those that have any.
  public let make: @Sendable ([String: Double], LearnedWeights) throws -> any Restorer

  /// A method without weights.
  public init<R: Restorer>(
    _ description: MethodDescription, _ make: @escaping @Sendable (MethodParameters) throws -> R
  ) {
    self.description = description
    models = []
    self.make = { values, _ in
      try make(MethodParameters(values, for: description))
    }
  }

  /// A method that needs no training.
  public init<C: ClassicalRestorer>(_ type: C.Type) { self.init(C.description) { try C($0) } }

  /// A method with a network.
  public init<L: LearnedRestorer>(_ type: L.Type) {
    description = L.description
    models = L.models
    make = { values, weights in try L(weights, values) }
  }
}

/// The weights that a learned restorer is asked for: a file, or those that come with the package.
public struct LearnedWeights: Sendable, Hashable {
  /// A `.safetensors` file or a PyTorch checkpoint; nil for the bundled weights.
  public var path: String?
  /// The network that they are for, where the file does not say.
  public var model: String?

  /// Bundled weights by default.
  public init(path: String? = nil, model: String? = nil) {
    self.path = path
    self.model = model
  }
}

/// A restorer with a network: it has weights beside its parameters.
public protocol LearnedRestorer: Restorer {
  /// What users and documents are told.
  static var description: MethodDescription { get }
  /// Names of the networks that it works with.
  static var models: [String] { get }
  /// Reads the weights and takes values for some parameters.
  ///
  /// - Throws: `RestorationError.noBundledWeights`, `TransformerError`, `CoreError.unknownParameter`, `.invalidParameter`.
  init(_ weights: LearnedWeights, _ values: [String: Double]) throws
}

/// Restorers by name.
public typealias RestorerRegistry = MethodRegistry<RestorerEntry>

extension MethodRegistry where Entry == RestorerEntry {
  /// A register of some restorers.
  public init(_ entries: [RestorerEntry]) { self.init("denoising method", entries) { $0.description } }

  /// The restorer of a name or alias, with values for some parameters and defaults for the rest.
  ///
  /// - Throws: `CoreError.unknownMethod`, `.unknownParameter`, `.invalidParameter`, and of those with weights what reading these
  ///   throws.
  public func named(
    _ name: String, _ values: [String: Double] = [:], weights: LearnedWeights = .init()
  ) throws -> any Restorer {
    try entry(name).make(values, weights)
  }
}

/// The register of restorers: a new one is a file and a line here.
public enum Restorers {
  /// All of them: denoisers first, then task by task; simplest first in each.
  public static let all = RestorerRegistry([
    RestorerEntry(PrincipalComponents.self), RestorerEntry(MNF.self), RestorerEntry(HyRes.self),
    RestorerEntry(FastHyDe.self), RestorerEntry(FastHyMix.self), RestorerEntry(RefinedFastHyDe.self),
    RestorerEntry(RefinedFastHyMix.self), RestorerEntry(Destriping.self),
    RestorerEntry(HSDTDenoiser.self), RestorerEntry(MPHSIRRestorer.self),
    RestorerEntry(SpectralInterpolation.self), RestorerEntry(LowRankCompletion.self), RestorerEntry(FastHyIn.self),
    RestorerEntry(WienerDeconvolution.self), RestorerEntry(TotalVariationDeconvolution.self),
    RestorerEntry(BicubicInterpolation.self), RestorerEntry(BackProjection.self),
    RestorerEntry(DarkObjectDehazing.self), RestorerEntry(AnscombeFastHyDe.self),
  ])

  /// The denoisers that need no weights.
  public static let classical = RestorerRegistry(
    all.entries.filter { $0.models.isEmpty && $0.description.task == .denoise })

  /// The restorers of a task.
  public static func `for`(_ task: MethodTask) -> RestorerRegistry {
    RestorerRegistry(all.entries.filter { $0.description.task == task })
  }

  /// The denoiser for a scene from its noise: `RefinedFastHyMix` where impulses, dead columns or stripes show, else
  /// `RefinedFastHyDe`; the same without refinement, said in a line, where only that fits the memory. The choice and its reason are logged.
  ///
  /// - Parameter noise: levels per band, or nil to estimate them.
  public static func automatic(for scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> AutomaticChoice {
    let claim = context.claimThreads()
    defer { claim.release() }
    if let noise { try noise.check(bands: scene.shape.bands) }
    let levels = try noise ?? NoiseLevels.estimate(scene, context)
    try context.checkCancellation()
    return try automatic(scene.shape, noise: levels, evidence: MixedNoiseEvidence(scene, noise: levels), context)
  }

  /// The same where the noise has been looked at.
  ///
  /// - Parameter shape: that of the scene, from which follows what fits the memory.
  public static func automatic(
    _ shape: CubeShape, noise levels: NoiseLevels, evidence: MixedNoiseEvidence, _ context: RunContext
  ) throws -> AutomaticChoice {
    func percent(_ share: Double) -> String { "\((share * 1e4).rounded() / 100) %" }
    let figures =
      "impulses \(percent(evidence.impulses)) of values, dead \(percent(evidence.deadColumns)) and striped "
      + "\(percent(evidence.stripedColumns)) of columns"
    var denoiser: any ClassicalDenoiser = evidence.isMixed ? try RefinedFastHyMix() : try RefinedFastHyDe()
    if (try? denoiser.requireMemory(for: shape, context)) == nil {
      let plain: any ClassicalDenoiser = evidence.isMixed ? try FastHyMix() : try FastHyDe()
      if (try? plain.requireMemory(for: shape, context)) != nil {
        context.logger.notice(
          "denoising with \(plain.description.id): \(denoiser.description.id) on \(shape) needs more memory than it may use"
        )
        denoiser = plain
      }
    }
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
