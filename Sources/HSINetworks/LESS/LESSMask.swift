import HSICore
import HSITransformer

/// Which bands and positions of each image an encoder is given in pre-training; the others cost nothing.
///
/// Draws are uniform numbers, one per band and per position: those with the smallest stay. The order in which they stay does not matter,
/// so it is that of the image. Source: Si et al., arXiv 2503.12843.
public struct LESSMask: Sendable, Equatable {
  /// Bands that stay in each image, ascending; as many in all.
  public let bands: [[Int]]
  /// Positions that stay in each image, ascending; as many in all.
  public let positions: [[Int]]
  /// Bands and positions of the whole grid.
  public let bandCount, positionCount: Int

  /// What stays, by number.
  public init(bands: [[Int]], of bandCount: Int, positions: [[Int]], of positionCount: Int) {
    precondition(
      bands.count == positions.count && Set(bands.map(\.count)).count == 1 && Set(positions.map(\.count)).count == 1
        && bands.joined().allSatisfy { (0..<bandCount).contains($0) }
        && positions.joined().allSatisfy { (0..<positionCount).contains($0) }, "masks of unequal images")
    (self.bands, self.positions) = (bands.map { $0.sorted() }, positions.map { $0.sorted() })
    (self.bandCount, self.positionCount) = (bandCount, positionCount)
  }

  /// What draws leave.
  ///
  /// - Parameters:
  ///   - bandDraws: `[B][C]`, uniform.
  ///   - positionDraws: `[B][N]`, or `[1][N]` for positions that all images share.
  ///   - bandRatio: share of the bands that is hidden.
  ///   - positionRatio: share of the positions that is hidden.
  public init(bandDraws: [[Float]], positionDraws: [[Float]], bandRatio: Double, positionRatio: Double) {
    let (bandCount, positionCount) = (bandDraws[0].count, positionDraws[0].count)
    func smallest(_ draws: [[Float]], _ kept: Int) -> [[Int]] {
      draws.map { row in Array(row.indices.sorted { (row[$0], $0) < (row[$1], $1) }.prefix(kept)) }
    }
    let positions = smallest(positionDraws, LESSMask.keptPositions(of: positionCount, ratio: positionRatio))
    self.init(
      bands: smallest(bandDraws, LESSMask.keptBands(of: bandCount, ratio: bandRatio)), of: bandCount,
      positions: positions.count == 1 ? bandDraws.map { _ in positions[0] } : positions, of: positionCount)
  }

  /// Draws a mask: first the bands, then the positions.
  ///
  /// - Parameters:
  ///   - among: the bands that may stay, such as those of one instrument of two; all when nil. The ratio is one of these.
  ///   - sharesPositions: the same positions in all images, as a perception field needs.
  public static func draw(
    images: Int, bands: Int, positions: Int, bandRatio: Double, positionRatio: Double, among: Range<Int>? = nil,
    sharesPositions: Bool, _ random: inout CounterRandom
  ) -> LESSMask {
    let among = among ?? 0..<bands
    func row(_ count: Int) -> [Float] { (0..<count).map { _ in Float(random.uniform()) } }
    let bandDraws = (0..<images).map { _ in row(among.count) }
    let positionDraws = (0..<(sharesPositions ? 1 : images)).map { _ in row(positions) }
    let part = LESSMask(
      bandDraws: bandDraws, positionDraws: positionDraws, bandRatio: bandRatio, positionRatio: positionRatio)
    return LESSMask(
      bands: part.bands.map { $0.map { $0 + among.lowerBound } }, of: bands, positions: part.positions, of: positions)
  }

  /// Bands that stay: `max(⌊C (1 − ratio)⌋, 2)`, all for a ratio of 0.
  public static func keptBands(of count: Int, ratio: Double) -> Int {
    ratio == 0 ? count : min(count, max(Int(clamping: Double(count) * (1 - ratio)), 2))
  }

  /// Positions that stay: `⌊N (1 − ratio)⌋`.
  public static func keptPositions(of count: Int, ratio: Double) -> Int { Int(clamping: Double(count) * (1 - ratio)) }

  /// Throws `LESSError` where masks of these ratios leave nothing, or hide nothing although they should.
  public static func check(bands: Int, positions: Int, bandRatio: Double, positionRatio: Double) throws {
    let (kept, places) = (keptBands(of: bands, ratio: bandRatio), keptPositions(of: positions, ratio: positionRatio))
    if kept < 1 || bandRatio > 0 && (kept < 2 || kept >= bands) {
      throw LESSError.tooFewBands(bands: bands, kept: kept)
    }
    if places < 1 || positionRatio > 0 && places >= positions {
      throw LESSError.tooFewPositions(positions: positions, kept: places)
    }
  }

  /// 1 where a band is hidden, `[B, C]`.
  public var hiddenBands: Tensor { hidden(bands, bandCount) }
  /// 1 where a position is hidden, `[B, N]`.
  public var hiddenPositions: Tensor { hidden(positions, positionCount) }

  private func hidden(_ kept: [[Int]], _ count: Int) -> Tensor {
    let result = Tensor([kept.count, count], repeating: 1)
    for (b, list) in kept.enumerated() { for i in list { result.output[b * count + i] = 0 } }
    return result
  }
}

/// Which bands of a scene a batch of pre-training is given at all, so that a network meets many sets of bands.
public enum ChannelSampling {
  /// Numbers of bands between which a batch's is drawn.
  ///
  /// - Parameter dropped: one share a, for `max(1, ⌊C (1 − a)⌋)` bands, or two, least first, for a number between `⌊C (1 − a₂)⌋` and
  ///   `⌊C (1 − a₁)⌋`.
  public static func counts(of bands: Int, dropped: [Double]) -> ClosedRange<Int> {
    func kept(_ share: Double) -> Int { max(1, Int(clamping: Double(bands) * (1 - share))) }
    guard let most = dropped.max(), let least = dropped.min() else { return bands...bands }
    return kept(most)...kept(least)
  }

  /// Bands of a batch, ascending.
  public static func draw(of bands: Int, dropped: [Double], _ random: inout CounterRandom) -> [Int] {
    let counts = counts(of: bands, dropped: dropped)
    let count = counts.lowerBound + random.index(below: counts.count)
    var all = Array(0..<bands)
    for i in 0..<count { all.swapAt(i, i + random.index(below: bands - i)) }
    return all[..<count].sorted()
  }
}
