import HSICore
import HSITransformer

extension LESSAutoencoder: PretrainableNetwork {
  /// Eight patches on either side of a window, and 16 pixels at the least.
  public static func usualSide(_ configuration: LESSAutoencoderConfiguration) -> Int {
    max(8 * configuration.encoder.patch, 16)
  }

  public func check(side: Int, bands: Int) throws {
    let patch = configuration.encoder.patch
    guard side >= 2 * patch, side % patch == 0 else {
      throw CoreError.invalidParameter(
        name: "\(option: "side")", value: "\(side)", requirement: "a multiple of \(patch) from \(2 * patch) on")
    }
    try LESSMask.check(
      bands: bands, positions: side / patch * (side / patch), bandRatio: configuration.channelMaskRatio,
      positionRatio: configuration.maskRatio)
  }

  public func loss(_ batch: PretrainingBatch, _ random: inout CounterRandom, _ tape: Tape) -> Variable {
    let input = LESSInput(batch)
    return loss(input, draw(for: input, &random), tape)
  }

  public func reconstruction(_ batch: PretrainingBatch, _ random: inout CounterRandom) -> (
    images: Tensor, hidden: Tensor
  ) {
    let input = LESSInput(batch)
    let mask = draw(for: input, &random)
    let tape = Tape(.inference)
    let side = configuration.encoder.patch
    let patches = self(input, mask, tape).value
    let shape = batch.images.shape
    let (count, bands, lines, samples) = (shape[0], shape[1], shape[2], shape[3])
    let (rows, columns) = (lines / side, samples / side)
    let images = Tensor(uninitialised: shape)
    let hidden = Tensor.zeros(shape)
    let (hiddenBands, hiddenPlaces) = (mask.hiddenBands, mask.hiddenPositions)
    for b in 0..<count {
      for c in 0..<bands {
        for n in 0..<(rows * columns) {
          let isHidden = hiddenBands.pointer[b * bands + c] > 0 || hiddenPlaces.pointer[b * rows * columns + n] > 0
          for k in 0..<(side * side) {
            let (line, sample) = (n / columns * side + k / side, n % columns * side + k % side)
            let place = ((b * bands + c) * lines + line) * samples + sample
            hidden.output[place] = isHidden ? 1 : 0
            images.output[place] =
              isHidden
              ? patches.pointer[((b * bands + c) * rows * columns + n) * side * side + k] : batch.images.pointer[place]
          }
        }
      }
    }
    return (images, hidden)
  }

  /// About 40 values per channel of a visible token in each block, forward and back, and the grid of the decoder.
  public static func workingBytes(_ configuration: LESSAutoencoderConfiguration, batch: Int, side: Int, bands: Int)
    -> Int
  {
    let encoder = configuration.encoder
    let positions = side / encoder.patch * (side / encoder.patch)
    let keptBands = LESSMask.keptBands(of: bands, ratio: configuration.channelMaskRatio)
    let keptPositions = LESSMask.keptPositions(of: positions, ratio: configuration.maskRatio)
    let inner = Int.product(keptBands + 1, keptPositions + 1, encoder.width, encoder.depth)
    let outer = Int.product(bands + 1, positions + 1, configuration.decoderWidth, configuration.decoderDepth)
    return .sum(.product(4 * 24, batch, .sum(inner, outer)), .product(16, configuration.parameterCount))
  }
}

extension LESSInput {
  /// A batch of pre-training.
  init(_ batch: PretrainingBatch) {
    self.init(Variable(batch.images), wavelengths: batch.wavelengths.map(Float.init), resolution: batch.resolution)
  }
}
