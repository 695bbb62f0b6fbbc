import Foundation
import HSIClassification
import HSICore
import HSIDetection
import HSIRaster
import HSIReport

/// What is learnt about the scores of a scene while they are delivered.
struct DetectFacts {
  /// A pixel that may be among the best.
  struct Candidate {
    /// Place in the window.
    var line: Int
    var sample: Int
    /// The higher, the more it speaks for a target, whatever the sense of the detector.
    var rank: Float
    /// Which score it is.
    var band: Int
    var values: [Float]
  }

  /// Best pixels that are kept, and those that are shown.
  private static let kept = 512
  private static let shown = 10
  /// Pixels nearer than this to a better one are part of it.
  private static let spacing = 3

  /// Bands that are scores.
  let scoreBands: [Int]
  /// −1 where small scores speak for a target.
  let sign: Float
  /// All scores, turned so that high ones speak for a target.
  let histogram = ScoreHistogram()
  private let targets = ScoreHistogram()
  private let background = ScoreHistogram()
  private let truth: LabelMap?
  private(set) var previews: PreviewMaps
  private var candidates: [Candidate] = []
  /// Pixels with a score.
  private(set) var count = 0

  /// - Parameter truth: classes on the window; pixels of any class are targets.
  init(_ detector: any Detector, shape: CubeShape, truth: LabelMap?) {
    scoreBands = detector.bands.indices.filter { detector.bands[$0].isScore }
    sign = detector.sense == .lower ? -1 : 1
    self.truth = truth
    previews = PreviewMaps(shape: shape, layers: 1)
  }

  /// The score of a pixel that counts, turned, and its band; NaN where it has none.
  func rank(_ values: PixelMatrix, _ row: Int) -> (rank: Float, band: Int) {
    var best: (rank: Float, band: Int) = (.nan, scoreBands.first ?? 0)
    for band in scoreBands {
      let rank = sign * values[row, band]
      if best.rank.isNaN || rank > best.rank { best = (rank, band) }
    }
    return best
  }

  /// Takes a strip of results.
  mutating func add(_ strip: ProductStrip, _ values: PixelMatrix) {
    let samples = strip.window.samples
    var written = [Float](repeating: .nan, count: strip.count)
    var limit = candidates.count < DetectFacts.kept ? -Float.infinity : candidates[DetectFacts.kept - 1].rank
    for n in 0..<strip.count {
      let (rank, band) = rank(values, n)
      guard !rank.isNaN else { continue }
      written[n] = sign * rank
      count += 1
      histogram.add(rank)
      let place = Int(strip.positions[n])
      let (line, sample) = (strip.window.line + place / samples, place % samples)
      if let truth {
        (truth.ids[line * truth.samples + sample] != 0 ? targets : background).add(rank)
      }
      guard rank > limit else { continue }
      candidates.append(
        Candidate(
          line: line, sample: sample, rank: rank, band: band,
          values: (0..<values.columns).map { values[n, $0] }))
      if candidates.count >= 2 * DetectFacts.kept {
        trim()
        limit = candidates[DetectFacts.kept - 1].rank
      }
    }
    previews.add(window: strip.window, positions: strip.positions) { n, _ in written[n] }
  }

  private mutating func trim() {
    candidates.sort { ($1.rank, $0.line, $0.sample) < ($0.rank, $1.line, $1.sample) }
    candidates.removeLast(max(0, candidates.count - DetectFacts.kept))
  }

  /// The best pixels, none of them next to a better one.
  var best: [Candidate] {
    var sorted = candidates
    sorted.sort { ($1.rank, $0.line, $0.sample) < ($0.rank, $1.line, $1.sample) }
    var best: [Candidate] = []
    for candidate in sorted where best.count < DetectFacts.shown {
      let isNear = best.contains {
        abs($0.line - candidate.line) < DetectFacts.spacing && abs($0.sample - candidate.sample) < DetectFacts.spacing
      }
      if !isNear { best.append(candidate) }
    }
    return best
  }

  /// Whether truth has a target at a place of the window; nil without truth.
  func isTarget(line: Int, sample: Int) -> Bool? { truth.map { $0.ids[line * $0.samples + sample] != 0 } }

  /// The curve against truth.
  ///
  /// - Throws: `DetectionError.badTruth` where one of the two kinds of pixels is missing.
  func roc(_ path: String) throws -> ROC? {
    guard truth != nil else { return nil }
    guard targets.total > 0, background.total > 0 else {
      throw DetectionError.badTruth(
        path: path,
        reason: targets.total == 0 ? "no pixel with a score is a target" : "no pixel with a score is background")
    }
    return ROC(targets: targets, background: background)
  }

  /// Pixels whose score is beyond a threshold, both turned.
  func exceeding(_ threshold: Double) -> Int {
    histogram.bins.reduce(0) { $0 + ($1.value > threshold ? $1.count : 0) }
  }

  /// Numbers about scores, as they are written.
  var scores: DetectionBody.Scores {
    let sign = Double(sign)
    let (low, high) = (Double(histogram.minimum), Double(histogram.maximum))
    return DetectionBody.Scores(
      minimum: sign > 0 ? low : -high, median: sign * histogram.quantile(0.5),
      percentile99: sign * histogram.quantile(0.99), maximum: sign > 0 ? high : -low)
  }

  /// Bins of the scores.
  private static let bins = 60

  /// Sixty bins of the scores as they are written, ascending, with what a fitted tail expects in them.
  func bins(_ tail: TailFit?) -> DetectionBody.Histogram {
    let all = histogram.bins
    let (low, high) = (Double(histogram.minimum), Double(histogram.maximum))
    guard !all.isEmpty, high > low, high.isFinite, low.isFinite else {
      return DetectionBody.Histogram(edges: [low, high].map { Double(sign) * $0 }.sorted(), counts: [histogram.total])
    }
    let count = DetectFacts.bins
    var counts = [Int](repeating: 0, count: count)
    for bin in all {
      counts[min(count - 1, Int(clamping: (bin.value - low) / (high - low) * Double(count)))] += bin.count
    }
    let edges = (0...count).map { low + (high - low) * Double($0) / Double(count) }
    let expected = tail.map { tail in
      (0..<count).map { i -> Double? in
        guard edges[i] >= tail.start else { return nil }
        return Double(histogram.total) * (tail.exceedance(edges[i]) - tail.exceedance(edges[i + 1]))
      }
    }
    guard sign < 0 else { return DetectionBody.Histogram(edges: edges, counts: counts, expected: expected) }
    return DetectionBody.Histogram(
      edges: edges.reversed().map { -$0 }, counts: counts.reversed(), expected: expected?.reversed())
  }
}
