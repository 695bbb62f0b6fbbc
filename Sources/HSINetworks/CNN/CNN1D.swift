import HSITransformer

/// The network of `SpectralCNN`: `[B, bands, 1, 1, 1]` to `[B, classes]`.
package final class CNN1D: ConfiguredNetwork, @unchecked Sendable {
  package struct Configuration: Codable, Equatable, Sendable {
    package var bands: Int
    package var classes: Int
    package var widths = [16, 32]
    package var hidden = 64

    package init(bands: Int, classes: Int, widths: [Int] = [16, 32], hidden: Int = 64) {
      (self.bands, self.classes, self.widths, self.hidden) = (bands, classes, widths, hidden)
    }

    /// Bands that are averaged after each convolution.
    package var pooling: Int { bands >= 64 ? 4 : bands >= 8 ? 2 : 1 }
    package var flattened: Int { bands / pooling / pooling * widths[1] }
  }

  package static func isSensible(_ c: Configuration) -> Bool {
    (1...100_000).contains(c.bands) && (1...4096).contains(c.classes) && c.widths.count == 2
      && c.widths.allSatisfy { (1...1024).contains($0) } && (1...4096).contains(c.hidden)
  }
  package static func leastValues(_ c: Configuration) -> Int { c.flattened * c.hidden + c.hidden * c.classes }
  package static func facts(_ c: Configuration) -> (dimension: Int, side: Int, classes: Int, valuesPerPatch: Int) {
    (c.bands, 1, c.classes, 3 * c.bands * c.widths[1])
  }

  package let store: ParameterStore
  private let configuration: Configuration
  private let convolutions: [Convolution]
  private let norms: [BatchNorm]
  private let hidden: Linear
  private let head: Linear

  package init(_ configuration: Configuration, seed: UInt64) {
    self.configuration = configuration
    store = ParameterStore(seed: seed)
    let root = store.root
    let widths = [1] + configuration.widths
    convolutions = (0..<2).map {
      Convolution(root["conv"][$0], input: widths[$0], output: widths[$0 + 1], depthTaps: 7, planeTaps: 1, bias: true)
    }
    norms = (0..<2).map { BatchNorm(root["norm"][$0], channels: widths[$0 + 1]) }
    hidden = Linear(root["hidden"], input: configuration.flattened, output: configuration.hidden)
    head = Linear(root["head"], input: configuration.hidden, output: configuration.classes)
  }

  package func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    var h = x
    for (convolution, norm) in zip(convolutions, norms) { h = pooled(convolution.normalised(h, norm, tape), tape) }
    let flat = Dropout.values(reshape(h, [x.shape[0], configuration.flattened], tape), rate: 0.2, tape)
    return head(activation(.silu, hidden(flat, tape), tape), tape)
  }

  /// Means over groups of bands; what is left over at the end is dropped.
  private func pooled(_ x: Variable, _ tape: Tape) -> Variable {
    let (batch, bands, width, group) = (x.shape[0], x.shape[1], x.shape[4], configuration.pooling)
    guard group > 1 else { return x }
    let count = bands / group
    let map = RowMap(inputCount: bands, sources: (0..<Int32(count * group)).map { $0 })
    let groups = rearrange(x, map, width: width, shape: [batch, count, group, width], tape)
    return reshape(mean(groups, over: 2..<3, tape), [batch, count, 1, 1, width], tape)
  }
}
