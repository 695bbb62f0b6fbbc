import CKernels
import Foundation
import HSICore

/// The alternation of all multiplicative methods: endmembers and channel weights from sums, then one sweep over the
/// pixels that updates abundances and guidance map and leaves the sums of the next round.
struct Factorisation {
  /// M, L × K row-major.
  private(set) var endmembers: [Double]
  /// Channel weights d of the last iteration, for the ℓ2,1 loss over channels.
  private(set) var weights: [Double]?
  /// J before the first and after every iteration.
  private(set) var objective: [Double] = []
  /// True when the tolerance was met.
  private(set) var converged = false

  /// Number of iterations made.
  var iterations: Int { objective.count - 1 }

  /// How long to go on.
  struct Schedule {
    /// Most iterations.
    var iterations: Int
    /// Stop when `J_{t−1} − J_t < tolerance · J_{t−1}`, from the tenth iteration on.
    var tolerance: Double
    /// Phase shown as progress.
    var label: String
    /// Part of the progress display that this run covers.
    var portion: ClosedRange<Double> = 0...1
  }

  /// Runs from endmembers M⁰ (L × K, row-major) and the abundances of `sweep`.
  ///
  /// - Parameter each: called after every iteration with its number and the factorisation so far.
  /// - Throws: `CoreError.cancelled`.
  init(
    _ sweep: any SceneSweep, _ model: SweepModel, endmembers start: [Double], _ schedule: Schedule,
    _ context: RunContext, each: ((Int, Factorisation) -> Void)? = nil
  ) throws {
    let (channels, count) = (sweep.channels, sweep.endmembers)
    endmembers = start
    var epsilon = 0.0
    if case .channels(let value) = model.loss {
      weights = [Double](repeating: 1, count: channels)
      epsilon = value
    }
    var squares = [Double](repeating: 0, count: channels)
    let terms = sweep.begin(model, endmembers)
    residuals(sweep, model, &squares)
    objective.append(model.objective(squares: squares, terms))

    let (low, high) = (schedule.portion.lowerBound, schedule.portion.upperBound)
    for t in 1...max(1, schedule.iterations) where t <= schedule.iterations {
      try context.checkCancellation()
      if model.volume > 0 {
        Factorisation.shrink(&endmembers, sweep.sums, sweep.gram, channels, count, model.volume)
      } else {
        hsi_nmf_update_endmembers(
          channels, count, sweep.sums, sweep.gram, nil, 0, &endmembers, nil)
      }
      if weights != nil {
        residuals(sweep, model, &squares)
        for l in 0..<channels { weights![l] = 1 / (squares[l] + epsilon * epsilon).squareRoot() }
      }
      let terms = sweep.sweep(model, endmembers, weights: weights)
      residuals(sweep, model, &squares)
      let value = model.objective(squares: squares, terms)
      let previous = objective[t - 1]
      objective.append(value)
      each?(t, self)
      context.progress.report(
        phase: schedule.label, fraction: low + (high - low) * Double(t) / Double(schedule.iterations),
        detail: "objective \(Factorisation.text(value))")
      if t >= 10, previous - value < schedule.tolerance * abs(previous) {
        converged = true
        break
      }
    }
    if high >= 1 { context.progress.report(phase: schedule.label, fraction: 1) }
  }

  /// `‖y_l − m_l A‖² + volume·‖m_l C‖²`
  private func residuals(_ sweep: any SceneSweep, _ model: SweepModel, _ squares: inout [Double]) {
    let (channels, count) = (sweep.channels, sweep.endmembers)
    hsi_nmf_row_residuals(channels, count, sweep.sums, sweep.gram, sweep.energy, endmembers, &squares)
    guard model.volume > 0 else { return }
    for l in 0..<channels {
      var (sum, square) = (0.0, 0.0)
      for k in 0..<count {
        sum += endmembers[l * count + k]
        square += endmembers[l * count + k] * endmembers[l * count + k]
      }
      squares[l] += model.volume * max(0, square - sum * sum / Double(count))
    }
  }

  /// `M ← M ∘ (S + μ M 11ᵀ/K) ⊘ (M G + μ M)`: Lee–Seung for the channel's fit plus `μ/2 ‖m_l C‖²`, whose negative
  /// part `−μ/(2K) (Σ m)²` is concave and bounded by its tangent, so the objective cannot rise.
  private static func shrink(
    _ m: inout [Double], _ sums: [Double], _ gram: [Double], _ channels: Int, _ count: Int, _ volume: Double
  ) {
    var row = [Double](repeating: 0, count: count)
    for l in 0..<channels {
      let pull = volume * (0..<count).reduce(0) { $0 + m[l * count + $1] } / Double(count)
      for k in 0..<count {
        let denominator = (0..<count).reduce(volume * m[l * count + k]) {
          $0 + m[l * count + $1] * gram[$1 * count + k]
        }
        row[k] = m[l * count + k] * (sums[l * count + k] + pull) / max(denominator, 1e-30)
      }
      for k in 0..<count { m[l * count + k] = row[k] }
    }
  }

  private static func text(_ value: Double) -> String { String(format: "%.6g", value) }
}
