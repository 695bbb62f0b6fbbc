import CKernels
import HSICore

/// Sets a sparsity weight without seeing the truth: the largest of a grid whose loss over the good channels,
/// `Σ_l ‖y_l − m_l A‖` with A divided by its sums, stays within 5 % of that without sparsity, from the same start.
///
/// Scenes above `pilotPixels` valid pixels decide on a sample of whole lines (`LineSample`); iterations are limited
/// to 150. The grid is climbed and left at the first weight that fails, so usually two runs decide.
/// Source: the discrepancy principle (Morozov 1966); the 5 % are ours, docs/accuracy-unmixing.md.
struct DiscrepancyRule: Sendable {
  /// Weights to try, ascending, beginning with 0.
  var grid: [Double]
  /// Accepted relative increase of the loss.
  var slack = 0.05

  static let pilotPixels = 20_000
  static let pilotIterations = 150

  /// The weight for `scene`; `model` gives the model for a weight and the scale of the pilot.
  func choose(
    _ scene: Cube, _ start: BlindStart, _ method: MultiplicativeMethod, largestGuidance: Double = 0,
    _ context: RunContext, model: (Double, BlindScale) -> SweepModel
  ) throws -> Double {
    let (scene, start) = DiscrepancyRule.pilot(scene, start)
    let scale = BlindScale(scene, start)
    var chosen = 0.0
    var limit = 0.0
    for weight in grid {
      let outcome = try method.run(
        scene, start, model(weight, scale),
        iterations: min(method.iterations, DiscrepancyRule.pilotIterations),
        label: "choosing the sparsity", largestGuidance: largestGuidance, context)
      let loss = DiscrepancyRule.loss(scene, start, outcome)
      if weight == 0 {
        limit = loss * (1 + slack)
      } else if loss > limit {
        break
      }
      chosen = weight
    }
    return chosen
  }

  private static func loss(_ scene: Cube, _ start: BlindStart, _ outcome: MultiplicativeMethod.Outcome) -> Double {
    MultiplicativeMethod.normaliseRows(outcome.abundances)
    let (bands, count) = (scene.shape.bands, outcome.abundances.columns)
    let (sums, gram) = RobustStart.abundanceSums(scene.pixels, outcome.abundances)
    var squares = [Double](repeating: 0, count: bands)
    hsi_nmf_row_residuals(
      bands, count, sums, gram, outcome.energy, outcome.factorisation.endmembers, &squares)
    return (0..<bands).reduce(0) { start.keptChannels[$1] ? $0 + squares[$1].squareRoot() : $0 }
  }

  /// The scene itself when small, else whole lines spread evenly; positions and width stay those of the image.
  private static func pilot(_ scene: Cube, _ start: BlindStart) -> (Cube, BlindStart) {
    guard scene.count > pilotPixels else { return (scene, start) }
    let lines = LineSample(lines: scene.shape.lines, keeping: Double(pilotPixels) / Double(scene.count))
    let width = scene.shape.samples
    let chosen = (0..<scene.count).filter { lines.contains(Int(scene.positions[$0]) / width) }
    guard chosen.count >= 4 * start.endmembers.rows else { return (scene, start) }
    let (bands, count) = (scene.shape.bands, start.endmembers.rows)
    let pixels = PixelMatrix(rows: chosen.count, columns: bands)
    let abundances = PixelMatrix(rows: chosen.count, columns: count)
    for (i, n) in chosen.enumerated() {
      (pixels.pointer + i * bands).update(from: scene.pixels.pointer + n * bands, count: bands)
      (abundances.pointer + i * count).update(from: start.abundances.pointer + n * count, count: count)
    }
    var sample = start
    sample.abundances = abundances
    sample.purity = chosen.map { start.purity[$0] }
    sample.rightWeight = chosen.map { start.rightWeight[$0] }
    sample.downWeight = chosen.map { start.downWeight[$0] }
    let cube = Cube(
      shape: scene.shape, metadata: scene.metadata, pixels: pixels,
      positions: chosen.map { scene.positions[$0] })
    return (cube, sample)
  }
}

/// A fixed choice of image lines: blocks of `LineSample.block` neighbouring lines spread evenly over the image, the
/// same for every seed, thread count and strip height.
struct LineSample: Sendable {
  /// Neighbouring lines per block, so that spatial terms still see neighbours.
  static let block = 8
  /// The chosen blocks of lines, ascending and disjoint.
  let ranges: [Range<Int>]

  /// - Parameters:
  ///   - lines: lines of the image.
  ///   - keeping: fraction to keep, 0…1; at least one block.
  init(lines: Int, keeping fraction: Double) {
    guard fraction < 1 else {
      ranges = [0..<lines]
      return
    }
    let size = min(LineSample.block, lines)
    let blocks = max(1, min(lines / size, Int(clamping: fraction * Double(lines) / Double(size))))
    // The centre of block i is the centre of the i-th of `blocks` equal parts of the image.
    ranges = (0..<blocks).map { i in
      let centre = (2 * i + 1) * lines / (2 * blocks)
      let first = max(0, min(lines - size, centre - size / 2))
      return first..<(first + size)
    }
  }

  /// Number of lines chosen.
  var count: Int { ranges.reduce(0) { $0 + $1.count } }

  func contains(_ line: Int) -> Bool { ranges.contains { $0.contains(line) } }
}
