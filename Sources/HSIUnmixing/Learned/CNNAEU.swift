import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// Unmixing by a convolutional autoencoder that is trained on the scene itself, without labels (after CNNAEU).
///
/// `UnmixingAutoencoder` maps every pixel with its eight neighbours to abundances, and those to a spectrum; it is trained to make the angle between that and
/// the pixel small (`AutoencoderTask`), brightness aside. A term λ draws the endmembers to the mean spectrum, as in MiSiCNet, so that the simplex
/// stays no larger than it must. Both start from the common start of all blind methods: the decoder from its endmembers, the softmax from
/// its abundances. Channels that the start leaves out do not count; their endmember values are those of least squares for the abundances.
///
/// Differs from the paper, which draws all weights, has a decoder of 11 × 11, sees all bands and drops features: what was looked at while choosing stands
/// in docs/autoencoder.md. Abundances of all pixels come out of the network with their neighbours; where a scene exceeds the memory budget and a
/// sample of lines is factorised, pixels are solved by weighted FCLS instead.
///
/// The same weights for the same seed, on any number of threads. Cost per step about `6 · side² · (9 D + W + K L / W) · W` flops, D = K + 5 and W = 32.
///
/// Sources: B. Palsson, M. O. Ulfarsson, J. R. Sveinsson, IEEE TGRS 59(1), 2021; B. Rasti et al., IEEE TGRS 60, 2022 (MiSiCNet).
///
/// ```swift
/// let fit = try BlindUnmixing.factorise(source, CNNAEU(), count: 4, unitLength: nil, RunContext(seed: 1))
/// ```
public struct CNNAEU: BlindUnmixer {
  public static let description = MethodDescription(
    id: "cnnaeu", name: "Convolutional autoencoder (after CNNAEU)", task: .blind,
    citation:
      "B. Palsson, M. O. Ulfarsson and J. R. Sveinsson, Convolutional autoencoder for spectral-spatial hyperspectral unmixing, IEEE TGRS 59(1), "
      + "2021; geometrical term and skip of B. Rasti et al., MiSiCNet, IEEE TGRS 60, 2022; start and input by hsi",
    cost: "12000·iterations·(300·(K + 5) + K·L)",
    advice:
      "Scenes whose neighbouring pixels are alike and whose brightness varies; a network trained on the scene itself, without labels.",
    parameters: [
      ParameterDescription("iterations", 600, in: 1...100_000, "updates of the weights"),
      ParameterDescription("rate", 3e-3, in: 1e-6...0.1, "learning rate at the start; a half cosine leads to 0"),
      ParameterDescription(
        "volume", 0.03, in: 0...100, "weight λ of the distance of the endmembers from the mean spectrum"),
      ParameterDescription("side", 48, in: 4...512, "lines and samples of the square of an update"),
      ParameterDescription(
        "tolerance", 0, in: 0...1,
        "stop when the loss falls by less than this fraction in a twentieth of the iterations; 0 for never"),
    ])

  private let iterations: Int
  private let rate: Double
  private let volume: Double
  private let side: Int
  private let tolerance: Double

  public init(_ parameters: MethodParameters) throws {
    iterations = Int(clamping: parameters.value("iterations"))
    rate = parameters.value("rate")
    volume = parameters.value("volume")
    side = Int(clamping: parameters.value("side"))
    tolerance = parameters.value("tolerance")
  }

  /// Side of the squares in which all pixels are solved at the end: fixed, so that results do not depend on memory.
  private static let solvedSide = 64
  private static let width = 32

  private static func components(bands: Int, count: Int) -> Int { min(bands, count + 5) }

  public func workingBytes(pixels: Int, bands: Int, endmembers: Int) -> Int {
    let components = CNNAEU.components(bands: bands, count: endmembers)
    // Scores in double and single precision, prior, rows and places.
    let own = Int.product(pixels, .sum(.product(12, components), .product(8, endmembers), 16))
    // A square: values of the layers, kept for the way back and their gradients, spectra three times.
    let values = Int.sum(.product(6, components), 6 * CNNAEU.width, .product(8, endmembers), .product(4, bands))
    let area = max(side * side, (CNNAEU.solvedSide + 2) * (CNNAEU.solvedSide + 2))
    let square = Int.product(8, area, values)
    let weights = Int.product(24, bands, endmembers)
    return .sum(
      MultiplicativeMethod.workingBytes(pixels: pixels, bands: bands, endmembers: endmembers, pilot: false), own,
      square,
      weights, .product(48, bands, bands))
  }

  public func unmix(_ scene: Cube, count: Int, start: BlindStart?, _ context: RunContext) throws -> BlindResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    defer { BufferPool.current.trim() }
    let (scene, start) = try MultiplicativeMethod.prepare(scene, count: count, start, context)
    let bands = scene.shape.bands
    let (scores, facts) = try CNNAEU.scores(scene.pixels, start, count: count)
    try context.checkCancellation()
    let tiles = SceneTiles(
      scene, scores: scores, components: facts.components, prior: start.abundances.values.map { log(max($0, 1e-6)) },
      count: count)
    let network = UnmixingAutoencoder(
      .init(components: facts.components, bands: bands, endmembers: count, width: CNNAEU.width), seed: context.seed)
    network.endmembers.set(Tensor([bands, count], start.endmembers.transposed.values))
    let task = AutoencoderTask(
      network, tiles, pixels: scene.count, kept: facts.kept, mean: facts.mean, rms: facts.rms, floor: 1e-6 * facts.rms,
      AutoencoderTask.Settings(
        steps: iterations, side: side, volume: volume, rate: rate, tolerance: tolerance, seed: context.seed))
    task.keepAboveFloor()
    let before = network.store.parameters.map { $0.value.copy() }
    var objective = [task.loss()]
    let outcome = try Trainer(task).run(context)
    // After every update: the lowest loss that a check has found.
    for point in outcome.record.curve {
      let last = objective[objective.count - 1]
      objective += Array(repeating: last, count: max(0, point.step - objective.count))
      objective.append(min(last, point.score.map { -$0 } ?? .infinity))
    }
    // The network ends with the weights of the best check, or those of the start where no check was better.
    if outcome.record.best.map({ -$0 > objective[0] }) ?? true {
      for (parameter, value) in zip(network.store.parameters, before) { parameter.set(value) }
    }
    task.keepAboveFloor()
    let abundances = try CNNAEU.abundances(network, tiles, pixels: scene.count, context)
    let endmembers = try CNNAEU.endmembers(network, scene.pixels, abundances, kept: facts.kept, floor: 1e-6 * facts.rms)
    return BlindResult(
      endmembers: SpectralLibrary(names: endmemberNames(count), axis: scene.metadata.axis, values: endmembers),
      abundances: abundances, channelWeights: facts.kept.map { $0 ? 1 : 0 }, objective: objective,
      converged: CNNAEU.isSteady(objective),
      settings: [
        "iterations": Double(objective.count - 1), "rate": rate, "volume": volume, "side": Double(side),
        "components": Double(facts.components),
      ])
  }

  /// Whether the last twentieth of the updates brought less than a thousandth of the loss: what more updates could still bring.
  static func isSteady(_ objective: [Double]) -> Bool {
    guard let last = objective.last else { return true }
    let before = objective[max(0, objective.count - 1 - max(1, objective.count / 20))]
    return before - last <= 1e-3 * before
  }

  /// What the network is told of a scene.
  private struct Facts {
    /// Values of a pixel.
    var components: Int
    /// Channels that count.
    var kept: [Bool]
    /// Mean spectrum, 0 in the others.
    var mean: [Double]
    /// Root-mean-square value over the channels that count.
    var rms: Double
  }

  /// The leading scores of every pixel divided by their length, less their mean, over their deviation (at least a twentieth of the largest one):
  /// N × components. Brightness is no part of them.
  private static func scores(_ pixels: PixelMatrix, _ start: BlindStart, count: Int) throws -> ([Float], Facts) {
    let bands = pixels.columns
    let correlation = RobustStart.correlation(pixels)
    let good = (0..<bands).filter { start.keptChannels[$0] && correlation[$0, $0] > 0 }
    let components = components(bands: good.count, count: count)
    var values = try RobustStart.scores(pixels, correlation, good, components)
    var kept = [Bool](repeating: false, count: bands)
    for l in good { kept[l] = true }
    var mean = RobustStart.mean(pixels)
    for l in 0..<bands where !kept[l] { mean[l] = 0 }
    let power = good.reduce(0.0) { $0 + correlation[$1, $1] } / Double(good.count)
    let rows = pixels.rows
    var (sums, squares) = ([Double](repeating: 0, count: components), [Double](repeating: 0, count: components))
    for n in 0..<rows {
      let range = n * components..<(n + 1) * components
      let length = values[range].reduce(0) { $0 + $1 * $1 }.squareRoot()
      for (d, i) in range.enumerated() {
        values[i] = length > 0 ? values[i] / length : 0
        sums[d] += values[i] / Double(rows)
        squares[d] += values[i] * values[i] / Double(rows)
      }
    }
    let deviations = (0..<components).map { max(0, squares[$0] - sums[$0] * sums[$0]).squareRoot() }
    let least = max(0.05 * (deviations.max() ?? 0), 1e-12)
    let factors = deviations.map { 1 / max($0, least) }
    var result = [Float](repeating: 0, count: rows * components)
    for n in 0..<rows {
      for d in 0..<components {
        result[n * components + d] = Float((values[n * components + d] - sums[d]) * factors[d])
      }
    }
    return (result, Facts(components: components, kept: kept, mean: mean, rms: max(power, 1e-60).squareRoot()))
  }

  /// The abundances of all pixels, N × K, square by square; a square sees one pixel beyond its edges.
  private static func abundances(
    _ network: UnmixingAutoencoder, _ tiles: SceneTiles, pixels: Int, _ context: RunContext
  ) throws -> PixelMatrix {
    let count = network.configuration.endmembers
    let result = PixelMatrix(rows: pixels, columns: count)
    for tile in tiles.squares(of: solvedSide) {
      try context.checkCancellation()
      let wide = tiles.widened(tile)
      let (scores, prior) = tiles.input(wide)
      let found = network.abundances(Variable(scores), prior: prior, Tape(.inference)).value
      let (places, rows, _) = tiles.valid(tile)
      for (place, n) in zip(places, rows) {
        let (line, sample) = (Int(place) / tile.samples, Int(place) % tile.samples)
        let own = (line + tile.line - wide.line) * wide.samples + sample + tile.sample - wide.sample
        (result.pointer + n * count).update(from: found.pointer + own * count, count: count)
      }
    }
    _ = MultiplicativeMethod.normaliseRows(result)
    return result
  }

  /// K × L: the decoder's weights, and least squares for the channels that did not count.
  private static func endmembers(
    _ network: UnmixingAutoencoder, _ pixels: PixelMatrix, _ abundances: PixelMatrix, kept: [Bool], floor: Double
  ) throws -> [Double] {
    let (bands, count) = (pixels.columns, abundances.columns)
    let learnt = network.endmembers.value
    let fitted = kept.contains(false) ? try RobustStart.leastSquaresEndmembers(pixels, abundances) : nil
    var values = [Double](repeating: 0, count: count * bands)
    for k in 0..<count {
      for l in 0..<bands {
        let value = kept[l] ? Double(learnt.pointer[l * count + k]) : fitted.map { $0[l, k] } ?? 0
        values[k * bands + l] = max(value, floor)
      }
    }
    return values
  }
}
