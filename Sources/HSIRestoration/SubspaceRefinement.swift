import CKernels
import HSICore
import HSINumerics

/// Non-local Bayesian passes over the component images of a subspace, each as far as it helps.
///
/// A filter gives the first estimates g₀; every pass of `NonLocalBayes` guided by g gives f, and the next guide is `g + α (f − g)` with
/// a weight of its own for every component, the one that minimises Stein's unbiased estimate of the risk,
///
///     α = [⟨y − g, f − g⟩ − (div f − div g)] / ‖f − g‖²,    within 0…1,
///
/// for noise of unit variance in y. Divergences are those of the whole chain from y to g and f, filter included, by one Monte-Carlo probe:
/// `div f ≈ ⟨b, f(y + ε b) − f(y)⟩ / ε` with normal b and ε = 0.25. (Thresholds and searches for patches make the chain jump, and the smaller
/// ε is, the more a jump that happens to lie within reach counts.) On large images filter and passes are tried on four windows first, which
/// decide about patches, groups and weights; the image is then filtered once.
///
/// Sources: C. M. Stein, Estimation of the mean of a multivariate normal distribution, Annals of Statistics 9(6), 1981; S. Ramani, T. Blu and
/// M. Unser, Monte-Carlo SURE, IEEE TIP 17(9), 2008.
struct SubspaceRefinement {
  /// Number of passes.
  var passes = 3
  /// Patches and groups: those of least estimated risk in the first pass are taken.
  var choices = [NonLocalBayes(patch: 4, group: 60), NonLocalBayes(patch: 5, group: 120, reach: 18)]
  /// Inflation of the covariance in the first pass, whose guide is the smoothest.
  var inflation: Float = 1.4

  /// What was found.
  struct Outcome {
    /// Weight of every pass, mean over the components.
    var weights: [Double] = []
    /// Estimated mean squared error over noise variance and components, of the filter and after every pass.
    var risks: [Double] = []
    /// Side of the patches that were taken, and how many are in a group.
    var patch = 0
    var group = 0

    /// For reports: by how much the estimated error fell, and the weight of the first pass.
    var facts: [String: Double] {
      guard let first = risks.first, let last = risks.last, let weight = weights.first else { return [:] }
      return [
        "refinementWeight": weight, "refinementGain": first > 0 ? 1 - last / first : 0, "patch": Double(patch),
        "group": Double(group),
      ]
    }
  }

  /// Leading components that are refined; weaker ones keep what the filter gives them.
  static let most = 48
  /// Images of this many places or fewer are probed whole.
  var wholeLimit = 16_384
  /// Side of a window that is probed.
  var window = 64
  /// Bytes beside the noisy components and what the filter needs.
  static func workingBytes(pixels: Int, rank: Int) -> Int {
    let probed = min(pixels, 16_384)
    return NonLocalBayes.workingBytes(pixels: pixels, rank: rank) + (8 * pixels + 24 * probed) * rank
  }

  /// Replaces noisy components (one value per valid pixel, rank × N) by their estimates.
  ///
  /// - Parameter filter: replaces noisy components of an image by first estimates.
  /// - Throws: what the filter throws; `CoreError.cancelled`.
  func apply(
    to components: PixelMatrix, _ filling: PlaneFilling, _ context: RunContext,
    filter: (PixelMatrix, PlaneFilling, RunContext) throws -> Void
  ) throws -> Outcome {
    let rank = min(components.rows, SubspaceRefinement.most)
    guard rank > 0, components.columns > 0 else { return Outcome() }
    let leading = PixelMatrix(rows: rank, columns: components.columns)
    leading.pointer.update(from: components.pointer, count: rank * components.columns)
    let noisy = ComponentPlanes(leading, filling)
    let windows = windows(noisy, filling)
    context.progress.report(phase: "weighing non-local estimation", fraction: 0)
    var quiet = context
    quiet.progress = SilentProgress()
    let probes = try windows.map { try Probe(noisy, $0, filling, quiet, filter: filter) }
    // The first pass decides about patches and groups.
    var outcome = Outcome(risks: [Probe.risk(probes)])
    var candidates = choices
    var chosen: [(step: NonLocalBayes, weights: [Float])] = []
    for pass in 0..<passes {
      var best: (step: NonLocalBayes, trials: [Probe.Trial], weights: [Float], gain: Double)?
      for var step in candidates {
        step.inflation = pass == 0 ? inflation : 1
        let trials = try probes.map { try $0.trial(step, quiet) }
        let (weights, gain) = Probe.weigh(probes, trials)
        if gain > best?.gain ?? 0 { best = (step, trials, weights, gain) }
      }
      guard let best else { break }
      candidates = [best.step]
      for (probe, trial) in zip(probes, best.trials) { probe.accept(trial, best.weights) }
      chosen.append((best.step, best.weights))
      outcome.weights.append(Double(best.weights.reduce(0, +)) / Double(rank))
      outcome.risks.append(outcome.risks[pass] - best.gain)
      (outcome.patch, outcome.group) = (best.step.patch, best.step.group)
      context.progress.report(phase: "weighing non-local estimation", fraction: Double(pass + 1) / Double(passes))
    }
    let result: ComponentPlanes
    if rank == components.rows, probes.count == 1, probes[0].isWhole {
      result = probes[0].estimate
    } else {
      try filter(components, filling, context)
      leading.pointer.update(from: components.pointer, count: rank * components.columns)
      result = ComponentPlanes(leading, filling)
      for (pass, (step, weights)) in chosen.enumerated() {
        let next = try step.estimate(
          noisy, guide: result, phase: "non-local estimation, pass \(pass + 1)", context)
        result.blend(next, weights)
      }
    }
    for j in 0..<rank { noisy.crop(result.plane(j), filling, into: components.pointer + j * components.columns) }
    return outcome
  }

  /// What to probe: the whole image, or a window around the middle of each quarter.
  private func windows(_ planes: ComponentPlanes, _ filling: PlaneFilling) -> [PixelWindow] {
    let whole = PixelWindow(line: 0, sample: 0, lines: planes.lines, samples: planes.samples)
    guard planes.count > wholeLimit, planes.lines == filling.lines, planes.samples == filling.samples else {
      return [whole]
    }
    let (lines, samples) = (min(window, planes.lines), min(window, planes.samples))
    let valid = filling.valid
    let places = [1, 3].flatMap { v in
      [1, 3].map { h in
        PixelWindow(
          line: min(max(0, v * planes.lines / 4 - lines / 2), planes.lines - lines),
          sample: min(max(0, h * planes.samples / 4 - samples / 2), planes.samples - samples), lines: lines,
          samples: samples)
      }
    }
    // Filled places have no noise: windows that hold little else say nothing.
    let usable = Set(places.map { [$0.line, $0.sample] }).sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }.map {
      PixelWindow(line: $0[0], sample: $0[1], lines: lines, samples: samples)
    }.filter { window in
      let count = (window.line..<(window.line + lines)).reduce(0) { sum, line in
        sum
          + (window.sample..<(window.sample + samples)).count { valid[line * planes.samples + $0] }
      }
      return 2 * count > lines * samples
    }
    return usable.isEmpty ? [whole] : usable
  }
}

/// A part of an image with and without a small shift of its values, through the same filters.
private final class Probe {
  /// What a pass makes of both.
  struct Trial {
    let estimate, moved: ComponentPlanes
  }

  let isWhole: Bool
  private(set) var estimate: ComponentPlanes
  private var moved: ComponentPlanes
  private let noisy, shifted, direction: ComponentPlanes
  private let valid: [UInt8]
  private let places: Int
  /// ε
  private static let shift: Float = 0.25

  init(
    _ planes: ComponentPlanes, _ window: PixelWindow, _ filling: PlaneFilling, _ context: RunContext,
    filter: (PixelMatrix, PlaneFilling, RunContext) throws -> Void
  ) throws {
    isWhole = window.lines == planes.lines && window.samples == planes.samples
    let inside = filling.lines == planes.lines && filling.samples == planes.samples
    let all = inside ? filling.valid : [Bool](repeating: true, count: planes.count)
    valid = (0..<(window.lines * window.samples)).map { i in
      all[(window.line + i / window.samples) * planes.samples + window.sample + i % window.samples] ? 1 : 0
    }
    places = valid.count { $0 == 1 }
    noisy = planes.cut(window)
    direction = ComponentPlanes(rank: planes.rank, lines: window.lines, samples: window.samples)
    shifted = ComponentPlanes(rank: planes.rank, lines: window.lines, samples: window.samples)
    let count = noisy.count
    for j in 0..<planes.rank {
      var random = CounterRandom(
        seed: 0x5355_5245, stream: UInt64(window.line) << 40 | UInt64(window.sample) << 16 | UInt64(j))
      let (b, y, moved) = (direction.plane(j), noisy.plane(j), shifted.plane(j))
      for i in 0..<count {
        b[i] = Float(random.normal())
        moved[i] = y[i] + Probe.shift * b[i]
      }
    }
    func filtered(_ planes: ComponentPlanes) throws -> ComponentPlanes {
      let grid = PlaneFilling(
        lines: planes.lines, samples: planes.samples, positions: (0..<Int32(planes.count)).map { $0 })
      let rows = PixelMatrix(rows: planes.rank, columns: planes.count)
      for j in 0..<planes.rank { (rows.pointer + j * planes.count).update(from: planes.plane(j), count: planes.count) }
      try filter(rows, grid, context)
      return ComponentPlanes(rows, grid)
    }
    estimate = try filtered(noisy)
    moved = try filtered(shifted)
  }

  func trial(_ pass: NonLocalBayes, _ context: RunContext) throws -> Trial {
    Trial(
      estimate: try pass.estimate(noisy, guide: estimate, phase: "", context),
      moved: try pass.estimate(shifted, guide: moved, phase: "", context))
  }

  func accept(_ trial: Trial, _ weights: [Float]) {
    estimate.blend(trial.estimate, weights)
    moved.blend(trial.moved, weights)
  }

  /// Estimated mean squared error of the present estimates, in noise variances per place, mean over the components.
  static func risk(_ probes: [Probe]) -> Double {
    var (sum, count) = (0.0, 0)
    for probe in probes {
      for j in 0..<probe.noisy.rank {
        sum += probe.sums(j, nil)[0]
        count += probe.places
      }
    }
    return sum / Double(max(count, 1))
  }

  /// Sums of Stein's estimate for a component, of the present estimate and of what a trial makes of it.
  private func sums(_ j: Int, _ trial: Trial?) -> [Double] {
    var planes = hsi_sure_planes(
      noisy: noisy.plane(j), direction: direction.plane(j), estimate: estimate.plane(j), moved: moved.plane(j),
      next: trial.map { UnsafePointer($0.estimate.plane(j)) },
      next_moved: trial.map { UnsafePointer($0.moved.plane(j)) })
    var sums = [0.0, 0, 0]
    hsi_sure_sums(&planes, Probe.shift, valid, valid.count, &sums)
    return sums
  }

  /// The weight of every component of a pass, and by how much the mean risk falls with them.
  static func weigh(_ probes: [Probe], _ trials: [Trial]) -> (weights: [Float], gain: Double) {
    var (weights, gain): ([Float], Double) = ([], 0)
    let rank = probes.first?.noisy.rank ?? 0
    for j in 0..<rank {
      var (slope, curvature) = (0.0, 0.0)
      for (probe, trial) in zip(probes, trials) {
        let sums = probe.sums(j, trial)
        slope += sums[1]
        curvature += sums[2]
      }
      let weight = curvature > 0 ? min(max(slope / curvature, 0), 1) : 0
      weights.append(Float(weight))
      gain += 2 * weight * slope - weight * weight * curvature
    }
    return (weights, gain / Double(max(1, probes.reduce(0) { $0 + $1.places } * rank)))
  }
}

extension ComponentPlanes {
  /// Moves every component towards another estimate by its weight.
  fileprivate func blend(_ other: ComponentPlanes, _ weights: [Float]) {
    for j in 0..<rank where weights[j] > 0 { hsi_plane_blend(plane(j), other.plane(j), weights[j], count) }
  }

  /// A part of the planes.
  fileprivate func cut(_ window: PixelWindow) -> ComponentPlanes {
    let result = ComponentPlanes(rank: rank, lines: window.lines, samples: window.samples)
    for j in 0..<rank {
      for line in 0..<window.lines {
        (result.plane(j) + line * window.samples).update(
          from: plane(j) + (window.line + line) * samples + window.sample, count: window.samples)
      }
    }
    return result
  }
}
