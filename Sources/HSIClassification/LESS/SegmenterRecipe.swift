import HSICore

/// How a network that maps whole windows is trained on the labelled pixels of a scene.
public struct SegmenterRecipe: Sendable, Codable, Equatable {
  /// Which weights are trained.
  public enum Scope: Sendable, Codable, Hashable {
    /// All.
    case all
    /// Those of the head only: a probe of what the encoder knows.
    case head
    /// The head, and of the encoder what the user wrote (`lora:r=8`; see `Adaptation`).
    case adapted(String)
  }

  /// Epochs, of `windows` windows each.
  public var epochs = 60
  /// Windows of an epoch: one around every training pixel, so many at most.
  public var windows = 128
  /// Windows per step.
  public var batch = 8
  /// Highest learning rate.
  public var rate = 1e-3
  /// Weight decay.
  public var weightDecay = 0.01
  /// Label smoothing.
  public var labelSmoothing = 0.1
  /// Side of a window in pixels.
  public var side = 16
  /// Least and greatest share of the bands that a step is not shown.
  public var dropped = [0.3, 0.8]
  /// Most bands of a pass.
  public var mostBands = 48
  /// Spread of a random factor and of a random offset on all values of a window, which lie in [0, 1].
  public var gain = 0.1, offset = 0.05
  /// Which weights are trained.
  public var scope = Scope.all

  /// The defaults.
  public init() {}
}
