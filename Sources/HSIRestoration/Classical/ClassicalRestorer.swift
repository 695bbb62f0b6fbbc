import HSICore

/// A restorer that needs no training.
public protocol ClassicalRestorer: Restorer {
  /// What users and documents are told.
  static var description: MethodDescription { get }
  /// Takes the checked parameters.
  ///
  /// - Throws: `CoreError.invalidParameter` for values that do not go together.
  init(_ parameters: MethodParameters) throws
}

extension ClassicalRestorer {
  /// The restorer with values for some parameters and defaults for the rest.
  ///
  /// - Throws: `CoreError.unknownParameter`, `CoreError.invalidParameter`.
  public init(_ values: [String: Double] = [:]) throws {
    try self.init(MethodParameters(values, for: Self.description))
  }

  public var description: MethodDescription { Self.description }
}

extension MethodTask {
  /// Filling missing values and bands.
  public static let inpaint = MethodTask(rawValue: "inpaint")
  /// Undoing a blur.
  public static let deblur = MethodTask(rawValue: "deblur")
  /// Making the grid finer.
  public static let superResolve = MethodTask(rawValue: "super-resolve")
  /// Taking haze away.
  public static let dehaze = MethodTask(rawValue: "dehaze")
  /// Removing noise that grows with the signal.
  public static let removePhotonNoise = MethodTask(rawValue: "denoise-photons")
}
