import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// What `CNNAEU` learns: the pixels of a scene through abundances.
///
///     loss = mean over pixels of angle(y, M a) + ½ λ · mean over bands of Σ_k (m_k − c)² / r²
///
/// on a square of the scene about a pixel that seed and step draw; c is the mean spectrum, r the root-mean-square value of the pixels. Endmembers
/// are kept above a floor before every pass.
final class AutoencoderTask: TrainingTask {
  /// The knobs of the training.
  struct Settings {
    /// Updates.
    var steps: Int
    /// Side of a square.
    var side: Int
    /// λ.
    var volume: Double
    /// Rate of the encoder at the start; the endmembers learn `endmemberRate` times as fast. A half cosine leads to 0.
    var rate: Double
    var endmemberRate = 0.3
    /// A check with less progress than this part of the loss ends the training; 0 for never.
    var tolerance: Double
    /// Draws of squares.
    var seed: UInt64
  }

  let name = "autoencoder"
  let plan: TrainingPlan
  /// Nothing is saved.
  let settings = ""
  var store: ParameterStore { network.store }

  private let network: UnmixingAutoencoder
  private let tiles: SceneTiles
  private let knobs: Settings
  private let pixels: Int
  /// Weights of the bands, 1 or 0.
  private let weights: Tensor
  /// c in every column, bands × K.
  private let centre: Tensor
  /// 1 in the bands that count, else 0, bands × K.
  private let counted: Tensor
  private let factor: Float
  private let floor: Float
  /// Squares that are judged.
  private let judged: [SceneTiles.Tile]
  private var best = Double.infinity

  /// - Parameters:
  ///   - kept: bands that count.
  ///   - mean: mean spectrum, 0 in the others.
  ///   - rms: root-mean-square value of the pixels over the bands that count.
  init(
    _ network: UnmixingAutoencoder, _ tiles: SceneTiles, pixels: Int, kept: [Bool], mean: [Double], rms: Double,
    floor: Double, _ knobs: Settings
  ) {
    (self.network, self.tiles, self.knobs, self.pixels) = (network, tiles, knobs, pixels)
    let count = network.configuration.endmembers
    weights = Tensor([kept.count], kept.map { $0 ? 1 : 0 })
    centre = Tensor(
      [kept.count, count], mean.flatMap { [Float](repeating: Float($0), count: count) })
    counted = Tensor([kept.count, count], kept.flatMap { [Float](repeating: $0 ? 1 : 0, count: count) })
    // `meanSquaredError` divides by all values, those of the bands left out and of every endmember included.
    let used = max(1, kept.count(where: { $0 }))
    factor = Float(0.5 * knobs.volume * Double(kept.count * count) / (Double(used) * rms * rms))
    self.floor = Float(floor)
    judged = tiles.squares(of: knobs.side, limit: 8)
    var plan = TrainingPlan(epochs: 1, batches: knobs.steps, evaluation: .batches(max(1, knobs.steps / 20)))
    plan.keepsBest = true
    plan.patience = knobs.tolerance > 0 ? 1 : nil
    self.plan = plan
  }

  func makeOptimiser() -> Optimiser {
    let schedule = LearningRateSchedule.cosine(rate: knobs.rate, floor: 0, warmUp: 0, end: 1)
    return Optimiser(
      .adam(),
      [
        Optimiser.Group("encoder", network.encoderParameters, schedule: schedule),
        Optimiser.Group("endmembers", [network.endmembers], schedule: schedule, rateFactor: knobs.endmemberRate),
      ])
  }

  func loss(of batch: TrainingBatch, _ context: RunContext) throws -> TrainingLoss {
    keepAboveFloor()
    var random = CounterRandom(seed: knobs.seed, stream: 0xAE_0000_0000 + UInt64(batch.step))
    let tape = Tape(.training, seed: knobs.seed, stream: UInt64(batch.step))
    let tile = tiles.square(of: knobs.side, about: random.index(below: pixels))
    return TrainingLoss(tape.add(angle(tile, tape).loss, volume(tape)), on: tape)
  }

  func score(_ context: RunContext) throws -> TrainingScore? {
    keepAboveFloor()
    let found = loss()
    guard found < best * (1 - knobs.tolerance) else { return TrainingScore(-.infinity) }
    best = found
    return TrainingScore(-found)
  }

  func text(_ score: Double) -> String { String(format: "loss %.5f", -score) }

  /// The loss over the squares that are judged.
  func loss() -> Double {
    let tape = Tape(.inference)
    var (sum, count) = (0.0, 0)
    for tile in judged {
      let part = angle(tile, tape)
      sum += Double(part.loss.value.scalar) * Double(part.pixels)
      count += part.pixels
    }
    return sum / Double(max(1, count)) + Double(volume(tape).value.scalar)
  }

  /// Endmembers at or above the floor.
  func keepAboveFloor() {
    let floor = floor
    network.endmembers.update { values in for i in values.indices { values[i] = max(values[i], floor) } }
  }

  private func angle(_ tile: SceneTiles.Tile, _ tape: Tape) -> (loss: Variable, pixels: Int) {
    let (scores, prior) = tiles.input(tile)
    let (places, rows, isFull) = tiles.valid(tile)
    var abundances = network.abundances(Variable(scores), prior: prior, tape)
    let count = network.configuration.endmembers
    if isFull {
      abundances = tape.reshape(abundances, [rows.count, count])
    } else {
      let map = RowMap(inputCount: tile.lines * tile.samples, sources: places)
      abundances = tape.rearrange(abundances, map, width: count, shape: [rows.count, count])
    }
    return (
      tape.spectralAngleLoss(network.spectra(abundances, tape), tiles.spectra(rows), weights: weights), rows.count
    )
  }

  private func volume(_ tape: Tape) -> Variable {
    let endmembers = tape.multiply(tape.variable(network.endmembers), Variable(counted))
    return tape.scale(tape.meanSquaredError(endmembers, centre), by: factor)
  }
}
