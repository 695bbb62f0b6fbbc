import HSITransformer

/// The network of `PatchCNN`: `[B, K, S, S, 1]` to `[B, classes]`.
package final class CNN3D: ConfiguredNetwork, @unchecked Sendable {
  package struct Configuration: Codable, Equatable, Sendable {
    package var components: Int
    package var side: Int
    package var classes: Int
    package var widths = [16, 32]
    package var hidden = 64

    package init(components: Int, side: Int, classes: Int, widths: [Int] = [16, 32], hidden: Int = 64) {
      (self.components, self.side, self.classes, self.widths, self.hidden) = (components, side, classes, widths, hidden)
    }
  }

  package static func isSensible(_ c: Configuration) -> Bool {
    (1...512).contains(c.components) && (1...65).contains(c.side) && c.side % 2 == 1
      && (1...4096).contains(c.classes) && c.widths.count == 2
      && c.widths.allSatisfy { (1...1024).contains($0) } && (1...4096).contains(c.hidden)
  }
  package static func leastValues(_ c: Configuration) -> Int { 2 * c.components * c.widths[1] * c.hidden + c.hidden * c.classes }
  package static func facts(_ c: Configuration) -> (dimension: Int, side: Int, classes: Int, valuesPerPatch: Int) {
    (c.components, c.side, c.classes, 3 * c.components * c.side * c.side * c.widths[1])
  }

  package let store: ParameterStore
  private let configuration: Configuration
  private let convolutions: [Convolution]
  private let norms: [BatchNorm]
  private let middle: RowMap
  private let hidden: Linear
  private let head: Linear

  package init(_ configuration: Configuration, seed: UInt64) {
    self.configuration = configuration
    store = ParameterStore(seed: seed)
    let root = store.root
    let widths = [1] + configuration.widths
    convolutions = (0..<2).map {
      Convolution(root["conv"][$0], input: widths[$0], output: widths[$0 + 1], depthTaps: 3, bias: true)
    }
    norms = (0..<2).map { BatchNorm(root["norm"][$0], channels: widths[$0 + 1]) }
    let area = configuration.side * configuration.side
    middle = RowMap(inputCount: area, sources: [Int32(area / 2)])
    hidden = Linear(
      root["hidden"], input: 2 * configuration.components * configuration.widths[1], output: configuration.hidden)
    head = Linear(root["head"], input: configuration.hidden, output: configuration.classes)
  }

  package func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, depth, width) = (x.shape[0], configuration.components, configuration.widths[1])
    var h = x
    for (convolution, norm) in zip(convolutions, norms) { h = convolution.normalised(h, norm, tape) }
    let all = mean(h, over: 2..<4, tape)
    let pixel = rearrange(h, middle, width: width, shape: [batch, depth, width], tape)
    let flat = reshape(concatenate([all, pixel], tape), [batch, 2 * depth * width], tape)
    let dropped = Dropout.values(flat, rate: 0.2, tape)
    return head(activation(.silu, hidden(dropped, tape), tape), tape)
  }
}
