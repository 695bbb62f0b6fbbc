import HSICore
import HSINumerics

/// Finds channels that hold hardly anything but noise, before methods that cannot cope with them.
///
/// Counting and plain extraction fail for every method when corrupted channels enter (abundance RMSE 0.2–0.5 instead of
/// 0.03 in the reference study), and a fit cannot tell: a channel of noise explains itself. Leave-one-out
/// prediction can.
public enum ChannelScreening {
  /// Leave-one-out quality of every channel, and which are good enough.
  public struct Outcome: Sendable {
    /// 0 bad … 1 good, one per band of the source.
    public var quality: [Double]
    /// Channels above the threshold.
    public var isKept: [Bool]

    /// Indices of the channels that are kept.
    public var kept: [Int] { isKept.indices.filter { isKept[$0] } }
  }

  /// Screens the bands of a scene in one pass.
  ///
  /// - Parameters:
  ///   - threshold: on the quality of `ChannelHealth`; 0.4 let no corrupted channel pass in the reference
  ///     study. When fewer than a quarter of the channels pass, those at or above the median are kept.
  public static func screen(
    _ source: any StripSource, threshold: Double = 0.4, _ context: RunContext
  ) throws -> Outcome {
    let claim = context.claimThreads()
    defer { claim.release() }
    let statistics = try SceneStatistics(source, context, label: "channel quality", precision: .double)
    guard statistics.count > 1 else {
      throw UnmixingError.tooFewPixels(valid: statistics.count, needed: 2, purpose: "judging channels")
    }
    let health = try ChannelHealth(correlation: statistics.correlation, mean: statistics.mean)
    return Outcome(
      quality: health.quality, isKept: health.healthy(threshold: threshold))
  }
}
