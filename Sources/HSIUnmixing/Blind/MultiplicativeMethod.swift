import CKernels
import Foundation
import HSICore
import HSINumerics

/// What the multiplicative blind methods share: parameters, scales, the run and its result.
struct MultiplicativeMethod: Sendable {
  /// δ₀ of the soft sum-to-one term, nil = rule.
  var delta0: Double?
  var iterations: Int
  var tolerance: Double

  static let parameters = [
    ParameterDescription(
      "delta0", nil, in: 0...100,
      "weight of the soft sum-to-one term; rule: 0.1 for pixels as they are, 1 for pixels of unit length"),
    ParameterDescription("iterations", 300, in: 1...100_000, "most iterations"),
    ParameterDescription(
      "tolerance", 1e-6, in: 0...1,
      "stop when the objective falls by less than this fraction, from iteration 10 on"),
  ]

  init(_ parameters: MethodParameters) {
    delta0 = parameters["delta0"]
    iterations = Int(parameters.value("iterations"))
    tolerance = parameters.value("tolerance")
  }

  /// δ₀ by the rule of docs/accuracy-unmixing.md: 0.1 for raw pixels, 1 for pixels of unit length.
  func delta0(_ start: BlindStart) -> Double { delta0 ?? (start.unitLength ? 1 : 0.1) }

  /// Bytes beside the scene: the start, the factorisation and the graph (`mapped`: with a guidance map or graph).
  static func workingBytes(pixels: Int, bands: Int, endmembers: Int, pilot: Bool) -> Int {
    // The start holds scores and points in double; the run holds A twice, h three times, edges four times.
    let perPixel = 28 * endmembers + 100
    let scratch = max(
      hsi_gram_scratch_size(pixels, bands), hsi_nmf_sweep_scratch_size(pixels, bands, endmembers))
    let sample = pilot ? min(pixels, DiscrepancyRule.pilotPixels) * (bands * 4 + 60 + 8 * endmembers) : 0
    return pixels * perPixel + 8 * scratch + 40 * bands * bands + sample
  }

  /// The scene without negative values and its start. A scene with negative values is copied.
  static func prepare(
    _ scene: Cube, count: Int, _ start: BlindStart?, _ context: RunContext
  ) throws -> (scene: Cube, start: BlindStart) {
    try RobustStart.check(scene, count: count)
    var scene = scene
    if MultiplicativeMethod.hasNegatives(scene.pixels) {
      let copy = PixelMatrix(rows: scene.pixels.rows, columns: scene.pixels.columns)
      copy.pointer.update(from: scene.pixels.pointer, count: copy.rows * copy.columns)
      RobustStart.clipNegatives(copy)
      scene = Cube(shape: scene.shape, metadata: scene.metadata, pixels: copy, positions: scene.positions)
    }
    let start = try start ?? RobustStart().make(scene, count: count, context)
    guard start.endmembers.rows == count, start.endmembers.columns == scene.shape.bands,
      start.abundances.rows == scene.count
    else {
      throw CoreError.invalidParameter(
        name: "the start", value: "\(start.abundances.rows) pixels and \(start.endmembers.rows) endmembers",
        requirement: "\(scene.count) pixels and \(count) endmembers")
    }
    return (scene, start)
  }

  private static func hasNegatives(_ pixels: PixelMatrix) -> Bool {
    let values = UnsafeBufferPointer(start: pixels.pointer, count: pixels.rows * pixels.columns)
    return values.contains { $0 < 0 }
  }

  /// A finished run: M (L × K), the abundances as they came out (not normalised) and the rest.
  struct Outcome {
    var factorisation: Factorisation
    var abundances: PixelMatrix
    var guidance: [Float]?
    var energy: [Double]
    var squares: [Double]
  }

  /// Runs `model` from `start`.
  func run(
    _ scene: Cube, _ start: BlindStart, _ model: SweepModel, iterations: Int? = nil, label: String,
    largestGuidance: Double = 0, _ context: RunContext
  ) throws -> Outcome {
    let count = start.endmembers.rows
    let abundances = PixelMatrix(rows: scene.count, columns: count)
    abundances.pointer.update(from: start.abundances.pointer, count: scene.count * count)
    var graph: NeighbourGraph?
    var prior: [Float] = []
    var mapped = false
    if case .map(let map) = model.sparsity {
      mapped = true
      prior = start.purity.map { $0 * Float(largestGuidance) }
      if map.learnt { graph = NeighbourGraph(scene, start) }
    }
    if model.graphWeight != 0 { graph = NeighbourGraph(scene, start) }
    let sweep = SingleSweep(scene.pixels, abundances: abundances, prior: prior, graph: graph, for: model)
    let run = try Factorisation(
      sweep, model, endmembers: start.endmembers.transposed.values.map(Double.init),
      Factorisation.Schedule(iterations: iterations ?? self.iterations, tolerance: tolerance, label: label),
      context)
    var squares = [Double](repeating: 0, count: sweep.channels)
    hsi_nmf_row_residuals(
      sweep.channels, count, sweep.sums, sweep.gram, sweep.energy, run.endmembers, &squares)
    return Outcome(
      factorisation: run, abundances: sweep.abundances,
      guidance: mapped ? (0..<scene.count).map { sweep.guidance[$0] } : nil, energy: sweep.energy,
      squares: squares)
  }

  /// The outcome as users get it: abundances divided by their sums, endmembers numbered.
  func result(
    _ scene: Cube, _ start: BlindStart, _ outcome: Outcome, _ model: SweepModel, settings: [String: Double]
  ) -> BlindResult {
    let run = outcome.factorisation
    let count = outcome.abundances.columns
    let brightness = MultiplicativeMethod.normaliseRows(outcome.abundances)
    let bands = scene.shape.bands
    var values = [Double](repeating: 0, count: count * bands)
    for l in 0..<bands { for k in 0..<count { values[k * bands + l] = run.endmembers[l * count + k] } }
    let spectra = SpectralLibrary(
      names: endmemberNames(count), axis: scene.metadata.axis, values: values)
    var prior = 0.0
    if case .map(let map) = model.sparsity {
      prior = map.largest * start.purity.reduce(0.0) { $0 + Double($1) } / Double(max(1, start.purity.count))
    }
    var settings = settings
    settings["iterations"] = Double(run.iterations)
    return BlindResult(
      endmembers: spectra, abundances: outcome.abundances, guidance: outcome.guidance,
      brightness: brightness,
      channelQuality: run.weights.map { _ in
        MultiplicativeMethod.quality(energy: outcome.energy, squares: outcome.squares)
      },
      channelWeights: run.weights,
      pixelSolver: SweepPixelSolver(
        model: model, endmembers: run.endmembers, weights: run.weights, prior: prior),
      objective: run.objective, converged: run.converged, settings: settings)
  }

  /// `min(1, ρ_l / median ρ)` with `ρ_l² = ‖y_l‖²/‖r_l‖²`; 0 for channels that are zero everywhere.
  static func quality(energy: [Double], squares: [Double]) -> [Double] {
    let ratio = zip(energy, squares).map { $0 > 0 ? ($0 / max($1, 1e-14 * $0)).squareRoot() : 0 }
    let median = NeighbourGraph.median(sorted: ratio.filter { $0 > 0 }.sorted())
    return ratio.map { median > 0 ? min(1, $0 / median) : 0 }
  }

  /// Divides every row by its sum and returns the sums. A row of zeros becomes even.
  @discardableResult
  static func normaliseRows(_ abundances: PixelMatrix) -> [Float] {
    let count = abundances.columns
    var sums = [Float](repeating: 0, count: abundances.rows)
    sums.withUnsafeMutableBufferPointer { sums in
      let output = sums
      let values = abundances.pointer
      Parallel.forEachChunk(of: abundances.rows, chunk: 4096) { _, range in
        for n in range {
          let row = values + n * count
          var sum: Float = 0
          for k in 0..<count { sum += row[k] }
          output[n] = sum
          for k in 0..<count { row[k] = sum > 0 ? row[k] / sum : 1 / Float(count) }
        }
      }
    }
    return sums
  }
}

extension NeighbourGraph {
  /// The graph of a start.
  init(_ scene: Cube, _ start: BlindStart) {
    self.init(
      positions: scene.positions, samples: scene.shape.samples, right: start.rightWeight,
      down: start.downWeight)
  }
}

/// The quantities that make parameters independent of the units and size of a scene.
struct BlindScale {
  let channels: Int
  let pixels: Int
  let count: Int
  /// `c_Y = median_l ‖y_l‖`
  let typical: Double
  /// `‖y_l − m_l A‖²` at the start.
  let squares: [Double]
  /// `‖m_l‖²` at the start.
  let endmemberSquares: [Double]
  /// `tr(A Aᵀ)` at the start.
  let abundanceEnergy: Double

  init(_ scene: Cube, _ start: BlindStart) {
    let (channels, count) = (scene.shape.bands, start.endmembers.rows)
    var energy = [Double](repeating: 0, count: channels)
    var scratch = [Double](repeating: 0, count: hsi_channel_sums_scratch_size(scene.count, channels))
    hsi_channel_sums(scene.pixels.pointer, channels, scene.count, channels, nil, nil, &energy, &scratch)
    let (sums, gram) = RobustStart.abundanceSums(scene.pixels, start.abundances)
    var squares = energy
    hsi_nmf_row_residuals(
      channels, count, sums, gram, energy, start.endmembers.transposed.values.map(Double.init), &squares)
    self.channels = channels
    self.count = count
    self.squares = squares
    pixels = scene.count
    typical = NeighbourGraph.median(sorted: energy.map { $0.squareRoot() }.sorted())
    abundanceEnergy = (0..<count).reduce(0) { $0 + gram[$1 * count + $1] }
    endmemberSquares = (0..<channels).map { l in
      (0..<count).reduce(0) { $0 + Double(start.endmembers[$1, l]) * Double(start.endmembers[$1, l]) }
    }
  }

  /// δ of the quadratic loss: `δ₀ Σ_l ‖m_l‖² / K`.
  func softSum(_ delta0: Double) -> Double { delta0 * endmemberSquares.reduce(0, +) / Double(count) }

  /// δ of the ℓ2,1 loss: the same with the channel weights of the start.
  func softSum(_ delta0: Double, epsilon: Double) -> Double {
    delta0
      * zip(endmemberSquares, squares).reduce(0) { $0 + $1.0 / ($1.1 + epsilon * epsilon).squareRoot() }
      / Double(count)
  }
}
