import HSICore

/// What is done to a scene that nothing is wrong with: nothing.
public struct UntouchedScene: Restorer {
  /// Why it stays as it is.
  public let reason: String

  /// Nothing, for a reason.
  public init(reason: String) { self.reason = reason }

  public var description: MethodDescription {
    MethodDescription(
      id: "none", name: "No restoration", task: .restore, citation: "", cost: "none",
      advice: "Where nothing is wrong with a scene.")
  }

  public func workingBytes(_ shape: CubeShape) -> Int { 0 }

  /// The scene as it is, with the warning `W-UNCHANGED`.
  public func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    unchanged(scene, reason, context)
  }
}
