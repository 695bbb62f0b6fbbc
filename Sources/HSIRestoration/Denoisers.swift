import HSICore

/// The register of the denoisers that need no training: a new one is a file and a line here.
public enum Denoisers {
  /// All of them, simplest first.
  public static let classical: [any ClassicalDenoiser.Type] = [
    PrincipalComponents.self, MNF.self, HyRes.self, FastHyDe.self,
  ]

  /// What is known about every one.
  public static var descriptions: [DenoiserDescription] { classical.map { $0.description } }

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
}
