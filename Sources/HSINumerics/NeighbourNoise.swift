import HSICore

/// Covariance of the noise from differences of neighbouring pixels.
///
/// With d the difference of a pixel and the one above and to the left of it (to the left where the scene has one line, above where it has one
/// sample), `N = cov(d) / 2` over all pairs of valid pixels: neighbours see almost the same ground, so that mostly noise differs. Reads the
/// scene once; cost N L² flops. Source: A. A. Green et al., IEEE TGRS 26(1), 1988 (shift differences).
public struct NeighbourNoise: Sendable {
  /// `cov(d) / 2`, L × L (pairs in the denominator).
  public let covariance: Matrix<Double>
  /// Number of pairs.
  public let pairs: Int

  /// Estimates from a scene.
  ///
  /// - Throws: what reading throws; `CoreError.cancelled`, `.memory`.
  public init(_ source: any StripSource, _ context: RunContext) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    if let known = source as? any KnownStatistics {
      self = try known.knownNoise()
      return
    }
    let bands = source.shape.bands
    let needed = StatisticsAccumulator.bytes(bands: bands, precision: .double)
    guard needed <= Double(max(context.memory.bytes, 64 << 20)) else {
      throw CoreError.memory(
        purpose: "noise of \(bands) bands", needed: Int(clamping: min(needed, 5e18)), budget: context.memory.bytes)
    }
    let differences = NeighbourDifferences(
      bands: bands, samples: source.shape.samples, step: NeighbourDifferences.step(source.shape),
      precision: .double)
    guard differences.step.lines + differences.step.samples > 0 else {
      self.init(differences: differences.statistics)
      return
    }
    try source.forEachStrip(context, label: "noise", extraBytesPerPixel: NeighbourDifferences.bytesPerPixel) {
      differences.add($0)
    }
    self.init(differences: differences.statistics)
  }

  /// The noise of differences that were summed up.
  public init(differences statistics: SceneStatistics) {
    covariance = statistics.covariance.map { $0 / 2 }
    pairs = statistics.count
  }
}
