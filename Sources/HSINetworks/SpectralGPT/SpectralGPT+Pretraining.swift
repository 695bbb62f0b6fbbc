import HSICore
import HSITransformer

extension SpectralGPT: PretrainableNetwork {
  /// That of its images: its tables of places have no other.
  public static func usualSide(_ configuration: SpectralGPTConfiguration) -> Int { configuration.size }

  public static func fixedBands(_ configuration: SpectralGPTConfiguration) -> Int? { configuration.bands }

  public func check(side: Int, bands: Int) throws {
    guard side == configuration.size else {
      throw CoreError.invalidParameter(
        name: "\(option: "side")", value: "\(side)", requirement: "\(configuration.size), the side of the network")
    }
    guard bands >= configuration.bands else {
      throw PretrainingError.tooFewBands(found: bands, needed: configuration.bands)
    }
  }

  public func loss(_ batch: PretrainingBatch, _ random: inout CounterRandom, _ tape: Tape) -> Variable {
    loss(Variable(batch.images), kept: draw(images: batch.images.shape[0], &random), tape)
  }

  public func reconstruction(
    _ batch: PretrainingBatch, _ random: inout CounterRandom
  ) -> (images: Tensor, hidden: Tensor) {
    let shape = batch.images.shape
    let (count, bands, side) = (shape[0], shape[1], shape[2])
    let kept = draw(images: count, &random).map(Set.init)
    let cubes = self(Variable(batch.images), kept: kept.map { $0.sorted() }, Tape(.inference)).value
    let (group, patch) = (configuration.group, configuration.patch)
    let columns = side / patch
    let images = Tensor(uninitialised: shape)
    let hidden = Tensor.zeros(shape)
    for b in 0..<count {
      for c in 0..<bands {
        for line in 0..<side {
          for sample in 0..<side {
            let position = line / patch * columns + sample / patch
            let token = c / group * configuration.positions + position
            let place = ((b * bands + c) * side + line) * side + sample
            guard !kept[b].contains(token) else {
              images.output[place] = batch.images.pointer[place]
              continue
            }
            hidden.output[place] = 1
            let value = (c % group * patch + line % patch) * patch + sample % patch
            images.output[place] = cubes.pointer[(b * configuration.tokens + token) * configuration.area + value]
          }
        }
      }
    }
    return (images, hidden)
  }

  /// About 24 values per channel of a token in each block, forward and back.
  public static func workingBytes(_ configuration: SpectralGPTConfiguration, batch: Int, side: Int, bands: Int) -> Int {
    let inner = configuration.keptTokens * configuration.width * configuration.depth
    let outer = configuration.tokens * configuration.decoderWidth * configuration.decoderDepth
    return .sum(.product(4 * 24, batch, .sum(inner, outer)), .product(16, configuration.parameterCount))
  }
}
